//===- Rounding.h - Directed steps and environment check --------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic kit of docs/Bounds.md: for +, -, *, / and sqrt on finite data
// in round-to-nearest, up(fl(a op b)) is not below the exact result and
// dn(fl(a op b)) not above it, also when the result underflows. No rounding
// mode is ever changed.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_SUPPORT_ROUNDING_H
#define LIPT_SUPPORT_ROUNDING_H

#include <cmath>
#include <limits>
#include <optional>
#include <string>

namespace lipt {

/// Unit roundoff of double.
inline constexpr double unitRoundoff = 0x1p-53;
/// The least positive double.
inline constexpr double leastSubnormal = 0x1p-1074;

/// The next double above. up(+infinity) = +infinity.
inline double up(double x) {
  return std::nextafter(x, std::numeric_limits<double>::infinity());
}

/// The next double below. dn(-infinity) = -infinity, dn(+infinity) = DBL_MAX.
inline double dn(double x) {
  return std::nextafter(x, -std::numeric_limits<double>::infinity());
}

/// What the error terms assume and a process may have lost: round to nearest,
/// double evaluated as double, subnormals kept (a library built with
/// -ffast-math clears this for the whole process). Returns what is wrong.
/// Programs that compute or check bounds call it first and refuse.
std::optional<std::string> checkFloatingPointEnvironment();

} // namespace lipt

#endif // LIPT_SUPPORT_ROUNDING_H
