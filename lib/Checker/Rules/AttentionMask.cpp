//===- AttentionMask.cpp - Masks of attention -----------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMatch.h"
#include "lipt/Checker/Rejection.h"

#include <cmath>

using namespace lipt::checker;

void MaskRows::meet(Constant next) {
  if (!allowed) {
    allowed = std::move(next);
    return;
  }
  Node both;
  both.opType = "And";
  auto result = foldNode(both, {&*allowed, &next});
  if (!result)
    reject("two masks of one attention cannot be combined");
  allowed = (*result)[0];
}

void MaskRows::add(const std::string &name) {
  const Constant *mask = graph.constant(name);
  if (!mask || !mask->value || !isFloat(mask->value->type))
    reject("the mask '", name,
           "' depends on graph inputs or has no known "
           "value");
  const Tensor &stored = *mask->value;
  int64_t count = stored.count();
  std::vector<int64_t> kept(count);
  bool any = false;
  for (int64_t i = 0; i < count; ++i) {
    double value = stored.real(i);
    if (std::isnan(value) || value == HUGE_VAL)
      reject("the mask '", name, "' contains NaN or infinity");
    kept[i] = value != -HUGE_VAL;
    any = any || !kept[i];
  }
  if (!any)
    return; // finite everywhere: a constant summand
  Constant result;
  result.shape = mask->shape;
  result.value = Tensor::fromIntegers(ElementType::Bool, stored.shape, kept);
  meet(result);
}

void MaskRows::keepWhere(const std::string &name, bool kept) {
  const Constant *condition = graph.constant(name);
  if (!condition || !condition->value ||
      condition->value->type != ElementType::Bool)
    reject("the mask '", name,
           "' depends on graph inputs or has no known "
           "value");
  Constant result = *condition;
  if (!kept) {
    Node negation;
    negation.opType = "Not";
    auto folded = foldNode(negation, {condition});
    if (!folded)
      reject("the mask '", name, "' cannot be evaluated");
    result = (*folded)[0];
  }
  meet(result);
}

void MaskRows::causal() { isCausal = true; }

void MaskRows::finish() const {
  if (!allowed)
    return; // causal alone keeps the first key of every row
  const Tensor &stored = *allowed->value;
  int64_t rank = stored.rank();
  if (rank == 0) {
    if (stored.integer(0) == 0)
      reject("a mask leaves no key");
    return;
  }
  // Row by row of the stored tensor; an axis of length 1 repeats.
  int64_t keys = stored.shape.back();
  int64_t queries = rank >= 2 ? stored.shape[rank - 2] : 1;
  int64_t rows = keys ? stored.count() / keys : 0;
  if (rows == 0)
    reject("a mask has no keys");
  for (int64_t row = 0; row < rows; ++row) {
    bool found = false;
    // Under causality row i sees the keys 0 … i (no past is allowed); a mask
    // with one row for all queries must keep the first key.
    int64_t last = isCausal ? (queries > 1 ? row % queries : 0) : keys - 1;
    for (int64_t key = 0; key < keys && key <= last && !found; ++key)
      found = stored.integer(row * keys + key) != 0;
    if (!found)
      reject("row ", row, " of a mask keeps no key");
  }
}
