//===- Scalar.cpp - Constants with one value everywhere ----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Raiser.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace lipt::raise {

/// The literal as a double; nothing for integers that are not represented.
static std::optional<double> toDouble(Attribute literal) {
  if (auto number = llvm::dyn_cast<FloatAttr>(literal))
    return number.getValueAsDouble();
  auto integer = llvm::dyn_cast<IntegerAttr>(literal);
  if (!integer)
    return std::nullopt;
  const APInt &bits = integer.getValue();
  Type type = integer.getType();
  if (type.isInteger(1) || type.isUnsignedInteger())
    return bits.getActiveBits() > 53
               ? std::nullopt
               : std::optional(double(bits.getZExtValue()));
  return bits.getSignificantBits() > 53
             ? std::nullopt
             : std::optional(double(bits.getSExtValue()));
}

/// One operation of the element type. Basic operations of types up to float32
/// may be done in double first: 53 >= 2 * 24 + 2 bits make the second rounding
/// harmless.
static std::optional<double> roundTo(double value, Type type) {
  auto number = llvm::dyn_cast<FloatType>(type);
  if (!number)
    return std::nullopt;
  APFloat rounded(value);
  bool losesInfo = false;
  rounded.convert(number.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  rounded.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  return rounded.convertToDouble();
}

std::optional<double> Raiser::computeScalar(Value value, unsigned depth) {
  constexpr unsigned mostDepth = 24;
  Operation *op = value.getDefiningOp();
  if (!op || depth == mostDepth)
    return std::nullopt;
  Type type = getElementTypeOrSelf(value.getType());
  auto at = [&](unsigned i) {
    return computeScalar(op->getOperand(i), depth + 1);
  };
  auto unary = [&](auto function) -> std::optional<double> {
    std::optional<double> x = at(0);
    return x ? roundTo(function(*x), type) : std::nullopt;
  };
  auto binary = [&](auto function) -> std::optional<double> {
    std::optional<double> x = at(0), y = x ? at(1) : std::nullopt;
    return y ? roundTo(function(*x, *y), type) : std::nullopt;
  };
  return llvm::TypeSwitch<Operation *, std::optional<double>>(op)
      .Case([&](ConstantOp constant) -> std::optional<double> {
        auto elements = llvm::dyn_cast<DenseElementsAttr>(constant.getValue());
        if (!elements || !elements.isSplat())
          return std::nullopt;
        return toDouble(elements.getSplatValue<Attribute>());
      })
      .Case([&](SplatOp splat) { return toDouble(splat.getValue()); })
      .Case<ReshapeOp, ExpandOp, TransposeOp, TileOp, SliceOp>(
          [&](auto) { return at(0); })
      .Case([&](CastOp) -> std::optional<double> {
        std::optional<double> x = at(0);
        if (!x || llvm::isa<FloatType>(type))
          return x ? roundTo(*x, type) : x;
        // Integers keep what they can hold; anything else is not read.
        bool isWhole = *x == std::trunc(*x) && std::abs(*x) < 0x1p31;
        return isWhole && type.getIntOrFloatBitWidth() >= 32 ? x : std::nullopt;
      })
      .Case(
          [&](SqrtOp) { return unary([](double x) { return std::sqrt(x); }); })
      .Case([&](ReciprocalOp) { return unary([](double x) { return 1 / x; }); })
      .Case([&](NegOp) { return unary([](double x) { return -x; }); })
      .Case([&](AddOp) { return binary(std::plus<double>()); })
      .Case([&](SubOp) { return binary(std::minus<double>()); })
      .Case([&](MulOp) { return binary(std::multiplies<double>()); })
      .Case([&](DivOp) { return binary(std::divides<double>()); })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<double> Raiser::getScalar(Value value) {
  if (auto known = scalars.find(value); known != scalars.end())
    return known->second;
  std::optional<double> result = computeScalar(value, 0);
  scalars[value] = result;
  return result;
}

} // namespace lipt::raise
