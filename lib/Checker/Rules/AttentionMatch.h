//===- AttentionMatch.h - Attention as it stands in the graph --*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_RULES_ATTENTIONMATCH_H
#define LIPT_LIB_CHECKER_RULES_ATTENTIONMATCH_H

#include "lipt/Checker/Certificate.h"
#include "lipt/Checker/Rules.h"

namespace lipt::checker {

/// One operand of the attention core, followed back from the product through
/// what the theorems count for themselves: scalar factors, rotary blocks,
/// repetition of key/value heads.
struct AttentionOperand {
  /// Canonical tensors from the product's operand (first) to the one that is
  /// taken as affine in the source (last).
  struct Stage {
    std::string tensor;
    /// Product of |scalar factors| and of rotary norms between this tensor and
    /// the product's operand.
    Extended scale = Extended::one();
    Extended rotation = Extended::one(); // ℓ2
    Extended rotationLinf = Extended::one();
    /// Nodes in between.
    std::set<int64_t> nodes;
  };
  std::vector<Stage> stages;
  bool rotary = false;

  const Stage &base() const { return stages.back(); }
};

/// Y = softmax(mask ∘ σ(Q Kᵀ)) V.
struct AttentionMatch {
  AttentionOperand q, k, v;
  int64_t heads = 1, keyHeads = 1;
  int64_t headWidth = 0;
  /// |scale| of the logits that stands behind the product.
  Extended scale = Extended::one();
  /// Mask or cap that bends logits key by key: only A-G and B-op hold.
  bool bent = false;
  /// Softmax, masks, products; not what lies between the base tensors and
  /// these.
  std::set<int64_t> nodes;

  bool rotary() const { return q.rotary || k.rotary; }
  /// σ·ρ² between the base tensors and the logits.
  Extended sigma() const { return scale * q.base().scale * k.base().scale; }
  Extended rotation() const { return q.base().rotation * k.base().rotation; }
};

/// Rejects if `y` is no attention core that the rules cover, if its mask
/// depends on graph inputs, or if a row of it may be empty.
/// Operands are not followed beyond the tensors in `stops` (the sources).
AttentionMatch matchAttention(const Graph &graph, const std::string &y,
                              const std::set<std::string> &stops = {});

/// Spectral norm (and largest row sum) of the 2×2 blocks by which the node that
/// produces `tensor` rotates, with the tensor that it rotates; nothing if it is
/// no rotary embedding.
struct RotaryMatch {
  std::string source; // canonical
  Extended norm, rowSum;
  std::set<int64_t> nodes;
};
std::optional<RotaryMatch> matchRotary(const Graph &graph,
                                       const std::string &tensor);

/// Collects masks and decides whether every row keeps a key.
class MaskRows {
public:
  MaskRows(const Graph &graph, const std::vector<Size> &logits)
      : graph(graph), logits(logits) {}
  /// An additive mask; rejects NaN and +inf.
  void add(const std::string &mask);
  /// Keys where the boolean tensor is `kept` stay.
  void keepWhere(const std::string &condition, bool kept);
  void causal();
  /// Rejects if a row may have lost every key.
  void finish() const;

private:
  void meet(Constant allowed);
  const Graph &graph;
  std::vector<Size> logits;
  std::optional<Constant> allowed;
  bool isCausal = false;
};

/// Slice `slice` of the constant operand of the MatMul or Gemm that produces
/// `tensor` (B-lin-any), and the canonical key of its norm.
Assembled constantOperandMatrix(const Graph &graph, const std::string &tensor,
                                int64_t slice);
std::string contractedKey(const std::string &out, int64_t slice);

/// [M_1 … M_H], M_h = W_o^h W_v^h, of the attention step for `tensor`.
Assembled valueOutputMatrix(const Graph &graph, AffineMaps &maps,
                            const Certificate &certificate,
                            const std::string &tensor);

/// The same from its parts: `output` is affine(tensor<-attention), `value`
/// affine(v<-source).
Assembled valueOutputMatrix(const AttentionMatch &match,
                            const Assembled &output, const Assembled &value);

/// Rows [begin, end) of a head of an operand with `heads` heads.
Assembled headRows(const Assembled &matrix, int64_t head, int64_t heads);

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_RULES_ATTENTIONMATCH_H
