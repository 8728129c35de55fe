//===- Shape.cpp - Operations that move entries --------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

static SmallVector<SymbolicSize> getSizes(ArrayRef<Axis> axes) {
  SmallVector<SymbolicSize> sizes;
  for (const Axis &axis : axes)
    sizes.push_back(axis.size);
  return sizes;
}

static SymbolicSize multiply(ArrayRef<SymbolicSize> sizes) {
  SymbolicSize product(1);
  for (const SymbolicSize &size : sizes)
    product = product * size;
  return product;
}

/// The input under the same name if its shape is the wanted one already.
static LogicalResult reshapeTo(NodeImporter &node,
                               ArrayRef<SymbolicSize> sizes) {
  SmallVector<SymbolicSize> old = getSizes(node.getInputAxes(0));
  if (old == sizes)
    return node.setAlias(0, node.getTensor(0));
  if (multiply(old) != multiply(sizes))
    return node.emitError()
           << multiply(old).toString() << " elements cannot become "
           << multiply(sizes).toString();
  return node.setOutput(0, node.createReshape(node.getInput(0), sizes));
}

static LogicalResult importReshape(NodeImporter &node) {
  const Content *shape = node.getContent(1);
  if (!shape || shape->isFloat() || shape->shape.size() != 1)
    return node.importOpaque("its shape depends on input values");
  SmallVector<SymbolicSize> input = getSizes(node.getInputAxes(0));
  SmallVector<SymbolicSize> sizes;
  std::optional<size_t> inferred;
  bool allowZero = node.getInt("allowzero", 0) != 0;
  for (auto [i, entry] : llvm::enumerate(shape->integers)) {
    SymbolicSize size = entry;
    std::optional<int64_t> number = size.getStatic();
    if (number == 0 && !allowZero) {
      if (i >= input.size())
        return node.emitError()
               << "0 at place " << i << " copies an axis that does not exist";
      size = input[i];
    } else if (number == -1) {
      if (inferred)
        return node.emitError() << "two sizes of its shape are -1";
      inferred = i;
      size = SymbolicSize(1);
    } else if (number && *number < 0) {
      return node.emitError() << "its shape has the negative size " << *number;
    }
    sizes.push_back(size);
  }
  if (inferred) {
    SymbolicSize total = multiply(input), known = multiply(sizes);
    std::optional<SymbolicSize> rest =
        known == SymbolicSize(0) ? std::nullopt : total.dividedBy(known);
    if (!rest)
      return node.emitError()
             << total.toString() << " elements are not a multiple of "
             << known.toString();
    sizes[*inferred] = *rest;
  }
  return reshapeTo(node, sizes);
}

static LogicalResult importFlatten(NodeImporter &node) {
  SmallVector<SymbolicSize> input = getSizes(node.getInputAxes(0));
  int64_t rank = input.size(), axis = node.getInt("axis", 1);
  if (axis < -rank || axis > rank)
    return node.emitError()
           << "axis " << axis << " is not in [" << -rank << ", " << rank << "]";
  axis = axis < 0 ? axis + rank : axis;
  ArrayRef<SymbolicSize> sizes(input);
  return reshapeTo(node, {multiply(sizes.take_front(axis)),
                          multiply(sizes.drop_front(axis))});
}

/// The axes of Squeeze and Unsqueeze: an attribute before opset 13.
static FailureOr<std::optional<SmallVector<int64_t>>>
getAxesOperand(NodeImporter &node) {
  if (node.opset < 13)
    return node.getInts("axes");
  if (!node.hasInput(1))
    return std::optional<SmallVector<int64_t>>();
  FailureOr<SmallVector<int64_t>> axes = node.getIntegers(1);
  if (failed(axes))
    return failure();
  return std::optional<SmallVector<int64_t>>(*axes);
}

static LogicalResult importSqueeze(NodeImporter &node) {
  SmallVector<SymbolicSize> input = getSizes(node.getInputAxes(0));
  auto axes = getAxesOperand(node);
  if (failed(axes))
    return failure();
  if (*axes && failed(node.normalizeAxes(**axes, input.size())))
    return failure();
  SmallVector<SymbolicSize> sizes;
  for (auto [i, size] : llvm::enumerate(input)) {
    bool isUnit = size == SymbolicSize(1);
    bool dropped = *axes ? llvm::is_contained(**axes, i) : isUnit;
    if (dropped && !isUnit)
      return node.emitError() << "axis " << i << " has the size "
                              << size.toString() << ", not 1";
    if (!dropped)
      sizes.push_back(size);
  }
  return reshapeTo(node, sizes);
}

