//===- Reference.h - 113-bit singular values for comparison -----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_TEST_UNIT_CHECKER_REFERENCE_H
#define LIPT_TEST_UNIT_CHECKER_REFERENCE_H

#include "lipt/Checker/Matrix.h"
#include "lipt/Checker/SpectralNorm.h"
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace lipt::checker::reference {

/// IEEE quadruple: 113 bits, exponents far beyond double's.
using Quad = __float128;

inline Quad quad(const Extended &x) {
  Quad result = x.mantissa();
  int64_t e = x.exponent();
  for (; e > 0; --e)
    result *= 2;
  for (; e < 0; ++e)
    result /= 2;
  return result;
}

inline Quad absolute(Quad x) { return x < 0 ? -x : x; }

inline Quad squareRoot(Quad x) {
  if (x == 0)
    return 0;
  // Scaled to [1, 4), where a double's root is a good start for Newton.
  Quad scale = 1;
  while (x >= 4)
    x /= 4, scale *= 2;
  while (x < 1)
    x *= 4, scale /= 2;
  Quad root = std::sqrt(static_cast<double>(x));
  for (int i = 0; i < 3; ++i)
    root = (root + x / root) / 2;
  return root * scale;
}

/// The largest singular value by one-sided Jacobi rotations.
inline Quad spectralNorm(const MatrixSource &matrix) {
  if (matrix.rows < matrix.cols)
    return spectralNorm(matrix.transposed());
  int64_t m = matrix.rows, n = matrix.cols;
  std::vector<std::vector<Quad>> columns(n, std::vector<Quad>(m));
  Quad largest = 0;
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < m; ++i) {
      columns[j][i] = matrix.at(i, j);
      largest = std::max(largest, absolute(columns[j][i]));
    }
  if (largest == 0)
    return 0;
  auto dot = [&](int64_t a, int64_t b) {
    Quad sum = 0;
    for (int64_t i = 0; i < m; ++i)
      sum += columns[a][i] * columns[b][i];
    return sum;
  };
  for (int sweep = 0; sweep < 60; ++sweep) {
    bool rotated = false;
    for (int64_t a = 0; a < n; ++a)
      for (int64_t b = a + 1; b < n; ++b) {
        Quad aa = dot(a, a), bb = dot(b, b), ab = dot(a, b);
        if (absolute(ab) <= Quad(1e-30) * squareRoot(aa) * squareRoot(bb))
          continue;
        rotated = true;
        Quad zeta = (bb - aa) / (2 * ab);
        Quad t = (zeta < 0 ? -1 : 1) /
                 (absolute(zeta) + squareRoot(1 + zeta * zeta));
        Quad c = 1 / squareRoot(1 + t * t), s = c * t;
        for (int64_t i = 0; i < m; ++i) {
          Quad x = columns[a][i], y = columns[b][i];
          columns[a][i] = c * x - s * y;
          columns[b][i] = s * x + c * y;
        }
      }
    if (!rotated)
      break;
  }
  Quad norm = 0;
  for (int64_t j = 0; j < n; ++j)
    norm = std::max(norm, squareRoot(dot(j, j)));
  return norm;
}

/// A witness whose tau is `margin` above the square of `norm`, scaled by the
/// largest entry's exponent.
inline NormWitness witnessFor(Quad norm, double largest, double margin) {
  NormWitness witness;
  int exponent = 0;
  std::frexp(largest, &exponent);
  witness.exponent = exponent;
  Quad scaled = norm;
  for (int i = 0; i < exponent; ++i)
    scaled /= 2;
  for (int i = 0; i < -exponent; ++i)
    scaled *= 2;
  witness.tau = static_cast<double>(scaled * scaled * (1 + Quad(margin)));
  return witness;
}

/// splitmix64: the same numbers everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t bits() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  int64_t below(int64_t limit) {
    return static_cast<int64_t>(bits() % static_cast<uint64_t>(limit));
  }
  /// Uniform in [-1, 1).
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-52 - 1.0; }

private:
  uint64_t state;
};

inline Matrix randomMatrix(Random &random, int64_t rows, int64_t cols) {
  Matrix matrix(rows, cols);
  for (double &entry : matrix.data)
    entry = random.uniform();
  return matrix;
}

} // namespace lipt::checker::reference

#endif // LIPT_TEST_UNIT_CHECKER_REFERENCE_H
