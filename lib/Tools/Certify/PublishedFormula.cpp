//===- PublishedFormula.cpp - What the paper would claim ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PublishedFormula.h"

#include "llvm/Support/Format.h"

#include <cmath>

using namespace lipt;

/// w v (1 + 2 act^2 q k) s, in the variables of the released code: RMS to RMS
/// norms w, v, q, k of the projections, s = logit scale times head width, act
/// the radius of the tokens in RMS. Nothing if a norm is not at hand.
static std::optional<double> publishedConstant(const Evaluation &evaluation,
                                               const PlanStep &step) {
  const auto &attention = std::get<AttentionStep>(step.detail);
  auto norm = [&](const std::string &out, const std::string &in) {
    auto found = evaluation.witnesses.find("affine(" + out + "<-" + in + ")");
    return found == evaluation.witnesses.end()
               ? std::nan("")
               : found->second.norm.toDoubleUp();
  };
  const std::string &source = step.roles.at("source");
  double w = attention.mapOut ? norm(step.tensor, attention.attention) : 1;
  double radius = std::nan(""); // l2 of a token
  if (attention.normalizedQ)
    radius = std::sqrt(double(attention.normalizedQ->count));
  else if (auto facts = evaluation.facts.find(attention.sourceQ);
           facts != evaluation.facts.end())
    radius = facts->second.radiusToken.toDoubleUp();
  double sigma = 1;
  for (double scale : attention.scales)
    sigma *= std::abs(scale);
  // With square projections RMS to RMS norms are l2 norms, and
  // act^2 s = radius^2 sigma / heads.
  double s = sigma * double(attention.headWidth);
  double logits = sigma * radius * radius / double(attention.heads) *
                  norm(attention.q, source) * norm(attention.k, source);
  double value = w * norm(attention.v, source) * (s + 2 * logits);
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

void lipt::printPublishedFormula(llvm::raw_ostream &os,
                                 const Evaluation &evaluation) {
  bool any = false;
  for (size_t i = 0; i < evaluation.plan.steps.size(); ++i) {
    const PlanStep &step = evaluation.plan.steps[i];
    if (step.rule != "A" && step.rule != "A-R")
      continue;
    std::optional<double> published = publishedConstant(evaluation, step);
    auto source = evaluation.facts.find(step.inputs.front());
    if (!published || source == evaluation.facts.end())
      continue;
    double proved =
        std::pow(10.0, evaluation.steps[i].facts.lipToken.estimatedLog10() -
                           source->second.lipToken.estimatedLog10());
    os << "published formula (unproved) for '" << step.tensor
       << "': " << llvm::format("%.9g", *published)
       << llvm::format(" where rule %s proves %.9g\n", step.rule.c_str(),
                       proved);
    any = true;
  }
  if (!any)
    os << "published formula: it has no value for this network (it needs "
          "self-attention on tokens of bounded size)\n";
}
