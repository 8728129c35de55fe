//===- UpperBound.cpp - Non-negative reals rounded upward -----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bound is stored inline and viewed as an MPFR number through MPFR's custom
// interface, so that copying one never allocates. Every rounding below is
// MPFR_RNDU; overflow of MPFR's own exponent range gives +infinity, which reads
// back as unbounded, and underflow the least positive number.
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/UpperBound.h"

#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <ostream>

#include <mpfr.h>

namespace lipt {

static_assert(sizeof(mp_limb_t) == 8, "one limb holds the significand");

namespace {
constexpr mpfr_prec_t precision = 64;

/// An MPFR number of 64 bits on the stack.
struct Scratch {
  mp_limb_t limb = 0;
  mpfr_t value;
  Scratch() {
    mpfr_custom_init(&limb, precision);
    mpfr_custom_init_set(value, MPFR_ZERO_KIND, 0, precision, &limb);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;
};
} // namespace

/// The only place that knows both representations.
struct UpperBoundAccess {
  static void load(Scratch &scratch, const UpperBound &bound) {
    scratch.limb = bound.significand;
    int kind = bound.isUnbounded() ? MPFR_INF_KIND
               : bound.isZero()    ? MPFR_ZERO_KIND
                                   : MPFR_REGULAR_KIND;
    mpfr_custom_init_set(scratch.value, kind, bound.exponent, precision,
                         &scratch.limb);
  }

