//===- Evaluate.cpp - From a plan and weights to proved bounds ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Certificate/Evaluate.h"

#include "Rules/Rules.h"

#include <algorithm>
#include <new>

using namespace lipt;

//===----------------------------------------------------------------------===//
// Sizes and the origin
//===----------------------------------------------------------------------===//

static void bindAxes(std::vector<PlanAxis> &axes,
                     const std::map<std::string, int64_t> &sizes) {
  for (PlanAxis &axis : axes)
    axis.size = axis.size.bind(sizes);
}

/// Replaces the sizes that the question fixes.
static void bindSizes(Plan &plan) {
  for (PlanInput &input : plan.inputs)
    bindAxes(input.axes, plan.sizes);
  for (auto &[name, tensor] : plan.tensors)
    bindAxes(tensor.axes, plan.sizes);
  for (PlanInput &input : plan.inputs)
    if (!plan.tensors.count(input.name))
      plan.tensors[input.name] = {input.name, input.axes};
  for (PlanStep &step : plan.steps)
    if (auto *attention = std::get_if<AttentionStep>(&step.detail)) {
      attention->queryCount = attention->queryCount.bind(plan.sizes);
      attention->keyCount = attention->keyCount.bind(plan.sizes);
    }
}

/// Largest row norm and entry interval of an embedding table.
static std::optional<TableFacts> readTable(const Domain &domain,
                                           ConstantEvaluator &constants) {
  if (domain.kind != Domain::Kind::Embedding || !domain.table ||
      domain.table->shape.size() != 2)
    return std::nullopt;
  std::optional<MatrixStorage> table = constants.matrix(
      domain.table, domain.table->shape[0], domain.table->shape[1]);
  if (!table || table->ulps != 0 || table->view.empty())
    return std::nullopt;
  CheapNorms norms = cheapNorms(table->view);
  if (!norms.finite)
    return std::nullopt;
  std::vector<double> row(size_t(table->view.cols()));
  double lo = table->view(0, 0), hi = lo;
  for (int64_t i = 0; i != table->view.rows(); ++i) {
    table->view.loadRow(i, 0, table->view.cols(), row.data());
    auto [least, most] = std::ranges::minmax_element(row);
    lo = std::min(lo, *least);
    hi = std::max(hi, *most);
  }
  return TableFacts{norms.maxRowNorm2, Interval::of(lo, hi)};
}

static void seedInputs(const Plan &plan, ConstantEvaluator &constants,
                       FactsTable &facts) {
  const Question &question = plan.question;
  for (const PlanInput &input : plan.inputs) {
    if (!input.fixed || input.name == question.origin)
      continue;
    std::optional<TableFacts> table = readTable(input.domain, constants);
    facts[input.name] =
        originFacts(input.axes, input.domain, input.domainNorm,
                    question.inputNorm, false, table ? &*table : nullptr);
  }
  auto origin = plan.tensors.find(question.origin);
  if (origin == plan.tensors.end())
    return;
  std::optional<TableFacts> table = readTable(question.domain, constants);
  facts[question.origin] =
      originFacts(origin->second.axes, question.domain, question.inputNorm,
                  question.inputNorm, true, table ? &*table : nullptr);
}

//===----------------------------------------------------------------------===//
// Norms that can be certified beforehand, all together
//===----------------------------------------------------------------------===//

/// The linear part of a map that is one stored weight, with biases after it;
/// null for any other map.
static AffineRef singleWeight(AffineRef expression) {
  unsigned steps = 0;
  while (expression && expression->kind == AffineExpr::Kind::Add &&
         expression->operands.size() == 1 && ++steps < 100)
    expression = expression->operands[0];
  bool isWeight = expression && expression->kind == AffineExpr::Kind::Linear &&
                  expression->blocks == 1 && expression->alpha == 1 &&
                  expression->operands.size() == 1 && expression->operands[0] &&
                  expression->operands[0]->kind == AffineExpr::Kind::Identity;
  return isWeight ? expression : nullptr;
}

