//===- Shape.cpp - Operations that move entries --------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_export;

static SmallVector<SymbolicSize> getSizes(Value value) {
  SmallVector<SymbolicSize> sizes;
  for (const Axis &axis : getAxes(value.getType()))
    sizes.push_back(axis.size);
  return sizes;
}

/// The shape of a reshape: 0 copies an input axis, one -1 stands for what is
/// left; only further symbols must be read off the inputs.
static LogicalResult exportReshape(Exporter &exporter, Operation *op) {
  auto reshape = cast<ReshapeOp>(op);
  SmallVector<SymbolicSize> input = getSizes(reshape.getInput());
  SmallVector<SymbolicSize> sizes = getSizes(reshape.getResult());
  bool hasInferred = false, hasZero = false;
  for (const SymbolicSize &size : sizes)
    hasZero |= size == SymbolicSize(0);
  for (auto [i, size] : llvm::enumerate(sizes)) {
    if (size.isStatic() || hasZero)
      continue;
    if (i < input.size() && input[i] == size)
      size = SymbolicSize(0);
    else if (!hasInferred) {
      size = SymbolicSize(-1);
      hasInferred = true;
    }
  }
  std::string shape = exporter.addSizes(op, sizes);
  if (shape.empty())
    return failure();
  exporter.addNode("Reshape", {exporter.getName(reshape.getInput()), shape},
                   reshape.getResult(), [&](Node node) {
                     if (hasZero)
                       node.set("allowzero", int64_t(1));
                   });
  return success();
}

static LogicalResult exportTranspose(Exporter &exporter, Operation *op) {
  auto transpose = cast<TransposeOp>(op);
  exporter.addNode("Transpose", {exporter.getName(transpose.getInput())},
                   transpose.getResult(), [&](Node node) {
                     node.set("perm", transpose.getPermutation());
                   });
  return success();
}

static LogicalResult exportSlice(Exporter &exporter, Operation *op) {
  auto slice = cast<SliceOp>(op);
  SmallVector<SymbolicSize> input = getSizes(slice.getInput());
  SmallVector<SymbolicSize> result = getSizes(slice.getResult());
  SmallVector<int64_t> axes, starts, steps;
  SmallVector<SymbolicSize> ends;
  for (size_t i = 0; i < input.size(); ++i) {
    int64_t start = slice.getStarts()[i], step = slice.getSteps()[i];
    if (start == 0 && step == 1 && input[i] == result[i])
      continue;
    // The entry after the last one; before the first entry there is no index
    // that does not count from the end.
    SymbolicSize end = SymbolicSize(start) + result[i] * SymbolicSize(step);
    if (step < 0 && end.getStatic().value_or(0) < 0)
      end = SymbolicSize(INT64_MIN + 1);
    else if (!end.isStatic() && end == input[i])
      end = SymbolicSize(INT64_MAX);
    else if (!end.isStatic() && (end - input[i]).getStatic().value_or(0) < 0)
      end = end - input[i];
    axes.push_back(i);
    starts.push_back(start);
    ends.push_back(end);
    steps.push_back(step);
  }
  std::string endsName = exporter.addSizes(op, ends);
  if (endsName.empty())
    return failure();
  exporter.addNode("Slice",
                   {exporter.getName(slice.getInput()),
                    exporter.addIntegers(starts), endsName,
                    exporter.addIntegers(axes), exporter.addIntegers(steps)},
                   slice.getResult());
  return success();
}

static LogicalResult exportConcat(Exporter &exporter, Operation *op) {
  Names inputs;
  for (Value input : op->getOperands())
    inputs.push_back(exporter.getName(input));
  int64_t axis = cast<ConcatOp>(op).getAxis();
  exporter.addNode("Concat", inputs, op->getResult(0),
                   [&](Node node) { node.set("axis", axis); });
  return success();
}

static LogicalResult exportSplit(Exporter &exporter, Operation *op) {
  auto split = cast<SplitOp>(op);
  Names outputs;
  std::string sizes = exporter.addIntegers(split.getSizes());
  for (Value output : split.getOutputs())
    outputs.push_back(exporter.makeResultName(output));
  Node(exporter.addNodeProto(
           "Split", {exporter.getName(split.getInput()), sizes}, outputs))
      .set("axis", static_cast<int64_t>(split.getAxis()));
  return success();
}

static LogicalResult exportPad(Exporter &exporter, Operation *op) {
  auto pad = cast<PadOp>(op);
  Type elementType = getElementType(pad.getInput());
  static constexpr StringRef modes[] = {"constant", "edge", "reflect", "wrap"};
  Names inputs = {exporter.getName(pad.getInput()),
                  exporter.addIntegers(pad.getPads())};
  if (pad.getMode() == PadMode::Constant)
    inputs.push_back(
        exporter.addSplat(elementType, pad.getValue().convertToFloat()));
  exporter.addNode("Pad", inputs, pad.getResult(), [&](Node node) {
    node.set("mode", modes[static_cast<unsigned>(pad.getMode())]);
  });
  return success();
}

static LogicalResult exportExpand(Exporter &exporter, Operation *op) {
  auto expand = cast<ExpandOp>(op);
  SmallVector<SymbolicSize> input = getSizes(expand.getInput());
  SmallVector<SymbolicSize> sizes = getSizes(expand.getResult());
  // A symbol that the input has already is kept by a 1.
  for (size_t i = 0; i < input.size(); ++i) {
    SymbolicSize &size = sizes[sizes.size() - 1 - i];
    if (!size.isStatic() && size == input[input.size() - 1 - i])
      size = SymbolicSize(1);
  }
  std::string shape = exporter.addSizes(op, sizes);
  if (shape.empty())
    return failure();
  exporter.addNode("Expand", {exporter.getName(expand.getInput()), shape},
                   expand.getResult());
  return success();
}

static LogicalResult exportTile(Exporter &exporter, Operation *op) {
  auto tile = cast<TileOp>(op);
  exporter.addNode("Tile",
                   {exporter.getName(tile.getInput()),
                    exporter.addIntegers(tile.getRepeats())},
                   tile.getResult());
  return success();
}

template <typename OpTy>
static LogicalResult exportGather(Exporter &exporter, Operation *op) {
  auto gather = cast<OpTy>(op);
  StringRef type = std::is_same_v<OpTy, GatherOp> ? "Gather" : "GatherElements";
  exporter.addNode(type,
                   {exporter.getName(gather.getInput()),
                    exporter.getName(gather.getIndices())},
                   gather.getResult(), [&](Node node) {
                     node.set("axis", static_cast<int64_t>(gather.getAxis()));
                   });
  return success();
}

void onnx_export::addShapes(Converters &converters) {
  converters["reshape"] = exportReshape;
  converters["transpose"] = exportTranspose;
  converters["slice"] = exportSlice;
  converters["concat"] = exportConcat;
  converters["split"] = exportSplit;
  converters["pad"] = exportPad;
  converters["expand"] = exportExpand;
  converters["tile"] = exportTile;
  converters["gather"] = exportGather<GatherOp>;
  converters["gather_elements"] = exportGather<GatherElementsOp>;
}