static LogicalResult importUnsqueeze(NodeImporter &node) {
  SmallVector<SymbolicSize> input = getSizes(node.getInputAxes(0));
  auto axes = getAxesOperand(node);
  if (failed(axes))
    return failure();
  if (!*axes)
    return node.emitError() << "its axes are missing";
  size_t rank = input.size() + (*axes)->size();
  if (failed(node.normalizeAxes(**axes, rank)))
    return failure();
  SmallVector<SymbolicSize> sizes;
  for (size_t i = 0, next = 0; i < rank; ++i)
    sizes.push_back(llvm::is_contained(**axes, i) ? SymbolicSize(1)
                                                  : input[next++]);
  return reshapeTo(node, sizes);
}

static LogicalResult importTranspose(NodeImporter &node) {
  SmallVector<int64_t> permutation;
  for (int64_t i = node.getRank(0); i-- > 0;)
    permutation.push_back(i);
  permutation = node.getInts("perm").value_or(permutation);
  SmallVector<int64_t> sorted(permutation);
  llvm::sort(sorted);
  for (auto [i, axis] : llvm::enumerate(sorted))
    if (axis != static_cast<int64_t>(i) ||
        sorted.size() != static_cast<size_t>(node.getRank(0)))
      return node.emitError() << "perm is not a permutation of the axes";
  if (permutation == sorted)
    return node.setAlias(0, node.getTensor(0));
  return node.setOutput(0, node.createTranspose(node.getInput(0), permutation));
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

namespace {
/// What one axis keeps: `size` entries, every `step`-th from `start` on.
struct AxisSlice {
  int64_t start = 0, step = 1;
  SymbolicSize size;
  /// The start counts from the end of an axis whose size is a symbol: the
  /// entries are picked by these (negative) indices.
  SmallVector<int64_t> fromEnd;
};
} // namespace

/// The usual clamping, for an axis of a fixed size.
static AxisSlice sliceStatic(int64_t size, int64_t start, int64_t end,
                             int64_t step) {
  auto clamp = [&](int64_t value, int64_t low, int64_t high) {
    if (value < 0)
      value = value < -size ? -1 : value + size;
    return std::clamp(value, low, high);
  };
  AxisSlice slice;
  if (step > 0) {
    start = clamp(start, 0, size);
    end = clamp(end, 0, size);
    slice.size = start < end ? (end - start - 1) / step + 1 : 0;
  } else {
    start = size == 0 ? 0 : clamp(start, 0, size - 1);
    end = end < -size ? -1 : clamp(end, -1, size - 1);
    // Steps are at least -2^63 + 1 here, so that they can be negated.
    slice.size = end < start && size > 0 ? (start - end - 1) / -step + 1 : 0;
  }
  // An empty slice starts anywhere inside.
  slice.start = slice.size == SymbolicSize(0) ? 0 : start;
  slice.step = step;
  return slice;
}

/// Slices of an axis with a symbol in its size, or with symbols in their ends.
/// Fixed ends are taken to lie inside: the bound holds for such lengths.
static std::optional<AxisSlice> sliceSymbolic(const SymbolicSize &size,
                                              const SymbolicSize &start,
                                              const SymbolicSize &end,
                                              int64_t step) {
  if (step != 1)
    return std::nullopt;
  std::optional<int64_t> first = start.getStatic(), last = end.getStatic();
  SymbolicSize stop = end;
  // Exporters write "to the end" as a number far beyond any axis: the largest
  // int32 or int64, or 10^9.
  if (last && *last >= 100'000'000)
    stop = size;
  else if (last && *last < 0)
    stop = size + end;
  AxisSlice slice;
  if (first && *first >= 0) {
    slice.start = *first;
    slice.size = stop - start;
    return slice;
  }
  SymbolicSize begin = first ? size + start : start;
  std::optional<int64_t> count = (stop - begin).getStatic();
  std::optional<int64_t> back = (begin - size).getStatic();
  if (!count || !back || *count <= 0 || *back >= 0 || *count > -*back ||
      *count > largestContent / 8)
    return std::nullopt;
  slice.size = *count;
  for (int64_t i = 0; i < *count; ++i)
    slice.fromEnd.push_back(*back + i);
  return slice;
}

/// One of starts, ends, axes, steps: an attribute before opset 10.
static std::optional<std::vector<SymbolicSize>>
getSliceOperand(NodeImporter &node, StringRef name, unsigned input) {
  if (node.opset < 10) {
    auto values = node.getInts(name);
    if (!values)
      return std::nullopt;
    return std::vector<SymbolicSize>(values->begin(), values->end());
  }
  const Content *content = node.getContent(input);
  if (!content || content->isFloat())
    return std::nullopt;
  return content->integers;
}

static LogicalResult importSlice(NodeImporter &node) {
  SmallVector<int64_t> axes, steps;
  auto starts = getSliceOperand(node, "starts", 1);
  auto ends = getSliceOperand(node, "ends", 2);
  if (!starts || !ends)
    return node.importOpaque("its ends depend on input values");
  int64_t rank = node.getRank(0), count = starts->size();
  if (node.opset < 10 ? node.findAttribute("axes") != nullptr
                      : node.hasInput(3)) {
    auto given = getSliceOperand(node, "axes", 3);
    for (const SymbolicSize &axis : given.value_or(std::vector<SymbolicSize>()))
      axes.push_back(axis.getStatic().value_or(rank));
  } else {
    for (int64_t i = 0; i < count; ++i)
      axes.push_back(i);
  }
  steps.assign(count, 1);
  if (node.opset >= 10 && node.hasInput(4)) {
    FailureOr<SmallVector<int64_t>> given = node.getIntegers(4);
    if (failed(given))
      return failure();
    steps = *given;
  }
  if (ends->size() != starts->size() ||
      axes.size() != static_cast<size_t>(count) ||
      steps.size() != static_cast<size_t>(count))
    return node.emitError()
           << "starts, ends, axes and steps differ in their numbers";
  if (failed(node.normalizeAxes(axes, rank)))
    return failure();

  Axes result = node.getInputAxes(0);
  SmallVector<int64_t> fullStarts(rank, 0), fullSteps(rank, 1);
  std::optional<int64_t> gatheredAxis;
  SmallVector<int64_t> gathered;
  bool isWhole = true;
  for (int64_t i = 0; i < count; ++i) {
    int64_t axis = axes[i];
    if (steps[i] == 0 || steps[i] == INT64_MIN)
      return node.emitError() << "a step of " << steps[i] << " is not valid";
    std::optional<int64_t> size = result[axis].size.getStatic();
    std::optional<int64_t> start = (*starts)[i].getStatic();
    std::optional<int64_t> end = (*ends)[i].getStatic();
    std::optional<AxisSlice> slice;
    if (size && start && end)
      slice = sliceStatic(*size, *start, *end, steps[i]);
    else
      slice =
          sliceSymbolic(result[axis].size, (*starts)[i], (*ends)[i], steps[i]);
    if (!slice || (!slice->fromEnd.empty() && gatheredAxis))
      return node.importOpaque("its ends cannot be computed from the shapes");
    isWhole &= slice->fromEnd.empty() && slice->start == 0 &&
               slice->step == 1 && slice->size == result[axis].size;
    if (!slice->fromEnd.empty()) {
      gatheredAxis = axis;
      gathered = slice->fromEnd;
      continue;
    }
    fullStarts[axis] = slice->start;
    fullSteps[axis] = slice->step;
    result[axis].size = slice->size;
  }
  if (isWhole)
    return node.setAlias(0, node.getTensor(0));
  Value value = node.getInput(0);
  Type type = makeTensorType(result, node.getElementType(0));
  if (value && type != value.getType())
    value = node.createTyped<SliceOp>(
        type, {value},
        {node.attr("starts", fullStarts), node.attr("steps", fullSteps)});
  if (gatheredAxis) {
    SmallVector<SymbolicSize> indices(gathered.begin(), gathered.end());
    Content content = Content::makeIntegers(node.builder.getI64Type(), indices);
    value = node.create<GatherOp>({value, node.createConstant(content, "")},
                                  {node.attr("axis", *gatheredAxis)});
  }
  return node.setOutput(0, value);
}

//===----------------------------------------------------------------------===//
// Joining, repeating, padding
//===----------------------------------------------------------------------===//

static LogicalResult importConcat(NodeImporter &node) {
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 1), node.getRank(0));
  if (failed(axis))
    return failure();
  if (node.getNumInputs() == 1)
    return node.setAlias(0, node.getTensor(0));
  SmallVector<Value> inputs;
  for (unsigned i = 0; i < node.getNumInputs(); ++i)
    inputs.push_back(node.getInput(i));
  return node.setOutput(
      0, node.create<ConcatOp>(inputs, {node.attr("axis", *axis)}));
}

