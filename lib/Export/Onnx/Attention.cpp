//===- Attention.cpp - Attention and rotary embeddings -------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"

#include <cmath>

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_export;

/// The key with its last two axes swapped.
static std::string swapKey(Exporter &exporter, AttentionOp attention) {
  SmallVector<int64_t> swapped;
  for (int64_t i = 0; i < getRank(attention.getKey()); ++i)
    swapped.push_back(i);
  std::swap(swapped[swapped.size() - 2], swapped[swapped.size() - 1]);
  return exporter.addNode("Transpose", {exporter.getName(attention.getKey())},
                          {}, [&](Node node) { node.set("perm", swapped); });
}

/// An Attention node: operands [B, heads, n, d] or packed. Its scale is a
/// float; the usual one is left to the operator's default.
static LogicalResult exportNode(Exporter &exporter, AttentionOp attention) {
  std::string key = attention.getKeyTransposed()
                        ? swapKey(exporter, attention)
                        : exporter.getName(attention.getKey());
  Names inputs = {exporter.getName(attention.getQuery()), key,
                  exporter.getName(attention.getValue())};
  if (attention.getMask())
    inputs.push_back(exporter.getName(attention.getMask()));
  auto packed = attention.getPackedHeads();
  exporter.addNode("Attention", inputs, attention.getResult(), [&](Node node) {
    node.set("scale",
             static_cast<float>(attention.getScale().convertToDouble()));
    if (attention.getCausal())
      node.set("is_causal", int64_t(1));
    if (float softcap = attention.getSoftcap().convertToFloat())
      node.set("softcap", softcap);
    if (packed)
      node.set("q_num_heads", (*packed)[0]).set("kv_num_heads", (*packed)[1]);
  });
  return success();
}

/// Spelled out, for other ranks and for masks that fill: softmax(masked
/// softcap(scale * q k^T)) v with as many key heads as query heads.
static LogicalResult exportSpelledOut(Exporter &exporter,
                                      AttentionOp attention) {
  Axes query = getAxes(attention.getQuery().getType());
  Axes key = getAxes(attention.getKey().getType());
  if (attention.getPackedHeads() || query.size() != key.size() ||
      (query.size() > 2 &&
       query[query.size() - 3].size != key[key.size() - 3].size))
    return attention.emitError()
           << "has no ONNX form: packed or shared heads with this mask or rank";
  Type elementType = getElementType(attention.getQuery());
  std::string transposed = attention.getKeyTransposed()
                               ? exporter.getName(attention.getKey())
                               : swapKey(exporter, attention);
  std::string logits = exporter.addNode(
      "MatMul", {exporter.getName(attention.getQuery()), transposed});
  logits = exporter.addNode(
      "Mul",
      {logits,
       exporter.addSplat(elementType, attention.getScale().convertToDouble())});
  if (float softcap = attention.getSoftcap().convertToFloat()) {
    std::string limit = exporter.addSplat(elementType, softcap);
    logits = exporter.addNode("Div", {logits, limit});
    logits =
        exporter.addNode("Mul", {exporter.addNode("Tanh", {logits}), limit});
  }
  std::string lowest =
      exporter.addSplat(elementType, -std::numeric_limits<double>::infinity());
  if (attention.getMask()) {
    std::string mask = exporter.getName(attention.getMask());
    if (attention.getMaskKind() == MaskKind::Additive)
      logits = exporter.addNode("Add", {logits, mask});
    else if (attention.getMaskKind() == MaskKind::Boolean)
      logits = exporter.addNode("Where", {mask, logits, lowest});
    else
      logits = exporter.addNode(
          "Where", {mask,
                    exporter.addSplat(elementType,
                                      attention.getMaskFill().convertToFloat()),
                    logits});
  }
  if (attention.getCausal()) {
    std::string sizes = exporter.addNode("Shape", {logits}, {}, [](Node node) {
      node.set("start", int64_t(-2));
    });
    std::string ones =
        exporter.addNode("ConstantOfShape", {sizes}, {}, [](Node node) {
          auto &value =
              *node.add("value", onnx::AttributeProto::TENSOR).mutable_t();
          value.set_data_type(onnx::TensorProto::FLOAT);
          value.add_dims(1);
          value.add_float_data(1);
        });
    std::string lower = exporter.addNode(
        "Trilu", {ones}, {}, [](Node node) { node.set("upper", int64_t(0)); });
    std::string allowed = exporter.addNode("Cast", {lower}, {}, [](Node node) {
      node.set("to", static_cast<int64_t>(onnx::TensorProto::BOOL));
    });
    logits = exporter.addNode("Where", {allowed, logits, lowest});
  }
  std::string weights =
      exporter.addNode("Softmax", {logits}, {},
                       [](Node node) { node.set("axis", int64_t(-1)); });
  exporter.addNode("MatMul", {weights, exporter.getName(attention.getValue())},
                   attention.getResult());
  return success();
}

