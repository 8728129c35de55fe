//===- Linear.cpp - Rules B-lin, B-lin-any, B-mm2, B-bn, B-row ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"

#include <algorithm>

using namespace lipt;

/// Largest width whose entries get a range of their own.
static constexpr int64_t maxRangeWidth = 16384;

Facts rules::evaluate(const LinStep &step, StepContext &context) {
  // B-lin. At every position y = A x + b with the same A and b, so the token
  // norm and the l2 norm of the whole tensor share the constant norm(A).
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  Facts x = sourceFacts(context, step.source, step.normalized);
  std::optional<int64_t> width = widthOf(in);
  if (!width || widthOf(out) != step.map->width) {
    context.explain("the width of a linear map is not known");
    return {};
  }
  std::optional<AffineMap> map = context.map(step.map, *width);
  if (!map)
    return {};
  std::string name = sourceName(step.source, step.normalized);
  UpperBound norm =
      context.norm(affineKey(context.step.tensor, name), map->matrix);
  UpperBound rowSum = rowSumBound(map->matrix);
  UpperBound bias = map->biasNorm();

  Facts y;
  y.lipL2 = norm * x.lipL2;
  y.lipToken = norm * x.lipToken;
  y.lipLInf = rowSum * x.lipLInf;
  y.radiusToken = norm * x.radiusToken + bias;
  UpperBound positions = sqrtOfCount(countElements(out).positions);
  y.radiusL2 =
      bias.isZero() ? norm * x.radiusL2 : norm * x.radiusL2 + positions * bias;
  y.spread = norm * x.spread;
  std::optional<IntervalVector> input = widthIntervals(x.range, in);
  if (input && map->matrix.rows <= maxRangeWidth) {
    IntervalVector image = imageOf(*map, *input, x.radiusToken);
    // Another order of summation moves the ends by a part of the terms' sizes.
    UpperBound room = (rowSum * maxAbsBound(*input)).scaledByPowerOfTwo(-40);
    for (Interval &entry : image)
      entry = widen(entry, room);
    y.range = rangeFromWidth(image, out);
  }
  return y;
}

Facts rules::evaluate(const LinAnyStep &step, StepContext &context) {
  // One constant operand of a numpy matmul. Each slice of the batch axes is a
  // matrix; slices act on disjoint parts (times the copies of a broadcast
  // varying operand), so the largest norm counts.
  const Facts &x = context.facts(step.source);
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  const std::vector<int64_t> shape =
      step.constant ? step.constant->shape : std::vector<int64_t>();
  if (shape.empty() || in.empty()) {
    context.explain("a matrix product needs operands with axes");
    return {};
  }
  // The matrix that maps the contracted axis of x: [.., out, in].
  int64_t rows = shape.size() == 1 ? 1 : shape[shape.size() - 2];
  int64_t cols = shape.back();
  int64_t slices = 1;
  for (size_t i = 0; i + 2 < shape.size(); ++i)
    slices *= shape[i];
  std::optional<int64_t> total = countEntries(shape);
  if (!total || *total == 0 || *total != slices * rows * cols)
    return {};
  std::optional<MatrixStorage> storage =
      context.matrix(step.constant, slices * rows, cols);
  if (!storage)
    return {};
  if (storage->ulps != 0) {
    context.explain("a matrix is only known up to rounding");
    return {};
  }
  UpperBound norm = UpperBound::zero(), sum = UpperBound::zero();
  for (int64_t k = 0; k != slices; ++k) {
    AffineMatrix slice;
    slice.view = storage->view.slice(k * rows, 0, rows, cols);
    slice.owner = storage->owner;
    // Constant on the left: y = W x; on the right (a vector stands for one
    // column): y = x W.
    bool transpose = !step.constantOnLeft && shape.size() > 1;
    if (transpose)
      slice.view = slice.view.transposed();
    slice.rows = slice.view.rows();
    slice.cols = slice.view.cols();
    std::string key = affineKey(context.step.tensor, step.source);
    if (slices > 1)
      key += "[" + std::to_string(k) + "]";
    norm = max(norm, context.norm(key, slice));
    sum = max(sum, rowSumBound(slice));
  }
  // Copies: x is repeated along batch axes that only the constant has.
  SymbolicSize copies = 1;
  size_t rank = std::max(shape.size(), in.size());
  for (size_t i = 0; i + 2 < rank; ++i) {
    size_t fromEnd = rank - i;
    int64_t constantSize =
        fromEnd <= shape.size() ? shape[shape.size() - fromEnd] : 1;
    bool repeated =
        fromEnd > in.size() || (staticSize(in[in.size() - fromEnd]) == 1);
    if (repeated)
      copies = copies * SymbolicSize(constantSize);
  }
  std::optional<int64_t> count = copies.getStatic();
  if (!count || *count < 0)
    return {};
  UpperBound factor = norm * UpperBound::sqrtOf(uint64_t(*count));
  Facts y;
  y.lipL2 = factor * x.lipL2;
  y.lipLInf = sum * x.lipLInf;
  y.radiusL2 = factor * x.radiusL2;
  (void)out;
  return y;
}

