//===- NormalizationOps.cpp - Normalisations, caps, softmax ---------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Broadcast.h"
#include "Evaluation.h"

#include <cmath>

using namespace mlir;

namespace lipt::reference {

/// (x - mean) / sqrt(variance + epsilon) of consecutive rows of `width`
/// entries; with `centred` false the mean counts as 0.
template <typename T>
static void normalizeRows(std::span<const T> from, std::span<T> to,
                          int64_t width, bool centred, double epsilon) {
  for (size_t begin = 0; begin < from.size(); begin += width) {
    double mean = 0, square = 0;
    if (centred)
      for (int64_t i = 0; i < width; ++i)
        mean += from[begin + i];
    mean /= static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i) {
      double deviation = from[begin + i] - mean;
      square += deviation * deviation;
    }
    double root = std::sqrt(square / static_cast<double>(width) + epsilon);
    for (int64_t i = 0; i < width; ++i)
      to[begin + i] = static_cast<T>((from[begin + i] - mean) / root);
  }
}

/// x * gain + bias, both optional and broadcast to x.
static LogicalResult scaleAndShift(Evaluation &e, Tensor &x, const Tensor *gain,
                                   const Tensor *bias) {
  for (const Tensor *tensor : {gain, bias})
    if (tensor &&
        (!canBroadcast(tensor->getShape(), x.getShape()) || !tensor->isFloat()))
      return e.emitError() << "has a gain or bias that does not fit its input";
  return e.withReal([&]<typename T>(T) {
    auto to = x.values<T>();
    auto apply = [&](const Tensor *tensor, auto combine) {
      if (!tensor)
        return;
      auto from = tensor->values<T>();
      std::array<Shape, 1> strides = {
          broadcastStrides(tensor->getShape(), x.getShape())};
      forEachIndex(x.getShape(), strides, [&](int64_t i, auto &offsets) {
        to[i] = combine(to[i], from[offsets[0]]);
      });
    };
    apply(gain, [](T a, T b) { return a * b; });
    apply(bias, [](T a, T b) { return a + b; });
    return success();
  });
}

/// The same for groups of the entries that share their indices of all axes but
/// these.
template <typename T>
static void normalizeGroupsOf(std::span<const T> from, std::span<T> to,
                              const Shape &shape, ArrayRef<int64_t> axes,
                              bool centred, double epsilon) {
  Shape kept = shape;
  double width = 1;
  for (int64_t axis : axes) {
    width *= static_cast<double>(shape[axis]);
    kept[axis] = 1;
  }
  std::vector<double> means(*countElements(kept), 0.0);
  std::vector<double> squares(means.size(), 0.0);
  std::array<Shape, 1> strides = {broadcastStrides(kept, shape)};
  if (centred)
    forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
      means[offsets[0]] += from[i] / width;
    });
  forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
    double deviation = from[i] - means[offsets[0]];
    squares[offsets[0]] += deviation * deviation / width;
  });
  forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
    to[i] = static_cast<T>((from[i] - means[offsets[0]]) /
                           std::sqrt(squares[offsets[0]] + epsilon));
  });
}

/// Layer and RMS normalisation over the axes from `axis` on, or `axes`.
static LogicalResult normalizeLayer(Evaluation &e, int64_t axis,
                                    std::optional<ArrayRef<int64_t>> axes,
                                    bool centred, double epsilon,
                                    const Tensor *gain, const Tensor *bias) {
  const Tensor &input = e.getOperand(0);
  std::optional<int64_t> first = normalizeAxis(e, axis, input.getRank());
  Tensor *result = first ? e.makeResult(input.getShape()) : nullptr;
  if (!result)
    return failure();
  int64_t width = 1;
  for (int64_t i = *first; i < input.getRank(); ++i)
    width *= input.getShape()[i];
  LogicalResult done = e.withReal([&]<typename T>(T) {
    if (axes)
      normalizeGroupsOf(input.values<T>(), result->values<T>(),
                        input.getShape(), *axes, centred, epsilon);
    else
      normalizeRows(input.values<T>(), result->values<T>(), width, centred,
                    epsilon);
    return success();
  });
  return failed(done) ? done : scaleAndShift(e, *result, gain, bias);
}