static LogicalResult exportAttention(Exporter &exporter, Operation *op) {
  auto attention = cast<AttentionOp>(op);
  bool isNode =
      attention.getPackedHeads() || getRank(attention.getQuery()) == 4;
  bool maskFits = !attention.getMask() ||
                  attention.getMaskKind() == MaskKind::Additive ||
                  (attention.getMaskKind() == MaskKind::Boolean &&
                   getElementType(attention.getMask()).isInteger(1));
  return isNode && maskFits ? exportNode(exporter, attention)
                            : exportSpelledOut(exporter, attention);
}

//===----------------------------------------------------------------------===//
// Rotary embeddings
//===----------------------------------------------------------------------===//

/// The features [start, end) with a step of a tensor's last axis.
static std::string slice(Exporter &exporter, const std::string &input,
                         int64_t start, int64_t end, int64_t step) {
  return exporter.addNode("Slice", {input, exporter.addIntegers({start}),
                                    exporter.addIntegers({end}),
                                    exporter.addIntegers({-1}),
                                    exporter.addIntegers({step})});
}

static std::string concat(Exporter &exporter, const Names &parts) {
  return exporter.addNode("Concat", parts, {},
                          [](Node node) { node.set("axis", int64_t(-1)); });
}

/// Spelled out with slices: the RotaryEmbedding operator takes fewer forms.
static LogicalResult exportRotary(Exporter &exporter, Operation *op) {
  auto rotary = cast<RotaryOp>(op);
  Axes axes = getAxes(rotary.getInput().getType());
  std::optional<int64_t> width = axes.back().size.getStatic();
  int64_t heads = rotary.getPackedHeads();
  if (!width || (heads && *width % heads != 0))
    return op->emitError() << "needs a fixed head size";
  int64_t size = heads ? *width / heads : *width;
  int64_t rotated = rotary.getRotaryDim() ? rotary.getRotaryDim() : size;
  int64_t half = rotated / 2;
  std::string input = exporter.getName(rotary.getInput());
  std::string cosine = exporter.getName(rotary.getCos());
  std::string sine = exporter.getName(rotary.getSin());
  if (heads) {
    input = exporter.addNode(
        "Reshape", {input, exporter.addIntegers({0, 0, heads, size})});
    // Tables get an axis for the heads where they have one for tokens.
    for (std::string *table : {&cosine, &sine})
      *table =
          exporter.addNode("Unsqueeze", {*table, exporter.addIntegers({-2})});
  }
  bool interleaved = rotary.getInterleaved(), full = rotary.getFullTable();
  std::string first = interleaved ? slice(exporter, input, 0, rotated, 2)
                                  : slice(exporter, input, 0, half, 1);
  std::string second = interleaved ? slice(exporter, input, 1, rotated, 2)
                                   : slice(exporter, input, half, rotated, 1);
  auto part = [&](const std::string &table, int64_t which) {
    if (!full)
      return table;
    return interleaved
               ? slice(exporter, table, which, rotated, 2)
               : slice(exporter, table, which * half, (which + 1) * half, 1);
  };
  auto multiply = [&](const std::string &a, const std::string &b) {
    return exporter.addNode("Mul", {a, b});
  };
  std::string one = exporter.addNode("Sub", {multiply(first, part(cosine, 0)),
                                             multiply(second, part(sine, 0))});
  std::string two = exporter.addNode("Add", {multiply(second, part(cosine, 1)),
                                             multiply(first, part(sine, 1))});
  std::string result;
  if (interleaved) {
    Names columns;
    for (const std::string &column : {one, two})
      columns.push_back(
          exporter.addNode("Unsqueeze", {column, exporter.addIntegers({-1})}));
    // [..., d/2, 2] as [..., d]: all axes before are copied.
    int64_t rank = getRank(rotary.getInput()) + (heads ? 1 : 0);
    SmallVector<int64_t> shape(rank - 1, 0);
    shape.push_back(rotated);
    result = exporter.addNode(
        "Reshape", {concat(exporter, columns), exporter.addIntegers(shape)});
  } else {
    result = concat(exporter, {one, two});
  }
  if (rotated < size)
    result =
        concat(exporter, {result, slice(exporter, input, rotated, size, 1)});
  if (heads) {
    exporter.addNode("Reshape",
                     {result, exporter.addIntegers({0, 0, heads * size})},
                     rotary.getResult());
    return success();
  }
  exporter.addNode("Identity", {result}, rotary.getResult());
  return success();
}

void onnx_export::addAttention(Converters &converters) {
  converters["attention"] = exportAttention;
  converters["rotary"] = exportRotary;
}
