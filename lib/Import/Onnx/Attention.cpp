//===- Attention.cpp - Attention and rotary embeddings -------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {
/// Inputs of an Attention node.
enum AttentionInput : unsigned {
  Query,
  Key,
  ValueInput,
  Mask,
  PastKey,
  PastValue,
  ValidKeys
};

/// The head counts and sizes of an Attention node.
struct HeadLayout {
  bool isPacked; // [B, n, heads * d] instead of [B, heads, n, d]
  int64_t queryHeads, keyHeads;
  int64_t headSize; // of queries and keys
  SymbolicSize queryCount, keyCount;
};
} // namespace

static FailureOr<HeadLayout> getLayout(NodeImporter &node) {
  HeadLayout layout;
  Axes query = node.getInputAxes(Query), key = node.getInputAxes(Key);
  Axes value = node.getInputAxes(ValueInput);
  if ((query.size() != 3 && query.size() != 4) || key.size() != query.size() ||
      value.size() != query.size())
    return node.emitError()
           << "expected Q, K and V all of rank 3 or all of "
              "rank 4, got "
           << query.size() << ", " << key.size() << " and " << value.size();
  layout.isPacked = query.size() == 3;
  std::optional<int64_t> width = query.back().size.getStatic();
  std::optional<int64_t> heads = layout.isPacked ? node.getInt("q_num_heads", 0)
                                                 : query[1].size.getStatic();
  std::optional<int64_t> keyHeads = layout.isPacked
                                        ? node.getInt("kv_num_heads", 0)
                                        : key[1].size.getStatic();
  if (!width || !heads || !keyHeads || *heads <= 0 || *keyHeads <= 0)
    return node.emitError() << "expected fixed, positive numbers of heads and "
                               "a fixed head size";
  if (*heads % *keyHeads != 0 || (layout.isPacked && *width % *heads != 0))
    return node.emitError() << *heads << " query heads, " << *keyHeads
                            << " key heads and a width of " << *width
                            << " do not fit each other";
  layout.queryHeads = *heads;
  layout.keyHeads = *keyHeads;
  layout.headSize = layout.isPacked ? *width / *heads : *width;
  layout.queryCount = query[query.size() - 2].size;
  layout.keyCount = key[key.size() - 2].size;
  return layout;
}

/// [B, n, heads * d] as [B, heads, n, d]; others as they are.
static Value splitHeads(NodeImporter &node, Value packed, int64_t heads) {
  Axes axes = getAxes(packed.getType());
  if (axes.size() != 3)
    return packed;
  std::optional<SymbolicSize> size =
      axes[2].size.dividedBy(SymbolicSize(heads));
  if (!size) {
    node.emitError() << "a width of " << axes[2].size.toString()
                     << " does not make " << heads << " heads";
    return {};
  }
  return node.createTranspose(
      node.createReshape(packed, {axes[0].size, axes[1].size, heads, *size}),
      {0, 2, 1, 3});
}

/// True where key j lies in [i - left, i + right] of query i.
static Value createWindow(NodeImporter &node, const HeadLayout &layout,
                          int64_t left, int64_t right) {
  Type type = makeTensorType({Axis{layout.queryCount}, Axis{layout.keyCount}},
                             node.builder.getI1Type());
  TypedAttr yes = node.builder.getBoolAttr(true);
  Value window = node.createTyped<SplatOp>(type, {}, {node.attr("value", yes)});
  if (right >= 0)
    window = node.create<TriluOp>({window}, {node.attr("k", right)});
  if (left >= 0)
    window = node.create<TriluOp>({window},
                                  {node.attr("k", -left), node.unit("upper")});
  return window;
}

/// Mask entries for keys beyond the mask's last axis: they are not attended.
static Value padMask(NodeImporter &node, Value mask,
                     const SymbolicSize &keyCount) {
  Axes axes = getAxes(mask.getType());
  if (axes.empty() || axes.back().size == keyCount ||
      axes.back().size == SymbolicSize(1))
    return mask;
  std::optional<int64_t> missing = (keyCount - axes.back().size).getStatic();
  if (!missing || *missing < 0)
    return mask; // the operation's own check will say what does not fit
  SmallVector<int64_t> pads(2 * axes.size(), 0);
  pads.back() = *missing;
  bool isBoolean =
      cast<RankedTensorType>(mask.getType()).getElementType().isInteger(1);
  float value = isBoolean ? 0 : -std::numeric_limits<float>::infinity();
  return node.create<PadOp>(
      {mask}, {node.attr("pads", pads), node.attr("value", value)});
}

