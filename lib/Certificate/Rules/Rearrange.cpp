//===- Rearrange.cpp - Rules B-concat, B-slice, B-pad, B-tile, B-gather, B-shape
//---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"

#include <algorithm>
#include <cmath>

using namespace lipt;

/// Longest range along an axis that is followed entry by entry.
static constexpr int64_t maxRangeLength = 16384;

static Facts unchanged(const Facts &x, bool token) {
  Facts y;
  y.lipL2 = x.lipL2;
  y.lipLInf = x.lipLInf;
  y.radiusL2 = x.radiusL2;
  if (token) {
    y.lipToken = x.lipToken;
    y.radiusToken = x.radiusToken;
    y.spread = x.spread;
  }
  return y;
}

/// Whether `in` and `out` agree on which axes are positions, size 1 aside.
static bool samePositions(const std::vector<PlanAxis> &in,
                          const std::vector<PlanAxis> &out) {
  if (in.size() != out.size())
    return false;
  for (size_t i = 0; i != in.size(); ++i)
    if (in[i].isPosition() != out[i].isPosition() &&
        !(staticSize(in[i]) == 1 && staticSize(out[i]) == 1))
      return false;
  return true;
}

static std::optional<EntryRange>
hullRange(const std::optional<EntryRange> &range) {
  return range ? std::optional(EntryRange{{range->hull()}, std::nullopt})
               : std::nullopt;
}

Facts rules::evaluate(const ConcatStep &step, StepContext &context) {
  // B-concat: squares of l2 norms add; along a position axis the largest token
  // counts, along a width axis the squares add per token.
  const std::vector<PlanAxis> &out = context.outputAxes();
  if (step.axis < 0 || step.axis >= int64_t(out.size()) ||
      step.sources.size() != step.constants.size()) {
    context.explain("a concatenation's axis is out of range");
    return {};
  }
  bool alongPositions = out[size_t(step.axis)].isPosition();
  Facts y;
  y.lipL2 = y.lipLInf = y.lipToken = UpperBound::zero();
  y.radiusL2 = y.radiusToken = y.spread = UpperBound::zero();
  std::vector<std::optional<EntryRange>> ranges;
  std::vector<std::optional<int64_t>> lengths;
  for (size_t i = 0; i != step.sources.size(); ++i) {
    Facts x;
    bool agrees = true;
    if (!step.sources[i].empty()) {
      x = context.facts(step.sources[i]);
      const std::vector<PlanAxis> &in = context.axes(step.sources[i]);
      agrees = samePositions(in, out);
      lengths.push_back(in.size() == out.size()
                            ? staticSize(in[size_t(step.axis)])
                            : std::nullopt);
    } else {
      // A constant moves nothing; its norms are those of all its entries.
      x.lipL2 = x.lipLInf = x.lipToken = UpperBound::zero();
      ConstantEvaluator::Result values = context.exact(step.constants[i]);
      if (values && values->shape.size() == out.size()) {
        Interval hull = Interval::point(0);
        bool first = true;
        for (double value : values->values) {
          hull = first ? Interval::point(value)
                       : lipt::hull(hull, Interval::point(value));
          first = false;
        }
        x.radiusL2 = x.radiusToken =
            vectorNorm2(std::span<const double>(values->values));
        x.spread = x.radiusToken;
        // Copies along axes that the constant lacks do not occur in Concat.
        x.range = EntryRange{{hull}, std::nullopt};
        lengths.push_back(values->shape[size_t(step.axis)]);
      } else {
        lengths.push_back(std::nullopt);
      }
    }
    y.lipL2 = hypot(y.lipL2, x.lipL2);
    y.lipLInf = max(y.lipLInf, x.lipLInf);
    y.radiusL2 = hypot(y.radiusL2, x.radiusL2);
    UpperBound none = UpperBound::unbounded();
    UpperBound token = agrees ? x.lipToken : none;
    UpperBound radius = agrees ? x.radiusToken : none;
    y.lipToken =
        alongPositions ? max(y.lipToken, token) : hypot(y.lipToken, token);
    y.radiusToken = alongPositions ? max(y.radiusToken, radius)
                                   : hypot(y.radiusToken, radius);
    // Along positions the centres differ.
    y.spread = alongPositions || !agrees ? none : hypot(y.spread, x.spread);
    ranges.push_back(x.range);
  }

  if (!std::ranges::all_of(ranges, [](const auto &r) { return r.has_value(); }))
    return y;
  int64_t total = 0;
  bool known = !alongPositions;
  for (const std::optional<int64_t> &length : lengths) {
    known = known && length && *length <= maxRangeLength;
    total += known ? *length : 0;
  }
  if (known && total <= maxRangeLength) {
    EntryRange range{{}, step.axis};
    for (size_t i = 0; i != ranges.size(); ++i) {
      const EntryRange &own = *ranges[i];
      if (own.axis == step.axis && int64_t(own.entries.size()) == *lengths[i])
        range.entries.insert(range.entries.end(), own.entries.begin(),
                             own.entries.end());
      else
        range.entries.insert(range.entries.end(), size_t(*lengths[i]),
                             own.hull());
    }
    y.range = range;
    return y;
  }
  y.range = ranges[0];
  for (size_t i = 1; i < ranges.size(); ++i)
    y.range = y.range->axis == ranges[i]->axis &&
                      y.range->axis != std::optional(step.axis)
                  ? combineRanges(y.range, ranges[i],
                                  [](const Interval &a, const Interval &b) {
                                    return hull(a, b);
                                  })
                  : EntryRange{{hull(y.range->hull(), ranges[i]->hull())},
                               std::nullopt};
  if (y.range && y.range->axis == std::optional(step.axis))
    y.range = hullRange(y.range);
  return y;
}

