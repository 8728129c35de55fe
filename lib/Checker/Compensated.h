//===- Compensated.h - Sums and dot products to twice double ----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Sums whose rounding is known and does not grow with their length, so that a
// long row costs no sharpness. With error-free transformations (Ogita, Rump,
// Oishi 2005) the computed value differs from the exact sum of n terms of
// absolute sum S by at most u |sum| + 4 (n+2)² u² S, in any tree of additions.

#ifndef LIPT_CHECKER_COMPENSATED_H
#define LIPT_CHECKER_COMPENSATED_H

#include "lipt/Checker/Rounding.h"
#include <cmath>
#include <cstdint>

namespace lipt::checker {

/// sum + carry, the carry collecting the rounding errors of the additions.
struct CompensatedSum {
  double sum = 0.0;
  double carry = 0.0;

  void add(double term) {
    double s = sum + term;
    double part = s - sum;
    double residual = (sum - (s - part)) + (term - part);
    sum = s;
    carry += residual;
  }
  /// Adds a·b with the rounding error of the product.
  void addProduct(double a, double b) {
    double p = a * b;
    carry += std::fma(a, b, -p);
    add(p);
  }
  void merge(const CompensatedSum &other) {
    add(other.sum);
    carry += other.carry;
  }
  double value() const { return sum + carry; }
};

/// 4 (n+2)² u² rounded up.
inline double compensatedError(double n) {
  double relative = (n + 2.0) * unitRoundoff;
  return up(up(4.0 * relative) * up(relative));
}

/// An upper bound of the exact sum of n non-negative terms, each known up to a
/// factor of 1 + u (so rounded products may be summed). Exact for an empty or
/// zero sum, +infinity if the sum overflowed.
inline double positiveSumUp(const CompensatedSum &computed, double n) {
  double value = computed.value();
  if (value == 0.0)
    return 0.0;
  if (!std::isfinite(value))
    return std::numeric_limits<double>::infinity();
  double relative = up(8.0 * unitRoundoff + 2.0 * compensatedError(n));
  return up(value * up(1.0 + relative));
}

/// The same for n products that may underflow.
inline double positiveProductSumUp(const CompensatedSum &computed, double n) {
  if (n == 0.0)
    return 0.0;
  return up(positiveSumUp(computed, n) + 2.0 * n * smallestDouble);
}

/// Bound of |computed − exact| for n products of any sign, S >= the sum of
/// their absolute values.
inline double dotErrorUp(double value, double absoluteSum, double n) {
  if (!std::isfinite(value) || !std::isfinite(absoluteSum))
    return std::numeric_limits<double>::infinity();
  double error = up(2.0 * unitRoundoff * std::abs(value));
  error = up(error + up(compensatedError(n) * absoluteSum));
  // Products and their residuals that underflow.
  return up(error + 8.0 * n * smallestDouble);
}

} // namespace lipt::checker

#endif // LIPT_CHECKER_COMPENSATED_H
