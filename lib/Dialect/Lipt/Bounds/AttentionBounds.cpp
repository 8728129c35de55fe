//===- AttentionBounds.cpp - Attention and rotary embeddings ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/Bounds/Models.h"
#include "lipt/Interfaces/LipschitzOpInterface.h"

using namespace lipt;
using namespace mlir;

std::optional<AttentionStep> lipt::describeAttentionCore(BoundPlanBuilder &plan,
                                                         AttentionOp core) {
  AttentionStep step;
  Axes query = getAxes(core.getQuery().getType());
  Axes key = getAxes(core.getKey().getType());
  Axes value = getAxes(core.getValue().getType());
  auto at = [](const Axes &axes, int fromEnd) {
    return axes[axes.size() - fromEnd].size;
  };
  if (auto packed = core.getPackedHeads()) {
    step.heads = (*packed)[0];
    step.kvHeads = (*packed)[1];
  } else {
    auto heads = query.size() > 2 ? at(query, 3).getStatic() : 1;
    auto kvHeads = key.size() > 2 ? at(key, 3).getStatic() : 1;
    if (!heads || !kvHeads)
      return std::nullopt;
    step.heads = *heads;
    step.kvHeads = *kvHeads;
  }
  auto width = at(query, 1).getStatic();
  auto valueWidth = at(value, 1).getStatic();
  if (!width || !valueWidth || step.heads <= 0 || step.kvHeads <= 0)
    return std::nullopt;
  bool packed = core.getPackedHeads().has_value();
  step.headWidth = packed ? *width / step.heads : *width;
  step.valueWidth = packed ? *valueWidth / step.kvHeads : *valueWidth;
  step.queryCount = at(query, 2);
  step.keyCount = at(key, core.getKeyTransposed() ? 1 : 2);
  step.attention = plan.name(core.getResult());
  // The stored double may be the nearest to a product or quotient.
  step.scales = {std::nextafter(std::abs(core.getScale().convertToDouble()),
                                std::numeric_limits<double>::infinity())};
  step.softcap = core.getSoftcap().convertToDouble();
  step.causal = core.getCausal();
  step.keyTransposed = core.getKeyTransposed();
  step.finiteFill = core.getMask() && core.getMaskKind() == MaskKind::Fill;
  step.maskBoolean = core.getMask() && core.getMaskKind() == MaskKind::Boolean;
  if (Value mask = core.getMask()) {
    if (!plan.isConstant(mask))
      return std::nullopt;
    step.mask = plan.constant(mask);
    // A finite fill empties no row whatever the mask is.
    if (!step.mask && !step.finiteFill)
      return std::nullopt;
  }
  return step;
}

namespace {

/// (B-op): from the facts of Q, K and V alone. The joint rules (A, A-R, A-G,
/// A-X) are appended beside it (lib/Analysis/JointRules.cpp).
struct AttentionBounds
    : LipschitzOpInterface::ExternalModel<AttentionBounds, AttentionOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto core = llvm::cast<AttentionOp>(op);
    std::optional<AttentionStep> step = describeAttentionCore(plan, core);
    if (!step) {
      plan.unbounded(op, "attention whose mask depends on an input or has a "
                         "symbolic size (bind it with --shape)");
      return;
    }
    for (Value operand : {core.getQuery(), core.getKey(), core.getValue()})
      if (!plan.hasFacts(operand)) {
        plan.unbounded(op, "attention with a constant query, key or value");
        return;
      }
    step->q = plan.name(core.getQuery());
    step->k = plan.name(core.getKey());
    step->v = plan.name(core.getValue());
    std::map<std::string, std::string> roles{{"attention", step->attention},
                                             {"q", step->q},
                                             {"k", step->k},
                                             {"v", step->v}};
    plan.add(op->getResult(0), "B-op",
             {core.getQuery(), core.getKey(), core.getValue()},
             std::move(*step))
        .roles = std::move(roles);
  }
};

/// (B-rope).
struct RotaryBounds
    : LipschitzOpInterface::ExternalModel<RotaryBounds, RotaryOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto rotary = llvm::cast<RotaryOp>(op);
    RotaryStep step;
    step.source = plan.name(rotary.getInput());
    step.cos = plan.constant(rotary.getCos());
    step.sin = plan.constant(rotary.getSin());
    if (!step.cos || !step.sin) {
      plan.unbounded(op, "a rotary embedding whose tables are inputs or have a "
                         "symbolic size (bind it with --shape)");
      return;
    }
    step.interleaved = rotary.getInterleaved();
    step.full = rotary.getFullTable();
    step.partial = rotary.getRotaryDim() != 0;
    plan.add(op->getResult(0), "B-rope", {rotary.getInput()}, std::move(step));
  }
};

} // namespace

void lipt::attachAttentionBounds(MLIRContext &context) {
  AttentionOp::attachInterface<AttentionBounds>(context);
  RotaryOp::attachInterface<RotaryBounds>(context);
}
