//===- Models.cpp - Bound models of the lipt operations ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/Bounds/Models.h"

using namespace lipt;

void lipt::registerBoundModels(mlir::DialectRegistry &registry) {
  registry.addExtension(+[](mlir::MLIRContext *context, LiptDialect *) {
    attachLinearBounds(*context);
    attachNormalizationBounds(*context);
    attachAttentionBounds(*context);
    attachActivationBounds(*context);
    attachElementwiseBounds(*context);
    attachReductionBounds(*context);
    attachShapeBounds(*context);
  });
}
