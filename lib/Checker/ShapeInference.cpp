//===- ShapeInference.cpp - Shapes and types of node outputs --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"
#include "lipt/Checker/Graph.h"

#include <algorithm>
#include <set>

using namespace lipt::checker;

namespace {

using Shape = std::optional<std::vector<Size>>;
using Infos = std::vector<const TensorInfo *>;

const TensorInfo *at(const Infos &inputs, size_t index) {
  return index < inputs.size() ? inputs[index] : nullptr;
}

std::vector<const Constant *> constantsOf(const Infos &inputs) {
  std::vector<const Constant *> constants;
  for (const TensorInfo *input : inputs)
    constants.push_back(input && input->constant ? &*input->constant : nullptr);
  return constants;
}

Shape broadcastAll(const Infos &inputs, size_t first = 0) {
  std::vector<Size> shape;
  for (size_t i = first; i < inputs.size(); ++i) {
    if (!inputs[i] || !inputs[i]->shape)
      return std::nullopt;
    auto merged = broadcastShapes(shape, *inputs[i]->shape);
    if (!merged)
      return std::nullopt;
    shape = *merged;
  }
  return shape;
}

Shape matMulShape(const std::vector<Size> &left,
                  const std::vector<Size> &right) {
  if (left.empty() || right.empty())
    return std::nullopt;
  std::vector<Size> a = left, b = right;
  if (left.size() == 1)
    a.insert(a.begin(), Size(1));
  if (right.size() == 1)
    b.push_back(Size(1));
  if (a.back() != b[b.size() - 2])
    return std::nullopt;
  auto batch = broadcastShapes(std::vector<Size>(a.begin(), a.end() - 2),
                               std::vector<Size>(b.begin(), b.end() - 2));
  if (!batch)
    return std::nullopt;
  if (left.size() > 1)
    batch->push_back(a[a.size() - 2]);
  if (right.size() > 1)
    batch->push_back(b.back());
  return batch;
}

Shape gemmShape(const Node &node, const Infos &inputs) {
  const auto &a = inputs[0]->shape, &b = inputs[1]->shape;
  if (!a || !b || a->size() != 2 || b->size() != 2)
    return std::nullopt;
  bool ta = node.integer("transA", 0), tb = node.integer("transB", 0);
  if ((*a)[ta ? 0 : 1] != (*b)[tb ? 1 : 0])
    return std::nullopt;
  return std::vector<Size>{(*a)[ta ? 1 : 0], (*b)[tb ? 0 : 1]};
}

Shape transposeShape(const Node &node, const std::vector<Size> &shape) {
  auto permutation = node.integers("perm");
  std::vector<Size> result;
  if (!permutation)
    return std::vector<Size>(shape.rbegin(), shape.rend());
  if (permutation->size() != shape.size())
    return std::nullopt;
  std::set<int64_t> seen;
  for (int64_t axis : *permutation) {
    if (axis < 0 || axis >= static_cast<int64_t>(shape.size()) ||
        !seen.insert(axis).second)
      return std::nullopt;
    result.push_back(shape[axis]);
  }
  return result;
}

Shape reshapeShape(const Node &node, const Infos &inputs) {
  const std::vector<Size> &from = *inputs[0]->shape;
  std::optional<std::vector<Size>> wanted;
  if (auto given = node.integers("shape"))
    wanted = std::vector<Size>(given->begin(), given->end());
  else if (const TensorInfo *target = at(inputs, 1))
    wanted = target->constant ? target->constant->sizes() : std::nullopt;
  if (!wanted)
    return std::nullopt;
  return reshapedShape(from, *wanted, node.integer("allowzero", 0) != 0);
}

Shape concatShape(const Node &node, const Infos &inputs) {
  if (!inputs[0]->shape)
    return std::nullopt;
  std::vector<Size> shape = *inputs[0]->shape;
  int64_t rank = static_cast<int64_t>(shape.size());
  int64_t axis = node.integer("axis", 1);
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return std::nullopt;
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (!inputs[i] || !inputs[i]->shape ||
        static_cast<int64_t>(inputs[i]->shape->size()) != rank)
      return std::nullopt;
    for (int64_t k = 0; k < rank; ++k)
      if (k != axis && (*inputs[i]->shape)[k] != shape[k])
        return std::nullopt;
    shape[axis] = shape[axis] + (*inputs[i]->shape)[axis];
  }
  return shape;
}

