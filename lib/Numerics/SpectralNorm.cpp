//===- SpectralNorm.cpp - The Cholesky certificate ------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// bounds.md 3.2(d). W is the m x n orientation with n <= m, W' = W * 2^-E. With
// G the computed Gram matrix of W',
//
//   norm(W')^2 <= lambda_max(G) + e_G,  e_G = m*u*T + n*m*2^-1074,
//   T = min(norm_F^2, norm_1 * norm_inf) of W',
//
// and lambda_max(G) <= tau + e_C + e_U once tau*I - G has a Cholesky factor.
//
//===----------------------------------------------------------------------===//

#include "lipt/Numerics/SpectralNorm.h"

#include "Cholesky.h"
#include "Lanczos.h"
#include "MatrixSums.h"
#include "Parallel.h"
#include "SpectralCertifier.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

namespace lipt {

//===----------------------------------------------------------------------===//
// From a Gram matrix to tau
//===----------------------------------------------------------------------===//

/// The largest estimate of all blocks and their diagonal entries; the residual
/// is that of the block it came from.
static EigenvalueEstimate
estimateBlocks(std::span<const SymmetricBuffer> blocks, uint64_t seed) {
  constexpr int64_t maxSteps = 300;
  EigenvalueEstimate best;
  for (const SymmetricBuffer &gram : blocks) {
    EigenvalueEstimate estimate =
        estimateLargestEigenvalue(gram, seed, maxSteps);
    for (int64_t i = 0; i < gram.order(); ++i)
      estimate.value = std::max(estimate.value, gram.row(i)[i]);
    if (estimate.value > best.value)
      best = estimate;
  }
  return best;
}

std::optional<TauProof> proveEigenvalue(std::span<const SymmetricBuffer> blocks,
                                        unsigned threads) {
  constexpr double leastGap = 2e-10;
  EigenvalueEstimate estimate = estimateBlocks(blocks, 1);
  double theta = estimate.value;
  if (!(theta > 0))
    theta = 0x1p-1000;
  double delta = std::max(leastGap, estimate.residual / theta);
  // A start without a component along the top eigenvector leaves theta too low:
  // the factorisation then fails and another start is tried before tau grows.
  // tau soon exceeds the trace bound n*theta, so the loop ends.
  for (int attempt = 0; std::isfinite(delta); ++attempt) {
    double tau = theta * (1 + delta);
    UpperBound bound = eigenvalueBoundFromTau(blocks, tau, threads);
    if (!bound.isUnbounded())
      return TauProof{tau, bound};
    if (!(tau <= 0x1p100))
      return std::nullopt;
    if (attempt == 0) {
      EigenvalueEstimate second = estimateBlocks(blocks, 2);
      if (second.value > theta * (1 + delta)) {
        theta = second.value;
        delta = std::max(leastGap, second.residual / theta);
        continue;
      }
    }
    delta *= 64;
  }
  return std::nullopt;
}

UpperBound gramErrorBound(const UpperBound &t, int64_t terms, int64_t order) {
  UpperBound termCount = UpperBound::fromInteger(uint64_t(terms));
  UpperBound entries = termCount * UpperBound::fromInteger(uint64_t(order));
  return termCount.scaledByPowerOfTwo(-53) * t + underflowBound(entries);
}

//===----------------------------------------------------------------------===//
// One matrix
//===----------------------------------------------------------------------===//

namespace {
/// What tau is relative to: W' and the errors that do not depend on tau.
struct ScaledMatrix {
  MatrixView view; ///< m x n, n <= m
  bool transposed = false;
  bool zero = false;
  int64_t exponent = 0;
};
} // namespace

static void setError(std::string *error, const std::string &message) {
  if (error)
    *error = message;
}

static std::string shapeText(const MatrixView &matrix) {
  return std::to_string(matrix.rows()) + "x" + std::to_string(matrix.cols());
}

/// Orientation, scale exponent and the checks that come before any work.
static std::optional<ScaledMatrix> prepare(const MatrixView &matrix,
                                           const SpectralOptions &options,
                                           unsigned threads,
                                           std::string *error) {
  ScaledMatrix scaled;
  scaled.transposed = matrix.rows() < matrix.cols();
  scaled.view = scaled.transposed ? matrix.transposed() : matrix;
  if (matrix.empty()) {
    scaled.zero = true;
    return scaled;
  }
  LargestEntry largest = largestEntry(matrix, threads);
  if (!largest.finite) {
    setError(error, "the " + shapeText(matrix) +
                        " matrix has an entry that is infinite or not a "
                        "number; finite entries are expected");
    return std::nullopt;
  }
  scaled.zero = largest.value == 0;
  if (scaled.zero)
    return scaled;
  scaled.exponent = scaleExponentOf(largest.value);
  if (scaled.view.cols() > options.maxOrder) {
    setError(error, "the smaller side of the " + shapeText(matrix) +
                        " matrix is above " + std::to_string(options.maxOrder) +
                        ", the limit of the Cholesky certificate");
    return std::nullopt;
  }
  return scaled;
}

/// norm(W) from a bound of the largest eigenvalue of the computed Gram matrix.
static UpperBound finishNorm(const ScaledMatrix &scaled,
                             const UpperBound &eigenvalue, unsigned threads) {
  int64_t m = scaled.view.rows(), n = scaled.view.cols();
  MatrixSums sums = matrixSums(scaled.view, scaled.exponent, threads);
  UpperBound t = min(sums.squares, sums.maxRowSum * sums.maxColSum);
  UpperBound norm = (eigenvalue + gramErrorBound(t, m, n)).sqrt();
  return (norm + scalingErrorBound(m, n)).scaledByPowerOfTwo(scaled.exponent);
}

UpperBound scalingErrorBound(int64_t rows, int64_t cols) {
  UpperBound entries = UpperBound::fromInteger(uint64_t(rows)) *
                       UpperBound::fromInteger(uint64_t(cols));
  return underflowBound(entries.sqrt());
}

static std::optional<SpectralCertificate>
certify(const MatrixView &matrix, const SpectralOptions &options,
        unsigned threads, std::string *error) {
  std::optional<ScaledMatrix> scaled = prepare(matrix, options, threads, error);
  if (!scaled)
    return std::nullopt;
  SpectralCertificate certificate;
  certificate.transposed = scaled->transposed;
  certificate.scaleExponent = scaled->exponent;
  if (scaled->zero) {
    certificate.norm = UpperBound::zero();
    return certificate;
  }
  SymmetricBuffer gram(scaled->view.cols());
  addGram(gram, scaled->view, scaled->exponent, threads);
  std::optional<TauProof> proof = proveEigenvalue({&gram, 1}, threads);
  if (!proof) {
    setError(error, "no Cholesky factorisation of the " + shapeText(matrix) +
                        " matrix completed");
    return std::nullopt;
  }
  certificate.tau = proof->tau;
  certificate.norm = finishNorm(*scaled, proof->eigenvalue, threads);
  return certificate;
}

/// Runs `work`, which may need much memory, and reports the lack of it.
template <typename Work>
static auto guarded(std::string *error, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc &) {
    setError(error, "not enough memory for the Gram matrix");
    return {};
  }
}