Facts rules::evaluate(const SliceStep &step, StepContext &context) {
  // B-slice: a restriction shrinks every norm.
  const Facts &x = context.facts(step.source);
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  Facts y = unchanged(x, samePositions(in, out));
  if (!x.range || !x.range->axis)
    y.range = x.range;
  else {
    size_t axis = size_t(*x.range->axis);
    int64_t length = int64_t(x.range->entries.size());
    std::optional<int64_t> size =
        axis < out.size() ? staticSize(out[axis]) : std::nullopt;
    bool full = axis < out.size() && axis < in.size() &&
                out[axis].size == in[axis].size && axis < step.starts.size() &&
                step.starts[axis] == 0 && axis < step.steps.size() &&
                step.steps[axis] == 1;
    bool usable = size && axis < step.starts.size() &&
                  axis < step.steps.size() && *size <= length && *size > 0;
    if (full) {
      y.range = x.range;
    } else if (usable) {
      EntryRange range{{}, int64_t(axis)};
      for (int64_t i = 0; i != *size; ++i) {
        int64_t offset;
        if (__builtin_mul_overflow(i, step.steps[axis], &offset) ||
            __builtin_add_overflow(offset, step.starts[axis], &offset) ||
            offset < 0 || offset >= length) {
          usable = false;
          break;
        }
        range.entries.push_back(x.range->entries[size_t(offset)]);
      }
      y.range = usable ? std::optional(range) : hullRange(x.range);
    } else {
      y.range = hullRange(x.range);
    }
  }
  return y;
}

Facts rules::evaluate(const PadStep &step, StepContext &context) {
  // B-pad: constant fill adds entries that do not move; the other modes repeat
  // entries, at most 1 + (copies on each side) times per axis.
  const Facts &x = context.facts(step.source);
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  size_t rank = in.size();
  if (step.pads.size() != 2 * rank || out.size() != rank) {
    context.explain("a padding does not fit its operand");
    return {};
  }
  Facts y = unchanged(x, false);
  if (step.mode == "constant") {
    Interval fill = Interval::point(step.value);
    if (step.value != 0) {
      // The whole output filled is more than the fill.
      UpperBound whole = sqrtOfCount(countElements(out).elements) *
                         UpperBound::fromDouble(std::abs(step.value));
      y.radiusL2 = hypot(x.radiusL2, whole);
    }
    bool padded = x.range && x.range->axis &&
                  (step.pads[size_t(*x.range->axis)] != 0 ||
                   step.pads[rank + size_t(*x.range->axis)] != 0);
    y.range = mapRange(padded ? hullRange(x.range) : x.range,
                       [&](const Interval &v) { return hull(v, fill); });
    return y;
  }
  UpperBound copies = UpperBound::one();
  for (size_t i = 0; i != rank; ++i) {
    int64_t before = std::max<int64_t>(step.pads[i], 0);
    int64_t after = std::max<int64_t>(step.pads[rank + i], 0);
    if (before == 0 && after == 0)
      continue;
    std::optional<int64_t> size = staticSize(in[i]);
    if (!size || *size < 1 || before > (1 << 30) || after > (1 << 30))
      return {};
    // Edge: one cell is repeated `pad` times; reflect and wrap: each period of
    // at least size - 1 cells repeats a cell once.
    int64_t period = std::max<int64_t>(*size - 1, 1);
    int64_t most =
        step.mode == "edge"
            ? 1 + (*size == 1 ? before + after : std::max(before, after))
            : 1 + (before + period - 1) / period +
                  (after + period - 1) / period;
    copies = copies * UpperBound::fromInteger(uint64_t(most));
  }
  UpperBound root = copies.sqrt();
  y.lipL2 = x.lipL2 * root;
  y.radiusL2 = x.radiusL2 * root;
  bool padded = x.range && x.range->axis &&
                (step.pads[size_t(*x.range->axis)] != 0 ||
                 step.pads[rank + size_t(*x.range->axis)] != 0);
  y.range = padded ? hullRange(x.range) : x.range;
  return y;
}

