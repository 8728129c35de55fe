//===- IntervalTest.cpp - Images contain their points and are tight -------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/Interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

using namespace lipt;

namespace {

/// A function beside its value in extended precision, which the tests take
/// from the C library.
struct Function {
  const char *name;
  std::function<Interval(const Interval &)> image;
  long double (*value)(long double);
  double lo, hi; ///< arguments that are tried
};

const Function functions[] = {
    {"exp", expImage, [](long double x) { return std::exp(x); }, -30, 30},
    {"log", logImage, [](long double x) { return std::log(x); }, 1e-9, 50},
    {"sqrt", sqrtImage, [](long double x) { return std::sqrt(x); }, 0, 50},
    {"tanh", tanhImage, [](long double x) { return std::tanh(x); }, -9, 9},
    {"atan", atanImage, [](long double x) { return std::atan(x); }, -9, 9},
    {"erf", erfImage, [](long double x) { return std::erf(x); }, -5, 5},
    {"sin", sinImage, [](long double x) { return std::sin(x); }, -9, 9},
    {"cos", cosImage, [](long double x) { return std::cos(x); }, -9, 9},
    {"abs", absImage, [](long double x) { return std::fabs(x); }, -9, 9},
    {"relu", reluImage, [](long double x) { return std::fmax(x, 0.0L); }, -9,
     9},
    {"sigmoid", sigmoidImage,
     [](long double x) { return 1 / (1 + std::exp(-x)); }, -40, 40},
    {"softplus", softplusImage,
     [](long double x) {
       return std::fmax(x, 0.0L) + std::log1p(std::exp(-std::fabs(x)));
     },
     -40, 40},
    {"reciprocal", reciprocalImage, [](long double x) { return 1 / x; }, 0.1,
     9},
    {"elu", [](const Interval &a) { return eluImage(a, 1.5); },
     [](long double x) { return x < 0 ? 1.5L * std::expm1(x) : x; }, -9, 9},
    {"elu of negative alpha", [](const Interval &a) { return eluImage(a, -5); },
     [](long double x) { return x < 0 ? -5.0L * std::expm1(x) : x; }, -9, 9},
    {"cube", [](const Interval &a) { return powImage(a, 3); },
     [](long double x) { return x * x * x; }, -9, 9},
    {"fourth power", [](const Interval &a) { return powImage(a, 4); },
     [](long double x) { return x * x * x * x; }, -9, 9},
    {"power -1.5", [](const Interval &a) { return powImage(a, -1.5); },
     [](long double x) { return std::pow(x, -1.5L); }, 0.1, 9},
    {"square", [](const Interval &a) { return square(a); },
     [](long double x) { return x * x; }, -9, 9},
    {"gelu", geluImage,
     [](long double x) { return x / 2 * std::erfc(-x / std::sqrt(2.0L)); }, -9,
     9},
    {"gelu by tanh", [](const Interval &a) { return geluTanhImage(a); },
     [](long double x) {
       long double pi = std::acos(-1.0L);
       long double z = std::sqrt(2 / pi) * (x + 0.044715L * x * x * x);
       return x / (1 + std::exp(-2 * z));
     },
     -9, 9},
    {"silu", siluImage, [](long double x) { return x / (1 + std::exp(-x)); },
     -30, 30},
    {"mish", mishImage,
     [](long double x) { return x * std::tanh(std::log1p(std::exp(x))); }, -30,
     30},
};

TEST(Interval, ImagesContainTheirPointsAndAreTight) {
  std::mt19937_64 engine(1);
  for (const Function &function : functions) {
    SCOPED_TRACE(function.name);
    std::uniform_real_distribution<double> draw(function.lo, function.hi);
    // The reference's own error.
    auto slack = [](long double y) { return 1e-17L * (1 + std::fabs(y)); };
    for (int trial = 0; trial < 400; ++trial) {
      double a = draw(engine), b = trial % 3 ? draw(engine) : a + 1e-3;
      if (a > b)
        std::swap(a, b);
      Interval image = function.image({a, b});
      long double least = INFINITY, most = -INFINITY;
      for (int k = 0; k <= 200; ++k) {
        double x = k == 200 ? b : a + (b - a) * k / 200;
        long double y = function.value(x);
        least = std::fmin(least, y), most = std::fmax(most, y);
        ASSERT_LE(image.lo, y + slack(y)) << x;
        ASSERT_GE(image.hi, y - slack(y)) << x;
      }
      // 200 samples come this near to an inner extreme.
      long double near = 1e-14L * (1 + std::fabs(least) + std::fabs(most)) +
                         (most - least) * 0.02L;
      EXPECT_GE(image.lo, least - near) << a << " " << b;
      EXPECT_LE(image.hi, most + near) << a << " " << b;
      Interval point = function.image(Interval::point(a));
      long double y = function.value(a);
      EXPECT_LE(point.hi - point.lo, 1e-15L * std::fabs(y) + 1e-300L);
    }
  }
}

TEST(Interval, ImagesOfUnknownEnds) {
  double inf = INFINITY;
  EXPECT_EQ(tanhImage({}), Interval::of(-1, 1));
  EXPECT_EQ(erfImage({}), Interval::of(-1, 1));
  EXPECT_EQ(sigmoidImage({}), Interval::of(0, 1));
  EXPECT_EQ(expImage({}).lo, 0);
  EXPECT_EQ(expImage({}).hi, inf);
  EXPECT_EQ(reluImage({}), (Interval{0, inf}));
  EXPECT_EQ(sinImage({}), Interval::of(-1, 1));
  EXPECT_EQ(softplusImage({}), (Interval{0, inf}));
  Interval (*geluTanh)(const Interval &) = geluTanhImage;
  for (auto *image : {geluImage, geluTanh, siluImage, mishImage}) {
    Interval all = image(Interval{});
    EXPECT_EQ(all.hi, inf);
    EXPECT_GT(all.lo, -0.31);
    EXPECT_LE(all.lo, -0.169);
    // Decreasing on the far left towards 0 from below.
    Interval left = image({-inf, -5});
    EXPECT_EQ(left.hi, 0);
    EXPECT_LT(left.lo, 0);
    EXPECT_GT(left.lo, -0.06);
  }
  EXPECT_TRUE(logImage({-1, 0}).isUnknown());
  EXPECT_EQ(logImage({0, 1}), (Interval{-inf, 0}));
  EXPECT_TRUE(sqrtImage({-1, 4}).isUnknown());
  EXPECT_TRUE(reciprocalImage({-1, 4}).isUnknown());
  EXPECT_TRUE(powImage({-1, 4}, 0.5).isUnknown());
  EXPECT_TRUE(powImage({-1, 4}, -2).isUnknown());
  EXPECT_EQ(powImage({-2, 4}, 2), Interval::of(0, 16));
  EXPECT_EQ(powImage({}, 0), Interval::point(1));
}

TEST(Interval, FarArgumentsKeepTheirSide) {
  // Beyond the exponents of MPFR: tiny, never exactly zero from above.
  Interval far = sigmoidImage(Interval::point(-1e300));
  EXPECT_EQ(far.lo, 0);
  EXPECT_GT(far.hi, 0);
  far = geluImage(Interval::point(-1e200));
  EXPECT_LT(far.lo, 0);
  EXPECT_GE(far.hi, 0);
  far = softplusImage(Interval::point(1e300));
  EXPECT_GE(far.hi, 1e300);
  EXPECT_TRUE(expImage(Interval::point(1e300)).contains(INFINITY));
  EXPECT_EQ(expImage(Interval::point(1e300)).lo,
            std::numeric_limits<double>::max());
}

TEST(Interval, GeluOfStoredConstants) {
  const double error = 1e-3;
  auto value = [&](long double x, long double factor) {
    long double z =
        std::sqrt(2 / std::acos(-1.0L)) * factor * (x + 0.044715L * x * x * x);
    return x / (1 + std::exp(-2 * z));
  };
  for (double x = -8; x <= 8; x += 0.01) {
    Interval image = geluTanhImage(Interval::point(x), error);
    for (long double factor : {1 - 1e-3L, 1 + 1e-3L}) {
      EXPECT_LE(image.lo, value(x, factor));
      EXPECT_GE(image.hi, value(x, factor));
    }
    EXPECT_LE(image.hi - image.lo, 1e-3 * std::fabs(x) + 1e-300);
  }
  EXPECT_EQ(geluTanhImage(Interval::of(-1, 2), 0),
            geluTanhImage(Interval::of(-1, 2)));
  EXPECT_TRUE(geluTanhImage(Interval::of(-1, 2), 0.5).isUnknown());
  EXPECT_TRUE(geluTanhImage(Interval{}, 1e-6).isUnknown());
}

TEST(Interval, ExactResultsStayExact) {
  EXPECT_EQ(expImage(Interval::point(0)), Interval::point(1));
  EXPECT_EQ(cosImage(Interval::point(0)), Interval::point(1));
  EXPECT_EQ(sqrtImage(Interval::of(4, 9)), Interval::of(2, 3));
  EXPECT_EQ(geluImage(Interval::point(0)), Interval::point(0));
  EXPECT_EQ(add(Interval::point(0), Interval::point(0.1)),
            Interval::point(0.1));
  EXPECT_EQ(multiply(Interval::of(-1, 2), Interval::point(1)),
            Interval::of(-1, 2));
}

TEST(Interval, ArithmeticContainsItsPoints) {
  std::mt19937_64 engine(2);
  std::uniform_real_distribution<double> draw(-3, 3), part(0, 1);
  for (int trial = 0; trial < 20000; ++trial) {
    auto interval = [&] {
      double a = draw(engine), b = draw(engine);
      return Interval::of(std::min(a, b), std::max(a, b));
    };
    Interval a = interval(), b = interval();
    long double x = std::fmin(a.lo + part(engine) * (a.hi - a.lo), a.hi);
    long double y = std::fmin(b.lo + part(engine) * (b.hi - b.lo), b.hi);
    auto contains = [](const Interval &image, long double value) {
      return image.lo <= value + 1e-18L && value - 1e-18L <= image.hi;
    };
    EXPECT_TRUE(contains(add(a, b), x + y));
    EXPECT_TRUE(contains(subtract(a, b), x - y));
    EXPECT_TRUE(contains(multiply(a, b), x * y));
    EXPECT_TRUE(contains(scale(a, -0.3), -0.3 * x));
    EXPECT_TRUE(contains(negate(a), -x));
    EXPECT_TRUE(contains(square(a), x * x));
    EXPECT_TRUE(contains(divide(a, b), x / y));
    EXPECT_TRUE(contains(minimum(a, b), std::fmin(x, y)));
    EXPECT_TRUE(contains(maximum(a, b), std::fmax(x, y)));
    EXPECT_TRUE(contains(hull(a, b), x) && contains(hull(a, b), y));
    EXPECT_TRUE(contains(widen(a, UpperBound::fromDouble(0.1)), x + 0.0999999));
    EXPECT_LE(std::fabs(x), a.absBound().toDoubleUp());
    EXPECT_GE(std::fabs(x), a.absLowerBound());
  }
}

TEST(Interval, UnknownIsNotANumber) {
  double inf = INFINITY;
  Interval unknown, zero = Interval::point(0), half{0, inf};
  EXPECT_EQ(multiply(zero, unknown), zero);
  EXPECT_TRUE(multiply(unknown, Interval::point(2)).isUnknown());
  EXPECT_TRUE(add(unknown, Interval::point(2)).isUnknown());
  EXPECT_TRUE(subtract(half, half).isUnknown());
  EXPECT_EQ(subtract(half, Interval::point(1)).hi, inf);
  EXPECT_EQ(multiply(half, half), half);
  EXPECT_TRUE(divide(Interval::point(1), zero).isUnknown());
  EXPECT_EQ(divide(Interval::point(1), {1, inf}).lo, 0);
  EXPECT_TRUE(divide(half, {1, inf}).contains(1e300));
  EXPECT_TRUE(Interval::point(NAN).isUnknown());
  EXPECT_TRUE(Interval::of(2, 1).isUnknown());
  EXPECT_TRUE(Interval::symmetric(UpperBound::unbounded()).isUnknown());
  EXPECT_TRUE(scale(zero, NAN).isUnknown());
  // Overflow of a finite interval is unknown above, not a wrong number.
  double big = std::numeric_limits<double>::max();
  Interval sum = add(Interval::point(big), Interval::point(big));
  EXPECT_EQ(sum.lo, big);
  EXPECT_EQ(sum.hi, inf);
  Interval tiny =
      multiply(Interval::point(0x1p-600), Interval::point(0x1p-600));
  EXPECT_LE(tiny.lo, 0);
  EXPECT_GT(tiny.hi, 0);
}

TEST(Interval, Vectors) {
  IntervalVector a = {Interval::of(-3, 1), Interval::of(0, 4)};
  EXPECT_EQ(hullOf(a), Interval::of(-3, 4));
  EXPECT_TRUE(hullOf({}).isUnknown());
  EXPECT_EQ(maxAbsBound(a), UpperBound::fromInteger(4));
  EXPECT_EQ(norm2Bound(a), UpperBound::fromInteger(5));
  EXPECT_TRUE(norm2Bound({}).isZero());
  EXPECT_TRUE(norm2Bound(IntervalVector(1)).isUnbounded());
  EXPECT_EQ(add(a, a)[1].hi, std::nextafter(8, 9.0));
  EXPECT_EQ(monotoneImage(a[0], [](double x) { return x < 0 ? 0 : x; }),
            Interval::of(0, 1));
}

} // namespace
