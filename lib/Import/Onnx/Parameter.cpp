//===- Parameter.cpp - Constants and generated tensors -------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

static LogicalResult importConstant(NodeImporter &node) {
  std::string name = node.scope.prefix + node.node.output(0);
  const StoredTensor *stored = node.importer.weights.find(name);
  if (!stored)
    return node.emitError() << "its value is not a tensor of numbers";
  Type elementType = node.importer.convertElementType(stored->type);
  OnnxTensor tensor;
  tensor.name = name;
  tensor.type = RankedTensorType::get(stored->shape, elementType);
  tensor.content = Content::fromStored(*stored, elementType);
  tensor.stored = stored;
  node.scope.tensors[node.node.output(0)] =
      &node.importer.addTensor(std::move(tensor));
  return success();
}

/// The sizes that a shape input states; a diagnostic if it is not known.
static FailureOr<Axes> getStatedAxes(NodeImporter &node, unsigned input) {
  const Content *shape = node.getContent(input);
  if (!shape || shape->isFloat())
    return node.emitError()
           << "its shape is not known: '" << node.node.input(input)
           << "' depends on input values or is too long";
  Axes axes;
  for (const SymbolicSize &size : shape->integers) {
    if (size.getStatic().value_or(0) < 0)
      return node.emitError() << "its shape has a negative size";
    axes.push_back({size});
  }
  return axes;
}

static LogicalResult importConstantOfShape(NodeImporter &node) {
  FailureOr<Axes> axes = getStatedAxes(node, 0);
  if (failed(axes))
    return failure();
  TypedAttr value = node.builder.getF32FloatAttr(0);
  if (const onnx::AttributeProto *attribute = node.findAttribute("value")) {
    const onnx::TensorProto &proto = attribute->t();
    Type elementType = node.importer.convertElementType(proto.data_type());
    std::optional<double> entry = readOnlyEntry(proto);
    if (!elementType || !entry)
      return node.emitError() << "'value' is not a tensor of one number";
    if (isa<FloatType>(elementType))
      value = FloatAttr::get(elementType, roundTo(elementType, *entry));
    else
      value = IntegerAttr::get(
          elementType, wrapTo(elementType, static_cast<int64_t>(*entry)));
  }
  return node.setOutput(
      0, node.createTyped<SplatOp>(makeTensorType(*axes, value.getType()), {},
                                   {node.attr("value", value)}));
}

/// A range of integers that is too long (or whose end is too symbolic) for a
/// content.
static LogicalResult importRange(NodeImporter &node) {
  const Content *start = node.getContent(0), *limit = node.getContent(1),
                *step = node.getContent(2);
  Type elementType = node.getElementType(0);
  bool isKnown = start && limit && step && !start->isFloat() &&
                 start->isStatic() && step->isStatic();
  if (isKnown) {
    int64_t first = *start->integers[0].getStatic();
    int64_t stride = *step->integers[0].getStatic();
    SymbolicSize length = limit->integers[0] - SymbolicSize(first);
    std::optional<int64_t> fixed = length.getStatic();
    if (fixed && stride != 0) {
      int64_t distance = stride > 0 ? *fixed : -*fixed;
      int64_t pace = std::abs(stride);
      length = SymbolicSize(distance <= 0 ? 0 : (distance - 1) / pace + 1);
    }
    if (stride != 0 && (fixed || stride == 1))
      return node.setOutput(
          0, node.createTyped<IotaOp>(
                 makeTensorType({Axis{length}}, elementType), {},
                 {node.attr("start", first), node.attr("step", stride)}));
  }
  return node.importOpaque("a range with computed ends is not supported");
}

static LogicalResult importIdentity(NodeImporter &node) {
  return node.setAlias(0, node.getTensor(0));
}

static LogicalResult importDropout(NodeImporter &node) {
  // At inference nothing is dropped, and the mask is true everywhere.
  std::optional<double> training = 0.0;
  if (node.hasInput(2))
    training = node.getScalar(2);
  if (training != 0.0)
    return node.importOpaque("training mode is not supported");
  if (node.isUsed(1)) {
    Type elementType =
        node.opset < 10 ? node.getElementType(0) : node.builder.getI1Type();
    TypedAttr one = cast<TypedAttr>(node.builder.getOneAttr(elementType));
    Value mask = node.createTyped<SplatOp>(
        makeTensorType(node.getInputAxes(0), elementType), {},
        {node.attr("value", one)});
    if (failed(node.setOutput(1, mask)))
      return failure();
  }
  return node.setAlias(0, node.getTensor(0));
}

/// Equal(indices, 0 … depth-1) selects between the two values. Negative
/// indices count from the end.
static LogicalResult importOneHot(NodeImporter &node) {
  std::optional<double> depth = node.getScalar(1);
  int64_t rank = node.getRank(0);
  if (!depth || *depth < 1 || *depth > 0x1p31 ||
      !node.getElementType(0).isInteger())
    return node.importOpaque("only integer indices and a constant depth are "
                             "supported");
  int64_t count = static_cast<int64_t>(*depth);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -1), rank + 1);
  if (failed(axis))
    return failure();
  Type indexType = node.getElementType(0);
  SmallVector<SymbolicSize> sizes;
  for (const Axis &part : node.getInputAxes(0))
    sizes.push_back(part.size);
  sizes.insert(sizes.begin() + *axis, SymbolicSize(1));
  Value indices = node.createReshape(node.getInput(0), sizes);
  SmallVector<SymbolicSize> places(rank + 1, SymbolicSize(1));
  places[*axis] = SymbolicSize(count);
  Value places1d = node.createTyped<IotaOp>(
      RankedTensorType::get({count}, indexType), {},
      {node.attr("start", int64_t(0)), node.attr("step", int64_t(1))});
  Value classes = node.createReshape(places1d, places);
  Value shifted = node.create<AddOp>(
      {indices, node.createScalar(indexType, static_cast<double>(count))});
  Value hit = node.create<OrOp>({node.create<EqualOp>({indices, classes}),
                                 node.create<EqualOp>({shifted, classes})});
  auto single = RankedTensorType::get({1}, node.getElementType(2));
  Value values[2];
  for (int64_t i : {0, 1})
    values[i] = node.createReshape(
        node.createTyped<SliceOp>(single, {node.getInput(2)},
                                  {node.attr("starts", ArrayRef<int64_t>{i}),
                                   node.attr("steps", ArrayRef<int64_t>{1})}),
        {});
  return node.setOutput(0, node.create<WhereOp>({hit, values[1], values[0]}));
}

void onnx_import::addParameters(Converters &converters) {
  converters["Constant"] = importConstant;
  converters["ConstantOfShape"] = importConstantOfShape;
  converters["Range"] = importRange;
  converters["Identity"] = importIdentity;
  converters["Dropout"] = importDropout;
  converters["OneHot"] = importOneHot;
}
