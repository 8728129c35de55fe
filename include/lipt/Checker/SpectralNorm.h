//===- SpectralNorm.h - Verified upper bounds of spectral norms -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The Cholesky certificate of docs/Bounds.md (rigorous upper bounds, methods):
// if τI − Ĝ has a completed floating-point Cholesky factor, where Ĝ is the
// computed Gram matrix of W scaled by 2^-E, then ‖W‖₂² <= τ + the rounding
// errors of Gram matrix and factor. And Collatz–Wielandt for matrices whose
// entries are mostly of one sign. The witnesses are hints from outside: they
// decide how sharp the answer is, never whether it is true.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_SPECTRALNORM_H
#define LIPT_CHECKER_SPECTRALNORM_H

#include "lipt/Checker/Matrix.h"
#include <optional>
#include <string>
#include <vector>

namespace lipt::checker {

/// A certificate's `matrices` entry without its key and claimed norm.
struct NormWitness {
  enum class Method { Cholesky, Collatz };
  Method method = Method::Cholesky;
  /// The Gram matrix is of the transpose. The singular values are the same, so
  /// the smaller side is taken in any case and the flag decides only for
  /// square matrices.
  bool transposed = false;
  /// E: τ refers to 2^-E W. Entries of 2^-E W must be of moderate size, the
  /// largest between 2^-16 and 2^16.
  int64_t exponent = 0;
  double tau = 0.0;
  /// Collatz: one positive number for each column (row if `transposed`).
  std::vector<double> x;
};

/// The largest Gram matrix that is formed (16384² doubles are 2 GiB).
inline constexpr int64_t maximumGramOrder = 16384;

/// A verified upper bound of ‖W‖₂; nothing, with the reason, if the witness
/// does not prove one. A zero matrix has norm zero whatever the witness.
std::optional<Extended> verifiedNorm(const MatrixSource &matrix,
                                     const NormWitness &witness,
                                     std::string &reason, unsigned threads = 2);

/// min(‖W‖_F, √(‖W‖_1 ‖W‖_∞)); needs no witness. Unbounded if an entry is not
/// finite.
Extended cheapNorm(const MatrixSource &matrix);

/// A verified upper bound of the norm of the exact matrix: verifiedNorm, or
/// cheapNorm without a witness, plus the assembly error.
std::optional<Extended> normOf(const Assembled &matrix,
                               const NormWitness *witness, std::string &reason,
                               unsigned threads = 2);
std::optional<Extended> normOf(const MatrixSource &matrix,
                               const NormWitness *witness, std::string &reason,
                               unsigned threads = 2);

} // namespace lipt::checker

#endif // LIPT_CHECKER_SPECTRALNORM_H