static LogicalResult importAttention(NodeImporter &node) {
  if (node.hasInput(PastKey) || node.hasInput(PastValue))
    return node.emitError() << "past keys and values are not supported: the "
                               "bound is for whole sequences";
  if (node.hasInput(ValidKeys))
    return node.importOpaque("a computed number of valid keys is not "
                             "supported");
  if (node.isUsed(3))
    return node.importOpaque("the attention scores as an output are not "
                             "supported");
  FailureOr<HeadLayout> layout = getLayout(node);
  if (failed(layout))
    return failure();

  const onnx::AttributeProto *stated = node.findAttribute("scale");
  double scale = stated ? static_cast<double>(stated->f())
                        : 1 / std::sqrt(static_cast<double>(layout->headSize));
  float softcap = node.getFloat("softcap", 0);
  SmallVector<NamedAttribute> attributes = {
      node.attr("scale", node.builder.getF64FloatAttr(scale))};
  if (node.getInt("is_causal", 0))
    attributes.push_back(node.unit("causal"));
  if (layout->isPacked)
    attributes.push_back(
        node.attr("packed_heads",
                  ArrayRef<int64_t>{layout->queryHeads, layout->keyHeads}));
  if (softcap != 0)
    attributes.push_back(node.attr("softcap", softcap));

  SmallVector<Value> operands = {node.getInput(Query), node.getInput(Key),
                                 node.getInput(ValueInput)};
  int64_t left = node.getInt("left_window_size", -1);
  int64_t right = node.getInt("right_window_size", -1);
  Value mask, window;
  if (left >= 0 || right >= 0)
    mask = window = createWindow(node, *layout, left, right);
  bool isBoolean = true;
  if (node.hasInput(Mask)) {
    mask = node.getInput(Mask);
    if (!mask)
      return failure();
    mask = padMask(node, mask, layout->keyCount);
    isBoolean = node.getElementType(Mask).isInteger(1);
    if (window && isBoolean)
      mask = node.create<AndOp>({mask, window});
    else if (window)
      mask = node.create<WhereOp>(
          {window, mask,
           node.createScalar(node.getElementType(Mask),
                             -std::numeric_limits<double>::infinity())});
  }
  if (mask) {
    operands.push_back(mask);
    if (isBoolean)
      attributes.push_back(
          node.attr("mask_kind", MaskKindAttr::get(node.builder.getContext(),
                                                   MaskKind::Boolean)));
  }
  if (failed(node.setOutput(0, node.create<AttentionOp>(operands, attributes))))
    return failure();
  // Without a past the present keys and values are the incoming ones.
  for (unsigned i : {1u, 2u})
    if (node.isUsed(i) &&
        failed(node.setOutput(
            i, splitHeads(node, node.getInput(i), layout->keyHeads))))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Rotary embeddings
//===----------------------------------------------------------------------===//

/// The table for every position of the input, [B, n, d'/2]; with a heads axis
/// for inputs that have one.
static Value getTable(NodeImporter &node, unsigned input, bool isPacked) {
  Value table = node.getParameter(input);
  if (node.hasInput(3))
    table = node.create<GatherOp>({table, node.getInput(3)},
                                  {node.attr("axis", int64_t(0))});
  if (!table || isPacked)
    return table;
  Axes axes = getAxes(table.getType());
  if (axes.size() != 3)
    return table;
  return node.createReshape(table,
                            {axes[0].size, 1, axes[1].size, axes[2].size});
}

static LogicalResult importRotary(NodeImporter &node) {
  int64_t rank = node.getRank(0);
  if (rank != 3 && rank != 4)
    return node.emitError()
           << "expected an input of rank 3 or 4, got rank " << rank;
  bool isPacked = rank == 3;
  int64_t heads = node.getInt("num_heads", 0);
  if (isPacked && heads <= 0)
    return node.emitError() << "an input of rank 3 needs a positive num_heads";
  SmallVector<NamedAttribute> attributes;
  if (node.getInt("interleaved", 0))
    attributes.push_back(node.unit("interleaved"));
  if (int64_t size = node.getInt("rotary_embedding_dim", 0))
    attributes.push_back(node.attr("rotary_dim", size));
  if (isPacked)
    attributes.push_back(node.attr("packed_heads", heads));
  return node.setOutput(
      0, node.create<RotaryOp>({node.getInput(0), getTable(node, 1, isPacked),
                                getTable(node, 2, isPacked)},
                               attributes));
}

void onnx_import::addAttention(Converters &converters) {
  converters["Attention"] = importAttention;
  converters["RotaryEmbedding"] = importRotary;
}
