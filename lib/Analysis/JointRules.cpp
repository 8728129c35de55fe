//===- JointRules.cpp - Bounds of several operations together ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Analysis/JointRules.h"

#include "lipt/Dialect/Lipt/Bounds/Models.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"

using namespace lipt;
using namespace mlir;

/// The norm layer whose normalised vector is the image's source.
static std::optional<LinStep::Normalized>
describeNormalized(BoundPlanBuilder &builder, const AffineImage &image) {
  if (!image.normalized)
    return std::nullopt;
  LinStep::Normalized result;
  Operation *op = image.source.getDefiningOp();
  if (auto norm = llvm::dyn_cast<LayerNormOp>(op)) {
    result.input = builder.name(norm.getInput());
    result.centered = true;
    result.epsilon = norm.getEpsilon().convertToDouble();
  } else {
    auto rms = llvm::cast<RmsNormOp>(op);
    result.input = builder.name(rms.getInput());
    result.epsilon = rms.getEpsilon().convertToDouble();
  }
  result.count = *getWidth(getAxes(image.source.getType()));
  return result;
}

/// The value whose facts a rule with this source reads.
static Value getFactsSource(const AffineImage &image) {
  return image.normalized ? image.source.getDefiningOp()->getOperand(0)
                          : image.source;
}

static std::string getSourceName(BoundPlanBuilder &builder,
                                 const AffineImage &image) {
  std::string name = builder.name(image.source);
  return image.normalized ? "norm(" + name + ")" : name;
}

/// True if somebody reads `value` other than through the same affine chain.
static bool endsChain(BoundPlanBuilder &builder, Value value,
                      const AffineImage &image) {
  if (value.use_empty())
    return true;
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (user->getNumResults() == 0)
      return true;
    return llvm::any_of(user->getResults(), [&](Value result) {
      if (!llvm::isa<FloatType>(getElementTypeOrSelf(result.getType())))
        return true;
      const AffineImage &next = builder.getAffineWalk().walk(result);
      return next.source != image.source || next.normalized != image.normalized;
    });
  });
}

//===----------------------------------------------------------------------===//
// Attention with its projections
//===----------------------------------------------------------------------===//

namespace {
struct Projection {
  Value value; ///< before the rotary embedding
  AffineImage image;
  RotaryOp rotary;
};
} // namespace

/// The affine image behind an operand of attention, through a rotary embedding.
static Projection findProjection(BoundPlanBuilder &builder, Value operand) {
  Projection projection;
  projection.rotary = operand.getDefiningOp<RotaryOp>();
  projection.value = projection.rotary ? projection.rotary.getInput() : operand;
  projection.image = builder.getAffineWalk().walk(projection.value);
  return projection;
}

/// Appends the rule of 5.3 that fits; `out` is affine in the core's result.
static void appendAttention(BoundPlanBuilder &builder, AttentionOp core,
                            Value out, AffineRef mapOut) {
  std::optional<AttentionStep> step = describeAttentionCore(builder, core);
  if (!step)
    return;
  Projection q = findProjection(builder, core.getQuery());
  Projection k = findProjection(builder, core.getKey());
  Projection v = findProjection(builder, core.getValue());
  // Both or neither rotated, by the same tables; values never.
  if (bool(q.rotary) != bool(k.rotary) || v.rotary)
    return;
  if (q.rotary) {
    step->rotaryCos = builder.constant(q.rotary.getCos());
    step->rotarySin = builder.constant(q.rotary.getSin());
    if (!step->rotaryCos || !step->rotarySin ||
        !isSameConstant(step->rotaryCos, builder.constant(k.rotary.getCos())) ||
        !isSameConstant(step->rotarySin, builder.constant(k.rotary.getSin())) ||
        q.rotary.getRotaryDim() != k.rotary.getRotaryDim())
      return;
    step->rotaryInterleaved = q.rotary.getInterleaved();
    step->rotaryFull = q.rotary.getFullTable();
    step->rotaryPartial =
        q.rotary.getRotaryDim() != 0 &&
        static_cast<int64_t>(q.rotary.getRotaryDim()) != step->headWidth;
  }
  auto fits = [](const Projection &projection, int64_t width) {
    return projection.image.map && projection.image.map->width == width;
  };
  if (!fits(q, step->heads * step->headWidth) ||
      !fits(k, step->kvHeads * step->headWidth) ||
      !fits(v, step->kvHeads * step->valueWidth))
    return;

  step->mapQ = q.image.map;
  step->mapK = k.image.map;
  step->mapV = v.image.map;
  step->q = builder.name(q.value);
  step->k = builder.name(k.value);
  step->v = builder.name(v.value);
  step->sourceQ = builder.name(q.image.source);
  step->sourceK = builder.name(k.image.source);
  step->sourceV = builder.name(v.image.source);
  step->normalizedQ = describeNormalized(builder, q.image);
  step->normalizedK = describeNormalized(builder, k.image);
  step->normalizedV = describeNormalized(builder, v.image);
  step->mapOut = std::move(mapOut);
  std::string sourceQ = getSourceName(builder, q.image);
  std::string sourceK = getSourceName(builder, k.image);
  std::string sourceV = getSourceName(builder, v.image);
  // Key and value of one index must stem from the same position.
  bool aligned = k.image.arrangement == v.image.arrangement;
  bool self = aligned && q.image.arrangement == k.image.arrangement &&
              sourceQ == sourceK && sourceK == sourceV;
  if (!aligned && sourceK == sourceV)
    return;
  StringRef rule = "A";
  if (!self)
    rule = "A-X";
  else if (step->softcap > 0 || step->finiteFill)
    rule = "A-G";
  else if (q.rotary)
    rule = "A-R";
  if (rule == "A-X" && (step->softcap > 0 || step->finiteFill))
    return;

  SmallVector<Value> sources{getFactsSource(q.image), getFactsSource(k.image),
                             getFactsSource(v.image)};
  SmallVector<Operation *> covered = builder.operationsBetween(sources, out);
  std::map<std::string, std::string> roles{{"attention", step->attention}};
  if (self)
    roles["source"] = sourceQ;
  else
    roles.insert(
        {{"source_q", sourceQ}, {"source_k", sourceK}, {"source_v", sourceV}});
  builder.add(out, rule, sources, std::move(*step), covered).roles =
      std::move(roles);
}

//===----------------------------------------------------------------------===//
// Affine chains
//===----------------------------------------------------------------------===//

/// B-lin over the product of a chain (docs/Certificate.md 5.1).
static void appendChain(BoundPlanBuilder &builder, Value result,
                        const AffineImage &image) {
  LinStep step;
  step.map = image.map;
  step.source = builder.name(image.source);
  step.normalized = describeNormalized(builder, image);
  Value facts = getFactsSource(image);
  SmallVector<Operation *> covered = builder.operationsBetween({facts}, result);
  builder.add(result, "B-lin", {facts}, std::move(step), covered)
      .roles["source"] = getSourceName(builder, image);
}

void lipt::appendJointRules(BoundPlanBuilder &builder, Value result) {
  if (auto core = result.getDefiningOp<AttentionOp>()) {
    appendAttention(builder, core, result, nullptr);
    return;
  }
  AffineImage image = builder.getAffineWalk().walk(result);
  if (!image.map || image.source == result ||
      !endsChain(builder, result, image))
    return;
  if (image.factors >= 2)
    appendChain(builder, result, image);
  auto core = image.source.getDefiningOp<AttentionOp>();
  if (core && !image.normalized && image.factors > 0)
    appendAttention(builder, core, result, image.map);
}