static void prepareMatrices(const Plan &plan, ConstantEvaluator &constants,
                            MatrixStore &matrices,
                            const EvaluateOptions &options) {
  std::vector<std::string> keys;
  std::vector<AffineMatrix> views;
  AffineEvaluator affine(constants);
  for (const PlanStep &step : plan.steps) {
    const auto *linear = std::get_if<LinStep>(&step.detail);
    AffineRef weight = linear ? singleWeight(linear->map) : nullptr;
    if (!weight)
      continue;
    std::optional<AffineMap> map =
        affine.evaluate(weight, weight->operands[0]->width);
    // Only views of the archive: copies would all be alive at once.
    if (!map || map->matrix.owner)
      continue;
    keys.push_back(
        affineKey(step.tensor, sourceName(linear->source, linear->normalized)));
    views.push_back(map->matrix);
  }
  constexpr size_t chunk = 8;
  for (size_t begin = 0; begin < keys.size(); begin += chunk) {
    size_t count = std::min(chunk, keys.size() - begin);
    if (options.progress)
      options.progress(0.8 * double(begin) / double(keys.size()), keys[begin]);
    matrices.prepare(std::span(keys).subspan(begin, count),
                     std::span(views).subspan(begin, count));
  }
}

//===----------------------------------------------------------------------===//
// The claim
//===----------------------------------------------------------------------===//

/// The field of facts that the output norm is read from.
static UpperBound Facts::*claimField(Norm output) {
  switch (output) {
  case Norm::LInf:
    return &Facts::lipLInf;
  case Norm::MaxRms:
    return &Facts::lipToken;
  default:
    return &Facts::lipL2;
  }
}

static SymbolicSize product(const std::vector<PlanAxis> &axes, bool widthOnly) {
  SymbolicSize size = 1;
  for (const PlanAxis &axis : axes)
    if (!widthOnly || !axis.isPosition())
      size = size * axis.size;
  return size;
}

/// sqrt(numerator / denominator), also where free symbols cancel.
static UpperBound rootOfRatio(const SymbolicSize &numerator,
                              const SymbolicSize &denominator) {
  auto positive = [](const std::optional<SymbolicSize> &size) {
    std::optional<int64_t> value =
        size && size->isValid() ? size->getStatic() : std::nullopt;
    return value && *value > 0 ? value : std::nullopt;
  };
  if (auto whole = positive(numerator.dividedBy(denominator)))
    return UpperBound::sqrtOf(uint64_t(*whole));
  if (auto whole = positive(denominator.dividedBy(numerator)))
    return UpperBound::fromRatio(1, uint64_t(*whole)).sqrt();
  auto n = positive(numerator), d = positive(denominator);
  return n && d ? UpperBound::fromRatio(uint64_t(*n), uint64_t(*d)).sqrt()
                : UpperBound::unbounded();
}

/// Section 6: from the base norms to the norms of the question.
static UpperBound convertClaim(const Plan &plan, const Facts &output) {
  const Question &question = plan.question;
  auto axesOf = [&](const std::string &name) {
    auto found = plan.tensors.find(name);
    return found == plan.tensors.end() ? std::vector<PlanAxis>()
                                       : found->second.axes;
  };
  std::vector<PlanAxis> in = axesOf(question.origin);
  std::vector<PlanAxis> out = axesOf(question.output);
  if (question.selectIndex && !out.empty())
    out.back().size = 1;
  SymbolicSize numerator = 1, denominator = 1;
  if (question.inputNorm == Norm::Rms)
    numerator = product(in, false);
  else if (question.inputNorm == Norm::MaxRms)
    numerator = product(in, true);
  if (question.outputNorm == Norm::Rms)
    denominator = product(out, false);
  else if (question.outputNorm == Norm::MaxRms)
    denominator = product(out, true);
  UpperBound lip = output.*claimField(question.outputNorm);
  return lip.isZero() ? lip : lip * rootOfRatio(numerator, denominator);
}

