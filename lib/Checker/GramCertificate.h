//===- GramCertificate.h - From Gram matrix to norm -------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The steps that dense matrices and convolutions share, see SpectralNorm.h.

#ifndef LIPT_CHECKER_GRAMCERTIFICATE_H
#define LIPT_CHECKER_GRAMCERTIFICATE_H

#include "lipt/Checker/SpectralNorm.h"

namespace lipt::checker {

/// Steps 2 to 4 of the Cholesky certificate: an upper bound of ‖W'‖₂² from the
/// computed Gram matrix (upper triangle, leading dimension padded(order),
/// destroyed), each of whose entries sums at most `terms` products, from
/// `squaredNormBound` >= ‖ |W'|ᵀ|W'| ‖₂ and from the claim τ.
std::optional<double> squaredNormFromGram(double *gram, int64_t order,
                                          double terms, double squaredNormBound,
                                          double tau, std::string &reason,
                                          unsigned threads);

/// Whether the witness's exponent and τ are usable for a matrix whose largest
/// entry is `largest`.
bool witnessFits(const NormWitness &witness, double largest,
                 std::string &reason);

bool isPositive(const std::vector<double> &x);

/// max_i image_i / x_i rounded up.
std::optional<double> collatzQuotient(const std::vector<double> &image,
                                      const std::vector<double> &x,
                                      std::string &reason);

/// (√squaredNorm + e_S) 2^E.
Extended scaledRoot(double squaredNorm, double frobeniusError,
                    int64_t exponent);

} // namespace lipt::checker

#endif // LIPT_CHECKER_GRAMCERTIFICATE_H
