//===- ConstantFolding.cpp - Values that no graph input decides -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/ConstantFolding.h"

#include "FoldArithmetic.h"
#include "lipt/Checker/Rejection.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

using namespace lipt::checker;

Constant Constant::fromTensor(Tensor tensor) {
  Constant constant;
  constant.shape.assign(tensor.shape.begin(), tensor.shape.end());
  constant.value = std::move(tensor);
  return constant;
}

Constant Constant::fromEntries(std::vector<Size> entries, bool scalar) {
  scalar = scalar && entries.size() == 1;
  std::vector<int64_t> numbers;
  for (const Size &entry : entries)
    if (auto number = entry.constant())
      numbers.push_back(*number);
  int64_t count = static_cast<int64_t>(entries.size());
  std::vector<int64_t> shape;
  if (!scalar)
    shape.push_back(count);
  if (numbers.size() == entries.size())
    return fromTensor(Tensor::fromIntegers(ElementType::Int64, shape, numbers));
  Constant constant;
  constant.shape.assign(shape.begin(), shape.end());
  constant.entries = std::move(entries);
  return constant;
}

std::optional<std::vector<Size>> Constant::sizes() const {
  if (entries)
    return entries;
  auto numbers = integers();
  if (!numbers)
    return std::nullopt;
  return std::vector<Size>(numbers->begin(), numbers->end());
}

std::optional<std::vector<int64_t>> Constant::integers() const {
  if (!value || !isInteger(value->type) || value->rank() > 1)
    return std::nullopt;
  auto full = materialized();
  if (!full || full->count() > 65536)
    return std::nullopt;
  return full->integers();
}

std::optional<double> Constant::uniformReal() const {
  if (!value || bitsOf(value->type) == 0 || value->count() == 0)
    return std::nullopt;
  int64_t count = value->count();
  double first = value->real(0);
  for (int64_t i = 1; i < count; ++i)
    if (value->real(i) != first)
      return std::nullopt;
  return first;
}