/// Groups of consecutive channels; gain and bias per channel, or per group as
/// ONNX had it first.
static LogicalResult normalizeGroups(GroupNormOp op, Evaluation &e) {
  const Tensor &input = e[op.getInput()];
  int64_t groups = op.getGroups();
  if (input.getRank() < 2 || groups < 1 || input.getShape()[1] % groups)
    return op.emitOpError("has groups that do not divide its channels");
  Tensor *result = e.makeResult(input.getShape());
  if (!result)
    return failure();
  int64_t channels = input.getShape()[1], perGroup = channels / groups;
  AxisView view(input.getShape(), 1);
  const Tensor *gain = e.find(op.getGain()), *bias = e.find(op.getBias());
  for (const Tensor *tensor : {gain, bias})
    if (tensor &&
        (tensor->getRank() != 1 || (tensor->getShape()[0] != channels &&
                                    tensor->getShape()[0] != groups)))
      return op.emitOpError(
          "has a gain or bias that does not fit its channels");
  return e.withReal([&]<typename T>(T) {
    auto to = result->values<T>();
    normalizeRows(input.values<T>(), to, perGroup * view.inner, true,
                  op.getEpsilon().convertToDouble());
    auto at = [&](const Tensor *tensor, int64_t channel) -> T {
      bool perChannel = tensor->getShape()[0] == channels;
      return tensor->values<T>()[perChannel ? channel : channel / perGroup];
    };
    for (int64_t row = 0; row < view.outer * channels; ++row)
      for (int64_t i = 0; i < view.inner; ++i) {
        T &entry = to[row * view.inner + i];
        if (gain)
          entry *= at(gain, row % channels);
        if (bias)
          entry += at(bias, row % channels);
      }
    return success();
  });
}

static LogicalResult normalizeBatch(BatchNormOp op, Evaluation &e) {
  const Tensor &input = e[op.getInput()];
  if (input.getRank() < 1)
    return op.emitOpError("needs an input with channels");
  // A vector counts as one channel's batch, as ONNX has it.
  int64_t channels = input.getRank() > 1 ? input.getShape()[1] : 1;
  for (Value operand : op->getOperands().drop_front())
    if (e[operand].getShape() != Shape{channels})
      return op.emitOpError("has parameters that do not fit its channels");
  Tensor *result = e.makeResult(input.getShape());
  if (!result)
    return failure();
  int64_t inner = input.getRank() > 1 ? AxisView(input.getShape(), 1).inner : 1;
  return e.withReal([&]<typename T>(T) {
    auto scale = e[op.getScale()].values<T>(),
         bias = e[op.getBias()].values<T>(), mean = e[op.getMean()].values<T>(),
         variance = e[op.getVariance()].values<T>();
    auto from = input.values<T>();
    auto to = result->values<T>();
    T epsilon = op.getEpsilon().convertToFloat();
    for (size_t i = 0; i < to.size(); ++i) {
      int64_t c = static_cast<int64_t>(i) / inner % channels;
      to[i] =
          scale[c] * (from[i] - mean[c]) / std::sqrt(variance[c] + epsilon) +
          bias[c];
    }
    return success();
  });
}

/// x over its Lp norm along an axis; where that is 0, the result is 0.
static LogicalResult normalizeLp(LpNormOp op, Evaluation &e) {
  const Tensor &input = e[op.getInput()];
  std::optional<int64_t> axis = normalizeAxis(e, op.getAxis(), input.getRank());
  Tensor *result = axis ? e.makeResult(input.getShape()) : nullptr;
  if (!result)
    return failure();
  if (op.getP() != 1 && op.getP() != 2)
    return op.emitOpError("needs p = 1 or 2");
  AxisView view(input.getShape(), *axis);
  return e.withReal([&]<typename T>(T) {
    auto from = input.values<T>();
    auto to = result->values<T>();
    for (int64_t row = 0; row < view.outer * view.inner; ++row) {
      int64_t begin =
          row / view.inner * view.size * view.inner + row % view.inner;
      double sum = 0;
      for (int64_t i = 0; i < view.size; ++i) {
        double entry = from[begin + i * view.inner];
        sum += op.getP() == 1 ? std::abs(entry) : entry * entry;
      }
      double norm = op.getP() == 1 ? sum : std::sqrt(sum);
      for (int64_t i = 0; i < view.size; ++i)
        to[begin + i * view.inner] =
            norm == 0 ? T(0)
                      : static_cast<T>(from[begin + i * view.inner] / norm);
    }
    return success();
  });
}

