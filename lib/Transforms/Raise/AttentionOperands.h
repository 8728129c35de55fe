//===- AttentionOperands.h - Queries, keys, values, logits -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_TRANSFORMS_RAISE_ATTENTIONOPERANDS_H
#define LIPT_LIB_TRANSFORMS_RAISE_ATTENTIONOPERANDS_H

#include "Raiser.h"

namespace lipt::raise {

/// A product of constants in double, rounded away from zero where it is not
/// exact: as a factor of logits it may only be too large.
class ScaleProduct {
public:
  void multiply(double factor);
  void divide(double divisor);
  double get() const { return product; }

private:
  double product = 1;
};

/// Moves `value` to x while it is x times or divided by a constant number.
void peelScales(mlir::Value &value, ScaleProduct &scale, Raiser &raiser);

/// Moves a key to what it is made of: scalings go into `scale`; a swap of the
/// last two axes (a transpose, or one between two reshapes) flips
/// `transposed`.
void peelKey(mlir::Value &key, bool &transposed, ScaleProduct &scale,
             Raiser &raiser);

/// The [..., H_kv, a, b] of which `value` [..., H_kv * r, a, b] repeats every
/// head r times, or null.
mlir::Value findUnrepeatedHeads(mlir::Value value);

/// What stands between the products of queries and keys and the softmax.
struct Logits {
  mlir::Value scores; ///< the product, before scale, cap and masks
  ScaleProduct scale;
  double softcap = 0;
  bool causal = false;
  mlir::Value mask; ///< null: none
  MaskKind maskKind = MaskKind::Additive;
  double maskFill = 0;
};

/// Reads scalings, a cap and masks; nothing where a mask depends on inputs or
/// does not fit lipt.attention. New constants go before `root`.
std::optional<Logits> readLogits(mlir::Operation *root, mlir::Value logits,
                                 Raiser &raiser);

/// True if the mask, true where keys are kept, or added with -inf where they
/// are not, keeps key j of query i exactly if j <= i. `logits`: their sizes.
bool isCausalMask(mlir::Value mask, llvm::ArrayRef<SymbolicSize> logits,
                  double kept, double dropped, Raiser &raiser);

} // namespace lipt::raise

#endif // LIPT_LIB_TRANSFORMS_RAISE_ATTENTIONOPERANDS_H
