//===- FunctionInlining.cpp - Inlining of model-local functions -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FunctionInlining.h"

#include "lipt/Checker/Rejection.h"

using namespace lipt::checker;

namespace {

constexpr int maximalNesting = 32;
constexpr size_t maximalNodes = 1 << 20;

using Opsets = std::map<std::string, int64_t>;
using Names = std::map<std::string, std::string>;
using Attributes = std::map<std::string, Attribute>;

std::string canonicalDomain(const std::string &domain) {
  return domain == "ai.onnx" ? "" : domain;
}

template <typename Imports> Opsets readOpsets(const Imports &imports) {
  Opsets opsets;
  for (const auto &import : imports)
    opsets[canonicalDomain(import.domain())] = import.version();
  return opsets;
}

class Inliner {
public:
  Inliner(const onnx::ModelProto &model, TensorReader &reader)
      : model(model), reader(reader) {
    for (const onnx::FunctionProto &function : model.functions())
      functions[key(function.domain(), function.name(), function.overload())] =
          &function;
  }

  std::vector<Node> run() {
    Opsets opsets = readOpsets(model.opset_import());
    expand(model.graph().node(), opsets, "", {}, {}, 0);
    return std::move(result);
  }

private:
  static std::string key(const std::string &domain, const std::string &name,
                         const std::string &overload) {
    return canonicalDomain(domain) + "\n" + name + "\n" + overload;
  }

  Attribute read(const onnx::AttributeProto &proto) {
    Attribute attribute;
    using Kind = Attribute::Kind;
    switch (proto.type()) {
    case onnx::AttributeProto::INT:
      attribute.kind = Kind::Int;
      attribute.integer = proto.i();
      break;
    case onnx::AttributeProto::FLOAT:
      attribute.kind = Kind::Float;
      attribute.real = proto.f();
      break;
    case onnx::AttributeProto::STRING:
      attribute.kind = Kind::String;
      attribute.string = proto.s();
      break;
    case onnx::AttributeProto::INTS:
      attribute.kind = Kind::Ints;
      attribute.integers.assign(proto.ints().begin(), proto.ints().end());
      break;
    case onnx::AttributeProto::FLOATS:
      attribute.kind = Kind::Floats;
      attribute.reals.assign(proto.floats().begin(), proto.floats().end());
      break;
    case onnx::AttributeProto::STRINGS:
      attribute.kind = Kind::Strings;
      attribute.strings.assign(proto.strings().begin(), proto.strings().end());
      break;
    case onnx::AttributeProto::TENSOR:
      attribute.kind = Kind::Tensor;
      attribute.tensor = reader.read(proto.t());
      break;
    default:
      attribute.kind = Kind::Other;
    }
    return attribute;
  }

  /// The name that `name` of the current body has in the inlined graph.
  static std::string rename(const std::string &name, const std::string &prefix,
                            const Names &arguments) {
    if (name.empty())
      return name;
    auto found = arguments.find(name);
    return found == arguments.end() ? prefix + name : found->second;
  }

  template <typename Nodes>
  void expand(const Nodes &nodes, const Opsets &opsets,
              const std::string &prefix, const Names &arguments,
              const Attributes &given, int depth) {
    if (depth > maximalNesting)
      unreadable("functions call each other more than ", maximalNesting,
                 " deep");
    for (const onnx::NodeProto &proto : nodes) {
      if (result.size() > maximalNodes)
        unreadable("the model has more than ", maximalNodes, " nodes");
      Node node;
      node.opType = proto.op_type();
      node.domain = canonicalDomain(proto.domain());
      auto opset = opsets.find(node.domain);
      node.opset = opset == opsets.end() ? 0 : opset->second;
      for (const std::string &input : proto.input())
        node.inputs.push_back(rename(input, prefix, arguments));
      for (const std::string &output : proto.output()) {
        if (arguments.count(output))
          unreadable("a function assigns its own input '", output, "'");
        node.outputs.push_back(output.empty() ? "" : prefix + output);
      }
      for (const onnx::AttributeProto &attribute : proto.attribute()) {
        if (attribute.has_g() || attribute.graphs_size())
          node.hasSubgraph = true;
        if (attribute.ref_attr_name().empty()) {
          node.attributes[attribute.name()] = read(attribute);
        } else {
          auto found = given.find(attribute.ref_attr_name());
          if (found != given.end())
            node.attributes[attribute.name()] = found->second;
        }
      }
      auto function =
          functions.find(key(node.domain, node.opType, proto.overload()));
      if (function == functions.end())
        result.push_back(std::move(node));
      else
        call(*function->second, node, depth);
    }
  }

  void call(const onnx::FunctionProto &function, const Node &node, int depth) {
    if (node.inputs.size() > static_cast<size_t>(function.input_size()) ||
        node.outputs.size() > static_cast<size_t>(function.output_size()))
      unreadable("node '", node.name(), "' does not fit its function '",
                 function.name(), "'");
    std::string prefix = node.name() + "/";
    Names arguments;
    for (int i = 0; i < function.input_size(); ++i)
      arguments[function.input(i)] = node.input(i);
    Attributes given;
    for (const onnx::AttributeProto &attribute : function.attribute_proto())
      given[attribute.name()] = read(attribute);
    for (const auto &[name, attribute] : node.attributes)
      given[name] = attribute;
    Opsets opsets = readOpsets(function.opset_import());
    expand(function.node(), opsets, prefix, arguments, given, depth + 1);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty())
        continue;
      Node identity;
      identity.opType = "Identity";
      identity.opset = 13;
      identity.inputs = {rename(function.output(i), prefix, arguments)};
      identity.outputs = {node.outputs[i]};
      result.push_back(std::move(identity));
    }
  }

  const onnx::ModelProto &model;
  TensorReader &reader;
  std::map<std::string, const onnx::FunctionProto *> functions;
  std::vector<Node> result;
};

} // namespace

std::vector<Node> lipt::checker::inlineFunctions(const onnx::ModelProto &model,
                                                 TensorReader &reader) {
  return Inliner(model, reader).run();
}
