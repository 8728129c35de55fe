//===- NormalizationOps.cpp - Derivatives of normalisations ---------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Broadcast.h"
#include "Pullback.h"

#include <cmath>

using namespace mlir;

namespace lipt::reference {

/// Adds the pulled-back cotangent of z = (x - mean) / root of rows of `width`
/// entries: (g - mean(g) - z mean(g z)) / root, without mean(g) if the rows are
/// not centred.
static void pullRows(std::span<const double> x, std::span<const double> g,
                     std::span<double> to, int64_t width, bool centred,
                     double epsilon) {
  double n = static_cast<double>(width);
  for (size_t begin = 0; begin < x.size(); begin += width) {
    double mean = 0, square = 0, meanG = 0, meanGz = 0;
    for (int64_t i = 0; i < width; ++i) {
      mean += centred ? x[begin + i] / n : 0;
      meanG += centred ? g[begin + i] / n : 0;
    }
    for (int64_t i = 0; i < width; ++i)
      square += (x[begin + i] - mean) * (x[begin + i] - mean);
    double root = std::sqrt(square / n + epsilon);
    for (int64_t i = 0; i < width; ++i)
      meanGz += g[begin + i] * (x[begin + i] - mean) / root / n;
    for (int64_t i = 0; i < width; ++i) {
      double z = (x[begin + i] - mean) / root;
      to[begin + i] += (g[begin + i] - meanG - z * meanGz) / root;
    }
  }
}

/// The places of the entries, group by group of those that share their indices
/// of all axes but these.
static std::vector<int64_t>
orderByGroup(const Shape &shape, ArrayRef<int64_t> axes, int64_t width) {
  Shape kept = shape;
  for (int64_t axis : axes)
    kept[axis] = 1;
  std::vector<int64_t> order(*countElements(shape));
  std::vector<int64_t> filled(*countElements(kept), 0);
  std::array<Shape, 1> strides = {broadcastStrides(kept, shape)};
  forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
    order[offsets[0] * width + filled[offsets[0]]++] = i;
  });
  return order;
}

/// Layer and RMS normalisation with a constant gain, over the axes from `axis`
/// on or over `axes`.
static bool pullLayer(Pullback &p, Value input, Value gain, Value bias,
                      int64_t axis, std::optional<ArrayRef<int64_t>> axes,
                      double epsilon, bool centred) {
  auto to = p.add(input);
  if (!p.add(gain).empty() || !p.add(bias).empty())
    return false;
  const Shape &shape = p[input].getShape();
  auto from = p.cotangent();
  std::vector<double> scaled(from.begin(), from.end());
  if (gain) {
    auto factors = p.values(gain);
    std::array<Shape, 1> strides = {
        broadcastStrides(p[gain].getShape(), shape)};
    forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
      scaled[i] *= factors[offsets[0]];
    });
  }
  if (to.empty())
    return true;
  int64_t width = 1;
  if (!axes) {
    for (size_t i = axis < 0 ? axis + shape.size() : axis; i < shape.size();
         ++i)
      width *= shape[i];
    pullRows(p.values(input), scaled, to, width, centred, epsilon);
    return true;
  }
  for (int64_t normalized : *axes)
    width *= shape[normalized];
  std::vector<int64_t> order = orderByGroup(shape, *axes, width);
  std::vector<double> x(order.size()), g(order.size()), sums(order.size());
  auto entries = p.values(input);
  for (size_t i = 0; i < order.size(); ++i) {
    x[i] = entries[order[i]];
    g[i] = scaled[order[i]];
  }
  pullRows(x, g, sums, width, centred, epsilon);
  for (size_t i = 0; i < order.size(); ++i)
    to[order[i]] += sums[i];
  return true;
}

static bool pullGroups(GroupNormOp op, Pullback &p) {
  auto to = p.add(op.getInput());
  if (!p.add(op.getGain()).empty() || !p.add(op.getBias()).empty())
    return false;
  if (to.empty())
    return true;
  const Shape &shape = p[op.getInput()].getShape();
  AxisView view(shape, 1);
  int64_t perGroup = view.size / static_cast<int64_t>(op.getGroups());
  auto from = p.cotangent();
  std::vector<double> scaled(from.begin(), from.end());
  if (op.getGain()) {
    auto gain = p.values(op.getGain());
    bool perChannel = static_cast<int64_t>(gain.size()) == view.size;
    for (size_t i = 0; i < scaled.size(); ++i) {
      int64_t channel = static_cast<int64_t>(i) / view.inner % view.size;
      scaled[i] *= gain[perChannel ? channel : channel / perGroup];
    }
  }
  pullRows(p.values(op.getInput()), scaled, to, perGroup * view.inner, true,
           op.getEpsilon().convertToDouble());
  return true;
}

static bool pullBatch(BatchNormOp op, Pullback &p) {
  for (Value operand : op->getOperands().drop_front())
    if (!p.add(operand).empty())
      return false;
  auto to = p.add(op.getInput());
  auto from = p.cotangent();
  const Shape &shape = p[op.getInput()].getShape();
  int64_t inner = shape.size() > 1 ? AxisView(shape, 1).inner : 1;
  auto scale = p.values(op.getScale()), variance = p.values(op.getVariance());
  double epsilon = op.getEpsilon().convertToDouble();
  for (size_t i = 0; i < to.size(); ++i) {
    int64_t c =
        static_cast<int64_t>(i) / inner % static_cast<int64_t>(scale.size());
    to[i] += from[i] * scale[c] / std::sqrt(variance[c] + epsilon);
  }
  return true;
}

