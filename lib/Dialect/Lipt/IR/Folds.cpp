//===- Folds.cpp - Folds and canonical forms ---------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "mlir/IR/PatternMatch.h"

using namespace lipt;
using mlir::failure;
using mlir::success;

// An identity folds only where the type stays, roles included. A merged pair
// keeps the tensor name of its second operation and covers the nodes of both.

mlir::OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? getInput() : mlir::Value();
}

mlir::OpFoldResult ExpandOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? getInput() : mlir::Value();
}

mlir::OpFoldResult CastOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? getInput() : mlir::Value();
}

mlir::OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [i, axis] : llvm::enumerate(getPermutation()))
    if (axis != int64_t(i))
      return {};
  return getInput();
}

/// Gives `merged` the name of `second` and the nodes of both.
static void mergeProvenance(mlir::Operation *first, mlir::Operation *second,
                            mlir::Operation *merged) {
  llvm::StringRef name = getTensorName(second->getResult(0));
  if (name.empty())
    return;
  llvm::SmallVector<llvm::StringRef> nodes = getCoveredNodes(first);
  llvm::append_range(nodes, getCoveredNodes(second));
  setProvenance(merged, {name}, nodes);
}

llvm::LogicalResult TransposeOp::canonicalize(TransposeOp op,
                                              mlir::PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<TransposeOp>();
  if (!inner)
    return failure();
  llvm::SmallVector<int64_t> permutation;
  for (int64_t axis : op.getPermutation())
    permutation.push_back(inner.getPermutation()[axis]);
  auto merged = TransposeOp::create(rewriter, op.getLoc(), op.getType(),
                                    inner.getInput(), permutation);
  mergeProvenance(inner, op, merged);
  rewriter.replaceOp(op, merged);
  return success();
}

llvm::LogicalResult ReshapeOp::canonicalize(ReshapeOp op,
                                            mlir::PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<ReshapeOp>();
  if (!inner)
    return failure();
  // The way through the middle may have turned positions into width: then the
  // direct way would have other roles.
  Axes stated = getAxes(op.getType());
  llvm::SmallVector<SymbolicSize> sizes;
  for (const Axis &axis : stated)
    sizes.push_back(axis.size);
  Axes direct = reshapeAxes(getAxes(inner.getInput().getType()), sizes);
  if (!haveEqualSizesAndPositions(direct, stated))
    return failure();
  auto merged =
      ReshapeOp::create(rewriter, op.getLoc(), op.getType(), inner.getInput());
  mergeProvenance(inner, op, merged);
  rewriter.replaceOp(op, merged);
  return success();
}
