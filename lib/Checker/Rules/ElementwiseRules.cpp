//===- ElementwiseRules.cpp - Two operands: B-add, B-mul, B-div, B-minmax,
// B-where --===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuleTable.h"
#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

Extended entryBound(const Facts &x) {
  return x.range ? Extended::fromDouble(x.range->hull().absMax())
                 : Extended::unbounded();
}

Range rangeOf(const Facts &x) {
  return x.range ? *x.range : Range::everywhere(Interval::unknown());
}

/// Index by index along the axis that both (or the only one) have; along
/// different axes the last one is kept, the other's hull used.
template <typename Operation>
Range combineRanges(const Facts &a, const Facts &b, Operation operation) {
  Range x = rangeOf(a), y = rangeOf(b);
  std::optional<int64_t> axis = x.axis ? x.axis : y.axis;
  if (x.axis && y.axis)
    axis = std::max(*x.axis, *y.axis);
  Range result;
  result.axis = axis;
  size_t length = axis ? (x.axis == axis ? x : y).entries.size() : 1;
  for (size_t i = 0; i < length; ++i)
    result.entries.push_back(operation(x.at(axis, i), y.at(axis, i)));
  return result;
}

Facts sumOf(const Facts &a, const Facts &b) {
  Facts facts;
  facts.lipL2 = a.lipL2 + b.lipL2;
  facts.lipLinf = a.lipLinf + b.lipLinf;
  facts.lipToken = a.lipToken + b.lipToken;
  facts.radiusL2 = a.radiusL2 + b.radiusL2;
  facts.radiusToken = a.radiusToken + b.radiusToken;
  facts.spread = a.spread + b.spread;
  return facts;
}

Facts addition(RuleContext &context) {
  const Node &node = context.node({"Add", "Sub", "Sum", "Mean"});
  context.cover(node);
  Facts facts = operandFacts(context, node.inputs[0]);
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    Facts next = operandFacts(context, node.inputs[i]);
    Facts sum = sumOf(facts, next);
    sum.range =
        combineRanges(facts, next, [&](const Interval &x, const Interval &y) {
          return node.is("Sub") ? x - y : x + y;
        });
    facts = sum;
  }
  if (node.is("Mean")) {
    double n = static_cast<double>(node.inputs.size());
    Extended factor = Extended::one() / n;
    Facts scaled = scaledLips(facts, factor);
    scaled.radiusL2 = times(facts.radiusL2, factor);
    scaled.radiusToken = times(facts.radiusToken, factor);
    scaled.spread = times(facts.spread, factor);
    scaled.range = mapRange(
        facts.range, [&](const Interval &x) { return x / Interval::point(n); });
    return scaled;
  }
  return facts;
}

/// All constants × max|c|, radii and spread alike where c is the same at
/// every position.
Facts timesConstant(RuleContext &context, const std::string &varying,
                    const Constant &constant, bool divide) {
  Facts x = operandFacts(context, varying);
  Facts c = constantFacts(constant, context.layout);
  if (!c.range)
    reject("a constant factor of '", context.tensor, "' has no known value");
  if (divide) {
    double least = HUGE_VAL;
    for (Interval &entry : c.range->entries) {
      least = std::min(least, entry.absMin());
      entry = Interval::point(1) / entry;
    }
    if (!(least > 0))
      reject("'", context.tensor, "' divides by a constant that may be zero");
  }
  Extended factor = entryBound(c);
  Facts facts = scaledLips(x, factor);
  facts.radiusL2 = times(x.radiusL2, factor);
  facts.radiusToken = times(x.radiusToken, factor);
  // c·(v_p − m) needs one factor per width index for all positions.
  size_t shift = context.layout.shape.size() - constant.value->shape.size();
  bool fixed = true;
  for (size_t i = 0; i < constant.value->shape.size(); ++i)
    if (constant.value->shape[i] != 1 &&
        isPosition(context.layout.roles[i + shift]))
      fixed = false;
  if (fixed)
    facts.spread = times(x.spread, factor);
  facts.range = combineRanges(
      x, c, [](const Interval &a, const Interval &b) { return a * b; });
  return facts;
}

