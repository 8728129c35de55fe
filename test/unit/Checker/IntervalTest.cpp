//===- IntervalTest.cpp - Outward-rounded intervals -----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Interval.h"
#include "Reference.h"
#include <gtest/gtest.h>

using namespace lipt::checker;
using namespace lipt::checker::reference;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::numeric_limits<double>::quiet_NaN();

bool holds(const Interval &range, Quad value) {
  return (range.lo == -infinity || Quad(range.lo) <= value) &&
         (range.hi == infinity || value <= Quad(range.hi));
}

double magnitudes(Random &random) {
  return std::ldexp(random.uniform(), static_cast<int>(random.below(80)) - 40);
}

TEST(CheckerInterval, RefusesWhatIsNotAnInterval) {
  EXPECT_FALSE(Interval::make(nan, 1.0));
  EXPECT_FALSE(Interval::make(1.0, nan));
  EXPECT_FALSE(Interval::make(2.0, 1.0));
  EXPECT_FALSE(Interval::make(infinity, infinity));
  EXPECT_FALSE(Interval::make(-infinity, -infinity));
  EXPECT_TRUE(Interval::make(-infinity, infinity)->isUnknown());
  EXPECT_TRUE(Interval::symmetric(nan).isUnknown());
  EXPECT_FALSE(intersect({0.0, 1.0}, {2.0, 3.0}));
  EXPECT_EQ(*intersect({0.0, 2.0}, {1.0, 3.0}), (Interval{1.0, 2.0}));
}

TEST(CheckerInterval, ArithmeticEnclosesCornersTightly) {
  Random random(3);
  for (int i = 0; i < 20000; ++i) {
    double x = magnitudes(random), y = magnitudes(random);
    double z = magnitudes(random), w = magnitudes(random);
    Interval a{std::min(x, y), std::max(x, y)};
    Interval b{std::min(z, w), std::max(z, w)};
    for (double p : {a.lo, a.hi})
      for (double q : {b.lo, b.hi}) {
        EXPECT_TRUE(holds(a + b, Quad(p) + q));
        EXPECT_TRUE(holds(a - b, Quad(p) - q));
        EXPECT_TRUE(holds(a * b, Quad(p) * q));
        EXPECT_TRUE(holds(a / b, Quad(p) / q));
        EXPECT_TRUE(holds(squared(a), Quad(p) * p));
      }
    EXPECT_TRUE(Quad(a.radiusUp()) * 2 >= Quad(a.hi) - a.lo);
    Interval sum = a + b;
    EXPECT_LE(sum.lo, a.lo + b.lo);
    EXPECT_GE(sum.lo, std::nextafter(a.lo + b.lo, -infinity));
  }
}

TEST(CheckerInterval, ExactZerosStay) {
  Interval positive{0.0, 3.0}, unknown;
  EXPECT_EQ((positive + positive).lo, 0.0);
  EXPECT_EQ((positive * positive).lo, 0.0);
  EXPECT_EQ(scale(unknown, 0.0), (Interval{0.0, 0.0}));
  EXPECT_EQ(squared({-1.0, 2.0}).lo, 0.0);
  EXPECT_EQ(tanh({0.0, 1.0}).lo, 0.0);
  EXPECT_EQ(erf({-1.0, 0.0}).hi, 0.0);
  EXPECT_EQ(sqrt({0.0, 4.0}), (Interval{0.0, 2.0}));
  EXPECT_EQ(max(unknown, Interval::point(0.0)), (Interval{0.0, infinity}));
  EXPECT_EQ(abs({-3.0, 2.0}), (Interval{0.0, 3.0}));
}

TEST(CheckerInterval, UnknownEndsStayUnknown) {
  Interval below{-infinity, 1.0}, above{1.0, infinity};
  EXPECT_TRUE((below + above).isUnknown());
  EXPECT_EQ((below + below), (Interval{-infinity, 2.0}));
  EXPECT_EQ((above * above), (Interval{1.0, infinity}));
  EXPECT_TRUE((above / Interval{-1.0, 1.0}).isUnknown());
  EXPECT_TRUE((above / Interval{0.0, 1.0}).isUnknown());
  EXPECT_EQ((Interval::point(1.0) / above).lo, 0.0);
  EXPECT_TRUE(log({-1.0, 1.0}).isUnknown());
  EXPECT_EQ(log({0.0, 1.0}).lo, -infinity);
  EXPECT_EQ(log({0.0, 1.0}).hi, 0.0);
  EXPECT_TRUE(sqrt({-1.0, 1.0}).isUnknown());
  EXPECT_EQ(exp(below).lo, 0.0);
  EXPECT_EQ(sigmoid({-infinity, infinity}), (Interval{0.0, 1.0}));
  EXPECT_EQ(tanh({-infinity, infinity}), (Interval{-1.0, 1.0}));
}

TEST(CheckerInterval, OverflowIsNotLost) {
  double largest = std::numeric_limits<double>::max();
  Interval a{largest, largest};
  EXPECT_EQ((a + a).hi, infinity);
  EXPECT_EQ((a + a).lo, largest);
  EXPECT_EQ((a * a).lo, largest);
  Interval tiny = Interval::point(0x1p-1074);
  EXPECT_TRUE(holds(tiny * tiny, Quad(0x1p-1074) * Quad(0x1p-1074)));
  EXPECT_TRUE(holds(sqrt(Interval::point(3 * 0x1p-1074)),
                    squareRoot(3 * Quad(0x1p-1074))));
}

/// Images of points against the long double library (11 bits more).
template <typename Image, typename Truth>
void expectEnclosed(Image image, Truth truth, double from, double to) {
  Random random(4);
  for (int i = 0; i < 20000; ++i) {
    double x = from + (to - from) * (random.uniform() + 1.0) / 2.0;
    Interval range = image(Interval::point(x));
    long double exact = truth(static_cast<long double>(x));
    EXPECT_LE(range.lo, exact) << x;
    EXPECT_GE(range.hi, exact) << x;
    EXPECT_LE(range.hi - range.lo,
              40 * 0x1p-52 * std::abs(static_cast<double>(exact)) + 1e-300)
        << x;
  }
}

TEST(CheckerInterval, ImagesEncloseTheFunctions) {
  using Real = long double;
  auto sigmoidOf = [](Real x) { return 1 / (1 + std::exp(-x)); };
  auto softplusOf = [](Real x) {
    return std::max<Real>(x, 0) + std::log1p(std::exp(-std::abs(x)));
  };
  expectEnclosed([](Interval a) { return exp(a); },
                 [](Real x) { return std::exp(x); }, -740, 709);
  expectEnclosed([](Interval a) { return log(a); },
                 [](Real x) { return std::log(x); }, 1e-300, 50);
  expectEnclosed([](Interval a) { return sqrt(a); },
                 [](Real x) { return std::sqrt(x); }, 0, 50);
  expectEnclosed([](Interval a) { return tanh(a); },
                 [](Real x) { return std::tanh(x); }, -20, 20);
  expectEnclosed([](Interval a) { return erf(a); },
                 [](Real x) { return std::erf(x); }, -6, 6);
  expectEnclosed([](Interval a) { return atan(a); },
                 [](Real x) { return std::atan(x); }, -50, 50);
  expectEnclosed([](Interval a) { return sigmoid(a); }, sigmoidOf, -744, 40);
  expectEnclosed([](Interval a) { return softplus(a); }, softplusOf, -744, 800);
}

} // namespace
