//===- Products.h - Assembled matrices with an error bound ------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matrix that exists only as an expression of stored ones (a product of two
// layers, a residual mix, heads side by side) is computed in double together
// with a bound of the spectral norm of what rounding lost (docs/Bounds.md,
// B-assembled; bounds.md 3.2(f)). The error is added to the norm, never to tau.
//
//   AssembledMatrix pair = product(AssembledMatrix::fromView(w2),
//                                  AssembledMatrix::fromView(w1));
//   UpperBound joint = pair.normBound();      // of the exact W2 W1
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_PRODUCTS_H
#define LIPT_NUMERICS_PRODUCTS_H

#include "lipt/Numerics/MatrixView.h"
#include "lipt/Numerics/SpectralNorm.h"
#include "lipt/Support/UpperBound.h"

#include <span>
#include <vector>

namespace lipt {

struct AssembledMatrix {
  Matrix approx;
  /// Upper bound of the Frobenius norm (hence of the spectral norm) of
  /// exact - approx. Unbounded when an entry is not finite.
  UpperBound error;

  int64_t rows() const { return approx.rows(); }
  int64_t cols() const { return approx.cols(); }

  /// The stored entries, error exactly zero.
  static AssembledMatrix fromView(const MatrixView &view);
  static AssembledMatrix identity(int64_t order);

  /// Certified norm of approx plus error.
  UpperBound normBound(const SpectralOptions &options = {}) const;
  /// Upper bounds of the exact matrix's largest row sum and column sum of
  /// absolute values, and of its Frobenius norm.
  UpperBound normInfBound() const;
  UpperBound norm1Bound() const;
  UpperBound frobeniusBound() const;

  AssembledMatrix transposed() const;
  AssembledMatrix slice(int64_t row, int64_t col, int64_t rows,
                        int64_t cols) const;
};

/// left * right. The inner dimensions must agree.
AssembledMatrix product(const AssembledMatrix &left,
                        const AssembledMatrix &right,
                        const SpectralOptions &options = {});

/// diag(factors) * matrix, matrix * diag(factors), factors exact and finite.
AssembledMatrix scaleRows(const AssembledMatrix &matrix,
                          std::span<const double> factors);
AssembledMatrix scaleCols(const AssembledMatrix &matrix,
                          std::span<const double> factors);
/// factor * matrix for an exact factor.
AssembledMatrix scale(const AssembledMatrix &matrix, double factor);

/// a * A + b * B for exact a, b; equal shapes.
AssembledMatrix addScaled(double a, const AssembledMatrix &left, double b,
                          const AssembledMatrix &right);
/// a * I + b * B for a square B: a residual step as one matrix.
AssembledMatrix mixIdentity(double a, double b, const AssembledMatrix &matrix);

/// [A_1 ... A_H], equal row counts; rows below each other, equal columns.
AssembledMatrix hstack(std::span<const AssembledMatrix> blocks);
AssembledMatrix vstack(std::span<const AssembledMatrix> blocks);

/// Omega_val: upper bound of sup over norm(z_h) <= 1 of norm(sum_h phi_h M_h
/// z_h), from sqrt(sum t) * norm([phi_h M_h / sqrt(t_h)]) with the witness t.
struct HeadsCertificate {
  std::vector<double> t;
  UpperBound norm;
};

/// Chooses t from the blocks (untrusted), then proves. All blocks have the same
/// row count; phi may be empty (all one).
HeadsCertificate certifyHeads(std::span<const AssembledMatrix> blocks,
                              std::span<const double> phi = {},
                              const SpectralOptions &options = {});
/// The bound that a given t > 0 proves.
UpperBound headsBound(std::span<const AssembledMatrix> blocks,
                      std::span<const double> phi, std::span<const double> t,
                      const SpectralOptions &options = {});

} // namespace lipt

#endif // LIPT_NUMERICS_PRODUCTS_H