Shape reduceShape(const Node &node, const Infos &inputs, bool arg) {
  std::vector<Size> shape = *inputs[0]->shape;
  int64_t rank = static_cast<int64_t>(shape.size());
  std::vector<int64_t> axes;
  if (arg) {
    int64_t axis = node.integer("axis", 0);
    axes = {axis < 0 ? axis + rank : axis};
    if (axes[0] < 0 || axes[0] >= rank)
      return std::nullopt;
  } else {
    auto given = axesOf(node, constantsOf(inputs), 1, rank);
    if (!given)
      return std::nullopt;
    axes = *given;
    if (axes.empty()) {
      if (node.integer("noop_with_empty_axes", 0))
        return shape;
      for (int64_t i = 0; i < rank; ++i)
        axes.push_back(i);
    }
  }
  bool keep = node.integer("keepdims", 1) != 0;
  std::vector<Size> result;
  for (int64_t i = 0; i < rank; ++i) {
    bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!reduced)
      result.push_back(shape[i]);
    else if (keep)
      result.push_back(Size(1));
  }
  return result;
}

Shape squeezeShape(const Node &node, const Infos &inputs, bool insert) {
  std::vector<Size> shape = *inputs[0]->shape;
  int64_t rank = static_cast<int64_t>(shape.size());
  auto constants = constantsOf(inputs);
  if (insert) {
    auto given = node.integers("axes");
    if (!given && constants.size() > 1 && constants[1])
      given = constants[1]->integers();
    if (!given)
      return std::nullopt;
    auto axes =
        axesOf(node, constants, 1, rank + static_cast<int64_t>(given->size()));
    if (!axes)
      return std::nullopt;
    for (int64_t axis : *axes)
      shape.insert(shape.begin() + axis, Size(1));
    return shape;
  }
  auto axes = axesOf(node, constants, 1, rank);
  if (!axes)
    return std::nullopt;
  std::vector<Size> result;
  for (int64_t i = 0; i < rank; ++i) {
    bool drop = axes->empty()
                    ? shape[i].isOne()
                    : std::find(axes->begin(), axes->end(), i) != axes->end();
    if (!drop)
      result.push_back(shape[i]);
  }
  return result;
}

Shape padShape(const Node &node, const Infos &inputs) {
  std::vector<Size> shape = *inputs[0]->shape;
  auto padding =
      padAmounts(node, constantsOf(inputs), static_cast<int64_t>(shape.size()));
  if (!padding)
    return std::nullopt;
  for (size_t i = 0; i < shape.size(); ++i)
    shape[i] = shape[i] + (*padding)[i].first + (*padding)[i].second;
  return shape;
}

std::vector<InferredOutput> splitShapes(const Node &node, const Infos &inputs) {
  std::vector<Size> shape = *inputs[0]->shape;
  std::vector<InferredOutput> outputs(node.outputs.size());
  int64_t rank = static_cast<int64_t>(shape.size());
  int64_t axis = node.integer("axis", 0);
  axis = axis < 0 ? axis + rank : axis;
  auto lengths = splitLengths(node, constantsOf(inputs), shape);
  for (size_t i = 0; i < outputs.size(); ++i) {
    outputs[i].type = inputs[0]->type;
    if (!lengths)
      continue;
    shape[axis] = (*lengths)[i];
    outputs[i].shape = shape;
  }
  return outputs;
}

Shape attentionShape(const Node &node, const Infos &inputs) {
  const TensorInfo *q = at(inputs, 0), *k = at(inputs, 1), *v = at(inputs, 2);
  if (!q || !k || !v || !q->shape || !k->shape || !v->shape)
    return std::nullopt;
  std::vector<Size> shape = *q->shape;
  if (shape.size() == 4 && v->shape->size() == 4) {
    shape[3] = (*v->shape)[3];
    return shape;
  }
  int64_t heads = node.integer("q_num_heads", 0);
  int64_t shared = node.integer("kv_num_heads", 0);
  if (shape.size() != 3 || v->shape->size() != 3 || heads < 1 || shared < 1)
    return std::nullopt;
  auto width = (*v->shape)[2].dividedBy(Size(shared));
  if (!width)
    return std::nullopt;
  shape[2] = *width * Size(heads);
  return shape;
}

Shape gatherShape(const Node &node, const Infos &inputs) {
  if (!at(inputs, 1) || !inputs[1]->shape)
    return std::nullopt;
  const std::vector<Size> &data = *inputs[0]->shape;
  int64_t rank = static_cast<int64_t>(data.size());
  int64_t axis = node.integer("axis", 0);
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return std::nullopt;
  std::vector<Size> shape(data.begin(), data.begin() + axis);
  shape.insert(shape.end(), inputs[1]->shape->begin(), inputs[1]->shape->end());
  shape.insert(shape.end(), data.begin() + axis + 1, data.end());
  return shape;
}

