//===- Extended.cpp - Upper bounds beyond double's range ------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Extended.h"
#include "lipt/Checker/Rounding.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace lipt::checker;

/// Sums and differences of two exponents in range do not overflow int64.
static constexpr int64_t exponentLimit = int64_t(1) << 61;

// Directed rounding of single operations on mantissas in [1, 4): the residual
// of a product, quotient or root is a double there (nothing underflows), so its
// sign says exactly on which side of the result the true value lies.

static double roundedUp(double rounded, double residual) {
  return residual > 0.0 ? up(rounded) : rounded;
}

static double productMantissaUp(double a, double b) {
  double p = a * b;
  return roundedUp(p, std::fma(a, b, -p));
}

static double productMantissaDown(double a, double b) {
  double p = a * b;
  return std::fma(a, b, -p) < 0.0 ? dn(p) : p;
}

static double quotientMantissaUp(double a, double b) {
  double q = a / b;
  return roundedUp(q, std::fma(-q, b, a));
}

static double sqrtMantissaUp(double a) {
  double s = std::sqrt(a);
  return roundedUp(s, std::fma(-s, s, a));
}

Extended Extended::normalized(double m, int64_t e) {
  while (m >= 2.0) {
    m *= 0.5;
    ++e;
  }
  if (m < 1.0) {
    m *= 2.0;
    --e;
  }
  if (e > exponentLimit)
    return unbounded();
  // Too small to tell apart: the smallest number is an upper bound.
  if (e < -exponentLimit)
    return Extended(Kind::Finite, 1.0, -exponentLimit);
  return Extended(Kind::Finite, m, e);
}

Extended Extended::zero() { return Extended(Kind::Zero, 0.0, 0); }

Extended Extended::one() { return Extended(Kind::Finite, 1.0, 0); }

Extended Extended::fromDouble(double value) {
  if (!(value >= 0.0) || std::isinf(value))
    return unbounded();
  if (value == 0.0)
    return zero();
  int exponent = 0;
  double fraction = std::frexp(value, &exponent); // in [1/2, 1)
  return Extended(Kind::Finite, 2.0 * fraction, exponent - 1);
}

Extended Extended::fromInteger(int64_t value) {
  if (value < 0)
    return unbounded();
  double rounded = static_cast<double>(value);
  // 2^63 is the one rounding that does not fit back into int64.
  if (rounded < 0x1p63 && static_cast<int64_t>(rounded) < value)
    rounded = up(rounded);
  return fromDouble(rounded);
}

Extended Extended::powerOfTwo(int64_t exponent) {
  return one().scaledByPowerOfTwo(exponent);
}

std::optional<Extended> Extended::fromPair(double mantissa, int64_t exponent) {
  if (mantissa == 0.0 && !std::signbit(mantissa) && exponent == 0)
    return zero();
  if (!(mantissa >= 1.0 && mantissa < 2.0) || exponent > exponentLimit ||
      exponent < -exponentLimit)
    return std::nullopt;
  return Extended(Kind::Finite, mantissa, exponent);
}

Extended Extended::operator+(const Extended &other) const {
  if (isUnbounded() || other.isUnbounded())
    return unbounded();
  if (isZero())
    return other;
  if (other.isZero())
    return *this;
  const Extended &big = e >= other.e ? *this : other;
  const Extended &small = e >= other.e ? other : *this;
  int64_t shift = big.e - small.e;
  // Far below the last bit of the larger one: the next number covers it.
  if (shift > 64)
    return normalized(up(big.m), big.e);
  double addend = std::ldexp(small.m, -static_cast<int>(shift));
  double s = big.m + addend;
  // The rounding error of a sum is a double (Knuth).
  double part = s - big.m;
  double residual = (big.m - (s - part)) + (addend - part);
  return normalized(roundedUp(s, residual), big.e);
}

