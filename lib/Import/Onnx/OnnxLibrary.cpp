//===- OnnxLibrary.cpp - The ONNX library's checks and type inference ----===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The ONNX library throws; its exceptions end in this file.

#include "Importer.h"
#include "onnx/checker.h"
#include "onnx/shape_inference/implementation.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

/// The library's own limit is newer than any version that we accept.
static std::unordered_map<std::string, int> getOpsets(const Scope &scope) {
  std::unordered_map<std::string, int> opsets;
  for (const auto &[domain, version] : scope.opsets)
    opsets[domain.str()] =
        static_cast<int>(std::clamp<int64_t>(version, 0, INT_MAX));
  return opsets;
}

static std::string firstLine(StringRef text) {
  return text.split('\n').first.rtrim(". ").str();
}

std::string onnx_import::checkNode(const onnx::NodeProto &node,
                                   int64_t irVersion, const Scope &scope) {
  // Large raw tensors are not in the message; the archive has checked them.
  if (node.op_type() == "Constant")
    return "";
  try {
    onnx::checker::CheckerContext context;
    context.set_ir_version(static_cast<int>(irVersion));
    context.set_opset_imports(getOpsets(scope));
    // Subgraphs stay unread; their names were checked with the graph's.
    onnx::NodeProto copy = node;
    for (onnx::AttributeProto &attribute : *copy.mutable_attribute())
      if (attribute.has_g()) {
        attribute.mutable_g()->Clear();
        attribute.mutable_g()->set_name("subgraph");
      }
    onnx::checker::LexicalScopeContext names;
    onnx::checker::check_node(copy, context, names);
    return "";
  } catch (const std::exception &problem) {
    std::string text = firstLine(problem.what());
    if (!text.empty())
      text[0] = llvm::toLower(text[0]);
    return text.empty() ? "is not valid" : text;
  } catch (...) {
    return "is not valid";
  }
}

/// Writes a tensor type as ONNX does; sizes with symbols by their text.
static void writeType(RankedTensorType type, onnx::TypeProto &proto) {
  auto *tensor = proto.mutable_tensor_type();
  tensor->set_elem_type(Importer::getOnnxType(type.getElementType()));
  tensor->mutable_shape();
  for (const Axis &axis : getAxes(type)) {
    auto *dimension = tensor->mutable_shape()->add_dim();
    if (std::optional<int64_t> size = axis.size.getStatic())
      dimension->set_dim_value(*size);
    else
      dimension->set_dim_param(axis.size.toString());
  }
}

static void writeContent(const Content &content, const std::string &name,
                         onnx::TensorProto &proto) {
  proto.set_name(name);
  proto.set_data_type(Importer::getOnnxType(content.elementType));
  proto.mutable_dims()->Add(content.shape.begin(), content.shape.end());
  for (double value : content.floats)
    if (content.elementType.isF64())
      proto.add_double_data(value);
    else
      proto.add_float_data(static_cast<float>(value));
  for (const SymbolicSize &value : content.integers)
    if (content.elementType.isInteger(64))
      proto.add_int64_data(*value.getStatic());
    else
      proto.add_int32_data(static_cast<int32_t>(*value.getStatic()));
}

std::vector<RankedTensorType> onnx_import::inferOnnxTypes(NodeImporter &node) {
  std::vector<RankedTensorType> types(node.getNumOutputs());
  onnx::ModelProto model;
  model.set_ir_version(onnx::Version::IR_VERSION);
  for (const auto &[domain, version] : node.scope.opsets) {
    auto *import = model.add_opset_import();
    import->set_domain(domain.str());
    import->set_version(version);
  }
  onnx::GraphProto &graph = *model.mutable_graph();
  graph.set_name("node");
  std::set<std::string> declared;
  for (const std::string &name : collectReads(node.node)) {
    OnnxTensor *tensor = node.scope.tensors.lookup(name);
    if (!tensor || !declared.insert(name).second)
      continue;
    auto *input = graph.add_input();
    input->set_name(name);
    writeType(tensor->type, *input->mutable_type());
    bool writable = tensor->content && tensor->content->isStatic() &&
                    (tensor->type.getElementType().isF32() ||
                     tensor->type.getElementType().isF64() ||
                     tensor->type.getElementType().isInteger(64) ||
                     tensor->type.getElementType().isInteger(32));
    if (writable)
      writeContent(*tensor->content, name, *graph.add_initializer());
  }
  *graph.add_node() = node.node;
  for (const std::string &name : node.node.output())
    if (!name.empty())
      graph.add_output()->set_name(name);
  try {
    onnx::shape_inference::InferShapes(model);
  } catch (...) {
    return types;
  }
  for (int i = 0; i < node.node.output_size(); ++i)
    for (const auto &output : graph.output())
      if (output.name() == node.node.output(i) && !output.name().empty())
        types[i] = node.importer.convertType(output.type());
  return types;
}
