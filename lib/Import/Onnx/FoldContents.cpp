//===- FoldContents.cpp - Shape code evaluated at import -----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FoldContents.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

//===----------------------------------------------------------------------===//
// Broadcasting and picking
//===----------------------------------------------------------------------===//

std::optional<SmallVector<int64_t>>
onnx_import::broadcastShapes(Contents operands) {
  size_t rank = 0;
  for (const Content *operand : operands)
    rank = std::max(rank, operand->shape.size());
  SmallVector<int64_t> shape(rank, 1);
  for (const Content *operand : operands)
    for (size_t i = 0; i < operand->shape.size(); ++i) {
      int64_t &size = shape[rank - operand->shape.size() + i];
      if (operand->shape[i] == 1)
        continue;
      if (size != 1 && size != operand->shape[i])
        return std::nullopt;
      size = operand->shape[i];
    }
  if (!fitsContent(shape, operands.back()->elementType))
    return std::nullopt;
  return shape;
}

static int64_t countElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

void onnx_import::forEachBroadcast(
    ArrayRef<int64_t> shape, Contents operands,
    llvm::function_ref<void(ArrayRef<int64_t>)> visit) {
  SmallVector<int64_t> offsets(operands.size());
  for (int64_t i = 0, count = countElements(shape); i < count; ++i) {
    for (auto [operand, offset] : llvm::zip(operands, offsets)) {
      // Row-major digits of i, from the last axis on.
      int64_t rest = i, stride = 1;
      offset = 0;
      for (size_t axis = 0; axis < shape.size(); ++axis) {
        int64_t place = rest % shape[shape.size() - 1 - axis];
        rest /= shape[shape.size() - 1 - axis];
        if (axis >= operand->shape.size())
          continue;
        int64_t size = operand->shape[operand->shape.size() - 1 - axis];
        offset += (size == 1 ? 0 : place) * stride;
        stride *= size;
      }
    }
    visit(offsets);
  }
}

static void append(Content &result, const Content &input, int64_t offset) {
  if (result.isFloat())
    result.floats.push_back(input.floats[offset]);
  else
    result.integers.push_back(input.integers[offset]);
}

static Content makeLike(const Content &input, ArrayRef<int64_t> shape) {
  Content result;
  result.elementType = input.elementType;
  result.shape.assign(shape.begin(), shape.end());
  return result;
}

/// [outer, size, inner] around an axis.
static std::array<int64_t, 3> splitAt(ArrayRef<int64_t> shape, int64_t axis) {
  return {countElements(shape.take_front(axis)), shape[axis],
          countElements(shape.drop_front(axis + 1))};
}

/// The entries at these places of an axis.
static Content pick(const Content &input, int64_t axis,
                    ArrayRef<int64_t> places, ArrayRef<int64_t> shape) {
  Content result = makeLike(input, shape);
  auto [outer, size, inner] = splitAt(input.shape, axis);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t place : places)
      for (int64_t i = 0; i < inner; ++i)
        append(result, input, (o * size + place) * inner + i);
  return result;
}

static std::optional<int64_t> getAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

static std::optional<Content> foldGather(NodeImporter &node,
                                         Contents operands) {
  const Content &input = *operands[0];
  auto indices = operands[1]->getIntegers();
  auto axis = getAxis(node.getInt("axis", 0), input.shape.size());
  if (!indices || !axis)
    return std::nullopt;
  for (int64_t &index : *indices) {
    int64_t size = input.shape[*axis];
    if (index < -size || index >= size)
      return std::nullopt;
    index = index < 0 ? index + size : index;
  }
  SmallVector<int64_t> shape(input.shape);
  shape.erase(shape.begin() + *axis);
  shape.insert(shape.begin() + *axis, operands[1]->shape.begin(),
               operands[1]->shape.end());
  if (!fitsContent(shape, input.elementType))
    return std::nullopt;
  return pick(input, *axis, *indices, shape);
}