/// x * min(1, radius / RMS(x)) over the last axis.
static LogicalResult capRms(RmsCapOp op, Evaluation &e) {
  const Tensor &input = e[op.getInput()];
  Tensor *result = e.makeResult(input.getShape());
  if (!result)
    return failure();
  if (input.getRank() < 1)
    return op.emitOpError("needs a last axis");
  int64_t width = input.getShape().back();
  double radius = op.getRadius().convertToDouble();
  return e.withReal([&]<typename T>(T) {
    auto from = input.values<T>();
    auto to = result->values<T>();
    for (size_t begin = 0; begin < to.size(); begin += width) {
      double square = 0;
      for (int64_t i = 0; i < width; ++i)
        square += static_cast<double>(from[begin + i]) * from[begin + i];
      double rms = std::sqrt(square / static_cast<double>(width));
      double factor = rms > radius ? radius / rms : 1.0;
      for (int64_t i = 0; i < width; ++i)
        to[begin + i] = static_cast<T>(from[begin + i] * factor);
    }
    return success();
  });
}

/// exp(x - max) / sum, or its logarithm, along an axis (or, flattened, along
/// all axes from it on).
static LogicalResult softmax(Evaluation &e, int64_t stated, bool flatten,
                             bool logarithm) {
  const Tensor &input = e.getOperand(0);
  Tensor *result = e.makeResult(input.getShape());
  if (!result)
    return failure();
  Shape shape = input.getShape();
  std::optional<int64_t> axis = 0;
  if (flatten) {
    // Opsets below 13 see a matrix; its axis may be the rank itself.
    int64_t cut = stated < 0 ? stated + input.getRank() : stated;
    if (cut < 0 || cut > input.getRank())
      return e.emitError() << "has an axis outside of its input";
    Shape matrix = {1, 1};
    for (int64_t i = 0; i < input.getRank(); ++i)
      matrix[i < cut ? 0 : 1] *= shape[i];
    shape = matrix;
    axis = 1;
  } else if (shape.empty()) {
    shape = {1};
  } else {
    axis = normalizeAxis(e, stated, input.getRank());
  }
  if (!axis)
    return failure();
  AxisView view(shape, *axis);
  return e.withReal([&]<typename T>(T) {
    auto from = input.values<T>();
    auto to = result->values<T>();
    for (int64_t row = 0; view.size && row < view.outer * view.inner; ++row) {
      int64_t begin =
          row / view.inner * view.size * view.inner + row % view.inner;
      T largest = -std::numeric_limits<T>::infinity();
      for (int64_t i = 0; i < view.size; ++i)
        largest = std::max(largest, from[begin + i * view.inner]);
      double sum = 0;
      for (int64_t i = 0; i < view.size; ++i)
        sum += std::exp(static_cast<double>(from[begin + i * view.inner]) -
                        largest);
      for (int64_t i = 0; i < view.size; ++i) {
        double shifted =
            static_cast<double>(from[begin + i * view.inner]) - largest;
        to[begin + i * view.inner] = static_cast<T>(
            logarithm ? shifted - std::log(sum) : std::exp(shifted) / sum);
      }
    }
    return success();
  });
}

void addNormalizationKernels(KernelTable &table) {
  table.add<BatchNormOp>(normalizeBatch);
  table.add<LayerNormOp>([](LayerNormOp op, Evaluation &e) {
    return normalizeLayer(e, op.getAxis(), op.getAxes(), true,
                          op.getEpsilon().convertToDouble(),
                          e.find(op.getGain()), e.find(op.getBias()));
  });
  table.add<RmsNormOp>([](RmsNormOp op, Evaluation &e) {
    return normalizeLayer(e, op.getAxis(), op.getAxes(), false,
                          op.getEpsilon().convertToDouble(),
                          e.find(op.getGain()), nullptr);
  });
  table.add<GroupNormOp>(normalizeGroups);
  table.add<LpNormOp>(normalizeLp);
  table.add<RmsCapOp>(capRms);
  table.add<SoftmaxOp>([](SoftmaxOp op, Evaluation &e) {
    return softmax(e, op.getAxis(), op.getFlatten(), false);
  });
  table.add<LogSoftmaxOp>([](LogSoftmaxOp op, Evaluation &e) {
    return softmax(e, op.getAxis(), op.getFlatten(), true);
  });
}

} // namespace lipt::reference
