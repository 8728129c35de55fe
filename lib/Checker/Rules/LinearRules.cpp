//===- LinearRules.cpp - Linear maps: B-lin, B-lin-any, B-mm2, B-row ------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMatch.h"
#include "RuleTable.h"
#include "SourceFacts.h"
#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

/// The interval of every width index of the source, from its range.
std::vector<Interval> sourceBox(const SourceFacts &source) {
  std::vector<Interval> box(source.width, Interval::unknown());
  if (!source.facts.range)
    return box;
  const Range &range = *source.facts.range;
  int64_t inner = 1, length = 1;
  bool along = range.axis && !isPosition(source.layout.roles[*range.axis]);
  if (along) {
    length = static_cast<int64_t>(range.entries.size());
    for (size_t i = *range.axis + 1; i < source.layout.shape.size(); ++i)
      if (!isPosition(source.layout.roles[i]))
        inner *= source.layout.shape[i].constant().value_or(1);
  }
  Interval all = range.hull();
  for (int64_t i = 0; i < source.width; ++i)
    box[i] = along ? range.entries[i / inner % length] : all;
  return box;
}

/// Intervals of the flattened width indices as a range along the last width
/// axis of the tensor.
Range rangeOfRows(const std::vector<Interval> &rows, const Layout &layout) {
  Range range;
  for (size_t i = 0; i < layout.shape.size(); ++i)
    if (!isPosition(layout.roles[i]) && !layout.shape[i].isOne())
      range.axis = static_cast<int64_t>(i);
  int64_t length =
      range.axis ? layout.shape[*range.axis].constant().value_or(1) : 1;
  for (size_t i = 0; i < rows.size(); ++i) {
    size_t k = i % length;
    if (range.entries.size() <= k)
      range.entries.push_back(rows[i]);
    else
      range.entries[k] = hull(range.entries[k], rows[i]);
  }
  return range;
}

Facts affine(RuleContext &context) {
  std::string text = context.step.role("source");
  if (text.empty())
    reject("the role 'source' is missing");
  AffineSource in = context.maps.source(text);
  SourceFacts source = sourceFacts(context, in);
  auto map = context.maps.get(context.tensor, in);
  context.cover(map->nodes);
  if (map->rows() != context.graph.width(context.tensor) ||
      map->inputWidth != source.width)
    reject("the affine map does not fit the tensor");
  Extended norm = context.affineNorm(context.tensor, in);
  Assembled matrix = map->spelled();
  Facts facts = scaledLips(
      source.facts, norm,
      min(norm * sqrtOfIntegerUp(source.width), maxRowAbsSumUp(matrix)));
  Extended offset = norm2Up(map->offset);
  facts.radiusToken = times(source.facts.radiusToken, norm) + offset;
  Extended offsets =
      context.layout.counts.positions
          ? offset * sqrtOfIntegerUp(*context.layout.counts.positions)
          : times(offset, Extended::unbounded());
  facts.radiusL2 = times(source.facts.radiusL2, norm) + offsets;
  facts.spread = times(source.facts.spread, norm);
  std::vector<Interval> box = sourceBox(source);
  std::vector<Interval> rows = affineRange(matrix, map->offset, box);
  std::vector<Extended> rowNorms = rowNorms2Up(matrix);
  for (size_t i = 0; i < rows.size(); ++i) {
    double reach = times(rowNorms[i], source.facts.radiusToken).toDoubleUp();
    if (!std::isfinite(reach))
      continue;
    Interval ball =
        map->offset.entry(static_cast<int64_t>(i)) + Interval::symmetric(reach);
    if (auto met = intersect(rows[i], ball))
      rows[i] = *met;
  }
  facts.range = rangeOfRows(rows, context.layout);
  return facts;
}

/// The matrix of one slice of a constant operand: rows x cols of the last two
/// axes; a vector is a row (left operand) or a column.
struct Slices {
  std::vector<Assembled> matrices;
};

