//===- JointRules.h - Bounds of several operations together --*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_ANALYSIS_JOINTRULES_H
#define LIPT_ANALYSIS_JOINTRULES_H

#include "lipt/Analysis/BoundPlanBuilder.h"

namespace lipt {

/// Appends the alternatives that treat several operations up to `result` as
/// one: an affine chain multiplied out (B-lin over the product), and attention
/// with its projections (docs/Certificate.md 5.3). Call it once per value, in
/// program order, after the operation's own rule.
void appendJointRules(BoundPlanBuilder &builder, mlir::Value result);

} // namespace lipt

#endif // LIPT_ANALYSIS_JOINTRULES_H
