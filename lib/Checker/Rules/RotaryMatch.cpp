//===- RotaryMatch.cpp - Rotary embeddings --------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMatch.h"
#include "RuleTable.h"
#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

/// Norm of [[a, b], [c, d]], rounded up: √((f + √(f² − 4 det²))/2), f the sum
/// of squares; long double keeps the relative error far below the final one.
Extended blockNorm(double a, double b, double c, double d) {
  long double f =
      static_cast<long double>(a) * a + static_cast<long double>(b) * b +
      static_cast<long double>(c) * c + static_cast<long double>(d) * d;
  if (!(f < 0x1p200L) || (f != 0 && f < 0x1p-200L))
    return Extended::unbounded();
  // f² − 4 det² = (f − 2 det)(f + 2 det), both sums of two squares.
  long double minus = static_cast<long double>(a - d) * (a - d) +
                      static_cast<long double>(b + c) * (b + c);
  long double plus = static_cast<long double>(a + d) * (a + d) +
                     static_cast<long double>(b - c) * (b - c);
  double norm = static_cast<double>((std::sqrt(minus) + std::sqrt(plus)) / 2);
  // a ± d and b ± c are rounded to double: a few u relative.
  return Extended::fromDouble(up(norm * (1 + 8 * unitRoundoff)));
}

std::optional<RotaryMatch> matchNode(const Graph &graph, const Node &node) {
  RotaryMatch match;
  match.nodes.insert(graph.indexOf(node));
  match.source = graph.canonical(node.inputs[0]);
  const Constant *cosine = graph.constant(node.input(1));
  const Constant *sine = graph.constant(node.input(2));
  if (!cosine || !sine || !cosine->value || !sine->value ||
      (!node.input(3).empty() && graph.info(node.inputs[3]).dependsOnOrigin))
    return std::nullopt;
  auto c = cosine->materialized(), s = sine->materialized();
  if (!c || !s || c->count() != s->count())
    return std::nullopt;
  double error = cosine->error + sine->error;
  bool partial = node.integer("rotary_embedding_dim", 0) != 0;
  match.norm = match.rowSum = partial ? Extended::one() : Extended::zero();
  int64_t count = c->count();
  for (int64_t i = 0; i < count; ++i) {
    double x = c->real(i), y = s->real(i);
    match.norm = max(match.norm, blockNorm(x, -y, y, x));
    match.rowSum = max(match.rowSum, Extended::fromDouble(std::fabs(x)) +
                                         Extended::fromDouble(std::fabs(y)));
  }
  match.norm += Extended::fromDouble(2 * error);
  match.rowSum += Extended::fromDouble(error);
  return match;
}

/// The slice [begin, end) of the last axis that produces `tensor`, as Slice or
/// an output of Split.
struct LastSlice {
  std::string source;
  int64_t begin, end, index;
};

std::optional<LastSlice> lastSlice(const Graph &graph,
                                   const std::string &tensor) {
  const Node *node = graph.producer(graph.canonical(tensor));
  if (!node || !(node->is("Slice") || node->is("Split")))
    return std::nullopt;
  const auto &shape = graph.shape(node->inputs[0]);
  int64_t axis = static_cast<int64_t>(shape.size()) - 1;
  LastSlice slice{graph.canonical(node->inputs[0]), 0, 0, graph.indexOf(*node)};
  if (node->is("Slice")) {
    auto ranges = sliceParameters(*node, graph.constantInputs(*node), shape);
    if (!ranges || ranges->size() != 1 || (*ranges)[0].first != axis ||
        (*ranges)[0].second.step != 1)
      return std::nullopt;
    auto start = (*ranges)[0].second.start.constant(),
         length = (*ranges)[0].second.length.constant();
    if (!start || !length)
      return std::nullopt;
    slice.begin = *start;
    slice.end = *start + *length;
    return slice;
  }
  int64_t split = node->integer("axis", 0);
  split = split < 0 ? split + axis + 1 : split;
  if (split != axis)
    return std::nullopt;
  int64_t start = 0;
  for (const std::string &output : node->outputs) {
    auto length = graph.shape(output).back().constant();
    if (!length)
      return std::nullopt;
    if (output == graph.canonical(tensor)) {
      slice.begin = start;
      slice.end = start + *length;
      return slice;
    }
    start += *length;
  }
  return std::nullopt;
}

/// Entries of a table over (its own leading axes, the last axis of `width`).
std::optional<Tensor> tableOf(const Constant &constant, int64_t width) {
  if (!constant.value || constant.value->rank() == 0 ||
      constant.value->shape.back() != width)
    return std::nullopt;
  return constant.value;
}

