//===- Sandwich.cpp - The attained lower bound beside a certificate ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sandwich.h"

#include "lipt/Attack/Attack.h"
#include "lipt/Certificate/Certificate.h"
#include "lipt/Support/UpperBound.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace lipt;

static AttackDomain toAttackDomain(const Domain &domain) {
  AttackDomain result;
  switch (domain.kind) {
  case Domain::Kind::Global:
    break;
  case Domain::Kind::Ball:
    result.kind = AttackDomain::Kind::Ball;
    result.radius = domain.radius;
    break;
  case Domain::Kind::Box:
    result.kind = AttackDomain::Kind::Box;
    result.low = domain.lo;
    result.high = domain.hi;
    break;
  case Domain::Kind::Embedding:
    result.kind = AttackDomain::Kind::Embedding;
    break;
  case Domain::Kind::OneHot:
    result.kind = AttackDomain::Kind::Box;
    result.low = 0;
    result.high = 1;
    break;
  }
  return result;
}

Sandwich lipt::searchAttained(mlir::ModuleOp module,
                              const WeightArchive &weights, const Plan &plan,
                              int steps) {
  Sandwich sandwich;
  auto function = module.lookupSymbol<mlir::func::FuncOp>("main");
  if (steps == 0 || !function)
    return sandwich;
  AttackQuestion question;
  question.origin = plan.question.origin;
  question.output = plan.question.output;
  question.outputIndex = plan.question.selectIndex;
  question.minusIndex = plan.question.selectMinus;
  question.inputNorm = *parseAttackNorm(toString(plan.question.inputNorm));
  question.outputNorm = *parseAttackNorm(toString(plan.question.outputNorm));
  question.domain = toAttackDomain(plan.question.domain);
  for (const PlanInput &input : plan.inputs)
    if (input.fixed)
      question.otherInputs[input.name] = toAttackDomain(input.domain);
  question.sizes.insert(plan.sizes.begin(), plan.sizes.end());
  if (steps > 0) {
    question.steps = steps;
    question.timeLimitSeconds = 3600;
  }
  AttackResult result = attackLipschitz(function, &weights, question);
  sandwich.attained = toDecimalRoundedDown(result.ratio);
  return sandwich;
}
