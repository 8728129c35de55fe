//===- BoundAnalysis.h - From a network to its bound plan ---*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_ANALYSIS_BOUNDANALYSIS_H
#define LIPT_ANALYSIS_BOUNDANALYSIS_H

#include "lipt/Certificate/Plan.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace lipt {

/// What is asked of a network. Unset norms follow architecture D6: max-rms if
/// input and output both have a token axis, else l2.
struct BoundQuestion {
  std::string input;  ///< empty: the only input, else an error
  std::string output; ///< empty: the first output
  std::optional<Norm> inputNorm, outputNorm;
  Domain domain; ///< Global if not stated
  std::optional<int64_t> selectIndex, selectMinus;
  /// Domains of the other inputs, by name; radii in the l2 norm.
  std::map<std::string, Domain> fixedDomains;
};

/// Builds the plan of `@main` (or the only function) of a module. Problems with
/// the question are reported as diagnostics.
mlir::FailureOr<Plan> buildBoundPlan(mlir::ModuleOp module,
                                     const BoundQuestion &question);

} // namespace lipt

#endif // LIPT_ANALYSIS_BOUNDANALYSIS_H
