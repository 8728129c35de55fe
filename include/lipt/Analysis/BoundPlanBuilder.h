//===- BoundPlanBuilder.h - Appends bound rules to a plan --*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_ANALYSIS_BOUNDPLANBUILDER_H
#define LIPT_ANALYSIS_BOUNDPLANBUILDER_H

#include "lipt/Analysis/AffineWalk.h"
#include "lipt/Analysis/ConstantLowering.h"
#include "lipt/Certificate/Plan.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseSet.h"

namespace lipt {

/// What an operation's bound model sees of the analysis: which values have
/// facts, what constants are, and where steps go.
class BoundPlanBuilder {
public:
  explicit BoundPlanBuilder(Plan &plan) : plan(plan), affine(constants) {}

  /// True if the value depends on parameters and constants alone.
  bool isConstant(mlir::Value value) { return constants.isConstant(value); }
  /// True if the value is a float tensor that steps speak about.
  bool hasFacts(mlir::Value value) const { return factual.contains(value); }
  void addFactual(mlir::Value value);

  /// The expression of a constant; null if it is not known (free symbol).
  ConstantRef constant(mlir::Value value) {
    return value ? constants.lower(value) : nullptr;
  }
  std::optional<double> literal(mlir::Value value) {
    return constants.getLiteralScalar(value);
  }

  /// The name by which steps call a value; its axes are noted in the plan.
  std::string name(mlir::Value value);

  /// Appends a step for `result`. `inputs` are the values whose facts it reads.
  PlanStep &add(mlir::Value result, llvm::StringRef rule,
                llvm::ArrayRef<mlir::Value> inputs, StepDetail detail);
  /// The same with the covered nodes of several operations.
  PlanStep &add(mlir::Value result, llvm::StringRef rule,
                llvm::ArrayRef<mlir::Value> inputs, StepDetail detail,
                llvm::ArrayRef<mlir::Operation *> covered);
  /// States that `result` has no bound, and why ("what would bound it").
  void unbounded(mlir::Value result, llvm::StringRef reason);
  /// The same for every float result of an operation.
  void unbounded(mlir::Operation *op, llvm::StringRef reason);

  AffineWalk &getAffineWalk() { return affine; }
  Plan &getPlan() { return plan; }

  /// Operations between `from` (exclusive) and `to` (inclusive) that `to`
  /// depends on and that are not constant, in program order.
  llvm::SmallVector<mlir::Operation *>
  operationsBetween(llvm::ArrayRef<mlir::Value> from, mlir::Value to);

private:
  Plan &plan;
  ConstantLowering constants;
  AffineWalk affine;
  llvm::DenseSet<mlir::Value> factual;
  llvm::DenseMap<mlir::Value, std::string> names;
};

/// A description of an operation for people: its node name and kind.
std::string describe(mlir::Operation *op);

} // namespace lipt

#endif // LIPT_ANALYSIS_BOUNDPLANBUILDER_H
