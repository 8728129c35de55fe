//===- Elementwise.cpp - Entrywise functions of several tensors ----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

template <typename OpTy> static LogicalResult importBinary(NodeImporter &node) {
  return node.setOutput(
      0, node.create<OpTy>({node.getInput(0), node.getInput(1)}));
}

/// Exponents may have another element type than the base.
static LogicalResult importPow(NodeImporter &node) {
  Type elementType = node.getElementType(0);
  Value exponent;
  std::optional<double> scalar = node.getScalar(1);
  if (scalar && node.getElementType(1) != elementType && node.getRank(1) == 0)
    exponent = node.createScalar(elementType, *scalar);
  else
    exponent = node.createCast(node.getInput(1), elementType);
  return node.setOutput(0, node.create<PowOp>({node.getInput(0), exponent}));
}

static LogicalResult importMod(NodeImporter &node) {
  SmallVector<NamedAttribute> attributes;
  if (node.getInt("fmod", 0))
    attributes.push_back(node.unit("fmod"));
  return node.setOutput(
      0, node.create<ModOp>({node.getInput(0), node.getInput(1)}, attributes));
}

/// Min and Max of any number of tensors, two at a time.
template <typename OpTy> static LogicalResult importChain(NodeImporter &node) {
  if (node.getNumInputs() == 1)
    return node.setAlias(0, node.getTensor(0));
  Value result = node.getInput(0);
  for (unsigned i = 1; i < node.getNumInputs(); ++i)
    result = node.create<OpTy>({result, node.getInput(i)});
  return node.setOutput(0, result);
}

static LogicalResult importSum(NodeImporter &node) {
  if (node.getNumInputs() == 1)
    return node.setAlias(0, node.getTensor(0));
  SmallVector<Value> inputs;
  for (unsigned i = 0; i < node.getNumInputs(); ++i)
    inputs.push_back(node.getInput(i));
  if (node.node.op_type() == "Mean")
    return node.setOutput(0, node.create<MeanOp>(inputs));
  return node.setOutput(0, node.create<SumOp>(inputs));
}

static LogicalResult importWhere(NodeImporter &node) {
  return node.setOutput(
      0, node.create<WhereOp>(
             {node.getInput(0), node.getInput(1), node.getInput(2)}));
}

static LogicalResult importCastTo(NodeImporter &node, Type elementType) {
  if (!elementType)
    return node.importOpaque("its element type is not supported");
  if (node.getElementType(0) == elementType)
    return node.setAlias(0, node.getTensor(0));
  return node.setOutput(0, node.createCast(node.getInput(0), elementType));
}

static LogicalResult importCast(NodeImporter &node) {
  return importCastTo(node, node.importer.convertElementType(
                                static_cast<int32_t>(node.getInt("to", 0))));
}

static LogicalResult importCastLike(NodeImporter &node) {
  return importCastTo(node, node.getElementType(1));
}

void onnx_import::addElementwise(Converters &converters) {
  converters["Add"] = importBinary<AddOp>;
  converters["Sub"] = importBinary<SubOp>;
  converters["Mul"] = importBinary<MulOp>;
  converters["Div"] = importBinary<DivOp>;
  converters["And"] = importBinary<AndOp>;
  converters["Or"] = importBinary<OrOp>;
  converters["Xor"] = importBinary<XorOp>;
  converters["Equal"] = importBinary<EqualOp>;
  converters["Less"] = importBinary<LessOp>;
  converters["LessOrEqual"] = importBinary<LessOrEqualOp>;
  converters["Greater"] = importBinary<GreaterOp>;
  converters["GreaterOrEqual"] = importBinary<GreaterOrEqualOp>;
  converters["Pow"] = importPow;
  converters["Mod"] = importMod;
  converters["Min"] = importChain<MinimumOp>;
  converters["Max"] = importChain<MaximumOp>;
  converters["Sum"] = importSum;
  converters["Mean"] = importSum;
  converters["Where"] = importWhere;
  converters["Cast"] = importCast;
  converters["CastLike"] = importCastLike;
}
