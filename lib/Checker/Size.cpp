//===- Size.cpp - Polynomial symbolic sizes -------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Size.h"

#include "lipt/Checker/Rejection.h"

#include <algorithm>

using namespace lipt::checker;

namespace {
/// Hostile models could build polynomials of exponential length.
constexpr size_t maximalTerms = 64;
constexpr size_t maximalDegree = 16;
constexpr size_t maximalText = 1024;

int64_t checkedAdd(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result))
    reject("a size exceeds 2^63");
  return result;
}

int64_t checkedMultiply(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result))
    reject("a size exceeds 2^63");
  return result;
}
} // namespace

Size::Size(int64_t value) {
  if (value != 0)
    terms[{}] = value;
}

Size Size::symbol(const std::string &name) {
  if (name.size() > maximalText)
    reject("a symbolic size has a text of more than ", maximalText,
           " characters");
  Size size;
  size.terms[{name}] = 1;
  return size;
}

bool Size::isConstant() const {
  return terms.empty() || (terms.size() == 1 && terms.begin()->first.empty());
}

std::optional<int64_t> Size::constant() const {
  if (terms.empty())
    return 0;
  if (!isConstant())
    return std::nullopt;
  return terms.begin()->second;
}

Size Size::operator+(const Size &other) const {
  Size sum = *this;
  for (const auto &[monomial, coefficient] : other.terms) {
    int64_t &entry = sum.terms[monomial];
    entry = checkedAdd(entry, coefficient);
    if (entry == 0)
      sum.terms.erase(monomial);
  }
  if (sum.terms.size() > maximalTerms)
    reject("a symbolic size has more than ", maximalTerms, " terms");
  return sum;
}

Size Size::operator-(const Size &other) const {
  return *this + other * Size(-1);
}

Size Size::operator*(const Size &other) const {
  Size result;
  for (const auto &[left, a] : terms)
    for (const auto &[right, b] : other.terms) {
      Size term;
      Monomial merged(left);
      merged.insert(merged.end(), right.begin(), right.end());
      if (merged.size() > maximalDegree)
        reject("a symbolic size has a degree above ", maximalDegree);
      std::sort(merged.begin(), merged.end());
      term.terms[merged] = checkedMultiply(a, b);
      result = result + term;
    }
  return result;
}

std::optional<Size> Size::dividedBy(const Size &divisor) const {
  if (divisor.terms.empty())
    return std::nullopt;
  if (terms.empty())
    return Size();
  auto quotientOf = [](const Monomial &a, int64_t ca, const Monomial &b,
                       int64_t cb) -> std::optional<Size> {
    if ((ca == INT64_MIN && cb == -1) || ca % cb != 0 ||
        !std::includes(a.begin(), a.end(), b.begin(), b.end()))
      return std::nullopt;
    Monomial rest;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(),
                        std::back_inserter(rest));
    Size size;
    size.terms[rest] = ca / cb;
    return size;
  };
  if (divisor.terms.size() == 1) {
    Size result;
    for (const auto &[monomial, coefficient] : terms) {
      auto term =
          quotientOf(monomial, coefficient, divisor.terms.begin()->first,
                     divisor.terms.begin()->second);
      if (!term)
        return std::nullopt;
      result = result + *term;
    }
    return result;
  }
  // A candidate from the leading terms, accepted if it multiplies back. (The
  // order of the map is compatible with multiplication closely enough: a
  // wrong candidate is refused, never used.)
  auto candidate =
      quotientOf(terms.rbegin()->first, terms.rbegin()->second,
                 divisor.terms.rbegin()->first, divisor.terms.rbegin()->second);
  if (candidate && *candidate * divisor == *this)
    return candidate;
  return std::nullopt;
}

Size Size::floorDividedBy(int64_t divisor) const {
  if (auto value = constant()) {
    int64_t quotient = *value / divisor;
    return (*value % divisor != 0 && *value < 0) ? quotient - 1 : quotient;
  }
  if (auto exact = dividedBy(Size(divisor)))
    return *exact;
  return symbol("floor((" + text() + ")/" + std::to_string(divisor) + ")");
}

Size Size::bound(const std::map<std::string, int64_t> &values) const {
  Size result;
  for (const auto &[monomial, coefficient] : terms) {
    Size term(coefficient);
    for (const std::string &name : monomial) {
      auto found = values.find(name);
      term =
          term * (found == values.end() ? symbol(name) : Size(found->second));
    }
    result = result + term;
  }
  return result;
}

std::optional<int> Size::sign() const {
  int sign = 0;
  for (const auto &[monomial, coefficient] : terms) {
    int own = coefficient > 0 ? 1 : -1;
    if (sign != 0 && own != sign) {
      sign = 2;
      break;
    }
    sign = own;
  }
  if (sign != 2)
    return sign;
  // Mixed signs: positive nonconstant terms outweigh a negative constant (or
  // the reverse) where they sum to more at every symbol = 1.
  int64_t sum = 0;
  auto free = terms.find(Monomial());
  if (free == terms.end())
    return std::nullopt;
  for (const auto &[monomial, coefficient] : terms) {
    if (!monomial.empty() && (coefficient > 0) == (free->second > 0))
      return std::nullopt;
    sum = checkedAdd(sum, coefficient);
  }
  if (sum != 0 && (sum > 0) != (free->second > 0))
    return sum > 0 ? 1 : -1;
  return std::nullopt;
}

std::string Size::text() const {
  if (terms.empty())
    return "0";
  std::string out;
  for (const auto &[monomial, coefficient] : terms) {
    if (!out.empty())
      out += "+";
    if (monomial.empty() || coefficient != 1)
      out += std::to_string(coefficient);
    for (size_t i = 0; i < monomial.size(); ++i)
      out += (i == 0 && coefficient == 1 ? "" : "*") + monomial[i];
  }
  return out;
}

Size lipt::checker::product(const std::vector<Size> &sizes) {
  Size result(1);
  for (const Size &size : sizes)
    result = result * size;
  return result;
}

std::string lipt::checker::text(const std::vector<Size> &sizes) {
  std::string out = "[";
  for (size_t i = 0; i < sizes.size(); ++i)
    out += (i ? ", " : "") + sizes[i].text();
  return out + "]";
}
