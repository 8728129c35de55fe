//===- AffineMap.h - Per-position affine maps -------------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The map affine(out<-in) of docs/Certificate.md 5.1 as an expression: at every
// position the same matrix A and vector b send the width vector of `in`
// (flattened row-major over the width axes) to that of `out`.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_AFFINEMAP_H
#define LIPT_CERTIFICATE_AFFINEMAP_H

#include "lipt/Certificate/Constants.h"

namespace lipt {

struct AffineExpr;
using AffineRef = std::shared_ptr<const AffineExpr>;

/// One node of an affine map. `width` is the number of rows of its matrix.
struct AffineExpr {
  enum class Kind {
    Identity, ///< the input itself: A = I, b = 0
    Linear,   ///< A' = alpha * M A, b' = alpha * M b; M = constant seen as
              ///< [out, in] (transposed if `transposed`); with `blocks` > 1 the
              ///< block-diagonal matrix that applies M to each of that many
              ///< equal consecutive parts
    Scale,    ///< diag(constant): A' = diag(v) A, b' = diag(v) b
    Divide,   ///< by the entries of constant
    Add,      ///< b' = b + alpha * constant
    Select,   ///< rows in `rows`, in this order (slices, permutations)
    Stack,    ///< operands on top of each other
    Sum       ///< sum of factors[i] * operands[i]
  };
  Kind kind = Kind::Identity;
  int64_t width = 0;
  std::vector<AffineRef> operands;
  ConstantRef constant;
  bool transposed = false;
  int64_t blocks = 1;
  double alpha = 1; ///< exactly representable factor (ONNX stores float32)
  std::vector<int64_t> rows;
  std::vector<double> factors;
};

/// Batch normalisation as Scale and Add would round twice; its scale
/// g / sqrt(var + eps) and shift are formed by the evaluator with an error
/// term: a Scale/Add whose constant is an Elementwise "batch_norm_scale"
/// (operands gain, variance; values[0] = eps) or "batch_norm_shift" (operands
/// gain, bias, mean, variance). The evaluator computes them in double with an
/// entrywise error bound, not in the stored type.

} // namespace lipt

#endif // LIPT_CERTIFICATE_AFFINEMAP_H
