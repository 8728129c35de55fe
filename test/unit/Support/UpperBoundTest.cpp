//===- UpperBoundTest.cpp - Every operation against exact rationals -------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/UpperBound.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include <gmp.h>

using namespace lipt;

namespace {

/// An exact rational.
class Rational {
public:
  Rational() { mpq_init(value); }
  explicit Rational(double x) : Rational() { mpq_set_d(value, x); }
  explicit Rational(const UpperBound &bound) : Rational() {
    auto [mantissa, exponent] = bound.toHex();
    mpq_set_d(value, mantissa);
    if (exponent >= 0)
      mpq_mul_2exp(value, value, mp_bitcnt_t(exponent));
    else
      mpq_div_2exp(value, value, mp_bitcnt_t(-exponent));
  }
  Rational(const Rational &other) : Rational() { mpq_set(value, other.value); }
  Rational &operator=(const Rational &) = delete;
  ~Rational() { mpq_clear(value); }
  friend Rational operator+(const Rational &a, const Rational &b) {
    Rational r;
    mpq_add(r.value, a.value, b.value);
    return r;
  }
  friend Rational operator*(const Rational &a, const Rational &b) {
    Rational r;
    mpq_mul(r.value, a.value, b.value);
    return r;
  }
  friend Rational operator/(const Rational &a, const Rational &b) {
    Rational r;
    mpq_div(r.value, a.value, b.value);
    return r;
  }
  friend bool operator<=(const Rational &a, const Rational &b) {
    return mpq_cmp(a.value, b.value) <= 0;
  }

private:
  mpq_t value;
};

/// Doubles of all exponents, subnormal ones included.
class Doubles {
public:
  explicit Doubles(uint64_t seed, int range = 1074) : engine(seed) {
    exponents = std::uniform_int_distribution<int>(-range, range - 105);
  }
  double next() {
    double mantissa = double(engine() >> 11 | 1);
    return std::ldexp(mantissa, exponents(engine));
  }

private:
  std::mt19937_64 engine;
  std::uniform_int_distribution<int> exponents;
};

/// exact <= bound <= exact * (1 + 2^-51): toHex adds one of the roundings.
void expectTightAbove(const UpperBound &bound, const Rational &exact) {
  ASSERT_FALSE(bound.isUnbounded());
  EXPECT_LE(exact, Rational(bound));
  EXPECT_LE(Rational(bound), exact * Rational(1 + 0x1p-51));
}

TEST(UpperBound, ArithmeticIsNeverBelowExact) {
  Doubles doubles(1);
  for (int k = 0; k < 2000; ++k) {
    double x = doubles.next(), y = doubles.next();
    UpperBound a = UpperBound::fromDouble(x), b = UpperBound::fromDouble(y);
    Rational p(x), q(y);
    expectTightAbove(a, p);
    expectTightAbove(a + b, p + q);
    expectTightAbove(a * b, p * q);
    expectTightAbove(a.dividedBy(y), p / q);
    expectTightAbove(a.power(3), p * p * p);
    expectTightAbove(a.scaledByPowerOfTwo(700).scaledByPowerOfTwo(-700), p);
    // root^2 >= exact, and not by much.
    Rational root(a.sqrt());
    EXPECT_LE(p, root * root);
    EXPECT_LE(root * root, p * Rational(1 + 0x1p-50));
    Rational inverse(UpperBound::reciprocalSqrt(x));
    EXPECT_LE(Rational(1.0), inverse * inverse * p);
    EXPECT_LE(inverse * inverse * p, Rational(1 + 0x1p-50));
    Rational norm(hypot(a, b));
    EXPECT_LE(p * p + q * q, norm * norm);
    Rational slack(a.withSlack());
    EXPECT_LE(p * Rational(1 + 0x1p-40), slack);
    EXPECT_LE(slack, p * Rational(1 + 0x1p-39));
    EXPECT_EQ(a <= b, x <= y);
    EXPECT_EQ(a < b, x < y);
    EXPECT_EQ(a == b, x == y);
    EXPECT_EQ(max(a, b), UpperBound::fromDouble(std::max(x, y)));
    EXPECT_EQ(min(a, b), UpperBound::fromDouble(std::min(x, y)));
    EXPECT_LE(x, a.toDoubleUp());
    EXPECT_EQ(a.toDoubleUp(), x);
  }
}

TEST(UpperBound, LongChainsStayAboveExact) {
  Doubles doubles(2, 300);
  for (int trial = 0; trial < 20; ++trial) {
    UpperBound bound = UpperBound::one();
    Rational exact(1.0);
    for (int k = 0; k < 40; ++k) {
      double x = doubles.next(), y = doubles.next();
      bound = bound * UpperBound::fromDouble(x) + UpperBound::fromDouble(y);
      Rational next = exact * Rational(x) + Rational(y);
      exact.~Rational();
      new (&exact) Rational(next);
    }
    EXPECT_LE(exact, Rational(bound));
    EXPECT_LE(Rational(bound), exact * Rational(1 + 0x1p-45));
  }
}

TEST(UpperBound, IntegersAndRatios) {
  EXPECT_EQ(UpperBound::fromInteger(0), UpperBound::zero());
  EXPECT_EQ(UpperBound::fromInteger(1), UpperBound::one());
  UpperBound most = UpperBound::fromInteger(~uint64_t(0));
  EXPECT_GT(most, UpperBound::fromDouble(0x1.fffffffffffffp63));
  EXPECT_LT(most, UpperBound::fromDouble(0x1p64));
  UpperBound third = UpperBound::fromRatio(1, 3);
  EXPECT_LE(Rational(1.0), Rational(third) * Rational(3.0));
  EXPECT_TRUE(UpperBound::fromRatio(1, 0).isUnbounded());
  EXPECT_EQ(UpperBound::sqrtOf(49), UpperBound::fromInteger(7));
}

TEST(UpperBound, ProductsLeaveTheRangeOfDouble) {
  UpperBound big = UpperBound::one(), small = UpperBound::one();
  for (int k = 0; k < 400; ++k) {
    big *= UpperBound::fromDouble(0x1p500);
    small *= UpperBound::fromDouble(0x1p-500);
  }
  EXPECT_FALSE(big.isUnbounded());
  EXPECT_FALSE(small.isZero());
  EXPECT_EQ(big * small, UpperBound::one());
  EXPECT_EQ(big.toHex(), (std::pair<double, int64_t>(1.0, 200000)));
  EXPECT_EQ(big.toDoubleUp(), INFINITY);
  EXPECT_EQ(small.toDoubleUp(), 0x1p-1074);
  // Past MPFR's exponents: up to unbounded, down to something positive.
  UpperBound huge = UpperBound::one().scaledByPowerOfTwo(int64_t(1) << 62);
  EXPECT_TRUE((huge * huge).isUnbounded());
  EXPECT_TRUE(UpperBound::fromDouble(2).power(~0u).power(~0u).isUnbounded());
  UpperBound tiny = UpperBound::one().scaledByPowerOfTwo(INT64_MIN);
  EXPECT_FALSE(tiny.isZero());
  EXPECT_FALSE((tiny * tiny).isZero());
  EXPECT_GT(tiny * tiny, UpperBound::zero());
}

TEST(UpperBound, UnboundedAbsorbs) {
  UpperBound u = UpperBound::unbounded(), zero = UpperBound::zero();
  UpperBound one = UpperBound::one();
  EXPECT_TRUE(UpperBound().isUnbounded());
  for (const UpperBound &other : {zero, one, u}) {
    EXPECT_TRUE((u + other).isUnbounded());
    EXPECT_TRUE((other + u).isUnbounded());
    EXPECT_TRUE((u * other).isUnbounded());
    EXPECT_TRUE((other * u).isUnbounded());
    EXPECT_TRUE(max(u, other).isUnbounded());
    EXPECT_EQ(min(u, other), other);
    EXPECT_LE(other, u);
  }
  EXPECT_TRUE(u.sqrt().isUnbounded());
  EXPECT_TRUE(u.power(0).isUnbounded());
  EXPECT_TRUE(u.dividedBy(2).isUnbounded());
  EXPECT_TRUE(u.withSlack().isUnbounded());
  EXPECT_TRUE(u.scaledByPowerOfTwo(-9).isUnbounded());
  EXPECT_FALSE(u < u);
  EXPECT_EQ(u.toDoubleUp(), INFINITY);
  EXPECT_TRUE(std::isinf(u.toHex().first));
}

TEST(UpperBound, BadNumbersAreUnbounded) {
  double inf = INFINITY;
  for (double bad : {-1.0, -0x1p-1074, double(NAN), inf, -inf})
    EXPECT_TRUE(UpperBound::fromDouble(bad).isUnbounded()) << bad;
  UpperBound one = UpperBound::one();
  for (double bad : {0.0, -0.0, -1.0, double(NAN), inf}) {
    EXPECT_TRUE(one.dividedBy(bad).isUnbounded()) << bad;
    EXPECT_TRUE(UpperBound::reciprocalSqrt(bad).isUnbounded()) << bad;
  }
  for (double bad : {0.5, 2.0, -1.0, double(NAN), inf, 0.0})
    EXPECT_TRUE(UpperBound::fromHex(bad, 3).isUnbounded()) << bad;
}

TEST(UpperBound, ZeroIsExact) {
  UpperBound zero = UpperBound::zero(), x = UpperBound::fromDouble(3.7);
  EXPECT_TRUE((zero * x).isZero());
  EXPECT_EQ(zero + x, x);
  EXPECT_TRUE(zero.withSlack().isZero());
  EXPECT_TRUE(zero.sqrt().isZero());
  EXPECT_TRUE(zero.dividedBy(5).isZero());
  EXPECT_EQ(UpperBound::fromDouble(-0.0), zero);
  EXPECT_EQ(zero.toHex(), (std::pair<double, int64_t>(0.0, 0)));
  EXPECT_EQ(UpperBound::fromHex(0, 0), zero);
  EXPECT_EQ(zero.power(0), UpperBound::one());
  EXPECT_EQ(hypot(zero, x), x);
  EXPECT_LT(zero, UpperBound::fromDouble(0x1p-1074));
}

TEST(UpperBound, HexRoundsUpAndRenormalises) {
  // 2 - 2^-60 needs 61 bits: rounded up it is 2, that is 1 * 2^1.
  UpperBound nearTwo = UpperBound::fromDouble(2 - 0x1p-52) +
                       UpperBound::fromDouble(0x1p-52 - 0x1p-60);
  EXPECT_LT(nearTwo, UpperBound::fromDouble(2));
  EXPECT_EQ(nearTwo.toHex(), (std::pair<double, int64_t>(1.0, 1)));
  Doubles doubles(3);
  for (int k = 0; k < 500; ++k) {
    UpperBound bound = UpperBound::fromDouble(doubles.next()) *
                       UpperBound::fromDouble(doubles.next());
    auto [mantissa, exponent] = bound.toHex();
    EXPECT_GE(mantissa, 1);
    EXPECT_LT(mantissa, 2);
    UpperBound back = UpperBound::fromHex(mantissa, exponent);
    EXPECT_LE(bound, back);
    EXPECT_EQ(back.toHex(), bound.toHex());
  }
}

TEST(UpperBound, DecimalRoundsUp) {
  EXPECT_EQ(UpperBound::zero().toDecimal(), "0");
  EXPECT_EQ(UpperBound::unbounded().toDecimal(), "unbounded");
  EXPECT_EQ(UpperBound::one().toDecimal(3), "1.00e+00");
  EXPECT_EQ(UpperBound::fromDouble(1 + 0x1p-52).toDecimal(3), "1.01e+00");
  EXPECT_EQ(UpperBound::fromDouble(9.999).toDecimal(2), "1.0e+01");
  EXPECT_EQ(UpperBound::fromDouble(0.001234).toDecimal(1), "2e-03");
  EXPECT_EQ(UpperBound::fromDouble(1e300).power(2).toDecimal(2), "1.1e+600");
  EXPECT_EQ(UpperBound::fromRatio(31, 10).toDecimal(), "3.10000001e+00");
  EXPECT_EQ(toDecimalRoundedDown(3.14159, 3), "3.14e+00");
  EXPECT_EQ(toDecimalRoundedDown(0.9999, 2), "9.9e-01");
  EXPECT_EQ(toDecimalRoundedDown(-0.25, 1), "-3e-01");
  EXPECT_EQ(toDecimalRoundedDown(0), "0");
}

TEST(UpperBound, LogarithmForTables) {
  EXPECT_NEAR(UpperBound::fromDouble(1e300).power(2).estimatedLog10(), 600,
              1e-9);
  EXPECT_NEAR(UpperBound::one().estimatedLog10(), 0, 1e-12);
}

} // namespace
