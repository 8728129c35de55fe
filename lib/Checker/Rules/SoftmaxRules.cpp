//===- SoftmaxRules.cpp - Softmax and its logarithm: B-softmax, B-logsoftmax,
// B-lse --===//
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

/// ln n, rounded up.
double logarithmUp(int64_t n) {
  return up(up(std::log(static_cast<double>(n)) * (1 + 0x1p-50)));
}

bool contains(const std::vector<int64_t> &axes, int64_t axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

/// Each distribution lies within one position.
bool withinTokens(const std::vector<int64_t> &axes, const Layout &layout) {
  for (int64_t axis : axes)
    if (isPosition(layout.roles[axis]) && !layout.shape[axis].isOne())
      return false;
  return true;
}

Facts softmax(RuleContext &context) {
  auto match = matchSoftmax(context.graph, context.tensor);
  if (!match)
    reject("'", context.tensor, "' is not a softmax");
  context.cover(match->nodes);
  Facts x = sourceInput(context, match->source);
  const Layout &layout = context.layout;
  Facts facts = scaledLips(x, Extended::fromDouble(0.5));
  if (!withinTokens(match->axes, layout))
    facts.lipToken = Extended::unbounded();
  // Every distribution has norm at most 1.
  Size rows(1), rowsInToken(1);
  bool whole = withinTokens(match->axes, layout);
  for (size_t i = 0; i < layout.shape.size(); ++i)
    if (!contains(match->axes, int64_t(i))) {
      rows = rows * layout.shape[i];
      if (!isPosition(layout.roles[i]))
        rowsInToken = rowsInToken * layout.shape[i];
    }
  if (auto count = rows.constant())
    facts.radiusL2 = sqrtOfIntegerUp(*count);
  if (whole)
    if (auto count = rowsInToken.constant())
      facts.radiusToken = sqrtOfIntegerUp(*count);
  facts.range = Range::everywhere({0, 1});
  return facts;
}

Facts logSoftmax(RuleContext &context) {
  const Node &node = context.node({"LogSoftmax"});
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  const Layout &layout = context.layout;
  std::vector<int64_t> axes;
  int64_t rank = static_cast<int64_t>(layout.shape.size());
  int64_t axis = node.integer("axis", node.opset < 13 ? 1 : -1);
  axis = axis < 0 ? axis + rank : axis;
  for (int64_t i = axis; i < (node.opset < 13 ? rank : axis + 1); ++i)
    axes.push_back(i);
  Size entries(1);
  for (int64_t i : axes)
    entries = entries * layout.shape.at(i);
  auto n = entries.constant();
  Facts facts = scaledLips(x, n ? sqrtOfIntegerUp(*n) : Extended::unbounded(),
                           Extended::fromInteger(2));
  if (!withinTokens(axes, layout))
    facts.lipToken = Extended::unbounded();
  // y in [min − max − ln n, 0].
  Interval hull = x.range ? x.range->hull() : Interval::unknown();
  Interval below = Interval::point(hull.lo) - Interval::point(hull.hi);
  if (n && std::isfinite(hull.lo) && std::isfinite(hull.hi))
    facts.range = Range::everywhere({dn(below.lo - logarithmUp(*n)), 0});
  else
    facts.range = Range::everywhere({-HUGE_VAL, 0});
  return facts;
}

Facts logSumExp(RuleContext &context) {
  const Node &node = context.node({"ReduceLogSumExp"});
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  const auto &from = context.graph.shape(node.inputs[0]);
  int64_t rank = static_cast<int64_t>(from.size());
  auto axes = axesOf(node, context.graph.constantInputs(node), 1, rank);
  if (!axes)
    reject("the axes of '", context.tensor, "' are not known");
  Size entries(1);
  for (int64_t i = 0; i < rank; ++i)
    if (axes->empty() || contains(*axes, i))
      entries = entries * from[i];
  Facts facts = scaledLips(x, Extended::one());
  facts.lipToken = Extended::unbounded();
  auto n = entries.constant();
  if (n && x.range) {
    Interval hull = x.range->hull();
    facts.range = Range::everywhere({hull.lo, up(hull.hi + logarithmUp(*n))});
  }
  return facts;
}

} // namespace

RuleList lipt::checker::softmaxRules() {
  return {{"B-softmax", softmax},
          {"B-logsoftmax", logSoftmax},
          {"B-lse", logSumExp}};
}
