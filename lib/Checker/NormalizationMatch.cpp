//===- NormalizationMatch.cpp - Layer norms, RMS norms and group norms ----===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Patterns.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace lipt::checker;

namespace {

/// Walks the nodes of a spelled-out norm backwards. Broadcasts of statistics
/// (Reshape, Expand, Unsqueeze) are looked through: what they repeat is
/// constant along the normalised axes.
class Matcher {
public:
  Matcher(const Graph &graph, NormalizationMatch &match,
          const std::vector<Size> &shape, const std::vector<int64_t> &axes)
      : graph(graph), match(match), rows(graph, shape, axes), shape(shape),
        axes(axes) {
    match.axes = axes;
  }

  bool run(const std::string &tensor) {
    std::string core = tensor;
    peelAffine(core);
    return matchCore(core) && keepsShape(match.source, tensor);
  }

private:
  const Node *take(const std::string &tensor, const char *type) {
    const Node *node = producerOf(graph, tensor, type);
    if (node)
      match.nodes.insert(graph.indexOf(*node));
    return node;
  }

  /// y = core·gain + bias with constants; either may be absent.
  void peelAffine(std::string &core) {
    if (const Node *add = producerOf(graph, core, "Add")) {
      auto split = splitConstant(graph, *add);
      if (split && keepsShape(split->varying, core)) {
        match.nodes.insert(graph.indexOf(*add));
        match.bias = add->inputs[split->constantFirst ? 0 : 1];
        core = split->varying;
      }
    }
    if (const Node *mul = producerOf(graph, core, "Mul")) {
      auto split = splitConstant(graph, *mul);
      if (split && keepsShape(split->varying, core)) {
        match.nodes.insert(graph.indexOf(*mul));
        match.gain = mul->inputs[split->constantFirst ? 0 : 1];
        core = split->varying;
      }
    }
  }

  bool keepsShape(const std::string &a, const std::string &b) const {
    return graph.info(a).shape && graph.info(b).shape &&
           graph.shape(a) == graph.shape(b);
  }

  /// core = d / s, d · (1/s), or d · (gain/s) with s = √(v + eps).
  bool matchCore(const std::string &core) {
    if (const Node *div = producerOf(graph, core, "Div")) {
      match.nodes.insert(graph.indexOf(*div));
      return matchDeviation(div->inputs[1], core, div->inputs[0]);
    }
    const Node *mul = producerOf(graph, core, "Mul");
    if (!mul)
      return false;
    match.nodes.insert(graph.indexOf(*mul));
    for (int side = 0; side < 2; ++side) {
      NormalizationMatch saved = match;
      if (keepsShape(mul->inputs[1 - side], core) &&
          matchInverse(mul->inputs[side], core, mul->inputs[1 - side]))
        return true;
      match = saved;
    }
    return false;
  }

  /// `inverse` = 1/√(v + eps), perhaps times the gain; broadcasts allowed.
  bool matchInverse(const std::string &inverse, const std::string &user,
                    const std::string &deviation) {
    auto found = rows.operand(inverse, user, match.nodes);
    if (!found)
      return false;
    const std::string &tensor = *found;
    if (const Node *reciprocal = take(tensor, "Reciprocal"))
      return matchDeviation(reciprocal->inputs[0], tensor, deviation);
    if (const Node *div = producerOf(graph, tensor, "Div")) {
      auto split = splitConstant(graph, *div);
      if (!split || !split->constantFirst ||
          split->constant->uniformReal() != 1.0)
        return false;
      match.nodes.insert(graph.indexOf(*div));
      return matchDeviation(split->varying, tensor, deviation);
    }
    if (const Node *power = producerOf(graph, tensor, "Pow")) {
      const Constant *exponent = graph.constant(power->input(1));
      if (!exponent || exponent->error != 0 || exponent->uniformReal() != -0.5)
        return false;
      match.nodes.insert(graph.indexOf(*power));
      return matchVariance(power->inputs[0], tensor, deviation);
    }
    if (const Node *mul = producerOf(graph, tensor, "Mul")) {
      auto split = splitConstant(graph, *mul);
      if (!split || !match.gain.empty())
        return false;
      // On a statistic without the full shape a constant belongs to the rows,
      // not to the width, unless it is one number.
      if (graph.shape(tensor) != shape && split->constant->value->count() != 1)
        return false;
      match.nodes.insert(graph.indexOf(*mul));
      match.gain = mul->inputs[split->constantFirst ? 0 : 1];
      return matchInverse(split->varying, tensor, deviation);
    }
    return false;
  }

  /// `scale` = √(v + eps) (or Pow ½).
  bool matchDeviation(const std::string &scale, const std::string &user,
                      const std::string &deviation) {
    auto found = rows.operand(scale, user, match.nodes);
    if (!found)
      return false;
    const std::string &tensor = *found;
    if (const Node *root = take(tensor, "Sqrt"))
      return matchVariance(root->inputs[0], tensor, deviation);
    if (const Node *power = producerOf(graph, tensor, "Pow")) {
      const Constant *exponent = graph.constant(power->input(1));
      if (!exponent || exponent->error != 0 || exponent->uniformReal() != 0.5)
        return false;
      match.nodes.insert(graph.indexOf(*power));
      return matchVariance(power->inputs[0], tensor, deviation);
    }
    return false;
  }