std::optional<SpectralCertificate>
certifySpectralNorm(const MatrixView &matrix, const SpectralOptions &options,
                    std::string *error) {
  return guarded(error, [&] {
    return certify(matrix, options, effectiveThreads(options.threads), error);
  });
}

UpperBound spectralNormFromTau(const MatrixView &matrix, double tau,
                               const SpectralOptions &options) {
  unsigned threads = effectiveThreads(options.threads);
  return guarded(nullptr, [&] {
    std::optional<ScaledMatrix> scaled =
        prepare(matrix, options, threads, nullptr);
    if (!scaled)
      return UpperBound::unbounded();
    if (scaled->zero)
      return UpperBound::zero();
    SymmetricBuffer gram(scaled->view.cols());
    addGram(gram, scaled->view, scaled->exponent, threads);
    UpperBound eigenvalue = eigenvalueBoundFromTau({&gram, 1}, tau, threads);
    return finishNorm(*scaled, eigenvalue, threads);
  });
}

UpperBound spectralNormBound(const MatrixView &matrix,
                             const SpectralOptions &options) {
  if (std::optional<SpectralCertificate> certificate =
          certifySpectralNorm(matrix, options))
    return certificate->norm;
  return cheapNorms(matrix).spectral();
}

//===----------------------------------------------------------------------===//
// Many matrices
//===----------------------------------------------------------------------===//

