//===- LinearBounds.cpp - Linear layers, convolutions, pooling ===//
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

std::vector<int64_t> toVector(ArrayRef<int64_t> values) {
  return {values.begin(), values.end()};
}

/// (B-lin) if the last axis is a width axis of a varying input and the weight
/// is constant; (B-lin-any), (B-mm2) in other arrangements.
struct LinearBounds
    : LipschitzOpInterface::ExternalModel<LinearBounds, LinearOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto linear = llvm::cast<LinearOp>(op);
    Value result = linear.getResult();
    if (auto image = plan.getAffineWalk().step(result)) {
      LinStep step;
      step.map = image->map;
      step.source = plan.name(image->source);
      plan.add(result, "B-lin", {image->source}, std::move(step))
          .roles["source"] = plan.name(image->source);
      return;
    }
    plan.unbounded(result, "a linear layer whose weight is not constant or "
                           "whose last axis counts positions");
  }
};

/// (B-lin-any) with one constant operand, (B-mm2) with two varying ones.
struct MatmulBounds
    : LipschitzOpInterface::ExternalModel<MatmulBounds, MatmulOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto matmul = llvm::cast<MatmulOp>(op);
    Value lhs = matmul.getLhs(), rhs = matmul.getRhs();
    if (plan.hasFacts(lhs) && plan.hasFacts(rhs)) {
      plan.add(op->getResult(0), "B-mm2", {lhs, rhs},
               ProductStep{plan.name(lhs), plan.name(rhs),
                           isSoftmaxOfLastAxis(lhs)});
      return;
    }
    bool constantOnLeft = plan.isConstant(lhs);
    Value source = constantOnLeft ? rhs : lhs;
    ConstantRef constant = plan.constant(constantOnLeft ? lhs : rhs);
    if (!constant || !plan.hasFacts(source)) {
      plan.unbounded(op, "a matrix product whose constant has a symbolic size; "
                         "bind it with --shape");
      return;
    }
    plan.add(op->getResult(0), "B-lin-any", {source},
             LinAnyStep{plan.name(source), constant, constantOnLeft});
  }
};

/// The batch norms and per-channel scalings right after a convolution, each
/// the only reader of what it reads.
void absorbChannelScales(BoundPlanBuilder &plan, ConvStep &step, Value &result,
                         SmallVectorImpl<Operation *> &covered) {
  while (result.hasOneUse()) {
    auto norm = llvm::dyn_cast<BatchNormOp>(*result.getUsers().begin());
    if (!norm || norm.getInput() != result)
      return;
    auto [scale, shift] = makeBatchNormVectors(
        plan.constant(norm.getScale()), plan.constant(norm.getBias()),
        plan.constant(norm.getMean()), plan.constant(norm.getVariance()),
        norm.getEpsilon().convertToDouble());
    if (!scale)
      return;
    step.scales.push_back(scale);
    step.shifts.push_back(shift);
    covered.push_back(norm);
    result = norm.getResult();
  }
}

/// (B-conv), (B-convT); alone, and together with the batch norms after it.
template <typename ConvT>
struct ConvolutionBounds
    : LipschitzOpInterface::ExternalModel<ConvolutionBounds<ConvT>, ConvT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto conv = llvm::cast<ConvT>(op);
    constexpr bool transposed = std::is_same_v<ConvT, ConvTransposeOp>;
    ConvStep step;
    step.weight = plan.constant(conv.getWeight());
    step.bias = plan.constant(conv.getBias());
    if (!step.weight || !plan.hasFacts(conv.getInput()) ||
        (conv.getBias() && !step.bias)) {
      plan.unbounded(op, "a convolution whose kernel is not constant");
      return;
    }
    step.source = plan.name(conv.getInput());
    step.strides = toVector(conv.getStrides());
    step.dilations = toVector(conv.getDilations());
    step.pads = toVector(conv.getPads());
    if constexpr (transposed)
      step.outputPadding = toVector(conv.getOutputPadding());
    step.groups = conv.getGroups();
    step.transposed = transposed;
    StringRef rule = transposed ? "B-convT" : "B-conv";
    plan.add(op->getResult(0), rule, {conv.getInput()}, step);

    Value result = op->getResult(0);
    SmallVector<Operation *> covered{op};
    absorbChannelScales(plan, step, result, covered);
    if (covered.size() == 1)
      return;
    for (Operation *norm : llvm::drop_begin(covered))
      plan.addFactual(norm->getResult(0));
    plan.add(result, rule, {conv.getInput()}, std::move(step), covered);
  }
};

