//===- RolePropagation.cpp - Roles of axes through the graph --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Graph.h"

#include <algorithm>

using namespace lipt::checker;

namespace {

using Roles = std::vector<Role>;

/// A group of position axes only gives position axes, any other gives width
/// axes; new axes of length 1 are width axes.
Roles reshapeRoles(const std::vector<Size> &from, const Roles &roles,
                   const std::vector<Size> &to) {
  Roles result(to.size(), Role::Unknown);
  auto groups = groupAxes(from, to);
  if (!groups)
    return result;
  for (const AxisGroup &group : *groups) {
    Role role = roles[group.from[0]];
    for (int64_t axis : group.from)
      if (!isPosition(roles[axis]))
        role = roles[axis];
    for (int64_t axis : group.to)
      result[axis] = role;
  }
  return result;
}

/// A reshaped matrix without a width of its own has it in its last axis
/// (docs/Certificate.md, B-shape).
Roles withMatrixWidth(Roles roles, const std::vector<Size> &shape) {
  bool onlyPositions = true;
  for (size_t axis = 0; axis < shape.size(); ++axis)
    onlyPositions &= isPosition(roles[axis]) || shape[axis].isOne();
  if (!roles.empty() && roles.size() <= 2 && onlyPositions)
    roles.back() = Role::Feature;
  return roles;
}

/// Role of an output axis of a broadcasting operation: that of the operands
/// that really have the axis; width as soon as one of them calls it width.
Roles broadcastRoles(const Graph &graph, const Node &node,
                     const std::vector<Size> &shape) {
  Roles result(shape.size(), Role::Unknown);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    std::optional<Role> full, neutral;
    for (const std::string &input : node.inputs) {
      if (input.empty() || graph.isConstant(input))
        continue;
      const TensorInfo &info = graph.info(input);
      if (!info.shape || info.roles.size() != info.shape->size())
        continue;
      size_t shift = shape.size() - info.shape->size();
      if (axis < shift)
        continue;
      Role role = info.roles[axis - shift];
      bool one = (*info.shape)[axis - shift].isOne() && !shape[axis].isOne();
      std::optional<Role> &slot = one ? neutral : full;
      if (!slot || !isPosition(role))
        slot = role;
    }
    result[axis] = full ? *full : neutral.value_or(Role::Unknown);
  }
  return result;
}

Roles matMulRoles(const Graph &graph, const Node &node) {
  auto rolesOf = [&](const std::string &name) -> std::optional<Roles> {
    const TensorInfo &info = graph.info(name);
    if (graph.isConstant(name) || !info.shape ||
        info.roles.size() != info.shape->size())
      return std::nullopt;
    return info.roles;
  };
  auto a = rolesOf(node.inputs[0]), b = rolesOf(node.inputs[1]);
  size_t ra = graph.shape(node.inputs[0]).size(),
         rb = graph.shape(node.inputs[1]).size();
  size_t rank = std::max({ra, rb, size_t(2)});
  Roles result(rank, Role::Unknown);
  // Batch axes: of the operand with the longer axis.
  for (size_t axis = 0; axis + 2 < rank; ++axis) {
    std::optional<Role> full, neutral;
    for (int side = 0; side < 2; ++side) {
      const auto &roles = side ? b : a;
      const auto &shape = graph.shape(node.inputs[side]);
      size_t missing = rank - std::max<size_t>(shape.size(), 2);
      if (!roles || axis < missing || shape.size() < 2)
        continue;
      auto &slot = shape[axis - missing].isOne() ? neutral : full;
      Role role = (*roles)[axis - missing];
      if (!slot || isPosition(role))
        slot = role;
    }
    result[axis] = full ? *full : neutral.value_or(Role::Unknown);
  }
  // A constant operand replaces the contracted axis by another one of its
  // role; of two varying operands each brings its own.
  if (a && ra >= 2)
    result[rank - 2] = (*a)[ra - 2];
  else if (!a && b)
    result[rank - 2] = (*b)[rb >= 2 ? rb - 2 : 0];
  if (b && rb >= 2)
    result[rank - 1] = b->back();
  else if (!b && a)
    result[rank - 1] = a->back();
  if (ra == 1 && rank >= 2)
    result.erase(result.end() - 2);
  if (rb == 1)
    result.pop_back();
  return result;
}

} // namespace

