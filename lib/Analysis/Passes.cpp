//===- Passes.cpp - Passes that bound networks ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Analysis/Passes.h"

#include "lipt/Analysis/BoundAnalysis.h"
#include "lipt/Certificate/Certificate.h"
#include "lipt/Certificate/Evaluate.h"
#include "lipt/Certificate/PrintPlan.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"

#include <iostream>

namespace lipt {
#define GEN_PASS_DEF_PRINTBOUNDPLAN
#define GEN_PASS_DEF_ANNOTATEBOUNDS
#include "lipt/Analysis/Passes.h.inc"
} // namespace lipt

using namespace lipt;
using namespace mlir;

/// The options of a question pass as a question. Failure after a diagnostic.
static FailureOr<BoundQuestion> readQuestion(Operation *op, StringRef input,
                                             StringRef norm, StringRef ball,
                                             StringRef box) {
  BoundQuestion question;
  question.input = input.str();
  for (Norm candidate : {Norm::L2, Norm::LInf, Norm::Rms, Norm::MaxRms})
    if (norm == toString(candidate))
      question.inputNorm = question.outputNorm = candidate;
  if (!norm.empty() && !question.inputNorm)
    return op->emitError("invalid norm '")
           << norm << "', expected l2, linf, rms or max-rms";
  if (!ball.empty()) {
    question.domain.kind = Domain::Kind::Ball;
    if (ball.getAsDouble(question.domain.radius) ||
        !(question.domain.radius >= 0))
      return op->emitError("invalid ball '") << ball << "', expected R >= 0";
  }
  if (!box.empty()) {
    question.domain.kind = Domain::Kind::Box;
    auto [lo, hi] = box.split(':');
    if (lo.getAsDouble(question.domain.lo) ||
        hi.getAsDouble(question.domain.hi) ||
        !(question.domain.lo <= question.domain.hi))
      return op->emitError("invalid box '")
             << box << "', expected LO:HI with LO <= HI";
  }
  return question;
}

namespace {

struct PrintBoundPlan : lipt::impl::PrintBoundPlanBase<PrintBoundPlan> {
  using PrintBoundPlanBase::PrintBoundPlanBase;
  void runOnOperation() override {
    auto question = readQuestion(getOperation(), input, norm, ball, box);
    if (failed(question))
      return signalPassFailure();
    FailureOr<Plan> plan = buildBoundPlan(getOperation(), *question);
    if (failed(plan))
      return signalPassFailure();
    printPlan(*plan, std::cout);
    std::cout.flush();
    markAllAnalysesPreserved();
  }
};

struct AnnotateBounds : lipt::impl::AnnotateBoundsBase<AnnotateBounds> {
  using AnnotateBoundsBase::AnnotateBoundsBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto question = readQuestion(module, input, norm, ball, box);
    if (failed(question))
      return signalPassFailure();
    FailureOr<Plan> plan = buildBoundPlan(module, *question);
    if (failed(plan))
      return signalPassFailure();
    std::string error;
    std::unique_ptr<WeightArchive> archive = WeightArchive::open(
        weights.empty() ? plan->modelFile : weights.getValue(), error);
    if (!archive) {
      module.emitError() << error;
      return signalPassFailure();
    }
    Evaluation evaluation = evaluatePlan(*plan, *archive);
    Norm shown = evaluation.plan.question.outputNorm;
    module.walk([&](Operation *op) {
      if (op->getNumResults() != 1)
        return;
      auto it = evaluation.facts.find(getTensorName(op->getResult(0)).str());
      if (it == evaluation.facts.end())
        return;
      const Facts &facts = it->second;
      const UpperBound &bound = shown == Norm::MaxRms ? facts.lipToken
                                : shown == Norm::LInf ? facts.lipLInf
                                                      : facts.lipL2;
      if (!bound.isUnbounded())
        op->setAttr("lipt.lipschitz",
                    StringAttr::get(op->getContext(), bound.toDecimal()));
    });
  }
};

} // namespace