Extended Extended::operator*(const Extended &other) const {
  if (isUnbounded() || other.isUnbounded())
    return unbounded();
  if (isZero() || other.isZero())
    return zero();
  return normalized(productMantissaUp(m, other.m), e + other.e);
}

Extended Extended::operator/(double lowerBound) const {
  return dividedByAtLeast(fromDouble(lowerBound));
}

Extended Extended::dividedByAtLeast(const Extended &lowerBound) const {
  if (isUnbounded() || lowerBound.isUnbounded() || lowerBound.isZero())
    return unbounded();
  if (isZero())
    return zero();
  return normalized(quotientMantissaUp(m, lowerBound.m), e - lowerBound.e);
}

Extended Extended::scaledByPowerOfTwo(int64_t exponent) const {
  if (kind != Kind::Finite)
    return *this;
  constexpr int64_t clampTo = 2 * exponentLimit;
  return normalized(m, e + std::clamp(exponent, -clampTo, clampTo));
}

Extended Extended::sqrt() const {
  if (kind != Kind::Finite)
    return *this;
  int64_t odd = e & 1;
  return normalized(sqrtMantissaUp(odd ? 2.0 * m : m), (e - odd) / 2);
}

std::strong_ordering Extended::operator<=>(const Extended &other) const {
  if (kind != other.kind)
    return kind <=> other.kind;
  if (kind != Kind::Finite)
    return std::strong_ordering::equal;
  if (e != other.e)
    return e <=> other.e;
  return m < other.m   ? std::strong_ordering::less
         : m > other.m ? std::strong_ordering::greater
                       : std::strong_ordering::equal;
}

double Extended::toDoubleUp() const {
  if (isZero())
    return 0.0;
  if (isUnbounded() || e > 1023)
    return std::numeric_limits<double>::infinity();
  if (e < -1074)
    return smallestDouble;
  double rounded = std::ldexp(m, static_cast<int>(e));
  // Exact unless the result is subnormal; scaling back is always exact.
  if (std::ldexp(rounded, static_cast<int>(-e)) < m)
    return up(rounded);
  return rounded;
}

//===----------------------------------------------------------------------===//
// Decimal text
//===----------------------------------------------------------------------===//

namespace {
/// m 2^e with m in [1, 2), rounded in a direction that the operation says.
struct Power {
  double m = 1.0;
  int64_t e = 0;
};
} // namespace

static Power multiply(Power a, Power b, bool upward) {
  double m =
      upward ? productMantissaUp(a.m, b.m) : productMantissaDown(a.m, b.m);
  int64_t e = a.e + b.e;
  if (m >= 2.0) {
    m *= 0.5;
    ++e;
  }
  return {m, e};
}

/// A bound of 10^n (n >= 0) from above or below; exact up to 10^22.
static Power powerOfTen(int64_t n, bool upward) {
  Power result;
  Power square{1.25, 3};
  for (; n > 0; n >>= 1) {
    if (n & 1)
      result = multiply(result, square, upward);
    if (n > 1)
      square = multiply(square, square, upward);
  }
  return result;
}

/// The decimal digits of `significand` (d_1 d_2 …) as d_1.d_2… × 10^exponent.
static std::string formatDecimal(uint64_t significand, int64_t exponent) {
  std::string digits = std::to_string(significand);
  while (digits.size() > 1 && digits.back() == '0')
    digits.pop_back();
  int64_t count = static_cast<int64_t>(digits.size());
  if (exponent >= -4 && exponent < 9) {
    if (exponent < 0)
      return "0." + std::string(-exponent - 1, '0') + digits;
    if (count <= exponent + 1)
      return digits + std::string(exponent + 1 - count, '0');
    return digits.substr(0, exponent + 1) + "." + digits.substr(exponent + 1);
  }
  std::string text = digits.substr(0, 1);
  if (count > 1)
    text += "." + digits.substr(1);
  return text + (exponent < 0 ? "e-" : "e+") +
         std::to_string(exponent < 0 ? -exponent : exponent);
}

