//===- FoldArithmetic.cpp - Entrywise evaluation of known contents -------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FoldContents.h"

#include <cmath>

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

//===----------------------------------------------------------------------===//
// Integers with symbols
//===----------------------------------------------------------------------===//

/// A lower bound, given that every symbol is at least 1 (axes are not empty):
/// known for polynomials without negative coefficients.
static std::optional<int64_t> getLowerBound(const SymbolicSize &value) {
  if (std::optional<int64_t> number = value.getStatic())
    return number;
  if (!value.isValid() || value.toString().find('-') != std::string::npos)
    return std::nullopt;
  std::map<std::string, int64_t> ones;
  for (const std::string &name : value.getSymbols())
    ones[name] = 1;
  return value.bind(ones).getStatic();
}

/// The sign of a - b, where it is the same for all values of the symbols.
static std::optional<int> compare(const SymbolicSize &a,
                                  const SymbolicSize &b) {
  SymbolicSize difference = a - b;
  if (std::optional<int64_t> number = difference.getStatic())
    return (*number > 0) - (*number < 0);
  std::optional<int64_t> low = getLowerBound(difference);
  if (low && *low > 0)
    return 1;
  low = getLowerBound(b - a);
  if (low && *low > 0)
    return -1;
  // N against a number: N + 1 > 0 although the difference N - (-1) has no sign.
  std::optional<int64_t> left = getLowerBound(a), right = b.getStatic();
  if (left && right && *left > *right)
    return 1;
  left = a.getStatic();
  right = getLowerBound(b);
  return left && right && *right > *left ? std::optional<int>(-1)
                                         : std::nullopt;
}

/// The larger one, also where they may be equal.
static std::optional<SymbolicSize> getLarger(const SymbolicSize &a,
                                             const SymbolicSize &b) {
  if (std::optional<int> sign = compare(a, b))
    return *sign >= 0 ? a : b;
  std::optional<int64_t> low = getLowerBound(a), number = b.getStatic();
  if (low && number && *low >= *number)
    return a;
  low = getLowerBound(b);
  number = a.getStatic();
  return low && number && *low >= *number ? std::optional(b) : std::nullopt;
}

static std::optional<SymbolicSize> divide(const SymbolicSize &a,
                                          const SymbolicSize &b) {
  std::optional<int64_t> x = a.getStatic(), y = b.getStatic();
  if (x && y) {
    if (*y == 0 || (*x == INT64_MIN && *y == -1))
      return std::nullopt;
    return SymbolicSize(*x / *y);
  }
  return b == SymbolicSize(0) ? std::nullopt : a.dividedBy(b);
}

static std::optional<SymbolicSize>
getRemainder(const SymbolicSize &a, const SymbolicSize &b, bool truncated) {
  std::optional<int64_t> x = a.getStatic(), y = b.getStatic();
  if (x && y) {
    if (*y == 0 || *y == -1)
      return *y == 0 ? std::nullopt : std::optional(SymbolicSize(0));
    int64_t rest = *x % *y;
    if (!truncated && rest != 0 && (rest < 0) != (*y < 0))
      rest += *y;
    return SymbolicSize(rest);
  }
  return divide(a, b) ? std::optional(SymbolicSize(0)) : std::nullopt;
}

static std::optional<SymbolicSize> power(const SymbolicSize &a,
                                         const SymbolicSize &b) {
  std::optional<int64_t> exponent = b.getStatic();
  if (!exponent || *exponent < 0 || *exponent > 64)
    return std::nullopt;
  SymbolicSize result(1);
  for (int64_t i = 0; i < *exponent; ++i)
    result = result * a;
  return result;
}

