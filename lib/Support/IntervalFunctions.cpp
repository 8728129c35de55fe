//===- IntervalFunctions.cpp - Images of elementary functions -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A function that MPFR has is evaluated with its own directed rounding, so that
// exact results (exp 0, sqrt 4) stay exact. A composed one is evaluated with
// 256 bits, where the relative error of the few steps is far below 2^-190, and
// is widened by that factor.
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/Interval.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>

#include <mpfr.h>

namespace lipt {

static constexpr double infinity = std::numeric_limits<double>::infinity();

namespace {
struct Number {
  mpfr_t value;
  explicit Number(mpfr_prec_t bits) { mpfr_init2(value, bits); }
  Number(const Number &) = delete;
  Number &operator=(const Number &) = delete;
  ~Number() { mpfr_clear(value); }
  operator mpfr_ptr() { return value; }
};
} // namespace

/// f(x) rounded by `rounding`; Function has the signature of mpfr_exp.
template <typename Function>
static double directed(Function function, double x, mpfr_rnd_t rounding) {
  Number argument(53), result(53);
  mpfr_set_d(argument, x, MPFR_RNDN);
  function(result.value, argument.value, rounding);
  return mpfr_get_d(result, rounding);
}

template <typename Function>
static Interval increasing(const Interval &a, Function function) {
  return Interval::of(directed(function, a.lo, MPFR_RNDD),
                      directed(function, a.hi, MPFR_RNDU));
}

/// Encloses f(x) for a composed f that writes its value with 256 bits. `limits`
/// are f(-infinity) and f(+infinity).
template <typename Function>
static Interval composed(Function function, double x, Interval limits) {
  if (std::isinf(x)) {
    double limit = x < 0 ? limits.lo : limits.hi;
    return {limit, limit};
  }
  Number argument(256), value(256), slack(256), end(256);
  mpfr_set_d(argument, x, MPFR_RNDN);
  function(value.value, argument.value);
  if (mpfr_nan_p(value.value))
    return Interval::unknown();
  if (mpfr_zero_p(value.value))
    // Below MPFR's range, unless x itself is the exact zero of f.
    return x == 0 ? Interval{0, 0} : Interval{-leastSubnormal, leastSubnormal};
  mpfr_mul_2si(slack, value, -190, MPFR_RNDA);
  mpfr_abs(slack, slack, MPFR_RNDU);
  mpfr_sub(end, value, slack, MPFR_RNDD);
  double lo = mpfr_get_d(end, MPFR_RNDD);
  mpfr_add(end, value, slack, MPFR_RNDU);
  return Interval::of(lo, mpfr_get_d(end, MPFR_RNDU));
}

Interval expImage(const Interval &a) { return increasing(a, mpfr_exp); }

Interval logImage(const Interval &a) {
  if (!(a.hi > 0))
    return Interval::unknown();
  double lo = a.lo > 0 ? directed(mpfr_log, a.lo, MPFR_RNDD) : -infinity;
  return Interval::of(lo, directed(mpfr_log, a.hi, MPFR_RNDU));
}

Interval sqrtImage(const Interval &a) {
  return a.lo >= 0 ? increasing(a, mpfr_sqrt) : Interval::unknown();
}

Interval reciprocalImage(const Interval &a) {
  return divide(Interval::point(1), a);
}

Interval tanhImage(const Interval &a) { return increasing(a, mpfr_tanh); }

Interval atanImage(const Interval &a) { return increasing(a, mpfr_atan); }

Interval erfImage(const Interval &a) { return increasing(a, mpfr_erf); }

/// 1 / (1 + e^-x), relative error a few 2^-256.
static void sigmoid(mpfr_ptr result, mpfr_srcptr x) {
  mpfr_neg(result, x, MPFR_RNDN);
  mpfr_exp(result, result, MPFR_RNDN);
  mpfr_add_ui(result, result, 1, MPFR_RNDN);
  mpfr_ui_div(result, 1, result, MPFR_RNDN);
}

/// max(x, 0) + log1p(e^-abs(x)).
static void softplus(mpfr_ptr result, mpfr_srcptr x) {
  mpfr_abs(result, x, MPFR_RNDN);
  mpfr_neg(result, result, MPFR_RNDN);
  mpfr_exp(result, result, MPFR_RNDN);
  mpfr_log1p(result, result, MPFR_RNDN);
  if (mpfr_sgn(x) > 0)
    mpfr_add(result, result, x, MPFR_RNDN);
}

template <typename Function>
static Interval composedIncreasing(const Interval &a, Function function,
                                   Interval limits) {
  return Interval::of(composed(function, a.lo, limits).lo,
                      composed(function, a.hi, limits).hi);
}

Interval sigmoidImage(const Interval &a) {
  Interval image = composedIncreasing(a, sigmoid, {0, 1});
  return {std::max(image.lo, 0.0), std::min(image.hi, 1.0)};
}

Interval softplusImage(const Interval &a) {
  Interval image = composedIncreasing(a, softplus, {0, infinity});
  return {std::max(image.lo, 0.0), image.hi};
}

Interval eluImage(const Interval &a, double alpha) {
  if (!std::isfinite(alpha))
    return Interval::unknown();
  if (a.lo >= 0)
    return a;
  Interval negative{a.lo, std::min(a.hi, 0.0)};
  Interval image = scale(increasing(negative, mpfr_expm1), alpha);
  return a.hi > 0 ? hull(image, Interval{0, a.hi}) : image;
}

Interval powImage(const Interval &a, double exponent) {
  if (!std::isfinite(exponent))
    return Interval::unknown();
  if (exponent == 0)
    return Interval::point(1);
  bool integer = exponent == std::trunc(exponent);
  bool even = integer && std::fmod(exponent, 2) == 0;
  Interval base = even ? absImage(a) : a;
  auto power = [&](mpfr_ptr result, mpfr_srcptr x, mpfr_rnd_t rounding) {
    Number p(53);
    mpfr_set_d(p, exponent, MPFR_RNDN);
    return mpfr_pow(result, x, p, rounding);
  };
  if (exponent > 0)
    return base.lo >= 0 || integer ? increasing(base, power)
                                   : Interval::unknown();
  // Decreasing on each side of its pole.
  if (!(base.lo > 0) && !(integer && base.hi < 0))
    return Interval::unknown();
  return Interval::of(directed(power, base.hi, MPFR_RNDD),
                      directed(power, base.lo, MPFR_RNDU));
}

/// sin (phase 1/2) or cos (phase 0): extremes at (k + phase) * pi with the
/// value
/// (-1)^k.
template <typename Function>
static Interval wave(const Interval &a, Function function, double phase) {
  constexpr double limit = 0x1p40;
  if (!(a.lo >= -limit && a.hi <= limit))
    return {-1, 1};
  auto lastExtreme = [&](double x) {
    Number quotient(256), pi(256);
    mpfr_const_pi(pi, MPFR_RNDN);
    mpfr_set_d(quotient, x, MPFR_RNDN);
    mpfr_div(quotient, quotient, pi, MPFR_RNDN);
    mpfr_sub_d(quotient, quotient, phase, MPFR_RNDN);
    return mpfr_get_sj(quotient, MPFR_RNDD);
  };
  auto first = lastExtreme(a.lo), last = lastExtreme(a.hi);
  Interval image = hull({directed(function, a.lo, MPFR_RNDD),
                         directed(function, a.lo, MPFR_RNDU)},
                        {directed(function, a.hi, MPFR_RNDD),
                         directed(function, a.hi, MPFR_RNDU)});
  if (last - first >= 2)
    return {-1, 1};
  if (last > first)
    (last % 2 == 0 ? image.hi : image.lo) = last % 2 == 0 ? 1 : -1;
  return image;
}

Interval sinImage(const Interval &a) { return wave(a, mpfr_sin, 0.5); }

Interval cosImage(const Interval &a) { return wave(a, mpfr_cos, 0); }

/// A function that decreases up to a point inside [argmin.lo, argmin.hi], has
/// values >= least there and increases after it, with limits 0 and +infinity.
template <typename Function>
static Interval oneMinimum(const Interval &a, Function function,
                           Interval argmin, double least) {
  Interval limits{0, infinity};
  Interval atLo = composed(function, a.lo, limits);
  Interval atHi = composed(function, a.hi, limits);
  if (a.hi <= argmin.lo)
    return Interval::of(atHi.lo, atLo.hi);
  if (a.lo >= argmin.hi)
    return Interval::of(atLo.lo, atHi.hi);
  return Interval::of(least, std::max(atLo.hi, atHi.hi));
}

Interval geluImage(const Interval &a) {
  // x * erfc(-x / sqrt 2) / 2; erfc has no cancellation for negative x.
  auto gelu = [](mpfr_ptr result, mpfr_srcptr x) {
    Number root(256);
    mpfr_sqrt_ui(root, 2, MPFR_RNDN);
    mpfr_div(result, x, root, MPFR_RNDN);
    mpfr_neg(result, result, MPFR_RNDN);
    mpfr_erfc(result, result, MPFR_RNDN);
    mpfr_mul(result, result, x, MPFR_RNDN);
    mpfr_div_2ui(result, result, 1, MPFR_RNDN);
  };
  // Minimum -0.169971207479903688... at -0.751791524693564457...
  return oneMinimum(a, gelu, {-0.7518, -0.7517}, -0.16997120747990370);
}

Interval geluTanhImage(const Interval &a) {
  // 1 + tanh z = 2 * sigmoid(2z), without cancellation.
  auto gelu = [](mpfr_ptr result, mpfr_srcptr x) {
    Number z(256), root(256);
    mpfr_sqr(z, x, MPFR_RNDN);
    mpfr_mul_ui(z, z, 44715, MPFR_RNDN);
    mpfr_div_ui(z, z, 1000000, MPFR_RNDN);
    mpfr_add_ui(z, z, 1, MPFR_RNDN);
    mpfr_mul(z, z, x, MPFR_RNDN);
    mpfr_const_pi(root, MPFR_RNDN);
    mpfr_ui_div(root, 2, root, MPFR_RNDN);
    mpfr_sqrt(root, root, MPFR_RNDN);
    mpfr_mul(z, z, root, MPFR_RNDN);
    mpfr_mul_2ui(z, z, 1, MPFR_RNDN);
    sigmoid(result, z);
    mpfr_mul(result, result, x, MPFR_RNDN);
  };
  // Minimum -0.17004075057125413... at -0.75246142207...
  return oneMinimum(a, gelu, {-0.7525, -0.7524}, -0.17004075057125420);
}

Interval geluTanhImage(const Interval &a, double constantError) {
  if (!(constantError >= 0 && constantError <= 0.01))
    return Interval::unknown();
  Interval image = geluTanhImage(a);
  if (constantError == 0)
    return image;
  // x * sigmoid(2z) with z off by a factor 1 + eta, abs(eta) <= e, moves by at
  // most abs(x) * sup abs(t * sigmoid'(t)) * e/(1-e), and the sup is 0.2239.
  UpperBound reach = a.absBound() * UpperBound::fromDouble(0.23) *
                     UpperBound::fromDouble(constantError);
  Interval wide = widen(image, reach);
  // An unknown end leaves what holds for any constants: between 0 and x.
  if (!a.isBounded())
    wide = {std::min(a.lo, 0.0), std::max(a.hi, 0.0)};
  return wide;
}

Interval siluImage(const Interval &a) {
  auto silu = [](mpfr_ptr result, mpfr_srcptr x) {
    sigmoid(result, x);
    mpfr_mul(result, result, x, MPFR_RNDN);
  };
  // Minimum -0.278464542761073795... at -1.278464542761073795...
  return oneMinimum(a, silu, {-1.2785, -1.2784}, -0.27846454276107386);
}

Interval mishImage(const Interval &a) {
  auto mish = [](mpfr_ptr result, mpfr_srcptr x) {
    softplus(result, x);
    mpfr_tanh(result, result, MPFR_RNDN);
    mpfr_mul(result, result, x, MPFR_RNDN);
  };
  // Minimum -0.308843413017250406... at -1.192431214515495212...
  return oneMinimum(a, mish, {-1.1925, -1.1924}, -0.30884341301725051);
}

} // namespace lipt
