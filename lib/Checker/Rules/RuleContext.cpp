//===- RuleContext.cpp - What rules share ---------------------------------===//
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

RuleContext::RuleContext(const Graph &graph, AffineMaps &maps,
                         const Established &established, const Step &step)
    : graph(graph), maps(maps), step(step),
      tensor(graph.canonical(step.tensor)), layout(Layout::of(graph, tensor)),
      established(established) {}

const Node &RuleContext::node() const {
  const Node *found = graph.producer(tensor);
  if (!found)
    reject("'", tensor, "' is produced by no node");
  return *found;
}

const Node &RuleContext::node(std::initializer_list<const char *> types) const {
  const Node &found = node();
  for (const char *type : types)
    if (found.is(type))
      return found;
  reject("'", tensor, "' is produced by ", found.opType,
         ", to which the rule does not apply");
}

const Facts &RuleContext::input(const std::string &name) const {
  const std::string &wanted = graph.canonical(name);
  bool listed = std::any_of(step.inputs.begin(), step.inputs.end(),
                            [&](const std::string &listedName) {
                              return graph.canonical(listedName) == wanted;
                            });
  if (!listed)
    reject("'", wanted, "' is not among the step's inputs");
  auto found = established.facts.find(wanted);
  if (found == established.facts.end())
    reject("no facts are established for '", wanted, "'");
  return found->second;
}

std::string RuleContext::role(const char *name) const {
  std::string tensorName = step.role(name);
  if (tensorName.empty())
    reject("the role '", name, "' is missing");
  graph.info(tensorName);
  return graph.canonical(tensorName);
}

void RuleContext::cover(const Node &node) {
  coveredNodes.insert(graph.indexOf(node));
}

void RuleContext::cover(const std::set<int64_t> &nodes) {
  coveredNodes.insert(nodes.begin(), nodes.end());
}

std::optional<Extended> RuleContext::claimedNorm(const std::string &key) const {
  auto found = established.norms.find(key);
  if (found == established.norms.end())
    return std::nullopt;
  return found->second;
}

Extended RuleContext::affineNorm(const AffineKey &key,
                                 const Assembled &matrix) const {
  if (auto claimed = claimedNorm(key.text()))
    return *claimed;
  std::string reason;
  auto norm = normOf(matrix, nullptr, reason);
  return norm ? *norm : Extended::unbounded();
}

Extended RuleContext::affineNorm(const std::string &out,
                                 const AffineSource &in) {
  AffineKey key{graph.canonical(out), in};
  if (auto claimed = claimedNorm(key.text()))
    return *claimed;
  auto map = maps.get(out, in);
  return map->isIdentity ? Extended::one() : affineNorm(key, map->matrix);
}

Extended lipt::checker::times(const Extended &fact, const Extended &factor) {
  return fact.isZero() || factor.isZero() ? Extended::zero() : fact * factor;
}

Facts lipt::checker::scaledLips(const Facts &facts, const Extended &factor,
                                const Extended &linf) {
  Facts result;
  result.lipL2 = times(facts.lipL2, factor);
  result.lipToken = times(facts.lipToken, factor);
  result.lipLinf = times(facts.lipLinf, linf);
  return result;
}

Facts lipt::checker::scaledLips(const Facts &facts, const Extended &factor) {
  return scaledLips(facts, factor, factor);
}

Extended lipt::checker::rootRatio(const std::vector<Size> &larger,
                                  const std::vector<Size> &smaller) {
  Size above = product(larger), below = product(smaller);
  if (above == below)
    return Extended::one();
  auto ratio = above.dividedBy(below);
  if (ratio && ratio->constant())
    return max(Extended::one(), sqrtOfIntegerUp(*ratio->constant()));
  auto a = above.constant(), b = below.constant();
  if (!a || !b || *b <= 0)
    return Extended::unbounded();
  if (*a <= *b)
    return Extended::one();
  return (Extended::fromInteger(*a) / static_cast<double>(*b)).sqrt();
}

