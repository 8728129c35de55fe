//===- SpectralNorm.h - Verified spectral norms -----------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upper bounds of matrix norms that hold for the stored entries in spite of
// rounding. The main one is the Cholesky certificate (docs/Bounds.md, B-norm):
// a number tau for which tau*I - W^T W has a completed Cholesky factor, plus
// a-priori error terms. tau comes from an estimate that need not be right.
//
// Norms are l2 -> l2 of the stored matrix unless the name says otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_SPECTRALNORM_H
#define LIPT_NUMERICS_SPECTRALNORM_H

#include "lipt/Numerics/MatrixView.h"
#include "lipt/Support/UpperBound.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lipt {

struct SpectralOptions {
  /// Worker threads; 0 takes the machine's. Results do not depend on it.
  unsigned threads = 0;
  /// Largest smaller side for which a Gram matrix (order^2 doubles) is formed.
  int64_t maxOrder = 8192;
};

/// A witness that anyone can check again, and the bound that follows from it.
struct SpectralCertificate {
  /// tau of the scaled matrix W' = W * 2^-scaleExponent, whose largest entry is
  /// in [1/2, 1). Zero for a zero matrix.
  double tau = 0;
  int64_t scaleExponent = 0;
  /// The Gram matrix is that of the smaller side: W W^T where true.
  bool transposed = false;
  /// Upper bound of the spectral norm of W; exact zero for a zero matrix.
  UpperBound norm;
};

/// Finds tau (Lanczos with full reorthogonalisation, then one or a few Cholesky
/// factorisations) and returns the certificate. No result, and a reason in
/// `error`, when an entry is not finite or the smaller side is above maxOrder.
std::optional<SpectralCertificate>
certifySpectralNorm(const MatrixView &matrix,
                    const SpectralOptions &options = {},
                    std::string *error = nullptr);

/// The same for many matrices, the work spread over them and inside the big
/// ones. Element i belongs to matrices[i].
std::vector<std::optional<SpectralCertificate>>
certifySpectralNorms(std::span<const MatrixView> matrices,
                     const SpectralOptions &options = {});

/// The bound that a given tau proves: one Gram matrix, one Cholesky. Unbounded
/// when the factorisation does not complete or the input is not acceptable.
UpperBound spectralNormFromTau(const MatrixView &matrix, double tau,
                               const SpectralOptions &options = {});

/// Always answers: the certificate, or the best cheap bound where it cannot be
/// made; unbounded when an entry is not finite.
UpperBound spectralNormBound(const MatrixView &matrix,
                             const SpectralOptions &options = {});

/// A number not above the spectral norm, as mantissa and exponent like
/// UpperBound::toHex: norm(W v)/norm(v) for the best vector found, error
/// subtracted (bounds.md 3.2(g)). For the printed gap only.
std::pair<double, int64_t>
attainedSpectralNorm(const MatrixView &matrix,
                     const SpectralOptions &options = {});

/// The O(rows * cols) bounds of one matrix.
struct CheapNorms {
  /// False when an entry is infinite or NaN; then every bound is unbounded.
  bool finite = false;
  /// l1 -> l1: largest column sum of absolute values.
  UpperBound norm1;
  /// linf -> linf: largest row sum of absolute values.
  UpperBound normInf;
  UpperBound frobenius;
  /// Largest l2 norm of a row; of a column.
  UpperBound maxRowNorm2;
  UpperBound maxColNorm2;
  UpperBound maxAbs;

  /// min(frobenius, sqrt(norm1 * normInf)).
  UpperBound spectral() const;
};

CheapNorms cheapNorms(const MatrixView &matrix);

/// l2 norm of a vector of stored numbers, linf norm likewise.
UpperBound vectorNorm2(std::span<const double> entries);
UpperBound vectorNorm2(std::span<const float> entries);

/// Collatz-Wielandt bound of norm(|W|) >= norm(W), exact in the limit for
/// non-negative W (bounds.md 3.2(b)).
struct CollatzCertificate {
  /// The positive vector (one entry per column) that proves the bound.
  std::vector<double> x;
  UpperBound norm;
};

CollatzCertificate certifyAbsoluteNorm(const MatrixView &matrix,
                                       unsigned iterations = 30);

/// The bound that a given positive x proves; unbounded when x does not fit.
UpperBound absoluteNormFrom(const MatrixView &matrix,
                            std::span<const double> x);

} // namespace lipt

#endif // LIPT_NUMERICS_SPECTRALNORM_H
