//===- SpectralNorm.cpp - Verified upper bounds of spectral norms ---------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/SpectralNorm.h"
#include "DenseKernels.h"
#include "GramCertificate.h"
#include "ScaledView.h"
#include "lipt/Checker/Rounding.h"
#include <algorithm>
#include <cmath>
#include <new>

using namespace lipt::checker;

static constexpr double infinity = std::numeric_limits<double>::infinity();

std::optional<double>
lipt::checker::squaredNormFromGram(double *gram, int64_t order, double terms,
                                   double squaredNormBound, double tau,
                                   std::string &reason, unsigned threads) {
  const int64_t ld = padded(order);
  const double n = static_cast<double>(order);

  // e_G: every entry of Ĝ is a sum of `terms` products in some order.
  double gramError = up(up(terms * unitRoundoff * squaredNormBound) +
                        n * terms * smallestDouble);

  // M = τI − Ĝ: off the diagonal exact, on it rounded down.
  double diagonalSum = 0.0;
  for (int64_t i = 0; i < order; ++i) {
    double *row = gram + i * ld;
    row[i] = dn(tau - row[i]);
    if (!(row[i] > 0.0)) {
      reason = "tau is not above the diagonal of the Gram matrix";
      return std::nullopt;
    }
    diagonalSum += row[i];
    for (int64_t j = i + 1; j < order; ++j) {
      row[j] = -row[j];
      if (!std::isfinite(row[j])) {
        reason = "an entry of the Gram matrix is not finite";
        return std::nullopt;
      }
    }
  }
  double trace = sumUp(diagonalSum, n);
  if (!choleskyCompletes(gram, order, threads)) {
    reason = "tau is too small: the Cholesky factorization does not complete";
    return std::nullopt;
  }

  // λ_min(M) >= −(e_C + e_U), with e_C of the factor's rounding relative to the
  // trace and e_U of underflow.
  double k = (n + 1.0) * unitRoundoff;
  double g = up(k / (1.0 - k));
  double choleskyError = up(up(g / dn(1.0 - g)) * trace);
  double underflowError = n * n * 0x1p-1020;
  double bound = up(up(up(tau + choleskyError) + underflowError) + gramError);
  if (!std::isfinite(bound)) {
    reason = "the error terms are not finite";
    return std::nullopt;
  }
  return bound;
}

bool lipt::checker::witnessFits(const NormWitness &witness, double largest,
                                std::string &reason) {
  if (!(largest < infinity)) {
    reason = "the matrix has an entry that is not finite";
    return false;
  }
  constexpr int64_t slack = 16;
  int64_t exponent = scalingExponent(largest);
  if (witness.exponent > exponent + slack ||
      witness.exponent < exponent - slack) {
    reason = "the exponent does not scale the matrix to moderate entries";
    return false;
  }
  if (witness.method == NormWitness::Method::Cholesky &&
      !(witness.tau > 0.0 && witness.tau <= 0x1p100)) {
    reason = "tau is not in (0, 2^100]";
    return false;
  }
  return true;
}

Extended lipt::checker::scaledRoot(double squaredNorm, double frobeniusError,
                                   int64_t exponent) {
  double norm = up(std::sqrt(squaredNorm));
  if (frobeniusError > 0.0)
    norm = up(norm + frobeniusError);
  return Extended::fromDouble(norm).scaledByPowerOfTwo(exponent);
}

static std::optional<Extended> choleskyNorm(const MatrixSource &matrix,
                                            const NormWitness &witness,
                                            std::string &reason,
                                            unsigned threads) {
  // The Gram matrix of the smaller side.
  bool transposed = matrix.rows == matrix.cols ? witness.transposed
                                               : matrix.rows < matrix.cols;
  ScaledView view(transposed ? matrix.transposed() : matrix, witness.exponent);
  int64_t order = view.source.cols;
  if (order > maximumGramOrder) {
    reason = "the Gram matrix would be too large";
    return std::nullopt;
  }
  NormSums sums = normSums(view);
  double squaredNormBound =
      std::min(sums.frobeniusSquared, up(sums.maxColumnSum * sums.maxRowSum));

  std::vector<double> gram(padded(order) * padded(order));
  accumulateProduct(gram.data(), padded(order), view, view,
                    {.upperOnly = true, .threads = threads});
  std::optional<double> squared = squaredNormFromGram(
      gram.data(), order, static_cast<double>(view.source.rows),
      squaredNormBound, witness.tau, reason, threads);
  if (!squared)
    return std::nullopt;
  return scaledRoot(*squared, view.frobeniusError(), witness.exponent);
}