static std::vector<Size> widthSizes(const Layout &layout) {
  std::vector<Size> sizes;
  for (size_t i = 0; i < layout.shape.size(); ++i)
    if (!isPosition(layout.roles[i]))
      sizes.push_back(layout.shape[i]);
  return sizes;
}

Facts lipt::checker::broadcastFacts(const Facts &facts, const Layout &from,
                                    const Layout &to) {
  size_t shift = to.shape.size() - from.shape.size();
  bool same = from.shape == to.shape;
  Facts result = facts;
  if (!same) {
    Extended whole = rootRatio(to.shape, from.shape);
    result.lipL2 = times(facts.lipL2, whole);
    result.radiusL2 = times(facts.radiusL2, whole);
    Extended width = rootRatio(widthSizes(to), widthSizes(from));
    result.lipToken = times(facts.lipToken, width);
    result.radiusToken = times(facts.radiusToken, width);
    result.spread = times(facts.spread, width);
  }
  // Token facts mean another thing where an axis changes its kind: a position
  // axis of the operand that the result counts as width joins the norm.
  Extended joined = Extended::one();
  for (size_t i = 0; i < from.shape.size(); ++i)
    if (!from.shape[i].isOne() && !isPosition(from.roles[i]) &&
        isPosition(to.roles[i + shift])) {
      result.spread = Extended::unbounded(); // the centre would move along it
    } else if (!from.shape[i].isOne() && isPosition(from.roles[i]) &&
               !isPosition(to.roles[i + shift])) {
      auto length = from.shape[i].constant();
      joined =
          joined * (length ? sqrtOfIntegerUp(*length) : Extended::unbounded());
      result.spread = Extended::unbounded();
    }
  result.lipToken = times(result.lipToken, joined);
  result.radiusToken = times(result.radiusToken, joined);
  result.lipToken = min(result.lipToken, result.lipL2);
  result.radiusToken = min(result.radiusToken, result.radiusL2);
  result.spread = min(result.spread, result.radiusToken);
  if (result.range && result.range->axis) {
    int64_t axis = *result.range->axis + static_cast<int64_t>(shift);
    if (to.shape[axis] == from.shape[axis - shift])
      result.range->axis = axis;
    else
      result.range = Range::everywhere(result.range->hull());
  }
  return result;
}

Facts lipt::checker::constantFacts(const Constant &constant,
                                   const Layout &layout) {
  Facts facts = Facts::fixed();
  if (!constant.value || bitsOf(constant.value->type) == 0)
    return facts;
  const Tensor &stored = *constant.value;
  size_t shift = layout.shape.size() - stored.shape.size();
  // The range along the last width axis, where the constant varies there.
  int64_t axis = -1;
  for (size_t i = 0; i < layout.shape.size(); ++i)
    if (!isPosition(layout.roles[i]) && !layout.shape[i].isOne())
      axis = static_cast<int64_t>(i);
  bool along = axis >= int64_t(shift) && stored.shape[axis - shift] != 1 &&
               layout.shape[axis] == Size(stored.shape[axis - shift]);
  std::vector<int64_t> strides = rowMajorStrides(stored.shape);
  int64_t length = along ? stored.shape[axis - shift] : 1;
  Range range;
  if (along)
    range.axis = axis;
  range.entries.assign(length, Interval{HUGE_VAL, -HUGE_VAL});
  int64_t count = stored.count();
  // ‖c‖ over all entries, over a token, and half the width over positions.
  long double squares = 0;
  std::vector<long double> tokens;
  std::vector<int64_t> positionStride(stored.shape.size(), 0);
  int64_t positions = 1;
  for (size_t i = stored.shape.size(); i-- > 0;)
    if (isPosition(layout.roles[i + shift])) {
      positionStride[i] = positions;
      positions *= stored.shape[i];
    }
  tokens.assign(positions, 0);
  for (int64_t i = 0; i < count; ++i) {
    double value = stored.real(i);
    if (std::isnan(value))
      return Facts::fixed();
    int64_t k = along ? i / strides[axis - shift] % length : 0;
    Interval entry = Interval::point(value);
    if (constant.error != 0)
      entry = entry + Interval::symmetric(constant.error);
    range.entries[k].lo = std::min(range.entries[k].lo, entry.lo);
    range.entries[k].hi = std::max(range.entries[k].hi, entry.hi);
    int64_t position = 0;
    for (size_t d = 0; d < stored.shape.size(); ++d)
      if (positionStride[d])
        position += i / strides[d] % stored.shape[d] * positionStride[d];
    double bound = entry.absMax();
    squares += static_cast<long double>(bound) * bound;
    tokens[position] += static_cast<long double>(bound) * bound;
  }
  if (count == 0)
    return facts;
  facts.range = range;
  // 64-bit significands: the sum is low by at most count·2^-63 relative.
  auto rootUp = [&](long double sum) {
    double rounded = static_cast<double>(sum);
    if (sum > 0 && (sum < 0x1p-900L || !(sum < 0x1p900L)))
      return Extended::unbounded();
    return Extended::fromDouble(
               up(up(rounded * (1 + static_cast<double>(count) * 0x1p-60))))
        .sqrt();
  };
  std::vector<Size> storedShape(stored.shape.begin(), stored.shape.end());
  std::vector<Size> storedWidth;
  for (size_t i = 0; i < stored.shape.size(); ++i)
    if (!isPosition(layout.roles[i + shift]))
      storedWidth.push_back(stored.shape[i]);
  facts.radiusL2 = times(rootUp(squares), rootRatio(layout.shape, storedShape));
  long double largest = *std::max_element(tokens.begin(), tokens.end());
  facts.radiusToken =
      times(rootUp(largest), rootRatio(widthSizes(layout), storedWidth));
  // One fixed vector at every position: no spread at all.
  facts.spread = positions == 1 ? Extended::zero() : facts.radiusToken;
  return facts;
}