std::vector<std::optional<SpectralCertificate>>
certifySpectralNorms(std::span<const MatrixView> matrices,
                     const SpectralOptions &options) {
  unsigned threads = effectiveThreads(options.threads);
  auto cost = [&](size_t i) {
    double m = double(std::max(matrices[i].rows(), matrices[i].cols()));
    double n = double(std::min(matrices[i].rows(), matrices[i].cols()));
    return (m + n) * n * n;
  };
  double total = 0;
  for (size_t i = 0; i < matrices.size(); ++i)
    total += cost(i);
  std::vector<std::optional<SpectralCertificate>> results(matrices.size());
  std::vector<size_t> small;
  SpectralOptions inner = options;
  inner.threads = threads;
  // A matrix that is a good part of everything gets all threads; the others go
  // to one thread each, the longest first.
  for (size_t i = 0; i < matrices.size(); ++i) {
    if (threads > 1 && cost(i) * 8 * threads > total)
      results[i] = certifySpectralNorm(matrices[i], inner);
    else
      small.push_back(i);
  }
  std::sort(small.begin(), small.end(), [&](size_t a, size_t b) {
    return std::pair(cost(a), b) > std::pair(cost(b), a);
  });
  inner.threads = 1;
  parallelFor(threads, int64_t(small.size()), [&](int64_t task) {
    size_t i = small[task];
    results[i] = certifySpectralNorm(matrices[i], inner);
  });
  return results;
}

//===----------------------------------------------------------------------===//
// Lower bound
//===----------------------------------------------------------------------===//

std::pair<double, int64_t>
attainedSpectralNorm(const MatrixView &matrix, const SpectralOptions &options) {
  unsigned threads = effectiveThreads(options.threads);
  return guarded(nullptr, [&]() -> std::pair<double, int64_t> {
    std::optional<ScaledMatrix> scaled =
        prepare(matrix, options, threads, nullptr);
    if (!scaled || scaled->zero)
      return {0, 0};
    int64_t m = scaled->view.rows(), n = scaled->view.cols();
    SymmetricBuffer gram(n);
    addGram(gram, scaled->view, scaled->exponent, threads);
    std::vector<double> v;
    estimateLargestEigenvalue(gram, 1, 300, &v);
    // norm(W'v) from below: every entry of the product less its error
    // n*u*(|w|.|v|) + n*2^-1074 (n+1 covers the rounding of |w|.|v| itself).
    PowerOfTwoScale scale(scaled->exponent);
    std::vector<double> row(n);
    double squares = 0, vectorSquares = 0;
    for (int64_t i = 0; i < m; ++i) {
      scaled->view.loadRow(i, 0, n, row.data());
      double sum = 0, absolute = 0;
      for (int64_t j = 0; j < n; ++j) {
        double x = scale(row[j]) * v[j];
        sum += x;
        absolute += std::fabs(x);
      }
      double error = up(up(double(n + 2) * unitRoundoff *
                           up(absolute * (1 + 2 * double(n) * unitRoundoff))) +
                        2 * double(n) * leastSubnormal);
      double least = std::max(0.0, dn(std::fabs(sum) - error));
      squares += least * least;
    }
    for (double x : v)
      vectorSquares += x * x;
    // A sum of k products of non-negative numbers exceeds the exact one by at
    // most the factor 1 + 2(k+1)u.
    double attained =
        std::max(0.0, dn(squares / (1 + 2 * double(m + 2) * unitRoundoff)));
    double length =
        up(up(vectorSquares * (1 + 2 * double(n + 1) * unitRoundoff)) +
           double(n) * leastSubnormal);
    double norm = dn(std::sqrt(dn(attained / length)));
    // Far above what scaling W or underflow can have changed, or no answer.
    if (!(norm > 0x1p-400))
      return {0, 0};
    int exponent = 0;
    double mantissa = std::frexp(norm, &exponent);
    // One more step down outweighs scalingErrorBound and underflow in squares.
    mantissa = dn(dn(mantissa));
    if (mantissa < 0.5)
      mantissa *= 2, --exponent;
    return {2 * mantissa, scaled->exponent + exponent - 1};
  });
}

} // namespace lipt
