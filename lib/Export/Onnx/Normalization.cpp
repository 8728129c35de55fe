//===- Normalization.cpp - Normalisations, caps, softmax -----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_export;

/// A gain or bias, or if there is none, one number in its place.
static FailureOr<std::string> getScale(Exporter &exporter, Operation *op,
                                       Value given, double otherwise,
                                       ArrayRef<Axis> axes) {
  if (given)
    return exporter.getName(given);
  std::optional<SmallVector<int64_t>> sizes = getStaticSizes(axes);
  if (!sizes)
    return op->emitError() << "normalises axes without fixed sizes and has no "
                              "gain or bias of its own";
  return exporter.addSplat(getElementType(op->getOperand(0)), otherwise,
                           *sizes);
}

static LogicalResult exportBatchNorm(Exporter &exporter, Operation *op) {
  Names inputs;
  for (Value operand : op->getOperands())
    inputs.push_back(exporter.getName(operand));
  float epsilon = cast<BatchNormOp>(op).getEpsilon().convertToFloat();
  exporter.addNode("BatchNormalization", inputs, op->getResult(0),
                   [&](Node node) { node.set("epsilon", epsilon); });
  return success();
}

/// Layer or RMS normalisation over axes that are not the last ones: they are
/// moved there and back, then come gain and bias.
template <typename NormT>
static LogicalResult exportListedAxes(Exporter &exporter, NormT norm,
                                      Value bias) {
  Axes axes = getAxes(norm.getInput().getType());
  ArrayRef<int64_t> listed = *norm.getAxes();
  SmallVector<int64_t> order, inverse(axes.size());
  for (size_t i = 0; i < axes.size(); ++i)
    if (!llvm::is_contained(listed, static_cast<int64_t>(i)))
      order.push_back(i);
  auto first = static_cast<int64_t>(order.size());
  llvm::append_range(order, listed);
  Axes normalized;
  for (int64_t axis : listed)
    normalized.push_back(axes[axis]);
  for (auto [to, from] : llvm::enumerate(order))
    inverse[from] = to;
  auto ones = getScale(exporter, norm, {}, 1, normalized);
  if (failed(ones))
    return failure();
  std::string moved =
      exporter.addNode("Transpose", {exporter.getName(norm.getInput())}, {},
                       [&](Node node) { node.set("perm", order); });
  constexpr bool isCentred = std::is_same_v<NormT, LayerNormOp>;
  std::string name = exporter.addNode(
      isCentred ? "LayerNormalization" : "RMSNormalization", {moved, *ones}, {},
      [&](Node node) {
        node.set("axis", first)
            .set("epsilon", norm.getEpsilon().convertToFloat());
      });
  Value gain = norm.getGain();
  name = exporter.addNode("Transpose", {name},
                          gain || bias ? Value() : norm.getResult(),
                          [&](Node node) { node.set("perm", inverse); });
  if (gain)
    name = exporter.addNode("Mul", {name, exporter.getName(gain)},
                            bias ? Value() : norm.getResult());
  if (bias)
    exporter.addNode("Add", {name, exporter.getName(bias)}, norm.getResult());
  return success();
}

static LogicalResult exportLayerNorm(Exporter &exporter, Operation *op) {
  auto norm = cast<LayerNormOp>(op);
  if (norm.getAxes())
    return exportListedAxes(exporter, norm, norm.getBias());
  Axes axes = getAxes(norm.getInput().getType());
  int64_t axis = norm.getAxis();
  auto gain = getScale(exporter, op, norm.getGain(), 1,
                       ArrayRef(axes).drop_front(axis));
  if (failed(gain))
    return failure();
  Names inputs = {exporter.getName(norm.getInput()), *gain};
  if (norm.getBias())
    inputs.push_back(exporter.getName(norm.getBias()));
  exporter.addNode("LayerNormalization", inputs, norm.getResult(),
                   [&](Node node) {
                     node.set("axis", axis)
                         .set("epsilon", norm.getEpsilon().convertToFloat());
                   });
  return success();
}