Slices slicesOf(const Constant &constant, bool left) {
  auto tensor = constant.materialized();
  if (!tensor || !(constant.error < HUGE_VAL))
    reject("a constant operand has no known value");
  std::vector<int64_t> shape = tensor->shape;
  if (shape.empty())
    reject("a scalar operand of MatMul");
  if (shape.size() == 1)
    left ? void(shape.insert(shape.begin(), 1)) : shape.push_back(1);
  int64_t rows = shape[shape.size() - 2], cols = shape.back();
  int64_t count = rows * cols ? tensor->count() / (rows * cols) : 0;
  std::vector<double> values = tensor->reals();
  Slices slices;
  for (int64_t s = 0; s < count; ++s) {
    Assembled matrix;
    matrix.value = Matrix(rows, cols);
    std::copy_n(values.begin() + s * rows * cols, rows * cols,
                matrix.value.data.begin());
    if (constant.error != 0)
      matrix.error = Extended::fromDouble(constant.error) *
                     sqrtOfIntegerUp(rows) * sqrtOfIntegerUp(cols);
    slices.matrices.push_back(std::move(matrix));
  }
  return slices;
}

Facts affineAny(RuleContext &context) {
  const Node &node = context.node({"MatMul", "Gemm"});
  context.cover(node);
  bool left = context.graph.isConstant(node.inputs[0]);
  const std::string &varying = node.inputs[left ? 1 : 0];
  const Constant *weight = context.graph.constant(node.inputs[left ? 0 : 1]);
  if (!weight)
    reject("no operand of '", context.tensor, "' is a known constant");
  const Facts &x = context.input(varying);
  Slices slices = slicesOf(*weight, left);
  Extended norm = Extended::zero(), sums = Extended::zero();
  bool gemm = node.is("Gemm");
  bool flipped = gemm && node.integer(left ? "transA" : "transB", 0) != 0;
  double alpha = gemm ? node.real("alpha", 1) : 1;
  std::string reason;
  for (size_t s = 0; s < slices.matrices.size(); ++s) {
    const Assembled &matrix = slices.matrices[s];
    Extended own = normOf(matrix, nullptr, reason).value_or(Extended());
    if (auto claimed = context.claimedNorm(
            contractedKey(context.tensor, static_cast<int64_t>(s))))
      own = min(own, *claimed);
    if (!gemm && slices.matrices.size() == 1)
      if (auto claimed = context.claimedNorm(
              AffineKey{context.tensor, context.maps.source(varying)}.text()))
        own = min(own, *claimed);
    norm = max(norm, own);
    // Output entries are sums over the contracted axis: rows of a constant
    // left operand, columns of a right one.
    sums = max(sums, left != flipped ? maxRowAbsSumUp(matrix)
                                     : maxColumnAbsSumUp(matrix));
  }
  Extended factor = Extended::fromDouble(std::fabs(alpha));
  const auto &own = context.graph.shape(varying);
  const auto &weightShape = weight->shape;
  std::vector<Size> ownBatch, allBatch;
  for (size_t i = 0; i + 2 < own.size(); ++i)
    ownBatch.push_back(own[i]);
  std::vector<Size> weightBatch;
  for (size_t i = 0; i + 2 < weightShape.size(); ++i)
    weightBatch.push_back(weightShape[i]);
  auto merged = broadcastShapes(ownBatch, weightBatch);
  Extended copies =
      merged ? rootRatio(*merged, ownBatch) : Extended::unbounded();
  Facts facts;
  facts.lipL2 = times(times(x.lipL2, norm * factor), copies);
  facts.lipLinf = times(x.lipLinf, sums * factor);
  facts.radiusL2 = times(times(x.radiusL2, norm * factor), copies);
  if (gemm && !node.input(2).empty() && node.real("beta", 1) != 0) {
    const Constant *bias = context.graph.constant(node.inputs[2]);
    if (!bias)
      reject("the bias of '", context.tensor, "' is not constant");
    facts.radiusL2 +=
        times(constantFacts(*bias, context.layout).radiusL2,
              Extended::fromDouble(std::fabs(node.real("beta", 1))));
  }
  return facts;
}

