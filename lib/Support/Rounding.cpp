//===- Rounding.cpp - Check of the floating-point environment -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/Rounding.h"

#include <cfenv>
#include <cfloat>

static_assert(FLT_EVAL_METHOD == 0, "double must be evaluated as double");
#ifdef __FAST_MATH__
#error "the error terms do not hold under -ffast-math"
#endif

namespace lipt {

std::optional<std::string> checkFloatingPointEnvironment() {
  if (std::fegetround() != FE_TONEAREST)
    return "the floating-point rounding mode is not to nearest: bounds would "
           "not hold";
  // The probes are volatile so that the hardware evaluates them now.
  volatile double smallest = DBL_MIN;
  volatile double half = 0.5;
  volatile double flushed = smallest * half;
  if (flushed == 0)
    return "subnormal results are flushed to zero (FTZ): a library built with "
           "-ffast-math may have set this; bounds would not hold";
  volatile double subnormal = leastSubnormal;
  volatile double scale = 0x1p1000;
  volatile double restored = subnormal * scale;
  if (restored == 0)
    return "subnormal operands are read as zero (DAZ): a library built with "
           "-ffast-math may have set this; bounds would not hold";
  // Double rounding or a wide register would lose or keep this bit.
  volatile double one = 1;
  volatile double tiny = 0x1p-53;
  volatile double sum = one + tiny;
  volatile double difference = sum - one;
  if (difference != 0)
    return "double arithmetic is not evaluated in double precision: bounds "
           "would not hold";
  return std::nullopt;
}

} // namespace lipt
