//===- ModelFile.cpp - Reading ONNX files ---------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/ModelFile.h"

#include "FunctionInlining.h"
#include "TensorReading.h"
#include "lipt/Checker/Rejection.h"

#include <onnx/onnx_pb.h>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <openssl/evp.h>

#include <climits>
#include <set>

using namespace lipt::checker;

static const std::string emptyName;

const std::string &Node::name() const {
  for (const std::string &output : outputs)
    if (!output.empty())
      return output;
  return emptyName;
}

const std::string &Node::input(size_t index) const {
  return index < inputs.size() ? inputs[index] : emptyName;
}

const Attribute *Node::attribute(const std::string &key) const {
  auto found = attributes.find(key);
  return found == attributes.end() ? nullptr : &found->second;
}

int64_t Node::integer(const std::string &key, int64_t fallback) const {
  const Attribute *found = attribute(key);
  return found && found->kind == Attribute::Kind::Int ? found->integer
                                                      : fallback;
}

double Node::real(const std::string &key, double fallback) const {
  const Attribute *found = attribute(key);
  return found && found->kind == Attribute::Kind::Float ? found->real
                                                        : fallback;
}

std::string Node::string(const std::string &key,
                         const std::string &fallback) const {
  const Attribute *found = attribute(key);
  return found && found->kind == Attribute::Kind::String ? found->string
                                                         : fallback;
}

std::optional<std::vector<int64_t>>
Node::integers(const std::string &key) const {
  const Attribute *found = attribute(key);
  if (!found || found->kind != Attribute::Kind::Ints)
    return std::nullopt;
  return found->integers;
}

std::string lipt::checker::sha256(const void *bytes, size_t count) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_Digest(bytes, count, digest, &length, EVP_sha256(), nullptr) != 1)
    unreadable("SHA-256 is not available");
  static const char *digits = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 15];
  }
  return text;
}

namespace {

/// Sorts the nodes so that every value is produced before it is used (ONNX
/// asks for that order already; some exporters do not keep it).
std::vector<Node> sortTopologically(std::vector<Node> nodes,
                                    std::set<std::string> defined) {
  std::map<std::string, size_t> producers;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].name().empty())
      unreadable("a ", nodes[i].opType, " node has no output");
    for (const std::string &output : nodes[i].outputs)
      if (!output.empty() &&
          (defined.count(output) || !producers.emplace(output, i).second))
        unreadable("the value '", output, "' is defined twice");
  }
  std::vector<size_t> waiting(nodes.size(), 0);
  std::vector<std::vector<size_t>> users(nodes.size());
  std::set<size_t> ready; // ordered: keeps the file's order where it can
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string &input : nodes[i].inputs) {
      if (input.empty() || defined.count(input))
        continue;
      auto producer = producers.find(input);
      if (producer == producers.end())
        unreadable("node '", nodes[i].name(), "' reads '", input,
                   "', which nothing defines");
      users[producer->second].push_back(i);
      ++waiting[i];
    }
    if (waiting[i] == 0)
      ready.insert(i);
  }
  std::vector<Node> sorted;
  sorted.reserve(nodes.size());
  while (!ready.empty()) {
    size_t next = *ready.begin();
    ready.erase(ready.begin());
    for (size_t user : users[next])
      if (--waiting[user] == 0)
        ready.insert(user);
    sorted.push_back(std::move(nodes[next]));
  }
  if (sorted.size() != nodes.size())
    unreadable("the graph has a cycle");
  return sorted;
}

std::vector<GraphInput>
readInputs(const onnx::GraphProto &graph,
           const std::map<std::string, Tensor> &initializers) {
  std::vector<GraphInput> inputs;
  for (const onnx::ValueInfoProto &value : graph.input()) {
    if (initializers.count(value.name()))
      continue;
    GraphInput input;
    input.name = value.name();
    if (!value.type().has_tensor_type())
      unreadable("the graph input '", value.name(), "' is not a tensor");
    const auto &type = value.type().tensor_type();
    input.type = static_cast<ElementType>(type.elem_type());
    input.hasShape = type.has_shape();
    for (const auto &dimension : type.shape().dim()) {
      GraphInput::Dimension read;
      if (dimension.has_dim_value()) {
        if (dimension.dim_value() >= 0)
          read.length = dimension.dim_value();
      } else if (dimension.has_dim_param()) {
        read.symbol = dimension.dim_param();
      }
      input.shape.push_back(read);
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

} // namespace

Model lipt::checker::readModel(const std::string &path) {
  MappedFile file = mapFile(path);
  if (file.size > INT_MAX)
    unreadable("'", path, "' is larger than 2 GiB");
  auto proto = std::make_shared<onnx::ModelProto>();
  {
    google::protobuf::io::ArrayInputStream stream(file.bytes,
                                                  static_cast<int>(file.size));
    google::protobuf::io::CodedInputStream coded(&stream);
    coded.SetTotalBytesLimit(INT_MAX);
    if (!proto->ParseFromCodedStream(&coded) ||
        !coded.ConsumedEntireMessage() || !proto->has_graph())
      unreadable("'", path, "' is not an ONNX model");
  }
  Model model;
  model.sha256 = sha256(file.bytes, file.size);
  TensorReader reader(path, proto);
  const onnx::GraphProto &graph = proto->graph();
  if (graph.sparse_initializer_size())
    unreadable("sparse initializers are not supported");
  for (const onnx::TensorProto &initializer : graph.initializer()) {
    Tensor value = reader.read(initializer);
    if (initializer.name().empty() ||
        !model.initializers.emplace(initializer.name(), value).second)
      unreadable("the initializer '", initializer.name(),
                 "' has no name of its own");
    model.stored.push_back({initializer.name(), true, value});
  }
  model.inputs = readInputs(graph, model.initializers);
  std::set<std::string> defined;
  for (const auto &[name, value] : model.initializers)
    defined.insert(name);
  for (const GraphInput &input : model.inputs)
    if (input.name.empty() || !defined.insert(input.name).second)
      unreadable("the graph input '", input.name, "' is defined twice");
  model.nodes = sortTopologically(inlineFunctions(*proto, reader), defined);
  for (const Node &node : model.nodes)
    if (node.is("Constant"))
      if (const Attribute *value = node.attribute("value"))
        if (value->kind == Attribute::Kind::Tensor)
          model.stored.push_back({node.name(), false, value->tensor});
  for (const onnx::ValueInfoProto &output : graph.output())
    model.outputs.push_back(output.name());
  return model;
}
