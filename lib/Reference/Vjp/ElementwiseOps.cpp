//===- ElementwiseOps.cpp - Derivatives of functions of several tensors ---===//
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

/// `slopes(a, b)` are the derivatives by both operands.
template <typename Slopes>
static bool pullPairs(Pullback &p, Value lhs, Value rhs, Slopes slopes) {
  auto toLeft = p.add(lhs), toRight = p.add(rhs);
  auto from = p.cotangent();
  if (!p[lhs].isFloat() || !p[rhs].isFloat())
    return false;
  auto left = p.values(lhs), right = p.values(rhs);
  const Shape &shape = p.getResult().getShape();
  std::array<Shape, 2> strides = {broadcastStrides(p[lhs].getShape(), shape),
                                  broadcastStrides(p[rhs].getShape(), shape)};
  forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
    if (from[i] == 0)
      return;
    auto [byLeft, byRight] = slopes(left[offsets[0]], right[offsets[1]]);
    if (!toLeft.empty())
      toLeft[offsets[0]] += from[i] * byLeft;
    if (!toRight.empty())
      toRight[offsets[1]] += from[i] * byRight;
  });
  return true;
}

template <typename Op, typename Slopes>
static void addPair(PullbackTable &table, Slopes slopes) {
  table.add<Op>([slopes](Op op, Pullback &p) {
    return pullPairs(p, op.getLhs(), op.getRhs(), slopes);
  });
}

using Pair = std::pair<double, double>;

template <typename Op> static void addSum(PullbackTable &table, bool mean) {
  table.add<Op>([mean](Op op, Pullback &p) {
    auto from = p.cotangent();
    const Shape &shape = p.getResult().getShape();
    double divisor = mean ? static_cast<double>(op.getInputs().size()) : 1.0;
    for (Value input : op.getInputs()) {
      auto to = p.add(input);
      std::array<Shape, 1> strides = {
          broadcastStrides(p[input].getShape(), shape)};
      if (!to.empty())
        forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
          to[offsets[0]] += from[i] / divisor;
        });
    }
    return true;
  });
}

static bool pullWhere(WhereOp op, Pullback &p) {
  auto from = p.cotangent();
  auto onTrue = p.add(op.getOnTrue()), onFalse = p.add(op.getOnFalse());
  auto chosen = p[op.getCondition()].values<uint8_t>();
  const Shape &shape = p.getResult().getShape();
  std::array<Shape, 3> strides = {
      broadcastStrides(p[op.getCondition()].getShape(), shape),
      broadcastStrides(p[op.getOnTrue()].getShape(), shape),
      broadcastStrides(p[op.getOnFalse()].getShape(), shape)};
  forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
    if (chosen[offsets[0]]) {
      if (!onTrue.empty())
        onTrue[offsets[1]] += from[i];
    } else if (!onFalse.empty()) {
      onFalse[offsets[2]] += from[i];
    }
  });
  return true;
}

void addElementwisePullbacks(PullbackTable &table) {
  addPair<AddOp>(table, [](double, double) { return Pair(1, 1); });
  addPair<SubOp>(table, [](double, double) { return Pair(1, -1); });
  addPair<MulOp>(table, [](double a, double b) { return Pair(b, a); });
  addPair<DivOp>(table,
                 [](double a, double b) { return Pair(1 / b, -a / (b * b)); });
  addPair<MinimumOp>(table, [](double a, double b) {
    return a < b ? Pair(1, 0) : Pair(0, 1);
  });
  addPair<MaximumOp>(table, [](double a, double b) {
    return a > b ? Pair(1, 0) : Pair(0, 1);
  });
  addPair<PowOp>(table, [](double a, double b) {
    double power = std::pow(a, b);
    return Pair(b == 0 ? 0 : b * std::pow(a, b - 1),
                a > 0 ? power * std::log(a) : 0.0);
  });
  // Between its jumps a remainder moves with the dividend.
  addPair<ModOp>(
      table, [](double a, double b) { return Pair(1, -std::trunc(a / b)); });
  table.add<WhereOp>(pullWhere);
  addSum<SumOp>(table, false);
  addSum<MeanOp>(table, true);
  table.add<CastOp>([](CastOp op, Pullback &p) {
    auto to = p.add(op.getInput());
    auto from = p.cotangent();
    for (size_t i = 0; i < to.size(); ++i)
      to[i] += from[i];
    return true;
  });
}

} // namespace lipt::reference
