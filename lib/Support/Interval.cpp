//===- Interval.cpp - Arithmetic of outward rounded intervals -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/Interval.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>

namespace lipt {

static constexpr double infinity = std::numeric_limits<double>::infinity();

Interval Interval::of(double lo, double hi) {
  if (std::isnan(lo) || std::isnan(hi) || lo > hi)
    return unknown();
  // An end at the wrong infinity is no value either.
  if (lo == infinity)
    lo = std::numeric_limits<double>::max();
  if (hi == -infinity)
    hi = std::numeric_limits<double>::lowest();
  return {lo, hi};
}

Interval Interval::point(double value) {
  return std::isfinite(value) ? Interval{value, value} : unknown();
}

Interval Interval::symmetric(const UpperBound &radius) {
  double r = radius.toDoubleUp();
  return {-r, r};
}

bool Interval::isUnknown() const { return lo == -infinity && hi == infinity; }

bool Interval::isBounded() const {
  return std::isfinite(lo) && std::isfinite(hi);
}

UpperBound Interval::absBound() const {
  return UpperBound::fromDouble(std::max(std::fabs(lo), std::fabs(hi)));
}

double Interval::absLowerBound() const {
  return containsZero() ? 0 : std::min(std::fabs(lo), std::fabs(hi));
}

/// Rounding is exact for a result that needs none: 0 + x, so that points which
/// a zero is added to stay points.
static Interval sumOf(double lo1, double lo2, double hi1, double hi2) {
  double lo = lo1 + lo2, hi = hi1 + hi2;
  // In round-to-nearest a sum that underflows is exact; a zero operand too.
  if (lo1 != 0 && lo2 != 0)
    lo = dn(lo);
  if (hi1 != 0 && hi2 != 0)
    hi = up(hi);
  return Interval::of(lo, hi);
}

Interval add(const Interval &a, const Interval &b) {
  return sumOf(a.lo, b.lo, a.hi, b.hi);
}

Interval subtract(const Interval &a, const Interval &b) {
  return sumOf(a.lo, -b.hi, a.hi, -b.lo);
}

Interval negate(const Interval &a) { return {-a.hi, -a.lo}; }

/// Product of two ends; 0 times an unknown end is 0. Exact for factors 0, +-1.
static double productDown(double x, double y) {
  if (x == 0 || y == 0)
    return 0;
  double product = x * y;
  return std::fabs(x) == 1 || std::fabs(y) == 1 ? product : dn(product);
}

static double productUp(double x, double y) { return -productDown(-x, y); }

Interval multiply(const Interval &a, const Interval &b) {
  return Interval::of(
      std::min({productDown(a.lo, b.lo), productDown(a.lo, b.hi),
                productDown(a.hi, b.lo), productDown(a.hi, b.hi)}),
      std::max({productUp(a.lo, b.lo), productUp(a.lo, b.hi),
                productUp(a.hi, b.lo), productUp(a.hi, b.hi)}));
}

Interval square(const Interval &a) {
  double low = a.absLowerBound();
  double high = std::max(std::fabs(a.lo), std::fabs(a.hi));
  return Interval::of(std::max(0.0, productDown(low, low)),
                      productUp(high, high));
}

Interval scale(const Interval &a, double factor) {
  return std::isfinite(factor) ? multiply(a, Interval::point(factor))
                               : Interval::unknown();
}

Interval divide(const Interval &a, const Interval &b) {
  if (b.containsZero())
    return Interval::unknown();
  // An unknown end of b is a limit: the quotient there tends to 0.
  auto quotient = [](double x, double y, bool down) {
    if (x == 0 || std::isinf(y))
      return 0.0;
    double q = x / y;
    if (std::fabs(y) == 1)
      return q;
    return down ? dn(q) : up(q);
  };
  double lo = infinity, hi = -infinity;
  for (double x : {a.lo, a.hi})
    for (double y : {b.lo, b.hi}) {
      // Both unknown: any size of either sign that the other ends allow.
      if (std::isinf(x) && std::isinf(y))
        return Interval::unknown();
      lo = std::min(lo, quotient(x, y, true));
      hi = std::max(hi, quotient(x, y, false));
    }
  return Interval::of(lo, hi);
}

Interval hull(const Interval &a, const Interval &b) {
  return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
}

Interval intersect(const Interval &a, const Interval &b) {
  Interval common{std::max(a.lo, b.lo), std::min(a.hi, b.hi)};
  return common.lo <= common.hi ? common : a;
}

Interval minimum(const Interval &a, const Interval &b) {
  return {std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
}

Interval maximum(const Interval &a, const Interval &b) {
  return {std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
}

Interval widen(const Interval &a, const UpperBound &radius) {
  return add(a, Interval::symmetric(radius));
}

Interval absImage(const Interval &a) {
  return Interval::of(a.absLowerBound(),
                      std::max(std::fabs(a.lo), std::fabs(a.hi)));
}

Interval reluImage(const Interval &a) {
  return Interval::of(std::max(a.lo, 0.0), std::max(a.hi, 0.0));
}

IntervalVector add(const IntervalVector &a, const IntervalVector &b) {
  IntervalVector result(std::min(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = add(a[i], b[i]);
  return result;
}

IntervalVector multiply(const IntervalVector &a, const IntervalVector &b) {
  IntervalVector result(std::min(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = multiply(a[i], b[i]);
  return result;
}

Interval hullOf(std::span<const Interval> entries) {
  if (entries.empty())
    return Interval::unknown();
  Interval result = entries.front();
  for (const Interval &entry : entries)
    result = hull(result, entry);
  return result;
}

UpperBound maxAbsBound(std::span<const Interval> entries) {
  UpperBound result = UpperBound::zero();
  for (const Interval &entry : entries)
    result = max(result, entry.absBound());
  return result;
}

UpperBound norm2Bound(std::span<const Interval> entries) {
  UpperBound sum = UpperBound::zero();
  for (const Interval &entry : entries) {
    UpperBound bound = entry.absBound();
    sum += bound * bound;
  }
  return sum.sqrt();
}

} // namespace lipt
