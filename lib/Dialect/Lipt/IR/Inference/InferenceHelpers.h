//===- InferenceHelpers.h - Shared parts of type inference -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_IR_INFERENCE_INFERENCEHELPERS_H
#define LIPT_DIALECT_LIPT_IR_INFERENCE_INFERENCEHELPERS_H

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "mlir/IR/Diagnostics.h"

namespace lipt::inference {

using OptionalLocation = std::optional<mlir::Location>;
using InferredTypes = llvm::SmallVectorImpl<mlir::Type>;

/// Adds the tensor type with these axes, or reports the axis whose size is
/// negative or does not fit into 64 bits.
llvm::LogicalResult addType(OptionalLocation location,
                            llvm::ArrayRef<Axis> axes, mlir::Type elementType,
                            InferredTypes &types);

/// An axis number has to be in [0, rank): importers resolve negative ones.
llvm::LogicalResult checkAxis(OptionalLocation location, int64_t axis,
                              size_t rank);

/// A list attribute has to have one entry for each of `count` things.
llvm::LogicalResult checkLength(OptionalLocation location, llvm::StringRef name,
                                llvm::ArrayRef<int64_t> values, size_t count);

/// The element types of two tensors have to be equal.
llvm::LogicalResult checkSameElementType(OptionalLocation location,
                                         mlir::Type lhs, mlir::Type rhs);

/// Numpy broadcasting, or a diagnostic.
mlir::FailureOr<Axes> broadcast(OptionalLocation location,
                                llvm::ArrayRef<Axis> lhs,
                                llvm::ArrayRef<Axis> rhs);

/// `value` broadcasts to `target` without changing target's sizes.
llvm::LogicalResult checkBroadcastsTo(OptionalLocation location,
                                      llvm::StringRef name,
                                      llvm::ArrayRef<Axis> value,
                                      llvm::ArrayRef<Axis> target);

inline mlir::Type elementType(mlir::Value value) {
  return mlir::getElementTypeOrSelf(value.getType());
}

} // namespace lipt::inference

/// The head of an operation's inference; see Lipt_InferResultTypes for what
/// has been checked before.
#define LIPT_INFER(OP)                                                         \
  llvm::LogicalResult OP::inferReturnTypes(                                    \
      mlir::MLIRContext *context, OptionalLocation location, Adaptor adaptor,  \
      InferredTypes &types)

#endif // LIPT_DIALECT_LIPT_IR_INFERENCE_INFERENCEHELPERS_H