static std::optional<Content> foldSlice(NodeImporter &node, Contents operands) {
  Content result = *operands[0];
  std::optional<SmallVector<int64_t>> lists[4];
  if (node.opset < 10) {
    lists[0] = node.getInts("starts");
    lists[1] = node.getInts("ends");
    lists[2] = node.getInts("axes");
  } else {
    for (unsigned i = 0; i < 4; ++i)
      if (const Content *list = node.getContent(i + 1)) {
        lists[i] = list->getIntegers();
        if (!lists[i])
          return std::nullopt;
      }
  }
  if (!lists[0] || !lists[1] || lists[1]->size() != lists[0]->size())
    return std::nullopt;
  for (size_t k = 0; k < lists[0]->size(); ++k) {
    if ((lists[2] && k >= lists[2]->size()) ||
        (lists[3] && k >= lists[3]->size()))
      return std::nullopt;
    auto axis = getAxis(lists[2] ? (*lists[2])[k] : k, result.shape.size());
    int64_t step = lists[3] ? (*lists[3])[k] : 1;
    if (!axis || step == 0)
      return std::nullopt;
    int64_t size = result.shape[*axis], low = step > 0 ? 0 : -1;
    auto clamp = [&](int64_t value) {
      if (value < 0)
        value = value < -size ? low : value + size;
      return std::clamp(value, low, step > 0 ? size : size - 1);
    };
    int64_t start = clamp((*lists[0])[k]), end = clamp((*lists[1])[k]);
    step = std::clamp<int64_t>(step, -largestContent - 1, largestContent + 1);
    SmallVector<int64_t> places, shape(result.shape);
    for (int64_t i = start; step > 0 ? i < end : i > end; i += step)
      places.push_back(i);
    shape[*axis] = places.size();
    result = pick(result, *axis, places, shape);
  }
  return result;
}

static std::optional<Content> foldConcat(NodeImporter &node,
                                         Contents operands) {
  auto axis = getAxis(node.getInt("axis", 1), operands[0]->shape.size());
  if (!axis)
    return std::nullopt;
  Content result = makeLike(*operands[0], operands[0]->shape);
  result.shape[*axis] = 0;
  for (const Content *operand : operands) {
    SmallVector<int64_t> shape(operand->shape);
    if (shape.size() != result.shape.size() ||
        operand->elementType != result.elementType)
      return std::nullopt;
    result.shape[*axis] += shape[*axis];
    shape[*axis] = result.shape[*axis];
    if (shape != result.shape)
      return std::nullopt;
  }
  if (!fitsContent(result.shape, result.elementType))
    return std::nullopt;
  int64_t outer = splitAt(result.shape, *axis)[0];
  for (int64_t o = 0; o < outer; ++o)
    for (const Content *operand : operands) {
      int64_t run =
          splitAt(operand->shape, *axis)[1] * splitAt(operand->shape, *axis)[2];
      for (int64_t i = 0; i < run; ++i)
        append(result, *operand, o * run + i);
    }
  return result;
}

/// Squeeze, Unsqueeze, Flatten, Reshape: the same entries.
static std::optional<Content> withShape(const Content &input,
                                        ArrayRef<int64_t> shape) {
  if (countElements(shape) != input.getCount())
    return std::nullopt;
  Content result = input;
  result.shape.assign(shape.begin(), shape.end());
  return result;
}

static std::optional<Content> foldReshape(NodeImporter &node,
                                          Contents operands) {
  auto shape = operands[1]->getIntegers();
  if (!shape || node.getInt("allowzero", 0))
    return std::nullopt;
  int64_t known = 1;
  int64_t *inferred = nullptr;
  for (auto [i, size] : llvm::enumerate(*shape)) {
    if (size == 0 && i < operands[0]->shape.size())
      size = operands[0]->shape[i];
    if (size == -1 && !inferred)
      inferred = &size;
    else if (size <= 0 || size > largestContent ||
             (known *= size) > largestContent)
      return std::nullopt;
  }
  if (inferred)
    *inferred = operands[0]->getCount() / known;
  return withShape(*operands[0], *shape);
}

static std::optional<SmallVector<int64_t>> getAxes(NodeImporter &node,
                                                   size_t rank) {
  std::optional<SmallVector<int64_t>> axes;
  if (node.opset < 13)
    axes = node.getInts("axes");
  else if (const Content *content = node.getContent(1))
    axes = content->getIntegers();
  if (axes)
    for (int64_t &axis : *axes) {
      auto normal = getAxis(axis, rank);
      if (!normal)
        return std::nullopt;
      axis = *normal;
    }
  return axes;
}

static std::optional<Content> foldUnsqueeze(NodeImporter &node,
                                            Contents operands) {
  const Content &input = *operands[0];
  size_t added =
      node.opset < 13
          ? node.getInts("axes").value_or(SmallVector<int64_t>()).size()
          : operands.back()->getCount();
  size_t rank = input.shape.size() + added;
  auto axes = ::getAxes(node, rank);
  if (!axes)
    return std::nullopt;
  SmallVector<int64_t> shape;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i)
    if (llvm::is_contained(*axes, i))
      shape.push_back(1);
    else if (next < input.shape.size())
      shape.push_back(input.shape[next++]);
  return withShape(input, shape);
}

