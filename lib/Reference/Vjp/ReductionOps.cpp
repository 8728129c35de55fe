//===- ReductionOps.cpp - Derivatives of reductions and scans -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Reduction.h"

#include "../Broadcast.h"
#include "Pullback.h"

#include <cmath>

using namespace mlir;

namespace lipt::reference {

/// The derivative of a group's result y by its entry x.
static double slope(ReductionKind kind, double x, double y, double count) {
  switch (kind) {
  case ReductionKind::Sum:
    return 1;
  case ReductionKind::Mean:
    return 1 / count;
  case ReductionKind::L1:
    return std::copysign(1.0, x);
  case ReductionKind::L2:
    return y > 0 ? x / y : 0;
  case ReductionKind::SumSquare:
    return 2 * x;
  case ReductionKind::LogSumExp:
    return std::exp(x - y);
  case ReductionKind::LogSum:
    return std::exp(-y);
  case ReductionKind::Prod:
    return x != 0 ? y / x : 0;
  case ReductionKind::Max:
  case ReductionKind::Min:
    return x == y;
  }
  return 0;
}

static bool pullReduce(ReduceOp op, Pullback &p) {
  auto to = p.add(op.getInput());
  const Shape &input = p[op.getInput()].getShape();
  std::optional<ReductionShape> shape = reductionShapeOf(op, input);
  if (!shape)
    return false;
  if (to.empty())
    return true;
  auto x = p.values(op.getInput()), y = p.getResult().values<double>();
  auto from = p.cotangent();
  bool picksOne =
      op.getKind() == ReductionKind::Max || op.getKind() == ReductionKind::Min;
  std::vector<bool> picked(from.size(), false);
  std::array<Shape, 1> strides = {shape->strides};
  forEachIndex(input, strides, [&](int64_t i, auto &offsets) {
    int64_t group = offsets[0];
    double factor =
        slope(op.getKind(), x[i], y[group], static_cast<double>(shape->count));
    if (picksOne) { // of equal largest entries the first
      if (factor == 0 || picked[group])
        return;
      picked[group] = true;
    }
    to[i] += from[group] * factor;
  });
  return true;
}

/// The transpose of a running sum runs the other way.
static bool pullRunningSum(CumSumOp op, Pullback &p) {
  auto to = p.add(op.getInput());
  if (to.empty())
    return true;
  auto from = p.cotangent();
  const Shape &shape = p.getResult().getShape();
  int64_t axis = op.getAxis();
  axis += axis < 0 ? static_cast<int64_t>(shape.size()) : 0;
  AxisView view(shape, axis);
  for (int64_t row = 0; row < view.outer * view.inner; ++row) {
    int64_t begin =
        row / view.inner * view.size * view.inner + row % view.inner;
    double sum = 0;
    for (int64_t i = 0; i < view.size; ++i) {
      int64_t step = op.getReverse() ? i : view.size - 1 - i;
      int64_t at = begin + step * view.inner;
      if (!op.getExclusive())
        sum += from[at];
      to[at] += sum;
      if (op.getExclusive())
        sum += from[at];
    }
  }
  return true;
}

static bool pullTriangle(TriluOp op, Pullback &p) {
  auto to = p.add(op.getInput());
  auto from = p.cotangent();
  const Shape &shape = p.getResult().getShape();
  int64_t k = op.getK(), columns = shape.back(), rows = shape[shape.size() - 2];
  for (int64_t i = 0; i < static_cast<int64_t>(to.size()); ++i) {
    int64_t diagonal = i % columns - i / columns % rows;
    if (op.getUpper() ? diagonal >= k : diagonal <= k)
      to[i] += from[i];
  }
  return true;
}

void addReductionPullbacks(PullbackTable &table) {
  table.add<ReduceOp>(pullReduce);
  table.add<CumSumOp>(pullRunningSum);
  table.add<TriluOp>(pullTriangle);
}

} // namespace lipt::reference
