//===- StatedShape.cpp - Checks of operations whose result type is stated *- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceHelpers.h"

using namespace lipt;
using namespace lipt::inference;
using mlir::failed;
using mlir::failure;
using mlir::success;

// The sizes of these results are stated, and their roles may be, within one
// limit: an axis of more than one entry counts positions in the result if it
// does so by the rule. Otherwise token norms would change their meaning along
// the way.

static llvm::LogicalResult checkRoles(mlir::Operation *op,
                                      llvm::ArrayRef<Axis> expected,
                                      llvm::ArrayRef<Axis> stated) {
  if (haveEqualSizesAndPositions(expected, stated))
    return success();
  return op->emitOpError() << "result axes " << toString(stated)
                           << " do not fit " << toString(expected)
                           << ", which follow from the input";
}

static llvm::LogicalResult checkElementType(mlir::Operation *op) {
  if (elementType(op->getOperand(0)) == elementType(op->getResult(0)))
    return success();
  return op->emitOpError("the result has another element type than the input");
}

llvm::LogicalResult ReshapeOp::verify() {
  Axes input = getAxes(getInput().getType());
  Axes stated = getAxes(getType());
  SymbolicSize inputCount = 1, statedCount = 1;
  llvm::SmallVector<SymbolicSize> sizes;
  for (const Axis &axis : input)
    inputCount = inputCount * axis.size;
  for (const Axis &axis : stated) {
    statedCount = statedCount * axis.size;
    sizes.push_back(axis.size);
  }
  if (!inputCount.isValid() || inputCount != statedCount)
    return emitOpError() << "cannot give " << inputCount.toString()
                         << " entries the shape " << toString(stated) << " of "
                         << statedCount.toString() << " entries";
  if (failed(checkElementType(*this)))
    return failure();
  return checkRoles(*this, reshapeAxes(input, sizes), stated);
}

llvm::LogicalResult ExpandOp::verify() {
  Axes input = getAxes(getInput().getType());
  Axes stated = getAxes(getType());
  if (failed(checkBroadcastsTo(getLoc(), "input", input, stated)) ||
      failed(checkElementType(*this)))
    return failure();
  // New and widened axes may have any role.
  Axes expected = stated;
  for (auto [from, to] :
       llvm::zip(llvm::reverse(input), llvm::reverse(expected)))
    if (from.size == to.size)
      to.role = from.role;
  return checkRoles(*this, expected, stated);
}

llvm::LogicalResult SliceOp::verify() {
  Axes input = getAxes(getInput().getType());
  Axes stated = getAxes(getType());
  if (failed(checkElementType(*this)) ||
      failed(checkLength(getLoc(), "starts", getStarts(), input.size())) ||
      failed(checkLength(getLoc(), "steps", getSteps(), input.size())))
    return failure();
  if (stated.size() != input.size())
    return emitOpError() << "the result has rank " << stated.size()
                         << ", the input " << input.size();
  Axes expected = input;
  for (auto [i, axis] : llvm::enumerate(expected)) {
    int64_t start = getStarts()[i], step = getSteps()[i];
    if (step == 0)
      return emitOpError() << "the step along axis " << i << " is 0";
    if (start < 0)
      return emitOpError() << "the start along axis " << i << " is negative";
    const SymbolicSize &count = stated[i].size;
    // The first and the last entry lie within the input, as far as sizes
    // without symbols can tell.
    SymbolicSize last = SymbolicSize(start) + (count - 1) * step;
    if (!last.isValid())
      return emitOpError() << "the end along axis " << i
                           << " does not fit into 64 bits";
    bool isEmpty = count == SymbolicSize(0);
    for (const SymbolicSize &index : {SymbolicSize(start), last})
      if (!isEmpty && (index.getStatic().value_or(0) < 0 ||
                       (axis.size - index).getStatic().value_or(1) < 1))
        return emitOpError()
               << "entry " << index.toString() << " of axis " << i
               << " is outside of its size " << axis.size.toString();
    axis.size = count;
  }
  return checkRoles(*this, expected, stated);
}

llvm::LogicalResult CastOp::verify() {
  return checkRoles(*this, getAxes(getInput().getType()), getAxes(getType()));
}

llvm::LogicalResult SplatOp::verify() {
  if (!llvm::isa<mlir::IntegerAttr, mlir::FloatAttr>(getValue()))
    return emitOpError("expected an integer or a float");
  if (getValue().getType() != getType().getElementType())
    return emitOpError() << "a value of type " << getValue().getType()
                         << " does not fit entries of type "
                         << getType().getElementType();
  return success();
}

llvm::LogicalResult IotaOp::verify() {
  Axes axes = getAxes(getType());
  if (axes.size() != 1)
    return emitOpError("expected a result of rank 1");
  if (!getType().getElementType().isIntOrFloat())
    return emitOpError("expected entries of integer or float type");
  SymbolicSize last = SymbolicSize(getStart()) + (axes[0].size - 1) * getStep();
  if (!last.isValid())
    return emitOpError("the last entry does not fit into 64 bits");
  return success();
}