  /// `shifted` = v + eps with v = mean(d²) or max(0, mean(x²) − mean²).
  bool matchVariance(const std::string &shifted, const std::string &user,
                     const std::string &deviation) {
    auto found = rows.operand(shifted, user, match.nodes);
    const Node *add = found ? take(*found, "Add") : nullptr;
    auto split = add ? splitConstant(graph, *add) : std::nullopt;
    auto epsilon = split && split->constant->error == 0
                       ? split->constant->uniformReal()
                       : std::nullopt;
    if (!epsilon || !(*epsilon > 0))
      return false;
    match.epsilon = *epsilon;
    std::string d = graph.canonical(deviation);
    auto variance = rows.operand(split->varying, *found, match.nodes);
    if (!variance)
      return false;
    // mean(d·d), d centred or not.
    if (auto squared = meanOf(*variance)) {
      auto base = squareOf(*squared);
      return base && sameValue(*base, d) && matchCentring(d);
    }
    // max(0, mean(x²) − mean(x)²); the maximum changes nothing.
    if (const Node *maximum = producerOf(graph, *variance, "Max")) {
      auto zero = splitConstant(graph, *maximum);
      if (!zero || zero->constant->uniformReal() != 0.0)
        return false;
      match.nodes.insert(graph.indexOf(*maximum));
      variance = rows.operand(zero->varying, *variance, match.nodes);
    }
    const Node *difference = variance ? take(*variance, "Sub") : nullptr;
    if (!difference || !matchCentring(d) || !match.centred)
      return false;
    auto left = rows.operand(difference->inputs[0], *variance, match.nodes);
    auto right = rows.operand(difference->inputs[1], *variance, match.nodes);
    auto squares = left ? meanOf(*left) : std::nullopt;
    auto meanSquared = right ? squareOf(*right) : std::nullopt;
    auto base = squares ? squareOf(*squares) : std::nullopt;
    if (!base || !meanSquared)
      return false;
    auto inner = rows.operand(*meanSquared, *right, match.nodes);
    auto mean = inner ? meanOf(*inner) : std::nullopt;
    return mean && sameValue(*base, match.source) &&
           sameValue(*mean, match.source);
  }

  /// d = x − mean(x) (LayerNorm), else x itself (RMSNorm).
  bool matchCentring(const std::string &d) {
    if (const Node *sub = producerOf(graph, d, "Sub")) {
      if (!graph.isConstant(sub->inputs[0]) &&
          !graph.isConstant(sub->inputs[1])) {
        std::set<int64_t> nodes = match.nodes;
        auto row = rows.operand(sub->inputs[1], d, match.nodes);
        auto mean = row ? meanOf(*row) : std::nullopt;
        if (mean && sameValue(*mean, sub->inputs[0])) {
          match.nodes.insert(graph.indexOf(*sub));
          match.centred = true;
          match.source = graph.canonical(sub->inputs[0]);
          return true;
        }
        match.nodes = nodes;
      }
    }
    match.source = d;
    return true;
  }

  bool sameValue(const std::string &a, const std::string &b) const {
    return graph.canonical(a) == graph.canonical(b);
  }

  /// The operand whose mean over the normalised axes `tensor` is: ReduceMean,
  /// or ReduceSum times (divided by) the number of entries. All means of one
  /// match run over the same axes of the same tensor shape.
  std::optional<std::string> meanOf(const std::string &name) {
    std::string tensor = graph.canonical(name);
    if (const Node *mean = producerOf(graph, tensor, "ReduceMean"))
      return reduced(*mean);
    const Node *scale = producerOf(graph, tensor, "Mul");
    bool divides = !scale;
    if (!scale)
      scale = producerOf(graph, tensor, "Div");
    auto split = scale ? splitConstant(graph, *scale) : std::nullopt;
    if (!split || (divides && split->constantFirst))
      return std::nullopt;
    auto inner = rows.operand(split->varying, tensor, match.nodes);
    const Node *sum = inner ? producerOf(graph, *inner, "ReduceSum") : nullptr;
    auto factor = split->constant->error == 0 ? split->constant->uniformReal()
                                              : std::nullopt;
    if (!sum || !factor)
      return std::nullopt;
    auto operand = reduced(*sum);
    if (!operand)
      return std::nullopt;
    // 1/n must be exact: then the composite is the norm itself.
    double count = static_cast<double>(entries(*operand));
    if (count <= 0 || (divides ? *factor != count
                               : *factor * count != 1.0 ||
                                     std::fma(*factor, count, -1.0) != 0))
      return std::nullopt;
    match.nodes.insert(graph.indexOf(*scale));
    return operand;
  }

