//===- Attention.cpp - Types of attention and rotary embeddings *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceHelpers.h"

using namespace lipt;
using namespace lipt::inference;
using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;
using mlir::success;

namespace {

/// One of q, k, v in the split layout [batch..., heads, tokens, width].
struct Heads {
  Axes batch;
  Axis heads, tokens, width;
};

} // namespace

/// Splits [..., heads, n, d], or [B, n, packedHeads * d] where that is not 0;
/// the last two axes are swapped if `transposed`.
static mlir::FailureOr<Heads> splitHeads(OptionalLocation location,
                                         llvm::StringRef name,
                                         mlir::Value value, int64_t packedHeads,
                                         bool transposed = false) {
  Axes axes = getAxes(value.getType());
  if (transposed && axes.size() >= 2)
    std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
  Heads split;
  if (packedHeads == 0) {
    if (axes.size() < 3)
      return emitOptionalError(location, "expected '", name,
                               "' of rank 3 or more, got rank ", axes.size());
    split.width = axes.pop_back_val();
    split.tokens = axes.pop_back_val();
    split.heads = axes.pop_back_val();
  } else {
    if (axes.size() != 3)
      return emitOptionalError(location, "expected '", name,
                               "' of rank 3 for packed heads, got rank ",
                               axes.size());
    std::optional<SymbolicSize> width = axes[2].size.dividedBy(packedHeads);
    if (!width)
      return emitOptionalError(location, "an axis of size ",
                               axes[2].size.toString(), " of '", name,
                               "' does not hold ", packedHeads, " heads");
    split.width = {*width, axes[2].role};
    split.tokens = axes[1];
    split.heads = {packedHeads, AxisRole::Head};
    axes.resize(1);
  }
  split.batch.assign(axes.begin(), axes.end());
  return split;
}

static llvm::LogicalResult checkEqualSizes(OptionalLocation location,
                                           llvm::StringRef what,
                                           const SymbolicSize &lhs,
                                           const SymbolicSize &rhs) {
  if (lhs == rhs)
    return success();
  return emitOptionalError(location, what, " differ: ", lhs.toString(), " and ",
                           rhs.toString());
}

static llvm::LogicalResult checkMask(OptionalLocation location,
                                     AttentionOp::Adaptor adaptor,
                                     const Heads &query, const Heads &key) {
  mlir::Value mask = adaptor.getMask();
  if (!mask)
    return success();
  Axes logits(query.batch);
  logits.append({query.heads, query.tokens, key.tokens});
  mlir::Type element = elementType(mask);
  if (adaptor.getMaskKind() == MaskKind::Additive) {
    if (failed(checkSameElementType(location, elementType(adaptor.getQuery()),
                                    element)))
      return failure();
  } else if (!element.isInteger(1)) {
    return emitOptionalError(location, "a mask of kind ",
                             stringifyMaskKind(adaptor.getMaskKind()),
                             " has entries of type ", element, ", expected i1");
  }
  return checkBroadcastsTo(location, "mask", getAxes(mask.getType()), logits);
}

LIPT_INFER(AttentionOp) {
  int64_t queryHeads = 0, keyHeads = 0;
  if (auto packed = adaptor.getPackedHeads()) {
    if (failed(checkLength(location, "packed_heads", *packed, 2)))
      return failure();
    queryHeads = (*packed)[0];
    keyHeads = (*packed)[1];
    if (queryHeads < 1 || keyHeads < 1)
      return emitOptionalError(location, "'packed_heads' has to be positive");
  }
  if (!adaptor.getScale().isFinite())
    return emitOptionalError(location, "'scale' has to be finite");
  llvm::APFloat softcap = adaptor.getSoftcap();
  if (!softcap.isFinite() || (softcap.isNegative() && !softcap.isZero()))
    return emitOptionalError(location,
                             "'softcap' has to be finite and not negative");
  if (adaptor.getMaskFill().isNaN())
    return emitOptionalError(location, "'mask_fill' is not a number");
  mlir::FailureOr<Heads> query =
      splitHeads(location, "query", adaptor.getQuery(), queryHeads);
  mlir::FailureOr<Heads> key = splitHeads(location, "key", adaptor.getKey(),
                                          keyHeads, adaptor.getKeyTransposed());
  mlir::FailureOr<Heads> value =
      splitHeads(location, "value", adaptor.getValue(), keyHeads);
  if (failed(query) || failed(key) || failed(value))
    return failure();

  mlir::Type element = elementType(adaptor.getQuery());
  for (mlir::Value other : {adaptor.getKey(), adaptor.getValue()})
    if (failed(checkSameElementType(location, element, elementType(other))))
      return failure();
  for (const Heads &other : {*key, *value}) {
    if (other.batch.size() != query->batch.size())
      return emitOptionalError(location,
                               "query, key and value have different ranks");
    for (auto [left, right] : llvm::zip(query->batch, other.batch))
      if (failed(
              checkEqualSizes(location, "batch sizes", left.size, right.size)))
        return failure();
  }
  if (failed(checkEqualSizes(location, "key and value heads", key->heads.size,
                             value->heads.size)) ||
      failed(checkEqualSizes(location, "key and value lengths",
                             key->tokens.size, value->tokens.size)) ||
      failed(checkEqualSizes(location, "query and key widths",
                             query->width.size, key->width.size)) ||
      failed(checkMask(location, adaptor, *query, *key)))
    return failure();
  if (!query->heads.size.dividedBy(key->heads.size))
    return emitOptionalError(location, query->heads.size.toString(),
                             " query heads cannot share ",
                             key->heads.size.toString(), " key heads");

  Axes axes(query->batch);
  Axis width = {value->width.size, AxisRole::Feature};
  if (adaptor.getPackedHeads()) {
    width.size = width.size * query->heads.size;
    axes.append({query->tokens, width});
  } else {
    axes.append({{query->heads.size, AxisRole::Head}, query->tokens, width});
  }
  return addType(location, axes, element, types);
}

LIPT_INFER(RotaryOp) {
  Axes input = getAxes(adaptor.getInput().getType());
  mlir::Type element = elementType(adaptor.getInput());
  int64_t heads = int64_t(adaptor.getPackedHeads());
  if (heads < 0 || (heads > 0 && input.size() != 3) || input.size() < 2)
    return emitOptionalError(location,
                             "expected an input of rank 2 or more (3 for "
                             "packed heads), and no negative number of heads");
  std::optional<SymbolicSize> width =
      input.back().size.dividedBy(std::max<int64_t>(heads, 1));
  if (!width || !width->isStatic())
    return emitOptionalError(location, "expected a static width of each head");
  int64_t rotated = int64_t(adaptor.getRotaryDim());
  if (rotated == 0)
    rotated = *width->getStatic();
  if (rotated <= 0 || rotated % 2 != 0 || rotated > *width->getStatic())
    return emitOptionalError(location, "cannot rotate ", rotated, " of ",
                             width->toString(), " features");
  Axes table = input;
  table.back().size = adaptor.getFullTable() ? rotated : rotated / 2;
  const std::pair<llvm::StringRef, mlir::Value> tables[] = {
      {"cos", adaptor.getCos()}, {"sin", adaptor.getSin()}};
  for (auto [name, value] : tables)
    if (failed(checkSameElementType(location, element, elementType(value))) ||
        failed(
            checkBroadcastsTo(location, name, getAxes(value.getType()), table)))
      return failure();
  return addType(location, input, element, types);
}
