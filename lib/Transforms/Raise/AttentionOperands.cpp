//===- AttentionOperands.cpp - Queries, keys, values, logits *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionOperands.h"

#include "IndexPattern.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace lipt::raise {

static double awayFromZero(double value) {
  return std::nextafter(
      value, std::copysign(std::numeric_limits<double>::infinity(), value));
}

void ScaleProduct::multiply(double factor) {
  double exact = product * factor;
  bool isExact = std::fma(product, factor, -exact) == 0;
  product = isExact ? exact : awayFromZero(exact);
}

void ScaleProduct::divide(double divisor) {
  double quotient = product / divisor;
  bool isExact = std::fma(quotient, divisor, -product) == 0;
  product = isExact ? quotient : awayFromZero(quotient);
}

void peelScales(Value &value, ScaleProduct &scale, Raiser &raiser) {
  auto isUsable = [](std::optional<double> number) {
    // Factors from which neither products nor their errors under- or overflow.
    return number && std::abs(*number) > 0x1p-64 && std::abs(*number) < 0x1p64;
  };
  for (;;) {
    Operation *op = value.getDefiningOp();
    if (!op || !llvm::isa<MulOp, DivOp>(op))
      return;
    Value next;
    for (unsigned i : {1u, 0u}) {
      if (llvm::isa<DivOp>(op) && i == 0)
        break;
      Value constant = op->getOperand(i);
      if (!raiser.isConstant(constant) ||
          !haveEqualSizes(op->getOperand(1 - i), value))
        continue;
      std::optional<double> number = raiser.getScalar(constant);
      if (!isUsable(number) || !isUsable(scale.get()))
        continue;
      llvm::isa<DivOp>(op) ? scale.divide(*number) : scale.multiply(*number);
      next = op->getOperand(1 - i);
      break;
    }
    if (!next)
      return;
    value = next;
  }
}

/// x if `value` is x with its last two axes swapped.
static Value findSwapped(Value value) {
  auto swapsLast = [](TransposeOp transpose) {
    ArrayRef<int64_t> order = transpose.getPermutation();
    int64_t rank = order.size();
    if (rank < 2)
      return false;
    for (int64_t i = 0; i < rank - 2; ++i)
      if (order[i] != i)
        return false;
    return order[rank - 2] == rank - 1 && order[rank - 1] == rank - 2;
  };
  if (auto transpose = value.getDefiningOp<TransposeOp>())
    return swapsLast(transpose) ? transpose.getInput() : Value();
  // [..., n, d] as [-1, n, d], swapped, as [..., d, n].
  auto outer = value.getDefiningOp<ReshapeOp>();
  auto middle =
      outer ? outer.getInput().getDefiningOp<TransposeOp>() : TransposeOp();
  auto inner =
      middle ? middle.getInput().getDefiningOp<ReshapeOp>() : ReshapeOp();
  if (!inner || !swapsLast(middle))
    return {};
  SmallVector<SymbolicSize> from = getSizes(inner.getInput());
  SmallVector<SymbolicSize> through = getSizes(inner), to = getSizes(value);
  if (from.size() < 2 || from.size() != to.size() || through.size() < 2)
    return {};
  size_t last = from.size() - 1, lastThrough = through.size() - 1;
  bool keepsMatrices = from[last] == through[lastThrough] &&
                       from[last - 1] == through[lastThrough - 1];
  std::swap(from[last], from[last - 1]);
  return keepsMatrices && from == to ? inner.getInput() : Value();
}

void peelKey(Value &key, bool &transposed, ScaleProduct &scale,
             Raiser &raiser) {
  for (;;) {
    peelScales(key, scale, raiser);
    Value swapped = findSwapped(key);
    if (!swapped)
      return;
    key = swapped;
    transposed = !transposed;
  }
}

Value findUnrepeatedHeads(Value value) {
  // [..., H_kv, a, b] as [..., H_kv, 1, a, b], repeated to
  // [..., H_kv, r, a, b], as [..., H_kv * r, a, b].
  auto merge = value.getDefiningOp<ReshapeOp>();
  Operation *repeat = merge ? merge.getInput().getDefiningOp() : nullptr;
  if (!repeat || !llvm::isa<ExpandOp, TileOp>(repeat))
    return {};
  auto insert = repeat->getOperand(0).getDefiningOp<ReshapeOp>();
  if (!insert)
    return {};
  Value heads = insert.getInput();
  SmallVector<SymbolicSize> sizes = getSizes(heads);
  if (sizes.size() < 3)
    return {};
  size_t headAxis = sizes.size() - 3;
  SmallVector<SymbolicSize> inserted = sizes, repeated, merged = sizes;
  inserted.insert(inserted.begin() + headAxis + 1, SymbolicSize(1));
  repeated = inserted;
  SmallVector<SymbolicSize> wide = getSizes(repeat->getResult(0));
  if (wide.size() != repeated.size())
    return {};
  repeated[headAxis + 1] = wide[headAxis + 1];
  merged[headAxis] = merged[headAxis] * wide[headAxis + 1];
  return getSizes(insert) == inserted && wide == repeated &&
                 getSizes(value) == merged
             ? heads
             : Value();
}

