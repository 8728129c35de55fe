//===- ActivationBounds.cpp - Entrywise functions of one tensor ===//
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

/// (B-act): the form is the operation's name, its float attributes the
/// parameters (alpha, beta, gamma, limit, min, max).
template <typename ActivationT>
struct ActivationBounds
    : LipschitzOpInterface::ExternalModel<ActivationBounds<ActivationT>,
                                          ActivationT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    ActivationStep step;
    step.source = plan.name(op->getOperand(0));
    step.form = op->getName().stripDialect().str();
    if (auto gelu = llvm::dyn_cast<GeluOp>(op))
      step.form += "-" + stringifyGeluForm(gelu.getForm()).str();
    for (StringAttr name : op->getRegisteredInfo()->getAttributeNames())
      if (auto number = op->getAttrOfType<FloatAttr>(name))
        step.parameters[name.str()] = number.getValueAsDouble();
    if constexpr (std::is_same_v<ActivationT, PReluOp>) {
      step.slope = plan.constant(op->getOperand(1));
      if (!step.slope) {
        plan.unbounded(op, "PReLU with a slope that is not constant");
        return;
      }
    }
    if constexpr (std::is_same_v<ActivationT, SiluOp>)
      step.parameters.try_emplace("beta", 1);
    plan.add(op->getResult(0), "B-act", {op->getOperand(0)}, std::move(step));
  }
};

/// (B-exp): needs a range that the function is smooth on.
template <typename FunctionT>
struct DomainFunctionBounds
    : LipschitzOpInterface::ExternalModel<DomainFunctionBounds<FunctionT>,
                                          FunctionT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    plan.add(op->getResult(0), "B-exp", {op->getOperand(0)},
             DomainFunctionStep{plan.name(op->getOperand(0)),
                                op->getName().stripDialect().str()});
  }
};

template <typename JumpT>
struct JumpBounds
    : LipschitzOpInterface::ExternalModel<JumpBounds<JumpT>, JumpT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    plan.unbounded(op, "the operator jumps (B-jump)");
  }
};

template <typename... OpT> void attachActivations(MLIRContext &context) {
  (OpT::template attachInterface<ActivationBounds<OpT>>(context), ...);
}
template <typename... OpT> void attachDomainFunctions(MLIRContext &context) {
  (OpT::template attachInterface<DomainFunctionBounds<OpT>>(context), ...);
}
template <typename... OpT> void attachJumps(MLIRContext &context) {
  (OpT::template attachInterface<JumpBounds<OpT>>(context), ...);
}

} // namespace

void lipt::attachActivationBounds(MLIRContext &context) {
  attachActivations<ReluOp, LeakyReluOp, PReluOp, EluOp, SeluOp, CeluOp, GeluOp,
                    SiluOp, MishOp, HardSwishOp, HardSigmoidOp, SigmoidOp,
                    TanhOp, SoftplusOp, SoftsignOp, ErfOp, ClipOp, AbsOp, NegOp,
                    SinOp, CosOp, AtanOp, SquaredReluOp, SoftCapOp,
                    ThresholdedReluOp>(context);
  attachDomainFunctions<ExpOp, LogOp, SqrtOp, ReciprocalOp>(context);
  attachJumps<FloorOp, CeilOp, RoundOp, SignOp>(context);
}
