//===- PoolingRules.cpp - Pools: B-maxpool, B-avgpool, B-gpool, B-lppool --===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Windows.h"
#include "RuleTable.h"
#include "lipt/Checker/ConvolutionMatrix.h"
#include "lipt/Checker/Rejection.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

Window poolWindow(RuleContext &context, const Node &node) {
  auto window = windowOf(node, context.graph.shape(node.inputs[0]), nullptr);
  if (!window || !window->padsKnown)
    reject("the attributes of '", node.name(), "' are not understood");
  return *window;
}

/// Π m over the axes: windows that share one cell.
Extended sharing(const Window &window) {
  Extended product = Extended::one();
  for (int64_t i = 0; i < window.rank(); ++i)
    product *= Extended::fromInteger(windowMultiplicity(
        window.kernel[i], window.strides[i], window.dilations[i]));
  return product;
}

/// The range of the input, kept axis by axis except along pooled ones.
std::optional<Range> keptRange(const Facts &x, bool withZero) {
  std::optional<Range> range = x.range;
  if (range && range->axis && *range->axis >= 2)
    range = Range::everywhere(range->hull());
  return mapRange(range, [&](const Interval &entry) {
    return withZero ? hull(entry, Interval::point(0)) : entry;
  });
}

bool hasPads(const Window &window) {
  for (int64_t i = 0; i < window.rank(); ++i)
    if (window.padsBegin[i] > 0 || window.padsEnd[i] > 0)
      return true;
  return false;
}

Facts pooled(const Facts &x, const Extended &l2, const Extended &linf) {
  Facts facts = scaledLips(x, l2, linf);
  facts.lipToken = Extended::unbounded();
  facts.radiusL2 = times(x.radiusL2, l2);
  return facts;
}

Facts maxPool(RuleContext &context) {
  const Node &node = context.node({"MaxPool"});
  if (context.tensor != node.outputs[0])
    reject("the indices of MaxPool are not continuous");
  context.cover(node);
  Window window = poolWindow(context, node);
  const Facts &x = context.input(node.inputs[0]);
  Facts facts = pooled(x, sharing(window).sqrt(), Extended::one());
  facts.range = keptRange(x, false);
  return facts;
}

/// √(largest column sum) of the averaging operator of one axis: 1/(number of
/// cells counted) for every window over the cell. Sizes are the actual ones.
Extended averageAxis(const Window &window, int64_t axis, int64_t length,
                     int64_t outputs, bool countPads) {
  int64_t kernel = window.kernel[axis], stride = window.strides[axis],
          dilation = window.dilations[axis];
  int64_t begin = window.padsBegin[axis], end = window.padsEnd[axis];
  Extended unknown;
  if (length > 1 << 20 || outputs > 1 << 20 || outputs * kernel > 1 << 24)
    return unknown;
  std::vector<Extended> columns(length, Extended::zero());
  for (int64_t o = 0; o < outputs; ++o) {
    std::vector<int64_t> cells;
    int64_t counted = 0;
    for (int64_t t = 0; t < kernel; ++t) {
      int64_t cell = o * stride - begin + t * dilation;
      if (cell >= 0 && cell < length)
        cells.push_back(cell);
      // Cells of the declared padding count, those beyond it (ceil) do not.
      if (countPads ? cell >= -begin && cell < length + end
                    : cell >= 0 && cell < length)
        ++counted;
    }
    if (cells.empty() || counted == 0)
      continue;
    Extended weight = Extended::one() / static_cast<double>(counted);
    for (int64_t cell : cells)
      columns[cell] += weight;
  }
  Extended largest = Extended::zero();
  for (const Extended &column : columns)
    largest = max(largest, column);
  return largest.sqrt();
}