std::optional<double>
lipt::checker::collatzQuotient(const std::vector<double> &image,
                               const std::vector<double> &x,
                               std::string &reason) {
  double largest = 0.0;
  for (size_t i = 0; i < x.size(); ++i)
    largest = std::max(largest, up(image[i] / x[i]));
  if (!(largest < infinity)) {
    reason = "the Collatz quotients are not finite";
    return std::nullopt;
  }
  return largest;
}

bool lipt::checker::isPositive(const std::vector<double> &x) {
  return std::all_of(x.begin(), x.end(),
                     [](double v) { return v > 0.0 && v < infinity; });
}

/// ‖W‖₂² <= ‖|W|‖₂² = ρ(|W|ᵀ|W|) <= max_i (|W|ᵀ(|W|x))_i / x_i for x > 0.
static std::optional<Extended> collatzNorm(const MatrixSource &matrix,
                                           const NormWitness &witness,
                                           std::string &reason) {
  int64_t size = static_cast<int64_t>(witness.x.size());
  bool transposed =
      matrix.rows == matrix.cols ? witness.transposed : size == matrix.rows;
  ScaledView view(transposed ? matrix.transposed() : matrix, witness.exponent);
  if (size != view.source.cols || !isPositive(witness.x)) {
    reason = "x does not have one positive number for each column";
    return std::nullopt;
  }
  std::vector<double> image =
      absTransposeTimesUp(view, absTimesUp(view, witness.x));
  std::optional<double> squared = collatzQuotient(image, witness.x, reason);
  if (!squared)
    return std::nullopt;
  return scaledRoot(*squared, view.frobeniusError(), witness.exponent);
}

std::optional<Extended> lipt::checker::verifiedNorm(const MatrixSource &matrix,
                                                    const NormWitness &witness,
                                                    std::string &reason,
                                                    unsigned threads) {
  double largest = largestEntry(matrix);
  if (largest == 0.0)
    return Extended::zero();
  if (!witnessFits(witness, largest, reason))
    return std::nullopt;
  try {
    if (witness.method == NormWitness::Method::Collatz)
      return collatzNorm(matrix, witness, reason);
    return choleskyNorm(matrix, witness, reason, threads);
  } catch (const std::bad_alloc &) {
    reason = "not enough memory for the Gram matrix";
    return std::nullopt;
  }
}

Extended lipt::checker::cheapNorm(const MatrixSource &matrix) {
  double largest = largestEntry(matrix);
  if (largest == 0.0)
    return Extended::zero();
  if (!(largest < infinity))
    return Extended::unbounded();
  ScaledView view(matrix, scalingExponent(largest));
  NormSums sums = normSums(view);
  double squared =
      std::min(sums.frobeniusSquared, up(sums.maxColumnSum * sums.maxRowSum));
  return scaledRoot(squared, view.frobeniusError(), view.exponent);
}

std::optional<Extended> lipt::checker::normOf(const MatrixSource &matrix,
                                              const NormWitness *witness,
                                              std::string &reason,
                                              unsigned threads) {
  if (!witness)
    return cheapNorm(matrix);
  return verifiedNorm(matrix, *witness, reason, threads);
}

std::optional<Extended> lipt::checker::normOf(const Assembled &matrix,
                                              const NormWitness *witness,
                                              std::string &reason,
                                              unsigned threads) {
  std::optional<Extended> norm =
      normOf(MatrixSource(matrix.value), witness, reason, threads);
  if (!norm)
    return std::nullopt;
  return *norm + matrix.error;
}
