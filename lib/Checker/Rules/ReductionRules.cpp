//===- ReductionRules.cpp - Reductions: B-red, B-red2 ---------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuleTable.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

struct Reduction {
  std::vector<int64_t> axes;
  std::optional<int64_t> entries;
  bool overWidth = true, overPositions = true; // all reduced axes are
};

Reduction reductionOf(RuleContext &context, const Node &node) {
  const std::string &input = node.inputs[0];
  const auto &shape = context.graph.shape(input);
  const auto &roles = context.graph.info(input).roles;
  int64_t rank = static_cast<int64_t>(shape.size());
  auto axes = axesOf(node, context.graph.constantInputs(node), 1, rank);
  if (!axes)
    reject("the axes of '", context.tensor, "' are not known");
  Reduction reduction;
  reduction.axes = *axes;
  if (axes->empty() && !node.integer("noop_with_empty_axes", 0))
    for (int64_t i = 0; i < rank; ++i)
      reduction.axes.push_back(i);
  Size entries(1);
  for (int64_t axis : reduction.axes) {
    entries = entries * shape[axis];
    if (shape[axis].isOne())
      continue;
    (isPosition(roles[axis]) ? reduction.overWidth : reduction.overPositions) =
        false;
  }
  reduction.entries = entries.constant();
  return reduction;
}

/// The range after reduced axes are gone (or of length 1).
std::optional<Range>
survivingRange(const Node &node, const Reduction &reduction, const Facts &x) {
  if (!x.range || !x.range->axis)
    return x.range;
  int64_t axis = *x.range->axis, before = 0;
  for (int64_t reduced : reduction.axes) {
    if (reduced == axis)
      return Range::everywhere(x.range->hull());
    before += reduced < axis;
  }
  Range range = *x.range;
  if (!node.integer("keepdims", 1))
    range.axis = axis - before;
  return range;
}

Facts reduce(RuleContext &context) {
  const Node &node = context.node({"ReduceSum", "ReduceMean", "ReduceMax",
                                   "ReduceMin", "ReduceL1", "ReduceL2"});
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  Reduction reduction = reductionOf(context, node);
  std::optional<Range> range = survivingRange(node, reduction, x);
  if (reduction.axes.empty()) // noop_with_empty_axes: the elementwise part
    reject("'", context.tensor, "' reduces no axis");
  Extended n = reduction.entries ? Extended::fromInteger(*reduction.entries)
                                 : Extended::unbounded();
  Extended root = reduction.entries ? sqrtOfIntegerUp(*reduction.entries)
                                    : Extended::unbounded();
  bool mean = node.is("ReduceMean"), sum = node.is("ReduceSum"),
       extremum = node.is("ReduceMax") || node.is("ReduceMin");
  Extended l2 = root, linf = n;
  if (mean) {
    l2 = reduction.entries && *reduction.entries > 0
             ? Extended::one() / sqrtOfIntegerDown(*reduction.entries)
             : Extended::one();
    linf = Extended::one();
  } else if (extremum) {
    l2 = linf = Extended::one();
  } else if (node.is("ReduceL2")) {
    l2 = Extended::one();
    linf = root;
  }
  Facts facts = scaledLips(x, l2, linf);
  facts.radiusL2 = times(x.radiusL2, l2);
  facts.lipToken = Extended::unbounded();
  if (reduction.overWidth) {
    facts.lipToken = times(x.lipToken, l2);
    facts.radiusToken = times(x.radiusToken, l2);
    if (mean || sum)
      facts.spread = times(x.spread, l2);
  } else if (reduction.overPositions && (mean || sum)) {
    Extended factor = mean ? Extended::one() : n;
    facts.lipToken = times(x.lipToken, factor);
    facts.radiusToken = times(x.radiusToken, factor);
    facts.spread = times(x.spread, factor);
  }
  if (mean || extremum)
    facts.range = range;
  else if (sum && reduction.entries)
    facts.range = mapRange(range, [&](const Interval &entry) {
      return scale(entry, static_cast<double>(*reduction.entries));
    });
  else if (node.is("ReduceL1") || node.is("ReduceL2"))
    facts.range = mapRange(
        range ? range : std::optional(Range::everywhere(Interval::unknown())),
        [&](const Interval &entry) -> Interval {
          double reach =
              times(Extended::fromDouble(entry.absMax()), linf).toDoubleUp();
          return {0, reach};
        });
  return facts;
}