/// (B-maxpool), (B-avgpool), (B-lppool), (B-gpool).
template <typename PoolT>
struct PoolBounds
    : LipschitzOpInterface::ExternalModel<PoolBounds<PoolT>, PoolT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto pool = llvm::cast<PoolT>(op);
    PoolStep step;
    step.source = plan.name(pool.getInput());
    constexpr bool isMax = std::is_same_v<PoolT, MaxPoolOp> ||
                           std::is_same_v<PoolT, GlobalMaxPoolOp>;
    constexpr bool isLp = std::is_same_v<PoolT, LpPoolOp> ||
                          std::is_same_v<PoolT, GlobalLpPoolOp>;
    constexpr bool isGlobal = std::is_same_v<PoolT, GlobalMaxPoolOp> ||
                              std::is_same_v<PoolT, GlobalLpPoolOp> ||
                              std::is_same_v<PoolT, GlobalAveragePoolOp>;
    step.kind = isMax ? "max" : isLp ? "lp" : "average";
    StringRef rule = isGlobal ? "B-gpool"
                     : isMax  ? "B-maxpool"
                     : isLp   ? "B-lppool"
                              : "B-avgpool";
    if constexpr (isLp)
      step.p = pool.getP();
    if constexpr (!isGlobal) {
      step.kernel = toVector(pool.getKernel());
      step.strides = toVector(pool.getStrides());
      step.dilations = toVector(pool.getDilations());
      step.pads = toVector(pool.getPads());
      step.ceilMode = pool.getCeilMode();
    }
    if constexpr (std::is_same_v<PoolT, AveragePoolOp>)
      step.countIncludePad = pool.getCountIncludePad();
    plan.add(op->getResult(0), rule, {pool.getInput()}, std::move(step));
  }
};

/// (B-add) with the stored factors of the residual mix.
struct ResidualMixBounds
    : LipschitzOpInterface::ExternalModel<ResidualMixBounds, ResidualMixOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto mix = llvm::cast<ResidualMixOp>(op);
    AddStep step;
    SmallVector<Value> inputs;
    auto append = [&](Value value, double factor) {
      if (plan.hasFacts(value)) {
        step.sources.push_back(plan.name(value));
        step.factors.push_back(factor);
        inputs.push_back(value);
        return true;
      }
      ConstantRef constant = plan.constant(value);
      step.constants.push_back(constant);
      step.constantFactors.push_back(factor);
      return constant != nullptr;
    };
    if (!append(mix.getStream(), mix.getStreamFactor().convertToDouble()) ||
        !append(mix.getBranch(), mix.getBranchFactor().convertToDouble())) {
      plan.unbounded(op, "a constant branch with a symbolic size");
      return;
    }
    plan.add(op->getResult(0), "B-add", inputs, std::move(step));
  }
};

} // namespace

void lipt::attachLinearBounds(MLIRContext &context) {
  LinearOp::attachInterface<LinearBounds>(context);
  MatmulOp::attachInterface<MatmulBounds>(context);
  ConvOp::attachInterface<ConvolutionBounds<ConvOp>>(context);
  ConvTransposeOp::attachInterface<ConvolutionBounds<ConvTransposeOp>>(context);
  ResidualMixOp::attachInterface<ResidualMixBounds>(context);
  AveragePoolOp::attachInterface<PoolBounds<AveragePoolOp>>(context);
  MaxPoolOp::attachInterface<PoolBounds<MaxPoolOp>>(context);
  LpPoolOp::attachInterface<PoolBounds<LpPoolOp>>(context);
  GlobalAveragePoolOp::attachInterface<PoolBounds<GlobalAveragePoolOp>>(
      context);
  GlobalMaxPoolOp::attachInterface<PoolBounds<GlobalMaxPoolOp>>(context);
  GlobalLpPoolOp::attachInterface<PoolBounds<GlobalLpPoolOp>>(context);
}