Facts rules::evaluate(const ProductStep &step, StepContext &context) {
  // B-mm2: d(AB) = dA B + A dB; the l2 norm of a product is at most the
  // product of the Frobenius norms, slice by slice.
  const Facts &a = context.facts(step.lhs), &b = context.facts(step.rhs);
  const std::vector<PlanAxis> &left = context.axes(step.lhs);
  const std::vector<PlanAxis> &right = context.axes(step.rhs);
  if (left.size() < 2 || right.size() < 2) {
    context.explain("a product of two varying tensors needs matrices; a vector "
                    "operand has no rule");
    return {};
  }
  // Copies of an operand that is broadcast over batch axes.
  auto copiesOf = [&](const std::vector<PlanAxis> &own,
                      const std::vector<PlanAxis> &other) {
    SymbolicSize copies = 1;
    for (size_t fromEnd = 3; fromEnd <= other.size(); ++fromEnd) {
      const PlanAxis &axis = other[other.size() - fromEnd];
      if (fromEnd > own.size() || (staticSize(own[own.size() - fromEnd]) == 1))
        copies = copies * axis.size;
    }
    std::optional<int64_t> count =
        copies.isValid() ? copies.getStatic() : std::nullopt;
    return count && *count >= 0 ? UpperBound::sqrtOf(uint64_t(*count))
                                : UpperBound::unbounded();
  };
  UpperBound copiesA = copiesOf(left, right), copiesB = copiesOf(right, left);
  std::optional<int64_t> length = staticSize(left.back());
  UpperBound contraction = length ? UpperBound::fromInteger(uint64_t(*length))
                                  : UpperBound::unbounded();
  UpperBound rowSumA =
      step.rowsSumToOne ? UpperBound::one() : contraction * a.entryBound();
  UpperBound columnSumB = contraction * b.entryBound();

  auto term = [](const UpperBound &size, const UpperBound &lip) {
    return lip.isZero() ? lip : size * lip;
  };
  Facts y;
  UpperBound sizeA = a.radiusL2 * copiesA, sizeB = b.radiusL2 * copiesB;
  y.lipL2 =
      term(sizeB, term(copiesA, a.lipL2)) + term(sizeA, term(copiesB, b.lipL2));
  y.lipLInf = term(columnSumB, a.lipLInf) + term(rowSumA, b.lipLInf);
  y.radiusL2 = sizeA * sizeB;
  Interval entries = Interval::symmetric(rowSumA * b.entryBound());
  // A softmax row averages the entries of B.
  if (step.rowsSumToOne)
    entries = intersect(entries, b.entryHull());
  y.range = EntryRange{{entries}, std::nullopt};
  return y;
}