Facts lipt::checker::operandFacts(RuleContext &context,
                                  const std::string &name) {
  if (context.graph.isConstant(name)) {
    const Constant *constant = context.graph.constant(name);
    return constant ? constantFacts(*constant, context.layout) : Facts::fixed();
  }
  return broadcastFacts(context.input(name), Layout::of(context.graph, name),
                        context.layout);
}

Facts lipt::checker::sourceInput(RuleContext &context,
                                 const std::string &name) {
  Layout from = Layout::of(context.graph, name);
  if (from.shape != context.layout.shape)
    reject("'", name, "' and '", context.tensor, "' differ in shape");
  return broadcastFacts(context.input(name), from, context.layout);
}

Facts lipt::checker::tableFacts(const Constant &table, const Layout &layout) {
  Facts facts = Facts::fixed();
  auto tensor = table.materialized();
  if (!tensor || tensor->rank() != 2 || table.error != 0)
    return facts;
  int64_t rows = tensor->shape[0], cols = tensor->shape[1];
  if (rows == 0 || cols == 0)
    return facts;
  Matrix matrix(1, cols);
  Range range;
  range.axis = static_cast<int64_t>(layout.shape.size()) - 1;
  range.entries.assign(cols, Interval{HUGE_VAL, -HUGE_VAL});
  facts.radiusToken = Extended::zero();
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) {
      double value = tensor->real(i * cols + j);
      matrix.data[j] = value;
      range.entries[j].lo = std::min(range.entries[j].lo, value);
      range.entries[j].hi = std::max(range.entries[j].hi, value);
    }
    facts.radiusToken = max(facts.radiusToken, rowNorms2Up(matrix)[0]);
  }
  // A last axis of another role than width: only entries are known.
  if (isPosition(layout.roles.back()))
    facts.radiusToken = Extended::unbounded();
  else
    for (size_t i = 0; i + 1 < layout.shape.size(); ++i)
      if (!isPosition(layout.roles[i]) && !layout.shape[i].isOne()) {
        auto length = layout.shape[i].constant();
        facts.radiusToken =
            facts.radiusToken *
            (length ? sqrtOfIntegerUp(*length) : Extended::unbounded());
      }
  for (Interval &entry : range.entries)
    if (!std::isfinite(entry.lo) || !std::isfinite(entry.hi))
      return Facts::fixed();
  facts.range = range;
  return facts;
}