  /// NaN and negative numbers, which no caller produces, become unbounded.
  static UpperBound read(const Scratch &scratch) {
    UpperBound bound;
    if (mpfr_zero_p(scratch.value)) {
      bound.kind = UpperBound::Kind::Zero;
    } else if (mpfr_regular_p(scratch.value) && mpfr_sgn(scratch.value) > 0) {
      bound.kind = UpperBound::Kind::Finite;
      bound.significand = scratch.limb;
      bound.exponent = mpfr_get_exp(scratch.value);
    }
    return bound;
  }
};

using Access = UpperBoundAccess;

UpperBound UpperBound::zero() { return Access::read(Scratch()); }

UpperBound UpperBound::one() { return fromInteger(1); }

UpperBound UpperBound::fromDouble(double value) {
  if (!(value >= 0) || std::isinf(value))
    return unbounded();
  Scratch result;
  mpfr_set_d(result.value, value, MPFR_RNDU);
  // The sign of -0 would survive; zero has none here.
  return value == 0 ? zero() : Access::read(result);
}

UpperBound UpperBound::fromInteger(uint64_t value) {
  Scratch result;
  mpfr_set_uj(result.value, value, MPFR_RNDU);
  return Access::read(result);
}

UpperBound UpperBound::fromRatio(uint64_t numerator, uint64_t denominator) {
  if (denominator == 0)
    return unbounded();
  Scratch result, n, d;
  Access::load(n, fromInteger(numerator));
  Access::load(d, fromInteger(denominator));
  mpfr_div(result.value, n.value, d.value, MPFR_RNDU);
  return Access::read(result);
}

UpperBound UpperBound::fromHex(double mantissa, int64_t exponent) {
  if (mantissa == 0 && exponent == 0)
    return zero();
  if (!(mantissa >= 1 && mantissa < 2))
    return unbounded();
  return fromDouble(mantissa).scaledByPowerOfTwo(exponent);
}

UpperBound UpperBound::operator+(const UpperBound &other) const {
  if (isUnbounded() || other.isUnbounded())
    return unbounded();
  Scratch result, a, b;
  Access::load(a, *this);
  Access::load(b, other);
  mpfr_add(result.value, a.value, b.value, MPFR_RNDU);
  return Access::read(result);
}

UpperBound UpperBound::operator*(const UpperBound &other) const {
  if (isUnbounded() || other.isUnbounded())
    return unbounded();
  Scratch result, a, b;
  Access::load(a, *this);
  Access::load(b, other);
  mpfr_mul(result.value, a.value, b.value, MPFR_RNDU);
  return Access::read(result);
}

UpperBound UpperBound::dividedBy(double positiveLowerBound) const {
  if (isUnbounded() || !(positiveLowerBound > 0) ||
      std::isinf(positiveLowerBound))
    return unbounded();
  Scratch result, a;
  Access::load(a, *this);
  mpfr_div_d(result.value, a.value, positiveLowerBound, MPFR_RNDU);
  return Access::read(result);
}

UpperBound UpperBound::sqrt() const {
  if (isUnbounded())
    return unbounded();
  Scratch result, a;
  Access::load(a, *this);
  mpfr_sqrt(result.value, a.value, MPFR_RNDU);
  return Access::read(result);
}

UpperBound UpperBound::power(unsigned exponent) const {
  if (isUnbounded())
    return unbounded();
  Scratch result, a;
  Access::load(a, *this);
  mpfr_pow_ui(result.value, a.value, exponent, MPFR_RNDU);
  return Access::read(result);
}

UpperBound UpperBound::scaledByPowerOfTwo(int64_t shift) const {
  if (kind != Kind::Finite)
    return *this;
  // Beyond MPFR's exponents anyway: the sum below must not overflow int64.
  constexpr int64_t limit = int64_t(1) << 62;
  if (shift > limit)
    return unbounded();
  if (shift < -limit)
    shift = -limit;
  Scratch result, a;
  Access::load(a, *this);
  mpfr_mul_2si(result.value, a.value, shift, MPFR_RNDU);
  return Access::read(result);
}

UpperBound UpperBound::withSlack() const {
  return *this * fromDouble(1 + 0x1p-40);
}

UpperBound UpperBound::reciprocalSqrt(double value) {
  if (!(value > 0) || std::isinf(value))
    return unbounded();
  Scratch result, a;
  mpfr_set_d(a.value, value, MPFR_RNDD);
  mpfr_rec_sqrt(result.value, a.value, MPFR_RNDU);
  return Access::read(result);
}

UpperBound UpperBound::sqrtOf(uint64_t value) {
  return fromInteger(value).sqrt();
}

/// Digits and decimal exponent as d.ddde+x.
static std::string formatDecimal(mpfr_srcptr value, int digits,
                                 mpfr_rnd_t rounding) {
  mpfr_exp_t exponent = 0;
  std::unique_ptr<char, void (*)(char *)> text(
      mpfr_get_str(nullptr, &exponent, 10, size_t(digits < 1 ? 1 : digits),
                   value, rounding),
      mpfr_free_str);
  if (!text)
    return "unbounded";
  std::string result;
  const char *digit = text.get();
  if (*digit == '-')
    result += *digit++;
  result += *digit++;
  if (*digit)
    result += '.';
  result += digit;
  --exponent;
  result += exponent < 0 ? "e-" : "e+";
  std::string magnitude = std::to_string(exponent < 0 ? -exponent : exponent);
  return result + (magnitude.size() < 2 ? "0" + magnitude : magnitude);
}

std::string UpperBound::toDecimal(int digits) const {
  if (isUnbounded())
    return "unbounded";
  if (isZero())
    return "0";
  Scratch a;
  Access::load(a, *this);
  return formatDecimal(a.value, digits, MPFR_RNDU);
}

std::pair<double, int64_t> UpperBound::toHex() const {
  if (isUnbounded())
    return {std::numeric_limits<double>::infinity(), 0};
  if (isZero())
    return {0, 0};
  // 0.significand * 2^exponent = (significand / 2^63) * 2^(exponent-1); the top
  // 53 bits stay and any lower bit rounds them up.
  uint64_t top = significand >> 11;
  if (significand & 0x7ff)
    ++top;
  int64_t binary = exponent - 1;
  if (top == uint64_t(1) << 53) {
    top >>= 1;
    ++binary;
  }
  return {std::ldexp(double(top), -52), binary};
}

double UpperBound::toDoubleUp() const {
  if (isUnbounded())
    return std::numeric_limits<double>::infinity();
  Scratch a;
  Access::load(a, *this);
  return mpfr_get_d(a.value, MPFR_RNDU);
}

double UpperBound::estimatedLog10() const {
  if (isUnbounded())
    return std::numeric_limits<double>::infinity();
  if (isZero())
    return -std::numeric_limits<double>::infinity();
  return std::log10(std::ldexp(double(significand), -64)) +
         double(exponent) * 0.30102999566398119521;
}

std::strong_ordering UpperBound::operator<=>(const UpperBound &other) const {
  // Zero < finite < unbounded; inside the finite ones MPFR's form is ordered
  // by exponent, then significand.
  auto rank = [](Kind kind) {
    return kind == Kind::Zero ? 0 : kind == Kind::Finite ? 1 : 2;
  };
  if (auto order = rank(kind) <=> rank(other.kind); order != 0)
    return order;
  if (auto order = exponent <=> other.exponent; order != 0)
    return order;
  return significand <=> other.significand;
}

UpperBound max(const UpperBound &a, const UpperBound &b) {
  return a < b ? b : a;
}

UpperBound min(const UpperBound &a, const UpperBound &b) {
  return b < a ? b : a;
}

UpperBound hypot(const UpperBound &a, const UpperBound &b) {
  if (a.isZero())
    return b;
  if (b.isZero())
    return a;
  return (a * a + b * b).sqrt();
}

std::ostream &operator<<(std::ostream &os, const UpperBound &bound) {
  return os << bound.toDecimal();
}

std::string toDecimalRoundedDown(double value, int digits) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  if (value == 0)
    return "0";
  Scratch a;
  mpfr_set_d(a.value, value, MPFR_RNDD);
  return formatDecimal(a.value, digits, MPFR_RNDD);
}

} // namespace lipt
