//===- LiptOps.td - All operations of the lipt dialect ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_OPS_TD
#define LIPT_DIALECT_LIPT_OPS_TD

include "lipt/Dialect/Lipt/IR/LiptOpBase.td"
include "lipt/Dialect/Lipt/IR/LiptParamOps.td"
include "lipt/Dialect/Lipt/IR/LiptLinearOps.td"
include "lipt/Dialect/Lipt/IR/LiptNormalizationOps.td"
include "lipt/Dialect/Lipt/IR/LiptAttentionOps.td"
include "lipt/Dialect/Lipt/IR/LiptActivationOps.td"
include "lipt/Dialect/Lipt/IR/LiptElementwiseOps.td"
include "lipt/Dialect/Lipt/IR/LiptReductionOps.td"
include "lipt/Dialect/Lipt/IR/LiptShapeOps.td"

#endif // LIPT_DIALECT_LIPT_OPS_TD
