//===- NormalizationRules.cpp - Norm layers: B-ln, B-rms, B-gn, B-cap -----===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuleTable.h"
#include "SourceFacts.h"
#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

Extended lipt::checker::normalizationLinf(bool centred, int64_t n) {
  // LayerNorm: 2 for N <= 17, else (√(N−1)+2)^{3/2} / (√27·(√(N−1)−2)^{1/2});
  // RMSNorm: 1 for N <= 4, else (√N+1)^{3/2} / (√27·(√N−1)^{1/2}).
  if (n <= (centred ? 17 : 4))
    return Extended::fromInteger(centred ? 2 : 1);
  int64_t under = centred ? n - 1 : n;
  double shift = centred ? 2 : 1;
  Extended above = sqrtOfIntegerUp(under) + Extended::fromDouble(shift);
  double below = dn(sqrtOfIntegerDown(under) - shift);
  double rest = dn(dn(std::sqrt(27.0)) * dn(std::sqrt(below)));
  return above * above.sqrt() / rest;
}

namespace {

/// Number of normalised entries, nothing if a symbol stays free.
std::optional<int64_t> entriesOf(const NormalizationMatch &match,
                                 const std::vector<Size> &shape) {
  Size count(1);
  for (int64_t axis : match.axes)
    count = count * shape[axis];
  if (match.grouped) {
    auto perGroup = shape[1].dividedBy(Size(match.groups));
    if (!perGroup)
      return std::nullopt;
    count = count * *perGroup;
  }
  return count.constant();
}

/// Facts of z, the normalised vector before gain and bias.
Facts normalizedFacts(const NormalizationMatch &match, const Facts &x,
                      const Layout &layout) {
  auto n = entriesOf(match, layout.shape);
  Extended inverse = reciprocalSqrtUp(match.epsilon);
  Extended linf = n ? normalizationLinf(match.centred, *n) * inverse
                    : Extended::unbounded();
  Facts facts = scaledLips(x, inverse, linf);
  if (!n || *n < 1)
    return facts;
  // The normalised axes are exactly the width axes: one token, one norm.
  bool tokens = !match.grouped, inside = true;
  for (size_t i = 0; i < layout.shape.size(); ++i) {
    if (layout.shape[i].isOne())
      continue;
    bool normalized = std::find(match.axes.begin(), match.axes.end(),
                                int64_t(i)) != match.axes.end();
    tokens = tokens && normalized != isPosition(layout.roles[i]);
    inside = inside && !(normalized && isPosition(layout.roles[i]));
  }
  // Token norms survive if every group lies within one position.
  if (!inside || match.grouped)
    facts.lipToken = Extended::unbounded();
  Extended root = sqrtOfIntegerUp(*n);
  if (tokens) {
    facts.radiusToken = root;
    facts.spread = root;
  }
  if (auto all = layout.counts.all)
    facts.radiusL2 = sqrtOfIntegerUp(*all); // groups of norm <= √n each
  double entry = match.centred
                     ? (*n == 1 ? 0.0 : sqrtOfIntegerUp(*n - 1).toDoubleUp())
                     : root.toDoubleUp();
  facts.range = Range::everywhere(Interval::symmetric(entry));
  return facts;
}

Facts normalization(RuleContext &context) {
  auto match = matchNormalization(context.graph, context.tensor);
  const std::string &rule = context.step.rule;
  if (!match || rule != (match->grouped   ? "B-gn"
                         : match->centred ? "B-ln"
                                          : "B-rms"))
    reject("'", context.tensor, "' is not the output of such a norm");
  context.cover(match->nodes);
  for (auto [role, found] :
       {std::pair("source", match->source), std::pair("gain", match->gain),
        std::pair("bias", match->bias)}) {
    std::string named = context.step.role(role);
    if (!named.empty() && (found.empty() || context.graph.canonical(named) !=
                                                context.graph.canonical(found)))
      reject("the role '", role, "' is '", found, "'");
  }
  Facts x = sourceInput(context, match->source);
  const Layout &layout = context.layout;
  Facts z = normalizedFacts(*match, x, layout);
  Facts gain, bias;
  bool hasGain = !match->gain.empty(), hasBias = !match->bias.empty();
  // Group norms hold one number per channel: as a [C, 1, …] constant.
  auto facts = [&](const std::string &name) {
    Constant constant = *context.graph.constant(name);
    auto full = constant.materialized();
    if (match->grouped && full && full->rank() == 1) {
      std::vector<int64_t> shape(layout.shape.size() - 1, 1);
      int64_t count = full->count(),
              channels = layout.shape[1].constant().value_or(0);
      if (count == match->groups && count != channels) {
        // Before opset 21: one number per group.
        std::vector<double> values;
        for (int64_t c = 0; c < channels; ++c)
          values.push_back(full->real(c * count / channels));
        full = Tensor::fromReals(ElementType::Double, {channels}, values);
        count = channels;
      }
      shape[0] = count;
      constant = Constant::fromTensor(full->reshaped(shape));
    }
    return constantFacts(constant, layout);
  };
  Facts result = z;
  Extended factor = Extended::one();
  if (hasGain) {
    gain = facts(match->gain);
    factor = gain.range ? Extended::fromDouble(gain.range->hull().absMax())
                        : Extended::unbounded();
    result = scaledLips(z, factor);
    result.radiusL2 = times(z.radiusL2, factor);
    result.radiusToken = times(z.radiusToken, factor);
    result.spread = times(z.spread, factor);
    result.range = gain.range;
    Interval entry = z.range ? z.range->hull() : Interval::unknown();
    result.range =
        mapRange(result.range, [&](const Interval &g) { return entry * g; });
  }
  if (hasBias) {
    bias = facts(match->bias);
    result.radiusL2 = result.radiusL2 + bias.radiusL2;
    result.radiusToken = result.radiusToken + bias.radiusToken;
    result.spread = result.spread + bias.spread;
    if (result.range && bias.range) {
      std::optional<int64_t> axis =
          result.range->axis ? result.range->axis : bias.range->axis;
      Range sum;
      sum.axis = axis;
      size_t length =
          axis
              ? (result.range->axis ? result.range : bias.range)->entries.size()
              : 1;
      for (size_t i = 0; i < length; ++i)
        sum.entries.push_back(result.range->at(axis, i) +
                              bias.range->at(axis, i));
      result.range = sum;
    }
  }
  // A gain along positions scales every position's token by its own factor:
  // no common centre.
  if (hasGain)
    for (size_t i = 0; i < layout.shape.size(); ++i) {
      const auto &stored = context.graph.constant(match->gain)->value->shape;
      size_t shift =
          layout.shape.size() - std::min(stored.size(), layout.shape.size());
      if (isPosition(layout.roles[i]) && i >= shift && stored[i - shift] != 1)
        result.spread = Extended::unbounded();
    }
  return result;
}

} // namespace

SourceFacts lipt::checker::sourceFacts(RuleContext &context,
                                       const AffineSource &source) {
  SourceFacts result;
  result.width = context.graph.width(source.tensor);
  result.layout = Layout::of(context.graph, source.tensor);
  if (!source.normalized) {
    result.facts = context.input(source.tensor);
    return result;
  }
  auto match = matchNormalization(context.graph, source.tensor);
  if (!match || match->grouped)
    reject("'", source.tensor, "' is not the output of a layer norm");
  context.cover(match->nodes);
  result.layout = Layout::of(context.graph, match->source);
  result.facts =
      normalizedFacts(*match, context.input(match->source), result.layout);
  close(result.facts, result.layout);
  return result;
}

RuleList lipt::checker::normalizationRules() {
  return {{"B-ln", normalization},
          {"B-rms", normalization},
          {"B-gn", normalization}};
}
