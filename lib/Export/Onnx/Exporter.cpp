//===- Exporter.cpp - Building an ONNX graph -----------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstring>

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_export;

/// The version written: the first with Attention and RMSNormalization.
static constexpr int64_t writtenOpset = 23;
/// The file format that belongs to it.
static constexpr int64_t writtenFormat = 11;

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

onnx::AttributeProto &Node::add(StringRef name,
                                onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto &attribute = *proto.add_attribute();
  attribute.set_name(name.str());
  attribute.set_type(type);
  return attribute;
}

Node &Node::set(StringRef name, int64_t value) {
  add(name, onnx::AttributeProto::INT).set_i(value);
  return *this;
}
Node &Node::set(StringRef name, float value) {
  add(name, onnx::AttributeProto::FLOAT).set_f(value);
  return *this;
}
Node &Node::set(StringRef name, StringRef value) {
  add(name, onnx::AttributeProto::STRING).set_s(value.str());
  return *this;
}
Node &Node::set(StringRef name, ArrayRef<int64_t> values) {
  add(name, onnx::AttributeProto::INTS)
      .mutable_ints()
      ->Add(values.begin(), values.end());
  return *this;
}

std::string Exporter::makeName(StringRef wanted) {
  if (!wanted.empty() && usedNames.insert(wanted).second)
    return wanted.str();
  std::string base = (wanted.empty() ? "lipt" : wanted.str()) + "_";
  while (true) {
    std::string name = base + std::to_string(madeNames++);
    if (usedNames.insert(name).second)
      return name;
  }
}

std::string Exporter::getName(Value value) {
  return value ? names.lookup(value) : "";
}

onnx::NodeProto &Exporter::addNodeProto(StringRef type, const Names &inputs,
                                        const Names &outputs) {
  onnx::NodeProto &node = *model.mutable_graph()->add_node();
  node.set_op_type(type.str());
  for (const std::string &input : inputs)
    node.add_input(input);
  for (const std::string &output : outputs)
    node.add_output(output);
  return node;
}

std::string Exporter::makeResultName(Value result) {
  return names[result] = makeName(getTensorName(result));
}

void Exporter::importDomain(StringRef domain) {
  for (const auto &import : model.opset_import())
    if (import.domain() == domain)
      return;
  auto *import = model.add_opset_import();
  import->set_domain(domain.str());
  import->set_version(1);
}

std::string Exporter::addNode(StringRef type, const Names &inputs, Value result,
                              llvm::function_ref<void(Node)> attributes) {
  std::string name = makeName(result ? getTensorName(result) : "");
  onnx::NodeProto &node = addNodeProto(type, inputs, {name});
  if (attributes)
    attributes(Node(node));
  if (result)
    names[result] = name;
  return name;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

int32_t onnx_export::getOnnxType(Type type) {
  using Proto = onnx::TensorProto;
  if (auto integer = dyn_cast<IntegerType>(type)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return Proto::BOOL;
    case 4:
      return isUnsigned ? Proto::UINT4 : Proto::INT4;
    case 8:
      return isUnsigned ? Proto::UINT8 : Proto::INT8;
    case 16:
      return isUnsigned ? Proto::UINT16 : Proto::INT16;
    case 32:
      return isUnsigned ? Proto::UINT32 : Proto::INT32;
    case 64:
      return isUnsigned ? Proto::UINT64 : Proto::INT64;
    default:
      return 0;
    }
  }
  return llvm::TypeSwitch<Type, int32_t>(type)
      .Case([](Float32Type) { return Proto::FLOAT; })
      .Case([](Float64Type) { return Proto::DOUBLE; })
      .Case([](Float16Type) { return Proto::FLOAT16; })
      .Case([](BFloat16Type) { return Proto::BFLOAT16; })
      .Case([](Float8E4M3FNType) { return Proto::FLOAT8E4M3FN; })
      .Case([](Float8E4M3FNUZType) { return Proto::FLOAT8E4M3FNUZ; })
      .Case([](Float8E5M2Type) { return Proto::FLOAT8E5M2; })
      .Case([](Float8E5M2FNUZType) { return Proto::FLOAT8E5M2FNUZ; })
      .Default([](Type) { return 0; });
}

