//===- Parameter.cpp - Weights, constants, generated tensors, opaque operators
//---===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_export;

static LogicalResult exportReadParam(Exporter &exporter, Operation *op) {
  return exporter.addWeight(cast<ReadParamOp>(op));
}

/// The bytes of a dense attribute as ONNX stores them: entries of their own
/// width, booleans one a byte, 4-bit entries two a byte.
static std::string packEntries(DenseElementsAttr entries) {
  Type elementType = entries.getElementType();
  std::string bytes;
  if (auto integer = dyn_cast<IntegerType>(elementType)) {
    unsigned width = integer.getWidth();
    bool isHigh = false;
    for (const llvm::APInt &value : entries.getValues<llvm::APInt>()) {
      uint64_t bits = value.getZExtValue();
      if (width == 4 && isHigh)
        bytes.back() = static_cast<char>(bytes.back() | (bits << 4));
      else
        bytes.append(reinterpret_cast<const char *>(&bits),
                     std::max(width / 8, 1u));
      isHigh = !isHigh;
    }
    return bytes;
  }
  for (const llvm::APFloat &value : entries.getValues<llvm::APFloat>()) {
    llvm::APInt pattern = value.bitcastToAPInt();
    uint64_t bits = pattern.getZExtValue();
    bytes.append(reinterpret_cast<const char *>(&bits),
                 pattern.getBitWidth() / 8);
  }
  return bytes;
}

static LogicalResult exportConstant(Exporter &exporter, Operation *op) {
  auto constant = cast<ConstantOp>(op);
  auto entries = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!entries)
    return op->emitError() << "is not a dense constant";
  auto type = cast<RankedTensorType>(constant.getType());
  onnx::TensorProto &tensor =
      exporter.addInitializer(getTensorName(constant.getResult()),
                              type.getElementType(), type.getShape());
  tensor.set_raw_data(packEntries(entries));
  exporter.setName(constant.getResult(), tensor.name());
  return success();
}

static SmallVector<SymbolicSize> getSizes(Value value) {
  SmallVector<SymbolicSize> sizes;
  for (const Axis &axis : getAxes(value.getType()))
    sizes.push_back(axis.size);
  return sizes;
}

static LogicalResult exportSplat(Exporter &exporter, Operation *op) {
  auto splat = cast<SplatOp>(op);
  std::string sizes = exporter.addSizes(op, getSizes(splat.getResult()));
  if (sizes.empty())
    return failure();
  Type elementType = splat.getValue().getType();
  auto single = DenseElementsAttr::get(RankedTensorType::get({1}, elementType),
                                       Attribute(splat.getValue()));
  exporter.addNode(
      "ConstantOfShape", {sizes}, splat.getResult(), [&](Node node) {
        onnx::TensorProto &value =
            *node.add("value", onnx::AttributeProto::TENSOR).mutable_t();
        value.set_data_type(getOnnxType(elementType));
        value.add_dims(1);
        value.set_raw_data(packEntries(single));
      });
  return success();
}

static LogicalResult exportIota(Exporter &exporter, Operation *op) {
  auto iota = cast<IotaOp>(op);
  int64_t start = iota.getStart(), step = iota.getStep();
  Type elementType = getElementType(iota.getResult());
  // limit = start + step * size, as a number of rank 0.
  std::string size =
      exporter.addSize(op, getAxes(iota.getResult().getType())[0].size);
  if (size.empty())
    return failure();
  std::string limit = exporter.addNode(
      "Add", {exporter.addNode("Mul", {size, exporter.addIntegers({step})}),
              exporter.addIntegers({start})});
  limit = exporter.addNode("Squeeze", {limit});
  Names ends = {exporter.addInteger(start), limit, exporter.addInteger(step)};
  if (elementType.isInteger(64)) {
    exporter.addNode("Range", ends, iota.getResult());
    return success();
  }
  std::string range = exporter.addNode("Range", ends);
  int64_t type = getOnnxType(elementType);
  exporter.addNode("Cast", {range}, iota.getResult(),
                   [&](Node node) { node.set("to", type); });
  return success();
}

static LogicalResult exportOpaque(Exporter &exporter, Operation *op) {
  auto opaque = cast<OpaqueOp>(op);
  Names inputs, outputs;
  for (Value input : opaque.getInputs())
    inputs.push_back(exporter.getName(input));
  for (Value output : opaque.getOutputs())
    outputs.push_back(exporter.makeResultName(output));
  onnx::NodeProto &proto =
      exporter.addNodeProto(opaque.getOperatorType(), inputs, outputs);
  proto.set_domain(opaque.getOpDomain().str());
  exporter.importDomain(opaque.getOpDomain());
  Node node(proto);
  for (NamedAttribute entry : opaque.getOperatorAttributes()) {
    StringRef name = entry.getName();
    Attribute value = entry.getValue();
    if (auto integer = dyn_cast<IntegerAttr>(value))
      node.set(name, integer.getInt());
    else if (auto number = dyn_cast<FloatAttr>(value))
      node.set(name, number.getValue().convertToFloat());
    else if (auto text = dyn_cast<StringAttr>(value))
      node.set(name, text.getValue());
    else if (auto integers = dyn_cast<DenseI64ArrayAttr>(value))
      node.set(name, integers.asArrayRef());
    else if (auto numbers = dyn_cast<DenseF32ArrayAttr>(value))
      node.add(name, onnx::AttributeProto::FLOATS)
          .mutable_floats()
          ->Add(numbers.asArrayRef().begin(), numbers.asArrayRef().end());
    else if (auto texts = dyn_cast<ArrayAttr>(value)) {
      onnx::AttributeProto &strings =
          node.add(name, onnx::AttributeProto::STRINGS);
      for (auto text : texts.getAsRange<StringAttr>())
        strings.add_strings(text.str());
    }
  }
  return success();
}

void onnx_export::addParameters(Converters &converters) {
  converters["read_param"] = exportReadParam;
  converters["constant"] = exportConstant;
  converters["splat"] = exportSplat;
  converters["iota"] = exportIota;
  converters["opaque"] = exportOpaque;
}