static LogicalResult importSplit(NodeImporter &node) {
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 0), node.getRank(0));
  if (failed(axis))
    return failure();
  SmallVector<int64_t> sizes;
  if (node.opset < 13) {
    sizes = node.getInts("split").value_or(SmallVector<int64_t>());
  } else if (node.hasInput(1)) {
    FailureOr<SmallVector<int64_t>> given = node.getIntegers(1);
    if (failed(given))
      return failure();
    sizes = *given;
  }
  if (sizes.empty()) {
    // Equal parts; from opset 18 on the last one may be smaller.
    std::optional<int64_t> size = node.getInputAxes(0)[*axis].size.getStatic();
    int64_t parts = node.getNumOutputs();
    if (!size || parts == 0)
      return node.importOpaque("parts of an axis without a fixed size are not "
                               "supported");
    if (*size % parts != 0 && node.opset < 18)
      return node.emitError()
             << *size << " entries do not make " << parts << " equal parts";
    int64_t part = (*size + parts - 1) / parts;
    for (int64_t rest = *size; static_cast<int64_t>(sizes.size()) < parts;
         rest -= sizes.back())
      sizes.push_back(std::min(part, std::max<int64_t>(rest, 0)));
  }
  if (sizes.size() != node.getNumOutputs())
    return node.emitError() << sizes.size() << " parts for "
                            << node.getNumOutputs() << " outputs";
  auto op = node.createInferred<SplitOp>(
      {node.getInput(0)},
      {node.attr("axis", *axis), node.attr("sizes", sizes)});
  if (!op)
    return failure();
  for (unsigned i = 0; i < sizes.size(); ++i)
    if (failed(node.setOutput(i, op->getResult(i))))
      return failure();
  return success();
}

