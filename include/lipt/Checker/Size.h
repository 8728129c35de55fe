//===- Size.h - Polynomial symbolic sizes ----------------------*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_SIZE_H
#define LIPT_CHECKER_SIZE_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lipt::checker {

/// The length of an axis: a polynomial with integer coefficients in the
/// model's symbolic sizes. Every symbol stands for an arbitrary length from 1
/// to 10^9. Expressions that are no polynomial (a floor division) become one
/// opaque symbol named after its text, so equal expressions compare equal.
/// Overflow of a coefficient rejects.
class Size {
public:
  Size() = default; // zero
  Size(int64_t value);
  static Size symbol(const std::string &name);

  bool isConstant() const;
  /// The value if no symbol occurs.
  std::optional<int64_t> constant() const;
  bool isOne() const { return constant() == 1; }
  bool isZero() const { return terms.empty(); }

  Size operator+(const Size &other) const;
  Size operator-(const Size &other) const;
  Size operator*(const Size &other) const;
  bool operator==(const Size &other) const { return terms == other.terms; }
  bool operator!=(const Size &other) const { return terms != other.terms; }

  /// this / divisor if that is a polynomial again: a divisor of one term, or
  /// a divisor of which this is a multiple by one term.
  std::optional<Size> dividedBy(const Size &divisor) const;
  /// floor(this / divisor) for divisor > 0, opaque if not a polynomial.
  Size floorDividedBy(int64_t divisor) const;
  /// This polynomial with some symbols replaced by numbers.
  Size bound(const std::map<std::string, int64_t> &values) const;

  /// The sign of the polynomial where its coefficients agree on one: every
  /// monomial is at least 1.
  std::optional<int> sign() const;

  std::string text() const;

private:
  /// Sorted names of the factors, repeated by exponent.
  using Monomial = std::vector<std::string>;
  std::map<Monomial, int64_t> terms; // no zero coefficients
};

/// The product of all lengths.
Size product(const std::vector<Size> &sizes);
std::string text(const std::vector<Size> &sizes);

} // namespace lipt::checker

#endif // LIPT_CHECKER_SIZE_H
