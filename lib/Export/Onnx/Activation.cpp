//===- Activation.cpp - Entrywise functions of one tensor ----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_export;

/// The operator `Type` without attributes.
#define LIPT_UNARY(mnemonic, Type)                                             \
  converters[mnemonic] = [](Exporter &exporter, Operation *op) {               \
    exporter.addNode(Type, {exporter.getName(op->getOperand(0))},              \
                     op->getResult(0));                                        \
    return success();                                                          \
  }

/// The operator `Type` with the operation's float attributes of these names.
template <typename... AttributeNames>
static LogicalResult exportWithFloats(Exporter &exporter, Operation *op,
                                      StringRef type,
                                      AttributeNames... attributes) {
  exporter.addNode(
      type, {exporter.getName(op->getOperand(0))}, op->getResult(0),
      [&](Node node) {
        (node.set(attributes, op->getAttrOfType<FloatAttr>(attributes)
                                  .getValue()
                                  .convertToFloat()),
         ...);
      });
  return success();
}

/// At the written opset Celu exists for single precision only.
static LogicalResult exportCelu(Exporter &exporter, Operation *op) {
  auto celu = cast<CeluOp>(op);
  Type elementType = getElementType(celu.getInput());
  std::string input = exporter.getName(celu.getInput());
  auto castTo = [&](const std::string &value, int64_t type, Value result) {
    return exporter.addNode("Cast", {value}, result,
                            [&](Node node) { node.set("to", type); });
  };
  auto setAlpha = [&](Node node) {
    node.set("alpha", celu.getAlpha().convertToFloat());
  };
  if (elementType.isF32()) {
    exporter.addNode("Celu", {input}, celu.getResult(), setAlpha);
    return success();
  }
  std::string single = castTo(input, onnx::TensorProto::FLOAT, {});
  castTo(exporter.addNode("Celu", {single}, {}, setAlpha),
         getOnnxType(elementType), celu.getResult());
  return success();
}

static LogicalResult exportGelu(Exporter &exporter, Operation *op) {
  bool isTanh = cast<GeluOp>(op).getForm() == GeluForm::Tanh;
  exporter.addNode("Gelu", {exporter.getName(op->getOperand(0))},
                   op->getResult(0), [&](Node node) {
                     node.set("approximate",
                              StringRef(isTanh ? "tanh" : "none"));
                   });
  return success();
}

static LogicalResult exportSilu(Exporter &exporter, Operation *op) {
  auto silu = cast<SiluOp>(op);
  std::string input = exporter.getName(silu.getInput()), scaled = input;
  float beta = silu.getBeta().convertToFloat();
  if (beta != 1)
    scaled = exporter.addNode(
        "Mul",
        {input, exporter.addSplat(getElementType(silu.getInput()), beta)});
  exporter.addNode("Mul", {input, exporter.addNode("Sigmoid", {scaled})},
                   silu.getResult());
  return success();
}

static LogicalResult exportSquaredRelu(Exporter &exporter, Operation *op) {
  std::string relu =
      exporter.addNode("Relu", {exporter.getName(op->getOperand(0))});
  exporter.addNode("Mul", {relu, relu}, op->getResult(0));
  return success();
}

static LogicalResult exportSoftCap(Exporter &exporter, Operation *op) {
  auto cap = cast<SoftCapOp>(op);
  std::string limit = exporter.addSplat(getElementType(cap.getInput()),
                                        cap.getLimit().convertToFloat());
  std::string bent = exporter.addNode(
      "Tanh",
      {exporter.addNode("Div", {exporter.getName(cap.getInput()), limit})});
  exporter.addNode("Mul", {bent, limit}, cap.getResult());
  return success();
}

static LogicalResult exportClip(Exporter &exporter, Operation *op) {
  auto clip = cast<ClipOp>(op);
  Type elementType = getElementType(clip.getInput());
  Names inputs = {exporter.getName(clip.getInput())};
  for (std::optional<llvm::APFloat> end : {clip.getMin(), clip.getMax()})
    inputs.push_back(end ? exporter.addSplat(elementType, end->convertToFloat())
                         : "");
  while (inputs.back().empty())
    inputs.pop_back();
  exporter.addNode("Clip", inputs, clip.getResult());
  return success();
}

static LogicalResult exportPRelu(Exporter &exporter, Operation *op) {
  exporter.addNode("PRelu",
                   {exporter.getName(op->getOperand(0)),
                    exporter.getName(op->getOperand(1))},
                   op->getResult(0));
  return success();
}

void onnx_export::addActivations(Converters &converters) {
  LIPT_UNARY("relu", "Relu");
  LIPT_UNARY("mish", "Mish");
  LIPT_UNARY("hard_swish", "HardSwish");
  LIPT_UNARY("sigmoid", "Sigmoid");
  LIPT_UNARY("tanh", "Tanh");
  LIPT_UNARY("softsign", "Softsign");
  LIPT_UNARY("softplus", "Softplus");
  LIPT_UNARY("erf", "Erf");
  LIPT_UNARY("abs", "Abs");
  LIPT_UNARY("neg", "Neg");
  LIPT_UNARY("sin", "Sin");
  LIPT_UNARY("cos", "Cos");
  LIPT_UNARY("atan", "Atan");
  LIPT_UNARY("exp", "Exp");
  LIPT_UNARY("log", "Log");
  LIPT_UNARY("sqrt", "Sqrt");
  LIPT_UNARY("reciprocal", "Reciprocal");
  LIPT_UNARY("floor", "Floor");
  LIPT_UNARY("ceil", "Ceil");
  LIPT_UNARY("round", "Round");
  LIPT_UNARY("sign", "Sign");
  LIPT_UNARY("not", "Not");
  converters["leaky_relu"] = [](Exporter &exporter, Operation *op) {
    return exportWithFloats(exporter, op, "LeakyRelu", "alpha");
  };
  converters["elu"] = [](Exporter &exporter, Operation *op) {
    return exportWithFloats(exporter, op, "Elu", "alpha");
  };
  converters["celu"] = exportCelu;
  converters["selu"] = [](Exporter &exporter, Operation *op) {
    return exportWithFloats(exporter, op, "Selu", "alpha", "gamma");
  };
  converters["thresholded_relu"] = [](Exporter &exporter, Operation *op) {
    return exportWithFloats(exporter, op, "ThresholdedRelu", "alpha");
  };
  converters["hard_sigmoid"] = [](Exporter &exporter, Operation *op) {
    return exportWithFloats(exporter, op, "HardSigmoid", "alpha", "beta");
  };
  converters["gelu"] = exportGelu;
  converters["silu"] = exportSilu;
  converters["squared_relu"] = exportSquaredRelu;
  converters["soft_cap"] = exportSoftCap;
  converters["clip"] = exportClip;
  converters["prelu"] = exportPRelu;
}
