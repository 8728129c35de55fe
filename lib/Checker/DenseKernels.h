//===- DenseKernels.h - Blocked products and Cholesky factors ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The checker's own dense kernels. Every entry of a product is a plain sum of
// products in some order (fused or not), never a Strassen-like recombination,
// and the factor divides by its pivots: that is all the error bounds of
// docs/Bounds.md assume.

#ifndef LIPT_CHECKER_DENSEKERNELS_H
#define LIPT_CHECKER_DENSEKERNELS_H

#include "ScaledView.h"
#include <cstdint>

namespace lipt::checker {

/// Rows and columns of buffers are padded to a multiple of this.
inline constexpr int64_t tileWidth = 24;
inline int64_t padded(int64_t n) {
  return (n + tileWidth - 1) / tileWidth * tileWidth;
}

/// C += Lᵀ R (or C -= with `subtract`): L is depth × m, R depth × n, C
/// row-major with leading dimension `ldc` and room for padded(m) × padded(n)
/// entries; padding is written with zeros added. `upperOnly`: entries below the
/// diagonal of C are unspecified afterwards.
struct ProductOptions {
  bool upperOnly = false;
  bool subtract = false;
  unsigned threads = 1;
};
void accumulateProduct(double *c, int64_t ldc, const ScaledView &left,
                       const ScaledView &right, const ProductOptions &options);

/// Factors the symmetric n × n matrix in the upper triangle of `a` (leading
/// dimension padded(n), padding zero) as RᵀR in place. False if a pivot is not
/// positive or an entry not finite.
bool choleskyCompletes(double *a, int64_t n, unsigned threads);

} // namespace lipt::checker

#endif // LIPT_CHECKER_DENSEKERNELS_H