/// x·cos + rotate_half(x)·sin with rotate_half(x) = [−x₂, x₁].
std::optional<RotaryMatch> matchHalves(const Graph &graph, const Node &add) {
  if (!add.is("Add"))
    return std::nullopt;
  for (int side = 0; side < 2; ++side) {
    const Node *plain = producerOf(graph, add.inputs[side], "Mul");
    const Node *turned = producerOf(graph, add.inputs[1 - side], "Mul");
    auto cosine = plain ? splitConstant(graph, *plain) : std::nullopt;
    auto sine = turned ? splitConstant(graph, *turned) : std::nullopt;
    const Node *concat =
        sine ? producerOf(graph, sine->varying, "Concat") : nullptr;
    if (!cosine || !concat || concat->inputs.size() != 2)
      continue;
    const auto &shape = graph.shape(cosine->varying);
    int64_t rank = static_cast<int64_t>(shape.size());
    int64_t axis = concat->integer("axis", 0);
    axis = axis < 0 ? axis + rank : axis;
    auto width = shape.back().constant();
    const Node *negation = producerOf(graph, concat->inputs[0], "Neg");
    if (axis != rank - 1 || !width || *width % 2 != 0 || !negation ||
        graph.shape(add.name()) != shape)
      continue;
    auto upper = lastSlice(graph, negation->inputs[0]);
    auto lower = lastSlice(graph, concat->inputs[1]);
    int64_t half = *width / 2;
    if (!upper || !lower || upper->source != cosine->varying ||
        lower->source != cosine->varying || upper->begin != half ||
        upper->end != *width || lower->begin != 0 || lower->end != half)
      continue;
    auto c = tableOf(*cosine->constant, *width);
    auto s = tableOf(*sine->constant, *width);
    if (!c || !s || c->shape != s->shape)
      continue;
    RotaryMatch match;
    match.source = cosine->varying;
    for (const Node *node : {&add, plain, turned, concat, negation})
      match.nodes.insert(graph.indexOf(*node));
    match.nodes.insert(upper->index);
    match.nodes.insert(lower->index);
    match.norm = match.rowSum = Extended::zero();
    int64_t rows = c->count() / *width;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < half; ++i) {
        double c1 = c->real(row * *width + i),
               c2 = c->real(row * *width + i + half),
               s1 = s->real(row * *width + i),
               s2 = s->real(row * *width + i + half);
        match.norm = max(match.norm, blockNorm(c1, -s1, s2, c2));
        for (auto [x, y] : {std::pair{c1, s1}, std::pair{c2, s2}})
          match.rowSum =
              max(match.rowSum, Extended::fromDouble(std::fabs(x)) +
                                    Extended::fromDouble(std::fabs(y)));
      }
    Extended error = Extended::fromDouble(cosine->constant->error) +
                     Extended::fromDouble(sine->constant->error);
    match.norm += error + error;
    match.rowSum += error;
    return match;
  }
  return std::nullopt;
}

/// ±x_part·table of one half of a tensor.
struct HalfProduct {
  LastSlice half;
  const Constant *table;
  double sign;
  int64_t node;
};

std::optional<HalfProduct> halfProduct(const Graph &graph,
                                       const std::string &tensor, double sign) {
  const Node *mul = producerOf(graph, tensor, "Mul");
  auto split = mul ? splitConstant(graph, *mul) : std::nullopt;
  auto half = split ? lastSlice(graph, split->varying) : std::nullopt;
  if (!half || graph.shape(split->varying) != graph.shape(mul->name()))
    return std::nullopt;
  return HalfProduct{*half, split->constant, sign, graph.indexOf(*mul)};
}

