//===- ExtendedTest.cpp - Upper bounds beyond double's range --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Extended.h"
#include "Reference.h"
#include "lipt/Checker/Rounding.h"
#include <cfenv>
#include <gtest/gtest.h>
#include <limits>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

using namespace lipt::checker;
using namespace lipt::checker::reference;

namespace {

Extended make(double m, int64_t e) { return *Extended::fromPair(m, e); }

Extended randomExtended(Random &random, int64_t spread) {
  double m = 1.0 + static_cast<double>(random.bits() >> 12) * 0x1p-52;
  return make(m, random.below(2 * spread) - spread);
}

TEST(CheckerEnvironment, IsSoundByDefault) {
  EXPECT_EQ(floatingPointEnvironmentFault(), std::nullopt);
}

TEST(CheckerEnvironment, ReportsRoundingMode) {
  for (int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(mode);
    bool fault = floatingPointEnvironmentFault().has_value();
    std::fesetround(FE_TONEAREST);
    EXPECT_TRUE(fault);
  }
}

#if defined(__SSE2__)
TEST(CheckerEnvironment, ReportsFlushToZero) {
  unsigned saved = _mm_getcsr();
  for (unsigned bit : {0x8000u, 0x0040u}) { // flush-to-zero, denormals-are-zero
    _mm_setcsr(saved | bit);
    bool fault = floatingPointEnvironmentFault().has_value();
    _mm_setcsr(saved);
    EXPECT_TRUE(fault) << bit;
  }
}
#endif

TEST(CheckerExtended, PairsAreCanonical) {
  EXPECT_TRUE(Extended::fromPair(0.0, 0)->isZero());
  EXPECT_EQ(*Extended::fromPair(1.0, 0), Extended::one());
  double nan = std::numeric_limits<double>::quiet_NaN();
  double infinity = std::numeric_limits<double>::infinity();
  for (double m : {2.0, 0.5, 1.0 - 0x1p-53, -1.0, nan, infinity, -0.0})
    EXPECT_FALSE(Extended::fromPair(m, 0)) << m;
  EXPECT_FALSE(Extended::fromPair(0.0, 1));
  int64_t limit = int64_t(1) << 61;
  EXPECT_TRUE(Extended::fromPair(1.5, limit));
  EXPECT_FALSE(Extended::fromPair(1.5, limit + 1));
  EXPECT_FALSE(Extended::fromPair(1.5, std::numeric_limits<int64_t>::min()));
}

TEST(CheckerExtended, DoublesOutsideAreUnbounded) {
  for (double x : {-1.0, std::numeric_limits<double>::quiet_NaN(),
                   std::numeric_limits<double>::infinity()})
    EXPECT_TRUE(Extended::fromDouble(x).isUnbounded());
  EXPECT_TRUE(Extended::fromDouble(-0.0).isZero());
  EXPECT_EQ(Extended::fromDouble(0x1p-1074), make(1.0, -1074));
  EXPECT_TRUE(Extended::fromInteger(-1).isUnbounded());
  EXPECT_GT(quad(Extended::fromInteger((int64_t(1) << 60) + 1)),
            Quad(int64_t(1) << 60));
  EXPECT_EQ(Extended::fromInteger(std::numeric_limits<int64_t>::max()),
            Extended::powerOfTwo(63));
}

// Sums within 60 binary digits and products of two doubles are exact in 113
// bits; quotients and roots are compared by multiplying back.
TEST(CheckerExtended, RoundsUpToTheNextNumber) {
  Random random(1);
  Quad step = 1 + Quad(0x1p-51);
  for (int i = 0; i < 20000; ++i) {
    Extended a = randomExtended(random, 25), b = randomExtended(random, 25);
    Quad x = quad(a), y = quad(b);
    Quad sum = quad(a + b), product = quad(a * b);
    EXPECT_TRUE(sum >= x + y && sum < (x + y) * step);
    EXPECT_TRUE(product >= x * y && product < x * y * step);
    Quad quotient = quad(a.dividedByAtLeast(b));
    EXPECT_TRUE(quotient * y >= x && quotient * y < x * step);
    Quad root = quad(a.sqrt());
    EXPECT_TRUE(root * root >= x && root * root < x * step);
    double d = static_cast<double>(x);
    Quad inverse = quad(reciprocalSqrtUp(d));
    EXPECT_TRUE(inverse * inverse * Quad(d) >= Quad(1) - Quad(1e-33) &&
                inverse * inverse * Quad(d) < step * step * step);
  }
}

TEST(CheckerExtended, ExactResultsStayExact) {
  Extended three = Extended::fromInteger(3);
  EXPECT_EQ(three + three, Extended::fromInteger(6));
  EXPECT_EQ(three * three, Extended::fromInteger(9));
  EXPECT_EQ((three * three).sqrt(), three);
  EXPECT_EQ(Extended::fromInteger(9) / 3.0, three);
  EXPECT_EQ(three + Extended::zero(), three);
  EXPECT_EQ(reciprocalSqrtUp(0.25), Extended::fromInteger(2));
  EXPECT_EQ(sqrtOfIntegerDown(49), 7.0);
  EXPECT_EQ(sqrtOfIntegerUp(49), Extended::fromInteger(7));
  EXPECT_LT(Quad(sqrtOfIntegerDown(2)) * sqrtOfIntegerDown(2), Quad(2));
}

TEST(CheckerExtended, FarSmallerAddendsStillCount) {
  Extended sum = Extended::one() + Extended::powerOfTwo(-5000);
  EXPECT_GT(sum, Extended::one());
  EXPECT_LE(quad(sum), Quad(1) + Quad(0x1p-52));
}

TEST(CheckerExtended, UnboundedAbsorbsAndZeroDoesNotDivide) {
  Extended unbounded = Extended::unbounded(), two = Extended::fromInteger(2);
  EXPECT_TRUE((unbounded + two).isUnbounded());
  EXPECT_TRUE((unbounded * Extended::zero()).isUnbounded());
  EXPECT_TRUE((two / 0.0).isUnbounded());
  EXPECT_TRUE((two / -1.0).isUnbounded());
  EXPECT_TRUE((Extended::zero() / 0.0).isUnbounded());
  EXPECT_TRUE((two / std::numeric_limits<double>::quiet_NaN()).isUnbounded());
  EXPECT_TRUE(unbounded.sqrt().isUnbounded());
  EXPECT_TRUE((Extended::zero() * two).isZero());
  EXPECT_LT(two, unbounded);
  EXPECT_LT(Extended::zero(), two);
  EXPECT_EQ(max(two, unbounded), unbounded);
  EXPECT_EQ(min(two, unbounded), two);
}

TEST(CheckerExtended, ExponentsNeitherWrapNorVanish) {
  Extended large = Extended::powerOfTwo(int64_t(1) << 61);
  EXPECT_TRUE((large * large).isUnbounded());
  Extended small = Extended::powerOfTwo(-(int64_t(1) << 61));
  EXPECT_EQ(small * small, small);
  EXPECT_FALSE((small * small).isZero());
  EXPECT_TRUE(large.scaledByPowerOfTwo(std::numeric_limits<int64_t>::max())
                  .isUnbounded());
  EXPECT_EQ(small.scaledByPowerOfTwo(std::numeric_limits<int64_t>::min()),
            small);
}

TEST(CheckerExtended, DoublesAreRoundedUp) {
  EXPECT_EQ(make(1.5, 3).toDoubleUp(), 12.0);
  EXPECT_EQ(Extended::powerOfTwo(1024).toDoubleUp(),
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(Extended::powerOfTwo(-2000).toDoubleUp(), 0x1p-1074);
  EXPECT_EQ(make(1.5, -1075).toDoubleUp(), 0x1p-1074);
  EXPECT_EQ(make(1.25, -1074).toDoubleUp(), 0x1p-1073);
  // √2 · 2^-1074, the norm of [[2^-1074, 2^-1074]].
  EXPECT_EQ((Extended::fromInteger(2).sqrt() * Extended::powerOfTwo(-1074))
                .toDoubleUp(),
            0x1p-1073);
}

TEST(CheckerExtended, DecimalsAreRoundedUp) {
  EXPECT_EQ(Extended::zero().toDecimalUp(), "0");
  EXPECT_EQ(Extended::fromInteger(2).toDecimalUp(), "2");
  EXPECT_EQ(Extended::fromInteger(120).toDecimalUp(), "120");
  EXPECT_EQ(Extended::fromDouble(0.25).toDecimalUp(), "0.25");
  EXPECT_EQ((Extended::one() / 3.0).toDecimalUp(), "0.333333334");
  EXPECT_EQ(Extended::fromDouble(0.999999999999).toDecimalUp(), "1");
  EXPECT_EQ(Extended::fromInteger(1234567891).toDecimalUp(3), "1.24e+9");
  // 2^1030 = 1.150523606…e310, 2^-2000 = 8.70980981…e-603.
  EXPECT_EQ(Extended::powerOfTwo(1030).toDecimalUp(), "1.15052361e+310");
  EXPECT_EQ(Extended::powerOfTwo(-2000).toDecimalUp(), "8.70980982e-603");
  EXPECT_EQ(Extended::powerOfTwo(int64_t(1) << 40).toDecimalUp(),
            "1e+330985980543");
  EXPECT_EQ(Extended::unbounded().toDecimalUp(), "unbounded");
}

TEST(CheckerExtended, DecimalsAreNeverBelow) {
  Random random(2);
  for (int i = 0; i < 3000; ++i) {
    Extended a = randomExtended(random, i % 2 ? 60 : 10000);
    long double exact =
        std::ldexp(static_cast<long double>(a.mantissa()), a.exponent());
    for (int digits : {2, 9, 15}) {
      // Rounding to nearest is monotone and `exact` is a long double.
      long double read = std::strtold(a.toDecimalUp(digits).c_str(), nullptr);
      EXPECT_GE(read, exact);
      EXPECT_LE(read,
                exact * (1 + 1.001L * std::pow(10.0L, 1 - digits) + 1e-11L));
    }
  }
}

} // namespace
