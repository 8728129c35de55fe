//===- Rules.h - One function for every rule family ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each returns the facts that the rule's own formulas give (docs/Certificate.md
// 5.2 and 5.3); the caller applies the closure and makes them claims.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CERTIFICATE_RULES_RULES_H
#define LIPT_LIB_CERTIFICATE_RULES_RULES_H

#include "../StepContext.h"

namespace lipt::rules {

Facts evaluate(const LinStep &step, StepContext &context);
Facts evaluate(const LinAnyStep &step, StepContext &context);
Facts evaluate(const ProductStep &step, StepContext &context);
Facts evaluate(const ConvStep &step, StepContext &context);
Facts evaluate(const ChannelAffineStep &step, StepContext &context);
Facts evaluate(const PoolStep &step, StepContext &context);
Facts evaluate(const ActivationStep &step, StepContext &context);
Facts evaluate(const DomainFunctionStep &step, StepContext &context);
Facts evaluate(const SoftmaxStep &step, StepContext &context);
Facts evaluate(const NormStep &step, StepContext &context);
Facts evaluate(const AddStep &step, StepContext &context);
Facts evaluate(const MulStep &step, StepContext &context);
Facts evaluate(const DivStep &step, StepContext &context);
Facts evaluate(const MinMaxStep &step, StepContext &context);
Facts evaluate(const WhereStep &step, StepContext &context);
Facts evaluate(const ReduceStep &step, StepContext &context);
Facts evaluate(const ConcatStep &step, StepContext &context);
Facts evaluate(const SliceStep &step, StepContext &context);
Facts evaluate(const PadStep &step, StepContext &context);
Facts evaluate(const TileStep &step, StepContext &context);
Facts evaluate(const GatherStep &step, StepContext &context);
Facts evaluate(const ShapeStep &step, StepContext &context);
Facts evaluate(const TriluStep &step, StepContext &context);
Facts evaluate(const RotaryStep &step, StepContext &context);
Facts evaluate(const EmbedStep &step, StepContext &context);
Facts evaluate(const AttentionStep &step, StepContext &context);
Facts evaluate(const RowStep &step, StepContext &context);
Facts evaluate(const UnboundedStep &step, StepContext &context);

} // namespace lipt::rules

#endif // LIPT_LIB_CERTIFICATE_RULES_RULES_H
