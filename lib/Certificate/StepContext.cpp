//===- StepContext.cpp - What a rule may read ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StepContext.h"

#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt;

const Facts &StepContext::facts(const std::string &tensor) const {
  static const Facts none;
  auto found = factsTable.find(tensor);
  return found == factsTable.end() ? none : found->second;
}

const std::vector<PlanAxis> &
StepContext::axes(const std::string &tensor) const {
  static const std::vector<PlanAxis> none;
  auto found = plan.tensors.find(tensor);
  return found == plan.tensors.end() ? none : found->second.axes;
}

void StepContext::explain(const std::string &text) {
  if (reason.empty())
    reason = text;
}

std::optional<int64_t> lipt::staticSize(const PlanAxis &axis) {
  std::optional<int64_t> size =
      axis.size.isValid() ? axis.size.getStatic() : std::nullopt;
  return size && *size >= 0 ? size : std::nullopt;
}

std::optional<int64_t> lipt::widthOf(const std::vector<PlanAxis> &axes) {
  std::optional<uint64_t> width = countElements(axes).width;
  return width && *width < (uint64_t(1) << 40)
             ? std::optional<int64_t>(int64_t(*width))
             : std::nullopt;
}

Facts lipt::scaleLips(const Facts &facts, const UpperBound &factor) {
  Facts result;
  result.lipL2 = facts.lipL2 * factor;
  result.lipLInf = facts.lipLInf * factor;
  result.lipToken = facts.lipToken * factor;
  return result;
}

std::optional<EntryRange>
lipt::mapRange(const std::optional<EntryRange> &range,
               const std::function<Interval(const Interval &)> &function) {
  if (!range)
    return std::nullopt;
  EntryRange result{{}, range->axis};
  for (const Interval &entry : range->entries)
    result.entries.push_back(function(entry));
  return result;
}

std::optional<EntryRange> lipt::combineRanges(
    const std::optional<EntryRange> &a, const std::optional<EntryRange> &b,
    const std::function<Interval(const Interval &, const Interval &)>
        &function) {
  EntryRange unknown{{Interval::unknown()}, std::nullopt};
  const EntryRange &x = a ? *a : unknown, &y = b ? *b : unknown;
  if (x.entries.empty() || y.entries.empty())
    return std::nullopt;
  bool together = x.axis == y.axis && x.entries.size() == y.entries.size();
  // Only one of them keeps its axis: the one that has one, the first if both.
  bool keepFirst = x.axis.has_value();
  EntryRange result{{}, keepFirst ? x.axis : y.axis};
  Interval hullX = x.hull(), hullY = y.hull();
  size_t count = keepFirst || together ? x.entries.size() : y.entries.size();
  for (size_t i = 0; i != count; ++i)
    result.entries.push_back(together    ? function(x.entries[i], y.entries[i])
                             : keepFirst ? function(x.entries[i], hullY)
                                         : function(hullX, y.entries[i]));
  return result;
}

/// Whether every axis of `in` stands under an axis of `out` of the same kind
/// (position or width), so that the vectors of positions correspond.
static bool rolesAgree(const std::vector<PlanAxis> &in,
                       const std::vector<PlanAxis> &out) {
  if (in.size() > out.size())
    return false;
  size_t shift = out.size() - in.size();
  for (size_t i = 0; i != in.size(); ++i)
    if (in[i].isPosition() != out[shift + i].isPosition() &&
        staticSize(in[i]) != 1)
      return false;
  return true;
}

/// sqrt(product of `out` / product of `in` over the axes that `counts` picks),
/// also for symbolic sizes that cancel.
static UpperBound rootOfCopies(const std::vector<PlanAxis> &in,
                               const std::vector<PlanAxis> &out,
                               bool widthOnly) {
  SymbolicSize copies = 1;
  size_t shift = out.size() - in.size();
  for (size_t i = 0; i != out.size(); ++i) {
    if (widthOnly && out[i].isPosition())
      continue;
    if (i >= shift && in[i - shift].size == out[i].size)
      continue;
    if (i >= shift && staticSize(in[i - shift]) != 1)
      return UpperBound::unbounded(); // not a broadcast
    copies = copies * out[i].size;
  }
  std::optional<int64_t> count =
      copies.isValid() ? copies.getStatic() : std::nullopt;
  return count && *count >= 0 ? UpperBound::sqrtOf(uint64_t(*count))
                              : UpperBound::unbounded();
}