static LogicalResult exportRmsNorm(Exporter &exporter, Operation *op) {
  auto norm = cast<RmsNormOp>(op);
  if (norm.getAxes())
    return exportListedAxes(exporter, norm, Value());
  Axes axes = getAxes(norm.getInput().getType());
  int64_t axis = norm.getAxis();
  auto gain = getScale(exporter, op, norm.getGain(), 1,
                       ArrayRef(axes).drop_front(axis));
  if (failed(gain))
    return failure();
  exporter.addNode("RMSNormalization",
                   {exporter.getName(norm.getInput()), *gain}, norm.getResult(),
                   [&](Node node) {
                     node.set("axis", axis)
                         .set("epsilon", norm.getEpsilon().convertToFloat());
                   });
  return success();
}

static LogicalResult exportGroupNorm(Exporter &exporter, Operation *op) {
  auto norm = cast<GroupNormOp>(op);
  Axes axes = getAxes(norm.getInput().getType());
  ArrayRef<Axis> channels = ArrayRef(axes).slice(1, 1);
  int64_t groups = norm.getGroups();
  auto gain = getScale(exporter, op, norm.getGain(), 1, channels);
  auto bias = getScale(exporter, op, norm.getBias(), 0, channels);
  if (failed(gain) || failed(bias))
    return failure();
  bool isInstance = axes[1].size == SymbolicSize(groups) && axes.size() > 2;
  exporter.addNode(isInstance ? "InstanceNormalization" : "GroupNormalization",
                   {exporter.getName(norm.getInput()), *gain, *bias},
                   norm.getResult(), [&](Node node) {
                     node.set("epsilon", norm.getEpsilon().convertToFloat());
                     if (!isInstance)
                       node.set("num_groups", groups);
                   });
  return success();
}

static LogicalResult exportLpNorm(Exporter &exporter, Operation *op) {
  auto norm = cast<LpNormOp>(op);
  exporter.addNode("LpNormalization", {exporter.getName(norm.getInput())},
                   norm.getResult(), [&](Node node) {
                     node.set("axis", static_cast<int64_t>(norm.getAxis()))
                         .set("p", static_cast<int64_t>(norm.getP()));
                   });
  return success();
}

/// x * min(1, radius / sqrt(mean(x^2))); at 0 the quotient is infinite.
static LogicalResult exportRmsCap(Exporter &exporter, Operation *op) {
  auto cap = cast<RmsCapOp>(op);
  Type elementType = getElementType(cap.getInput());
  std::string input = exporter.getName(cap.getInput());
  std::string mean =
      exporter.addNode("ReduceMean", {exporter.addNode("Mul", {input, input}),
                                      exporter.addIntegers({-1})});
  std::string ratio = exporter.addNode(
      "Div", {exporter.addSplat(elementType, cap.getRadius().convertToFloat()),
              exporter.addNode("Sqrt", {mean})});
  std::string factor =
      exporter.addNode("Min", {ratio, exporter.addSplat(elementType, 1)});
  exporter.addNode("Mul", {input, factor}, cap.getResult());
  return success();
}

template <typename OpTy>
static LogicalResult exportSoftmax(Exporter &exporter, Operation *op) {
  auto softmax = cast<OpTy>(op);
  StringRef type = std::is_same_v<OpTy, SoftmaxOp> ? "Softmax" : "LogSoftmax";
  std::string input = exporter.getName(softmax.getInput());
  int64_t axis = softmax.getAxis();
  if (!softmax.getFlatten()) {
    exporter.addNode(type, {input}, softmax.getResult(),
                     [&](Node node) { node.set("axis", axis); });
    return success();
  }
  std::string flat = exporter.addNode(
      "Flatten", {input}, {}, [&](Node node) { node.set("axis", axis); });
  std::string rows = exporter.addNode(
      type, {flat}, {}, [](Node node) { node.set("axis", int64_t(1)); });
  exporter.addNode("Reshape", {rows, exporter.addNode("Shape", {input})},
                   softmax.getResult());
  return success();
}

void onnx_export::addNormalizations(Converters &converters) {
  converters["batch_norm"] = exportBatchNorm;
  converters["layer_norm"] = exportLayerNorm;
  converters["rms_norm"] = exportRmsNorm;
  converters["group_norm"] = exportGroupNorm;
  converters["lp_norm"] = exportLpNorm;
  converters["rms_cap"] = exportRmsCap;
  converters["softmax"] = exportSoftmax<SoftmaxOp>;
  converters["log_softmax"] = exportSoftmax<LogSoftmaxOp>;
}
