//===- Graph.cpp - The model's graph with shapes, constants and roles -----===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Graph.h"

#include "lipt/Checker/Rejection.h"

#include <algorithm>

using namespace lipt::checker;

std::optional<Role> lipt::checker::parseRole(const std::string &text) {
  static const std::map<std::string, Role> roles = {
      {"batch", Role::Batch},     {"token", Role::Token},
      {"spatial", Role::Spatial}, {"feature", Role::Feature},
      {"head", Role::Head},       {"unknown", Role::Unknown}};
  auto found = roles.find(text);
  return found == roles.end() ? std::nullopt : std::optional(found->second);
}

Graph::Graph(Model model, std::map<std::string, int64_t> sizes)
    : modelData(std::move(model)) {
  std::set<std::string> symbols;
  for (const GraphInput &input : modelData.inputs) {
    TensorInfo info;
    info.type = input.type;
    if (input.hasShape) {
      std::vector<Size> shape;
      for (size_t i = 0; i < input.shape.size(); ++i) {
        const auto &dimension = input.shape[i];
        std::string symbol = dimension.symbol;
        if (symbol.empty())
          symbol = input.name + "[" + std::to_string(i) + "]";
        if (dimension.length) {
          shape.push_back(*dimension.length);
          continue;
        }
        symbols.insert(symbol);
        shape.push_back(Size::symbol(symbol).bound(sizes));
      }
      info.shape = shape;
    }
    infos.emplace(input.name, info);
  }
  for (const auto &[name, length] : sizes) {
    if (!symbols.count(name))
      reject("sizes: the model has no symbolic size '", name, "'");
    if (length < 1)
      reject("sizes: the length of '", name, "' must be at least 1");
  }
  for (const auto &[name, tensor] : modelData.initializers) {
    TensorInfo info;
    info.type = tensor.type;
    info.isConstant = true;
    info.constant = Constant::fromTensor(tensor);
    info.shape = info.constant->shape;
    infos.emplace(name, info);
  }
  for (size_t i = 0; i < nodes().size(); ++i)
    inferNode(nodes()[i], static_cast<int64_t>(i));
  for (size_t i = 0; i < nodes().size(); ++i)
    if (!isTransparent(nodes()[i]))
      for (const std::string &input : nodes()[i].inputs)
        if (!input.empty()) {
          auto &list = readerIndices[canonical(input)];
          if (list.empty() || list.back() != static_cast<int64_t>(i))
            list.push_back(static_cast<int64_t>(i));
        }
  for (const std::string &output : modelData.outputs)
    if (!contains(output))
      unreadable("nothing defines the graph output '", output, "'");
}

void Graph::inferNode(const Node &node, int64_t index) {
  std::vector<const TensorInfo *> inputs;
  bool constant = !node.hasSubgraph && node.domain.empty();
  for (const std::string &input : node.inputs) {
    inputs.push_back(input.empty() ? nullptr : &infos.at(input));
    constant = constant && (!inputs.back() || inputs.back()->isConstant);
  }
  // Random operators have no inputs and yet no fixed value; a control-flow
  // node may capture anything, a foreign operator do anything.
  if (node.opType.rfind("Random", 0) == 0 || node.is("Multinomial") ||
      node.is("Bernoulli"))
    constant = false;
  std::optional<std::vector<Constant>> folded;
  if ((node.is("Shape") || node.is("Size")) && inputs.size() == 1 &&
      inputs[0]) {
    constant = true;
    if (inputs[0]->shape) {
      const std::vector<Size> &shape = *inputs[0]->shape;
      int64_t rank = static_cast<int64_t>(shape.size());
      auto clamp = [&](int64_t v) {
        return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank);
      };
      int64_t begin = clamp(node.integer("start", 0));
      int64_t end = clamp(node.integer("end", rank));
      if (node.is("Size"))
        folded = {Constant::fromEntries({product(shape)}, true)};
      else
        folded = {Constant::fromEntries(
            std::vector<Size>(shape.begin() + begin,
                              shape.begin() + std::max(begin, end)),
            false)};
    }
  } else if (constant) {
    std::vector<const Constant *> values;
    for (const TensorInfo *input : inputs)
      values.push_back(input && input->constant ? &*input->constant : nullptr);
    // An input that is there but of unknown value is not an absent one.
    bool known = true;
    for (size_t i = 0; i < inputs.size(); ++i)
      known = known && (!inputs[i] || values[i]);
    while (!values.empty() && !values.back())
      values.pop_back();
    if (known)
      folded = foldNode(node, values);
  }
  std::vector<InferredOutput> inferred = inferShapes(node, inputs);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty())
      continue;
    TensorInfo info;
    info.producer = index;
    info.isConstant = constant;
    if (i < inferred.size()) {
      info.type = inferred[i].type;
      info.shape = inferred[i].shape;
    }
    if (folded && i < folded->size()) {
      info.constant = (*folded)[i];
      info.shape = info.constant->shape;
      if (info.constant->value &&
          !(isFloat(info.type) &&
            info.constant->value->type == ElementType::Double))
        info.type = info.constant->value->type;
      else if (info.constant->entries)
        info.type = ElementType::Int64;
    }
    infos.emplace(node.outputs[i], std::move(info));
    if (i == 0 && isTransparent(node)) {
      auto known = canonicalNames.find(node.inputs[0]);
      canonicalNames[node.outputs[i]] =
          known == canonicalNames.end() ? node.inputs[0] : known->second;
    }
  }
}