Facts multiplication(RuleContext &context) {
  const Node &node = context.node({"Mul"});
  context.cover(node);
  if (node.inputs.size() != 2)
    reject("'", context.tensor, "' has not two operands");
  if (auto split = splitConstant(context.graph, node))
    return timesConstant(context, split->varying, *split->constant, false);
  Facts a = operandFacts(context, node.inputs[0]);
  Facts b = operandFacts(context, node.inputs[1]);
  Extended boundA = entryBound(a), boundB = entryBound(b);
  Facts facts;
  facts.lipL2 = times(a.lipL2, boundB) + times(b.lipL2, boundA);
  facts.lipLinf = times(a.lipLinf, boundB) + times(b.lipLinf, boundA);
  facts.lipToken = times(a.lipToken, boundB) + times(b.lipToken, boundA);
  facts.radiusL2 = min(times(a.radiusL2, boundB), times(b.radiusL2, boundA));
  facts.radiusToken =
      min(times(a.radiusToken, boundB), times(b.radiusToken, boundA));
  bool square = context.graph.canonical(node.inputs[0]) ==
                context.graph.canonical(node.inputs[1]);
  facts.range = combineRanges(a, b, [&](const Interval &x, const Interval &y) {
    return square ? squared(x) : x * y;
  });
  return facts;
}

Facts division(RuleContext &context) {
  const Node &node = context.node({"Div"});
  context.cover(node);
  if (node.inputs.size() != 2)
    reject("'", context.tensor, "' has not two operands");
  auto split = splitConstant(context.graph, node);
  if (split && !split->constantFirst)
    return timesConstant(context, split->varying, *split->constant, true);
  Facts a = operandFacts(context, node.inputs[0]);
  Facts b = operandFacts(context, node.inputs[1]);
  double least = b.range ? HUGE_VAL : 0.0;
  if (b.range) {
    least = b.range->hull().absMin();
    // One sign: the hull must not contain zero.
    if (b.range->hull().contains(0.0))
      least = 0;
  }
  Facts facts;
  if (!(least > 0))
    return facts;
  Extended boundA = entryBound(a);
  auto lip = [&](const Extended &la, const Extended &lb) {
    return la / least + times(boundA, lb / least) / least;
  };
  facts.lipL2 = lip(a.lipL2, b.lipL2);
  facts.lipLinf = lip(a.lipLinf, b.lipLinf);
  facts.lipToken = lip(a.lipToken, b.lipToken);
  facts.radiusL2 = a.radiusL2 / least;
  facts.radiusToken = a.radiusToken / least;
  facts.range = combineRanges(
      a, b, [](const Interval &x, const Interval &y) { return x / y; });
  return facts;
}

Extended rootOfSquares(const Extended &a, const Extended &b) {
  if (a.isZero())
    return b;
  return b.isZero() ? a : (a.squared() + b.squared()).sqrt();
}

Facts chosen(const Facts &a, const Facts &b) {
  Facts facts;
  facts.lipL2 = rootOfSquares(a.lipL2, b.lipL2);
  facts.lipToken = rootOfSquares(a.lipToken, b.lipToken);
  facts.lipLinf = max(a.lipLinf, b.lipLinf);
  facts.radiusL2 = rootOfSquares(a.radiusL2, b.radiusL2);
  facts.radiusToken = rootOfSquares(a.radiusToken, b.radiusToken);
  return facts;
}

Facts extremum(RuleContext &context) {
  const Node &node = context.node({"Min", "Max"});
  context.cover(node);
  Facts facts = operandFacts(context, node.inputs[0]);
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    Facts next = operandFacts(context, node.inputs[i]);
    Facts both = chosen(facts, next);
    both.range =
        combineRanges(facts, next, [&](const Interval &x, const Interval &y) {
          return node.is("Max") ? max(x, y) : min(x, y);
        });
    facts = both;
  }
  return facts;
}

Facts where(RuleContext &context) {
  const Node &node = context.node({"Where"});
  context.cover(node);
  if (context.graph.info(node.inputs[0]).dependsOnOrigin)
    reject("the condition of '", context.tensor, "' depends on the origin");
  Facts a = operandFacts(context, node.inputs[1]);
  Facts b = operandFacts(context, node.inputs[2]);
  Facts facts = chosen(a, b);
  facts.range = combineRanges(
      a, b, [](const Interval &x, const Interval &y) { return hull(x, y); });
  return facts;
}

} // namespace

RuleList lipt::checker::elementwiseRules() {
  return {{"B-add", addition},
          {"B-mul", multiplication},
          {"B-div", division},
          {"B-minmax", extremum},
          {"B-where", where}};
}
