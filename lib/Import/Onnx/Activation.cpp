//===- Activation.cpp - Entrywise functions of one tensor ----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

template <typename OpTy> static LogicalResult importUnary(NodeImporter &node) {
  return node.setOutput(0, node.create<OpTy>({node.getInput(0)}));
}

/// An activation with one parameter `alpha`.
template <typename OpTy>
static LogicalResult importAlpha(NodeImporter &node, float otherwise) {
  float alpha = node.getFloat("alpha", otherwise);
  return node.setOutput(
      0, node.create<OpTy>({node.getInput(0)}, {node.attr("alpha", alpha)}));
}

static LogicalResult importSelu(NodeImporter &node) {
  float alpha = node.getFloat("alpha", 1.67326319217681884765625f);
  float gamma = node.getFloat("gamma", 1.05070102214813232421875f);
  return node.setOutput(
      0, node.create<SeluOp>({node.getInput(0)}, {node.attr("alpha", alpha),
                                                  node.attr("gamma", gamma)}));
}

static LogicalResult importHardSigmoid(NodeImporter &node) {
  float alpha = node.getFloat("alpha", 0.2f);
  float beta = node.getFloat("beta", 0.5f);
  return node.setOutput(0, node.create<HardSigmoidOp>(
                               {node.getInput(0)}, {node.attr("alpha", alpha),
                                                    node.attr("beta", beta)}));
}

static LogicalResult importGelu(NodeImporter &node) {
  std::string approximate = node.getString("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return node.emitError() << "'approximate' is '" << approximate
                            << "', expected 'none' or 'tanh'";
  GeluForm form = approximate == "tanh" ? GeluForm::Tanh : GeluForm::Erf;
  return node.setOutput(
      0, node.create<GeluOp>(
             {node.getInput(0)},
             {node.attr("form",
                        GeluFormAttr::get(node.builder.getContext(), form))}));
}

static LogicalResult importSwish(NodeImporter &node) {
  return node.setOutput(
      0,
      node.create<SiluOp>({node.getInput(0)},
                          {node.attr("beta", node.getFloat("alpha", 1.0f))}));
}

static LogicalResult importPRelu(NodeImporter &node) {
  return node.setOutput(
      0, node.create<PReluOp>({node.getInput(0), node.getParameter(1)}));
}

/// The end of a Clip that is an attribute (below opset 11) or a scalar input;
/// `exact` becomes false if it is not a number that a float can hold.
static std::optional<float> getClipEnd(NodeImporter &node, StringRef name,
                                       unsigned input, bool &exact) {
  if (node.opset < 11) {
    if (!node.findAttribute(name))
      return std::nullopt;
    return node.getFloat(name, 0);
  }
  if (!node.hasInput(input))
    return std::nullopt;
  std::optional<double> value = node.getScalar(input);
  exact &= value && static_cast<float>(*value) == *value;
  return exact ? std::optional<float>(*value) : std::nullopt;
}

static LogicalResult importClip(NodeImporter &node) {
  bool exact = isa<FloatType>(node.getElementType(0));
  std::optional<float> low = getClipEnd(node, "min", 1, exact);
  std::optional<float> high = getClipEnd(node, "max", 2, exact);
  Value value = node.getInput(0);
  if (exact) {
    SmallVector<NamedAttribute> attributes;
    if (low && *low > -std::numeric_limits<float>::max())
      attributes.push_back(node.attr("min", *low));
    if (high && *high < std::numeric_limits<float>::max())
      attributes.push_back(node.attr("max", *high));
    return node.setOutput(0, node.create<ClipOp>({value}, attributes));
  }
  if (node.hasInput(1))
    value = node.create<MaximumOp>({value, node.getInput(1)});
  if (node.hasInput(2))
    value = node.create<MinimumOp>({value, node.getInput(2)});
  if (value == node.getInput(0))
    return node.setAlias(0, node.getTensor(0));
  return node.setOutput(0, value);
}

void onnx_import::addActivations(Converters &converters) {
  converters["Relu"] = importUnary<ReluOp>;
  converters["Mish"] = importUnary<MishOp>;
  converters["HardSwish"] = importUnary<HardSwishOp>;
  converters["Sigmoid"] = importUnary<SigmoidOp>;
  converters["Tanh"] = importUnary<TanhOp>;
  converters["Softplus"] = importUnary<SoftplusOp>;
  converters["Softsign"] = importUnary<SoftsignOp>;
  converters["Erf"] = importUnary<ErfOp>;
  converters["Abs"] = importUnary<AbsOp>;
  converters["Neg"] = importUnary<NegOp>;
  converters["Sin"] = importUnary<SinOp>;
  converters["Cos"] = importUnary<CosOp>;
  converters["Atan"] = importUnary<AtanOp>;
  converters["Exp"] = importUnary<ExpOp>;
  converters["Log"] = importUnary<LogOp>;
  converters["Sqrt"] = importUnary<SqrtOp>;
  converters["Reciprocal"] = importUnary<ReciprocalOp>;
  converters["Floor"] = importUnary<FloorOp>;
  converters["Ceil"] = importUnary<CeilOp>;
  converters["Round"] = importUnary<RoundOp>;
  converters["Sign"] = importUnary<SignOp>;
  converters["Not"] = importUnary<NotOp>;
  converters["LeakyRelu"] = [](NodeImporter &node) {
    return importAlpha<LeakyReluOp>(node, 0.01f);
  };
  converters["Elu"] = [](NodeImporter &node) {
    return importAlpha<EluOp>(node, 1.0f);
  };
  converters["Celu"] = [](NodeImporter &node) {
    return importAlpha<CeluOp>(node, 1.0f);
  };
  converters["ThresholdedRelu"] = [](NodeImporter &node) {
    return importAlpha<ThresholdedReluOp>(node, 1.0f);
  };
  converters["Selu"] = importSelu;
  converters["HardSigmoid"] = importHardSigmoid;
  converters["Gelu"] = importGelu;
  converters["Swish"] = importSwish;
  converters["PRelu"] = importPRelu;
  converters["Clip"] = importClip;
}
