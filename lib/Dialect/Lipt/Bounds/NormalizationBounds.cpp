//===- NormalizationBounds.cpp - Normalisations, caps, softmax ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/Bounds/Models.h"
#include "lipt/Interfaces/LipschitzOpInterface.h"

using namespace lipt;
using namespace mlir;

namespace {

/// (B-bn): a scale and a shift per channel.
struct BatchNormBounds
    : LipschitzOpInterface::ExternalModel<BatchNormBounds, BatchNormOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto norm = llvm::cast<BatchNormOp>(op);
    auto [scale, shift] = makeBatchNormVectors(
        plan.constant(norm.getScale()), plan.constant(norm.getBias()),
        plan.constant(norm.getMean()), plan.constant(norm.getVariance()),
        norm.getEpsilon().convertToDouble());
    if (!scale) {
      plan.unbounded(op, "batch normalisation whose statistics are not "
                         "constant (training mode)");
      return;
    }
    plan.add(op->getResult(0), "B-bn", {norm.getInput()},
             ChannelAffineStep{plan.name(norm.getInput()), scale, shift, 1});
  }
};

/// The normalised axes: a suffix from one axis on, or a list.
template <typename NormT> void takeAxes(NormT norm, NormStep &step) {
  int64_t rank = norm.getInput().getType().getRank();
  step.axis = norm.getAxis();
  std::optional<ArrayRef<int64_t>> axes = norm.getAxes();
  if (!axes || rank - step.axis == static_cast<int64_t>(axes->size()))
    return;
  step.axes.assign(axes->begin(), axes->end());
  step.axis = rank;
}

/// (B-ln), (B-rms), (B-gn), (B-lpn), (B-cap).
template <typename NormT>
struct NormBounds
    : LipschitzOpInterface::ExternalModel<NormBounds<NormT>, NormT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto norm = llvm::cast<NormT>(op);
    NormStep step;
    step.source = plan.name(norm.getInput());
    step.form = op->getName().stripDialect().str();
    StringRef rule = "B-cap";
    bool constantParameters = true;
    auto take = [&](Value value, ConstantRef &slot) {
      slot = plan.constant(value);
      constantParameters &= !value || slot;
    };
    if constexpr (std::is_same_v<NormT, LayerNormOp>) {
      rule = "B-ln";
      take(norm.getGain(), step.gain);
      take(norm.getBias(), step.bias);
      takeAxes(norm, step);
      step.epsilon = norm.getEpsilon().convertToDouble();
    } else if constexpr (std::is_same_v<NormT, RmsNormOp>) {
      rule = "B-rms";
      take(norm.getGain(), step.gain);
      takeAxes(norm, step);
      step.epsilon = norm.getEpsilon().convertToDouble();
    } else if constexpr (std::is_same_v<NormT, GroupNormOp>) {
      rule = "B-gn";
      take(norm.getGain(), step.gain);
      take(norm.getBias(), step.bias);
      step.groups = norm.getGroups();
      step.epsilon = norm.getEpsilon().convertToDouble();
    } else if constexpr (std::is_same_v<NormT, LpNormOp>) {
      plan.unbounded(op, "Lp normalisation is not Lipschitz at 0 (B-lpn)");
      return;
    } else {
      step.radius = norm.getRadius().convertToDouble();
    }
    if (!constantParameters) {
      plan.unbounded(op, "normalisation with a gain or bias that is not "
                         "constant");
      return;
    }
    plan.add(op->getResult(0), rule, {norm.getInput()}, std::move(step))
        .roles["source"] = plan.name(norm.getInput());
  }
};

/// (B-softmax), (B-logsoftmax).
template <typename SoftmaxT>
struct SoftmaxBounds
    : LipschitzOpInterface::ExternalModel<SoftmaxBounds<SoftmaxT>, SoftmaxT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto softmax = llvm::cast<SoftmaxT>(op);
    constexpr bool logarithm = std::is_same_v<SoftmaxT, LogSoftmaxOp>;
    plan.add(op->getResult(0), logarithm ? "B-logsoftmax" : "B-softmax",
             {softmax.getInput()},
             SoftmaxStep{plan.name(softmax.getInput()),
                         static_cast<int64_t>(softmax.getAxis()),
                         softmax.getFlatten(), logarithm});
  }
};

} // namespace

bool lipt::isSoftmaxOfLastAxis(Value value) {
  auto softmax = value.getDefiningOp<SoftmaxOp>();
  if (!softmax || softmax.getFlatten())
    return false;
  return static_cast<int64_t>(softmax.getAxis()) ==
         llvm::cast<RankedTensorType>(value.getType()).getRank() - 1;
}

void lipt::attachNormalizationBounds(MLIRContext &context) {
  BatchNormOp::attachInterface<BatchNormBounds>(context);
  LayerNormOp::attachInterface<NormBounds<LayerNormOp>>(context);
  RmsNormOp::attachInterface<NormBounds<RmsNormOp>>(context);
  GroupNormOp::attachInterface<NormBounds<GroupNormOp>>(context);
  LpNormOp::attachInterface<NormBounds<LpNormOp>>(context);
  RmsCapOp::attachInterface<NormBounds<RmsCapOp>>(context);
  SoftmaxOp::attachInterface<SoftmaxBounds<SoftmaxOp>>(context);
  LogSoftmaxOp::attachInterface<SoftmaxBounds<LogSoftmaxOp>>(context);
}
