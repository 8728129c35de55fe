//===- Attention.cpp - Attention from products and softmax -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionOperands.h"

using namespace mlir;

namespace lipt::raise {

/// Uses keys and values before their heads are repeated, if both are repeated
/// equally often.
static bool dropRepetition(Value &key, Value &value) {
  Value keyHeads = findUnrepeatedHeads(key);
  Value valueHeads = findUnrepeatedHeads(value);
  if (!keyHeads || !valueHeads)
    return false;
  SmallVector<SymbolicSize> keySizes = getSizes(keyHeads);
  SmallVector<SymbolicSize> valueSizes = getSizes(valueHeads);
  if (keySizes[keySizes.size() - 3] != valueSizes[valueSizes.size() - 3])
    return false;
  key = keyHeads;
  value = valueHeads;
  return true;
}

/// softmax(masked(scale q k^T)) v.
static bool raiseProduct(MatmulOp root, Raiser &raiser) {
  auto softmax = root.getLhs().getDefiningOp<SoftmaxOp>();
  if (!softmax || softmax.getFlatten())
    return false;
  size_t rank = getSizes(softmax).size();
  if (rank < 3 || softmax.getAxis() + 1 != rank ||
      getSizes(root.getRhs()).size() != rank)
    return false;
  std::optional<Logits> logits = readLogits(root, softmax.getInput(), raiser);
  auto scores = logits ? logits->scores.getDefiningOp<MatmulOp>() : MatmulOp();
  if (!scores)
    return false;
  Value query = scores.getLhs(), key = scores.getRhs(), value = root.getRhs();
  // The product has the key as [..., d, n].
  bool transposed = true;
  ScaleProduct scale = logits->scale;
  peelScales(query, scale, raiser);
  peelKey(key, transposed, scale, raiser);
  if (rank > 3 && dropRepetition(key, value))
    peelKey(key, transposed, scale, raiser);
  for (Value operand : {query, key, value})
    if (raiser.isConstant(operand))
      return false;

  OpBuilder builder(root);
  UnitAttr unit = builder.getUnitAttr();
  // Without an axis of heads there is one.
  DenseI64ArrayAttr packed =
      rank == 3 ? builder.getDenseI64ArrayAttr({1, 1}) : DenseI64ArrayAttr();
  auto raised = raiser.create<AttentionOp>(
      root, query, key, value, logits->mask,
      builder.getF64FloatAttr(scale.get()), logits->causal ? unit : UnitAttr(),
      packed, builder.getF32FloatAttr(static_cast<float>(logits->softcap)),
      MaskKindAttr::get(builder.getContext(), logits->maskKind),
      builder.getF32FloatAttr(static_cast<float>(logits->maskFill)),
      transposed ? unit : UnitAttr());
  return raiser.replace(root, raised, {query, key, value});
}

/// An attention operation with repeated heads or a causal mask written out.
static bool simplify(AttentionOp root, Raiser &raiser) {
  if (root.getPackedHeads())
    return false;
  Value query = root.getQuery(), key = root.getKey(), value = root.getValue();
  Value mask = root.getMask();
  bool causal = root.getCausal();
  bool changes = dropRepetition(key, value);
  if (mask && root.getMaskKind() != MaskKind::Fill && raiser.isConstant(mask)) {
    bool isBoolean = root.getMaskKind() == MaskKind::Boolean;
    SmallVector<SymbolicSize> keySizes = getSizes(key);
    size_t last = keySizes.size() - 1;
    SmallVector<SymbolicSize> logits = getSizes(query);
    logits.back() = keySizes[root.getKeyTransposed() ? last : last - 1];
    if (isCausalMask(mask, logits, isBoolean ? 1 : 0,
                     isBoolean ? 0 : -std::numeric_limits<double>::infinity(),
                     raiser)) {
      causal = true;
      mask = {};
      changes = true;
    }
  }
  if (!changes)
    return false;
  UnitAttr unit = UnitAttr::get(root.getContext());
  auto raised = raiser.create<AttentionOp>(
      root, query, key, value, mask, root.getScaleAttr(),
      causal ? unit : UnitAttr(), DenseI64ArrayAttr(), root.getSoftcapAttr(),
      MaskKindAttr::get(root.getContext(),
                        mask ? root.getMaskKind() : MaskKind::Additive),
      root.getMaskFillAttr(), root.getKeyTransposedAttr());
  return raiser.replace(root, raised, {query, key, value});
}

bool raiseAttention(Operation *root, Raiser &raiser) {
  if (auto attention = llvm::dyn_cast<AttentionOp>(root))
    return simplify(attention, raiser);
  auto product = llvm::dyn_cast<MatmulOp>(root);
  return product && raiseProduct(product, raiser);
}

} // namespace lipt::raise