Facts reduceNonlinear(RuleContext &context) {
  const Node &node = context.node({"ReduceSumSquare", "ReduceProd", "CumSum"});
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  double bound = x.range ? x.range->hull().absMax() : HUGE_VAL;
  Extended entry = Extended::fromDouble(bound);
  Facts facts;
  if (node.is("CumSum")) {
    const Constant *which = context.graph.constant(node.input(1));
    auto axis = which && which->value && which->value->count() == 1
                    ? std::optional(which->value->integer(0))
                    : std::nullopt;
    const auto &shape = context.graph.shape(node.inputs[0]);
    int64_t rank = static_cast<int64_t>(shape.size());
    if (axis && *axis < 0)
      *axis += rank;
    if (!axis || *axis < 0 || *axis >= rank)
      reject("the axis of '", context.tensor, "' is not known");
    auto n = shape[*axis].constant();
    Extended count = n ? Extended::fromInteger(*n) : Extended::unbounded();
    // √(n(n+1)/2)
    Extended l2 =
        (count * (count + Extended::one()) * Extended::powerOfTwo(-1)).sqrt();
    facts = scaledLips(x, l2, count);
    facts.lipToken = Extended::unbounded();
    facts.radiusL2 = times(x.radiusL2, l2);
    // Sums of 1 … n entries, of none with `exclusive`.
    if (n && x.range) {
      Interval one = x.range->hull(), all = scale(one, double(*n));
      all = hull(one, all);
      if (node.integer("exclusive", 0) != 0)
        all = hull(all, Interval::point(0));
      facts.range = Range::everywhere(all);
    }
    return facts;
  }
  Reduction reduction = reductionOf(context, node);
  if (reduction.axes.empty())
    reject("'", context.tensor, "' reduces no axis");
  Extended n = reduction.entries ? Extended::fromInteger(*reduction.entries)
                                 : Extended::unbounded();
  Extended root = reduction.entries ? sqrtOfIntegerUp(*reduction.entries)
                                    : Extended::unbounded();
  if (node.is("ReduceSumSquare")) {
    Extended two = Extended::fromInteger(2);
    facts = scaledLips(x, two * x.radiusL2, two * n * entry);
    facts.radiusL2 = x.radiusL2.squared();
    auto range = survivingRange(node, reduction, x);
    facts.range = mapRange(
        range ? range : std::optional(Range::everywhere(Interval::unknown())),
        [&](const Interval &cell) -> Interval {
          double reach = times(Extended::fromDouble(cell.absMax()).squared(), n)
                             .toDoubleUp();
          return {0, reach};
        });
    if (reduction.overWidth)
      facts.lipToken = times(x.lipToken, two * x.radiusToken);
    else
      facts.lipToken = Extended::unbounded();
    return facts;
  }
  if (!reduction.entries || *reduction.entries < 1 || *reduction.entries > 4096)
    return facts;
  Extended power = Extended::one();
  for (int64_t i = 1; i < *reduction.entries; ++i)
    power *= entry;
  facts = scaledLips(x, root * power, n * power);
  facts.lipToken = Extended::unbounded();
  double reach = (power * entry).toDoubleUp();
  if (std::isfinite(reach))
    facts.range = Range::everywhere(Interval::symmetric(reach));
  return facts;
}

} // namespace

RuleList lipt::checker::reductionRules() {
  return {{"B-red", reduce}, {"B-red2", reduceNonlinear}};
}