Facts rules::evaluate(const TileStep &step, StepContext &context) {
  // B-tile: broadcasting; repetition (Tile) of an axis of any size.
  if (!step.repeats)
    return context.broadcast(step.source);
  const Facts &x = context.facts(step.source);
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  SymbolicSize numerator = 1, denominator = 1;
  for (const PlanAxis &axis : out)
    numerator = numerator * axis.size;
  for (const PlanAxis &axis : in)
    denominator = denominator * axis.size;
  std::optional<SymbolicSize> ratio = numerator.dividedBy(denominator);
  std::optional<int64_t> copies =
      ratio && ratio->isValid() ? ratio->getStatic() : std::nullopt;
  Facts y;
  y.lipLInf = x.lipLInf;
  if (copies && *copies >= 0) {
    UpperBound root = UpperBound::sqrtOf(uint64_t(*copies));
    y.lipL2 = x.lipL2 * root;
    y.radiusL2 = x.radiusL2 * root;
  }
  bool kept =
      x.range && x.range->axis && in.size() == out.size() &&
      in[size_t(*x.range->axis)].size == out[size_t(*x.range->axis)].size;
  y.range = kept ? x.range : hullRange(x.range);
  return y;
}

Facts rules::evaluate(const GatherStep &step, StepContext &context) {
  // B-gather: a 0/1 matrix with one 1 per row: sqrt(largest repetition).
  const Facts &x = context.facts(step.source);
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  ConstantEvaluator::Result indices = context.exact(step.indices);
  if (!indices || step.axis < 0 || step.axis >= int64_t(in.size()))
    return {};
  std::optional<int64_t> length = staticSize(in[size_t(step.axis)]);
  std::map<int64_t, uint64_t> uses;
  uint64_t most = 1;
  std::vector<int64_t> picked;
  for (double value : indices->values) {
    int64_t index = int64_t(std::clamp(value, -0x1p53, 0x1p53));
    // A negative index means one place only where the length is known.
    if (index < 0 && !length)
      return {};
    picked.push_back(index < 0 ? index + *length : index);
    if (picked.back() < 0 || (length && picked.back() >= *length))
      return {};
    most = std::max(most, ++uses[picked.back()]);
  }
  if (step.elementwise) // a cell may be picked from every place it is not on
    most = std::max<uint64_t>(most, indices->values.size());
  UpperBound root = UpperBound::sqrtOf(most);
  Facts y;
  y.lipL2 = x.lipL2 * root;
  y.lipLInf = x.lipLInf;
  y.radiusL2 = x.radiusL2 * root;
  // Rows picked along a position axis are positions of the input.
  bool positions = !step.elementwise && in[size_t(step.axis)].isPosition();
  size_t added = indices->shape.size();
  for (size_t i = 0; positions && i != out.size(); ++i) {
    bool fromIndices = i >= size_t(step.axis) && i < size_t(step.axis) + added;
    size_t source = i < size_t(step.axis) ? i : i + 1 - added;
    if (!fromIndices &&
        (source >= in.size() || in[source].isPosition() != out[i].isPosition()))
      positions = false;
    if (fromIndices && !out[i].isPosition() && staticSize(out[i]) != 1)
      positions = false;
  }
  if (positions) {
    y.lipToken = x.lipToken;
    y.radiusToken = x.radiusToken;
    y.spread = x.spread;
  }
  if (!x.range || !x.range->axis || step.elementwise) {
    y.range = hullRange(x.range);
  } else if (*x.range->axis == step.axis) {
    bool along = added == 1 && std::ranges::all_of(picked, [&](int64_t index) {
                   return index < int64_t(x.range->entries.size());
                 });
    if (along && !picked.empty() && picked.size() <= size_t(maxRangeLength)) {
      EntryRange range{{}, step.axis};
      for (int64_t index : picked)
        range.entries.push_back(x.range->entries[size_t(index)]);
      y.range = range;
    } else {
      y.range = hullRange(x.range);
    }
  } else {
    y.range =
        EntryRange{x.range->entries, *x.range->axis < step.axis
                                         ? *x.range->axis
                                         : *x.range->axis + int64_t(added) - 1};
  }
  return y;
}

namespace {
/// Consecutive input axes that become consecutive output axes.
struct AxisGroup {
  std::vector<size_t> in, out;
};
} // namespace

