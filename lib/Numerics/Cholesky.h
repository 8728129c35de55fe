//===- Cholesky.h - Cholesky factorisation as a proof -----------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_CHOLESKY_H
#define LIPT_NUMERICS_CHOLESKY_H

#include "GramKernel.h"
#include "lipt/Support/UpperBound.h"

#include <span>

namespace lipt {

/// Replaces the upper triangle by R with R^T R = matrix, in place: substitution
/// and division by pivots, no inverted blocks. False when a pivot is not
/// positive or an entry of R not finite; then nothing is known.
bool factorCholesky(SymmetricBuffer &matrix, unsigned threads);

/// What completed factorisations of tau*I - G prove for a computed Gram matrix
/// G, block-diagonal with the given blocks: an upper bound of its largest
/// eigenvalue, tau + e_C + e_U (bounds.md 3.2(d), steps 2 and 3, order and
/// trace of the whole matrix). Unbounded when a factorisation does not
/// complete.
UpperBound eigenvalueBoundFromTau(std::span<const SymmetricBuffer> blocks,
                                  double tau, unsigned threads);

} // namespace lipt

#endif // LIPT_NUMERICS_CHOLESKY_H
