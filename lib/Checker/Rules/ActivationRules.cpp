//===- ActivationRules.cpp - Entrywise functions: B-act, B-exp, B-pow, B-bn
//--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Activation.h"
#include "RuleTable.h"
#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cctype>
#include <cmath>

using namespace lipt::checker;

namespace {

Extended rootCount(const std::optional<int64_t> &count) {
  return count ? sqrtOfIntegerUp(*count) : Extended::unbounded();
}

/// The tensor that an entrywise step reads: role `source`, else its only input.
std::string sourceOf(RuleContext &context) {
  std::string named = context.step.role("source");
  if (named.empty()) {
    if (context.step.inputs.size() != 1)
      reject("the role 'source' is missing");
    named = context.step.inputs[0];
  }
  return context.graph.canonical(named);
}

/// Whether a certificate may call the function of this node `form`: the
/// operator's name in lower case, words joined by "_"; a Gelu's approximation
/// follows after "-", a Swish is also called silu.
bool isFormOf(const Node &node, std::string form) {
  std::erase(form, '_');
  if (node.is("Gelu"))
    return form == "gelu-" + (node.string("approximate", "none") == "tanh"
                                  ? std::string("tanh")
                                  : std::string("erf"));
  if (node.is("Swish") && form == "silu")
    return true;
  std::string name = node.opType;
  for (char &letter : name)
    letter = static_cast<char>(std::tolower(letter));
  return form == name;
}

Facts activation(RuleContext &context) {
  std::string source = sourceOf(context);
  const Node &node = context.node();
  std::optional<Activation> function;
  std::string wanted = context.step.role("form");
  if (!node.inputs.empty() &&
      context.graph.canonical(node.inputs[0]) == source &&
      context.tensor == node.outputs[0])
    function = activationOfNode(context.graph, node);
  if (function) {
    if (!wanted.empty() && !isFormOf(node, wanted))
      reject("the activation is ", node.opType, ", not ", wanted);
    context.cover(node);
  } else {
    auto spelled = spelledActivation(context.graph, context.tensor, source);
    if (!spelled)
      reject("no activation leads from '", source, "' to '", context.tensor,
             "'");
    if (!wanted.empty() && wanted != spelled->form)
      reject("the activation is ", spelled->form, ", not ", wanted);
    function = spelled->activation;
    context.cover(spelled->nodes);
  }
  Facts x = sourceInput(context, source);
  Facts facts = scaledLips(x, function->slope);
  facts.radiusL2 =
      times(x.radiusL2, function->growth) +
      times(function->offset, rootCount(context.layout.counts.all));
  facts.radiusToken =
      times(x.radiusToken, function->growth) +
      times(function->offset, rootCount(context.layout.counts.width));
  if (function->uniform)
    facts.spread = times(x.spread, function->slope);
  Range range = x.range ? *x.range : Range::everywhere(Interval::unknown());
  facts.range = mapRange(range, function->image);
  return facts;
}

/// Slope bound and image of one interval.
struct Piece {
  Extended slope;
  Interval image;
};

Facts onRange(RuleContext &context, const std::string &source,
              const std::function<Piece(const Interval &)> &piece) {
  Facts x = sourceInput(context, source);
  Range range = x.range ? *x.range : Range::everywhere(Interval::unknown());
  Extended slope = Extended::zero();
  for (Interval &entry : range.entries) {
    Piece own = piece(entry);
    slope = max(slope, own.slope);
    entry = own.image;
  }
  Facts facts = scaledLips(x, slope);
  facts.range = range;
  // The centre may be moved into the hull of the range, where the slope holds
  // on the whole way, without growing any distance.
  if (x.range)
    facts.spread = times(x.spread, piece(x.range->hull()).slope);
  return facts;
}

Facts exponential(RuleContext &context) {
  const Node &node = context.node({"Exp", "Log", "Sqrt", "Reciprocal"});
  context.cover(node);
  return onRange(context, node.inputs[0], [&](const Interval &x) -> Piece {
    Extended none;
    if (node.is("Exp")) {
      Interval image = exp(x);
      return {Extended::fromDouble(image.hi), image};
    }
    if (node.is("Log"))
      return x.lo > 0 ? Piece{Extended::one() / x.lo, log(x)}
                      : Piece{none, Interval::unknown()};
    if (node.is("Sqrt")) {
      Interval root = x.lo >= 0 ? sqrt(x) : Interval::unknown();
      return {x.lo > 0 ? Extended::one() / (2 * root.lo) : none, root};
    }
    double least = x.absMin();
    if (!(least > 0))
      return {none, Interval::unknown()};
    return {(Extended::one() / least) / least, Interval::point(1) / x};
  });
}

/// Pow with a constant exponent, or x·x.
Facts power(RuleContext &context) {
  const Node &node = context.node({"Pow", "Mul"});
  context.cover(node);
  double p = 2;
  if (node.is("Pow")) {
    const Constant *exponent = context.graph.constant(node.input(1));
    auto value = exponent && exponent->error == 0 ? exponent->uniformReal()
                                                  : std::nullopt;
    if (!value || !std::isfinite(*value) || std::fabs(*value) > 1024)
      reject("the exponent of '", context.tensor, "' is not a known constant");
    p = *value;
  } else if (node.inputs.size() != 2 ||
             context.graph.canonical(node.inputs[0]) !=
                 context.graph.canonical(node.inputs[1])) {
    reject("'", context.tensor, "' is not a square");
  }
  bool whole = p == std::floor(p);
  // Integer powers by repeated multiplication, others through exp and log
  // (the intervals are outward, so this is only a matter of width).
  auto raise = [&](const Interval &x, double exponent) {
    if (exponent == 0)
      return Interval::point(1);
    if (exponent == std::floor(exponent) && std::fabs(exponent) <= 64) {
      Interval result = Interval::point(1);
      int64_t n = static_cast<int64_t>(std::fabs(exponent));
      bool even = n % 2 == 0;
      Interval base = even ? abs(x) : x;
      if (even) {
        for (int64_t i = 0; i < n; ++i)
          result = result * base;
      } else {
        // Odd powers are monotone: ends only.
        Interval lo = Interval::point(1), hi = Interval::point(1);
        if (std::isinf(x.lo) || std::isinf(x.hi))
          return Interval::unknown();
        for (int64_t i = 0; i < n; ++i) {
          lo = lo * Interval::point(x.lo);
          hi = hi * Interval::point(x.hi);
        }
        result = {lo.lo, hi.hi};
      }
      return exponent < 0 ? Interval::point(1) / result : result;
    }
    if (!(x.lo > 0))
      return Interval::unknown();
    return exp(log(x) * Interval::point(exponent));
  };
  return onRange(context, node.inputs[0], [&](const Interval &x) -> Piece {
    Extended factor = Extended::fromDouble(std::fabs(p));
    double largest = x.absMax();
    if (p == 0)
      return {Extended::zero(), Interval::point(1)};
    if (p == 1)
      return {Extended::one(), x};
    if (p > 1 && (whole || x.lo >= 0)) {
      Interval top = raise(Interval::point(largest), p - 1);
      if (!std::isfinite(largest))
        top = Interval::unknown();
      if (largest == 0)
        return {Extended::zero(), Interval::point(0)};
      Interval image =
          whole || x.lo > 0
              ? raise(x, p)
              : hull(Interval::point(0), raise(Interval::point(largest), p));
      return {factor * Extended::fromDouble(top.hi), image};
    }
    // p < 1: the slope is largest next to zero.
    double least = x.absMin();
    if (!(least > 0) || (!whole && x.lo <= 0))
      return {Extended(), Interval::unknown()};
    Interval steep = raise(Interval::point(least), p - 1);
    return {factor * Extended::fromDouble(abs(steep).hi), raise(x, p)};
  });
}

Facts batchNorm(RuleContext &context) {
  const Node &node = context.node({"BatchNormalization"});
  if (context.tensor != node.outputs[0])
    reject("the statistics of BatchNormalization are no outputs of inference");
  context.cover(node);
  auto fold = foldBatchNorm(context.graph, node);
  if (!fold)
    reject("'", context.tensor, "' is not an inference batch norm");
  const Facts &x = context.input(node.inputs[0]);
  const Layout &layout = context.layout;
  if (layout.shape.size() < 2 || layout.shape[1] != Size(fold->scale.size()))
    reject("'", context.tensor, "' does not fit its channels");
  Extended scale = absMaxUp(fold->scale), shift = norm2Up(fold->shift);
  int64_t channels = fold->scale.size();
  Facts facts = scaledLips(x, scale);
  auto copies = [&](const std::optional<int64_t> &count) {
    return count && channels ? sqrtOfIntegerUp(*count / channels)
                             : Extended::unbounded();
  };
  facts.radiusL2 =
      times(x.radiusL2, scale) + times(shift, copies(layout.counts.all));
  if (!isPosition(layout.roles[1])) {
    facts.radiusToken =
        times(x.radiusToken, scale) + times(shift, copies(layout.counts.width));
    facts.spread = times(x.spread, scale);
  } else {
    // One channel per position: a token sees one scale and one shift.
    facts.radiusToken =
        times(x.radiusToken, scale) +
        times(absMaxUp(fold->shift), layout.counts.width
                                         ? sqrtOfIntegerUp(*layout.counts.width)
                                         : Extended::unbounded());
  }
  Range range;
  range.axis = 1;
  for (int64_t c = 0; c < channels; ++c) {
    Interval entry = x.range ? x.range->at(1, c) : Interval::unknown();
    range.entries.push_back(entry * fold->scale.entry(c) +
                            fold->shift.entry(c));
  }
  facts.range = range;
  return facts;
}

} // namespace

RuleList lipt::checker::activationRules() {
  return {{"B-act", activation},
          {"B-exp", exponential},
          {"B-pow", power},
          {"B-bn", batchNorm}};
}
