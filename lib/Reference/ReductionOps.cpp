//===- ReductionOps.cpp - Reductions and scans ----------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reduction.h"

#include "Broadcast.h"
#include "Evaluation.h"

#include <cmath>

using namespace mlir;

namespace lipt::reference {

std::optional<ReductionShape> reductionShapeOf(ReduceOp op,
                                               const Shape &input) {
  int64_t rank = input.size();
  std::vector<bool> reduced(rank, false);
  for (int64_t axis : op.getAxes()) {
    if (axis < -rank || axis >= rank)
      return std::nullopt;
    reduced[axis < 0 ? axis + rank : axis] = true;
  }
  ReductionShape shape;
  shape.kept = input;
  for (int64_t i = 0; i < rank; ++i) {
    if (reduced[i]) {
      shape.kept[i] = 1;
      shape.count *= input[i];
    }
    if (!reduced[i] || op.getKeepDims())
      shape.result.push_back(shape.kept[i]);
  }
  shape.strides = broadcastStrides(shape.kept, input);
  return shape;
}

namespace {
/// What a reduction starts from, how it takes an entry in, and what it does to
/// the total. Floating point is accumulated in double.
template <typename A> struct Accumulator {
  ReductionKind kind;

  A start() const {
    switch (kind) {
    case ReductionKind::Max:
      return std::numeric_limits<A>::has_infinity
                 ? -std::numeric_limits<A>::infinity()
                 : std::numeric_limits<A>::lowest();
    case ReductionKind::Min:
      return std::numeric_limits<A>::has_infinity
                 ? std::numeric_limits<A>::infinity()
                 : std::numeric_limits<A>::max();
    case ReductionKind::Prod:
      return 1;
    default:
      return 0;
    }
  }

  A take(A total, A entry) const {
    switch (kind) {
    case ReductionKind::Max:
      return entry > total || entry != entry ? entry : total;
    case ReductionKind::Min:
      return entry < total || entry != entry ? entry : total;
    case ReductionKind::Prod:
      return multiply(total, entry);
    case ReductionKind::L1:
      return add(total, entry < 0 ? multiply(A(-1), entry) : entry);
    case ReductionKind::L2:
    case ReductionKind::SumSquare:
      return add(total, multiply(entry, entry));
    case ReductionKind::LogSumExp:
      return add(total, static_cast<A>(std::exp(static_cast<double>(entry))));
    default:
      return add(total, entry);
    }
  }

  A finish(A total, int64_t count) const {
    switch (kind) {
    case ReductionKind::Mean:
      if constexpr (std::is_integral_v<A>)
        return count ? total / count : 0;
      else
        return total / static_cast<A>(count);
    case ReductionKind::L2:
      return static_cast<A>(std::sqrt(static_cast<double>(total)));
    case ReductionKind::LogSum:
    case ReductionKind::LogSumExp:
      return static_cast<A>(std::log(static_cast<double>(total)));
    default:
      return total;
    }
  }

private:
  /// Integers wrap around.
  static A add(A a, A b) {
    if constexpr (std::is_integral_v<A>)
      return static_cast<A>(static_cast<uint64_t>(a) +
                            static_cast<uint64_t>(b));
    else
      return a + b;
  }
  static A multiply(A a, A b) {
    if constexpr (std::is_integral_v<A>)
      return static_cast<A>(static_cast<uint64_t>(a) *
                            static_cast<uint64_t>(b));
    else
      return a * b;
  }
};
} // namespace

/// Largest entry of each group, to shift a log-sum-exp by.
template <typename T>
static std::vector<double> shiftsOf(const ReductionShape &shape,
                                    const Shape &input,
                                    std::span<const T> from) {
  std::vector<double> shifts(*countElements(shape.kept),
                             -std::numeric_limits<double>::infinity());
  std::array<Shape, 1> strides = {shape.strides};
  forEachIndex(input, strides, [&](int64_t i, auto &offsets) {
    shifts[offsets[0]] =
        std::max(shifts[offsets[0]], static_cast<double>(from[i]));
  });
  for (double &shift : shifts)
    if (!std::isfinite(shift))
      shift = 0;
  return shifts;
}

static LogicalResult reduce(ReduceOp op, Evaluation &e) {
  const Tensor &input = e[op.getInput()];
  std::optional<ReductionShape> shape = reductionShapeOf(op, input.getShape());
  if (!shape)
    return op.emitOpError("has axes outside of its operand");
  Tensor *result = e.makeResult(shape->result);
  if (!result)
    return failure();
  std::array<Shape, 1> strides = {shape->strides};
  input.visit([&]<typename T>(std::span<const T> from) {
    using A = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
    Accumulator<A> accumulator{op.getKind()};
    std::vector<A> totals(*countElements(shape->kept), accumulator.start());
    std::vector<double> shifts(totals.size(), 0.0);
    if (std::is_floating_point_v<T> && op.getKind() == ReductionKind::LogSumExp)
      shifts = shiftsOf(*shape, input.getShape(), from);
    forEachIndex(input.getShape(), strides, [&](int64_t i, auto &offsets) {
      A entry = static_cast<A>(from[i]);
      if constexpr (std::is_floating_point_v<T>)
        entry -= shifts[offsets[0]];
      totals[offsets[0]] = accumulator.take(totals[offsets[0]], entry);
    });
    auto to = result->values<T>();
    for (size_t i = 0; i < to.size(); ++i) {
      A total = accumulator.finish(totals[i], shape->count);
      if constexpr (std::is_floating_point_v<T>)
        total += shifts[i];
      to[i] = static_cast<T>(total);
    }
  });
  return success();
}

static LogicalResult runningSum(CumSumOp op, Evaluation &e) {
  const Tensor &input = e[op.getInput()];
  std::optional<int64_t> axis = normalizeAxis(e, op.getAxis(), input.getRank());
  Tensor *result = axis ? e.makeResult(input.getShape()) : nullptr;
  if (!result)
    return failure();
  AxisView view(input.getShape(), *axis);
  input.visit([&]<typename T>(std::span<const T> from) {
    auto to = result->values<T>();
    using A = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;
    for (int64_t row = 0; row < view.outer * view.inner; ++row) {
      int64_t begin =
          row / view.inner * view.size * view.inner + row % view.inner;
      A sum = 0;
      for (int64_t i = 0; i < view.size; ++i) {
        int64_t step = op.getReverse() ? view.size - 1 - i : i;
        int64_t at = begin + step * view.inner;
        if (op.getExclusive())
          to[at] = static_cast<T>(sum);
        sum += static_cast<A>(from[at]);
        if (!op.getExclusive())
          to[at] = static_cast<T>(sum);
      }
    }
  });
  return success();
}

static LogicalResult keepTriangle(TriluOp op, Evaluation &e) {
  const Tensor &input = e[op.getInput()];
  if (input.getRank() < 2)
    return op.emitOpError("needs an operand of rank 2 or more");
  Tensor *result = e.makeResult(input.getShape());
  if (!result)
    return failure();
  int64_t k = op.getK(), columns = input.getShape().back();
  int64_t rows = input.getShape()[input.getRank() - 2];
  input.visit([&]<typename T>(std::span<const T> from) {
    auto to = result->values<T>();
    for (int64_t i = 0; i < static_cast<int64_t>(to.size()); ++i) {
      int64_t diagonal = i % columns - i / columns % rows;
      bool kept = op.getUpper() ? diagonal >= k : diagonal <= k;
      to[i] = kept ? from[i] : T(0);
    }
  });
  return success();
}

void addReductionKernels(KernelTable &table) {
  table.add<ReduceOp>(reduce);
  table.add<CumSumOp>(runningSum);
  table.add<TriluOp>(keepTriangle);
}

} // namespace lipt::reference
