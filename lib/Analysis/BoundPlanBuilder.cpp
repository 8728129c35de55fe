//===- BoundPlanBuilder.cpp - Appends bound rules to a plan ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Analysis/BoundPlanBuilder.h"

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "llvm/ADT/STLExtras.h"

using namespace lipt;
using namespace mlir;

static std::vector<PlanAxis> toPlanAxes(Type type) {
  std::vector<PlanAxis> axes;
  for (const Axis &axis : getAxes(type))
    axes.push_back({axis.size, stringifyAxisRole(axis.role).str()});
  return axes;
}

static StringRef findNodeName(Location location) {
  StringRef name;
  location->walk([&](Location inner) {
    auto named = llvm::dyn_cast<NameLoc>(inner);
    if (!named)
      return WalkResult::advance();
    name = named.getName();
    return WalkResult::interrupt();
  });
  return name;
}

std::string lipt::describe(Operation *op) {
  std::string text = op->getName().stripDialect().str();
  if (auto opaque = llvm::dyn_cast<OpaqueOp>(op))
    text = opaque.getOperatorType().str();
  if (StringRef name = findNodeName(op->getLoc()); !name.empty())
    text += " '" + name.str() + "'";
  else if (op->getNumResults() && !getTensorName(op->getResult(0)).empty())
    text += " of tensor '" + getTensorName(op->getResult(0)).str() + "'";
  return text;
}

void BoundPlanBuilder::addFactual(Value value) {
  factual.insert(value);
  name(value);
}

std::string BoundPlanBuilder::name(Value value) {
  auto [it, inserted] = names.try_emplace(value);
  if (!inserted)
    return it->second;
  std::string text = getTensorName(value).str();
  if (text.empty())
    text = "%" + std::to_string(names.size());
  plan.tensors[text] = {text, toPlanAxes(value.getType())};
  return names[value] = text;
}

PlanStep &BoundPlanBuilder::add(Value result, StringRef rule,
                                ArrayRef<Value> inputs, StepDetail detail) {
  return add(result, rule, inputs, std::move(detail), {result.getDefiningOp()});
}

PlanStep &BoundPlanBuilder::add(Value result, StringRef rule,
                                ArrayRef<Value> inputs, StepDetail detail,
                                ArrayRef<Operation *> covered) {
  PlanStep step;
  step.tensor = name(result);
  step.rule = rule.str();
  for (Operation *op : covered)
    for (StringRef node : getCoveredNodes(op))
      step.nodes.push_back(node.str());
  for (Value input : inputs) {
    std::string inputName = name(input);
    if (!llvm::is_contained(step.inputs, inputName))
      step.inputs.push_back(std::move(inputName));
  }
  step.detail = std::move(detail);
  step.location = describe(result.getDefiningOp());
  plan.steps.push_back(std::move(step));
  return plan.steps.back();
}

void BoundPlanBuilder::unbounded(Value result, StringRef reason) {
  add(result, "unbounded", {}, UnboundedStep{reason.str()});
}

void BoundPlanBuilder::unbounded(Operation *op, StringRef reason) {
  for (Value result : op->getResults())
    if (hasFacts(result))
      unbounded(result, reason);
}

SmallVector<Operation *>
BoundPlanBuilder::operationsBetween(ArrayRef<Value> from, Value to) {
  llvm::DenseSet<Value> stop(from.begin(), from.end());
  llvm::SetVector<Operation *> seen;
  SmallVector<Value> stack{to};
  while (!stack.empty()) {
    Value value = stack.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || stop.contains(value) || isConstant(value) || !seen.insert(op))
      continue;
    llvm::append_range(stack, op->getOperands());
  }
  SmallVector<Operation *> ordered(seen.begin(), seen.end());
  llvm::sort(ordered,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ordered;
}
