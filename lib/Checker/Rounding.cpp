//===- Rounding.cpp - Floating-point environment check --------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Rounding.h"
#include <cfenv>
#include <cfloat>

#if !defined(__SSE2__) && !defined(__aarch64__)
#error "bounds need IEEE doubles without excess precision (SSE2 or AArch64)"
#endif
#ifdef __FAST_MATH__
#error "bounds must not be compiled with -ffast-math"
#endif

std::optional<std::string> lipt::checker::floatingPointEnvironmentFault() {
  if (FLT_EVAL_METHOD != 0)
    return "floating-point expressions are evaluated in excess precision";
  if (std::fegetround() != FE_TONEAREST)
    return "the rounding mode is not to nearest";

  // What the arithmetic does is what counts, whichever control bits cause it.
  volatile double smallestNormal = DBL_MIN;
  volatile double half = 0.5;
  volatile double denormal = smallestNormal * half;
  if (!(denormal > 0.0))
    return "denormal results are flushed to zero (flush-to-zero is on)";
  volatile double smallest = smallestDouble;
  volatile double scale = 0x1p1000;
  if (!(smallest * scale == 0x1p-74))
    return "denormal operands are read as zero (denormals-are-zero is on)";

  // Ties to even and the error of one half unit.
  volatile double one = 1.0;
  volatile double tie = unitRoundoff;
  volatile double third = 3.0;
  if (one + tie != 1.0 || (one + 2 * tie) + tie != 1.0 + 4 * unitRoundoff ||
      one - tie / 2 != 1.0 || one / third != 0x1.5555555555555p-2)
    return "double arithmetic does not round to nearest even";
  return std::nullopt;
}
