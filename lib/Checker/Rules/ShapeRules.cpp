//===- ShapeRules.cpp - Data movement: B-shape, B-concat, B-slice, B-pad and the
// like --===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Windows.h"
#include "RuleTable.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>
#include <map>

using namespace lipt::checker;

namespace {

Facts onlyWhole(const Facts &x) {
  Facts facts;
  facts.lipL2 = x.lipL2;
  facts.lipLinf = x.lipLinf;
  facts.radiusL2 = x.radiusL2;
  if (x.range)
    facts.range = Range::everywhere(x.range->hull());
  return facts;
}

/// Reshapes: token facts survive where position axes stay position axes;
/// groups that mix give width axes, whose tokens join the former ones.
Facts regrouped(RuleContext &context, const Node &node) {
  const Facts &x = context.input(node.inputs[0]);
  Layout from = Layout::of(context.graph, node.inputs[0]);
  const Layout &to = context.layout;
  Facts facts = onlyWhole(x);
  auto groups = groupAxes(from.shape, to.shape);
  if (!groups)
    return facts;
  Extended joined = Extended::one();
  for (const AxisGroup &group : *groups) {
    bool anyWidth = false, anyPosition = false;
    for (int64_t axis : group.to)
      (isPosition(to.roles[axis]) ? anyPosition : anyWidth) = true;
    for (int64_t axis : group.from) {
      bool position = isPosition(from.roles[axis]);
      if (!position && anyPosition)
        return facts; // cannot come out of inferRoles
      if (position && anyWidth) {
        auto length = from.shape[axis].constant();
        joined *= length ? sqrtOfIntegerUp(*length) : Extended::unbounded();
      }
    }
    // The range follows an axis that keeps its length.
    if (x.range && x.range->axis && group.from.size() == 1 &&
        group.to.size() == 1 && *x.range->axis == group.from[0]) {
      facts.range = x.range;
      facts.range->axis = group.to[0];
    }
    // Merged width axes: repeat the entries of the one that had the range.
    if (x.range && x.range->axis && group.to.size() == 1 &&
        group.from.size() > 1 &&
        std::find(group.from.begin(), group.from.end(), *x.range->axis) !=
            group.from.end()) {
      int64_t inner = 1, outer = 1;
      bool after = false, known = true;
      for (int64_t axis : group.from) {
        auto length = from.shape[axis].constant();
        known = known && length && *length < 1 << 24;
        if (axis == *x.range->axis)
          after = true;
        else if (known)
          (after ? inner : outer) *= *length;
      }
      if (known &&
          to.shape[group.to[0]].constant().value_or(1 << 25) <= 1 << 24) {
        Range range;
        range.axis = group.to[0];
        for (int64_t o = 0; o < outer; ++o)
          for (const Interval &entry : x.range->entries)
            range.entries.insert(range.entries.end(), inner, entry);
        facts.range = range;
      }
    }
  }
  facts.lipToken = times(x.lipToken, joined);
  facts.radiusToken = times(x.radiusToken, joined);
  // The centre of a joined token repeats the former one.
  facts.spread = times(x.spread, joined);
  return facts;
}

Facts shape(RuleContext &context) {
  // A transparent node may have a step; it says what is known.
  if (context.step.tensor != context.tensor)
    return context.input(context.tensor);
  const Node &node = context.node({"Reshape", "Flatten", "Squeeze", "Unsqueeze",
                                   "Transpose", "Identity", "Dropout", "Cast",
                                   "CastLike", "DepthToSpace", "SpaceToDepth"});
  if (context.tensor != node.outputs[0])
    reject("'", context.tensor, "' is not the first output of its node");
  context.cover(node);
  if (node.is("Cast") || node.is("CastLike"))
    reject("a cast to a narrower type is not continuous");
  if (node.is("Dropout") && !context.graph.isTransparent(node))
    reject("'", context.tensor, "' is a Dropout in training mode");
  if (node.is("DepthToSpace") || node.is("SpaceToDepth"))
    return onlyWhole(context.input(node.inputs[0]));
  if (!node.is("Transpose"))
    return regrouped(context, node);
  Facts facts = context.input(node.inputs[0]);
  if (facts.range && facts.range->axis) {
    int64_t rank = static_cast<int64_t>(context.layout.shape.size());
    auto permutation = node.integers("perm");
    for (int64_t i = 0; i < rank; ++i)
      if ((permutation ? (*permutation)[i] : rank - 1 - i) ==
          *context.input(node.inputs[0]).range->axis)
        facts.range->axis = i;
  }
  return facts;
}

Extended rootOfSquares(const Extended &a, const Extended &b) {
  if (a.isZero())
    return b;
  return b.isZero() ? a : (a.squared() + b.squared()).sqrt();
}

Facts concatenation(RuleContext &context) {
  const Node &node = context.node({"Concat"});
  context.cover(node);
  int64_t rank = static_cast<int64_t>(context.layout.shape.size());
  int64_t axis = node.integer("axis", 1);
  axis = axis < 0 ? axis + rank : axis;
  bool width = !isPosition(context.layout.roles[axis]);
  Facts facts = Facts::fixed();
  facts.radiusL2 = facts.radiusToken = Extended::zero();
  Extended spreads = Extended::zero();
  Range along;
  along.axis = axis;
  Interval all{HUGE_VAL, -HUGE_VAL};
  bool known = true;
  for (const std::string &input : node.inputs) {
    Facts x;
    if (context.graph.isConstant(input)) {
      Layout layout = context.layout;
      layout.shape = context.graph.shape(input);
      const Constant *constant = context.graph.constant(input);
      x = constant ? constantFacts(*constant, layout) : Facts::fixed();
    } else {
      Layout from = Layout::of(context.graph, input);
      Layout to = context.layout;
      to.shape = from.shape;
      x = broadcastFacts(context.input(input), from, to);
    }
    facts.lipL2 = rootOfSquares(facts.lipL2, x.lipL2);
    facts.lipLinf = max(facts.lipLinf, x.lipLinf);
    facts.radiusL2 = rootOfSquares(facts.radiusL2, x.radiusL2);
    facts.lipToken = width ? rootOfSquares(facts.lipToken, x.lipToken)
                           : max(facts.lipToken, x.lipToken);
    facts.radiusToken = width ? rootOfSquares(facts.radiusToken, x.radiusToken)
                              : max(facts.radiusToken, x.radiusToken);
    spreads = rootOfSquares(spreads, x.spread);
    Range range = x.range ? *x.range : Range::everywhere(Interval::unknown());
    if (range.entries.empty())
      range = Range::everywhere(Interval::unknown());
    Interval own = range.hull();
    all = {std::min(all.lo, own.lo), std::max(all.hi, own.hi)};
    auto length = context.graph.shape(input)[axis].constant();
    known = known && length && *length < 1 << 24;
    for (int64_t i = 0; known && i < *length; ++i)
      along.entries.push_back(range.at(axis, i));
  }
  if (width)
    facts.spread = spreads;
  facts.range =
      known && !along.entries.empty() ? along : Range::everywhere(all);
  return facts;
}

Facts slice(RuleContext &context) {
  const Node &node = context.node({"Slice", "Split"});
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  const auto &from = context.graph.shape(node.inputs[0]);
  Facts facts = x;
  if (!x.range || !x.range->axis)
    return facts;
  int64_t axis = *x.range->axis, start = 0, step = 1;
  std::optional<int64_t> first = 0;
  if (node.is("Split")) {
    int64_t split = node.integer("axis", 0);
    split = split < 0 ? split + static_cast<int64_t>(from.size()) : split;
    if (split == axis) {
      auto lengths =
          splitLengths(node, context.graph.constantInputs(node), from);
      Size before;
      for (size_t i = 0;
           lengths && i < node.outputs.size() &&
           context.graph.canonical(node.outputs[i]) != context.tensor;
           ++i)
        before = before + (*lengths)[i];
      first = lengths ? before.constant() : std::nullopt;
    }
  } else {
    auto ranges =
        sliceParameters(node, context.graph.constantInputs(node), from);
    if (!ranges)
      reject("the range of '", context.tensor, "' is not known");
    for (const auto &[which, range] : *ranges)
      if (which == axis) {
        first = range.start.constant();
        step = range.step;
      }
  }
  auto length = context.layout.shape[axis].constant();
  if (!first || !length) {
    facts.range = Range::everywhere(x.range->hull());
    return facts;
  }
  start = *first;
  Range range;
  range.axis = axis;
  for (int64_t i = 0; i < *length; ++i) {
    int64_t index = start + i * step;
    if (index < 0 || index >= int64_t(x.range->entries.size()))
      reject("'", context.tensor, "' slices outside its operand");
    range.entries.push_back(x.range->entries[index]);
  }
  if (!range.entries.empty())
    facts.range = range;
  return facts;
}

/// The largest number of times that one index occurs.
int64_t repetition(const std::vector<int64_t> &indices) {
  std::map<int64_t, int64_t> counts;
  int64_t most = 1;
  for (int64_t index : indices)
    most = std::max(most, ++counts[index]);
  return most;
}

Facts gather(RuleContext &context) {
  const Node &node = context.node({"Gather", "GatherElements"});
  context.cover(node);
  const Constant *constant = context.graph.constant(node.input(1));
  auto indices = constant ? constant->materialized() : std::nullopt;
  if (!indices || !isInteger(indices->type))
    reject("the indices of '", context.tensor, "' are not known");
  const Facts &x = context.input(node.inputs[0]);
  Facts facts = onlyWhole(x);
  const auto &from = context.graph.shape(node.inputs[0]);
  int64_t rank = static_cast<int64_t>(from.size());
  int64_t axis = node.integer("axis", 0);
  axis = axis < 0 ? axis + rank : axis;
  auto length = from[axis].constant();
  std::vector<int64_t> values = indices->integers();
  bool negative = std::any_of(values.begin(), values.end(),
                              [](int64_t v) { return v < 0; });
  if (negative && !length)
    reject("the indices of '", context.tensor, "' count from an unknown end");
  for (int64_t &value : values) {
    value = value < 0 ? value + *length : value;
    if (value < 0 || (length && value >= *length))
      reject("'", context.tensor, "' gathers outside its operand");
  }
  if (node.is("GatherElements")) {
    // One source element may be read once per index along the axis.
    Extended copies = rootRatio({Size(indices->count())}, {Size(1)});
    if (indices->shape.size() == from.size() && rank == 1)
      copies = sqrtOfIntegerUp(repetition(values));
    facts.lipL2 = times(x.lipL2, copies);
    facts.radiusL2 = times(x.radiusL2, copies);
    return facts;
  }
  Extended copies = sqrtOfIntegerUp(repetition(values));
  facts.lipL2 = times(x.lipL2, copies);
  facts.radiusL2 = times(x.radiusL2, copies);
  const auto &roles = context.graph.info(node.inputs[0]).roles;
  Extended width = isPosition(roles[axis]) ? Extended::one() : copies;
  facts.lipToken = times(x.lipToken, width);
  facts.radiusToken = times(x.radiusToken, width);
  facts.spread = times(x.spread, width);
  if (x.range && x.range->axis && indices->rank() <= 1) {
    int64_t own = *x.range->axis;
    if (own != axis) {
      facts.range = x.range;
      facts.range->axis = own > axis && indices->rank() == 0 ? own - 1 : own;
    } else if (indices->rank() == 1 && !values.empty()) {
      Range range;
      range.axis = axis;
      for (int64_t value : values)
        range.entries.push_back(x.range->entries.at(value));
      facts.range = range;
    } else if (indices->rank() == 0) {
      facts.range = Range::everywhere(x.range->entries.at(values[0]));
    }
  }
  return facts;
}

Facts pad(RuleContext &context) {
  const Node &node = context.node({"Pad"});
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  Layout from = Layout::of(context.graph, node.inputs[0]);
  int64_t rank = static_cast<int64_t>(from.shape.size());
  auto amounts = padAmounts(node, context.graph.constantInputs(node), rank);
  if (!amounts)
    reject("the pads of '", context.tensor, "' are not known");
  Facts facts = onlyWhole(x);
  std::string mode = node.string("mode", "constant");
  if (mode == "constant") {
    double fill = node.real("value", 0);
    if (!node.input(2).empty()) {
      const Constant *constant = context.graph.constant(node.inputs[2]);
      auto value = constant && constant->error == 0 ? constant->uniformReal()
                                                    : std::nullopt;
      if (!value)
        reject("the fill of '", context.tensor, "' is not a known constant");
      fill = *value;
    }
    facts.lipToken = x.lipToken;
    Extended added = Extended::fromDouble(std::fabs(fill));
    if (fill != 0) {
      // Kept and filled cells are orthogonal. A position may be filled wholly.
      std::optional<int64_t> all = context.layout.counts.all;
      int64_t kept = 1;
      for (int64_t i = 0; all && i < rank; ++i) {
        auto length = from.shape[i].constant();
        auto [begin, end] = (*amounts)[i];
        if (length)
          kept *= std::max<int64_t>(0, *length + std::min<int64_t>(begin, 0) +
                                           std::min<int64_t>(end, 0));
        else
          all = std::nullopt;
      }
      Extended cells =
          all ? Extended::fromInteger(std::max<int64_t>(0, *all - kept))
              : Extended::unbounded();
      facts.radiusL2 = (x.radiusL2.squared() + added.squared() * cells).sqrt();
      auto width = context.layout.counts.width;
      facts.radiusToken =
          x.radiusToken +
          added * (width ? sqrtOfIntegerUp(*width) : Extended::unbounded());
    } else {
      facts.radiusToken = x.radiusToken;
    }
    facts.range = mapRange(facts.range, [&](const Interval &entry) {
      return hull(entry, Interval::point(fill));
    });
    // Along an axis that is not padded the range keeps its index.
    if (x.range && x.range->axis &&
        (*amounts)[*x.range->axis] == std::pair<int64_t, int64_t>(0, 0))
      facts.range = mapRange(x.range, [&](const Interval &entry) {
        return hull(entry, Interval::point(fill));
      });
    return facts;
  }
  if (mode != "edge" && mode != "reflect" && mode != "wrap")
    reject("'", context.tensor, "' pads in the unknown mode ", mode);
  Extended copies = Extended::one();
  for (int64_t i = 0; i < rank; ++i) {
    auto [begin, end] = (*amounts)[i];
    begin = std::max<int64_t>(begin, 0);
    end = std::max<int64_t>(end, 0);
    auto length = from.shape[i].constant();
    int64_t times = 1;
    if (begin + end > 0) {
      if (mode == "edge")
        times = length == 1 ? 1 + begin + end : 1 + std::max(begin, end);
      else
        times =
            1 +
            (begin > 0 ? (length ? begin / std::max<int64_t>(1, *length - 1) + 1
                                 : begin)
                       : 0) +
            (end > 0
                 ? (length ? end / std::max<int64_t>(1, *length - 1) + 1 : end)
                 : 0);
    }
    copies *= Extended::fromInteger(times);
  }
  facts.lipL2 = times(x.lipL2, copies.sqrt());
  facts.radiusL2 = times(x.radiusL2, copies.sqrt());
  return facts;
}

Facts tile(RuleContext &context) {
  const Node &node = context.node({"Expand", "Tile"});
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  Layout from = Layout::of(context.graph, node.inputs[0]);
  if (node.is("Expand"))
    return broadcastFacts(x, from, context.layout);
  Facts facts = broadcastFacts(x, from, context.layout);
  if (x.range)
    facts.range = Range::everywhere(x.range->hull());
  return facts;
}

Facts sorted(RuleContext &context) {
  const Node &node = context.node({"TopK"});
  if (context.tensor != node.outputs[0])
    reject("the indices of TopK are not continuous");
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  Facts facts = onlyWhole(x);
  int64_t rank = static_cast<int64_t>(context.layout.shape.size());
  int64_t axis = node.integer("axis", -1);
  axis = axis < 0 ? axis + rank : axis;
  if (!isPosition(context.layout.roles[axis])) {
    facts.lipToken = x.lipToken;
    facts.radiusToken = x.radiusToken;
  }
  return facts;
}

Facts triangle(RuleContext &context) {
  const Node &node = context.node({"Trilu"});
  context.cover(node);
  Facts facts = context.input(node.inputs[0]);
  facts.spread = Extended::unbounded();
  facts.range = mapRange(facts.range, [](const Interval &entry) {
    return hull(entry, Interval::point(0));
  });
  return facts;
}

/// A Gather of rows of a constant table by integers that do not depend on the
/// origin.
Facts embedding(RuleContext &context) {
  const Node &node = context.node({"Gather"});
  context.cover(node);
  const Constant *table = context.graph.constant(node.input(0));
  if (!table || !table->value ||
      context.graph.info(node.inputs[1]).dependsOnOrigin)
    reject("'", context.tensor, "' gathers no constant table");
  int64_t axis = node.integer("axis", 0);
  if (axis != 0 || table->value->rank() != 2 || table->error != 0)
    reject("B-embed needs rows of a matrix");
  return tableFacts(*table, context.layout);
}

} // namespace

RuleList lipt::checker::shapeRules() {
  return {{"B-shape", shape},
          {"B-concat", concatenation},
          {"B-slice", slice},
          {"B-gather", gather},
          {"B-pad", pad},
          {"B-tile", tile},
          {"B-resize", resizeRule()},
          {"B-topk", sorted},
          {"B-trilu", triangle},
          {"B-embed", embedding}};
}
