//===- Interval.cpp - Outward-rounded intervals of entries ----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Interval.h"
#include "lipt/Checker/Rounding.h"
#include <algorithm>
#include <cmath>

using namespace lipt::checker;

static constexpr double infinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Directed operations that keep exact results
//===----------------------------------------------------------------------===//

/// Whether s = a + b rounded to at most the exact sum. The rounding error of a
/// sum is a double (Knuth) unless something overflows.
static bool roundedDown(double a, double b, double s) {
  constexpr double safe = 0x1p1000;
  if (!(std::abs(a) < safe && std::abs(b) < safe))
    return a == 0.0 || b == 0.0;
  double part = s - a;
  return (a - (s - part)) + (b - part) >= 0.0;
}

double lipt::checker::addDown(double a, double b) {
  double s = a + b;
  if (std::isnan(s)) // an unknown end met the opposite one
    return -infinity;
  if (std::isinf(a) || std::isinf(b))
    return s;
  return roundedDown(a, b, s) ? s : dn(s);
}

double lipt::checker::addUp(double a, double b) { return -addDown(-a, -b); }

double lipt::checker::multiplyDown(double a, double b) {
  if (a == 0.0 || b == 0.0)
    return 0.0;
  double p = a * b;
  if (std::isnan(p))
    return -infinity;
  if (std::isinf(a) || std::isinf(b))
    return p;
  // The residual is a double, hence its sign exact, only above the underflow
  // threshold; elsewhere one double outward covers the rounding.
  constexpr double residualSafe = 0x1p-960;
  if (std::abs(p) >= residualSafe && std::fma(a, b, -p) >= 0.0)
    return p;
  return dn(p);
}

double lipt::checker::multiplyUp(double a, double b) {
  return -multiplyDown(-a, b);
}

static double divideDown(double a, double b) {
  // A quotient by an unknown end comes as near to 0 as one likes.
  if (a == 0.0 || (std::isinf(b) && !std::isinf(a)))
    return 0.0;
  double q = a / b;
  if (std::isnan(q))
    return -infinity;
  if (std::isinf(a))
    return q;
  return dn(q);
}

static double divideUp(double a, double b) { return -divideDown(-a, b); }

//===----------------------------------------------------------------------===//
// Intervals
//===----------------------------------------------------------------------===//

std::optional<Interval> Interval::make(double lo, double hi) {
  if (!(lo <= hi) || lo == infinity || hi == -infinity)
    return std::nullopt;
  return Interval{lo, hi};
}

Interval Interval::point(double value) {
  return make(value, value).value_or(unknown());
}

Interval Interval::symmetric(double radius) {
  return radius >= 0.0 ? Interval{-radius, radius} : unknown();
}

bool Interval::isUnknown() const { return lo == -infinity && hi == infinity; }

double Interval::absMax() const { return std::max(std::abs(lo), std::abs(hi)); }

double Interval::absMin() const {
  if (contains(0.0))
    return 0.0;
  return std::min(std::abs(lo), std::abs(hi));
}

double Interval::radiusUp() const {
  // Halving first: hi - lo may overflow. Halving a subnormal may round down.
  double width = addUp(multiplyUp(hi, 0.5), multiplyUp(-lo, 0.5));
  return std::max(width, 0.0);
}

Interval lipt::checker::operator+(const Interval &a, const Interval &b) {
  return {addDown(a.lo, b.lo), addUp(a.hi, b.hi)};
}

Interval lipt::checker::operator-(const Interval &a, const Interval &b) {
  return a + (-b);
}

Interval lipt::checker::operator-(const Interval &a) { return {-a.hi, -a.lo}; }

Interval lipt::checker::operator*(const Interval &a, const Interval &b) {
  return {std::min({multiplyDown(a.lo, b.lo), multiplyDown(a.lo, b.hi),
                    multiplyDown(a.hi, b.lo), multiplyDown(a.hi, b.hi)}),
          std::max({multiplyUp(a.lo, b.lo), multiplyUp(a.lo, b.hi),
                    multiplyUp(a.hi, b.lo), multiplyUp(a.hi, b.hi)})};
}

Interval lipt::checker::operator/(const Interval &a, const Interval &b) {
  if (!(b.lo > 0.0) && !(b.hi < 0.0))
    return Interval::unknown();
  return {std::min({divideDown(a.lo, b.lo), divideDown(a.lo, b.hi),
                    divideDown(a.hi, b.lo), divideDown(a.hi, b.hi)}),
          std::max({divideUp(a.lo, b.lo), divideUp(a.lo, b.hi),
                    divideUp(a.hi, b.lo), divideUp(a.hi, b.hi)})};
}

Interval lipt::checker::scale(const Interval &a, double factor) {
  if (!std::isfinite(factor))
    return Interval::unknown();
  return a * Interval::point(factor);
}

Interval lipt::checker::hull(const Interval &a, const Interval &b) {
  return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
}

std::optional<Interval> lipt::checker::intersect(const Interval &a,
                                                 const Interval &b) {
  return Interval::make(std::max(a.lo, b.lo), std::min(a.hi, b.hi));
}

