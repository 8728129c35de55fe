//===- Shape.cpp - Types of operations that move entries ---*- C++ -*-===//
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

LIPT_INFER(TransposeOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  llvm::ArrayRef<int64_t> permutation = adaptor.getPermutation();
  if (failed(checkLength(location, "permutation", permutation, axes.size())))
    return failure();
  llvm::SmallBitVector seen(axes.size());
  Axes result;
  for (int64_t axis : permutation) {
    if (failed(checkAxis(location, axis, axes.size())))
      return failure();
    if (seen.test(axis))
      return emitOptionalError(location, "axis ", axis,
                               " appears twice in 'permutation'");
    seen.set(axis);
    result.push_back(axes[axis]);
  }
  return addType(location, result, elementType(adaptor.getInput()), types);
}

LIPT_INFER(ConcatOp) {
  if (adaptor.getInputs().empty())
    return emitOptionalError(location, "expected at least one operand");
  mlir::Value first = adaptor.getInputs().front();
  Axes axes = getAxes(first.getType());
  if (failed(checkAxis(location, adaptor.getAxis(), axes.size())))
    return failure();
  for (mlir::Value input : adaptor.getInputs().drop_front()) {
    Axes other = getAxes(input.getType());
    if (failed(checkSameElementType(location, elementType(first),
                                    elementType(input))))
      return failure();
    if (other.size() != axes.size())
      return emitOptionalError(location, "cannot join tensors of ranks ",
                               axes.size(), " and ", other.size());
    for (auto [i, axis] : llvm::enumerate(axes)) {
      if (axis.role == AxisRole::Unknown)
        axis.role = other[i].role;
      if (i == size_t(adaptor.getAxis()))
        axis.size = axis.size + other[i].size;
      else if (axis.size != other[i].size)
        return emitOptionalError(location, "axis ", i, " has the size ",
                                 axis.size.toString(), " in one operand and ",
                                 other[i].size.toString(), " in another");
    }
  }
  return addType(location, axes, elementType(first), types);
}

LIPT_INFER(SplitOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  if (failed(checkAxis(location, adaptor.getAxis(), axes.size())))
    return failure();
  if (adaptor.getSizes().empty())
    return emitOptionalError(location, "expected at least one part");
  SymbolicSize sum;
  for (int64_t size : adaptor.getSizes())
    sum = sum + size;
  Axis &axis = axes[adaptor.getAxis()];
  if (sum != axis.size)
    return emitOptionalError(location, "parts of ", sum.toString(),
                             " entries in all do not make up an axis of size ",
                             axis.size.toString());
  for (int64_t size : adaptor.getSizes()) {
    axis.size = size;
    if (failed(addType(location, axes, elementType(adaptor.getInput()), types)))
      return failure();
  }
  return mlir::success();
}

/// Modes that copy entries need entries to copy.
static llvm::LogicalResult checkPadding(OptionalLocation location, PadMode mode,
                                        const SymbolicSize &size,
                                        int64_t padding) {
  std::optional<int64_t> entries = size.getStatic();
  if (!entries || padding <= 0 || mode == PadMode::Constant)
    return mlir::success();
  int64_t available = mode == PadMode::Reflect ? *entries - 1 : *entries;
  if (mode == PadMode::Edge ? available >= 1 : available >= padding)
    return mlir::success();
  return emitOptionalError(location, "an axis of size ", *entries,
                           " cannot be padded by ", padding, " in mode ",
                           stringifyPadMode(mode));
}

LIPT_INFER(PadOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  llvm::ArrayRef<int64_t> pads = adaptor.getPads();
  if (failed(checkLength(location, "pads", pads, 2 * axes.size())))
    return failure();
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t begin = pads[i], end = pads[axes.size() + i];
    if (failed(checkPadding(location, adaptor.getMode(), axis.size, begin)) ||
        failed(checkPadding(location, adaptor.getMode(), axis.size, end)))
      return failure();
    axis.size = axis.size + begin + end;
  }
  return addType(location, axes, elementType(adaptor.getInput()), types);
}

LIPT_INFER(TileOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  if (failed(
          checkLength(location, "repeats", adaptor.getRepeats(), axes.size())))
    return failure();
  for (auto [axis, repeat] : llvm::zip(axes, adaptor.getRepeats())) {
    if (repeat < 0)
      return emitOptionalError(location, "an entry of 'repeats' is ", repeat,
                               ", expected none below 0");
    axis.size = axis.size * repeat;
  }
  return addType(location, axes, elementType(adaptor.getInput()), types);
}

static llvm::LogicalResult checkIndices(OptionalLocation location,
                                        mlir::Value indices) {
  if (elementType(indices).isInteger())
    return mlir::success();
  return emitOptionalError(location, "indices have entries of type ",
                           elementType(indices), ", expected integers");
}

LIPT_INFER(GatherOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  Axes indices = getAxes(adaptor.getIndices().getType());
  if (failed(checkAxis(location, adaptor.getAxis(), axes.size())) ||
      failed(checkIndices(location, adaptor.getIndices())))
    return failure();
  // A list of indices without a role selects along the axis: same role.
  if (indices.size() == 1 && indices[0].role == AxisRole::Unknown)
    indices[0].role = axes[adaptor.getAxis()].role;
  Axes result(axes.begin(), axes.begin() + adaptor.getAxis());
  result.append(indices);
  result.append(axes.begin() + adaptor.getAxis() + 1, axes.end());
  return addType(location, result, elementType(adaptor.getInput()), types);
}

LIPT_INFER(GatherElementsOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  Axes indices = getAxes(adaptor.getIndices().getType());
  if (failed(checkAxis(location, adaptor.getAxis(), axes.size())) ||
      failed(checkIndices(location, adaptor.getIndices())))
    return failure();
  if (indices.size() != axes.size())
    return emitOptionalError(location, "indices of rank ", indices.size(),
                             " do not fit an input of rank ", axes.size());
  for (auto [i, axis] : llvm::enumerate(axes)) {
    std::optional<int64_t> room = (axis.size - indices[i].size).getStatic();
    if (i != size_t(adaptor.getAxis()) && room.value_or(0) < 0)
      return emitOptionalError(
          location, "axis ", i, " has the size ", indices[i].size.toString(),
          " in the indices, more than ", axis.size.toString(), " in the input");
    axis.size = indices[i].size;
  }
  return addType(location, axes, elementType(adaptor.getInput()), types);
}