/// L_a·S_B + L_b·S_A for a product of two varying tensors.
Facts productOfTwo(RuleContext &context) {
  const Node &node = context.node({"MatMul"});
  context.cover(node);
  const auto &aShape = context.graph.shape(node.inputs[0]);
  const auto &bShape = context.graph.shape(node.inputs[1]);
  if (aShape.size() < 2 || bShape.size() < 2)
    reject("B-mm2 needs two operands of rank 2 or more");
  const Facts &a = context.input(node.inputs[0]);
  const Facts &b = context.input(node.inputs[1]);
  auto batch = [](const std::vector<Size> &shape) {
    return std::vector<Size>(shape.begin(), shape.end() - 2);
  };
  auto merged = broadcastShapes(batch(aShape), batch(bShape));
  if (!merged)
    reject("the batch axes of '", context.tensor, "' do not fit");
  Extended copiesA = rootRatio(*merged, batch(aShape));
  Extended copiesB = rootRatio(*merged, batch(bShape));
  Facts facts;
  facts.lipL2 = times(times(b.radiusL2, a.lipL2), copiesA) +
                times(times(a.radiusL2, b.lipL2), copiesB);
  facts.radiusL2 = times(a.radiusL2, b.radiusL2);
  auto contracted = aShape.back().constant();
  auto entryBound = [](const Facts &x) {
    return x.range ? Extended::fromDouble(x.range->hull().absMax())
                   : Extended::unbounded();
  };
  Extended length =
      contracted ? Extended::fromInteger(*contracted) : Extended::unbounded();
  // Rows of a softmax along the contracted axis sum to one.
  auto softmax =
      matchSoftmax(context.graph, context.graph.canonical(node.inputs[0]));
  bool stochastic = softmax && softmax->axes.size() == 1 &&
                    softmax->axes[0] == int64_t(aShape.size()) - 1;
  Extended rows = stochastic ? Extended::one() : times(entryBound(a), length);
  Extended columns = times(entryBound(b), length);
  facts.lipLinf = times(columns, a.lipLinf) + times(rows, b.lipLinf);
  double reach = times(rows, entryBound(b)).toDoubleUp();
  if (std::isfinite(reach))
    facts.range = Range::everywhere(Interval::symmetric(reach));
  if (stochastic && b.range)
    facts.range = Range::everywhere(b.range->hull());
  return facts;
}

/// One entry of the output's last axis, or a difference of two, at every
/// position: the facts are of that quantity, not of the tensor.
Facts selectedRow(RuleContext &context) {
  if (!context.selectIndex)
    reject("B-row without question.select");
  AffineSource in = context.maps.source(context.step.role("source"));
  SourceFacts source = sourceFacts(context, in);
  auto map = context.maps.get(context.tensor, in);
  context.cover(map->nodes);
  const Layout &layout = context.layout;
  int64_t rank = static_cast<int64_t>(layout.shape.size());
  for (int64_t i = 0; i + 1 < rank; ++i)
    if (!isPosition(layout.roles[i]) && !layout.shape[i].isOne())
      reject("B-row needs an output whose only width axis is the last");
  int64_t count = map->rows();
  int64_t minus = context.selectMinus.value_or(0);
  if (rank == 0 || layout.shape.back() != Size(count) ||
      *context.selectIndex < 0 || *context.selectIndex >= count || minus < 0 ||
      minus >= count)
    reject("question.select lies outside the output's last axis");
  std::vector<int64_t> first = {*context.selectIndex}, second = {minus};
  Assembled row = selectRows(map->spelled(), first);
  if (context.selectMinus)
    row = linearCombination(1, row, -1, selectRows(map->spelled(), second));
  Extended norm = frobeniusUp(row);
  Facts facts = scaledLips(source.facts, norm, maxRowAbsSumUp(row));
  facts.lipLinf = min(facts.lipLinf, facts.lipToken);
  if (layout.counts.positions == 1) {
    // One number: every norm of it is its absolute value.
    Extended best = min(facts.lipLinf, min(facts.lipToken, facts.lipL2));
    facts.lipL2 = facts.lipToken = facts.lipLinf = best;
  }
  return facts;
}

} // namespace

Assembled lipt::checker::constantOperandMatrix(const Graph &graph,
                                               const std::string &tensor,
                                               int64_t slice) {
  const Node *node = graph.producer(graph.canonical(tensor));
  if (!node || !(node->is("MatMul") || node->is("Gemm")))
    reject("'", tensor, "' is not a matrix product");
  bool left = graph.isConstant(node->inputs[0]);
  const Constant *weight = graph.constant(node->inputs[left ? 0 : 1]);
  if (!weight)
    reject("no operand of '", tensor, "' is a known constant");
  Slices slices = slicesOf(*weight, left);
  if (slice < 0 || slice >= static_cast<int64_t>(slices.matrices.size()))
    reject("the constant operand of '", tensor, "' has no slice ", slice);
  return slices.matrices[slice];
}

RuleList lipt::checker::linearRules() {
  return {{"B-lin", affine},
          {"B-lin-any", affineAny},
          {"B-mm2", productOfTwo},
          {"B-row", selectedRow}};
}
