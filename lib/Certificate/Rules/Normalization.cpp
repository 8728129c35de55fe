//===- Normalization.cpp - Rules B-softmax, B-logsoftmax, B-ln, B-rms, B-gn,
// B-cap ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"

#include <algorithm>
#include <cmath>

using namespace lipt;

/// Number of entries from `axis` on (or of that axis alone).
static std::optional<uint64_t> countFrom(const std::vector<PlanAxis> &axes,
                                         int64_t axis, bool only) {
  SymbolicSize size = 1;
  for (size_t i = size_t(axis); i != axes.size(); ++i) {
    size = size * axes[i].size;
    if (only)
      break;
  }
  std::optional<int64_t> count =
      size.isValid() ? size.getStatic() : std::nullopt;
  return count && *count >= 0 ? std::optional(uint64_t(*count)) : std::nullopt;
}

/// The axis as a non-negative number; nothing where it is out of range.
static std::optional<int64_t> normalAxis(int64_t axis, size_t rank) {
  if (axis < 0)
    axis += int64_t(rank);
  return axis >= 0 && axis < int64_t(rank) ? std::optional(axis) : std::nullopt;
}

Facts rules::evaluate(const SoftmaxStep &step, StepContext &context) {
  Facts x = context.broadcast(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  std::optional<int64_t> axis = normalAxis(step.axis, out.size());
  if (!axis) {
    context.explain("softmax has an axis out of range");
    return {};
  }
  std::optional<uint64_t> count = countFrom(out, *axis, !step.flatten);
  TensorCounts counts = countElements(out);
  Facts y;
  if (!step.logarithm) {
    // B-softmax: J = diag(p) - p p^T has norm at most 1/2 in l2 and linf.
    UpperBound half = UpperBound::fromRatio(1, 2);
    y.lipL2 = half * x.lipL2;
    y.lipLInf = half * x.lipLInf;
    y.range = EntryRange{{Interval::of(0, 1)}, std::nullopt};
    // Every group of `count` entries has l2 norm at most 1.
    if (count && *count > 0 && counts.elements)
      y.radiusL2 = UpperBound::sqrtOf(*counts.elements / *count +
                                      (*counts.elements % *count != 0));
    return y;
  }
  // B-logsoftmax: J = I - 1 p^T: sqrt(n) in l2, 2 in linf; values lie between
  // -(max - min) - ln n and 0.
  y.lipL2 = sqrtOfCount(count) * x.lipL2;
  y.lipLInf = UpperBound::fromInteger(2) * x.lipLInf;
  UpperBound bound = x.entryBound();
  if (count && *count > 0 && !bound.isUnbounded()) {
    Interval logarithm = logImage(Interval::point(double(*count)));
    UpperBound reach = bound * UpperBound::fromInteger(2) +
                       UpperBound::fromDouble(std::max(logarithm.hi, 0.0));
    y.range = EntryRange{{{Interval::symmetric(reach).lo, 0}}, std::nullopt};
  } else {
    y.range = EntryRange{{{-std::numeric_limits<double>::infinity(), 0}},
                         std::nullopt};
  }
  return y;
}

/// Whether all axes from `axis` on are width axes or of length 1.
static bool areWidth(const std::vector<PlanAxis> &axes, int64_t axis) {
  return std::none_of(axes.begin() + axis, axes.end(),
                      [](const PlanAxis &each) {
                        return each.isPosition() && staticSize(each) != 1;
                      });
}

/// The axes that a layer or RMS norm normalises; empty where one is out of
/// range.
static std::vector<size_t> normalizedAxes(const NormStep &step, size_t rank) {
  std::vector<size_t> axes;
  for (int64_t axis : step.axes) {
    if (axis < 0 || axis >= int64_t(rank))
      return {};
    axes.push_back(size_t(axis));
  }
  if (!axes.empty())
    return axes;
  if (std::optional<int64_t> first = normalAxis(step.axis, rank))
    for (size_t axis = size_t(*first); axis != rank; ++axis)
      axes.push_back(axis);
  return axes;
}

namespace {
/// The gain and bias of a norm layer over `count` entries a group.
struct GainAndBias {
  UpperBound gain = UpperBound::one(), biasNorm = UpperBound::zero();
  std::vector<double> gains, biases;
};
} // namespace

static std::optional<GainAndBias> readGain(const NormStep &step, int64_t count,
                                           StepContext &context) {
  GainAndBias result;
  result.gains.assign(size_t(count), 1);
  result.biases.assign(size_t(count), 0);
  if (step.gain) {
    std::optional<ConstantVector> gain = context.vector(step.gain, count);
    if (!gain || !gain->errors.empty())
      return std::nullopt;
    result.gains = gain->values;
    double largest = 0;
    for (double value : gain->values)
      largest = std::max(largest, std::abs(value));
    result.gain = UpperBound::fromDouble(largest);
  }
  if (step.bias) {
    std::optional<ConstantVector> bias = context.vector(step.bias, count);
    if (!bias || !bias->errors.empty())
      return std::nullopt;
    result.biases = bias->values;
    result.biasNorm = vectorNorm2(std::span<const double>(bias->values));
  }
  return result;
}

static Facts groupNorm(const NormStep &step, const Facts &x,
                       StepContext &context) {
  // B-gn: LayerNorm over each of `groups` parts of the channels with all
  // spatial positions; gain and bias per channel.
  const std::vector<PlanAxis> &out = context.outputAxes();
  std::optional<int64_t> channels =
      out.size() >= 2 ? staticSize(out[1]) : std::nullopt;
  if (!channels || step.groups < 1 || *channels % step.groups != 0)
    return {};
  std::optional<GainAndBias> affine = readGain(step, *channels, context);
  if (!affine)
    return {};
  UpperBound slope = affine->gain * UpperBound::reciprocalSqrt(step.epsilon);
  Facts y = scaleLips(x, slope);
  y.lipToken = UpperBound::unbounded(); // a group spans positions
  std::optional<uint64_t> sample = countFrom(out, 2, false);
  std::optional<uint64_t> batch;
  if (std::optional<int64_t> first = staticSize(out[0]))
    batch = uint64_t(*first);
  if (!sample) {
    y.lipLInf = UpperBound::unbounded();
    return y;
  }
  uint64_t perGroup = uint64_t(*channels / step.groups) * *sample;
  if (perGroup < 1 || perGroup > (uint64_t(1) << 40))
    return y;
  y.lipLInf =
      x.lipLInf * slope * normalizationInfFactor(int64_t(perGroup), true);
  // Each group's normalised vector has l2 norm at most sqrt(perGroup).
  if (batch)
    y.radiusL2 = UpperBound::sqrtOf(*batch * uint64_t(*channels) * *sample) *
                     affine->gain +
                 affine->biasNorm * UpperBound::sqrtOf(*batch * *sample);
  EntryRange range{{}, 1};
  UpperBound most = UpperBound::sqrtOf(perGroup - 1);
  for (int64_t c = 0; c != *channels; ++c)
    range.entries.push_back(add(
        multiply(Interval::point(affine->gains[c]), Interval::symmetric(most)),
        Interval::point(affine->biases[c])));
  y.range = range;
  return y;
}

Facts rules::evaluate(const NormStep &step, StepContext &context) {
  Facts x = context.broadcast(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  TensorCounts counts = countElements(out);
  if (step.form == "rms_cap") {
    // B-cap: projection onto the ball of RMS `radius` of each group of `count`
    // entries; a projection does not move points apart.
    std::optional<int64_t> axis = normalAxis(step.axis, out.size());
    std::optional<uint64_t> count;
    if (axis)
      count = countFrom(out, *axis, false);
    Facts y = scaleLips(x, UpperBound::one());
    UpperBound root = sqrtOfCount(count);
    y.lipLInf =
        x.lipLInf * UpperBound::fromRatio(1, 2) * (UpperBound::one() + root);
    y.radiusL2 = x.radiusL2;
    if (!axis || !areWidth(out, *axis) || counts.width != count) {
      y.lipToken = UpperBound::unbounded();
      return y;
    }
    y.radiusToken =
        min(x.radiusToken, UpperBound::fromDouble(step.radius) * root);
    y.spread = x.spread;
    return y;
  }
  bool centered = step.form == "layer_norm" || step.form == "group_norm";
  if (step.form == "lp_norm" || (!centered && step.form != "rms_norm")) {
    context.explain("a normalisation without epsilon has no Lipschitz "
                    "constant; LayerNormalization or RMSNormalization with a "
                    "positive epsilon has one");
    return {};
  }
  if (!(step.epsilon > 0)) {
    context.explain("a normalisation with epsilon 0 has no Lipschitz constant; "
                    "a positive epsilon bounds it");
    return {};
  }
  if (step.form == "group_norm")
    return groupNorm(step, x, context);

  // B-ln, B-rms: y = g * z + b, z = (x - mean) / sqrt(var + eps) or
  // x / sqrt(mean(x^2) + eps): the slope is largest at 0, 1 / sqrt(eps).
  std::vector<size_t> axes = normalizedAxes(step, out.size());
  SymbolicSize size = 1;
  bool insideWidth = true;
  for (size_t axis : axes) {
    size = size * out[axis].size;
    insideWidth &= !out[axis].isPosition() || staticSize(out[axis]) == 1;
  }
  std::optional<int64_t> count =
      size.isValid() ? size.getStatic() : std::nullopt;
  if (axes.empty() || !count || *count < 1 || *count > (int64_t(1) << 31)) {
    context.explain("the number of entries of a norm layer is not known");
    return {};
  }
  std::optional<GainAndBias> affine = readGain(step, *count, context);
  if (!affine)
    return {};
  UpperBound slope = affine->gain * UpperBound::reciprocalSqrt(step.epsilon);
  Facts y = scaleLips(x, slope);
  y.lipLInf = x.lipLInf * slope * normalizationInfFactor(*count, centered);
  UpperBound root = UpperBound::sqrtOf(uint64_t(*count));
  UpperBound most = centered ? UpperBound::sqrtOf(uint64_t(*count - 1)) : root;
  if (insideWidth && counts.width == uint64_t(*count)) {
    y.radiusToken = root * affine->gain + affine->biasNorm;
    y.spread = root * affine->gain;
    IntervalVector entries;
    for (size_t i = 0; i != size_t(*count); ++i)
      entries.push_back(add(multiply(Interval::point(affine->gains[i]),
                                     Interval::symmetric(most)),
                            Interval::point(affine->biases[i])));
    y.range = rangeFromWidth(entries, out);
    return y;
  }
  // The normalised axes are not exactly the width axes.
  if (!insideWidth)
    y.lipToken = UpperBound::unbounded();
  if (counts.elements)
    y.radiusL2 = UpperBound::sqrtOf(*counts.elements) * affine->gain +
                 affine->biasNorm *
                     UpperBound::sqrtOf(*counts.elements / uint64_t(*count));
  UpperBound bias = UpperBound::zero();
  for (double value : affine->biases)
    bias = max(bias, UpperBound::fromDouble(std::abs(value)));
  y.range = EntryRange{{Interval::symmetric(most * affine->gain + bias)},
                       std::nullopt};
  return y;
}
