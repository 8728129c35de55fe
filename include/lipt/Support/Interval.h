//===- Interval.h - Outward rounded intervals -------------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An interval [lo, hi] contains every real value that a tensor entry can take.
// Ends are doubles; an infinite end means unknown, never a value, so 0 times an
// unknown end is 0. Every operation rounds outward.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_SUPPORT_INTERVAL_H
#define LIPT_SUPPORT_INTERVAL_H

#include "lipt/Support/UpperBound.h"

#include <limits>
#include <span>
#include <vector>

namespace lipt {

struct Interval {
  double lo = -std::numeric_limits<double>::infinity();
  double hi = std::numeric_limits<double>::infinity();

  static Interval unknown() { return {}; }
  static Interval point(double value);
  /// [-radius, radius]; unknown when the radius has no double above it.
  static Interval symmetric(const UpperBound &radius);
  /// The ordered pair of two ends; NaN gives unknown.
  static Interval of(double lo, double hi);

  bool isUnknown() const;
  bool isBounded() const;
  bool contains(double value) const { return lo <= value && value <= hi; }
  bool containsZero() const { return contains(0); }
  bool operator==(const Interval &) const = default;

  /// Upper bound of abs(x) over the interval.
  UpperBound absBound() const;
  /// Greatest double m with abs(x) >= m over the interval: 0 if it contains 0.
  double absLowerBound() const;
};

Interval add(const Interval &a, const Interval &b);
Interval subtract(const Interval &a, const Interval &b);
Interval negate(const Interval &a);
Interval multiply(const Interval &a, const Interval &b);
/// x^2, tighter than multiply(a, a).
Interval square(const Interval &a);
/// a * factor for an exact factor.
Interval scale(const Interval &a, double factor);
/// a / b; unknown when b contains zero.
Interval divide(const Interval &a, const Interval &b);
/// The least interval that contains both.
Interval hull(const Interval &a, const Interval &b);
/// The common part of two enclosures of one value (each is right, so the common
/// part is; an empty one cannot occur and gives `a`).
Interval intersect(const Interval &a, const Interval &b);
Interval minimum(const Interval &a, const Interval &b);
Interval maximum(const Interval &a, const Interval &b);
/// The entry widened by `radius` on both sides.
Interval widen(const Interval &a, const UpperBound &radius);

/// Image under a function that is non-decreasing and exact on doubles (relu,
/// abs on one side, clip, floor-free selections): only the ends are evaluated.
template <typename Function>
Interval monotoneImage(const Interval &a, Function function) {
  return Interval::of(function(a.lo), function(a.hi));
}

// Images of the elementary functions, evaluated in MPFR and rounded outward.
// Unknown where the function is undefined on part of the interval.
Interval absImage(const Interval &a);
Interval reluImage(const Interval &a);
Interval expImage(const Interval &a);
Interval logImage(const Interval &a);
Interval sqrtImage(const Interval &a);
Interval reciprocalImage(const Interval &a);
Interval tanhImage(const Interval &a);
Interval atanImage(const Interval &a);
Interval erfImage(const Interval &a);
Interval sigmoidImage(const Interval &a);
/// ln(1 + e^x).
Interval softplusImage(const Interval &a);
/// alpha * (e^x - 1) below zero, x above, for a finite alpha >= 0.
Interval eluImage(const Interval &a, double alpha);
/// x^exponent on x > 0 (any exponent) or x >= 0 (exponent > 0).
Interval powImage(const Interval &a, double exponent);
Interval sinImage(const Interval &a);
Interval cosImage(const Interval &a);

// Functions with one minimum (decreasing, then increasing).
/// x/2 * (1 + erf(x/sqrt 2)).
Interval geluImage(const Interval &a);
/// x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).
Interval geluTanhImage(const Interval &a);
/// The same where the two stored constants together are within the relative
/// distance `constantError` (at most 0.01) of sqrt(2/pi) and 0.044715.
Interval geluTanhImage(const Interval &a, double constantError);
/// x * sigmoid(x).
Interval siluImage(const Interval &a);
/// x * tanh(softplus(x)).
Interval mishImage(const Interval &a);

/// One interval per channel (or one in all).
using IntervalVector = std::vector<Interval>;

IntervalVector add(const IntervalVector &a, const IntervalVector &b);
IntervalVector multiply(const IntervalVector &a, const IntervalVector &b);
/// The least interval that contains every entry; unknown when there is none.
Interval hullOf(std::span<const Interval> entries);
/// Upper bound of max_i abs(x_i).
UpperBound maxAbsBound(std::span<const Interval> entries);
/// Upper bound of the l2 norm of a vector whose entry i lies in entries[i].
UpperBound norm2Bound(std::span<const Interval> entries);

} // namespace lipt

#endif // LIPT_SUPPORT_INTERVAL_H
