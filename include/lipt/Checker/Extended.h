//===- Extended.h - Upper bounds m * 2^e beyond double's range --*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The (m, e) numbers of docs/Bounds.md, arithmetic kit: zero, or m 2^e with a
// double m in [1, 2) and an int64 e, or unbounded. A value is an upper bound of
// some non-negative real; every operation rounds up to the next such number
// (exact results stay exact). Unbounded absorbs: unbounded times zero is
// unbounded. There is no NaN.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_EXTENDED_H
#define LIPT_CHECKER_EXTENDED_H

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace lipt::checker {

class Extended {
public:
  /// Unbounded: the only bound that is true of anything.
  Extended() = default;

  static Extended zero();
  static Extended one();
  static Extended unbounded() { return Extended(); }
  /// Exact; NaN, infinities and negative numbers give unbounded.
  static Extended fromDouble(double value);
  /// Rounded up above 2^53; negative numbers give unbounded.
  static Extended fromInteger(int64_t value);
  /// 2^exponent.
  static Extended powerOfTwo(int64_t exponent);
  /// The canonical pair of a certificate: (+0, 0), or m in [1, 2) and an
  /// exponent of at most 2^61 in absolute value. Anything else is refused.
  static std::optional<Extended> fromPair(double mantissa, int64_t exponent);

  bool isZero() const { return kind == Kind::Zero; }
  bool isUnbounded() const { return kind == Kind::Unbounded; }
  /// +0 if zero; 0 <= m < 2. Meaningless when unbounded.
  double mantissa() const { return m; }
  int64_t exponent() const { return e; }

  Extended operator+(const Extended &other) const;
  Extended operator*(const Extended &other) const;
  Extended &operator+=(const Extended &other) { return *this = *this + other; }
  Extended &operator*=(const Extended &other) { return *this = *this * other; }
  /// Quotient by a number that is at least `lowerBound`; unbounded unless
  /// 0 < lowerBound < infinity.
  Extended operator/(double lowerBound) const;
  /// Quotient by a number that is at least m 2^e of `lowerBound`, which the
  /// caller knows to be a lower bound (an exact number, say).
  Extended dividedByAtLeast(const Extended &lowerBound) const;
  Extended scaledByPowerOfTwo(int64_t exponent) const;
  Extended sqrt() const;
  Extended squared() const { return *this * *this; }

  /// Zero < every m 2^e < unbounded.
  std::strong_ordering operator<=>(const Extended &other) const;
  bool operator==(const Extended &other) const = default;

  /// The smallest double that is at least this; +infinity if unbounded.
  double toDoubleUp() const;
  /// Decimal text that is at least this, e.g. "2", "0.333333334",
  /// "1.23456789e+310", "unbounded". `digits` in [1, 15].
  std::string toDecimalUp(int digits = 9) const;

private:
  enum class Kind { Zero, Finite, Unbounded };
  Extended(Kind kind, double m, int64_t e) : kind(kind), m(m), e(e) {}
  /// m in [1, 4] times 2^e, brought into range.
  static Extended normalized(double m, int64_t e);

  Kind kind = Kind::Unbounded;
  double m = 0.0;
  int64_t e = 0;
};

Extended min(const Extended &a, const Extended &b);
Extended max(const Extended &a, const Extended &b);

/// √n rounded up; unbounded for negative n.
Extended sqrtOfIntegerUp(int64_t n);
/// A lower bound of √n as a double, exact where √n is an integer; 0 for n <= 0.
double sqrtOfIntegerDown(int64_t n);
/// 1/√x rounded up for an exact double x; unbounded unless 0 < x < infinity.
Extended reciprocalSqrtUp(double x);

} // namespace lipt::checker

#endif // LIPT_CHECKER_EXTENDED_H