std::string Extended::toDecimalUp(int digits) const {
  if (isUnbounded())
    return "unbounded";
  if (isZero())
    return "0";
  digits = std::clamp(digits, 1, 15);

  // log10(2) < 0.30103: beyond this the digits of a power of ten are lost and
  // the next power of ten above 2^(e+1) is printed.
  constexpr int64_t decimalLimit = int64_t(1) << 20;
  if (e > decimalLimit || e < -decimalLimit) {
    // ⌈(e+1)·log10(2)⌉, with log10(2) bounded from the side that is safe.
    constexpr int64_t scale = 1'000'000'000'000'000'000;
    const __int128 log10Two =
        e > 0 ? 301'029'995'663'981'196 : 301'029'995'663'981'195;
    __int128 scaled = (static_cast<__int128>(e) + 1) * log10Two;
    __int128 quotient = scaled / scale;
    if (scaled > 0 && scaled % scale != 0)
      ++quotient;
    return formatDecimal(1, static_cast<int64_t>(quotient));
  }

  // value = S × 10^(k − digits + 1) with S rounded up to an integer of
  // `digits` digits; the guess of k may be off by one.
  uint64_t limit = 1;
  for (int i = 0; i < digits; ++i)
    limit *= 10;
  int64_t k = static_cast<int64_t>(
      std::floor(std::log10(m) + static_cast<double>(e) * 0.30102999566398120));
  bool raised = false;
  for (;;) {
    int64_t shift = digits - 1 - k;
    Extended scaled = unbounded();
    if (shift >= 0) {
      Power factor = powerOfTen(shift, /*upward=*/true);
      scaled = *this * Extended(Kind::Finite, factor.m, factor.e);
    } else {
      Power divisor = powerOfTen(-shift, /*upward=*/false);
      scaled = dividedByAtLeast(Extended(Kind::Finite, divisor.m, divisor.e));
    }
    double significand = std::ceil(scaled.toDoubleUp());
    if (significand > static_cast<double>(limit)) {
      ++k;
      raised = true;
      continue;
    }
    if (significand < static_cast<double>(limit / 10)) {
      // Right below a power of ten both neighbours may just miss.
      if (raised)
        return formatDecimal(1, k);
      --k;
      continue;
    }
    return significand == static_cast<double>(limit)
               ? formatDecimal(1, k + 1)
               : formatDecimal(static_cast<uint64_t>(significand), k);
  }
}

Extended lipt::checker::min(const Extended &a, const Extended &b) {
  return b < a ? b : a;
}

Extended lipt::checker::max(const Extended &a, const Extended &b) {
  return a < b ? b : a;
}

Extended lipt::checker::sqrtOfIntegerUp(int64_t n) {
  return Extended::fromInteger(n).sqrt();
}

double lipt::checker::sqrtOfIntegerDown(int64_t n) {
  if (n <= 0)
    return 0.0;
  double x = static_cast<double>(n);
  if (x >= 0x1p53) // n itself may have been rounded, by at most one double
    x = dn(x);
  double s = std::sqrt(x);
  return std::fma(-s, s, x) < 0.0 ? dn(s) : s;
}

Extended lipt::checker::reciprocalSqrtUp(double x) {
  if (!(x > 0.0) || std::isinf(x))
    return Extended::unbounded();
  // A lower bound of √x = √m·2^(e/2): root of the even-exponent mantissa.
  Extended value = Extended::fromDouble(x);
  int64_t odd = value.exponent() & 1;
  double mantissa = odd ? 2.0 * value.mantissa() : value.mantissa();
  double s = std::sqrt(mantissa);
  if (std::fma(-s, s, mantissa) < 0.0)
    s = dn(s);
  Extended root =
      Extended::fromDouble(s).scaledByPowerOfTwo((value.exponent() - odd) / 2);
  return Extended::one().dividedByAtLeast(root);
}
