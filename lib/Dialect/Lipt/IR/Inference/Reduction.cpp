//===- Reduction.cpp - Types of reductions and scans -------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceHelpers.h"

#include "llvm/ADT/SmallBitVector.h"

using namespace lipt;
using namespace lipt::inference;
using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;

LIPT_INFER(ReduceOp) {
  Axes axes = lipt::getAxes(adaptor.getInput().getType());
  llvm::SmallBitVector reduced(axes.size());
  for (int64_t axis : adaptor.getAxes()) {
    if (failed(checkAxis(location, axis, axes.size())))
      return failure();
    if (reduced.test(axis))
      return emitOptionalError(location, "axis ", axis, " is listed twice");
    reduced.set(axis);
  }
  Axes result;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (!reduced.test(i))
      result.push_back(axis);
    else if (adaptor.getKeepDims())
      result.push_back({1, axis.role});
  }
  return addType(location, result, elementType(adaptor.getInput()), types);
}

llvm::LogicalResult CumSumOp::verify() {
  return checkAxis(getLoc(), getAxis(), getInput().getType().getRank());
}

llvm::LogicalResult TriluOp::verify() {
  if (getInput().getType().getRank() < 2)
    return emitOpError("expected an input of rank 2 or more");
  return mlir::success();
}