/// Steps on a path from the origin to the output that had the field and lost
/// it.
static std::vector<UnboundedCause>
findCauses(const Plan &plan, const std::vector<StepEvaluation> &steps,
           const FactsTable &facts) {
  UpperBound Facts::*field = claimField(plan.question.outputNorm);
  auto unbounded = [&](const std::string &tensor) {
    auto found = facts.find(tensor);
    return found == facts.end() || (found->second.*field).isUnbounded();
  };
  std::set<std::string> needed = {plan.question.output};
  std::vector<UnboundedCause> causes;
  for (size_t i = plan.steps.size(); i-- != 0;) {
    const PlanStep &step = plan.steps[i];
    if (!needed.count(step.tensor))
      continue;
    needed.insert(step.inputs.begin(), step.inputs.end());
    if (unbounded(step.tensor) && std::ranges::none_of(step.inputs, unbounded))
      causes.push_back({i, step.tensor, step.location, steps[i].reason});
  }
  std::ranges::reverse(causes);
  if (causes.empty()) {
    UnboundedCause cause;
    cause.tensor = plan.question.output;
    cause.reason = "the analysis has no step that leads to this tensor";
    causes.push_back(cause);
  }
  for (UnboundedCause &cause : causes)
    if (cause.reason.empty())
      cause.reason = "rule " +
                     (plan.steps.empty() ? std::string("none")
                                         : plan.steps[cause.step].rule) +
                     " gives no bound in the norm that the question needs; "
                     "other norms or fixed sizes may have one";
  return causes;
}

//===----------------------------------------------------------------------===//
// The evaluation
//===----------------------------------------------------------------------===//

static void evaluateSteps(Evaluation &evaluation, const WeightArchive &archive,
                          const EvaluateOptions &options) {
  const Plan &plan = evaluation.plan;
  ConstantEvaluator constants(archive);
  SpectralOptions spectral;
  spectral.threads = options.threads;
  MatrixStore matrices(spectral);
  FactsTable &facts = evaluation.facts;
  seedInputs(plan, constants, facts);
  prepareMatrices(plan, constants, matrices, options);

  for (const PlanStep &step : plan.steps) {
    if (options.progress)
      options.progress(0.8 + 0.2 * double(evaluation.steps.size()) /
                                 double(plan.steps.size()),
                       step.location);
    StepContext context(plan, step, facts, constants, matrices);
    Facts own = std::visit(
        [&](const auto &detail) { return rules::evaluate(detail, context); },
        step.detail);
    StepEvaluation result;
    result.facts = closeAndClaim(std::move(own), context.outputAxes());
    result.matrices.assign(context.getUsedMatrices().begin(),
                           context.getUsedMatrices().end());
    result.reason = context.getReason();
    // A selected output is another function than the tensor it replaces.
    if (std::holds_alternative<RowStep>(step.detail))
      facts[step.tensor] = result.facts;
    else
      meet(facts[step.tensor], result.facts);
    evaluation.steps.push_back(std::move(result));
  }
  evaluation.witnesses = matrices.getWitnesses();
}

Evaluation lipt::evaluatePlan(const Plan &plan, const WeightArchive &archive,
                              const EvaluateOptions &options) {
  Evaluation evaluation;
  evaluation.plan = plan;
  bindSizes(evaluation.plan);
  std::string failure;
  try {
    evaluateSteps(evaluation, archive, options);
  } catch (const std::bad_alloc &) {
    failure = "not enough memory to evaluate this operation";
  }
  // Also the steps that a failure left out have an (unbounded) evaluation.
  size_t done = evaluation.steps.size();
  evaluation.steps.resize(plan.steps.size());
  if (!failure.empty() && done < evaluation.steps.size())
    evaluation.steps[done].reason = failure;

  auto output = evaluation.facts.find(plan.question.output);
  if (output != evaluation.facts.end())
    evaluation.claim =
        convertClaim(evaluation.plan, output->second).withSlack();
  if (evaluation.claim.isUnbounded())
    evaluation.causes =
        findCauses(evaluation.plan, evaluation.steps, evaluation.facts);
  return evaluation;
}
