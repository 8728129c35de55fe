//===- Rounding.h - Directed rounding ---------------------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every bound rests on one fact (docs/Bounds.md, arithmetic kit): for +, -, *,
// / and the square root, rounded to nearest and then moved one double outward,
// the result lies on the safe side of the exact value, underflow included.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_ROUNDING_H
#define LIPT_CHECKER_ROUNDING_H

#include <cmath>
#include <limits>
#include <optional>
#include <string>

namespace lipt::checker {

/// Unit roundoff of double, 2^-53.
inline constexpr double unitRoundoff = 0x1p-53;
/// The smallest positive double, 2^-1074.
inline constexpr double smallestDouble = 0x1p-1074;

inline double up(double x) {
  return std::nextafter(x, std::numeric_limits<double>::infinity());
}

inline double dn(double x) {
  return std::nextafter(x, -std::numeric_limits<double>::infinity());
}

/// Exact sum of `terms` non-negative numbers <= this, where `computed` is their
/// floating-point sum in any order: up(S (1 + 2nu)).
inline double sumUp(double computed, double terms) {
  return up(computed * (1.0 + 2.0 * terms * unitRoundoff));
}

/// Exact sum of `terms` products of non-negative numbers <= this, where
/// `computed` is the floating-point result in any order, fused or not:
/// up(up(S (1 + 2(n+1)u)) + n 2^-1074).
inline double productSumUp(double computed, double terms) {
  double grown = up(computed * (1.0 + 2.0 * (terms + 1.0) * unitRoundoff));
  return up(grown + terms * smallestDouble);
}

/// What is wrong with the floating-point environment of this process (another
/// rounding mode, flush-to-zero, denormals-are-zero, excess precision), if
/// anything: a bound computed in it proves nothing.
std::optional<std::string> floatingPointEnvironmentFault();

} // namespace lipt::checker

#endif // LIPT_CHECKER_ROUNDING_H
