//===- CheapNorms.cpp - Bounds from one pass over the entries -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatrixSums.h"
#include "Parallel.h"
#include "SpectralCertifier.h"
#include "lipt/Numerics/SpectralNorm.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>

namespace lipt {

UpperBound CheapNorms::spectral() const {
  return min(frobenius, (norm1 * normInf).sqrt());
}

CheapNorms cheapNorms(const MatrixView &matrix) {
  CheapNorms norms;
  LargestEntry largest;
  if (!matrix.empty())
    largest = largestEntry(matrix, 1);
  if (!largest.finite)
    return norms;
  norms.finite = true;
  norms.maxAbs = UpperBound::fromDouble(largest.value);
  if (largest.value == 0) {
    norms.norm1 = norms.normInf = norms.frobenius = norms.maxAbs;
    norms.maxRowNorm2 = norms.maxColNorm2 = norms.maxAbs;
    return norms;
  }
  int64_t exponent = scaleExponentOf(largest.value);
  MatrixSums sums = matrixSums(matrix, exponent, 1);
  norms.norm1 = sums.maxColSum.scaledByPowerOfTwo(exponent);
  norms.normInf = sums.maxRowSum.scaledByPowerOfTwo(exponent);
  // The Euclidean ones are of the scaled entries; what scaling rounded adds.
  auto root = [&](const UpperBound &squares, int64_t rows, int64_t cols) {
    return (squares.sqrt() + scalingErrorBound(rows, cols))
        .scaledByPowerOfTwo(exponent);
  };
  norms.frobenius = root(sums.squares, matrix.rows(), matrix.cols());
  norms.maxRowNorm2 = root(sums.maxRowSquares, 1, matrix.cols());
  norms.maxColNorm2 = root(sums.maxColSquares, matrix.rows(), 1);
  return norms;
}

UpperBound vectorNorm2(std::span<const double> entries) {
  return cheapNorms(MatrixView(entries.data(), 1, int64_t(entries.size())))
      .frobenius;
}

UpperBound vectorNorm2(std::span<const float> entries) {
  return cheapNorms(MatrixView(entries.data(), 1, int64_t(entries.size())))
      .frobenius;
}

//===----------------------------------------------------------------------===//
// Collatz-Wielandt
//===----------------------------------------------------------------------===//

/// y = |W'| x and z = |W'|^T y, plain sums of non-negative products.
static void applyAbsolute(const MatrixView &matrix,
                          const PowerOfTwoScale &scale,
                          std::span<const double> x, std::vector<double> &y,
                          std::vector<double> &z) {
  int64_t m = matrix.rows(), n = matrix.cols();
  std::vector<double> row(n);
  y.assign(m, 0);
  z.assign(n, 0);
  for (int64_t i = 0; i < m; ++i) {
    matrix.loadRow(i, 0, n, row.data());
    double sum = 0;
    for (int64_t j = 0; j < n; ++j)
      sum += std::fabs(scale(row[j])) * x[j];
    y[i] = sum;
    for (int64_t j = 0; j < n; ++j)
      z[j] += std::fabs(scale(row[j])) * sum;
  }
}

UpperBound absoluteNormFrom(const MatrixView &matrix,
                            std::span<const double> x) {
  int64_t m = matrix.rows(), n = matrix.cols();
  if (matrix.empty())
    return UpperBound::zero();
  if (int64_t(x.size()) != n)
    return UpperBound::unbounded();
  for (double entry : x)
    if (!(entry > 0) || std::isinf(entry))
      return UpperBound::unbounded();
  LargestEntry largest = largestEntry(matrix, 1);
  if (!largest.finite)
    return UpperBound::unbounded();
  if (largest.value == 0)
    return UpperBound::zero();
  int64_t exponent = scaleExponentOf(largest.value);
  std::vector<double> y, z;
  applyAbsolute(matrix, PowerOfTwoScale(exponent), x, y, z);
  // z_j sums |w_ij| * y_i over computed y_i; replacing y by its upper bound
  // multiplies by at most the same factor and adds n * 2^-1074 per entry.
  UpperBound worst = UpperBound::zero();
  UpperBound innerFactor =
      UpperBound::fromDouble(1 + 2 * double(n + 1) * unitRoundoff);
  UpperBound innerLoss = underflowBound(UpperBound::fromInteger(uint64_t(n)) *
                                        UpperBound::fromInteger(uint64_t(m)));
  for (int64_t j = 0; j < n; ++j) {
    UpperBound exact = productSumUpperBound(z[j], m) * innerFactor + innerLoss;
    worst = max(worst, exact.dividedBy(x[j]));
  }
  return (worst.sqrt() + scalingErrorBound(m, n)).scaledByPowerOfTwo(exponent);
}

CollatzCertificate certifyAbsoluteNorm(const MatrixView &matrix,
                                       unsigned iterations) {
  CollatzCertificate certificate;
  certificate.x.assign(std::max<int64_t>(matrix.cols(), 0), 1.0);
  LargestEntry largest;
  if (!matrix.empty())
    largest = largestEntry(matrix, 1);
  if (largest.finite && largest.value > 0) {
    PowerOfTwoScale scale(scaleExponentOf(largest.value));
    std::vector<double> y, z;
    for (unsigned step = 0; step < iterations; ++step) {
      applyAbsolute(matrix, scale, certificate.x, y, z);
      double top = *std::max_element(z.begin(), z.end());
      // A floor keeps x positive where a column is zero or nearly so.
      for (size_t j = 0; j < z.size(); ++j)
        certificate.x[j] = std::max(z[j] / top, 0x1p-200);
    }
  }
  certificate.norm = absoluteNormFrom(matrix, certificate.x);
  return certificate;
}

} // namespace lipt