/// Calls `pull(x, y, g, to)` with accessors for the entries of each row along
/// an axis.
template <typename Pull>
static bool pullAlongAxis(Pullback &p, Value input, const AxisView &view,
                          Pull pull) {
  auto to = p.add(input);
  if (to.empty())
    return true;
  auto x = p.values(input), y = p.getResult().values<double>();
  auto g = p.cotangent();
  for (int64_t row = 0; row < view.outer * view.inner; ++row) {
    int64_t begin =
        row / view.inner * view.size * view.inner + row % view.inner;
    auto at = [&](int64_t i) { return begin + i * view.inner; };
    pull(
        view.size, [&](int64_t i) { return x[at(i)]; },
        [&](int64_t i) { return y[at(i)]; },
        [&](int64_t i) { return g[at(i)]; },
        [&](int64_t i) -> double & { return to[at(i)]; });
  }
  return true;
}

/// The axis of a softmax: with `flatten`, all from the stated one on.
static AxisView softmaxView(const Shape &shape, int64_t axis, bool flatten) {
  int64_t rank = shape.size();
  axis += axis < 0 ? rank : 0;
  if (!flatten)
    return rank ? AxisView(shape, axis) : AxisView({1}, 0);
  Shape matrix = {1, 1};
  for (int64_t i = 0; i < rank; ++i)
    matrix[i < axis ? 0 : 1] *= shape[i];
  return AxisView(matrix, 1);
}

static bool pullSoftmax(SoftmaxOp op, Pullback &p) {
  AxisView view =
      softmaxView(p.getResult().getShape(), op.getAxis(), op.getFlatten());
  return pullAlongAxis(p, op.getInput(), view,
                       [](int64_t size, auto, auto y, auto g, auto to) {
                         double mean = 0;
                         for (int64_t i = 0; i < size; ++i)
                           mean += y(i) * g(i);
                         for (int64_t i = 0; i < size; ++i)
                           to(i) += y(i) * (g(i) - mean);
                       });
}

static bool pullLogSoftmax(LogSoftmaxOp op, Pullback &p) {
  AxisView view =
      softmaxView(p.getResult().getShape(), op.getAxis(), op.getFlatten());
  return pullAlongAxis(p, op.getInput(), view,
                       [](int64_t size, auto, auto y, auto g, auto to) {
                         double sum = 0;
                         for (int64_t i = 0; i < size; ++i)
                           sum += g(i);
                         for (int64_t i = 0; i < size; ++i)
                           to(i) += g(i) - std::exp(y(i)) * sum;
                       });
}

/// y = x / ‖x‖: (g - direction Σ g y) / ‖x‖, with the norm's own derivative.
static bool pullLpNorm(LpNormOp op, Pullback &p) {
  const Shape &shape = p.getResult().getShape();
  int64_t axis = op.getAxis();
  axis += axis < 0 ? static_cast<int64_t>(shape.size()) : 0;
  bool taxicab = op.getP() == 1;
  return pullAlongAxis(p, op.getInput(), AxisView(shape, axis),
                       [=](int64_t size, auto x, auto y, auto g, auto to) {
                         double norm = 0, sum = 0;
                         for (int64_t i = 0; i < size; ++i) {
                           norm += taxicab ? std::abs(x(i)) : x(i) * x(i);
                           sum += g(i) * y(i);
                         }
                         norm = taxicab ? norm : std::sqrt(norm);
                         for (int64_t i = 0; i < size && norm > 0; ++i) {
                           double slope =
                               taxicab ? std::copysign(1.0, x(i)) : y(i);
                           to(i) += (g(i) - slope * sum) / norm;
                         }
                       });
}

static bool pullCap(RmsCapOp op, Pullback &p) {
  const Shape &shape = p.getResult().getShape();
  double radius = op.getRadius().convertToDouble();
  return pullAlongAxis(
      p, op.getInput(), AxisView(shape, shape.size() - 1),
      [=](int64_t size, auto x, auto, auto g, auto to) {
        double square = 0, along = 0;
        for (int64_t i = 0; i < size; ++i) {
          square += x(i) * x(i);
          along += g(i) * x(i);
        }
        double rms = std::sqrt(square / static_cast<double>(size));
        for (int64_t i = 0; i < size; ++i)
          to(i) += rms > radius ? radius / rms * (g(i) - x(i) * along / square)
                                : g(i);
      });
}

void addNormalizationPullbacks(PullbackTable &table) {
  table.add<LayerNormOp>([](LayerNormOp op, Pullback &p) {
    return pullLayer(p, op.getInput(), op.getGain(), op.getBias(), op.getAxis(),
                     op.getAxes(), op.getEpsilon().convertToDouble(), true);
  });
  table.add<RmsNormOp>([](RmsNormOp op, Pullback &p) {
    return pullLayer(p, op.getInput(), op.getGain(), Value(), op.getAxis(),
                     op.getAxes(), op.getEpsilon().convertToDouble(), false);
  });
  table.add<GroupNormOp>(pullGroups);
  table.add<BatchNormOp>(pullBatch);
  table.add<SoftmaxOp>(pullSoftmax);
  table.add<LogSoftmaxOp>(pullLogSoftmax);
  table.add<LpNormOp>(pullLpNorm);
  table.add<RmsCapOp>(pullCap);
}

} // namespace lipt::reference
