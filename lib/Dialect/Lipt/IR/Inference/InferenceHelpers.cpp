//===- InferenceHelpers.cpp - Shared parts of type inference *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceHelpers.h"

using namespace lipt;
using namespace lipt::inference;
using mlir::emitOptionalError;
using mlir::failure;
using mlir::success;

llvm::LogicalResult inference::addType(OptionalLocation location,
                                       llvm::ArrayRef<Axis> axes,
                                       mlir::Type elementType,
                                       InferredTypes &types) {
  if (auto type = makeTensorType(axes, elementType)) {
    types.push_back(type);
    return success();
  }
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (!axis.size.isValid())
      return emitOptionalError(location, "the size of result axis ", i,
                               " does not fit into 64 bits");
    if (axis.size.getStatic().value_or(0) < 0)
      return emitOptionalError(location, "result axis ", i,
                               " would have the size ", axis.size.toString());
  }
  return emitOptionalError(location, "the result type is not valid");
}

llvm::LogicalResult inference::checkAxis(OptionalLocation location,
                                         int64_t axis, size_t rank) {
  if (axis >= 0 && uint64_t(axis) < rank)
    return success();
  return emitOptionalError(location, "axis ", axis,
                           " is not an axis of a tensor of rank ", rank,
                           " (axes count from 0)");
}

llvm::LogicalResult inference::checkLength(OptionalLocation location,
                                           llvm::StringRef name,
                                           llvm::ArrayRef<int64_t> values,
                                           size_t count) {
  if (values.size() == count)
    return success();
  return emitOptionalError(location, "'", name, "' has ", values.size(),
                           " entries, expected ", count);
}

llvm::LogicalResult inference::checkSameElementType(OptionalLocation location,
                                                    mlir::Type lhs,
                                                    mlir::Type rhs) {
  if (lhs == rhs)
    return success();
  return emitOptionalError(
      location, "operands have different element types: ", lhs, " and ", rhs);
}

mlir::FailureOr<Axes> inference::broadcast(OptionalLocation location,
                                           llvm::ArrayRef<Axis> lhs,
                                           llvm::ArrayRef<Axis> rhs) {
  if (std::optional<Axes> axes = broadcastAxes(lhs, rhs))
    return *axes;
  return emitOptionalError(location, "shapes ", toString(lhs), " and ",
                           toString(rhs), " do not broadcast");
}

llvm::LogicalResult inference::checkBroadcastsTo(OptionalLocation location,
                                                 llvm::StringRef name,
                                                 llvm::ArrayRef<Axis> value,
                                                 llvm::ArrayRef<Axis> target) {
  std::optional<Axes> axes;
  if (value.size() <= target.size())
    axes = broadcastAxes(value, target);
  if (axes && llvm::all_of(llvm::zip(*axes, target), [](auto pair) {
        return std::get<0>(pair).size == std::get<1>(pair).size;
      }))
    return success();
  return emitOptionalError(location, "'", name, "' of shape ", toString(value),
                           " does not broadcast to ", toString(target));
}