static std::optional<SymbolicSize> foldIntegers(StringRef type,
                                                const SymbolicSize &a,
                                                const SymbolicSize &b,
                                                bool truncated) {
  auto truth = [](std::optional<bool> value) {
    return value ? std::optional(SymbolicSize(*value)) : std::nullopt;
  };
  std::optional<int> sign = compare(a, b);
  std::optional<int64_t> x = a.getStatic(), y = b.getStatic();
  if (type == "Add")
    return a + b;
  if (type == "Sub")
    return a - b;
  if (type == "Mul")
    return a * b;
  if (type == "Div")
    return divide(a, b);
  if (type == "Mod")
    return getRemainder(a, b, truncated);
  if (type == "Pow")
    return power(a, b);
  if (type == "Max")
    return getLarger(a, b);
  if (type == "Min") {
    std::optional<SymbolicSize> larger = getLarger(a, b);
    return larger ? std::optional(*larger == a ? b : a) : std::nullopt;
  }
  if (type == "Equal")
    return truth(sign ? std::optional(*sign == 0) : std::nullopt);
  if (type == "Less")
    return truth(sign ? std::optional(*sign < 0) : std::nullopt);
  if (type == "LessOrEqual")
    return truth(sign ? std::optional(*sign <= 0) : std::nullopt);
  if (type == "Greater")
    return truth(sign ? std::optional(*sign > 0) : std::nullopt);
  if (type == "GreaterOrEqual")
    return truth(sign ? std::optional(*sign >= 0) : std::nullopt);
  if (!x || !y)
    return std::nullopt;
  if (type == "And")
    return truth(*x && *y);
  if (type == "Or")
    return truth(*x || *y);
  if (type == "Xor")
    return truth((*x != 0) != (*y != 0));
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

/// Computed in double and then rounded to the element type: for + - * / the
/// second rounding changes nothing (double has more than twice the digits).
static std::optional<double> foldFloats(StringRef type, double x, double y) {
  if (type == "Add")
    return x + y;
  if (type == "Sub")
    return x - y;
  if (type == "Mul")
    return x * y;
  if (type == "Div")
    return x / y;
  if (type == "Pow")
    return std::pow(x, y);
  if (type == "Max")
    return std::max(x, y);
  if (type == "Min")
    return std::min(x, y);
  if (type == "Equal")
    return x == y;
  if (type == "Less")
    return x < y;
  if (type == "LessOrEqual")
    return x <= y;
  if (type == "Greater")
    return x > y;
  if (type == "GreaterOrEqual")
    return x >= y;
  return std::nullopt;
}

static bool isComparison(StringRef type) {
  return type == "Equal" || type == "Less" || type == "LessOrEqual" ||
         type == "Greater" || type == "GreaterOrEqual";
}

/// Functions whose library value is only nearly the rounded one: followed for
/// single numbers (scales), where nothing else could be done with them.
static bool isInexact(StringRef type) {
  return type == "Pow" || type == "Exp" || type == "Log";
}

static std::optional<Content> foldBinary(NodeImporter &node,
                                         Contents operands) {
  StringRef type = node.node.op_type();
  if (operands.size() != 2)
    return std::nullopt;
  const Content &a = *operands[0], &b = *operands[1];
  auto shape = broadcastShapes(operands);
  if (!shape || a.isFloat() != b.isFloat())
    return std::nullopt;
  Content result;
  result.shape = *shape;
  result.elementType =
      isComparison(type) ? node.builder.getI1Type() : a.elementType;
  bool truncated = node.getInt("fmod", 0) != 0;
  bool known = true;
  forEachBroadcast(*shape, operands, [&](ArrayRef<int64_t> offsets) {
    if (!known)
      return;
    if (a.isFloat()) {
      auto value = foldFloats(type, a.floats[offsets[0]], b.floats[offsets[1]]);
      known = value.has_value() && !std::isnan(*value);
      if (!known)
        return;
      if (result.isFloat())
        result.floats.push_back(roundTo(result.elementType, *value));
      else
        result.integers.push_back(static_cast<int64_t>(*value));
      return;
    }
    auto value = foldIntegers(type, a.integers[offsets[0]],
                              b.integers[offsets[1]], truncated);
    known = value.has_value() && value->isValid();
    if (!known)
      return;
    if (std::optional<int64_t> number = value->getStatic())
      value = SymbolicSize(wrapTo(result.elementType, *number));
    result.integers.push_back(*value);
  });
  if (!known || (a.isFloat() && isInexact(type) && result.getCount() != 1))
    return std::nullopt;
  return result;
}

static std::optional<double> foldUnaryFloat(StringRef type, double x) {
  if (type == "Neg")
    return -x;
  if (type == "Abs")
    return std::fabs(x);
  if (type == "Sqrt")
    return std::sqrt(x);
  if (type == "Reciprocal")
    return 1 / x;
  if (type == "Floor")
    return std::floor(x);
  if (type == "Ceil")
    return std::ceil(x);
  if (type == "Round")
    return std::nearbyint(x);
  if (type == "Exp")
    return std::exp(x);
  if (type == "Log")
    return std::log(x);
  return std::nullopt;
}

static std::optional<Content> foldUnary(NodeImporter &node, Contents operands) {
  StringRef type = node.node.op_type();
  const Content &input = *operands[0];
  Content result = input;
  if (input.isFloat()) {
    if (isInexact(type) && input.getCount() != 1)
      return std::nullopt;
    for (double &value : result.floats) {
      std::optional<double> folded = foldUnaryFloat(type, value);
      if (!folded || std::isnan(*folded))
        return std::nullopt;
      value = roundTo(result.elementType, *folded);
    }
    return result;
  }
  for (SymbolicSize &value : result.integers) {
    std::optional<int64_t> number = value.getStatic();
    if (type == "Neg")
      value = SymbolicSize(0) - value;
    else if (type == "Abs" && number && *number != INT64_MIN)
      value = SymbolicSize(std::abs(*number));
    else if (type == "Abs" && getLowerBound(value).value_or(-1) >= 0)
      continue;
    else if (type == "Not" && number)
      value = SymbolicSize(*number == 0);
    else
      return std::nullopt;
    if (!value.isValid())
      return std::nullopt;
  }
  return result;
}

static std::optional<Content> castContent(const Content &input,
                                          Type elementType) {
  Content result;
  result.shape = input.shape;
  result.elementType = elementType;
  bool toFloat = result.isFloat();
  for (double value : input.floats) {
    if (toFloat)
      result.floats.push_back(roundTo(elementType, value));
    else if (elementType.isInteger(1))
      result.integers.push_back(value != 0);
    else if (std::isfinite(value) && std::fabs(value) < 0x1p62)
      result.integers.push_back(
          wrapTo(elementType, static_cast<int64_t>(value)));
    else
      return std::nullopt;
  }
  for (const SymbolicSize &value : input.integers) {
    std::optional<int64_t> number = value.getStatic();
    if (!number && (toFloat || elementType.getIntOrFloatBitWidth() < 32))
      return std::nullopt;
    if (toFloat)
      result.floats.push_back(
          roundTo(elementType, static_cast<double>(*number)));
    else
      result.integers.push_back(
          number ? SymbolicSize(wrapTo(elementType, *number)) : value);
  }
  if (!fitsContent(result.shape, elementType))
    return std::nullopt;
  return result;
}

static std::optional<Content> foldCast(NodeImporter &node, Contents operands) {
  Type elementType = node.node.op_type() == "CastLike"
                         ? node.getElementType(1)
                         : node.importer.convertElementType(
                               static_cast<int32_t>(node.getInt("to", 0)));
  // Without a change of type the tensor keeps its name.
  if (!elementType || elementType == operands[0]->elementType)
    return std::nullopt;
  return castContent(*operands[0], elementType);
}

static std::optional<Content> foldWhere(NodeImporter &node, Contents operands) {
  auto shape = broadcastShapes(operands);
  if (!shape || operands[1]->elementType != operands[2]->elementType ||
      operands[0]->isFloat() || !operands[0]->isStatic())
    return std::nullopt;
  Content result;
  result.shape = *shape;
  result.elementType = operands[1]->elementType;
  forEachBroadcast(*shape, operands, [&](ArrayRef<int64_t> offsets) {
    unsigned chosen =
        operands[0]->integers[offsets[0]] == SymbolicSize(0) ? 2 : 1;
    if (result.isFloat())
      result.floats.push_back(operands[chosen]->floats[offsets[chosen]]);
    else
      result.integers.push_back(operands[chosen]->integers[offsets[chosen]]);
  });
  return result;
}

void onnx_import::addArithmeticFolders(Folders &folders) {
  for (StringRef type :
       {"Add", "Sub", "Mul", "Div", "Mod", "Pow", "Min", "Max", "Equal", "Less",
        "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor"})
    folders[type] = foldBinary;
  for (StringRef type : {"Neg", "Abs", "Not", "Sqrt", "Reciprocal", "Floor",
                         "Ceil", "Round", "Exp", "Log"})
    folders[type] = foldUnary;
  folders["Cast"] = foldCast;
  folders["CastLike"] = foldCast;
  folders["Where"] = foldWhere;
}