Facts StepContext::broadcast(const std::string &tensor) const {
  const Facts &own = facts(tensor);
  const std::vector<PlanAxis> &in = axes(tensor), &out = outputAxes();
  if (in.size() > out.size())
    return {};
  size_t shift = out.size() - in.size();
  UpperBound all = rootOfCopies(in, out, false);
  Facts result;
  result.lipL2 = own.lipL2.isZero() ? own.lipL2 : own.lipL2 * all;
  result.lipLInf = own.lipLInf;
  result.radiusL2 = own.radiusL2 * all;
  if (rolesAgree(in, out)) {
    UpperBound width = rootOfCopies(in, out, true);
    result.lipToken =
        own.lipToken.isZero() ? own.lipToken : own.lipToken * width;
    result.radiusToken = own.radiusToken * width;
    result.spread = own.spread * width;
  }
  if (own.range) {
    result.range = own.range;
    if (own.range->axis) {
      int64_t axis = *own.range->axis + int64_t(shift);
      bool repeated =
          !(in[size_t(*own.range->axis)].size == out[size_t(axis)].size);
      result.range = repeated ? EntryRange{{own.range->hull()}, std::nullopt}
                              : EntryRange{own.range->entries, axis};
    }
  }
  applyClosure(result, out);
  return result;
}

ConstantEvaluator::Result StepContext::exact(const ConstantRef &expression) {
  ConstantEvaluator::Result result = constants.evaluateExact(expression);
  if (!result)
    explain(constants.getError());
  return result;
}

ConstantEvaluator::Result StepContext::computed(const ConstantRef &expression) {
  ConstantEvaluator::Result result = constants.evaluate(expression);
  if (!result)
    explain(constants.getError());
  return result;
}

std::optional<ConstantVector> StepContext::vector(const ConstantRef &expression,
                                                  int64_t count) {
  std::optional<ConstantVector> result = constants.vector(expression, count);
  if (!result)
    explain(constants.getError());
  return result;
}

std::optional<MatrixStorage> StepContext::matrix(const ConstantRef &expression,
                                                 int64_t rows, int64_t cols) {
  std::optional<MatrixStorage> result =
      constants.matrix(expression, rows, cols);
  if (!result)
    explain(constants.getError());
  return result;
}

std::optional<AffineMap> StepContext::map(const AffineRef &expression,
                                          int64_t width) {
  std::optional<AffineMap> result = affine.evaluate(expression, width);
  if (!result)
    explain(affine.getError());
  return result;
}

UpperBound StepContext::norm(const std::string &key,
                             const AffineMatrix &matrix) {
  UpperBound result = matrices.norm(key, matrix);
  if (matrices.hasWitness(key))
    used.insert(key);
  return result;
}

UpperBound StepContext::adopt(const std::string &key,
                              const SpectralCertificate &certificate,
                              const UpperBound &error) {
  used.insert(key);
  return matrices.adopt(key, certificate, error);
}

std::optional<ConstantOperand>
StepContext::constant(const ConstantRef &expression) {
  std::optional<int64_t> count =
      expression ? countEntries(expression->shape) : std::nullopt;
  const std::vector<PlanAxis> &out = outputAxes();
  std::optional<ConstantVector> values;
  if (count)
    values = vector(expression, *count);
  if (!values || expression->shape.size() > out.size()) {
    explain("a constant operand is not computable");
    return std::nullopt;
  }
  const std::vector<int64_t> &shape = expression->shape;
  size_t shift = out.size() - shape.size();
  std::vector<PlanAxis> own;
  ConstantOperand operand;
  for (size_t i = 0; i != shape.size(); ++i) {
    const PlanAxis &axis = out[shift + i];
    if (shape[i] != 1 && staticSize(axis) != shape[i]) {
      explain("a constant operand does not broadcast to the output's shape");
      return std::nullopt;
    }
    own.push_back({SymbolicSize(shape[i]), axis.role});
    operand.variesOverPositions |= shape[i] != 1 && axis.isPosition();
  }

  // Where the entries lie per position, and along the axis of the range: the
  // last width axis that the constant really varies over.
  std::optional<size_t> rangeAxis;
  for (size_t i = 0; i != shape.size(); ++i)
    if (shape[i] > 1 && !own[i].isPosition())
      rangeAxis = i;
  size_t channels = rangeAxis ? size_t(shape[*rangeAxis]) : 1;
  std::vector<Interval> channelRange(channels);
  std::vector<bool> seen(channels);
  std::map<int64_t, std::vector<double>> tokens;
  std::vector<double> all;
  std::vector<int64_t> index(shape.size());
  for (size_t flat = 0; flat != values->values.size(); ++flat) {
    Interval entry = widen(Interval::point(values->values[flat]),
                           UpperBound::fromDouble(values->errorOf(flat)));
    size_t channel = rangeAxis ? size_t(index[*rangeAxis]) : 0;
    channelRange[channel] =
        seen[channel] ? hull(channelRange[channel], entry) : entry;
    seen[channel] = true;
    int64_t position = 0;
    for (size_t i = 0; i != shape.size(); ++i)
      if (own[i].isPosition())
        position = position * shape[i] + index[i];
    double magnitude = std::max(std::abs(entry.lo), std::abs(entry.hi));
    tokens[position].push_back(magnitude);
    all.push_back(magnitude);
    for (size_t i = shape.size(); i-- != 0;) {
      if (++index[i] != shape[i])
        break;
      index[i] = 0;
    }
  }
  operand.maxAbs = maxAbsBound(channelRange);
  operand.normL2 =
      vectorNorm2(std::span<const double>(all)) * rootOfCopies(own, out, false);
  UpperBound largest = UpperBound::zero();
  for (const auto &[position, entries] : tokens)
    largest = max(largest, vectorNorm2(std::span<const double>(entries)));
  operand.normToken = largest * rootOfCopies(own, out, true);
  operand.range = {channelRange, std::nullopt};
  if (rangeAxis)
    operand.range.axis = int64_t(*rangeAxis + shift);
  return operand;
}

