//===- Elementwise.cpp - Entrywise functions of several tensors ----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_export;

static Names getOperandNames(Exporter &exporter, Operation *op) {
  Names names;
  for (Value operand : op->getOperands())
    names.push_back(exporter.getName(operand));
  return names;
}

/// The operator `Type` of all operands.
#define LIPT_NARY(mnemonic, Type)                                              \
  converters[mnemonic] = [](Exporter &exporter, Operation *op) {               \
    exporter.addNode(Type, getOperandNames(exporter, op), op->getResult(0));   \
    return success();                                                          \
  }

/// For floats the operator has only the remainder with the dividend's sign: the
/// divisor is added where the signs differ.
static LogicalResult exportMod(Exporter &exporter, Operation *op) {
  auto mod = cast<ModOp>(op);
  Type elementType = getElementType(mod.getLhs());
  Names operands = getOperandNames(exporter, op);
  bool isDirect = mod.getFmod() || !isa<FloatType>(elementType);
  bool truncated = mod.getFmod() || !isDirect;
  std::string rest = exporter.addNode(
      "Mod", operands, isDirect ? mod.getResult() : Value(), [&](Node node) {
        if (truncated)
          node.set("fmod", int64_t(1));
      });
  if (isDirect)
    return success();
  std::string zero = exporter.addSplat(elementType, 0);
  std::string differs =
      exporter.addNode("Xor", {exporter.addNode("Less", {rest, zero}),
                               exporter.addNode("Less", {operands[1], zero})});
  std::string isExact = exporter.addNode("Equal", {rest, zero});
  std::string isShifted =
      exporter.addNode("And", {differs, exporter.addNode("Not", {isExact})});
  exporter.addNode(
      "Where", {isShifted, exporter.addNode("Add", {rest, operands[1]}), rest},
      mod.getResult());
  return success();
}

static LogicalResult exportCast(Exporter &exporter, Operation *op) {
  int64_t type = getOnnxType(getElementType(op->getResult(0)));
  exporter.addNode("Cast", getOperandNames(exporter, op), op->getResult(0),
                   [&](Node node) { node.set("to", type); });
  return success();
}

static LogicalResult exportResidualMix(Exporter &exporter, Operation *op) {
  auto mix = cast<ResidualMixOp>(op);
  Type elementType = getElementType(mix.getStream());
  auto scale = [&](Value value, llvm::APFloat factor) {
    return exporter.addNode(
        "Mul", {exporter.getName(value),
                exporter.addSplat(elementType, factor.convertToFloat())});
  };
  exporter.addNode("Add",
                   {scale(mix.getStream(), mix.getStreamFactor()),
                    scale(mix.getBranch(), mix.getBranchFactor())},
                   mix.getResult());
  return success();
}

void onnx_export::addElementwise(Converters &converters) {
  LIPT_NARY("add", "Add");
  LIPT_NARY("sub", "Sub");
  LIPT_NARY("mul", "Mul");
  LIPT_NARY("div", "Div");
  LIPT_NARY("minimum", "Min");
  LIPT_NARY("maximum", "Max");
  LIPT_NARY("pow", "Pow");
  LIPT_NARY("and", "And");
  LIPT_NARY("or", "Or");
  LIPT_NARY("xor", "Xor");
  LIPT_NARY("equal", "Equal");
  LIPT_NARY("less", "Less");
  LIPT_NARY("less_or_equal", "LessOrEqual");
  LIPT_NARY("greater", "Greater");
  LIPT_NARY("greater_or_equal", "GreaterOrEqual");
  LIPT_NARY("where", "Where");
  LIPT_NARY("sum", "Sum");
  LIPT_NARY("mean", "Mean");
  converters["mod"] = exportMod;
  converters["cast"] = exportCast;
  converters["residual_mix"] = exportResidualMix;
}