/// Groups axes by equal products; nothing where the sizes do not match up.
static std::optional<std::vector<AxisGroup>>
groupAxes(const std::vector<PlanAxis> &in, const std::vector<PlanAxis> &out) {
  std::vector<AxisGroup> groups;
  size_t i = 0, j = 0;
  auto isOne = [](const PlanAxis &axis) { return staticSize(axis) == 1; };
  while (true) {
    while (i != in.size() && isOne(in[i]))
      ++i;
    while (j != out.size() && isOne(out[j]))
      ++j;
    if (i == in.size() || j == out.size())
      break;
    // The shortest pair of runs with equal products.
    std::optional<AxisGroup> best;
    SymbolicSize productIn = 1;
    for (size_t a = i; a != in.size() && !best; ++a) {
      productIn = productIn * in[a].size;
      SymbolicSize productOut = 1;
      for (size_t b = j; b != out.size(); ++b) {
        productOut = productOut * out[b].size;
        if (productIn.isValid() && productIn == productOut) {
          AxisGroup group;
          for (size_t k = i; k <= a; ++k)
            group.in.push_back(k);
          for (size_t k = j; k <= b; ++k)
            group.out.push_back(k);
          best = std::move(group);
          break;
        }
      }
    }
    if (!best)
      return std::nullopt;
    i = best->in.back() + 1;
    j = best->out.back() + 1;
    groups.push_back(std::move(*best));
  }
  if (i != in.size() || j != out.size())
    return std::nullopt;
  return groups;
}

Facts rules::evaluate(const ShapeStep &step, StepContext &context) {
  const Facts &x = context.facts(step.source);
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  Facts y = unchanged(x, false);
  if (!step.permutation.empty()) {
    bool valid =
        step.permutation.size() == in.size() && out.size() == in.size();
    bool token = valid;
    for (size_t i = 0; valid && i != out.size(); ++i) {
      int64_t from = step.permutation[i];
      valid = from >= 0 && from < int64_t(in.size());
      token = token && valid &&
              (in[size_t(from)].isPosition() == out[i].isPosition() ||
               staticSize(out[i]) == 1);
    }
    if (!valid)
      return {};
    y = unchanged(x, token);
    y.range = x.range;
    if (x.range && x.range->axis)
      for (size_t i = 0; i != out.size(); ++i)
        if (step.permutation[i] == *x.range->axis)
          y.range->axis = int64_t(i);
    return y;
  }

  std::optional<std::vector<AxisGroup>> groups = groupAxes(in, out);
  bool token = groups.has_value();
  SymbolicSize merged = 1; // positions that become part of the width
  y.range = hullRange(x.range);
  if (groups)
    for (const AxisGroup &group : *groups) {
      auto positionsOf = [](const std::vector<size_t> &indices,
                            const std::vector<PlanAxis> &axes) {
        return size_t(std::ranges::count_if(
            indices, [&](size_t k) { return axes[k].isPosition(); }));
      };
      size_t inPositions = positionsOf(group.in, in);
      size_t outPositions = positionsOf(group.out, out);
      bool allPositions = inPositions == group.in.size();
      if (outPositions != 0 &&
          !(allPositions && outPositions == group.out.size()))
        token = false;
      else if (outPositions == 0)
        for (size_t k : group.in)
          if (in[k].isPosition())
            merged = merged * in[k].size;
      if (x.range && x.range->axis && group.in.size() == 1 &&
          group.out.size() == 1 && int64_t(group.in[0]) == *x.range->axis)
        y.range = EntryRange{x.range->entries, int64_t(group.out[0])};
    }
  std::optional<int64_t> count =
      merged.isValid() ? merged.getStatic() : std::nullopt;
  if (token && count && *count >= 0) {
    UpperBound root = UpperBound::sqrtOf(uint64_t(*count));
    y.lipToken = x.lipToken * root;
    y.radiusToken = x.radiusToken * root;
    y.spread = x.spread * root;
  }
  return y;
}

Facts rules::evaluate(const TriluStep &step, StepContext &context) {
  // Entries are kept or set to zero.
  Facts x = context.broadcast(step.source);
  Facts y = unchanged(x, true);
  y.spread = UpperBound::unbounded();
  y.range = mapRange(
      x.range, [](const Interval &v) { return hull(v, Interval::point(0)); });
  return y;
}

Facts rules::evaluate(const EmbedStep &step, StepContext &context) {
  // A table lookup by integers that are the same in x and y: it does not move.
  Facts y;
  y.lipL2 = y.lipLInf = y.lipToken = UpperBound::zero();
  if (!step.table || step.table->shape.size() != 2)
    return y;
  std::optional<MatrixStorage> table =
      context.matrix(step.table, step.table->shape[0], step.table->shape[1]);
  std::optional<int64_t> width = widthOf(context.outputAxes());
  if (!table || table->ulps != 0)
    return y;
  CheapNorms norms = cheapNorms(table->view);
  if (width == table->view.cols())
    y.radiusToken = norms.maxRowNorm2;
  y.range = EntryRange{{Interval::symmetric(norms.maxAbs)}, std::nullopt};
  return y;
}