static LogicalResult importPad(NodeImporter &node) {
  int64_t rank = node.getRank(0);
  SmallVector<int64_t> given;
  double value = node.getFloat("value", 0);
  if (node.opset < 11) {
    given = node.getInts("pads").value_or(SmallVector<int64_t>());
  } else {
    FailureOr<SmallVector<int64_t>> pads = node.getIntegers(1);
    if (failed(pads))
      return failure();
    given = *pads;
    if (node.hasInput(2)) {
      std::optional<double> scalar = node.getScalar(2);
      if (!scalar)
        return node.importOpaque("a padding value that is computed is not "
                                 "supported");
      value = *scalar;
    }
  }
  SmallVector<int64_t> axes;
  for (int64_t i = 0; i < rank; ++i)
    axes.push_back(i);
  if (node.hasInput(3)) {
    FailureOr<SmallVector<int64_t>> stated = node.getIntegers(3);
    if (failed(stated))
      return failure();
    axes = *stated;
    if (failed(node.normalizeAxes(axes, rank)))
      return failure();
  }
  if (given.size() != 2 * axes.size())
    return node.emitError()
           << "expected " << 2 * axes.size() << " pads, got " << given.size();
  SmallVector<int64_t> pads(2 * rank, 0);
  for (auto [i, axis] : llvm::enumerate(axes)) {
    pads[axis] = given[i];
    pads[axis + rank] = given[i + axes.size()];
  }
  static const std::map<StringRef, PadMode> modes = {
      {"constant", PadMode::Constant},
      {"edge", PadMode::Edge},
      {"reflect", PadMode::Reflect},
      {"wrap", PadMode::Wrap}};
  std::string name = node.getString("mode", "constant");
  auto mode = modes.find(name);
  if (mode == modes.end())
    return node.emitError() << "unknown padding mode '" << name << "'";
  if (llvm::all_of(pads, [](int64_t pad) { return pad == 0; }))
    return node.setAlias(0, node.getTensor(0));
  return node.setOutput(
      0, node.create<PadOp>(
             {node.getInput(0)},
             {node.attr("pads", pads),
              node.attr("mode", PadModeAttr::get(node.builder.getContext(),
                                                 mode->second)),
              node.attr("value", static_cast<float>(value))}));
}

static LogicalResult importExpand(NodeImporter &node) {
  const Content *shape = node.getContent(1);
  if (!shape || shape->isFloat() || shape->shape.size() != 1)
    return node.importOpaque("its shape depends on input values");
  Axes wanted;
  for (const SymbolicSize &size : shape->integers)
    wanted.push_back({size});
  Axes input = node.getInputAxes(0);
  std::optional<Axes> result = broadcastAxes(input, wanted);
  if (!result)
    return node.emitError() << "its input cannot be broadcast to that shape";
  if (getSizes(*result) == getSizes(input))
    return node.setAlias(0, node.getTensor(0));
  return node.setOutput(0, node.createTyped<ExpandOp>(
                               makeTensorType(*result, node.getElementType(0)),
                               {node.getInput(0)}));
}

