//===- Models.h - Bound models of the lipt operations --------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_BOUNDS_MODELS_H
#define LIPT_DIALECT_LIPT_BOUNDS_MODELS_H

#include "lipt/Analysis/BoundPlanBuilder.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "mlir/IR/DialectRegistry.h"

namespace lipt {

/// Attaches LipschitzOpInterface to the operations that have bound rules.
void registerBoundModels(mlir::DialectRegistry &registry);

// One function a family (file), called by registerBoundModels.
void attachLinearBounds(mlir::MLIRContext &context);
void attachNormalizationBounds(mlir::MLIRContext &context);
void attachAttentionBounds(mlir::MLIRContext &context);
void attachActivationBounds(mlir::MLIRContext &context);
void attachElementwiseBounds(mlir::MLIRContext &context);
void attachReductionBounds(mlir::MLIRContext &context);
void attachShapeBounds(mlir::MLIRContext &context);

/// The parts of an attention step that the core alone decides: heads, widths,
/// scale, mask, counts. Nothing if the mask rules out every rule; then the
/// result has been declared unbounded.
std::optional<AttentionStep> describeAttentionCore(BoundPlanBuilder &builder,
                                                   AttentionOp core);

/// True if a softmax's output along its last axis.
bool isSoftmaxOfLastAxis(mlir::Value value);

} // namespace lipt

#endif // LIPT_DIALECT_LIPT_BOUNDS_MODELS_H
