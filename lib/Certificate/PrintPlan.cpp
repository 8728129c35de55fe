//===- PrintPlan.cpp - Bound plans as text ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Certificate/PrintPlan.h"

#include "lipt/Certificate/Certificate.h"

#include <cstdio>
#include <ostream>

using namespace lipt;

/// Deeper expressions are abbreviated: the text is for people.
static constexpr unsigned maxDepth = 12;

static std::string joined(const std::vector<std::string> &parts) {
  std::string text;
  for (const std::string &part : parts)
    text += (text.empty() ? "" : ", ") + part;
  return text;
}

static std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

static const char *nameOf(ConstantExpr::Kind kind) {
  using Kind = ConstantExpr::Kind;
  switch (kind) {
  case Kind::Key:
    return "key";
  case Kind::Dense:
    return "dense";
  case Kind::Splat:
    return "splat";
  case Kind::Iota:
    return "iota";
  case Kind::Reshape:
    return "reshape";
  case Kind::Transpose:
    return "transpose";
  case Kind::Slice:
    return "slice";
  case Kind::Concat:
    return "concat";
  case Kind::Expand:
    return "expand";
  case Kind::Tile:
    return "tile";
  case Kind::Gather:
    return "gather";
  case Kind::Pad:
    return "pad";
  case Kind::Trilu:
    return "trilu";
  case Kind::Cast:
    return "cast";
  case Kind::Elementwise:
    return "elementwise";
  case Kind::Reduce:
    return "reduce";
  }
  return "constant";
}

static std::string describe(const ConstantRef &constant, unsigned depth) {
  using Kind = ConstantExpr::Kind;
  if (!constant)
    return "none";
  if (constant->kind == Kind::Key)
    return constant->key;
  if (depth > maxDepth)
    return "...";
  std::vector<std::string> parts;
  for (const ConstantRef &operand : constant->operands)
    parts.push_back(describe(operand, depth + 1));
  std::string name =
      constant->kind == Kind::Elementwise || constant->kind == Kind::Reduce
          ? constant->key
          : nameOf(constant->kind);
  if (constant->kind == Kind::Splat && !constant->values.empty())
    parts.push_back(number(constant->values[0]));
  return name + "(" + joined(parts) + ")";
}

std::string lipt::describeConstant(const ConstantRef &constant) {
  return describe(constant, 0);
}

static std::string describe(const AffineRef &map, unsigned depth) {
  using Kind = AffineExpr::Kind;
  if (!map || map->kind == Kind::Identity)
    return "x";
  if (depth > maxDepth || map->operands.empty())
    return "...";
  std::string inner = describe(map->operands[0], depth + 1);
  std::string constant =
      map->constant ? describeConstant(map->constant) : std::string();
  std::string factor = map->alpha == 1 ? "" : number(map->alpha) + " * ";
  switch (map->kind) {
  case Kind::Linear: {
    std::string weight = constant + (map->transposed ? "^T" : "");
    if (map->blocks != 1)
      weight = "blocks(" + std::to_string(map->blocks) + ", " + weight + ")";
    return factor + weight + " (" + inner + ")";
  }
  case Kind::Scale:
    return "diag(" + constant + ") (" + inner + ")";
  case Kind::Divide:
    return "(" + inner + ") / " + constant;
  case Kind::Add:
    return inner + " + " + factor + constant;
  case Kind::Select:
    return "rows(" + inner + ", " + std::to_string(map->rows.size()) +
           " from " +
           (map->rows.empty() ? "none" : std::to_string(map->rows[0])) + ")";
  case Kind::Stack:
  case Kind::Sum: {
    std::vector<std::string> parts;
    for (size_t i = 0; i != map->operands.size(); ++i) {
      std::string part = describe(map->operands[i], depth + 1);
      if (map->kind == Kind::Sum && i < map->factors.size() &&
          map->factors[i] != 1)
        part = number(map->factors[i]) + " * (" + part + ")";
      parts.push_back(part);
    }
    return (map->kind == Kind::Stack ? "stack(" : "sum(") + joined(parts) + ")";
  }
  case Kind::Identity:
    break;
  }
  return "x";
}

std::string lipt::describeMap(const AffineRef &map) { return describe(map, 0); }

/// What is particular to a step besides its operands; empty for most.
static std::string detailOf(const PlanStep &step) {
  if (const auto *linear = std::get_if<LinStep>(&step.detail))
    return describeMap(linear->map) +
           (linear->normalized ? ", x = norm(" + linear->source + ")" : "");
  if (const auto *conv = std::get_if<ConvStep>(&step.detail))
    return describeConstant(conv->weight) +
           (conv->transposed ? ", transposed" : "");
  if (const auto *act = std::get_if<ActivationStep>(&step.detail))
    return act->form;
  if (const auto *function = std::get_if<DomainFunctionStep>(&step.detail))
    return function->form;
  if (const auto *pool = std::get_if<PoolStep>(&step.detail))
    return pool->kind;
  if (const auto *norm = std::get_if<NormStep>(&step.detail))
    return norm->form + ", epsilon " + number(norm->epsilon);
  if (const auto *reduce = std::get_if<ReduceStep>(&step.detail))
    return reduce->kind;
  if (const auto *row = std::get_if<RowStep>(&step.detail))
    return describeMap(row->map);
  if (const auto *attention = std::get_if<AttentionStep>(&step.detail))
    return std::to_string(attention->heads) + " heads of " +
           std::to_string(attention->headWidth) + ", " +
           std::to_string(attention->kvHeads) + " key-value heads" +
           (attention->causal ? ", causal" : "") +
           (attention->rotaryCos ? ", rotary" : "");
  if (const auto *unbounded = std::get_if<UnboundedStep>(&step.detail))
    return unbounded->reason;
  return {};
}

static void printFacts(const Facts &facts, std::ostream &os) {
  auto put = [&](const char *name, const UpperBound &bound) {
    if (!bound.isUnbounded())
      os << "    " << name << " " << bound << "\n";
  };
  put("lip.l2", facts.lipL2);
  put("lip.linf", facts.lipLInf);
  put("lip.token", facts.lipToken);
  put("radius.l2", facts.radiusL2);
  put("radius.token", facts.radiusToken);
  put("radius.spread", facts.spread);
  if (facts.range) {
    Interval hull = facts.range->hull();
    char text[96];
    std::snprintf(text, sizeof text, "    range [%.17g, %.17g]", hull.lo,
                  hull.hi);
    os << text;
    if (facts.range->axis)
      os << " along axis " << *facts.range->axis;
    os << "\n";
  }
}

void lipt::printPlan(const Plan &plan, std::ostream &os,
                     const Evaluation *evaluation) {
  const Question &question = plan.question;
  os << "plan " << question.origin << " (" << toString(question.inputNorm)
     << ") -> " << question.output << " (" << toString(question.outputNorm)
     << ")\n";
  for (size_t i = 0; i != plan.steps.size(); ++i) {
    const PlanStep &step = plan.steps[i];
    os << step.tensor << " = " << step.rule << " [" << joined(step.nodes)
       << "] (" << joined(step.inputs) << ")";
    std::string detail = detailOf(step);
    if (!detail.empty())
      os << ": " << detail;
    os << "\n";
    if (evaluation && i < evaluation->steps.size())
      printFacts(evaluation->steps[i].facts, os);
  }
  if (evaluation)
    os << "claim " << evaluation->claim << "\n";
}
