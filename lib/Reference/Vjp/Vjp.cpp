//===- Vjp.cpp - Reverse accumulation through an evaluation ---------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Reference/Vjp.h"

#include "Pullback.h"

#include <cmath>

using namespace mlir;

namespace lipt::reference {

PullbackTable::PullbackTable() {
  addActivationPullbacks(*this);
  addAttentionPullbacks(*this);
  addElementwisePullbacks(*this);
  addLinearPullbacks(*this);
  addNormalizationPullbacks(*this);
  addPoolingPullbacks(*this);
  addReductionPullbacks(*this);
  addShapePullbacks(*this);
}

const PullbackTable &PullbackTable::get() {
  static const PullbackTable table;
  return table;
}

/// The values that depend on `origin` and on which `output` depends, and the
/// operations between them in order.
static llvm::SmallVector<Operation *> findPath(func::FuncOp function,
                                               Value origin, Value output,
                                               llvm::DenseSet<Value> &active) {
  active.insert(origin);
  llvm::SmallVector<Operation *> path;
  for (Operation &op : function.front()) {
    if (op.getNumResults() == 0 || op.getResult(0) == origin)
      continue;
    bool depends = false;
    for (Value operand : op.getOperands())
      depends |= active.contains(operand);
    if (!depends)
      continue;
    path.push_back(&op);
    active.insert_range(op.getResults());
  }
  llvm::DenseSet<Value> wanted = {output};
  llvm::SmallVector<Operation *> reversed;
  for (Operation *op : llvm::reverse(path)) {
    if (llvm::none_of(op->getResults(),
                      [&](Value result) { return wanted.contains(result); }))
      continue;
    reversed.push_back(op);
    wanted.insert_range(op->getOperands());
  }
  return reversed;
}

std::optional<PulledBack> pullBack(const Interpreter &interpreter,
                                   const ValueMap &values, Value origin,
                                   Value output,
                                   std::span<const double> weights) {
  llvm::DenseSet<Value> active;
  llvm::SmallVector<Operation *> path =
      findPath(interpreter.getFunction(), origin, output, active);
  if (!active.contains(output))
    return std::nullopt;

  auto tensorOf = [&](Value value) -> const Tensor * {
    auto found = values.find(value);
    if (found != values.end())
      return &found->second;
    auto kept = interpreter.getConstants().find(value);
    return kept == interpreter.getConstants().end() ? nullptr : &kept->second;
  };
  Pullback::Cotangents cotangents;
  PulledBack result;
  auto allocate = [&](Value value) {
    const Tensor *tensor = tensorOf(value);
    if (!active.contains(value) || !tensor || !tensor->isFloat())
      return;
    cotangents.try_emplace(value, tensor->getElementCount(), 0.0);
  };
  allocate(origin);
  allocate(output);
  for (Operation *op : path)
    for (Value operand : op->getOperands())
      allocate(operand);
  auto start = cotangents.find(output);
  if (start == cotangents.end() || start->second.size() != weights.size())
    return std::nullopt;
  start->second.assign(weights.begin(), weights.end());

  for (Operation *op : path) {
    llvm::SmallVector<const Tensor *> operands, results;
    std::vector<Tensor> converted;
    converted.reserve(op->getNumOperands());
    for (Value operand : op->getOperands()) {
      const Tensor *tensor = tensorOf(operand);
      if (!tensor)
        return std::nullopt;
      if (tensor->isFloat() && !tensor->isWide()) {
        converted.push_back(tensor->toWide());
        tensor = &converted.back();
      }
      operands.push_back(tensor);
    }
    for (Value value : op->getResults()) {
      const Tensor *tensor = tensorOf(value);
      if (!tensor)
        return std::nullopt;
      results.push_back(tensor);
    }
    for (auto [value, tensor] : llvm::zip(op->getResults(), results)) {
      auto found = cotangents.find(value);
      if (found == cotangents.end() || !tensor->isWide())
        continue;
      auto entries = tensor->values<double>();
      for (size_t i = 0; i < entries.size(); ++i)
        if (found->second[i] != 0)
          result.magnitude += std::abs(found->second[i] * entries[i]);
    }
    const PullbackRule *rule = PullbackTable::get().find(op);
    Pullback pullback(op, operands, results, cotangents);
    bool reached = llvm::any_of(op->getResults(), [&](Value value) {
      return cotangents.contains(value);
    });
    if (reached && (!rule || !(*rule)(pullback)))
      return std::nullopt;
    // Nothing reads these again: what follows comes before in the network.
    for (Value value : op->getResults())
      if (value != origin)
        cotangents.erase(value);
  }
  result.gradient = std::move(cotangents[origin]);
  return result;
}

} // namespace lipt::reference