  int64_t entries(const std::string &operand) const {
    int64_t count = 1;
    for (int64_t axis : axes)
      count *= graph.shape(operand)[axis].constant().value_or(0);
    return count;
  }

  std::optional<std::string> reduced(const Node &node) {
    int64_t rank = graph.rank(node.inputs[0]);
    auto own = axesOf(node, graph.constantInputs(node), 1, rank);
    if (!own || *own != axes || !rows.isFlat(node.name()))
      return std::nullopt;
    match.nodes.insert(graph.indexOf(node));
    return graph.canonical(node.inputs[0]);
  }

  std::optional<std::string> squareOf(const std::string &name) {
    std::string tensor = graph.canonical(name);
    if (const Node *mul = producerOf(graph, tensor, "Mul"))
      if (sameValue(mul->inputs[0], mul->inputs[1])) {
        match.nodes.insert(graph.indexOf(*mul));
        return graph.canonical(mul->inputs[0]);
      }
    if (const Node *power = producerOf(graph, tensor, "Pow")) {
      const Constant *exponent = graph.constant(power->input(1));
      if (exponent && exponent->error == 0 && exponent->uniformReal() == 2.0) {
        match.nodes.insert(graph.indexOf(*power));
        return graph.canonical(power->inputs[0]);
      }
    }
    return std::nullopt;
  }

  const Graph &graph;
  NormalizationMatch &match;
  RowStatistics rows;
  std::vector<Size> shape;
  std::vector<int64_t> axes;
};

/// The axes of the first reduction of a tensor of the output's shape, looking
/// back from it: the only candidates for the normalised axes.
std::optional<std::vector<int64_t>> reducedAxes(const Graph &graph,
                                                const std::string &tensor) {
  std::vector<std::string> open = {tensor};
  std::set<std::string> seen;
  for (size_t next = 0; next < open.size() && next < 48; ++next) {
    const Node *node = graph.producer(open[next]);
    if (!node)
      continue;
    if ((node->is("ReduceMean") || node->is("ReduceSum")) &&
        graph.info(node->inputs[0]).shape &&
        graph.shape(node->inputs[0]) == graph.shape(tensor)) {
      auto axes = axesOf(*node, graph.constantInputs(*node), 1,
                         graph.rank(node->inputs[0]));
      if (axes && !axes->empty())
        return axes;
    }
    for (const std::string &input : node->inputs)
      if (!input.empty() && !graph.isConstant(input) &&
          seen.insert(graph.canonical(input)).second)
        open.push_back(graph.canonical(input));
  }
  return std::nullopt;
}

std::optional<NormalizationMatch> matchNode(const Graph &graph,
                                            const Node &node) {
  NormalizationMatch match;
  match.nodes.insert(graph.indexOf(node));
  match.source = graph.canonical(node.inputs[0]);
  int64_t rank = graph.rank(node.inputs[0]);
  bool layer = node.is("LayerNormalization");
  if (layer || node.is("RMSNormalization")) {
    match.centred = layer;
    match.epsilon = node.real("epsilon", 1e-5f);
    int64_t axis = node.integer("axis", -1);
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank)
      return std::nullopt;
    for (int64_t i = axis; i < rank; ++i)
      match.axes.push_back(i);
    match.gain = node.input(1);
    match.bias = layer ? node.input(2) : "";
    return match;
  }
  if (node.is("InstanceNormalization") || node.is("GroupNormalization")) {
    match.centred = true;
    match.grouped = true;
    match.epsilon = node.real("epsilon", 1e-5f);
    auto channels =
        rank > 2 ? graph.shape(node.inputs[0])[1].constant() : std::nullopt;
    if (!channels)
      return std::nullopt;
    match.groups = node.is("InstanceNormalization")
                       ? *channels
                       : node.integer("num_groups", 1);
    if (match.groups < 1 || *channels % match.groups != 0)
      return std::nullopt;
    for (int64_t i = 2; i < rank; ++i)
      match.axes.push_back(i);
    match.gain = node.input(1);
    match.bias = node.input(2);
    return match;
  }
  return std::nullopt;
}

} // namespace

std::optional<NormalizationMatch>
lipt::checker::matchNormalization(const Graph &graph,
                                  const std::string &tensor) {
  const std::string &canonical = graph.canonical(tensor);
  const Node *node = graph.producer(canonical);
  if (!node || !node->domain.empty() || canonical != node->outputs[0] ||
      node->inputs.empty() || !graph.info(canonical).shape)
    return std::nullopt;
  std::optional<NormalizationMatch> match = matchNode(graph, *node);
  if (!match) {
    auto axes = reducedAxes(graph, canonical);
    match.emplace();
    if (!axes ||
        !Matcher(graph, *match, graph.shape(canonical), *axes).run(canonical))
      return std::nullopt;
  }
  if (!(match->epsilon > 0) || match->axes.empty())
    return std::nullopt;
  for (const std::string *name : {&match->gain, &match->bias})
    if (!name->empty()) {
      const Constant *constant = graph.constant(*name);
      if (!constant || !constant->value)
        return std::nullopt;
    }
  return match;
}