std::optional<IntervalVector>
lipt::widthIntervals(const std::optional<EntryRange> &range,
                     const std::vector<PlanAxis> &axes) {
  std::optional<int64_t> width = widthOf(axes);
  if (!range || !width || *width > (1 << 20))
    return std::nullopt;
  if (!range->axis || axes[size_t(*range->axis)].isPosition())
    return IntervalVector(size_t(*width), range->hull());
  int64_t inner = 1, length = int64_t(range->entries.size());
  for (size_t i = size_t(*range->axis) + 1; i < axes.size(); ++i)
    if (!axes[i].isPosition())
      inner *= staticSize(axes[i]).value_or(1);
  if (length == 0 || inner == 0 || staticSize(axes[*range->axis]) != length)
    return std::nullopt;
  IntervalVector result;
  for (int64_t i = 0; i != *width; ++i)
    result.push_back(range->entries[size_t(i / inner % length)]);
  return result;
}

std::optional<EntryRange>
lipt::rangeFromWidth(const IntervalVector &intervals,
                     const std::vector<PlanAxis> &axes) {
  std::optional<int64_t> axis;
  for (size_t i = 0; i != axes.size(); ++i)
    if (!axes[i].isPosition())
      axis = int64_t(i);
  std::optional<int64_t> length =
      axis ? staticSize(axes[size_t(*axis)]) : std::nullopt;
  if (!length || *length == 0 || intervals.empty() ||
      int64_t(intervals.size()) % *length != 0)
    return std::nullopt;
  EntryRange range{
      IntervalVector(intervals.begin(), intervals.begin() + *length), axis};
  for (size_t i = size_t(*length); i < intervals.size(); ++i) {
    Interval &entry = range.entries[i % size_t(*length)];
    entry = hull(entry, intervals[i]);
  }
  return range;
}

std::string lipt::affineKey(const std::string &out, const std::string &in) {
  return "affine(" + out + "<-" + in + ")";
}

std::string
lipt::sourceName(const std::string &source,
                 const std::optional<LinStep::Normalized> &normalized) {
  return normalized ? "norm(" + source + ")" : source;
}

UpperBound lipt::normalizationInfFactor(int64_t count, bool centered) {
  // RMSNorm: (sqrt(N) + 1)^(3/2) / sqrt(27 (sqrt(N) - 1)), 1 for N <= 4.
  // LayerNorm: (sqrt(N-1) + 2)^(3/2) / sqrt(27 (sqrt(N-1) - 2)), 2 for N <= 17.
  if (count < 1)
    return UpperBound::unbounded();
  if (count <= (centered ? 17 : 4))
    return UpperBound::fromInteger(centered ? 2 : 1);
  uint64_t under = uint64_t(centered ? count - 1 : count);
  uint64_t offset = centered ? 2 : 1;
  UpperBound sum = UpperBound::sqrtOf(under) + UpperBound::fromInteger(offset);
  // A lower bound of the root, minus an integer: one more step down.
  double root = dn(std::sqrt(double(under)));
  double difference = dn(dn(root - double(offset)) * 27);
  return sum.power(3).dividedBy(difference).sqrt();
}

Facts lipt::sourceFacts(StepContext &context, const std::string &source,
                        const std::optional<LinStep::Normalized> &normalized) {
  if (!normalized)
    return context.facts(source);
  const Facts &x = context.facts(normalized->input);
  const std::vector<PlanAxis> &axes = context.axes(source);
  Facts z;
  if (!(normalized->epsilon > 0)) {
    context.explain("a normalisation with epsilon 0 has no Lipschitz constant; "
                    "a positive epsilon bounds it");
    return z;
  }
  std::optional<int64_t> width = widthOf(axes);
  if (!width || *width != normalized->count || *width < 1)
    return z;
  UpperBound slope = UpperBound::reciprocalSqrt(normalized->epsilon);
  z = scaleLips(x, slope);
  z.lipLInf = x.lipLInf * slope *
              normalizationInfFactor(normalized->count, normalized->centered);
  uint64_t count = uint64_t(normalized->count);
  z.radiusToken = z.spread = UpperBound::sqrtOf(count);
  z.range = EntryRange{{Interval::symmetric(UpperBound::sqrtOf(
                           normalized->centered ? count - 1 : count))},
                       std::nullopt};
  applyClosure(z, axes);
  return z;
}