std::vector<Role> lipt::checker::inferRoles(const Graph &graph,
                                            const Node &node,
                                            const TensorInfo &output) {
  const std::vector<Size> &shape = *output.shape;
  if (output.isConstant || node.inputs.empty() || node.inputs[0].empty())
    return Roles(shape.size(), Role::Unknown);
  const std::string &op = node.opType;
  // The operand whose axes the output has: the first that is no constant.
  std::string source;
  for (const std::string &input : node.inputs)
    if (source.empty() && !input.empty() && !graph.isConstant(input))
      source = input;
  if (source.empty())
    return Roles(shape.size(), Role::Unknown);
  const TensorInfo &x = graph.info(source);
  bool known = x.shape && x.roles.size() == x.shape->size();
  if ((op == "MatMul") && graph.info(node.inputs[0]).shape &&
      graph.info(node.inputs[1]).shape)
    return matMulRoles(graph, node);
  if (op == "Gather" && graph.isConstant(node.inputs[0])) {
    // Rows of a constant table: the index's axes, the table's own are width.
    int64_t axis = node.integer("axis", 0);
    const auto &table = graph.shape(node.inputs[0]);
    axis = axis < 0 ? axis + static_cast<int64_t>(table.size()) : axis;
    Roles result(table.size(), Role::Feature);
    if (!known || axis < 0 || axis >= static_cast<int64_t>(table.size()))
      return Roles(shape.size(), Role::Unknown);
    result.erase(result.begin() + axis);
    result.insert(result.begin() + axis, x.roles.begin(), x.roles.end());
    return result;
  }
  if (!known)
    return Roles(shape.size(), Role::Unknown);
  if (op == "Conv" || op == "ConvTranspose") {
    Roles result(shape.size(), Role::Spatial);
    if (result.size() > 0)
      result[0] = Role::Batch;
    if (result.size() > 1)
      result[1] = Role::Feature;
    return result;
  }
  if (op == "Reshape" || op == "Flatten")
    return withMatrixWidth(reshapeRoles(*x.shape, x.roles, shape), shape);
  if (op == "Gemm") {
    if (x.roles.size() != 2 || graph.isConstant(node.inputs[0]))
      return Roles(shape.size(), Role::Unknown);
    bool transposed = node.integer("transA", 0) != 0;
    return {x.roles[transposed ? 1 : 0], x.roles[transposed ? 0 : 1]};
  }
  if (op == "Transpose") {
    Roles result(x.roles.rbegin(), x.roles.rend());
    if (auto permutation = node.integers("perm"))
      for (size_t i = 0; i < shape.size(); ++i)
        result[i] = x.roles[(*permutation)[i]];
    return result;
  }
  if (op == "Squeeze" || op == "Unsqueeze") {
    bool insert = op == "Unsqueeze";
    auto axes =
        axesOf(node, graph.constantInputs(node), 1,
               static_cast<int64_t>(insert ? shape.size() : x.shape->size()));
    if (!axes)
      return Roles(shape.size(), Role::Unknown);
    Roles result;
    size_t next = 0;
    size_t total = insert ? shape.size() : x.shape->size();
    for (size_t i = 0; i < total; ++i) {
      bool listed = axes->empty() ? !insert && (*x.shape)[i].isOne()
                                  : std::find(axes->begin(), axes->end(),
                                              int64_t(i)) != axes->end();
      if (insert)
        result.push_back(listed ? Role::Unknown : x.roles[next++]);
      else if (!listed)
        result.push_back(x.roles[i]);
    }
    return result.size() == shape.size() ? withMatrixWidth(result, shape)
                                         : result;
  }
  if (op == "Gather") {
    int64_t rank = static_cast<int64_t>(x.shape->size());
    int64_t axis = node.integer("axis", 0);
    axis = axis < 0 ? axis + rank : axis;
    if (source != node.inputs[0] || axis < 0 || axis >= rank)
      return Roles(shape.size(), Role::Unknown);
    Roles result = x.roles;
    Role own = result[axis];
    result.erase(result.begin() + axis);
    result.insert(result.begin() + axis, shape.size() - result.size(), own);
    return result;
  }
  if ((op.rfind("Reduce", 0) == 0 || op == "ArgMax" || op == "ArgMin") &&
      shape.size() != x.shape->size()) {
    int64_t rank = static_cast<int64_t>(x.shape->size());
    std::vector<int64_t> axes;
    if (op[0] == 'A') {
      int64_t axis = node.integer("axis", 0);
      axes = {axis < 0 ? axis + rank : axis};
    } else if (auto given = axesOf(node, graph.constantInputs(node), 1, rank)) {
      axes = *given;
    }
    Roles result;
    for (int64_t i = 0; i < rank; ++i)
      if (std::find(axes.begin(), axes.end(), i) == axes.end())
        result.push_back(x.roles[i]);
    if (axes.empty())
      result.clear();
    return result;
  }
  if (op == "Concat") {
    Roles result = x.roles;
    for (const std::string &input : node.inputs) {
      const TensorInfo &info = graph.info(input);
      if (graph.isConstant(input) || info.roles.size() != result.size())
        continue;
      for (size_t i = 0; i < result.size(); ++i)
        if (!isPosition(info.roles[i]))
          result[i] = info.roles[i];
    }
    return result;
  }
  static const std::vector<std::string> broadcasting = {
      "Add",  "Sub",         "Mul",     "Div",
      "Min",  "Max",         "Sum",     "Mean",
      "Pow",  "Where",       "Expand",  "Equal",
      "Less", "LessOrEqual", "Greater", "GreaterOrEqual",
      "And",  "Or"};
  if (std::find(broadcasting.begin(), broadcasting.end(), op) !=
      broadcasting.end())
    return broadcastRoles(graph, node, shape);
  // Everything else keeps the axes of its operand.
  return x.roles.size() == shape.size() ? x.roles
                                        : Roles(shape.size(), Role::Unknown);
}