Facts averagePool(RuleContext &context) {
  const Node &node = context.node({"AveragePool"});
  context.cover(node);
  Window window = poolWindow(context, node);
  const Facts &x = context.input(node.inputs[0]);
  const auto &from = context.graph.shape(node.inputs[0]);
  bool countPads = node.integer("count_include_pad", 0) != 0;
  Extended l2 = Extended::one();
  for (int64_t i = 0; i < window.rank(); ++i) {
    auto length = from[i + 2].constant();
    auto outputs = context.layout.shape[i + 2].constant();
    Extended any = Extended::fromInteger(
                       windowMultiplicity(window.kernel[i], window.strides[i],
                                          window.dilations[i]))
                       .sqrt();
    l2 *= length && outputs
              ? min(any, averageAxis(window, i, *length, *outputs, countPads))
              : any;
  }
  Facts facts = pooled(x, l2, Extended::one());
  facts.range = keptRange(x, countPads && hasPads(window));
  return facts;
}

/// κ^max(0, 1/p − 1/2), κ^{1/p} for p >= 1 (p = 1 or 2 exactly, else the
/// larger neighbour p = 1).
std::pair<Extended, Extended> lpFactors(int64_t p, const Extended &cells) {
  if (p < 1)
    reject("an Lp pool needs p >= 1");
  if (p == 1)
    return {cells.sqrt(), cells};
  return {Extended::one(), cells.sqrt()}; // κ^{1/p} <= κ^{1/2} for p >= 2
}

/// [0, κ^{1/p}·max|x|]
std::optional<Range> lpRange(const Facts &x, const Extended &linf) {
  double reach =
      x.range ? times(Extended::fromDouble(x.range->hull().absMax()), linf)
                    .toDoubleUp()
              : HUGE_VAL;
  return Range::everywhere({0, reach});
}

Facts globalPool(RuleContext &context) {
  const Node &node =
      context.node({"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"});
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  const auto &from = context.graph.shape(node.inputs[0]);
  std::vector<Size> spatial(from.begin() + std::min<size_t>(2, from.size()),
                            from.end());
  auto cells = product(spatial).constant();
  Facts facts;
  if (node.is("GlobalMaxPool")) {
    facts = pooled(x, Extended::one(), Extended::one());
    facts.range = keptRange(x, false);
  } else if (node.is("GlobalAveragePool")) {
    Extended factor = cells && *cells > 0
                          ? Extended::one() / sqrtOfIntegerDown(*cells)
                          : Extended::one();
    facts = pooled(x, factor, Extended::one());
    // The mean over spatial positions of the channel vectors.
    bool positions = true;
    for (size_t i = 0; i < from.size(); ++i)
      if (!from[i].isOne())
        positions = positions &&
                    isPosition(context.graph.info(node.inputs[0]).roles[i]) ==
                        (i >= 2 || i == 0);
    if (positions) {
      facts.lipToken = x.lipToken;
      facts.radiusToken = x.radiusToken;
      facts.spread = x.spread;
    }
    facts.range = keptRange(x, false);
  } else {
    auto [l2, linf] =
        lpFactors(node.integer("p", 2), cells ? Extended::fromInteger(*cells)
                                              : Extended::unbounded());
    facts = pooled(x, l2, linf);
    facts.range = lpRange(x, linf);
  }
  return facts;
}

Facts lpPool(RuleContext &context) {
  const Node &node = context.node({"LpPool"});
  context.cover(node);
  Window window = poolWindow(context, node);
  Extended cells = Extended::one();
  for (int64_t taps : window.kernel)
    cells *= Extended::fromInteger(taps);
  auto [l2, linf] = lpFactors(node.integer("p", 2), cells);
  const Facts &x = context.input(node.inputs[0]);
  Facts facts = pooled(x, l2 * sharing(window).sqrt(), linf);
  facts.range = lpRange(x, linf);
  return facts;
}

} // namespace

RuleList lipt::checker::poolingRules() {
  return {{"B-maxpool", maxPool},
          {"B-avgpool", averagePool},
          {"B-gpool", globalPool},
          {"B-lppool", lpPool}};
}
