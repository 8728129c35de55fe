//===- SoftmaxMatch.cpp - Softmax, as a node or spelled out ---------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Patterns.h"

#include <algorithm>

using namespace lipt::checker;

/// `tensor` does not vary along `axis` of a tensor of `shape`: its own shape
/// (right-aligned) has length 1 there.
static bool isConstantAlong(const Graph &graph, const std::string &tensor,
                            const std::vector<Size> &shape, int64_t axis) {
  if (!graph.info(tensor).shape)
    return false;
  const auto &own = graph.shape(tensor);
  int64_t shift = static_cast<int64_t>(shape.size() - own.size());
  return axis < shift || own[axis - shift].isOne();
}

/// Follows Expand, Reshape, Unsqueeze backwards from a tensor of the softmax's
/// shape to one that has length 1 (or nothing) along the axis; only steps that
/// repeat a value along the last axis count.
static std::optional<std::string> repeatedAlong(const Graph &graph,
                                                const std::string &name,
                                                const std::vector<Size> &shape,
                                                int64_t axis,
                                                std::set<int64_t> &nodes) {
  std::string tensor = graph.canonical(name);
  if (isConstantAlong(graph, tensor, shape, axis))
    return tensor;
  const Node *expand = producerOf(graph, tensor, "Expand");
  if (!expand)
    return std::nullopt;
  nodes.insert(graph.indexOf(*expand));
  tensor = graph.canonical(expand->inputs[0]);
  if (!isConstantAlong(graph, tensor, shape, axis))
    return std::nullopt;
  return tensor;
}

std::optional<SoftmaxMatch>
lipt::checker::matchSoftmax(const Graph &graph, const std::string &tensor) {
  const std::string &canonical = graph.canonical(tensor);
  const Node *node = graph.producer(canonical);
  if (!node || !graph.info(canonical).shape || node->inputs.empty())
    return std::nullopt;
  const auto &shape = graph.shape(canonical);
  int64_t rank = static_cast<int64_t>(shape.size());
  SoftmaxMatch match;
  match.nodes.insert(graph.indexOf(*node));
  if (node->is("Softmax")) {
    int64_t axis = node->integer("axis", node->opset < 13 ? 1 : -1);
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank)
      return std::nullopt;
    match.source = graph.canonical(node->inputs[0]);
    for (int64_t i = axis; i < (node->opset < 13 ? rank : axis + 1); ++i)
      if (i == axis || !shape[i].isOne())
        match.axes.push_back(i);
    return match;
  }
  // Exp(x − m)/Σ Exp(x − m)
  if (!node->is("Div"))
    return std::nullopt;
  match.composite = true;
  const Node *exponential = producerOf(graph, node->inputs[0], "Exp");
  if (!exponential)
    return std::nullopt;
  match.nodes.insert(graph.indexOf(*exponential));
  std::string weights = graph.canonical(node->inputs[0]);
  // The sum runs along one axis: the only one for which the divisor is the
  // column of row sums.
  std::optional<int64_t> axis;
  for (int64_t i = rank; i-- > 0 && !axis;) {
    RowStatistics rows(graph, shape, {i});
    std::set<int64_t> nodes;
    auto sum = rows.operand(node->inputs[1], canonical, nodes);
    const Node *reduce = sum ? producerOf(graph, *sum, "ReduceSum") : nullptr;
    if (!reduce || graph.canonical(reduce->inputs[0]) != weights)
      continue;
    auto axes = axesOf(*reduce, graph.constantInputs(*reduce), 1, rank);
    if (!axes || *axes != std::vector<int64_t>{i})
      continue;
    axis = i;
    match.nodes.insert(nodes.begin(), nodes.end());
    match.nodes.insert(graph.indexOf(*reduce));
  }
  if (!axis)
    return std::nullopt;
  match.axes = {*axis};
  match.source = graph.canonical(exponential->inputs[0]);
  if (const Node *sub = producerOf(graph, match.source, "Sub")) {
    // The shift changes nothing if it does not vary along the axis.
    if (graph.shape(sub->inputs[0]) == shape &&
        repeatedAlong(graph, sub->inputs[1], shape, *axis, match.nodes)) {
      match.nodes.insert(graph.indexOf(*sub));
      match.source = graph.canonical(sub->inputs[0]);
    }
  }
  return match;
}
