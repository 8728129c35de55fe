//===- SpectralCertifier.h - Steps shared by matrices and convolutions -*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_SPECTRALCERTIFIER_H
#define LIPT_NUMERICS_SPECTRALCERTIFIER_H

#include "GramKernel.h"
#include "lipt/Support/UpperBound.h"

#include <optional>
#include <span>

namespace lipt {

/// A tau for which the factorisation completed, and what it proves.
struct TauProof {
  double tau = 0;
  /// Upper bound of the largest eigenvalue of the computed Gram matrix.
  UpperBound eigenvalue;
};

/// Chooses one tau by Lanczos and proves it for the block-diagonal matrix of
/// the given Gram blocks, the error terms being those of the whole matrix. No
/// result when nothing completes.
std::optional<TauProof> proveEigenvalue(std::span<const SymmetricBuffer> blocks,
                                        unsigned threads);

/// e_G: bound of norm(computed - exact Gram matrix) where an entry sums at most
/// `terms` products, t bounds the norm of |W|^T |W| and `order` is its size.
UpperBound gramErrorBound(const UpperBound &t, int64_t terms, int64_t order);

/// e_S: bound of the norm of what scaling rounded.
UpperBound scalingErrorBound(int64_t rows, int64_t cols);

} // namespace lipt

#endif // LIPT_NUMERICS_SPECTRALCERTIFIER_H