Interval lipt::checker::min(const Interval &a, const Interval &b) {
  return {std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
}

Interval lipt::checker::max(const Interval &a, const Interval &b) {
  return {std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
}

Interval lipt::checker::abs(const Interval &a) {
  return {a.absMin(), a.absMax()};
}

Interval lipt::checker::squared(const Interval &a) {
  Interval magnitude = abs(a);
  return {std::max(0.0, multiplyDown(magnitude.lo, magnitude.lo)),
          multiplyUp(magnitude.hi, magnitude.hi)};
}

//===----------------------------------------------------------------------===//
// Monotone functions
//===----------------------------------------------------------------------===//

/// Documented errors of the C library are at most 2 ulps for these functions;
/// four are allowed for.
static constexpr int libraryUlps = 4;

static double below(double x) {
  for (int i = 0; i <= libraryUlps; ++i)
    x = dn(x);
  return x;
}

static double above(double x) {
  for (int i = 0; i <= libraryUlps; ++i)
    x = up(x);
  return x;
}

/// Image of an interval under the increasing function with these bounds, cut to
/// the function's own range.
template <typename Down, typename Up>
static Interval increasingImage(const Interval &a, Down down, Up upward,
                                double lowest, double highest) {
  double lo = down(a.lo);
  double hi = upward(a.hi);
  // A NaN end (never expected) is unknown.
  if (std::isnan(lo))
    lo = lowest;
  if (std::isnan(hi))
    hi = highest;
  return {std::clamp(lo, lowest, highest), std::clamp(hi, lowest, highest)};
}

// Scalar bounds: f at the points where it is exact, else the library's value
// widened. Each takes an end of an interval, infinities included.

static double expDown(double x) {
  return x == 0.0 ? 1.0 : std::max(0.0, below(std::exp(x)));
}

static double expUp(double x) {
  if (x == -infinity)
    return 0.0;
  return x == 0.0 ? 1.0 : above(std::exp(x));
}

/// Odd functions with f(0) = 0.
template <typename Function> static double oddDown(Function f, double x) {
  return x == 0.0 ? 0.0 : below(f(x));
}

template <typename Function> static double oddUp(Function f, double x) {
  return x == 0.0 ? 0.0 : above(f(x));
}

template <typename Function>
static Interval oddImage(const Interval &a, Function f, double limit) {
  return increasingImage(
      a, [f](double x) { return oddDown(f, x); },
      [f](double x) { return oddUp(f, x); }, -limit, limit);
}

/// 1/(1 + e^-x), in the form e/(1+e) for x < 0, where e^-x could overflow.
static double sigmoidDown(double x) {
  if (x == 0.0)
    return 0.5;
  if (x > 0.0)
    return dn(1.0 / up(1.0 + expUp(-x)));
  return std::max(0.0, dn(expDown(x) / up(1.0 + expDown(x))));
}

static double sigmoidUp(double x) {
  if (x == 0.0)
    return 0.5;
  if (x > 0.0)
    return up(1.0 / dn(1.0 + expDown(-x)));
  if (x == -infinity)
    return 0.0;
  return up(expUp(x) / dn(1.0 + expUp(x)));
}

/// max(x, 0) + log1p(e^-|x|).
static double softplusDown(double x) {
  double rest = std::max(0.0, below(std::log1p(expDown(-std::abs(x)))));
  return addDown(std::max(x, 0.0), rest);
}

static double softplusUp(double x) {
  if (x == -infinity)
    return 0.0;
  double rest = above(std::log1p(expUp(-std::abs(x))));
  return addUp(std::max(x, 0.0), rest);
}

Interval lipt::checker::exp(const Interval &a) {
  return increasingImage(a, expDown, expUp, 0.0, infinity);
}

Interval lipt::checker::log(const Interval &a) {
  if (!(a.lo >= 0.0))
    return Interval::unknown();
  auto down = [](double x) { return x == 1.0 ? 0.0 : below(std::log(x)); };
  auto upward = [](double x) { return x == 1.0 ? 0.0 : above(std::log(x)); };
  // The image of the point 0 is not a real number: below, nothing is known, and
  // an interval that is only {0} has an image without any upper end.
  if (a.hi == 0.0)
    return Interval::unknown();
  return increasingImage(a, down, upward, -infinity, infinity);
}

Interval lipt::checker::sqrt(const Interval &a) {
  if (!(a.lo >= 0.0))
    return Interval::unknown();
  // The residual of a root is a double above the underflow threshold.
  auto isExact = [](double x, double s) {
    return x == 0.0 || (x >= 0x1p-900 && std::fma(s, s, -x) == 0.0);
  };
  auto down = [&](double x) {
    double s = std::sqrt(x);
    return isExact(x, s) ? s : dn(s);
  };
  auto upward = [&](double x) {
    double s = std::sqrt(x);
    return isExact(x, s) ? s : up(s);
  };
  return increasingImage(a, down, upward, 0.0, infinity);
}

Interval lipt::checker::tanh(const Interval &a) {
  return oddImage(a, [](double x) { return std::tanh(x); }, 1.0);
}

Interval lipt::checker::erf(const Interval &a) {
  return oddImage(a, [](double x) { return std::erf(x); }, 1.0);
}

Interval lipt::checker::atan(const Interval &a) {
  // The double above π/2.
  return oddImage(
      a, [](double x) { return std::atan(x); }, 0x1.921fb54442d19p+0);
}

Interval lipt::checker::sigmoid(const Interval &a) {
  return increasingImage(a, sigmoidDown, sigmoidUp, 0.0, 1.0);
}

Interval lipt::checker::softplus(const Interval &a) {
  return increasingImage(a, softplusDown, softplusUp, 0.0, infinity);
}