namespace {

std::optional<std::vector<int64_t>> concrete(const std::vector<Size> &shape) {
  std::vector<int64_t> result;
  int64_t count = 1;
  for (const Size &size : shape) {
    auto extent = size.constant();
    if (!extent || *extent < 0 ||
        __builtin_mul_overflow(count, *extent, &count))
      return std::nullopt;
    result.push_back(*extent);
  }
  if (count > maximalFoldedCount)
    return std::nullopt;
  return result;
}

/// A new tensor of `shape` whose entry i is entry `positions(i)` of `from`.
template <typename Positions>
Tensor gathered(const Tensor &from, std::vector<int64_t> shape,
                Positions positions) {
  int64_t count = elementCount(shape);
  int bits = bitsOf(from.type);
  if (bits < 8) { // 4-bit elements are unpacked
    std::vector<int64_t> values(count);
    if (isFloat(from.type))
      reject("constants of type ", nameOf(from.type), " are not rearranged");
    for (int64_t i = 0; i < count; ++i)
      values[i] = from.integer(positions(i));
    return Tensor::fromIntegers(ElementType::Int8, std::move(shape), values);
  }
  size_t width = bits / 8;
  auto bytes = std::make_shared<std::vector<uint8_t>>(count * width);
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(bytes->data() + i * width, from.bytes() + positions(i) * width,
                width);
  return Tensor(from.type, std::move(shape), bytes, bytes->data(),
                bytes->size());
}

/// The multi-index walk from a result to its source: source offset of result
/// entry i, with a base and one stride per result axis.
Tensor strided(const Tensor &from, std::vector<int64_t> shape, int64_t base,
               std::vector<int64_t> strides) {
  std::vector<int64_t> counter(shape.size(), 0), extents = shape;
  int64_t offset = base;
  bool first = true;
  return gathered(from, std::move(shape), [&](int64_t) {
    if (first) {
      first = false;
      return offset;
    }
    for (size_t i = extents.size(); i-- > 0;) {
      offset += strides[i];
      if (++counter[i] < extents[i])
        break;
      offset -= strides[i] * extents[i];
      counter[i] = 0;
    }
    return offset;
  });
}

using Inputs = std::vector<const Constant *>;

/// A constant with the shape and error of `like` and other numbers.
Constant rearranged(const Constant &like, std::vector<Size> shape,
                    Tensor tensor) {
  Constant result;
  result.shape = std::move(shape);
  result.value = std::move(tensor);
  result.error = like.error;
  return result;
}

std::optional<Constant> foldTranspose(const Node &node, const Constant &x) {
  int64_t rank = x.value->rank();
  std::vector<int64_t> permutation(rank);
  for (int64_t i = 0; i < rank; ++i)
    permutation[i] = rank - 1 - i;
  if (auto given = node.integers("perm"))
    permutation = *given;
  std::vector<bool> seen(rank, false);
  if (static_cast<int64_t>(permutation.size()) != rank)
    return std::nullopt;
  std::vector<int64_t> own = rowMajorStrides(x.value->shape), strides, stored;
  std::vector<Size> shape;
  for (int64_t axis : permutation) {
    if (axis < 0 || axis >= rank || seen[axis])
      return std::nullopt;
    seen[axis] = true;
    strides.push_back(own[axis]);
    stored.push_back(x.value->shape[axis]);
    shape.push_back(x.shape[axis]);
  }
  return rearranged(x, shape, strided(*x.value, stored, 0, strides));
}

std::optional<Constant> foldSlice(const Node &node, const Inputs &inputs) {
  const Constant &x = *inputs[0];
  auto ranges = sliceParameters(node, inputs, x.shape);
  if (!ranges)
    return std::nullopt;
  std::vector<int64_t> strides = rowMajorStrides(x.value->shape);
  std::vector<int64_t> stored = x.value->shape;
  std::vector<Size> shape = x.shape;
  int64_t base = 0;
  for (const auto &[axis, range] : *ranges) {
    shape[axis] = range.length;
    if (stored[axis] == 1 && !x.shape[axis].isOne())
      continue; // does not vary along the axis
    auto start = range.start.constant(), length = range.length.constant();
    if (!start || !length)
      return std::nullopt;
    if (*length > 0)
      base += *start * strides[axis];
    stored[axis] = *length;
    strides[axis] *= range.step;
  }
  return rearranged(x, shape, strided(*x.value, stored, base, strides));
}

std::optional<Constant> foldConcat(const Node &node, const Inputs &inputs) {
  int64_t rank = inputs[0]->value->rank();
  int64_t axis = node.integer("axis", 1);
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return std::nullopt;
  std::vector<int64_t> stored(rank, 1);
  std::vector<Size> shape = inputs[0]->shape;
  Size total;
  double error = 0;
  for (const Constant *input : inputs) {
    if (input->value->rank() != rank ||
        input->value->type != inputs[0]->value->type)
      return std::nullopt;
    for (int64_t i = 0; i < rank; ++i) {
      if (i != axis && input->shape[i] != shape[i])
        return std::nullopt;
      stored[i] = std::max(stored[i], input->value->shape[i]);
    }
    total = total + input->shape[axis];
    error = std::max(error, input->error);
  }
  shape[axis] = total;
  auto length = total.constant();
  if (!length)
    return std::nullopt;
  // One operand after the other along the axis: outer × own length × inner.
  std::vector<int64_t> full = stored;
  full[axis] = *length;
  if (elementCount(full) > maximalFoldedCount ||
      bitsOf(inputs[0]->value->type) < 8)
    return std::nullopt;
  size_t width = bitsOf(inputs[0]->value->type) / 8;
  auto bytes =
      std::make_shared<std::vector<uint8_t>>(elementCount(full) * width);
  int64_t inner = 1, outer = 1;
  for (int64_t i = 0; i < rank; ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : full[i];
  int64_t done = 0;
  for (const Constant *input : inputs) {
    std::vector<int64_t> part = stored, strides;
    part[axis] = *input->shape[axis].constant();
    strides = rowMajorStrides(input->value->shape);
    for (int64_t i = 0; i < rank; ++i)
      if (input->value->shape[i] == 1)
        strides[i] = 0;
    Tensor block = strided(*input->value, part, 0, strides);
    int64_t run = part[axis] * inner * width;
    for (int64_t o = 0; o < outer; ++o)
      std::memcpy(bytes->data() + (o * *length + done) * inner * width,
                  block.bytes() + o * run, run);
    done += part[axis];
  }
  Constant result;
  result.shape = shape;
  result.error = error;
  result.value =
      Tensor(inputs[0]->value->type, full, bytes, bytes->data(), bytes->size());
  return result;
}

std::optional<Constant> foldGather(const Node &node, const Inputs &inputs) {
  const Constant &x = *inputs[0];
  int64_t rank = x.value->rank();
  int64_t axis = node.integer("axis", 0);
  axis = axis < 0 ? axis + rank : axis;
  auto indices = inputs[1]->materialized();
  auto full = x.materialized();
  if (axis < 0 || axis >= rank || !indices || !isInteger(indices->type) ||
      !full)
    return std::nullopt;
  int64_t extent = full->shape[axis], inner = 1;
  std::vector<int64_t> shape(full->shape.begin(), full->shape.begin() + axis);
  shape.insert(shape.end(), indices->shape.begin(), indices->shape.end());
  for (int64_t i = axis + 1; i < rank; ++i) {
    inner *= full->shape[i];
    shape.push_back(full->shape[i]);
  }
  if (elementCount(shape) > maximalFoldedCount)
    return std::nullopt;
  std::vector<int64_t> picks = indices->integers();
  for (int64_t &pick : picks) {
    pick = pick < 0 ? pick + extent : pick;
    if (pick < 0 || pick >= extent)
      return std::nullopt;
  }
  int64_t count = static_cast<int64_t>(picks.size());
  Tensor result = gathered(*full, shape, [&](int64_t i) {
    int64_t rest = i % inner, middle = i / inner % count;
    return (i / inner / count * extent + picks[middle]) * inner + rest;
  });
  return rearranged(x, std::vector<Size>(shape.begin(), shape.end()), result);
}

std::optional<Constant> foldExpand(const Constant &x,
                                   const std::vector<Size> &target) {
  auto shape = broadcastShapes(x.shape, target);
  if (!shape)
    return std::nullopt;
  std::vector<int64_t> stored = x.value->shape;
  stored.insert(stored.begin(), shape->size() - stored.size(), 1);
  return rearranged(x, *shape, x.value->reshaped(stored));
}

std::optional<Constant> foldUnsqueeze(const Node &node, const Inputs &inputs) {
  const Constant &x = *inputs[0];
  std::optional<std::vector<int64_t>> given = node.integers("axes");
  if (!given && inputs.size() > 1 && inputs[1])
    given = inputs[1]->integers();
  if (!given)
    return std::nullopt;
  int64_t rank = x.value->rank() + static_cast<int64_t>(given->size());
  auto axes = axesOf(node, inputs, 1, rank);
  if (!axes)
    return std::nullopt;
  std::vector<Size> shape = x.shape;
  std::vector<int64_t> stored = x.value->shape;
  for (int64_t axis : *axes) {
    shape.insert(shape.begin() + axis, Size(1));
    stored.insert(stored.begin() + axis, 1);
  }
  return rearranged(x, shape, x.value->reshaped(stored));
}

std::optional<Constant> foldSqueeze(const Node &node, const Inputs &inputs) {
  const Constant &x = *inputs[0];
  auto axes = axesOf(node, inputs, 1, x.value->rank());
  if (!axes)
    return std::nullopt;
  std::vector<Size> shape;
  std::vector<int64_t> stored;
  for (int64_t i = 0; i < x.value->rank(); ++i) {
    bool drop = axes->empty()
                    ? x.shape[i].isOne()
                    : std::find(axes->begin(), axes->end(), i) != axes->end();
    if (drop && !x.shape[i].isOne())
      return std::nullopt;
    if (drop)
      continue;
    shape.push_back(x.shape[i]);
    stored.push_back(x.value->shape[i]);
  }
  return rearranged(x, shape, x.value->reshaped(stored));
}

std::optional<Constant> foldReshape(const Constant &x,
                                    const std::vector<Size> &shape) {
  if (x.value->count() == 1) // does not vary at all
    return rearranged(x, shape,
                      x.value->reshaped(std::vector<int64_t>(shape.size(), 1)));
  auto full = x.materialized();
  auto extents = concrete(shape);
  if (!full || !extents)
    return std::nullopt;
  return rearranged(x, shape, full->reshaped(*extents));
}

std::optional<Constant> foldRange(const Inputs &inputs) {
  for (const Constant *input : inputs)
    if (!input || !input->value || input->value->count() != 1 || input->error)
      return std::nullopt;
  ElementType type = inputs[0]->value->type;
  if (!isInteger(type)) {
    double start = inputs[0]->value->real(0), stop = inputs[1]->value->real(0),
           step = inputs[2]->value->real(0);
    double count = std::ceil((stop - start) / step);
    if (!(count >= 0) || count > 1 << 24)
      return std::nullopt;
    std::vector<double> values;
    for (int64_t i = 0; i < static_cast<int64_t>(count); ++i)
      values.push_back(start + static_cast<double>(i) * step);
    int64_t n = static_cast<int64_t>(values.size());
    return Constant::fromTensor(Tensor::fromReals(type, {n}, values));
  }
  int64_t start = inputs[0]->value->integer(0),
          stop = inputs[1]->value->integer(0),
          step = inputs[2]->value->integer(0);
  if (step == 0 || std::abs(double(stop) - double(start)) > (1 << 24))
    return std::nullopt;
  std::vector<int64_t> values;
  for (int64_t v = start; step > 0 ? v < stop : v > stop; v += step)
    values.push_back(v);
  int64_t n = static_cast<int64_t>(values.size());
  return Constant::fromTensor(Tensor::fromIntegers(type, {n}, values));
}

std::optional<Constant> foldTrilu(const Node &node, const Inputs &inputs) {
  auto full = inputs[0]->materialized();
  if (!full || full->rank() < 2 || bitsOf(full->type) < 8)
    return std::nullopt;
  int64_t diagonal = 0;
  if (!node.input(1).empty()) {
    if (inputs.size() < 2 || !inputs[1] || !inputs[1]->value)
      return std::nullopt;
    diagonal = inputs[1]->value->integer(0);
  }
  if (std::abs(double(diagonal)) > 0x1p40)
    return std::nullopt;
  bool upper = node.integer("upper", 1) != 0;
  size_t width = bitsOf(full->type) / 8;
  int64_t rows = full->shape[full->rank() - 2], cols = full->shape.back();
  auto bytes = std::make_shared<std::vector<uint8_t>>(
      full->bytes(), full->bytes() + full->byteCount());
  int64_t count = full->count();
  for (int64_t i = 0; i < count; ++i) {
    int64_t column = i % cols, row = i / cols % rows;
    bool kept = upper ? column - row >= diagonal : column - row <= diagonal;
    if (!kept)
      std::memset(bytes->data() + i * width, 0, width);
  }
  Tensor result(full->type, full->shape, bytes, bytes->data(), bytes->size());
  return rearranged(*inputs[0], inputs[0]->shape, result);
}

std::optional<Constant> foldConstantNode(const Node &node) {
  for (const auto &[key, attribute] : node.attributes) {
    using Kind = Attribute::Kind;
    if (key == "value" && attribute.kind == Kind::Tensor)
      return Constant::fromTensor(attribute.tensor);
    if (key == "value_int" && attribute.kind == Kind::Int)
      return Constant::fromTensor(
          Tensor::fromIntegers(ElementType::Int64, {}, {attribute.integer}));
    if (key == "value_float" && attribute.kind == Kind::Float)
      return Constant::fromTensor(
          Tensor::fromReals(ElementType::Float, {}, {attribute.real}));
    if (key == "value_ints" && attribute.kind == Kind::Ints)
      return Constant::fromTensor(Tensor::fromIntegers(
          ElementType::Int64, {int64_t(attribute.integers.size())},
          attribute.integers));
    if (key == "value_floats" && attribute.kind == Kind::Floats)
      return Constant::fromTensor(Tensor::fromReals(
          ElementType::Float, {int64_t(attribute.reals.size())},
          std::vector<double>(attribute.reals.begin(), attribute.reals.end())));
  }
  return std::nullopt;
}

std::optional<std::vector<Constant>> foldSplit(const Node &node,
                                               const Inputs &inputs) {
  auto full = inputs[0]->materialized();
  if (!full || full->rank() == 0)
    return std::nullopt;
  int64_t rank = full->rank(), axis = node.integer("axis", 0);
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return std::nullopt;
  int64_t extent = full->shape[axis], parts = node.outputs.size();
  std::vector<int64_t> lengths;
  if (auto given = node.integers("split"))
    lengths = *given;
  else if (inputs.size() > 1 && inputs[1] && inputs[1]->integers())
    lengths = *inputs[1]->integers();
  else
    for (int64_t i = 0, chunk = (extent + parts - 1) / parts; i < parts; ++i)
      lengths.push_back(std::clamp(extent - i * chunk, int64_t(0), chunk));
  if (static_cast<int64_t>(lengths.size()) != parts)
    return std::nullopt;
  std::vector<int64_t> strides = rowMajorStrides(full->shape);
  std::vector<Constant> results;
  int64_t start = 0;
  for (int64_t length : lengths) {
    if (length < 0 || length > extent - start)
      return std::nullopt;
    std::vector<int64_t> shape = full->shape;
    shape[axis] = length;
    Constant part = Constant::fromTensor(
        strided(*full, shape, start * strides[axis], strides));
    part.error = inputs[0]->error;
    results.push_back(part);
    start += length;
  }
  return results;
}

std::optional<Constant> foldMovement(const Node &node, const Inputs &inputs) {
  const std::string &op = node.opType;
  if (op == "Constant")
    return foldConstantNode(node);
  if (op == "Range" && inputs.size() == 3)
    return foldRange(inputs);
  if (inputs.empty() || !inputs[0])
    return std::nullopt;
  auto sizesAt = [&](size_t i) {
    return i < inputs.size() && inputs[i] ? inputs[i]->sizes() : std::nullopt;
  };
  if (op == "ConstantOfShape") {
    auto shape = sizesAt(0);
    if (!shape)
      return std::nullopt;
    Tensor filler = Tensor::fromReals(ElementType::Float, {1}, {0.0});
    if (const Attribute *value = node.attribute("value"))
      filler = value->tensor;
    if (filler.byteCount() == 0 || filler.count() != 1)
      return std::nullopt;
    Constant result;
    result.shape = *shape;
    result.value = filler.reshaped(std::vector<int64_t>(shape->size(), 1));
    return result;
  }
  if (!inputs[0]->value)
    return std::nullopt;
  if (op == "Transpose")
    return foldTranspose(node, *inputs[0]);
  if (op == "Slice")
    return foldSlice(node, inputs);
  if (op == "Unsqueeze")
    return foldUnsqueeze(node, inputs);
  if (op == "Squeeze")
    return foldSqueeze(node, inputs);
  if (op == "Trilu")
    return foldTrilu(node, inputs);
  if (op == "Expand" && sizesAt(1))
    return foldExpand(*inputs[0], *sizesAt(1));
  if (op == "Reshape") {
    auto wanted =
        node.integers("shape")
            ? std::optional(std::vector<Size>(node.integers("shape")->begin(),
                                              node.integers("shape")->end()))
            : sizesAt(1);
    if (!wanted)
      return std::nullopt;
    auto shape = reshapedShape(inputs[0]->shape, *wanted,
                               node.integer("allowzero", 0) != 0);
    return shape ? foldReshape(*inputs[0], *shape) : std::nullopt;
  }
  if (op == "Flatten") {
    int64_t rank = inputs[0]->value->rank(), axis = node.integer("axis", 1);
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis > rank)
      return std::nullopt;
    const auto &shape = inputs[0]->shape;
    return foldReshape(
        *inputs[0],
        {product(std::vector<Size>(shape.begin(), shape.begin() + axis)),
         product(std::vector<Size>(shape.begin() + axis, shape.end()))});
  }
  if (op == "Gather" && inputs.size() == 2 && inputs[1])
    return foldGather(node, inputs);
  if (op == "Concat") {
    for (const Constant *input : inputs)
      if (!input || !input->value)
        return std::nullopt;
    return foldConcat(node, inputs);
  }
  return std::nullopt;
}

} // namespace

std::optional<Tensor> Constant::materialized() const {
  if (!value)
    return std::nullopt;
  auto extents = concrete(shape);
  if (!extents)
    return std::nullopt;
  if (*extents == value->shape)
    return value;
  std::vector<int64_t> strides = rowMajorStrides(value->shape);
  for (size_t i = 0; i < strides.size(); ++i)
    if (value->shape[i] == 1)
      strides[i] = 0;
  return strided(*value, *extents, 0, strides);
}

std::optional<std::vector<Constant>>
lipt::checker::foldNode(const Node &node, const Inputs &inputs) {
  if (!node.domain.empty() || node.hasSubgraph)
    return std::nullopt;
  if (node.is("Split"))
    return !inputs.empty() && inputs[0] && inputs[0]->value
               ? foldSplit(node, inputs)
               : std::nullopt;
  std::optional<Constant> result = foldMovement(node, inputs);
  if (!result)
    result = foldArithmetic(node, inputs);
  if (!result)
    result = foldSizes(node, inputs);
  if (!result)
    return std::nullopt;
  return std::vector<Constant>{*result};
}