/// Concat(a·x₁ ± b·x₂, c·x₂ ± d·x₁) of the halves of one tensor.
std::optional<RotaryMatch> matchConcatenated(const Graph &graph,
                                             const Node &concat) {
  if (!concat.is("Concat") || concat.inputs.size() != 2)
    return std::nullopt;
  int64_t rank = graph.rank(concat.name());
  int64_t axis = concat.integer("axis", 0);
  if ((axis < 0 ? axis + rank : axis) != rank - 1)
    return std::nullopt;
  RotaryMatch match;
  match.nodes.insert(graph.indexOf(concat));
  // coefficient[row][column]: of the row's half in the result, of the
  // column's half of the source.
  std::optional<HalfProduct> coefficient[2][2];
  for (int row = 0; row < 2; ++row) {
    const Node *sum = graph.producer(graph.canonical(concat.inputs[row]));
    if (!sum || !(sum->is("Add") || sum->is("Sub")) || sum->inputs.size() != 2)
      return std::nullopt;
    match.nodes.insert(graph.indexOf(*sum));
    for (int operand = 0; operand < 2; ++operand) {
      auto part = halfProduct(graph, sum->inputs[operand],
                              operand == 1 && sum->is("Sub") ? -1 : 1);
      if (!part)
        return std::nullopt;
      auto width = graph.shape(part->half.source).back().constant();
      if (!width || *width % 2 != 0)
        return std::nullopt;
      int column = part->half.begin == 0 ? 0 : 1;
      if (part->half.begin != column * (*width / 2) ||
          part->half.end != (column + 1) * (*width / 2) ||
          coefficient[row][column])
        return std::nullopt;
      match.nodes.insert({part->node, part->half.index});
      coefficient[row][column] = part;
    }
  }
  match.source = coefficient[0][0]->half.source;
  if (graph.shape(match.source) != graph.shape(concat.name()))
    return std::nullopt;
  int64_t half = *graph.shape(match.source).back().constant() / 2;
  std::optional<Tensor> tables[2][2];
  Extended error = Extended::zero();
  for (int row = 0; row < 2; ++row)
    for (int column = 0; column < 2; ++column) {
      const HalfProduct &part = *coefficient[row][column];
      tables[row][column] = tableOf(*part.table, half);
      if (part.half.source != match.source || !tables[row][column] ||
          tables[row][column]->shape != tables[0][0]->shape)
        return std::nullopt;
      error += Extended::fromDouble(part.table->error);
    }
  match.norm = match.rowSum = Extended::zero();
  int64_t count = tables[0][0]->count();
  for (int64_t i = 0; i < count; ++i) {
    double block[2][2];
    for (int row = 0; row < 2; ++row)
      for (int column = 0; column < 2; ++column)
        block[row][column] =
            coefficient[row][column]->sign * tables[row][column]->real(i);
    match.norm = max(match.norm, blockNorm(block[0][0], block[0][1],
                                           block[1][0], block[1][1]));
    for (const auto &row : block)
      match.rowSum =
          max(match.rowSum, Extended::fromDouble(std::fabs(row[0])) +
                                Extended::fromDouble(std::fabs(row[1])));
  }
  match.norm += error;
  match.rowSum += error;
  return match;
}

/// [rotated part, the rest] of one tensor (partial rotary).
std::optional<RotaryMatch> matchPartial(const Graph &graph,
                                        const Node &concat) {
  if (!concat.is("Concat") || concat.inputs.size() != 2)
    return std::nullopt;
  int64_t rank = graph.rank(concat.name());
  int64_t axis = concat.integer("axis", 0);
  if ((axis < 0 ? axis + rank : axis) != rank - 1)
    return std::nullopt;
  const Node *add = producerOf(graph, concat.inputs[0], "Add");
  auto inner = add ? matchHalves(graph, *add) : std::nullopt;
  auto first = inner ? lastSlice(graph, inner->source) : std::nullopt;
  auto rest = lastSlice(graph, concat.inputs[1]);
  if (!first || !rest || first->source != rest->source || first->begin != 0 ||
      rest->begin != first->end ||
      graph.shape(first->source) != graph.shape(concat.name()))
    return std::nullopt;
  inner->source = first->source;
  inner->nodes.insert({graph.indexOf(concat), first->index, rest->index});
  inner->norm = max(inner->norm, Extended::one());
  inner->rowSum = max(inner->rowSum, Extended::one());
  return inner;
}

Facts rotary(RuleContext &context) {
  auto match = matchRotary(context.graph, context.tensor);
  if (!match)
    reject("'", context.tensor, "' is not a rotary embedding");
  context.cover(match->nodes);
  Facts x = sourceInput(context, match->source);
  Facts facts = scaledLips(x, match->norm, match->rowSum);
  facts.radiusL2 = times(x.radiusL2, match->norm);
  // Both entries of a pair must belong to one token.
  if (isPosition(context.layout.roles.back()))
    facts.lipToken = Extended::unbounded();
  else
    facts.radiusToken = times(x.radiusToken, match->norm);
  if (x.range) {
    double reach =
        (Extended::fromDouble(x.range->hull().absMax()) * match->rowSum)
            .toDoubleUp();
    if (std::isfinite(reach))
      facts.range = Range::everywhere(Interval::symmetric(reach));
  }
  return facts;
}

} // namespace

std::optional<RotaryMatch>
lipt::checker::matchRotary(const Graph &graph, const std::string &tensor) {
  const Node *node = graph.producer(graph.canonical(tensor));
  if (!node)
    return std::nullopt;
  if (node->is("RotaryEmbedding"))
    return matchNode(graph, *node);
  if (auto match = matchHalves(graph, *node))
    return match;
  if (auto match = matchConcatenated(graph, *node))
    return match;
  return matchPartial(graph, *node);
}

Rule lipt::checker::rotaryRule() { return rotary; }