std::optional<SmallVector<int64_t>>
onnx_export::getStaticSizes(ArrayRef<Axis> axes) {
  SmallVector<int64_t> sizes;
  for (const Axis &axis : axes) {
    std::optional<int64_t> size = axis.size.getStatic();
    if (!size)
      return std::nullopt;
    sizes.push_back(*size);
  }
  return sizes;
}

onnx::TensorProto &Exporter::addInitializer(StringRef wantedName,
                                            Type elementType,
                                            ArrayRef<int64_t> shape) {
  onnx::TensorProto &tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(makeName(wantedName));
  tensor.set_data_type(getOnnxType(elementType));
  tensor.mutable_dims()->Add(shape.begin(), shape.end());
  return tensor;
}

std::string Exporter::addIntegers(ArrayRef<int64_t> values) {
  onnx::TensorProto &tensor =
      addInitializer("", IntegerType::get(function.getContext(), 64),
                     {static_cast<int64_t>(values.size())});
  tensor.mutable_int64_data()->Add(values.begin(), values.end());
  return tensor.name();
}

std::string Exporter::addInteger(int64_t value) {
  onnx::TensorProto &tensor =
      addInitializer("", IntegerType::get(function.getContext(), 64), {});
  tensor.add_int64_data(value);
  return tensor.name();
}

std::string Exporter::addSplat(Type elementType, double value,
                               ArrayRef<int64_t> shape) {
  auto type = RankedTensorType::get({}, elementType);
  DenseElementsAttr entry =
      isa<FloatType>(elementType)
          ? DenseElementsAttr::get(
                type, Attribute(FloatAttr::get(elementType, value)))
          : DenseElementsAttr::get(
                type, Attribute(IntegerAttr::get(elementType,
                                                 static_cast<int64_t>(value))));
  onnx::TensorProto &tensor = addInitializer("", elementType, shape);
  ArrayRef<char> bytes = entry.getRawData();
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  for (int64_t i = 0; i < count; ++i)
    tensor.mutable_raw_data()->append(bytes.data(), bytes.size());
  return tensor.name();
}

