//===- MatrixSums.h - Sums of absolute values and squares -------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One or two passes over the stored entries of W' = W * 2^-exponent, in double,
// with the a-priori error of each sum added (docs/Bounds.md, arithmetic kit):
// every field is an upper bound of the exact quantity.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_MATRIXSUMS_H
#define LIPT_NUMERICS_MATRIXSUMS_H

#include "lipt/Numerics/MatrixView.h"
#include "lipt/Support/UpperBound.h"

#include <cstdint>
#include <vector>

namespace lipt {

/// Exact multiplication of entries by 2^-exponent in two steps, since 2^1074 is
/// not a double. Only results below the normal range round.
struct PowerOfTwoScale {
  double first = 1, second = 1;
  explicit PowerOfTwoScale(int64_t exponent = 0);
  double operator()(double x) const { return x * first * second; }
};

/// Largest absolute value; `finite` is false when an entry is infinite or NaN.
struct LargestEntry {
  bool finite = true;
  double value = 0;
};
LargestEntry largestEntry(const MatrixView &matrix, unsigned threads);

/// E with largest * 2^-E in [1/2, 1); largest positive and finite.
int64_t scaleExponentOf(double largest);

struct MatrixSums {
  /// Largest row and column sum of absolute values.
  UpperBound maxRowSum, maxColSum;
  /// Sum of all squares; largest sum of squares of one row and column.
  UpperBound squares, maxRowSquares, maxColSquares;
};
MatrixSums matrixSums(const MatrixView &matrix, int64_t exponent,
                      unsigned threads);

/// Upper bound of an exact sum of `count` non-negative terms from its computed
/// value, any order: S * (1 + 2nu).
UpperBound sumUpperBound(double computed, int64_t count);
/// The same for products of two non-negative numbers, which may underflow:
/// S * (1 + 2(n+1)u) + n * 2^-1074.
UpperBound productSumUpperBound(double computed, int64_t count);

/// count * 2^-1074.
UpperBound underflowBound(const UpperBound &count);

} // namespace lipt

#endif // LIPT_NUMERICS_MATRIXSUMS_H