static LogicalResult importTile(NodeImporter &node) {
  const Content *content = node.getContent(1);
  if (!content || !content->getIntegers())
    return node.importOpaque("repetitions that are computed are not "
                             "supported");
  SmallVector<int64_t> repeats = *content->getIntegers();
  if (repeats.size() != static_cast<size_t>(node.getRank(0)))
    return node.emitError() << "expected one repetition an axis";
  if (llvm::all_of(repeats, [](int64_t repeat) { return repeat == 1; }))
    return node.setAlias(0, node.getTensor(0));
  return node.setOutput(
      0,
      node.create<TileOp>({node.getInput(0)}, {node.attr("repeats", repeats)}));
}

//===----------------------------------------------------------------------===//
// Picking
//===----------------------------------------------------------------------===//

static LogicalResult importGather(NodeImporter &node) {
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 0), node.getRank(0));
  if (failed(axis))
    return failure();
  bool isLookup = node.isConstant(0) && !node.isConstant(1) && *axis == 0 &&
                  node.getRank(0) == 2 &&
                  isa<FloatType>(node.getElementType(0));
  if (isLookup)
    return node.setOutput(
        0, node.create<EmbeddingOp>({node.getParameter(0), node.getInput(1)}));
  return node.setOutput(
      0, node.create<GatherOp>({node.getInput(0), node.getInput(1)},
                               {node.attr("axis", *axis)}));
}

static LogicalResult importGatherElements(NodeImporter &node) {
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 0), node.getRank(0));
  if (failed(axis))
    return failure();
  return node.setOutput(
      0, node.create<GatherElementsOp>({node.getInput(0), node.getInput(1)},
                                       {node.attr("axis", *axis)}));
}

/// Blocks of positions become channels, or the other way round: a reshape, a
/// transpose, a reshape.
static LogicalResult importBlocks(NodeImporter &node) {
  SmallVector<SymbolicSize> sizes = getSizes(node.getInputAxes(0));
  int64_t block = node.getInt("blocksize", 0);
  if (sizes.size() != 4 || block < 1 || block > INT32_MAX)
    return node.emitError() << "expected a [N, C, H, W] input and a positive "
                               "blocksize";
  auto divide = [&](const SymbolicSize &size, int64_t by) {
    return size.dividedBy(SymbolicSize(by)).value_or(SymbolicSize::invalid());
  };
  SymbolicSize b(block), n = sizes[0], c = sizes[1], h = sizes[2], w = sizes[3];
  // Where the channel stands among the block's rows and columns.
  bool columnFirst = node.getString("mode", "DCR") == "CRD";
  SmallVector<SymbolicSize> split, joined;
  SmallVector<int64_t> order;
  if (node.node.op_type() == "SpaceToDepth") {
    h = divide(h, block);
    w = divide(w, block);
    split = {n, c, h, b, w, b};
    if (columnFirst)
      order = {0, 1, 3, 5, 2, 4};
    else
      order = {0, 3, 5, 1, 2, 4};
    joined = {n, c * b * b, h, w};
  } else {
    c = divide(c, block * block);
    if (columnFirst) {
      split = {n, c, b, b, h, w};
      order = {0, 1, 4, 2, 5, 3};
    } else {
      split = {n, b, b, c, h, w};
      order = {0, 3, 4, 1, 5, 2};
    }
    joined = {n, c, h * b, w * b};
  }
  if (!multiply(split).isValid())
    return node.emitError()
           << "blocksize " << block << " does not divide its input's sizes";
  Value blocks =
      node.createTranspose(node.createReshape(node.getInput(0), split), order);
  return node.setOutput(0, node.createReshape(blocks, joined));
}

void onnx_import::addShapes(Converters &converters) {
  converters["Reshape"] = importReshape;
  converters["Flatten"] = importFlatten;
  converters["Squeeze"] = importSqueeze;
  converters["Unsqueeze"] = importUnsqueeze;
  converters["Transpose"] = importTranspose;
  converters["Slice"] = importSlice;
  converters["Concat"] = importConcat;
  converters["Split"] = importSplit;
  converters["Pad"] = importPad;
  converters["Expand"] = importExpand;
  converters["Tile"] = importTile;
  converters["Gather"] = importGather;
  converters["GatherElements"] = importGatherElements;
  converters["DepthToSpace"] = importBlocks;
  converters["SpaceToDepth"] = importBlocks;
}
