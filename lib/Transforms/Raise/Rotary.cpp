//===- Rotary.cpp - Rotary embeddings from slices and tables *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Raiser.h"

using namespace mlir;

namespace lipt::raise {

namespace {

/// Entries start, start + step, ... of the last axis of `base`.
struct Part {
  Value base;
  int64_t start = 0, step = 1, count = 0;
  bool operator==(const Part &other) const = default;
};

/// sign * part * table, the table being constant.
struct Term {
  Part part;
  double sign = 1;
  Value table;
};

/// One half of the rotated features: `own` of the half itself, `other` of the
/// half that it is paired with.
struct Half {
  Term own, other;
};

} // namespace

static std::optional<int64_t> getWidthOf(Value value) {
  SmallVector<SymbolicSize> sizes = getSizes(value);
  return sizes.empty() ? std::nullopt : sizes.back().getStatic();
}

/// A slice or part of a split along the last axis alone.
static std::optional<Part> getSlicedPart(Value value) {
  Operation *op = value.getDefiningOp();
  std::optional<int64_t> count = getWidthOf(value);
  if (!op || !count)
    return std::nullopt;
  if (auto split = llvm::dyn_cast<SplitOp>(op)) {
    if (split.getAxis() + 1 != getSizes(value).size())
      return std::nullopt;
    int64_t start = 0;
    for (unsigned i = 0; i < llvm::cast<OpResult>(value).getResultNumber(); ++i)
      start += split.getSizes()[i];
    return Part{split.getInput(), start, 1, *count};
  }
  auto slice = llvm::dyn_cast<SliceOp>(op);
  if (!slice)
    return std::nullopt;
  SmallVector<SymbolicSize> from = getSizes(slice.getInput());
  SmallVector<SymbolicSize> to = getSizes(value);
  for (size_t i = 0; i + 1 < to.size(); ++i)
    if (from[i] != to[i] || slice.getStarts()[i] != 0 ||
        slice.getSteps()[i] != 1)
      return std::nullopt;
  return Part{slice.getInput(), slice.getStarts().back(),
              slice.getSteps().back(), *count};
}

/// The same with every second entry: one of the columns of [..., count, 2].
static std::optional<Part> getColumnPart(Value value) {
  auto squeeze = value.getDefiningOp<ReshapeOp>();
  std::optional<Part> column =
      squeeze ? getSlicedPart(squeeze.getInput()) : std::nullopt;
  auto pairs = column ? column->base.getDefiningOp<ReshapeOp>() : ReshapeOp();
  if (!pairs || column->count != 1 || getWidthOf(pairs) != 2)
    return std::nullopt;
  // [..., 2 count] as [..., count, 2], then [..., count, 1] as [..., count].
  SmallVector<SymbolicSize> halved = getSizes(value);
  std::optional<int64_t> count = getWidthOf(value);
  SmallVector<SymbolicSize> paired = halved, whole = halved;
  if (!count)
    return std::nullopt;
  paired.push_back(2);
  whole.back() = 2 * *count;
  if (getSizes(pairs) != paired || getSizes(pairs.getInput()) != whole)
    return std::nullopt;
  return Part{pairs.getInput(), column->start, 2, *count};
}

static std::optional<Part> getPart(Value value) {
  std::optional<Part> part = getColumnPart(value);
  return part ? part : getSlicedPart(value);
}

/// Adds the terms of a sum of parts times tables; false for anything else.
static bool collectTerms(Value value, double sign, Value table, Raiser &raiser,
                         SmallVectorImpl<Term> &terms, unsigned depth = 0) {
  if (std::optional<Part> part = getPart(value)) {
    if (!table || terms.size() == 2)
      return false;
    terms.push_back({*part, sign, table});
    return true;
  }
  Operation *op = value.getDefiningOp();
  if (!op || depth == 4)
    return false;
  auto collect = [&](unsigned i, double factor, Value times) {
    return haveEqualSizes(op->getOperand(i), value) &&
           collectTerms(op->getOperand(i), factor, times, raiser, terms,
                        depth + 1);
  };
  if (llvm::isa<NegOp>(op))
    return collect(0, -sign, table);
  if (llvm::isa<AddOp, SubOp>(op))
    return collect(0, sign, table) &&
           collect(1, llvm::isa<SubOp>(op) ? -sign : sign, table);
  if (!llvm::isa<MulOp>(op) || table)
    return false;
  for (unsigned i : {0u, 1u})
    if (raiser.isConstant(op->getOperand(i)))
      return collect(1 - i, sign, op->getOperand(i));
  return false;
}

/// `value` as a half made of the parts `own` (with a positive sign) and
/// `other`.
static std::optional<Half> getHalf(Value value, Raiser &raiser) {
  SmallVector<Term> terms;
  if (!collectTerms(value, 1, {}, raiser, terms) || terms.size() != 2)
    return std::nullopt;
  return Half{terms[0], terms[1]};
}

/// True if both constants are computed the same way from the same parameters.
static bool areSameConstant(Value lhs, Value rhs, unsigned depth = 0) {
  if (lhs == rhs)
    return true;
  Operation *a = lhs.getDefiningOp(), *b = rhs.getDefiningOp();
  if (!a || !b || depth == 8 || a->getName() != b->getName() ||
      lhs.getType() != rhs.getType() ||
      a->getNumOperands() != b->getNumOperands() ||
      a->getPropertiesAsAttribute() != b->getPropertiesAsAttribute() ||
      llvm::cast<OpResult>(lhs).getResultNumber() !=
          llvm::cast<OpResult>(rhs).getResultNumber())
    return false;
  for (auto [x, y] : llvm::zip(a->getOperands(), b->getOperands()))
    if (!areSameConstant(x, y, depth + 1))
      return false;
  return true;
}

/// The table times the sign.
static Value withSign(Operation *root, Value table, double sign,
                      Raiser &raiser) {
  return sign > 0 ? table : raiser.create<NegOp>(root, table).getResult();
}

/// One table for both halves if it is the same one, else both in a row; null if
/// they do not fit.
static Value joinTables(Operation *root, Value first, Value second, bool isFull,
                        Raiser &raiser) {
  if (!isFull)
    return first;
  size_t rank = getSizes(first).size();
  if (rank == 0 || getSizes(second).size() != rank)
    return {};
  auto joined = raiser.create<ConcatOp>(root, ValueRange{first, second},
                                        static_cast<uint64_t>(rank - 1));
  return joined ? joined.getResult() : Value();
}

/// (x1 c - x2 s, x2 c + x1 s) with the parts x1, x2 of one value, or null.
static RotaryOp createFromHalves(Operation *root, Value first, Value second,
                                 Raiser &raiser) {
  std::optional<Half> a = getHalf(first, raiser), b = getHalf(second, raiser);
  if (!a || !b)
    return {};
  Value base = a->own.part.base;
  std::optional<int64_t> width = getWidthOf(base);
  if (!width || *width % 2 != 0)
    return {};
  int64_t count = *width / 2;
  bool isInterleaved = a->own.part.step == 2;
  Part x1{base, 0, isInterleaved ? 2 : 1, count};
  Part x2{base, isInterleaved ? 1 : count, isInterleaved ? 2 : 1, count};
  // The order of summands is free.
  if (a->own.part != x1)
    std::swap(a->own, a->other);
  if (b->own.part != x2)
    std::swap(b->own, b->other);
  if (a->own.part != x1 || a->other.part != x2 || b->own.part != x2 ||
      b->other.part != x1)
    return {};
  bool sharesTables = areSameConstant(a->own.table, b->own.table) &&
                      areSameConstant(a->other.table, b->other.table) &&
                      a->own.sign == b->own.sign &&
                      a->other.sign == -b->other.sign;
  // Two interleaved tables have no attribute of their own.
  if (!sharesTables && isInterleaved)
    return {};
  Value cos = joinTables(
      root, withSign(root, a->own.table, a->own.sign, raiser),
      withSign(root, b->own.table, b->own.sign, raiser), !sharesTables, raiser);
  Value sin =
      joinTables(root, withSign(root, a->other.table, -a->other.sign, raiser),
                 withSign(root, b->other.table, b->other.sign, raiser),
                 !sharesTables, raiser);
  if (!cos || !sin)
    return {};
  return raiser.create<RotaryOp>(root, base, cos, sin, isInterleaved,
                                 !sharesTables);
}

/// concat(first half, second half).
static bool raiseHalves(ConcatOp root, Raiser &raiser) {
  if (root.getInputs().size() != 2)
    return false;
  RotaryOp raised =
      createFromHalves(root, root.getInputs()[0], root.getInputs()[1], raiser);
  return raised && !raised.getInterleaved()
             ? raiser.replace(root, raised, {raised.getInput()})
             : false;
}

/// The value of shape [..., n] that `value` is with an axis of 1 behind it.
static Value dropUnsqueeze(Value value) {
  auto unsqueeze = value.getDefiningOp<ReshapeOp>();
  if (!unsqueeze)
    return {};
  SmallVector<SymbolicSize> sizes = getSizes(unsqueeze.getInput());
  sizes.push_back(1);
  return getSizes(value) == sizes ? unsqueeze.getInput() : Value();
}

/// The same interleaved: [..., n, 2] from two columns, as [..., 2 n].
static bool raiseColumns(ReshapeOp root, Raiser &raiser) {
  auto stack = root.getInput().getDefiningOp<ConcatOp>();
  if (!stack || stack.getInputs().size() != 2 ||
      stack.getAxis() + 1 != getSizes(stack).size())
    return false;
  Value first = dropUnsqueeze(stack.getInputs()[0]);
  Value second = dropUnsqueeze(stack.getInputs()[1]);
  RotaryOp raised = first && second
                        ? createFromHalves(root, first, second, raiser)
                        : RotaryOp();
  // Same sizes as the input: then the last two axes were joined.
  return raised && raised.getInterleaved()
             ? raiser.replace(root, raised, {raised.getInput()})
             : false;
}

/// x if `value` is concat(-x2, x1), with sign -1 if it is concat(x2, -x1).
static std::optional<std::pair<Value, double>> getHalfTurn(Value value) {
  auto concat = value.getDefiningOp<ConcatOp>();
  if (!concat || concat.getInputs().size() != 2 ||
      concat.getAxis() + 1 != getSizes(value).size())
    return std::nullopt;
  auto first = concat.getInputs()[0].getDefiningOp<NegOp>();
  auto second = concat.getInputs()[1].getDefiningOp<NegOp>();
  if (bool(first) == bool(second))
    return std::nullopt;
  auto x2 = getPart(first ? first.getInput() : concat.getInputs()[0]);
  auto x1 = getPart(second ? second.getInput() : concat.getInputs()[1]);
  std::optional<int64_t> width = getWidthOf(value);
  if (!x1 || !x2 || !width || x1->base != x2->base ||
      *x1 != Part{x1->base, 0, 1, *width / 2} ||
      *x2 != Part{x1->base, *width / 2, 1, *width / 2} ||
      !haveEqualSizes(x1->base, value))
    return std::nullopt;
  return std::pair(x1->base, first ? 1.0 : -1.0);
}

/// The constant and the varying factor of a product.
static std::pair<Value, Value> getTableAndFactor(Value value, Raiser &raiser) {
  if (auto mul = value.getDefiningOp<MulOp>())
    for (unsigned i : {0u, 1u})
      if (raiser.isConstant(mul->getOperand(i)))
        return {mul->getOperand(i), mul->getOperand(1 - i)};
  return {};
}

/// x c + concat(-x2, x1) s with tables of full width.
static bool raiseHalfTurn(Operation *root, Raiser &raiser) {
  for (unsigned i : {0u, 1u}) {
    auto [sinTable, turned] = getTableAndFactor(root->getOperand(i), raiser);
    auto [cosTable, x] = getTableAndFactor(root->getOperand(1 - i), raiser);
    auto turn = turned ? getHalfTurn(turned) : std::nullopt;
    if (!turn || turn->first != x || !haveEqualSizes(x, root->getResult(0)))
      continue;
    // A difference has to subtract the turned one.
    if (llvm::isa<SubOp>(root) && i == 0)
      continue;
    double sign = turn->second * (llvm::isa<SubOp>(root) ? -1 : 1);
    auto raised = raiser.create<RotaryOp>(
        root, x, cosTable, withSign(root, sinTable, sign, raiser),
        /*interleaved=*/false, /*full_table=*/true);
    if (raiser.replace(root, raised, {x}))
      return true;
  }
  return false;
}

/// concat(rotary(x[..., :r]), x[..., r:]).
static bool raisePartial(ConcatOp root, Raiser &raiser) {
  if (root.getInputs().size() != 2)
    return false;
  auto inner = root.getInputs()[0].getDefiningOp<RotaryOp>();
  auto head = inner ? getSlicedPart(inner.getInput()) : std::nullopt;
  auto rest = getSlicedPart(root.getInputs()[1]);
  if (!head || !rest || inner.getRotaryDim() != 0 ||
      inner.getPackedHeads() != 0 || head->base != rest->base ||
      *head != Part{head->base, 0, 1, head->count} ||
      *rest != Part{head->base, head->count, 1, rest->count} ||
      !haveEqualSizes(root, head->base))
    return false;
  auto raised = raiser.create<RotaryOp>(
      root, head->base, inner.getCos(), inner.getSin(), inner.getInterleaved(),
      inner.getFullTable(), static_cast<uint64_t>(head->count));
  return raiser.replace(root, raised, {head->base});
}

bool raiseRotary(Operation *root, Raiser &raiser) {
  if (llvm::isa<AddOp, SubOp>(root))
    return raiseHalfTurn(root, raiser);
  if (auto reshape = llvm::dyn_cast<ReshapeOp>(root))
    return raiseColumns(reshape, raiser);
  auto concat = llvm::dyn_cast<ConcatOp>(root);
  return concat && concat.getAxis() + 1 == getSizes(concat).size() &&
         raiseHalves(concat, raiser);
}

bool raisePartialRotary(Operation *root, Raiser &raiser) {
  auto concat = llvm::dyn_cast<ConcatOp>(root);
  return concat && concat.getAxis() + 1 == getSizes(concat).size() &&
         raisePartial(concat, raiser);
}

} // namespace lipt::raise