Shape resizeShape(const Node &node, const Infos &inputs) {
  const std::vector<Size> &shape = *inputs[0]->shape;
  const TensorInfo *sizes = at(inputs, 3);
  if (sizes && sizes->constant && !node.attribute("axes")) {
    auto wanted = sizes->constant->sizes();
    if (wanted && wanted->size() == shape.size())
      return wanted;
  }
  const TensorInfo *scales = at(inputs, node.is("Upsample") ? 1 : 2);
  if (!scales || !scales->constant || !scales->constant->value ||
      node.attribute("axes"))
    return std::nullopt;
  auto values = scales->constant->materialized();
  if (!values || values->count() != static_cast<int64_t>(shape.size()))
    return std::nullopt;
  std::vector<Size> result;
  for (size_t i = 0; i < shape.size(); ++i) {
    double factor = values->real(static_cast<int64_t>(i));
    auto extent = shape[i].constant();
    if (factor == 1) {
      result.push_back(shape[i]);
    } else if (extent && factor > 0 && factor * double(*extent) < 0x1p40) {
      result.push_back(static_cast<int64_t>(double(*extent) * factor));
    } else {
      return std::nullopt;
    }
  }
  return result;
}

const std::set<std::string> &comparisons() {
  static const std::set<std::string> names = {
      "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And",
      "Or",    "Xor",  "Not",         "IsNaN",   "IsInf"};
  return names;
}

/// Operators with one output of the shape and type of their first input.
const std::set<std::string> &sameShape() {
  static const std::set<std::string> names = {"Relu",
                                              "LeakyRelu",
                                              "PRelu",
                                              "Elu",
                                              "Celu",
                                              "Selu",
                                              "Sigmoid",
                                              "HardSigmoid",
                                              "HardSwish",
                                              "Tanh",
                                              "Softplus",
                                              "Softsign",
                                              "Erf",
                                              "Gelu",
                                              "Mish",
                                              "Swish",
                                              "Clip",
                                              "Abs",
                                              "Neg",
                                              "Sin",
                                              "Cos",
                                              "Atan",
                                              "Exp",
                                              "Log",
                                              "Sqrt",
                                              "Reciprocal",
                                              "Softmax",
                                              "LogSoftmax",
                                              "Hardmax",
                                              "Identity",
                                              "Dropout",
                                              "Trilu",
                                              "CumSum",
                                              "Sign",
                                              "Round",
                                              "Floor",
                                              "Ceil",
                                              "LRN",
                                              "Tan",
                                              "Asin",
                                              "Acos",
                                              "Sinh",
                                              "Cosh",
                                              "Asinh",
                                              "Acosh",
                                              "Atanh",
                                              "ThresholdedRelu",
                                              "Shrink",
                                              "LpNormalization",
                                              "InstanceNormalization",
                                              "GroupNormalization",
                                              "LayerNormalization",
                                              "RMSNormalization",
                                              "SimplifiedLayerNormalization",
                                              "BatchNormalization",
                                              "MeanVarianceNormalization",
                                              "RotaryEmbedding"};
  return names;
}

} // namespace

