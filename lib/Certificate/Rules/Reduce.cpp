//===- Reduce.cpp - Rules B-red, B-red2, B-lse ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"

#include <algorithm>

using namespace lipt;

namespace {
/// The reduced axes.
struct Reduced {
  std::optional<uint64_t> count; ///< entries that become one
  bool onlyWidth = true, onlyPositions = true;
};
} // namespace

static std::optional<Reduced> describe(const ReduceStep &step,
                                       const std::vector<PlanAxis> &in) {
  Reduced reduced;
  SymbolicSize size = 1;
  for (int64_t axis : step.axes) {
    if (axis < 0 || axis >= int64_t(in.size()))
      return std::nullopt;
    size = size * in[size_t(axis)].size;
    if (staticSize(in[size_t(axis)]) == 1)
      continue;
    (in[size_t(axis)].isPosition() ? reduced.onlyWidth
                                   : reduced.onlyPositions) = false;
  }
  std::optional<int64_t> count =
      size.isValid() ? size.getStatic() : std::nullopt;
  if (count && *count >= 0)
    reduced.count = uint64_t(*count);
  return reduced;
}

/// Whether dropping (or keeping as size 1) the reduced axes leaves the roles of
/// the others as they are.
static bool rolesKept(const ReduceStep &step, const std::vector<PlanAxis> &in,
                      const std::vector<PlanAxis> &out) {
  std::vector<PlanAxis> left;
  for (size_t i = 0; i != in.size(); ++i)
    if (std::ranges::find(step.axes, int64_t(i)) == step.axes.end() &&
        staticSize(in[i]) != 1)
      left.push_back(in[i]);
  std::vector<PlanAxis> now;
  for (const PlanAxis &axis : out)
    if (staticSize(axis) != 1)
      now.push_back(axis);
  return left.size() == now.size() &&
         std::equal(left.begin(), left.end(), now.begin(),
                    [](const PlanAxis &a, const PlanAxis &b) {
                      return a.isPosition() == b.isPosition();
                    });
}

Facts rules::evaluate(const ReduceStep &step, StepContext &context) {
  const Facts &x = context.facts(step.source);
  const std::vector<PlanAxis> &in = context.axes(step.source);
  std::optional<Reduced> reduced = describe(step, in);
  if (!reduced) {
    context.explain("a reduction's axis is out of range");
    return {};
  }
  UpperBound one = UpperBound::one(), none = UpperBound::unbounded();
  UpperBound n =
      reduced->count ? UpperBound::fromInteger(*reduced->count) : none;
  UpperBound root = sqrtOfCount(reduced->count);
  UpperBound inverseRoot =
      reduced->count && *reduced->count > 0
          ? UpperBound::reciprocalSqrt(double(*reduced->count))
          : none;
  UpperBound bound = x.entryBound();
  Interval hull = x.entryHull();
  const std::string &kind = step.kind;

  UpperBound l2, linf, growth;
  Interval range = Interval::unknown();
  bool keepsRange = false;
  if (kind == "sum" || kind == "l1") {
    l2 = growth = root;
    linf = n;
    range = Interval::symmetric(n * bound);
    if (kind == "sum" && reduced->count)
      range = intersect(range, scale(hull, double(*reduced->count)));
    if (kind == "l1")
      range.lo = 0;
  } else if (kind == "mean") {
    l2 = growth = inverseRoot;
    // At most 1 as well, also where the count is unknown.
    l2 = growth = min(l2, one);
    linf = one;
    keepsRange = true;
  } else if (kind == "max" || kind == "min") {
    l2 = linf = growth = one;
    keepsRange = true;
  } else if (kind == "l2") {
    l2 = growth = one;
    linf = root;
    range = Interval::symmetric(root * bound);
    range.lo = 0;
  } else if (kind == "sum_square") {
    UpperBound two = UpperBound::fromInteger(2);
    l2 = two * x.radiusL2;
    linf = two * n * bound;
    growth = x.radiusL2;
    range =
        Interval::symmetric(min(n * bound * bound, x.radiusL2 * x.radiusL2));
    range.lo = 0;
  } else if (kind == "prod") {
    if (!reduced->count || *reduced->count < 1 ||
        *reduced->count > (1u << 16)) {
      context.explain("a product over an unknown number of entries has no "
                      "bound");
      return {};
    }
    unsigned count = unsigned(*reduced->count);
    l2 = root * bound.power(count - 1);
    linf = n * bound.power(count - 1);
    range = Interval::symmetric(bound.power(count));
  } else if (kind == "cumsum") {
    l2 = growth = (n * (n + one) * UpperBound::fromRatio(1, 2)).sqrt();
    linf = n;
    range = Interval::symmetric(n * bound);
  } else if (kind == "log_sum_exp") {
    // B-lse: the gradient is a softmax; values lie in [max, max + ln n].
    l2 = linf = one;
    if (reduced->count && *reduced->count > 0)
      range = add(
          hull, Interval::of(
                    0, logImage(Interval::point(double(*reduced->count))).hi));
  } else {
    context.explain("reduction '" + kind + "' has no rule");
    return {};
  }

  Facts y;
  y.lipL2 = l2 * x.lipL2;
  y.lipLInf = linf * x.lipLInf;
  y.radiusL2 = growth * x.radiusL2;
  bool roles = rolesKept(step, in, context.outputAxes());
  bool linear = kind != "sum_square" && kind != "prod" && kind != "cumsum" &&
                kind != "log_sum_exp";
  if (reduced->onlyWidth && roles && linear) {
    // The same per token.
    y.lipToken = l2 * x.lipToken;
    y.radiusToken = growth * x.radiusToken;
  } else if (reduced->onlyWidth && roles && kind == "log_sum_exp") {
    y.lipToken = x.lipToken;
  } else if (reduced->onlyPositions && roles &&
             (kind == "mean" || kind == "sum")) {
    // A mean of token vectors, or n times one.
    UpperBound factor = kind == "mean" ? one : n;
    y.lipToken = factor * x.lipToken;
    y.radiusToken = factor * x.radiusToken;
  }
  if (keepsRange && x.range) {
    bool axisStays = false;
    if (x.range->axis)
      axisStays =
          std::ranges::find(step.axes, *x.range->axis) == step.axes.end();
    // Dropped axes before the range's move it down; kept ones have size 1.
    int64_t shift = 0;
    if (axisStays && context.outputAxes().size() != in.size())
      shift = std::ranges::count_if(
          step.axes, [&](int64_t axis) { return axis < *x.range->axis; });
    y.range = axisStays ? EntryRange{x.range->entries, *x.range->axis - shift}
                        : EntryRange{{hull}, std::nullopt};
  } else {
    y.range = EntryRange{{range}, std::nullopt};
  }
  return y;
}
