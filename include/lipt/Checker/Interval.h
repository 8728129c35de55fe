//===- Interval.h - Outward-rounded intervals of entries --------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// [lo, hi] of a real entry; -infinity and +infinity stand for an unknown end.
// Entries themselves are finite, so 0 times an unknown end is 0. Results are
// rounded outward, and exact results (0 + 0, 0 * x) stay exact.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_INTERVAL_H
#define LIPT_CHECKER_INTERVAL_H

#include <limits>
#include <optional>

namespace lipt::checker {

/// a + b and a * b moved outward unless they are exact.
double addDown(double a, double b);
double addUp(double a, double b);
double multiplyDown(double a, double b);
double multiplyUp(double a, double b);

struct Interval {
  double lo = -std::numeric_limits<double>::infinity();
  double hi = std::numeric_limits<double>::infinity();

  /// [lo, hi]; nothing if an end is NaN, lo > hi, lo = +inf or hi = -inf.
  static std::optional<Interval> make(double lo, double hi);
  static Interval point(double value);
  static Interval unknown() { return Interval(); }
  /// [-radius, radius]; unknown for a NaN or negative radius.
  static Interval symmetric(double radius);

  bool isUnknown() const;
  bool contains(double value) const { return lo <= value && value <= hi; }
  bool contains(const Interval &other) const {
    return lo <= other.lo && other.hi <= hi;
  }
  /// max(|lo|, |hi|), +infinity if an end is unknown.
  double absMax() const;
  /// min |x| over the interval, 0 if it contains 0.
  double absMin() const;
  /// An upper bound of (hi - lo)/2.
  double radiusUp() const;

  bool operator==(const Interval &) const = default;
};

Interval operator+(const Interval &a, const Interval &b);
Interval operator-(const Interval &a, const Interval &b);
Interval operator-(const Interval &a);
Interval operator*(const Interval &a, const Interval &b);
/// Unknown if b contains 0.
Interval operator/(const Interval &a, const Interval &b);
/// `factor` is exact; NaN and infinities give unknown.
Interval scale(const Interval &a, double factor);
Interval hull(const Interval &a, const Interval &b);
/// Both a and b are known to hold; if they do not meet, which only a false
/// claim can cause, the result is nothing.
std::optional<Interval> intersect(const Interval &a, const Interval &b);
Interval min(const Interval &a, const Interval &b);
Interval max(const Interval &a, const Interval &b);
Interval abs(const Interval &a);
Interval squared(const Interval &a);

/// Images under monotone functions. The C library is trusted to 4 ulps; the
/// result is widened by that and cut to the function's own range.
Interval exp(const Interval &a);
/// Unknown below if a reaches 0; unknown if it goes below.
Interval log(const Interval &a);
Interval sqrt(const Interval &a);
Interval tanh(const Interval &a);
Interval erf(const Interval &a);
Interval atan(const Interval &a);
Interval sigmoid(const Interval &a);
/// log(1 + e^x).
Interval softplus(const Interval &a);

} // namespace lipt::checker

#endif // LIPT_CHECKER_INTERVAL_H