std::vector<InferredOutput> lipt::checker::inferShapes(const Node &node,
                                                       const Infos &inputs) {
  std::vector<InferredOutput> outputs(node.outputs.size());
  if (outputs.empty() || !node.domain.empty())
    return outputs;
  InferredOutput &first = outputs[0];
  const std::string &op = node.opType;
  const TensorInfo *x = at(inputs, 0);
  if (x)
    first.type = x->type;
  if (comparisons().count(op)) {
    first.type = ElementType::Bool;
    first.shape = broadcastAll(inputs);
    return outputs;
  }
  static const std::set<std::string> elementwise = {
      "Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Mean", "Pow", "Mod"};
  if (elementwise.count(op)) {
    first.shape = broadcastAll(inputs);
    return outputs;
  }
  if (op == "Where" && inputs.size() == 3) {
    first.type = inputs[1] ? inputs[1]->type : ElementType::Undefined;
    first.shape = broadcastAll(inputs);
    return outputs;
  }
  if (op == "Shape" || op == "Size" || op == "ArgMax" || op == "ArgMin" ||
      op == "NonZero")
    first.type = ElementType::Int64;
  if (op == "Shape" && x && x->shape)
    first.shape = std::vector<Size>{Size(int64_t(x->shape->size()))};
  if (op == "Size")
    first.shape = std::vector<Size>{};
  if (op == "ConstantOfShape") {
    const Attribute *value = node.attribute("value");
    first.type = value ? value->tensor.type : ElementType::Float;
    if (x && x->constant)
      first.shape = x->constant->sizes();
    return outputs;
  }
  if (op == "Range" || !x || !x->shape || op == "Shape" || op == "Size")
    return outputs;
  const std::vector<Size> &shape = *x->shape;
  if (sameShape().count(op)) {
    first.shape = shape;
  } else if (op == "Cast" || op == "CastLike") {
    first.shape = shape;
    first.type = op == "Cast" ? static_cast<ElementType>(node.integer("to", 0))
                 : at(inputs, 1) ? inputs[1]->type
                                 : ElementType::Undefined;
  } else if (op == "MatMul" && at(inputs, 1) && inputs[1]->shape) {
    first.shape = matMulShape(shape, *inputs[1]->shape);
  } else if (op == "Gemm" && at(inputs, 1)) {
    first.shape = gemmShape(node, inputs);
  } else if (op == "Conv" || op == "ConvTranspose" || op == "MaxPool" ||
             op == "AveragePool" || op == "LpPool") {
    const TensorInfo *kernel = at(inputs, 1);
    first.shape = windowOutputShape(
        node, shape, kernel && kernel->shape ? &*kernel->shape : nullptr);
    if (outputs.size() > 1) {
      outputs[1].type = ElementType::Int64;
      outputs[1].shape = first.shape;
    }
  } else if (op.rfind("Global", 0) == 0) {
    first.shape = shape;
    for (size_t i = 2; i < shape.size(); ++i)
      (*first.shape)[i] = Size(1);
  } else if (op == "Transpose") {
    first.shape = transposeShape(node, shape);
  } else if (op == "Reshape") {
    first.shape = reshapeShape(node, inputs);
  } else if (op == "Flatten") {
    int64_t rank = static_cast<int64_t>(shape.size());
    int64_t axis = node.integer("axis", 1);
    axis = axis < 0 ? axis + rank : axis;
    if (axis >= 0 && axis <= rank)
      first.shape = std::vector<Size>{
          product(std::vector<Size>(shape.begin(), shape.begin() + axis)),
          product(std::vector<Size>(shape.begin() + axis, shape.end()))};
  } else if (op == "Squeeze" || op == "Unsqueeze") {
    first.shape = squeezeShape(node, inputs, op == "Unsqueeze");
  } else if (op == "Concat") {
    first.shape = concatShape(node, inputs);
  } else if (op == "Split") {
    return splitShapes(node, inputs);
  } else if (op == "Slice") {
    auto ranges = sliceParameters(node, constantsOf(inputs), shape);
    if (ranges) {
      first.shape = shape;
      for (const auto &[axis, range] : *ranges)
        (*first.shape)[axis] = range.length;
    }
  } else if (op == "Gather") {
    first.shape = gatherShape(node, inputs);
  } else if (op == "GatherElements" && at(inputs, 1)) {
    first.shape = inputs[1]->shape;
  } else if (op == "Expand" && at(inputs, 1) && inputs[1]->constant) {
    if (auto target = inputs[1]->constant->sizes())
      first.shape = broadcastShapes(shape, *target);
  } else if (op == "Tile" && at(inputs, 1) && inputs[1]->constant) {
    auto repeats = inputs[1]->constant->sizes();
    if (repeats && repeats->size() == shape.size()) {
      first.shape = shape;
      for (size_t i = 0; i < shape.size(); ++i)
        (*first.shape)[i] = shape[i] * (*repeats)[i];
    }
  } else if (op == "Pad") {
    first.shape = padShape(node, inputs);
  } else if (op.rfind("Reduce", 0) == 0) {
    first.shape = reduceShape(node, inputs, false);
  } else if (op == "ArgMax" || op == "ArgMin") {
    first.shape = reduceShape(node, inputs, true);
  } else if (op == "Resize" || op == "Upsample") {
    first.shape = resizeShape(node, inputs);
  } else if (op == "Attention") {
    first.shape = attentionShape(node, inputs);
  } else if (op == "DepthToSpace" || op == "SpaceToDepth") {
    int64_t block = node.integer("blocksize", 0);
    if (shape.size() == 4 && block > 0 && block < 65536) {
      bool toSpace = op == "DepthToSpace";
      auto channels = toSpace ? shape[1].dividedBy(Size(block * block))
                              : std::optional(shape[1] * Size(block * block));
      auto height = toSpace ? std::optional(shape[2] * Size(block))
                            : shape[2].dividedBy(Size(block));
      auto width = toSpace ? std::optional(shape[3] * Size(block))
                           : shape[3].dividedBy(Size(block));
      if (channels && height && width)
        first.shape = std::vector<Size>{shape[0], *channels, *height, *width};
    }
  } else if (op == "TopK") {
    int64_t rank = static_cast<int64_t>(shape.size());
    int64_t axis = node.integer("axis", -1);
    axis = axis < 0 ? axis + rank : axis;
    std::optional<std::vector<Size>> count;
    if (auto k = node.attribute("k"))
      count = std::vector<Size>{Size(k->integer)};
    else if (at(inputs, 1) && inputs[1]->constant)
      count = inputs[1]->constant->sizes();
    if (axis >= 0 && axis < rank && count && count->size() == 1) {
      first.shape = shape;
      (*first.shape)[axis] = (*count)[0];
    }
    if (outputs.size() > 1) {
      outputs[1].type = ElementType::Int64;
      outputs[1].shape = first.shape;
    }
  }
  return outputs;
}
