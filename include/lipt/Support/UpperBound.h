//===- UpperBound.h - Non-negative reals rounded upward ---------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only scalar that a proved bound may be stored in. Every operation rounds
// toward +infinity (MPFR, 64-bit significand), the exponent has at least 31
// bits, so products such as 10^327 or 2^500 * 2^500 neither overflow nor
// vanish, and there is no NaN. `unbounded` stands for "no bound known": it
// absorbs everything, also a factor of exact zero.
//
//   UpperBound block = UpperBound::fromDouble(15.2) * attention + one;
//   report << (block * head).toDecimal();          // "3.10000001e+312"
//
// Architecture rule 1; claims leave room by withSlack() (decision D3).
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_SUPPORT_UPPERBOUND_H
#define LIPT_SUPPORT_UPPERBOUND_H

#include <compare>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>

namespace lipt {

class UpperBound {
public:
  /// Unbounded: a forgotten assignment must not look like a proof.
  UpperBound() = default;

  static UpperBound zero();
  static UpperBound one();
  static UpperBound unbounded() { return UpperBound(); }

  /// The value itself, exactly. Negative values, NaN and +infinity: unbounded.
  static UpperBound fromDouble(double value);
  /// The integer itself, exactly.
  static UpperBound fromInteger(uint64_t value);
  /// numerator / denominator rounded up. Zero denominator: unbounded.
  static UpperBound fromRatio(uint64_t numerator, uint64_t denominator);
  /// mantissa * 2^exponent, exactly, where mantissa is in [1, 2) or (0, 0) is
  /// zero. Anything else: unbounded.
  static UpperBound fromHex(double mantissa, int64_t exponent);

  bool isZero() const { return kind == Kind::Zero; }
  bool isUnbounded() const { return kind == Kind::Unbounded; }

  UpperBound operator+(const UpperBound &other) const;
  UpperBound operator*(const UpperBound &other) const;
  UpperBound &operator+=(const UpperBound &other) {
    return *this = *this + other;
  }
  UpperBound &operator*=(const UpperBound &other) {
    return *this = *this * other;
  }

  /// Quotient by a divisor that is exact or a lower bound of the true one.
  /// A divisor that is not a positive finite number: unbounded.
  UpperBound dividedBy(double positiveLowerBound) const;
  UpperBound sqrt() const;
  /// Non-negative integer power; power(0) of a bounded value is one.
  UpperBound power(unsigned exponent) const;
  /// Exact scaling by 2^exponent.
  UpperBound scaledByPowerOfTwo(int64_t exponent) const;
  /// Times 1 + 2^-40: the room that a claim leaves (D3). Zero stays zero.
  UpperBound withSlack() const;

  /// 1/sqrt(value) rounded up. Not a positive finite number: unbounded.
  static UpperBound reciprocalSqrt(double value);
  static UpperBound sqrtOf(uint64_t value);

  /// Scientific notation rounded up, e.g. "3.10000001e+312", with `digits`
  /// significant digits; "0" and "unbounded".
  std::string toDecimal(int digits = 9) const;
  /// Mantissa in [1, 2) rounded up and binary exponent; (0, 0) for zero,
  /// (+infinity, 0) for unbounded.
  std::pair<double, int64_t> toHex() const;
  /// The least double that is not below; +infinity where none is.
  double toDoubleUp() const;
  /// log10 for tables and messages (not a bound); -inf for zero, +inf for
  /// unbounded.
  double estimatedLog10() const;

  /// Total order; unbounded is equal to itself and above everything else.
  std::strong_ordering operator<=>(const UpperBound &other) const;
  bool operator==(const UpperBound &other) const = default;

private:
  friend struct UpperBoundAccess;
  enum class Kind : uint8_t { Unbounded, Zero, Finite };

  // A finite value is 0.significand * 2^exponent with the top bit set, which is
  // MPFR's form for 64 bits; the others keep both fields zero.
  uint64_t significand = 0;
  int64_t exponent = 0;
  Kind kind = Kind::Unbounded;
};

UpperBound max(const UpperBound &a, const UpperBound &b);
UpperBound min(const UpperBound &a, const UpperBound &b);
/// sqrt(a^2 + b^2) rounded up.
UpperBound hypot(const UpperBound &a, const UpperBound &b);

std::ostream &operator<<(std::ostream &os, const UpperBound &bound);

/// A decimal that is not above `value`, in the format of toDecimal: how
/// attained values are printed.
std::string toDecimalRoundedDown(double value, int digits = 9);

} // namespace lipt

#endif // LIPT_SUPPORT_UPPERBOUND_H
