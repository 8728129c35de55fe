//===- ScaledView.h - A matrix scaled to moderate entries -------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Every norm is computed of 2^-E W with entries of moderate size, so that
// squares neither overflow nor vanish (docs/Bounds.md: without this step both
// Gram methods are unsound).

#ifndef LIPT_CHECKER_SCALEDVIEW_H
#define LIPT_CHECKER_SCALEDVIEW_H

#include "lipt/Checker/Matrix.h"
#include <vector>

namespace lipt::checker {

/// max |W_ij|, or +infinity if an entry is not finite. 0 for no entries.
double largestEntry(const MatrixSource &matrix);

/// The exponent that frexp gives: entries <= largest become < 1.
int64_t scalingExponent(double largest);

/// 2^-E W, where 2^-E need not be a double: multiply by `first`, then `second`.
struct ScaledView {
  MatrixSource source;
  int64_t exponent = 0;
  double first = 1.0;
  double second = 1.0;
  /// Bound of the error of one scaled entry: 0 unless entries of a double
  /// matrix may round as they become subnormal.
  double entryError = 0.0;

  ScaledView(const MatrixSource &source, int64_t exponent);
  ScaledView transposed() const;
  double at(int64_t i, int64_t j) const {
    return source.at(i, j) * first * second;
  }
  /// e_S >= ‖rounded − exact‖_F of the scaled matrix: √(mn)·entryError.
  double frobeniusError() const;
};

/// Upper bounds of ‖·‖_F², ‖·‖_1 and ‖·‖_∞ of the scaled (rounded) entries;
/// +infinity where a sum overflows.
struct NormSums {
  double frobeniusSquared = 0.0;
  double maxColumnSum = 0.0;
  double maxRowSum = 0.0;
};
NormSums normSums(const ScaledView &view);

/// |2^-E W| x, or its transpose times x, rounded up, for x >= 0.
std::vector<double> absTimesUp(const ScaledView &view,
                               std::span<const double> x);
std::vector<double> absTransposeTimesUp(const ScaledView &view,
                                        std::span<const double> x);

} // namespace lipt::checker

#endif // LIPT_CHECKER_SCALEDVIEW_H
