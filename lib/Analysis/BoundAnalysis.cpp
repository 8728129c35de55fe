//===- BoundAnalysis.cpp - From a network to its bound plan ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Analysis/BoundAnalysis.h"

#include "lipt/Analysis/BoundPlanBuilder.h"
#include "lipt/Analysis/JointRules.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "lipt/Interfaces/LipschitzOpInterface.h"

using namespace lipt;
using namespace mlir;

namespace {

bool isFloat(Value value) {
  return llvm::isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

bool hasTokenAxis(const PlanTensor &tensor) {
  return llvm::any_of(
      tensor.axes, [](const PlanAxis &axis) { return axis.role == "token"; });
}

/// Analyses one function. The origin is a float argument or, for an integer
/// argument, the first float value computed from it (architecture D6).
class FunctionAnalysis {
public:
  FunctionAnalysis(func::FuncOp function, const BoundQuestion &question,
                   Plan &plan)
      : function(function), question(question), plan(plan), builder(plan) {}

  LogicalResult run() {
    if (failed(chooseInput()) || failed(chooseOutput()))
      return failure();
    for (Operation &op : function.getBody().front().without_terminator())
      visit(&op);
    if (plan.question.origin.empty())
      return function.emitError("no floating-point value depends on input '")
             << getTensorName(input) << "'; choose another with --input";
    if (failed(appendSelection()))
      return failure();
    return chooseNorms();
  }

private:
  LogicalResult chooseInput();
  LogicalResult chooseOutput();
  LogicalResult chooseNorms();
  void visit(Operation *op);
  /// (B-row): the affine head before the output, for one logit or a difference.
  LogicalResult appendSelection();
  /// Starts the bound at a float result of an integer computation.
  void startAt(Operation *op);

  func::FuncOp function;
  const BoundQuestion &question;
  Plan &plan;
  BoundPlanBuilder builder;
  BlockArgument input;
  Value output;
  /// Integer and boolean values that depend on an input's value.
  llvm::DenseSet<Value> indices;
};

LogicalResult FunctionAnalysis::chooseInput() {
  if (function.getNumArguments() == 0)
    return function.emitError("the network has no input");
  for (BlockArgument argument : function.getArguments())
    if (getTensorName(argument) == question.input ||
        (question.input.empty() && !input))
      input = argument;
  if (!input) {
    InFlightDiagnostic diagnostic = function.emitError("no input named '")
                                    << question.input << "'; inputs are";
    for (BlockArgument argument : function.getArguments())
      diagnostic << " '" << getTensorName(argument) << "'";
    return diagnostic;
  }
  for (BlockArgument argument : function.getArguments()) {
    std::string name = builder.name(argument);
    PlanInput planInput{
        name, plan.tensors[name].axes, argument != input, {}, Norm::L2};
    if (auto it = question.fixedDomains.find(name);
        it != question.fixedDomains.end())
      planInput.domain = it->second;
    plan.inputs.push_back(std::move(planInput));
    if (isFloat(argument))
      builder.addFactual(argument);
    else
      indices.insert(argument);
  }
  if (isFloat(input)) {
    plan.question.origin = builder.name(input);
    plan.question.domain = question.domain;
  }
  return success();
}

LogicalResult FunctionAnalysis::chooseOutput() {
  auto returnOp = llvm::dyn_cast<func::ReturnOp>(
      function.getBody().front().getTerminator());
  if (!returnOp || returnOp.getNumOperands() == 0)
    return function.emitError("the network has no output");
  for (unsigned i = 0; i < returnOp.getNumOperands(); ++i) {
    auto name = function.getResultAttrOfType<StringAttr>(i, "lipt.name");
    std::string text = name ? name.str() : "";
    if (question.output.empty() || text == question.output) {
      output = returnOp.getOperand(i);
      plan.question.output = builder.name(output);
      return success();
    }
  }
  return function.emitError("no output named '") << question.output << "'";
}

LogicalResult FunctionAnalysis::chooseNorms() {
  bool tokens = hasTokenAxis(plan.tensors[plan.question.origin]) &&
                hasTokenAxis(plan.tensors[plan.question.output]);
  Norm standard = tokens ? Norm::MaxRms : Norm::L2;
  plan.question.inputNorm = question.inputNorm.value_or(standard);
  plan.question.outputNorm =
      question.outputNorm.value_or(plan.question.inputNorm);
  return success();
}

void FunctionAnalysis::startAt(Operation *op) {
  Value result = op->getResult(0);
  bool first = plan.question.origin.empty();
  builder.addFactual(result);
  if (auto embedding = llvm::dyn_cast<EmbeddingOp>(op)) {
    ConstantRef table = builder.constant(embedding.getTable());
    if (first && builder.isConstant(embedding.getTable())) {
      plan.question.origin = builder.name(result);
      plan.question.domain = question.domain;
      if (question.domain.kind == Domain::Kind::Global && table)
        plan.question.domain = {Domain::Kind::Embedding, 0, 0, 0, table};
      return;
    }
    if (table) {
      builder.add(result, "B-embed", {}, EmbedStep{table});
      return;
    }
  }
  auto cast = llvm::dyn_cast<CastOp>(op);
  if (first && cast &&
      getElementTypeOrSelf(cast.getInput().getType()).isInteger(1)) {
    plan.question.origin = builder.name(result);
    plan.question.domain = question.domain;
    if (question.domain.kind == Domain::Kind::Global)
      plan.question.domain.kind = Domain::Kind::OneHot;
    return;
  }
  if (first)
    plan.question.origin = builder.name(result);
  builder.unbounded(result, "a floating-point value computed from integers "
                            "other than by an embedding or a comparison");
}

void FunctionAnalysis::visit(Operation *op) {
  if (op->getNumResults() == 0 || builder.isConstant(op->getResult(0)))
    return;
  bool fromFacts = llvm::any_of(op->getOperands(), [&](Value operand) {
    return builder.hasFacts(operand);
  });
  bool fromIndices = llvm::any_of(op->getOperands(), [&](Value operand) {
    return indices.contains(operand);
  });
  for (Value result : op->getResults()) {
    if (!isFloat(result))
      indices.insert(result);
  }
  if (!isFloat(op->getResult(0)))
    return;
  if (!fromFacts) {
    startAt(op);
    return;
  }
  for (Value result : op->getResults())
    builder.addFactual(result);
  if (fromIndices && !llvm::isa<OpaqueOp>(op)) {
    builder.unbounded(op, "an index, condition or mask that depends on an "
                          "input jumps (B-jump)");
    return;
  }
  auto bounded = llvm::dyn_cast<LipschitzOpInterface>(op);
  if (!bounded) {
    builder.unbounded(op, "no bound rule for this operator");
    return;
  }
  bounded.appendBounds(builder);
  for (Value result : op->getResults())
    appendJointRules(builder, result);
}

LogicalResult FunctionAnalysis::appendSelection() {
  if (!question.selectIndex)
    return success();
  plan.question.selectIndex = question.selectIndex;
  plan.question.selectMinus = question.selectMinus;
  Axes axes = getAxes(output.getType());
  std::optional<int64_t> width = getWidth(axes);
  AffineImage image = builder.getAffineWalk().walk(output);
  if (!builder.hasFacts(output) || axes.empty() || axes.back().isPosition() ||
      axes.back().size.getStatic() != width || !image.map || image.normalized ||
      image.source == output)
    return function.emitError("one entry of the output can be bounded only "
                              "after a linear last layer whose outputs are the "
                              "last axis");
  for (std::optional<int64_t> index :
       {question.selectIndex, question.selectMinus})
    if (index && (*index < 0 || *index >= *width))
      return function.emitError("output index ")
             << *index << " is outside the last axis of " << *width
             << " entries";
  PlanStep &step =
      builder.add(output, "B-row", {image.source},
                  RowStep{image.map, builder.name(image.source)},
                  builder.operationsBetween({image.source}, output));
  step.roles["source"] = builder.name(image.source);
  return success();
}

} // namespace

FailureOr<Plan> lipt::buildBoundPlan(ModuleOp module,
                                     const BoundQuestion &question) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function || function.isExternal())
    return module.emitError("no function '@main' with a body");
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError("control flow between blocks is not supported");
  Plan plan;
  for (auto weights : module.getOps<WeightsOp>()) {
    plan.modelFile = weights.getFile().str();
    plan.modelSha256 = weights.getSha256().str();
  }
  FunctionAnalysis analysis(function, question, plan);
  if (failed(analysis.run()))
    return failure();
  return plan;
}
