//===- ElementwiseOps.cpp - Entrywise functions of several tensors --------===//
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

/// Applies `function(lhs, rhs) -> R` entrywise. Both operands must have one
/// storage; R is the storage of the result.
template <typename Function>
static LogicalResult mapPairs(Evaluation &e, Function function) {
  const Tensor &lhs = e.getOperand(0), &rhs = e.getOperand(1);
  std::optional<Shape> shape = broadcastShapes(lhs.getShape(), rhs.getShape());
  if (!shape)
    return e.emitError() << "has operands that do not broadcast";
  if (lhs.getType() != rhs.getType())
    return e.emitError() << "has operands of different element types";
  Tensor *result = e.makeResult(*shape);
  if (!result)
    return failure();
  std::array<Shape, 2> strides = {broadcastStrides(lhs.getShape(), *shape),
                                  broadcastStrides(rhs.getShape(), *shape)};
  lhs.visit([&]<typename T>(std::span<const T> left) {
    auto right = rhs.values<T>();
    using R = decltype(function(T(), T()));
    auto to = result->values<R>();
    forEachIndex(*shape, strides, [&](int64_t i, auto &offsets) {
      to[i] = function(left[offsets[0]], right[offsets[1]]);
    });
  });
  return success();
}

/// Integer arithmetic wraps; `function` sees unsigned numbers for it.
template <typename Function> static auto wrapping(Function function) {
  return [function]<typename T>(T a, T b) -> T {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(
          function(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
    else
      return function(a, b);
  };
}

/// True for a predicate that must read its int64 operands as unsigned.
static bool isUnsigned64(Evaluation &e) {
  return e.getOperand(0).getType() == ElementType::UInt64;
}

/// Applies an order predicate or selection to numbers as their type orders
/// them.
template <typename Function>
static LogicalResult mapOrdered(Evaluation &e, Function function) {
  if (!isUnsigned64(e))
    return mapPairs(e, function);
  return mapPairs(e, [&]<typename T>(T a, T b) {
    using R = decltype(function(a, b));
    if constexpr (std::is_same_v<T, int64_t>)
      return static_cast<R>(
          function(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
    else
      return function(a, b);
  });
}

template <typename Op, typename Function>
static void addComparison(KernelTable &table, Function function) {
  table.add<Op>([function](Op, Evaluation &e) {
    return mapOrdered(
        e, [&](auto a, auto b) -> uint8_t { return function(a, b); });
  });
}

template <typename Op, typename Function>
static void addLogic(KernelTable &table, Function function) {
  table.add<Op>([function](Op op, Evaluation &e) {
    // On integers the operation is bitwise, on i1 logical: the same function.
    if (e.getOperand(0).isFloat())
      return LogicalResult(op.emitOpError("is not defined on floating point"));
    return mapPairs(e, [&]<typename T>(T a, T b) -> T {
      return static_cast<T>(
          function(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
    });
  });
}

/// Division of integers truncates; by zero it has no value.
static LogicalResult divide(DivOp op, Evaluation &e) {
  const Tensor &divisor = e[op.getRhs()];
  if (!divisor.isFloat())
    for (int64_t i = 0; i < divisor.getElementCount(); ++i)
      if (divisor.getAsInteger(i) == 0)
        return op.emitOpError("divides an integer by zero");
  return mapOrdered(e, []<typename T>(T a, T b) -> T {
    if constexpr (std::is_signed_v<T> && std::is_integral_v<T>)
      if (b == -1) // -2^63 / -1 wraps
        return static_cast<T>(-static_cast<uint64_t>(a));
    return a / b;
  });
}

/// Remainder with the divisor's sign, or with the dividend's (`fmod`).
static LogicalResult remainder(ModOp op, Evaluation &e) {
  const Tensor &divisor = e[op.getRhs()];
  if (!divisor.isFloat())
    for (int64_t i = 0; i < divisor.getElementCount(); ++i)
      if (divisor.getAsInteger(i) == 0)
        return op.emitOpError("divides an integer by zero");
  bool likeDividend = op.getFmod();
  return mapOrdered(e, [=]<typename T>(T a, T b) -> T {
    T rest;
    if constexpr (std::is_floating_point_v<T>)
      rest = std::fmod(a, b);
    else if (std::is_signed_v<T> && b == T(-1))
      rest = 0; // -2^63 % -1 would trap
    else
      rest = a % b;
    if (!likeDividend && rest != 0 && (rest < 0) != (b < 0))
      rest += b;
    return rest;
  });
}

/// base^exponent of integers, wrapping; a negative exponent truncates 1/base^n.
static int64_t integerPower(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1)
      result *= factor;
    factor *= factor;
  }
  return static_cast<int64_t>(result);
}

/// Base and exponent may have different types; the result has the base's.
static LogicalResult power(PowOp op, Evaluation &e) {
  const Tensor &base = e[op.getLhs()], &exponent = e[op.getRhs()];
  if (base.getType() == exponent.getType())
    return mapPairs(e, []<typename T>(T a, T b) -> T {
      if constexpr (std::is_floating_point_v<T>)
        return std::pow(a, b);
      else
        return static_cast<T>(integerPower(a, b));
    });
  std::optional<Shape> shape =
      broadcastShapes(base.getShape(), exponent.getShape());
  if (!shape)
    return op.emitOpError("has operands that do not broadcast");
  Tensor *result = e.makeResult(*shape);
  if (!result)
    return failure();
  std::array<Shape, 2> strides = {
      broadcastStrides(base.getShape(), *shape),
      broadcastStrides(exponent.getShape(), *shape)};
  forEachIndex(*shape, strides, [&](int64_t i, auto &offsets) {
    result->set(i, std::pow(base.getAsDouble(offsets[0]),
                            exponent.getAsDouble(offsets[1])));
  });
  return success();
}

static LogicalResult select(WhereOp op, Evaluation &e) {
  const Tensor &condition = e[op.getCondition()], &onTrue = e[op.getOnTrue()],
               &onFalse = e[op.getOnFalse()];
  std::optional<Shape> shape =
      broadcastShapes(onTrue.getShape(), onFalse.getShape());
  if (shape)
    shape = broadcastShapes(*shape, condition.getShape());
  if (!shape)
    return op.emitOpError("has operands that do not broadcast");
  if (condition.getType() != ElementType::Bool ||
      onTrue.getType() != onFalse.getType())
    return op.emitOpError("needs an i1 condition and choices of one type");
  Tensor *result = e.makeResult(*shape);
  if (!result)
    return failure();
  std::array<Shape, 3> strides = {
      broadcastStrides(condition.getShape(), *shape),
      broadcastStrides(onTrue.getShape(), *shape),
      broadcastStrides(onFalse.getShape(), *shape)};
  auto chosen = condition.values<uint8_t>();
  onTrue.visit([&]<typename T>(std::span<const T> yes) {
    auto no = onFalse.values<T>();
    auto to = result->values<T>();
    forEachIndex(*shape, strides, [&](int64_t i, auto &offsets) {
      to[i] = chosen[offsets[0]] ? yes[offsets[1]] : no[offsets[2]];
    });
  });
  return success();
}

/// Sum of any number of operands, over `divisor`.
static LogicalResult addAll(Evaluation &e, size_t divisor) {
  std::optional<Shape> shape = Shape();
  for (const Tensor *operand : e.getOperands())
    if (shape)
      shape = broadcastShapes(*shape, operand->getShape());
  if (!shape || e.getOperands().empty())
    return e.emitError() << "has operands that do not broadcast";
  Tensor *result = e.makeResult(*shape);
  if (!result)
    return failure();
  return e.withReal([&]<typename T>(T) -> LogicalResult {
    for (const Tensor *operand : e.getOperands())
      if (!operand->isFloat())
        return e.emitError() << "is defined for floating point only";
    auto to = result->values<T>();
    for (const Tensor *operand : e.getOperands()) {
      auto from = operand->values<T>();
      std::array<Shape, 1> strides = {
          broadcastStrides(operand->getShape(), *shape)};
      forEachIndex(*shape, strides, [&](int64_t i, auto &offsets) {
        to[i] += from[offsets[0]];
      });
    }
    for (T &entry : to)
      entry /= static_cast<T>(divisor);
    return success();
  });
}

void addElementwiseKernels(KernelTable &table) {
  table.add<AddOp>([](AddOp, Evaluation &e) {
    return mapPairs(e, wrapping([](auto a, auto b) { return a + b; }));
  });
  table.add<SubOp>([](SubOp, Evaluation &e) {
    return mapPairs(e, wrapping([](auto a, auto b) { return a - b; }));
  });
  table.add<MulOp>([](MulOp, Evaluation &e) {
    return mapPairs(e, wrapping([](auto a, auto b) { return a * b; }));
  });
  table.add<DivOp>(divide);
  table.add<ModOp>(remainder);
  table.add<PowOp>(power);
  // As numpy: a NaN on either side stays.
  table.add<MinimumOp>([](MinimumOp, Evaluation &e) {
    return mapOrdered(
        e, []<typename T>(T a, T b) -> T { return a != a || a < b ? a : b; });
  });
  table.add<MaximumOp>([](MaximumOp, Evaluation &e) {
    return mapOrdered(
        e, []<typename T>(T a, T b) -> T { return a != a || a > b ? a : b; });
  });
  addLogic<AndOp>(table, [](uint64_t a, uint64_t b) { return a & b; });
  addLogic<OrOp>(table, [](uint64_t a, uint64_t b) { return a | b; });
  addLogic<XorOp>(table, [](uint64_t a, uint64_t b) { return a ^ b; });
  addComparison<EqualOp>(table, [](auto a, auto b) { return a == b; });
  addComparison<LessOp>(table, [](auto a, auto b) { return a < b; });
  addComparison<LessOrEqualOp>(table, [](auto a, auto b) { return a <= b; });
  addComparison<GreaterOp>(table, [](auto a, auto b) { return a > b; });
  addComparison<GreaterOrEqualOp>(table, [](auto a, auto b) { return a >= b; });
  table.add<WhereOp>(select);
  table.add<SumOp>([](SumOp, Evaluation &e) { return addAll(e, 1); });
  table.add<MeanOp>(
      [](MeanOp, Evaluation &e) { return addAll(e, e.getOperands().size()); });
  table.add<CastOp>([](CastOp op, Evaluation &e) -> LogicalResult {
    const Tensor &input = e[op.getInput()];
    Tensor *result = e.makeResult(input.getShape());
    if (!result)
      return failure();
    *result = input.castTo(result->getType(), e.isReal());
    return success();
  });
}

} // namespace lipt::reference
