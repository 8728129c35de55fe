//===- RoundingTest.cpp - The start-up check notices a lost environment ---===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/Rounding.h"

#include <gtest/gtest.h>

#include <cfenv>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

using namespace lipt;

namespace {

TEST(Rounding, DefaultEnvironmentIsAccepted) {
  EXPECT_EQ(checkFloatingPointEnvironment(), std::nullopt);
}

TEST(Rounding, OtherRoundingModesAreRefused) {
  for (int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::fesetround(mode);
    auto problem = checkFloatingPointEnvironment();
    std::fesetround(FE_TONEAREST);
    EXPECT_TRUE(problem) << mode;
  }
}

#ifdef __SSE2__
TEST(Rounding, FlushedSubnormalsAreRefused) {
  unsigned saved = _mm_getcsr();
  for (unsigned bit : {0x8000u /*FTZ*/, 0x0040u /*DAZ*/}) {
    _mm_setcsr(saved | bit);
    auto problem = checkFloatingPointEnvironment();
    _mm_setcsr(saved);
    EXPECT_TRUE(problem) << bit;
  }
}
#endif

TEST(Rounding, Steps) {
  EXPECT_EQ(up(1.0), 1 + 0x1p-52);
  EXPECT_EQ(dn(1.0), 1 - 0x1p-53);
  EXPECT_EQ(up(0.0), leastSubnormal);
  EXPECT_EQ(up(INFINITY), INFINITY);
  EXPECT_EQ(dn(INFINITY), std::numeric_limits<double>::max());
}

} // namespace
