//===- ReductionBounds.cpp - Reductions and scans ===//
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

/// (B-red), (B-red2), (B-lse). LogSum is a sum and a logarithm: no rule of its
/// own.
struct ReduceBounds
    : LipschitzOpInterface::ExternalModel<ReduceBounds, ReduceOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto reduce = llvm::cast<ReduceOp>(op);
    StringRef rule = "B-red";
    switch (reduce.getKind()) {
    case ReductionKind::SumSquare:
    case ReductionKind::Prod:
      rule = "B-red2";
      break;
    case ReductionKind::LogSumExp:
      rule = "B-lse";
      break;
    case ReductionKind::LogSum:
      plan.unbounded(op, "the logarithm of a sum has no bounded slope; use "
                         "ReduceSum and Log on a bounded domain");
      return;
    default:
      break;
    }
    ReduceStep step;
    step.source = plan.name(reduce.getInput());
    step.kind = stringifyReductionKind(reduce.getKind()).str();
    step.axes.assign(reduce.getAxes().begin(), reduce.getAxes().end());
    plan.add(op->getResult(0), rule, {reduce.getInput()}, std::move(step));
  }
};

struct CumSumBounds
    : LipschitzOpInterface::ExternalModel<CumSumBounds, CumSumOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto scan = llvm::cast<CumSumOp>(op);
    plan.add(op->getResult(0), "B-red2", {scan.getInput()},
             ReduceStep{plan.name(scan.getInput()),
                        "cumsum",
                        {static_cast<int64_t>(scan.getAxis())}});
  }
};

struct TriluBounds : LipschitzOpInterface::ExternalModel<TriluBounds, TriluOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    plan.add(op->getResult(0), "B-trilu", {op->getOperand(0)},
             TriluStep{plan.name(op->getOperand(0))});
  }
};

} // namespace

void lipt::attachReductionBounds(MLIRContext &context) {
  ReduceOp::attachInterface<ReduceBounds>(context);
  CumSumOp::attachInterface<CumSumBounds>(context);
  TriluOp::attachInterface<TriluBounds>(context);
}
