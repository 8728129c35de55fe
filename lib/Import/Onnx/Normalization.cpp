//===- Normalization.cpp - Normalisations and softmax --------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

static LogicalResult importBatchNorm(NodeImporter &node) {
  if (node.getInt("training_mode", 0))
    return node.importOpaque("training mode is not supported");
  if (node.opset < 9 && node.getInt("spatial", 1) == 0)
    return node.importOpaque("statistics per position are not supported");
  SmallVector<Value> operands = {node.getInput(0)};
  for (unsigned i = 1; i < 5; ++i)
    operands.push_back(node.getParameter(i));
  return node.setOutput(
      0,
      node.create<BatchNormOp>(
          operands, {node.attr("epsilon", node.getFloat("epsilon", 1e-5f))}));
}

/// The optional outputs of LayerNormalization: the mean and the inverse
/// standard deviation over the axes from `axis` on.
static LogicalResult importStatistics(NodeImporter &node, int64_t axis,
                                      float epsilon) {
  if (!node.isUsed(1) && !node.isUsed(2))
    return success();
  SmallVector<int64_t> axes;
  for (int64_t i = axis; i < node.getRank(0); ++i)
    axes.push_back(i);
  Type elementType = node.getElementType(0);
  Value input = node.getInput(0);
  Value mean = node.createReduce(ReductionKind::Mean, input, axes, true);
  Value centred = node.create<SubOp>({input, mean});
  Value variance = node.createReduce(
      ReductionKind::Mean, node.create<MulOp>({centred, centred}), axes, true);
  Value shifted =
      node.create<AddOp>({variance, node.createScalar(elementType, epsilon)});
  Value inverse = node.create<ReciprocalOp>({node.create<SqrtOp>({shifted})});
  return success(succeeded(node.setOutput(1, mean)) &&
                 succeeded(node.setOutput(2, inverse)));
}

static LogicalResult importLayerNorm(NodeImporter &node) {
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -1), node.getRank(0));
  if (failed(axis))
    return failure();
  float epsilon = node.getFloat("epsilon", 1e-5f);
  SmallVector<Value> operands = {node.getInput(0), node.getParameter(1)};
  if (node.hasInput(2))
    operands.push_back(node.getParameter(2));
  Value result = node.create<LayerNormOp>(
      operands, {node.attr("axis", *axis), node.attr("epsilon", epsilon),
                 node.segments({1, 1, node.hasInput(2)})});
  return success(succeeded(node.setOutput(0, result)) &&
                 succeeded(importStatistics(node, *axis, epsilon)));
}

static LogicalResult importRmsNorm(NodeImporter &node) {
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -1), node.getRank(0));
  if (failed(axis))
    return failure();
  return node.setOutput(
      0, node.create<RmsNormOp>(
             {node.getInput(0), node.getParameter(1)},
             {node.attr("axis", *axis),
              node.attr("epsilon", node.getFloat("epsilon", 1e-5f))}));
}

static FailureOr<int64_t> getChannels(NodeImporter &node) {
  Axes axes = node.getInputAxes(0);
  std::optional<int64_t> channels =
      axes.size() < 2 ? std::nullopt : axes[1].size.getStatic();
  if (!channels || *channels <= 0)
    return node.emitError() << "expected a fixed number of channels on axis 1";
  return *channels;
}

static LogicalResult createGroupNorm(NodeImporter &node, int64_t groups,
                                     Value gain, Value bias) {
  return node.setOutput(
      0, node.create<GroupNormOp>(
             {node.getInput(0), gain, bias},
             {node.attr("groups", groups),
              node.attr("epsilon", node.getFloat("epsilon", 1e-5f)),
              node.segments({1, 1, 1})}));
}

static LogicalResult importInstanceNorm(NodeImporter &node) {
  FailureOr<int64_t> channels = getChannels(node);
  if (failed(channels))
    return failure();
  return createGroupNorm(node, *channels, node.getParameter(1),
                         node.getParameter(2));
}

static LogicalResult importGroupNorm(NodeImporter &node) {
  FailureOr<int64_t> channels = getChannels(node);
  if (failed(channels))
    return failure();
  int64_t groups = node.getInt("num_groups", 0);
  if (groups <= 0 || *channels % groups != 0)
    return node.emitError()
           << *channels << " channels do not make " << groups << " groups";
  Value gain = node.getParameter(1), bias = node.getParameter(2);
  // Before opset 21 one entry a group: repeated for its channels.
  if (node.opset < 21 && groups != *channels) {
    for (Value *parameter : {&gain, &bias}) {
      Value column = node.createReshape(*parameter, {groups, 1});
      auto wide = RankedTensorType::get({groups, *channels / groups},
                                        node.getElementType(0));
      *parameter = node.createReshape(
          node.createTyped<ExpandOp>(wide, {column}), {*channels});
    }
  }
  return createGroupNorm(node, groups, gain, bias);
}

static LogicalResult importLpNorm(NodeImporter &node) {
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -1), node.getRank(0));
  if (failed(axis))
    return failure();
  return node.setOutput(
      0, node.create<LpNormOp>(
             {node.getInput(0)},
             {node.attr("axis", *axis), node.attr("p", node.getInt("p", 2))}));
}

template <typename OpTy>
static LogicalResult importSoftmax(NodeImporter &node) {
  int64_t rank = node.getRank(0);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", node.opset < 13 ? 1 : -1), rank);
  if (failed(axis))
    return failure();
  SmallVector<NamedAttribute> attributes = {node.attr("axis", *axis)};
  // Older versions normalise all axes from `axis` on together.
  if (node.opset < 13 && *axis != rank - 1)
    attributes.push_back(node.unit("flatten"));
  return node.setOutput(0, node.create<OpTy>({node.getInput(0)}, attributes));
}

void onnx_import::addNormalizations(Converters &converters) {
  converters["BatchNormalization"] = importBatchNorm;
  converters["LayerNormalization"] = importLayerNorm;
  converters["RMSNormalization"] = importRmsNorm;
  converters["InstanceNormalization"] = importInstanceNorm;
  converters["GroupNormalization"] = importGroupNorm;
  converters["LpNormalization"] = importLpNorm;
  converters["Softmax"] = importSoftmax<SoftmaxOp>;
  converters["LogSoftmax"] = importSoftmax<LogSoftmaxOp>;
}