bool Graph::isTransparent(const Node &node) const {
  if (node.inputs.empty() || node.inputs[0].empty() || node.outputs.empty())
    return false;
  if (node.is("Identity"))
    return true;
  if (node.is("Dropout")) {
    if (node.opset < 7)
      return node.integer("is_test", 0) != 0;
    if (node.opset < 12 || node.input(2).empty())
      return true;
    const Constant *training = constant(node.inputs[2]);
    return training && training->uniformReal() == 0.0;
  }
  if (node.is("Cast"))
    return isWidening(info(node.inputs[0]).type,
                      static_cast<ElementType>(node.integer("to", 0)));
  if (node.is("CastLike") && node.inputs.size() == 2)
    return isWidening(info(node.inputs[0]).type, info(node.inputs[1]).type);
  // Data movement that moves nothing: to the shape that is there, in order.
  bool keepsOrder = node.is("Reshape") || node.is("Flatten") ||
                    node.is("Squeeze") || node.is("Unsqueeze") ||
                    node.is("Expand") ||
                    (node.is("Concat") && node.inputs.size() == 1);
  if (node.is("Slice") && info(node.inputs[0]).shape) {
    auto ranges = sliceParameters(node, constantInputs(node),
                                  *info(node.inputs[0]).shape);
    keepsOrder = ranges.has_value();
    for (size_t i = 0; ranges && i < ranges->size(); ++i)
      keepsOrder = keepsOrder && (*ranges)[i].second.step == 1;
  }
  if (!keepsOrder)
    return false;
  const auto &from = info(node.inputs[0]).shape,
             &to = info(node.outputs[0]).shape;
  return from && to && *from == *to;
}

const TensorInfo &Graph::info(const std::string &name) const {
  auto found = infos.find(name);
  if (found == infos.end())
    reject("the model has no tensor '", name, "'");
  return found->second;
}

const std::vector<Size> &Graph::shape(const std::string &name) const {
  const TensorInfo &found = info(name);
  if (!found.shape)
    reject("the shape of '", name, "' is not known");
  return *found.shape;
}

int64_t Graph::rank(const std::string &name) const {
  return static_cast<int64_t>(shape(name).size());
}

const Node *Graph::producer(const std::string &name) const {
  int64_t index = info(name).producer;
  return index < 0 ? nullptr : &nodes()[index];
}

const Constant *Graph::constant(const std::string &name) const {
  auto found = infos.find(name);
  return found == infos.end() || !found->second.constant
             ? nullptr
             : &*found->second.constant;
}

bool Graph::isConstant(const std::string &name) const {
  return !name.empty() && info(name).isConstant;
}

std::vector<const Constant *> Graph::constantInputs(const Node &node) const {
  std::vector<const Constant *> constants;
  for (const std::string &input : node.inputs)
    constants.push_back(constant(input));
  return constants;
}

const std::string &Graph::canonical(const std::string &name) const {
  auto found = canonicalNames.find(name);
  return found == canonicalNames.end() ? name : found->second;
}

Counts Graph::counts(const std::string &name) const {
  const TensorInfo &found = info(name);
  Counts counts;
  if (!found.shape || found.roles.size() != found.shape->size())
    return counts;
  Size all(1), positions(1), width(1);
  for (size_t i = 0; i < found.shape->size(); ++i) {
    const Size &length = (*found.shape)[i];
    all = all * length;
    (isPosition(found.roles[i]) ? positions : width) =
        (isPosition(found.roles[i]) ? positions : width) * length;
  }
  counts.all = all.constant();
  counts.positions = positions.constant();
  counts.width = width.constant();
  return counts;
}

int64_t Graph::width(const std::string &name) const {
  auto width = counts(name).width;
  if (!width)
    reject("the width of '", name, "' is not a known number");
  return *width;
}

const std::vector<int64_t> &
Graph::readers(const std::string &canonicalName) const {
  static const std::vector<int64_t> none;
  auto found = readerIndices.find(canonicalName);
  return found == readerIndices.end() ? none : found->second;
}

void Graph::assignRoles(
    const std::map<std::string, std::vector<Role>> &inputRoles,
    const std::string &origin) {
  for (const GraphInput &input : modelData.inputs) {
    TensorInfo &info = infos.at(input.name);
    auto given = inputRoles.find(input.name);
    if (given == inputRoles.end())
      reject("inputs: '", input.name, "' is missing");
    if (info.shape && given->second.size() != info.shape->size())
      reject("inputs: '", input.name, "' has ", info.shape->size(), " axes, ",
             given->second.size(), " are named");
    if (!info.shape) // an undeclared rank is taken from the certificate
      reject("the model does not declare the shape of '", input.name, "'");
    info.roles = given->second;
    info.dependsOnOrigin = input.name == origin;
  }
  for (const Node &node : nodes()) {
    bool depends = node.hasSubgraph;
    for (const std::string &input : node.inputs)
      depends = depends || (!input.empty() && infos.at(input).dependsOnOrigin);
    if (node.is("Shape") || node.is("Size"))
      depends = false;
    for (const std::string &output : node.outputs) {
      if (output.empty())
        continue;
      TensorInfo &info = infos.at(output);
      info.dependsOnOrigin = depends || output == origin;
      if (!info.shape)
        continue;
      info.roles = isTransparent(node) && output == node.outputs[0]
                       ? infos.at(node.inputs[0]).roles
                       : inferRoles(*this, node, info);
      if (info.roles.size() != info.shape->size())
        info.roles.assign(info.shape->size(), Role::Unknown);
    }
  }
}
