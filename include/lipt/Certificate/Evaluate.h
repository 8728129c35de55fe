//===- Evaluate.h - From a plan and weights to proved bounds ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_EVALUATE_H
#define LIPT_CERTIFICATE_EVALUATE_H

#include "lipt/Certificate/Facts.h"
#include "lipt/Certificate/MatrixStore.h"

#include <functional>

namespace lipt {

struct EvaluateOptions {
  /// Worker threads for matrix norms; 0 takes the machine's. Results do not
  /// depend on it.
  unsigned threads = 0;
  /// Called between pieces of work with the share done so far, in [0, 1].
  std::function<void(double done, const std::string &what)> progress;
};

/// One step with numbers.
struct StepEvaluation {
  Facts facts;                       ///< as claimed by this step
  std::vector<std::string> matrices; ///< keys with a witness, sorted
  std::string reason; ///< why something is unbounded; often empty
};

/// A step that had bounded operands and lost the bound the question needs.
struct UnboundedCause {
  size_t step = 0;
  std::string tensor, location, reason;
};

struct Evaluation {
  /// The plan with its sizes bound; element i of `steps` belongs to
  /// plan.steps[i].
  Plan plan;
  std::vector<StepEvaluation> steps;
  /// Facts in force at the end, of every tensor.
  std::map<std::string, Facts> facts;
  std::map<std::string, MatrixWitness> witnesses; ///< by key
  /// The answer, as claimed: from the question's input norm to its output norm.
  UpperBound claim;
  /// In the plan's order; empty when the claim is bounded.
  std::vector<UnboundedCause> causes;
};

/// Evaluates every step in order (docs/Certificate.md). Never fails: what
/// cannot be computed is unbounded, with a cause.
Evaluation evaluatePlan(const Plan &plan, const WeightArchive &archive,
                        const EvaluateOptions &options = {});

} // namespace lipt

#endif // LIPT_CERTIFICATE_EVALUATE_H