//===----------------------------------------------------------------------===//
// Logits
//===----------------------------------------------------------------------===//

bool isCausalMask(Value mask, ArrayRef<SymbolicSize> logits, double kept,
                  double dropped, Raiser &raiser) {
  SmallVector<SymbolicSize> sizes = getSizes(mask);
  if (sizes.size() < 2 || logits.size() < 2 ||
      ArrayRef<SymbolicSize>(sizes).take_back(2) != logits.take_back(2))
    return false;
  std::optional<IndexPattern> pattern = findIndexPattern(mask, raiser);
  return pattern && pattern->kind == IndexPattern::Kind::Triangle &&
         pattern->lower == kept && pattern->upper == dropped;
}

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// Where(condition, logits, number) or the other way round.
static bool readWhere(Operation *root, WhereOp where, Value &value,
                      Logits &result, Raiser &raiser) {
  Value condition = where.getCondition();
  bool dropsTrue = raiser.isConstant(where.getOnTrue());
  Value inner = dropsTrue ? where.getOnFalse() : where.getOnTrue();
  Value filler = dropsTrue ? where.getOnTrue() : where.getOnFalse();
  std::optional<double> fill =
      raiser.isConstant(filler) ? raiser.getScalar(filler) : std::nullopt;
  if (!raiser.isConstant(condition) || !fill || !(*fill < infinity) ||
      !haveEqualSizes(inner, value))
    return false;
  if (*fill == -infinity &&
      isCausalMask(condition, getSizes(value), dropsTrue ? 0 : 1,
                   dropsTrue ? 1 : 0, raiser)) {
    result.causal = true;
    value = inner;
    return true;
  }
  if (result.mask || static_cast<double>(static_cast<float>(*fill)) != *fill)
    return false;
  // boolean: true entries are kept; fill: true entries are replaced.
  bool isFill = *fill != -infinity;
  result.maskKind = isFill ? MaskKind::Fill : MaskKind::Boolean;
  result.maskFill = isFill ? *fill : 0;
  result.mask = dropsTrue == isFill
                    ? condition
                    : raiser.create<NotOp>(root, condition).getResult();
  value = inner;
  return true;
}

/// Add(logits, constant).
static bool readAdd(Operation *root, AddOp add, Value &value, Logits &result,
                    Raiser &raiser) {
  for (unsigned i : {0u, 1u}) {
    Value mask = add->getOperand(i), inner = add->getOperand(1 - i);
    if (!raiser.isConstant(mask) || !haveEqualSizes(inner, value))
      continue;
    if (isCausalMask(mask, getSizes(value), 0, -infinity, raiser)) {
      result.causal = true;
    } else if (!result.mask) {
      result.mask = mask;
      result.maskKind = MaskKind::Additive;
    } else if (result.maskKind == MaskKind::Additive) {
      auto sum = raiser.create<AddOp>(root, result.mask, mask);
      if (!sum)
        return false;
      result.mask = sum;
    } else {
      return false;
    }
    value = inner;
    return true;
  }
  return false;
}

std::optional<Logits> readLogits(Operation *root, Value logits,
                                 Raiser &raiser) {
  Logits result;
  Value value = logits;
  // Masks, last one first. Excluded entries stay so whatever is added, so these
  // commute; a finite fill hides what was masked before it.
  for (;;) {
    Operation *op = value.getDefiningOp();
    bool hasFill = result.mask && result.maskKind == MaskKind::Fill;
    bool isMask = op && llvm::isa<WhereOp, AddOp>(op);
    if (!isMask)
      break;
    if (hasFill)
      return std::nullopt;
    bool isRead =
        llvm::isa<WhereOp>(op)
            ? readWhere(root, llvm::cast<WhereOp>(op), value, result, raiser)
            : readAdd(root, llvm::cast<AddOp>(op), value, result, raiser);
    if (!isRead)
      return std::nullopt;
  }
  if (auto cap = value.getDefiningOp<SoftCapOp>()) {
    result.softcap = cap.getLimit().convertToDouble();
    value = cap.getInput();
  }
  peelScales(value, result.scale, raiser);
  result.scores = value;
  return result;
}

} // namespace lipt::raise
