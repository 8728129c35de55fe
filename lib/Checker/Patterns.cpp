//===- Patterns.cpp - Small patterns that several rules match -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Patterns.h"

#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

const Node *lipt::checker::producerOf(const Graph &graph,
                                      const std::string &tensor,
                                      const char *opType) {
  const Node *node = graph.producer(graph.canonical(tensor));
  return node && node->is(opType) ? node : nullptr;
}

std::optional<ConstantOperand> lipt::checker::splitConstant(const Graph &graph,
                                                            const Node &node) {
  if (node.inputs.size() != 2 || node.inputs[0].empty() ||
      node.inputs[1].empty())
    return std::nullopt;
  bool first = graph.isConstant(node.inputs[0]),
       second = graph.isConstant(node.inputs[1]);
  if (first == second)
    return std::nullopt;
  const Constant *constant = graph.constant(node.inputs[first ? 0 : 1]);
  if (!constant || !constant->value)
    return std::nullopt;
  return ConstantOperand{graph.canonical(node.inputs[first ? 1 : 0]), constant,
                         first};
}

std::optional<BatchNormFold> lipt::checker::foldBatchNorm(const Graph &graph,
                                                          const Node &node) {
  if (!node.is("BatchNormalization") || node.inputs.size() < 5 ||
      node.integer("training_mode", 0) != 0 ||
      (node.opset < 7 && node.integer("is_test", 0) == 0) ||
      node.integer("spatial", 1) != 1)
    return std::nullopt;
  AssembledVector parts[4];
  for (int i = 0; i < 4; ++i) {
    const Constant *constant = graph.constant(node.inputs[i + 1]);
    auto tensor = constant ? constant->materialized() : std::nullopt;
    if (!tensor || tensor->rank() != 1 || constant->error != 0)
      return std::nullopt;
    parts[i] = AssembledVector(tensor->reals());
    if (parts[i].size() != parts[0].size())
      return std::nullopt;
  }
  const auto &[gain, bias, mean, variance] = parts;
  double epsilon = node.real("epsilon", 1e-5f);
  BatchNormFold fold;
  fold.scale = multiply(gain, reciprocalSqrt(variance, epsilon));
  for (double error : fold.scale.error)
    if (!std::isfinite(error)) // var + eps <= 0
      return std::nullopt;
  fold.shift = subtract(bias, multiply(mean, fold.scale));
  return fold;
}

RowStatistics::RowStatistics(const Graph &graph, const std::vector<Size> &shape,
                             const std::vector<int64_t> &axes)
    : graph(graph), shape(shape), axes(axes), rows(1) {
  for (size_t i = 0; i < shape.size(); ++i)
    if (std::find(axes.begin(), axes.end(), int64_t(i)) == axes.end())
      rows = rows * shape[i];
}

bool RowStatistics::isFlat(const std::string &tensor) const {
  return graph.info(tensor).shape && product(graph.shape(tensor)) == rows;
}

bool RowStatistics::isColumn(const std::string &tensor) const {
  if (!graph.info(tensor).shape)
    return false;
  const auto &own = graph.shape(tensor);
  if (own.size() > shape.size())
    return false;
  size_t shift = shape.size() - own.size();
  for (size_t i = 0; i < shape.size(); ++i) {
    Size length = i < shift ? Size(1) : own[i - shift];
    bool along = std::find(axes.begin(), axes.end(), int64_t(i)) != axes.end();
    if (along ? !length.isOne() : length != shape[i])
      return false;
  }
  return true;
}

bool RowStatistics::joins(const std::string &operand,
                          const std::string &result) const {
  if (!graph.info(result).shape || !graph.info(operand).shape)
    return false;
  return (isFlat(operand) && isFlat(result)) ||
         (graph.shape(result) == shape &&
          (isColumn(operand) || graph.shape(operand) == shape));
}

std::optional<std::string>
RowStatistics::operand(const std::string &operand, const std::string &result,
                       std::set<int64_t> &nodes) const {
  std::string tensor = graph.canonical(operand);
  if (!joins(tensor, result))
    return std::nullopt;
  for (int i = 0; i < 16; ++i) {
    const Node *node = graph.producer(tensor);
    if (!node || graph.isConstant(tensor) || node->inputs.empty())
      break;
    std::string next = graph.canonical(node->inputs[0]);
    bool repeats = node->is("Expand") && isColumn(next);
    bool reshapes = (node->is("Reshape") || node->is("Unsqueeze") ||
                     node->is("Squeeze") || node->is("Flatten")) &&
                    isFlat(tensor) && isFlat(next);
    if (!repeats && !reshapes)
      break;
    nodes.insert(graph.indexOf(*node));
    tensor = next;
  }
  return tensor;
}
