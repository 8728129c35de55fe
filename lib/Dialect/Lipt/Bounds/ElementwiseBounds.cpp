//===- ElementwiseBounds.cpp - Entrywise functions of several tensors ===//
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

constexpr llvm::StringLiteral symbolicConstant =
    "a constant operand with a symbolic size (bind it with --shape)";

/// (B-add): signed sums of varying and constant operands; Mean divides by the
/// number of operands.
template <typename SumT>
struct SumBounds : LipschitzOpInterface::ExternalModel<SumBounds<SumT>, SumT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    AddStep step;
    if constexpr (std::is_same_v<SumT, MeanOp>)
      step.divisor = op->getNumOperands();
    SmallVector<Value> inputs;
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      double factor = std::is_same_v<SumT, SubOp> && index == 1 ? -1 : 1;
      if (plan.hasFacts(operand)) {
        step.sources.push_back(plan.name(operand));
        step.factors.push_back(factor);
        inputs.push_back(operand);
        continue;
      }
      ConstantRef constant = plan.constant(operand);
      if (!constant) {
        plan.unbounded(op, symbolicConstant);
        return;
      }
      step.constants.push_back(constant);
      step.constantFactors.push_back(factor);
    }
    plan.add(op->getResult(0), "B-add", inputs, std::move(step));
  }
};

/// (B-mul): x * x is a power (B-pow); two factors need entry bounds.
struct MulBounds : LipschitzOpInterface::ExternalModel<MulBounds, MulOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto mul = llvm::cast<MulOp>(op);
    Value lhs = mul.getLhs(), rhs = mul.getRhs();
    if (lhs == rhs) {
      plan.add(op->getResult(0), "B-pow", {lhs},
               DomainFunctionStep{plan.name(lhs), "pow", 2});
      return;
    }
    if (plan.hasFacts(lhs) && plan.hasFacts(rhs)) {
      plan.add(op->getResult(0), "B-mul", {lhs, rhs},
               MulStep{plan.name(lhs), plan.name(rhs), nullptr});
      return;
    }
    Value source = plan.hasFacts(lhs) ? lhs : rhs;
    ConstantRef constant = plan.constant(source == lhs ? rhs : lhs);
    if (!constant) {
      plan.unbounded(op, symbolicConstant);
      return;
    }
    plan.add(op->getResult(0), "B-mul", {source},
             MulStep{plan.name(source), "", constant});
  }
};

/// (B-div): by a constant, of a constant, or of two varying tensors.
struct DivBounds : LipschitzOpInterface::ExternalModel<DivBounds, DivOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto div = llvm::cast<DivOp>(op);
    Value lhs = div.getLhs(), rhs = div.getRhs();
    DivStep step;
    SmallVector<Value> inputs;
    if (plan.hasFacts(lhs)) {
      step.lhs = plan.name(lhs);
      inputs.push_back(lhs);
    } else {
      step.constant = plan.constant(lhs);
      step.constantOnLeft = true;
    }
    if (plan.hasFacts(rhs)) {
      step.rhs = plan.name(rhs);
      inputs.push_back(rhs);
    } else {
      step.constant = plan.constant(rhs);
    }
    if (inputs.size() < 2 && !step.constant) {
      plan.unbounded(op, symbolicConstant);
      return;
    }
    plan.add(op->getResult(0), "B-div", inputs, std::move(step));
  }
};

/// (B-minmax).
template <typename OpT>
struct MinMaxBounds
    : LipschitzOpInterface::ExternalModel<MinMaxBounds<OpT>, OpT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    MinMaxStep step;
    step.maximum = std::is_same_v<OpT, MaximumOp>;
    SmallVector<Value> inputs;
    for (Value operand : op->getOperands()) {
      if (plan.hasFacts(operand)) {
        step.sources.push_back(plan.name(operand));
        inputs.push_back(operand);
      } else if (ConstantRef constant = plan.constant(operand)) {
        step.constants.push_back(constant);
      } else {
        plan.unbounded(op, symbolicConstant);
        return;
      }
    }
    plan.add(op->getResult(0), "B-minmax", inputs, std::move(step));
  }
};

/// (B-where) with a constant condition.
struct WhereBounds : LipschitzOpInterface::ExternalModel<WhereBounds, WhereOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto where = llvm::cast<WhereOp>(op);
    if (!plan.isConstant(where.getCondition())) {
      plan.unbounded(op, "a condition that depends on an input jumps (B-jump)");
      return;
    }
    WhereStep step;
    SmallVector<Value> inputs;
    step.condition = plan.constant(where.getCondition());
    auto take = [&](Value value, std::string &name, ConstantRef &constant) {
      if (plan.hasFacts(value)) {
        name = plan.name(value);
        inputs.push_back(value);
        return true;
      }
      constant = plan.constant(value);
      return constant != nullptr;
    };
    if (!take(where.getOnTrue(), step.onTrue, step.trueConstant) ||
        !take(where.getOnFalse(), step.onFalse, step.falseConstant)) {
      plan.unbounded(op, symbolicConstant);
      return;
    }
    plan.add(op->getResult(0), "B-where", inputs, std::move(step));
  }
};

/// (B-pow) with a constant exponent that is one number.
struct PowBounds : LipschitzOpInterface::ExternalModel<PowBounds, PowOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto pow = llvm::cast<PowOp>(op);
    std::optional<double> exponent = plan.isConstant(pow.getRhs())
                                         ? plan.literal(pow.getRhs())
                                         : std::nullopt;
    if (!exponent || !plan.hasFacts(pow.getLhs())) {
      plan.unbounded(op, "a power whose exponent is not one constant");
      return;
    }
    plan.add(op->getResult(0), "B-pow", {pow.getLhs()},
             DomainFunctionStep{plan.name(pow.getLhs()), "pow", *exponent});
  }
};

/// (B-shape) for a widening cast; a narrower type jumps (B-jump).
struct CastBounds : LipschitzOpInterface::ExternalModel<CastBounds, CastOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    if (isWideningFloatCast(op) && plan.hasFacts(op->getOperand(0)))
      plan.add(op->getResult(0), "B-shape", {op->getOperand(0)},
               ShapeStep{plan.name(op->getOperand(0)), {}});
    else
      plan.unbounded(op, "a cast to a narrower type rounds (B-jump)");
  }
};

} // namespace

void lipt::attachElementwiseBounds(MLIRContext &context) {
  AddOp::attachInterface<SumBounds<AddOp>>(context);
  SubOp::attachInterface<SumBounds<SubOp>>(context);
  SumOp::attachInterface<SumBounds<SumOp>>(context);
  MeanOp::attachInterface<SumBounds<MeanOp>>(context);
  MulOp::attachInterface<MulBounds>(context);
  DivOp::attachInterface<DivBounds>(context);
  MinimumOp::attachInterface<MinMaxBounds<MinimumOp>>(context);
  MaximumOp::attachInterface<MinMaxBounds<MaximumOp>>(context);
  WhereOp::attachInterface<WhereBounds>(context);
  PowOp::attachInterface<PowBounds>(context);
  CastOp::attachInterface<CastBounds>(context);
}
