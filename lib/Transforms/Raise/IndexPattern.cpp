//===- IndexPattern.cpp - Constants that follow from indices *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexPattern.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace lipt::raise {

namespace {

using Kind = IndexPattern::Kind;
using Found = std::optional<IndexPattern>;

class PatternFinder {
public:
  explicit PatternFinder(Raiser &raiser) : raiser(raiser) {}
  Found find(Value value, unsigned depth = 0);

private:
  Found compute(Operation *op, unsigned depth);
  Found findBinary(Operation *op, unsigned depth);
  Found findWhere(WhereOp where, unsigned depth);

  Raiser &raiser;
};

} // namespace

static IndexPattern uniform(double value) { return {Kind::Affine, value}; }

static IndexPattern triangle(double lower, double upper) {
  if (lower == upper)
    return uniform(lower);
  return {Kind::Triangle, 0, 0, 0, lower, upper};
}

/// The sizes of the last two axes, 1 for missing ones.
static std::pair<SymbolicSize, SymbolicSize> getLastTwo(Value value) {
  SmallVector<SymbolicSize> sizes = getSizes(value);
  while (sizes.size() < 2)
    sizes.insert(sizes.begin(), SymbolicSize(1));
  return {sizes[sizes.size() - 2], sizes.back()};
}

/// One row or column of whole numbers in equal steps.
static Found readProgression(ArrayRef<double> values, bool isColumn) {
  double step = values.size() > 1 ? values[1] - values[0] : 0;
  for (auto [i, value] : llvm::enumerate(values))
    if (std::abs(value) > 0x1p53 || value != std::trunc(value) ||
        value != values[0] + static_cast<double>(i) * step)
      return std::nullopt;
  return IndexPattern{Kind::Affine, values[0], isColumn ? step : 0,
                      isColumn ? 0 : step};
}

/// Literals of one row, column or matrix, all leading axes 1.
static Found readLiteral(ConstantOp constant) {
  auto elements = llvm::dyn_cast<DenseElementsAttr>(constant.getValue());
  auto [rows, columns] = getLastTwo(constant);
  int64_t n = rows.getStatic().value_or(0), m = columns.getStatic().value_or(0);
  if (!elements || n < 1 || m < 1 || elements.getNumElements() != n * m)
    return std::nullopt;
  SmallVector<double> values;
  Type type = elements.getElementType();
  if (llvm::isa<Float32Type, Float64Type>(type)) {
    for (const APFloat &entry : elements.getValues<APFloat>())
      values.push_back(entry.convertToDouble());
  } else if (type.isInteger(1) || type.isInteger(32) || type.isInteger(64)) {
    for (const APInt &entry : elements.getValues<APInt>())
      values.push_back(type.isInteger(1)
                           ? static_cast<double>(entry.getZExtValue())
                           : static_cast<double>(entry.getSExtValue()));
  } else {
    return std::nullopt;
  }
  if (n == 1 || m == 1)
    return readProgression(values, /*isColumn=*/m == 1);
  double lower = values.front(), upper = values[m - 1];
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j)
      if (!(values[i * m + j] == (j <= i ? lower : upper)))
        return std::nullopt;
  return triangle(lower, upper);
}

Found PatternFinder::find(Value value, unsigned depth) {
  constexpr unsigned mostDepth = 24;
  Operation *op = value.getDefiningOp();
  if (!op || depth == mostDepth || !raiser.isConstant(value))
    return std::nullopt;
  if (std::optional<double> scalar = raiser.getScalar(value))
    return uniform(*scalar);
  Found found = compute(op, depth);
  // An index that is always 0 has no coefficient.
  if (found && found->kind == Kind::Affine) {
    auto [rows, columns] = getLastTwo(value);
    if (rows == 1)
      found->row = 0;
    if (columns == 1)
      found->column = 0;
  }
  return found;
}