Facts rules::evaluate(const ChannelAffineStep &step, StepContext &context) {
  // B-bn: y = s_c x + t_c along one axis.
  Facts x = context.broadcast(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  if (step.axis < 0 || step.axis >= int64_t(out.size())) {
    context.explain("a channel axis is out of range");
    return {};
  }
  std::optional<int64_t> channels = staticSize(out[size_t(step.axis)]);
  if (!channels)
    return {};
  std::optional<ConstantVector> scale = context.vector(step.scale, *channels);
  std::optional<ConstantVector> shift = context.vector(step.shift, *channels);
  if (!scale || !shift)
    return {};
  IntervalVector factors, terms;
  for (int64_t i = 0; i != *channels; ++i) {
    factors.push_back(widen(Interval::point(scale->values[i]),
                            UpperBound::fromDouble(scale->errorOf(size_t(i)))));
    terms.push_back(widen(Interval::point(shift->values[i]),
                          UpperBound::fromDouble(shift->errorOf(size_t(i)))));
  }
  UpperBound largest = maxAbsBound(factors);
  UpperBound shiftNorm = norm2Bound(terms);
  Facts y = scaleLips(x, largest);
  bool isWidth = !out[size_t(step.axis)].isPosition();
  // The shift's vector stands once at every index of the other axes.
  SymbolicSize all = 1, perToken = 1;
  for (size_t i = 0; i != out.size(); ++i) {
    if (int64_t(i) == step.axis)
      continue;
    all = all * out[i].size;
    if (!out[i].isPosition())
      perToken = perToken * out[i].size;
  }
  auto rootOf = [](const SymbolicSize &size) {
    std::optional<int64_t> count =
        size.isValid() ? size.getStatic() : std::nullopt;
    return count && *count >= 0 ? UpperBound::sqrtOf(uint64_t(*count))
                                : UpperBound::unbounded();
  };
  y.radiusL2 = largest * x.radiusL2 +
               (shiftNorm.isZero() ? shiftNorm : shiftNorm * rootOf(all));
  UpperBound tokenShift = isWidth ? shiftNorm : maxAbsBound(terms);
  y.radiusToken =
      largest * x.radiusToken +
      (tokenShift.isZero() ? tokenShift : tokenShift * rootOf(perToken));
  // Scaling channels at every position alike moves the common centre along.
  if (isWidth)
    y.spread = largest * x.spread;
  EntryRange scales{factors, step.axis}, shifts{terms, step.axis};
  if (x.range) {
    EntryRange own = *x.range;
    if (own.axis != step.axis)
      own =
          EntryRange{IntervalVector(size_t(*channels), own.hull()), step.axis};
    y.range = combineRanges(
        combineRanges(own, scales,
                      [](const Interval &a, const Interval &b) {
                        return multiply(a, b);
                      }),
        shifts, [](const Interval &a, const Interval &b) { return add(a, b); });
  }
  return y;
}

Facts rules::evaluate(const RowStep &step, StepContext &context) {
  // One output entry is a row of A (a difference: of two rows): by
  // Cauchy-Schwarz its constant is the row's l2 norm, by Hoelder in linf the
  // row's sum of absolute values.
  const Question &question = context.plan.question;
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const Facts &x = context.facts(step.source);
  std::optional<int64_t> width = widthOf(in);
  const std::vector<PlanAxis> &out = context.outputAxes();
  // The rows of the map are the entries of the last axis: no other width axis.
  bool isLast = !out.empty() && !out.back().isPosition() && step.map &&
                staticSize(out.back()) == step.map->width &&
                widthOf(out) == step.map->width;
  if (!width || !question.selectIndex || !isLast) {
    context.explain("a single output needs a linear map before it");
    return {};
  }
  // The row or the difference of rows, as an affine expression of its own.
  auto row = [&](int64_t index) {
    auto select = std::make_shared<AffineExpr>();
    select->kind = AffineExpr::Kind::Select;
    select->width = 1;
    select->operands = {step.map};
    select->rows = {index};
    return select;
  };
  AffineRef expression = row(*question.selectIndex);
  if (question.selectMinus) {
    auto difference = std::make_shared<AffineExpr>();
    difference->kind = AffineExpr::Kind::Sum;
    difference->width = 1;
    difference->operands = {expression, row(*question.selectMinus)};
    difference->factors = {1, -1};
    expression = difference;
  }
  std::optional<AffineMap> map = context.map(expression, *width);
  if (!map)
    return {};
  std::optional<AffineMatrix> dense = toDense(map->matrix);
  if (!dense)
    return {};
  UpperBound norm = cheapNorms(dense->view).frobenius + dense->error;
  UpperBound sum = rowSumBound(*dense);
  Facts y;
  y.lipL2 = norm * x.lipL2;
  y.lipToken = norm * x.lipToken;
  y.lipLInf = min(sum * x.lipLInf, norm * x.lipToken);
  return y;
}

Facts rules::evaluate(const UnboundedStep &step, StepContext &context) {
  context.explain(step.reason);
  return {};
}
