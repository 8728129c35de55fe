//===- QuadReference.h - 113-bit singular values for tests ------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An oracle that shares nothing with the library: one-sided Jacobi in IEEE
// binary128 (112 stored bits, exponents to +-16383), slow and plain.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_TEST_UNIT_NUMERICS_QUADREFERENCE_H
#define LIPT_TEST_UNIT_NUMERICS_QUADREFERENCE_H

#include "lipt/Numerics/MatrixView.h"
#include "lipt/Support/UpperBound.h"

#include <cmath>
#include <vector>

namespace lipt::test {

using Quad = __float128;

inline Quad ldexpQuad(Quad x, int64_t exponent) {
  for (; exponent >= 60; exponent -= 60)
    x *= Quad(0x1p60);
  for (; exponent <= -60; exponent += 60)
    x *= Quad(0x1p-60);
  return x * Quad(std::ldexp(1.0, int(exponent)));
}

/// Newton's iteration from a double on a scaled argument.
inline Quad sqrtQuad(Quad x) {
  if (!(x > 0))
    return 0;
  int64_t shift = 0;
  while (x > Quad(0x1p120))
    x *= Quad(0x1p-120), shift += 60;
  while (x < Quad(0x1p-120))
    x *= Quad(0x1p120), shift -= 60;
  Quad root = std::sqrt(double(x));
  for (int step = 0; step < 4; ++step)
    root = (root + x / root) / 2;
  return ldexpQuad(root, shift);
}

inline Quad toQuad(const UpperBound &bound) {
  auto [mantissa, exponent] = bound.toHex();
  return ldexpQuad(Quad(mantissa), exponent);
}

/// A dense matrix in binary128, columns contiguous.
struct QuadMatrix {
  int64_t rows, cols;
  std::vector<Quad> entries;
  QuadMatrix(int64_t rows, int64_t cols)
      : rows(rows), cols(cols), entries(size_t(rows * cols), Quad(0)) {}
  explicit QuadMatrix(const MatrixView &view)
      : QuadMatrix(view.rows(), view.cols()) {
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j)
        (*this)(i, j) = view(i, j);
  }
  Quad &operator()(int64_t i, int64_t j) { return entries[j * rows + i]; }
  Quad operator()(int64_t i, int64_t j) const { return entries[j * rows + i]; }

  QuadMatrix transposed() const {
    QuadMatrix result(cols, rows);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j)
        result(j, i) = (*this)(i, j);
    return result;
  }
};

inline QuadMatrix operator*(const QuadMatrix &a, const QuadMatrix &b) {
  QuadMatrix c(a.rows, b.cols);
  for (int64_t j = 0; j < b.cols; ++j)
    for (int64_t k = 0; k < a.cols; ++k)
      for (int64_t i = 0; i < a.rows; ++i)
        c(i, j) += a(i, k) * b(k, j);
  return c;
}

/// Largest singular value, relative error around 1e-31.
inline Quad spectralNorm(QuadMatrix a) {
  if (a.rows < a.cols)
    a = a.transposed();
  for (int sweep = 0; sweep < 60; ++sweep) {
    bool rotated = false;
    for (int64_t p = 0; p < a.cols; ++p)
      for (int64_t q = p + 1; q < a.cols; ++q) {
        Quad pp = 0, qq = 0, pq = 0;
        for (int64_t i = 0; i < a.rows; ++i) {
          pp += a(i, p) * a(i, p);
          qq += a(i, q) * a(i, q);
          pq += a(i, p) * a(i, q);
        }
        if (pq * pq <= Quad(0x1p-200) * pp * qq)
          continue;
        rotated = true;
        Quad zeta = (qq - pp) / (2 * pq);
        Quad t = 1 / ((zeta < 0 ? -zeta : zeta) + sqrtQuad(1 + zeta * zeta));
        if (zeta < 0)
          t = -t;
        Quad c = 1 / sqrtQuad(1 + t * t), s = c * t;
        for (int64_t i = 0; i < a.rows; ++i) {
          Quad x = a(i, p), y = a(i, q);
          a(i, p) = c * x - s * y;
          a(i, q) = s * x + c * y;
        }
      }
    if (!rotated)
      break;
  }
  Quad largest = 0;
  for (int64_t j = 0; j < a.cols; ++j) {
    Quad squares = 0;
    for (int64_t i = 0; i < a.rows; ++i)
      squares += a(i, j) * a(i, j);
    largest = squares > largest ? squares : largest;
  }
  return sqrtQuad(largest);
}

/// What the reference itself may be wrong by.
inline constexpr double referenceError = 1e-30;

/// bound / reference - 1 as a double.
inline double excess(const UpperBound &bound, Quad reference) {
  return double(toQuad(bound) / reference - 1);
}

} // namespace lipt::test

#endif // LIPT_TEST_UNIT_NUMERICS_QUADREFERENCE_H