/// Reshapes that add or drop leading 1s, or turn a row into a column or back.
static Found reshape(const IndexPattern &from, Value input, Value result) {
  auto [rows, columns] = getLastTwo(input);
  auto [newRows, newColumns] = getLastTwo(result);
  if (from.isUniform())
    return from;
  if (getCount(getSizes(input)) != rows * columns)
    return std::nullopt;
  if (newRows == rows && newColumns == columns)
    return from;
  bool swaps =
      newRows == columns && newColumns == rows && (rows == 1 || columns == 1);
  if (!swaps || from.kind != Kind::Affine)
    return std::nullopt;
  IndexPattern swapped = from;
  std::swap(swapped.row, swapped.column);
  return swapped;
}

Found PatternFinder::compute(Operation *op, unsigned depth) {
  auto first = [&] { return find(op->getOperand(0), depth + 1); };
  return llvm::TypeSwitch<Operation *, Found>(op)
      .Case([&](ConstantOp constant) { return readLiteral(constant); })
      .Case([&](IotaOp iota) -> Found {
        return IndexPattern{Kind::Affine, double(int64_t(iota.getStart())), 0,
                            double(int64_t(iota.getStep()))};
      })
      .Case([&](ReshapeOp reshaping) -> Found {
        Found from = first();
        return from ? reshape(*from, reshaping.getInput(), reshaping)
                    : std::nullopt;
      })
      .Case([&](ExpandOp expand) -> Found {
        // A triangle keeps its sizes; an index of an axis of size 1 has no
        // coefficient.
        Found from = first();
        bool keeps = from && (from->kind == Kind::Affine ||
                              getLastTwo(expand.getInput()) ==
                                  getLastTwo(expand.getResult()));
        return keeps ? from : std::nullopt;
      })
      .Case([&](TransposeOp transpose) -> Found {
        Found from = first();
        ArrayRef<int64_t> order = transpose.getPermutation();
        int64_t rank = order.size();
        if (!from || from->kind != Kind::Affine || rank < 2)
          return std::nullopt;
        if (order[rank - 1] == rank - 2 && order[rank - 2] == rank - 1)
          std::swap(from->row, from->column);
        else if (order[rank - 1] != rank - 1 || order[rank - 2] != rank - 2)
          return std::nullopt;
        return from;
      })
      .Case([&](TriluOp trilu) -> Found {
        Found from = first();
        if (!from || !from->isUniform())
          return std::nullopt;
        auto k = static_cast<int64_t>(trilu.getK());
        if (!trilu.getUpper() && k == 0)
          return triangle(from->constant, 0);
        if (trilu.getUpper() && k == 1)
          return triangle(0, from->constant);
        return std::nullopt;
      })
      .Case([&](NotOp) -> Found {
        Found from = first();
        if (!from || (from->kind == Kind::Affine && !from->isUniform()))
          return std::nullopt;
        return from->isUniform() ? uniform(from->constant == 0)
                                 : triangle(from->lower == 0, from->upper == 0);
      })
      .Case([&](CastOp cast) -> Found {
        Found from = first();
        Type type = getElementTypeOrSelf(cast.getType());
        if (!from)
          return from;
        if (type.isInteger(1))
          return from->kind == Kind::Triangle
                     ? Found(triangle(from->lower != 0, from->upper != 0))
                     : std::nullopt;
        // Small whole numbers and infinities survive.
        for (double value : {from->constant, from->row, from->column,
                             from->lower, from->upper})
          if (!(std::abs(value) <= 128 && value == std::trunc(value)) &&
              !(std::isinf(value) && llvm::isa<FloatType>(type)))
            return std::nullopt;
        return from;
      })
      .Case([&](WhereOp where) { return findWhere(where, depth); })
      .Case<AddOp, SubOp, MulOp, AndOp, OrOp, EqualOp, LessOp, LessOrEqualOp,
            GreaterOp, GreaterOrEqualOp>(
          [&](auto) { return findBinary(op, depth); })
      .Default([](Operation *) { return std::nullopt; });
}

