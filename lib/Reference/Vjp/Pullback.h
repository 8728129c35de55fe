//===- Pullback.h - What the gradient rule of one operation sees -*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_VJP_PULLBACK_H
#define LIPT_LIB_REFERENCE_VJP_PULLBACK_H

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Reference/Interpreter.h"

#include <functional>

namespace lipt::reference {

/// One operation during reverse accumulation: its operands and results (all
/// floating point as double), the cotangents of its results, and those of its
/// operands, to which the rule adds.
class Pullback {
public:
  using Cotangents = llvm::DenseMap<mlir::Value, std::vector<double>>;

  Pullback(mlir::Operation *op, llvm::ArrayRef<const Tensor *> operands,
           llvm::ArrayRef<const Tensor *> results, Cotangents &cotangents)
      : op(op), operands(operands), results(results), cotangents(cotangents) {}

  const Tensor &operator[](mlir::Value operand) const {
    for (auto [index, value] : llvm::enumerate(op->getOperands()))
      if (value == operand)
        return *operands[index];
    llvm_unreachable("rules ask for operands of their own operation");
  }
  const Tensor *find(mlir::Value operand) const {
    return operand ? &(*this)[operand] : nullptr;
  }
  std::span<const double> values(mlir::Value operand) const {
    return (*this)[operand].values<double>();
  }
  llvm::ArrayRef<const Tensor *> getOperands() const { return operands; }
  const Tensor &getResult(unsigned index = 0) const { return *results[index]; }
  mlir::Operation *getOperation() const { return op; }

  /// The result's cotangent; empty if nothing depends on the result.
  std::span<const double> cotangent(unsigned index = 0) const {
    auto found = cotangents.find(op->getResult(index));
    if (found == cotangents.end())
      return {};
    return found->second;
  }
  /// Where to add the operand's cotangent; empty if the operand does not
  /// depend on the origin.
  std::span<double> add(mlir::Value operand) const {
    auto found = operand ? cotangents.find(operand) : cotangents.end();
    if (found == cotangents.end())
      return {};
    return found->second;
  }

private:
  mlir::Operation *op;
  llvm::ArrayRef<const Tensor *> operands, results;
  Cotangents &cotangents;
};

/// A rule returns false where it has no derivative to offer (an operand that it
/// treats as a constant depends on the origin).
using PullbackRule = std::function<bool(Pullback &)>;

class PullbackTable {
public:
  template <typename Op, typename Function> void add(Function function) {
    rules[Op::getOperationName()] = [function](Pullback &pullback) {
      return function(llvm::cast<Op>(pullback.getOperation()), pullback);
    };
  }
  const PullbackRule *find(mlir::Operation *op) const {
    auto found = rules.find(op->getName().getStringRef());
    return found == rules.end() ? nullptr : &found->second;
  }
  static const PullbackTable &get();

private:
  PullbackTable();
  llvm::StringMap<PullbackRule> rules;
};

void addActivationPullbacks(PullbackTable &table);
void addAttentionPullbacks(PullbackTable &table);
void addElementwisePullbacks(PullbackTable &table);
void addLinearPullbacks(PullbackTable &table);
void addNormalizationPullbacks(PullbackTable &table);
void addPoolingPullbacks(PullbackTable &table);
void addReductionPullbacks(PullbackTable &table);
void addShapePullbacks(PullbackTable &table);

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_VJP_PULLBACK_H