LogicalResult Exporter::addWeight(ReadParamOp op) {
  auto parameter =
      SymbolTable::lookupNearestSymbolFrom<ParamOp>(op, op.getParamAttr());
  if (!parameter)
    return op.emitError() << "its parameter is not declared";
  std::string key = parameter.getSource().split("::").second.str();
  auto [known, isNew] = weightNames.try_emplace(key);
  if (isNew) {
    const StoredTensor *stored = weights ? weights->find(key) : nullptr;
    if (!stored)
      return op.emitError()
             << "the weights have no tensor '" << key << "'"
             << (weights ? "" : "; name their file by --weights");
    auto type = cast<RankedTensorType>(op.getType());
    onnx::TensorProto &tensor =
        addInitializer(key, type.getElementType(), type.getShape());
    if (!llvm::equal(stored->shape, type.getShape()) ||
        stored->byteCount > INT32_MAX)
      return op.emitError() << "the weights' tensor '" << key
                            << "' has another shape or is too large";
    tensor.set_raw_data(stored->data, stored->byteCount);
    known->second = tensor.name();
  }
  names[op.getResult()] = known->second;
  return success();
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

std::string Exporter::addSize(Operation *op, const SymbolicSize &size) {
  if (std::optional<int64_t> number = size.getStatic())
    return addIntegers({*number});
  auto [known, isNew] = sizeNames.try_emplace(size.toString());
  if (!isNew)
    return known->second;
  for (BlockArgument argument : function.getArguments())
    for (auto [i, axis] : llvm::enumerate(getAxes(argument.getType()))) {
      // The size itself, or a number more or less.
      std::optional<int64_t> shift = (size - axis.size).getStatic();
      std::optional<SymbolicSize> factor;
      if (!axis.size.isStatic())
        factor = size.dividedBy(axis.size);
      bool isScaled = factor && factor->isStatic();
      if (axis.size.isStatic() || (!shift && !isScaled))
        continue;
      int64_t place = i;
      std::string name =
          addNode("Shape", {getName(argument)}, {}, [&](Node node) {
            node.set("start", place).set("end", place + 1);
          });
      if (shift && *shift != 0)
        name = addNode("Add", {name, addIntegers({*shift})});
      else if (!shift)
        name = addNode("Mul", {name, addIntegers({*factor->getStatic()})});
      return sizeNames[size.toString()] = name;
    }
  // A product of two symbols.
  for (const std::string &symbol : size.getSymbols()) {
    SymbolicSize part = SymbolicSize::symbol(symbol);
    std::optional<SymbolicSize> rest = size.dividedBy(part);
    if (!rest || *rest == SymbolicSize(1))
      continue;
    std::string left = addSize(op, part), right = addSize(op, *rest);
    if (left.empty() || right.empty())
      return "";
    return sizeNames[size.toString()] = addNode("Mul", {left, right});
  }
  op->emitError() << "the size " << size.toString()
                  << " cannot be computed from the inputs' shapes";
  return "";
}

std::string Exporter::addSizes(Operation *op, ArrayRef<SymbolicSize> sizes) {
  SmallVector<int64_t> numbers;
  for (const SymbolicSize &size : sizes)
    if (std::optional<int64_t> number = size.getStatic())
      numbers.push_back(*number);
  if (numbers.size() == sizes.size())
    return addIntegers(numbers);
  Names parts;
  for (const SymbolicSize &size : sizes) {
    parts.push_back(addSize(op, size));
    if (parts.back().empty())
      return "";
  }
  return addNode("Concat", parts, {},
                 [](Node node) { node.set("axis", int64_t(0)); });
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

void Exporter::writeValueInfo(Type type, const std::string &name,
                              onnx::ValueInfoProto &info) {
  info.set_name(name);
  auto *tensor = info.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(
      getOnnxType(cast<RankedTensorType>(type).getElementType()));
  tensor->mutable_shape();
  for (const Axis &axis : getAxes(type)) {
    auto *dimension = tensor->mutable_shape()->add_dim();
    if (std::optional<int64_t> size = axis.size.getStatic())
      dimension->set_dim_value(*size);
    else
      dimension->set_dim_param(axis.size.toString());
  }
}

LogicalResult Exporter::run(func::FuncOp main) {
  function = main;
  addActivations(converters);
  addAttention(converters);
  addElementwise(converters);
  addLinear(converters);
  addNormalizations(converters);
  addParameters(converters);
  addReductions(converters);
  addShapes(converters);
  model.set_ir_version(writtenFormat);
  model.set_producer_name("lipt");
  auto *import = model.add_opset_import();
  import->set_domain("");
  import->set_version(writtenOpset);
  onnx::GraphProto &graph = *model.mutable_graph();
  graph.set_name(function.getName().str());

  // Names of inputs and outputs are promised; no other tensor may take them.
  SmallVector<std::string> outputs;
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    auto name = function.getResultAttrOfType<StringAttr>(i, "lipt.name");
    outputs.push_back(name ? name.str() : "output_" + std::to_string(i));
  }
  for (BlockArgument argument : function.getArguments()) {
    std::string name = makeName(getTensorName(argument));
    names[argument] = name;
    writeValueInfo(argument.getType(), name, *graph.add_input());
  }
  auto terminator =
      cast<func::ReturnOp>(function.getBody().front().getTerminator());
  // A result that already has its output's name keeps it.
  llvm::StringSet<> direct;
  for (auto [value, name] : llvm::zip(terminator.getOperands(), outputs))
    if (value.getDefiningOp() && getTensorName(value) == name &&
        !value.getDefiningOp<ReadParamOp>())
      direct.insert(name);
  for (const std::string &name : outputs)
    if (!direct.contains(name))
      usedNames.insert(name);

  for (Operation &op : function.getBody().front().without_terminator()) {
    auto converter = converters.find(op.getName().stripDialect());
    if (op.getName().getDialectNamespace() != "lipt" ||
        converter == converters.end())
      return op.emitError() << "has no ONNX form";
    if (failed(converter->second(*this, &op)))
      return failure();
  }
  for (auto [value, name] : llvm::zip(terminator.getOperands(), outputs)) {
    if (getName(value) != name)
      addNodeProto("Identity", {getName(value)}, {name});
    writeValueInfo(value.getType(), name, *graph.add_output());
  }
  return success();
}