/// The operation on two numbers, without a rounding that whole numbers see.
static double apply(Operation *op, double x, double y) {
  return llvm::TypeSwitch<Operation *, double>(op)
      .Case([&](AddOp) { return x + y; })
      .Case([&](SubOp) { return x - y; })
      .Case([&](MulOp) { return x * y; })
      .Case([&](AndOp) { return x != 0 && y != 0; })
      .Case([&](OrOp) { return x != 0 || y != 0; })
      .Case([&](EqualOp) { return x == y; })
      .Case([&](LessOp) { return x < y; })
      .Case([&](LessOrEqualOp) { return x <= y; })
      .Case([&](GreaterOp) { return x > y; })
      .Case([&](GreaterOrEqualOp) { return x >= y; })
      .Default([](Operation *) { return std::nan(""); });
}

/// A triangle's diagonal runs along both axes of the result.
static bool isTriangleOf(const IndexPattern &pattern, Value value,
                         Value result) {
  return pattern.kind != Kind::Triangle ||
         getLastTwo(value) == getLastTwo(result);
}

Found PatternFinder::findBinary(Operation *op, unsigned depth) {
  Found lhs = find(op->getOperand(0), depth + 1);
  Found rhs = lhs ? find(op->getOperand(1), depth + 1) : std::nullopt;
  if (!rhs || !isTriangleOf(*lhs, op->getOperand(0), op->getResult(0)) ||
      !isTriangleOf(*rhs, op->getOperand(1), op->getResult(0)))
    return std::nullopt;
  bool isIndexed = (lhs->kind == Kind::Affine && !lhs->isUniform()) ||
                   (rhs->kind == Kind::Affine && !rhs->isUniform());
  if (!isIndexed) {
    auto at = [](const IndexPattern &pattern, bool upper) {
      if (pattern.kind == Kind::Affine)
        return pattern.constant;
      return upper ? pattern.upper : pattern.lower;
    };
    double lower = apply(op, at(*lhs, false), at(*rhs, false));
    double upper = apply(op, at(*lhs, true), at(*rhs, true));
    if (std::isnan(lower) || std::isnan(upper))
      return std::nullopt;
    return triangle(lower, upper);
  }
  if (lhs->kind == Kind::Triangle || rhs->kind == Kind::Triangle)
    return std::nullopt;
  if (llvm::isa<AddOp, SubOp>(op)) {
    double sign = llvm::isa<SubOp>(op) ? -1 : 1;
    return IndexPattern{Kind::Affine, lhs->constant + sign * rhs->constant,
                        lhs->row + sign * rhs->row,
                        lhs->column + sign * rhs->column};
  }
  // lhs - rhs = constant + slope * (j - i) decides the comparison. It is
  // monotonous in j - i, so j - i = 0, 1 and both infinities say all.
  double constant = lhs->constant - rhs->constant;
  double slope = lhs->column - rhs->column;
  if (!llvm::isa<LessOp, LessOrEqualOp, GreaterOp, GreaterOrEqualOp>(op) ||
      lhs->row - rhs->row != -slope || slope == 0)
    return std::nullopt;
  double lower = apply(op, constant, 0), upper = apply(op, constant + slope, 0);
  if (lower != apply(op, -slope, 0) || upper != apply(op, slope, 0))
    return std::nullopt;
  return triangle(lower, upper);
}

Found PatternFinder::findWhere(WhereOp where, unsigned depth) {
  Found condition = find(where.getCondition(), depth + 1);
  Found onTrue = condition ? find(where.getOnTrue(), depth + 1) : std::nullopt;
  Found onFalse = onTrue ? find(where.getOnFalse(), depth + 1) : std::nullopt;
  if (!onFalse || condition->kind != Kind::Triangle ||
      !isTriangleOf(*condition, where.getCondition(), where) ||
      !onTrue->isUniform() || !onFalse->isUniform())
    return std::nullopt;
  auto choose = [&](double selects) {
    return selects != 0 ? onTrue->constant : onFalse->constant;
  };
  return triangle(choose(condition->lower), choose(condition->upper));
}

Found findIndexPattern(Value value, Raiser &raiser) {
  return PatternFinder(raiser).find(value);
}

} // namespace lipt::raise