static std::optional<Content> foldSqueeze(NodeImporter &node,
                                          Contents operands) {
  const Content &input = *operands[0];
  auto axes = ::getAxes(node, input.shape.size());
  bool all = node.opset < 13 ? !node.findAttribute("axes") : !node.hasInput(1);
  if (!axes && !all)
    return std::nullopt;
  SmallVector<int64_t> shape;
  for (auto [i, size] : llvm::enumerate(input.shape))
    if (all ? size != 1 : !llvm::is_contained(*axes, i))
      shape.push_back(size);
  return withShape(input, shape);
}

static std::optional<Content> foldExpand(NodeImporter &, Contents operands) {
  auto shape = operands[1]->getIntegers();
  if (!shape || !fitsContent(*shape, operands[0]->elementType))
    return std::nullopt;
  Content target = makeLike(*operands[0], *shape);
  auto joined = broadcastShapes({operands[0], &target});
  if (!joined)
    return std::nullopt;
  Content result = makeLike(*operands[0], *joined);
  forEachBroadcast(*joined, {operands[0]}, [&](ArrayRef<int64_t> offsets) {
    append(result, *operands[0], offsets[0]);
  });
  return result;
}

static std::optional<Content> foldTranspose(NodeImporter &node,
                                            Contents operands) {
  const Content &input = *operands[0];
  size_t rank = input.shape.size();
  SmallVector<int64_t> order;
  for (size_t i = rank; i-- > 0;)
    order.push_back(i);
  order = node.getInts("perm").value_or(order);
  SmallVector<int64_t> sorted(order), shape, strides(rank, 1);
  llvm::sort(sorted);
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted.size() != rank || sorted[i] != static_cast<int64_t>(i))
      return std::nullopt;
  for (size_t i = rank; i-- > 1;)
    strides[i - 1] = strides[i] * input.shape[i];
  for (int64_t axis : order)
    shape.push_back(input.shape[axis]);
  Content result = makeLike(input, shape);
  for (int64_t i = 0, count = input.getCount(); i < count; ++i) {
    int64_t rest = i, offset = 0;
    for (size_t k = rank; k-- > 0; rest /= shape[k])
      offset += rest % shape[k] * strides[order[k]];
    append(result, input, offset);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Sources and reductions
//===----------------------------------------------------------------------===//

static std::optional<Content> foldRange(NodeImporter &node, Contents operands) {
  Content result;
  result.elementType = operands[0]->elementType;
  if (result.isFloat())
    return std::nullopt;
  std::optional<int64_t> start = operands[0]->integers[0].getStatic(),
                         limit = operands[1]->integers[0].getStatic(),
                         step = operands[2]->integers[0].getStatic();
  if (!start || !limit || !step || *step == 0)
    return std::nullopt;
  for (int64_t i = *start; *step > 0 ? i < *limit : i > *limit;) {
    result.integers.push_back(i);
    if (!fitsContent({result.getCount()}, result.elementType) ||
        __builtin_add_overflow(i, *step, &i))
      return std::nullopt;
  }
  result.shape = {result.getCount()};
  return result;
}

static std::optional<Content> foldConstantOfShape(NodeImporter &node,
                                                  Contents operands) {
  auto shape = operands[0]->getIntegers();
  Content result;
  result.elementType = node.builder.getF32Type();
  double value = 0;
  if (const onnx::AttributeProto *attribute = node.findAttribute("value")) {
    result.elementType =
        node.importer.convertElementType(attribute->t().data_type());
    std::optional<double> entry = readOnlyEntry(attribute->t());
    if (!result.elementType || !entry)
      return std::nullopt;
    value = *entry;
  }
  if (!shape || !fitsContent(*shape, result.elementType))
    return std::nullopt;
  result.shape = *shape;
  int64_t count = countElements(*shape);
  if (result.isFloat())
    result.floats.assign(count, roundTo(result.elementType, value));
  else
    result.integers.assign(count, static_cast<int64_t>(value));
  return result;
}

/// Sums, products, largest and smallest of all entries of integers.
static std::optional<Content> foldReduce(NodeImporter &node,
                                         Contents operands) {
  const Content &input = *operands[0];
  StringRef type = node.node.op_type();
  if (input.isFloat() || input.shape.size() > 1 || input.getCount() == 0 ||
      node.getInt("noop_with_empty_axes", 0))
    return std::nullopt;
  SymbolicSize total = input.integers[0];
  for (const SymbolicSize &entry : ArrayRef(input.integers).drop_front()) {
    std::optional<int64_t> a = total.getStatic(), b = entry.getStatic();
    if (type == "ReduceSum")
      total = total + entry;
    else if (type == "ReduceProd")
      total = total * entry;
    else if (a && b)
      total = SymbolicSize(type == "ReduceMax" ? std::max(*a, *b)
                                               : std::min(*a, *b));
    else
      return std::nullopt;
  }
  if (!total.isValid())
    return std::nullopt;
  bool keepAxis = node.getInt("keepdims", 1) && input.shape.size() == 1;
  Content result = makeLike(input, {});
  if (keepAxis)
    result.shape = {1};
  result.integers = {total};
  return result;
}

/// Shape (with `start` and `end` from opset 15 on) and Size.
static bool foldShape(NodeImporter &node) {
  Axes axes = node.getInputAxes(0);
  int64_t rank = axes.size();
  Type i64 = node.builder.getI64Type();
  if (node.node.op_type() == "Size") {
    SymbolicSize count(1);
    for (const Axis &axis : axes)
      count = count * axis.size;
    Content content = Content::makeIntegers(i64, {count});
    content.shape.clear();
    return count.isValid() && succeeded(node.setOutput(0, content));
  }
  auto clamp = [&](int64_t value) {
    return std::clamp<int64_t>(value < -rank ? 0
                               : value < 0   ? value + rank
                                             : value,
                               0, rank);
  };
  int64_t start = clamp(node.getInt("start", 0));
  int64_t end = clamp(node.getInt("end", rank));
  SmallVector<SymbolicSize> sizes;
  for (int64_t i = start; i < end; ++i)
    sizes.push_back(axes[i].size);
  return succeeded(node.setOutput(0, Content::makeIntegers(i64, sizes)));
}

static bool foldSplit(NodeImporter &node, const Content &input) {
  auto axis = getAxis(node.getInt("axis", 0), input.shape.size());
  std::optional<SmallVector<int64_t>> sizes;
  if (node.opset < 13)
    sizes = node.getInts("split");
  else if (const Content *content = node.getContent(1))
    sizes = content->getIntegers();
  int64_t parts = node.getNumOutputs();
  if (!axis || parts == 0)
    return false;
  int64_t size = input.shape[*axis];
  if (!sizes && size % parts == 0)
    sizes = SmallVector<int64_t>(parts, size / parts);
  if (!sizes || static_cast<int64_t>(sizes->size()) != parts)
    return false;
  int64_t total = 0;
  for (int64_t part : *sizes)
    if (part < 0 || part > size || (total += part) > size)
      return false;
  int64_t start = 0;
  for (auto [i, part] : llvm::enumerate(*sizes)) {
    SmallVector<int64_t> places, shape(input.shape);
    for (int64_t k = 0; k < part; ++k)
      places.push_back(start + k);
    start += part;
    shape[*axis] = part;
    if (node.hasOutput(i) &&
        failed(node.setOutput(i, pick(input, *axis, places, shape))))
      return false;
  }
  return total == size;
}

static const Folders &getFolders() {
  static const Folders folders = [] {
    Folders result;
    addArithmeticFolders(result);
    result["Gather"] = foldGather;
    result["Slice"] = foldSlice;
    result["Concat"] = foldConcat;
    result["Reshape"] = foldReshape;
    result["Unsqueeze"] = foldUnsqueeze;
    result["Squeeze"] = foldSqueeze;
    result["Expand"] = foldExpand;
    result["Transpose"] = foldTranspose;
    result["Range"] = foldRange;
    result["ConstantOfShape"] = foldConstantOfShape;
    for (StringRef type : {"ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin"})
      result[type] = foldReduce;
    return result;
  }();
  return folders;
}

bool onnx_import::foldContents(NodeImporter &node) {
  StringRef type = node.node.op_type();
  if (type == "Shape" || type == "Size")
    return node.hasInput(0) && foldShape(node);
  SmallVector<const Content *> operands;
  for (unsigned i = 0; i < node.getNumInputs(); ++i) {
    if (!node.hasInput(i))
      continue;
    operands.push_back(node.getContent(i));
    if (!operands.back())
      return false;
  }
  if (operands.empty() || operands.size() != node.getNumInputs())
    return false;
  if (type == "Split")
    return foldSplit(node, *operands[0]);
  auto folder = getFolders().find(type);
  if (folder == getFolders().end())
    return false;
  std::optional<Content> content = folder->second(node, operands);
  return content && succeeded(node.setOutput(0, *content));
}
