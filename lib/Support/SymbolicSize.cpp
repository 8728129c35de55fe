//===- SymbolicSize.cpp - Sizes that may contain symbols --------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/SymbolicSize.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>

using namespace lipt;

namespace {

using Monomial = std::vector<std::string>;
using Terms = std::map<Monomial, int64_t>;

// Sizes of real networks have one or two terms of degree two or three. The
// limits keep sizes that come from a hostile file from growing without end.
constexpr size_t maxTerms = 64;
constexpr size_t maxDegree = 32;

/// Graded lexicographic order, greatest first: the order of the canonical text
/// and, being compatible with products, the one that division goes by.
bool precedes(const Monomial &a, const Monomial &b) {
  if (a.size() != b.size())
    return a.size() > b.size();
  return a < b;
}

/// terms += coefficient * monomial; false on overflow or too many terms.
bool accumulate(Terms &terms, const Monomial &monomial, int64_t coefficient) {
  if (coefficient == 0)
    return true;
  int64_t &sum = terms[monomial];
  if (__builtin_add_overflow(sum, coefficient, &sum))
    return false;
  if (sum == 0)
    terms.erase(monomial);
  return terms.size() <= maxTerms;
}

Monomial product(const Monomial &a, const Monomial &b) {
  Monomial result;
  std::merge(a.begin(), a.end(), b.begin(), b.end(),
             std::back_inserter(result));
  return result;
}

const Terms::value_type &leadingTerm(const Terms &terms) {
  return *std::min_element(
      terms.begin(), terms.end(),
      [](const auto &a, const auto &b) { return precedes(a.first, b.first); });
}

bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNameBody(char c) { return isNameStart(c) || isDigit(c) || c == '.'; }

/// A symbol as text: itself if it is an identifier, else in single quotes
/// (ONNX allows any text as the name of a dimension), quotes doubled.
std::string spell(const std::string &name) {
  if (!name.empty() && isNameStart(name.front()) &&
      std::all_of(name.begin(), name.end(), isNameBody))
    return name;
  std::string quoted = "'";
  for (char c : name) {
    quoted += c;
    if (c == '\'')
      quoted += c;
  }
  return quoted + "'";
}

/// Recursive descent over  ['-'] product {('+'|'-') product},
/// product = factor {'*' factor}, factor = integer | symbol.
class Parser {
public:
  explicit Parser(std::string_view text) : text(text) {}

  std::optional<SymbolicSize> parse() {
    bool negative = consume('-');
    std::optional<SymbolicSize> sum = parseProduct();
    if (!sum)
      return std::nullopt;
    if (negative)
      sum = SymbolicSize(0) - *sum;
    while (!atEnd()) {
      bool minus = consume('-');
      if (!minus && !consume('+'))
        return std::nullopt;
      std::optional<SymbolicSize> term = parseProduct();
      if (!term)
        return std::nullopt;
      sum = minus ? *sum - *term : *sum + *term;
    }
    if (!sum->isValid())
      return std::nullopt;
    return sum;
  }

private:
  bool atEnd() {
    while (position < text.size() && text[position] == ' ')
      ++position;
    return position == text.size();
  }

  bool consume(char c) {
    if (atEnd() || text[position] != c)
      return false;
    ++position;
    return true;
  }

  std::optional<SymbolicSize> parseProduct() {
    std::optional<SymbolicSize> result = parseFactor();
    while (result && consume('*')) {
      std::optional<SymbolicSize> factor = parseFactor();
      if (!factor)
        return std::nullopt;
      result = *result * *factor;
    }
    return result;
  }

  std::optional<SymbolicSize> parseFactor() {
    if (atEnd())
      return std::nullopt;
    char first = text[position];
    if (isDigit(first))
      return parseInteger();
    if (first == '\'')
      return parseQuoted();
    if (!isNameStart(first))
      return std::nullopt;
    size_t start = position;
    while (position < text.size() && isNameBody(text[position]))
      ++position;
    return SymbolicSize::symbol(
        std::string(text.substr(start, position - start)));
  }

  std::optional<SymbolicSize> parseInteger() {
    int64_t value = 0;
    for (; position < text.size() && isDigit(text[position]); ++position)
      if (__builtin_mul_overflow(value, int64_t(10), &value) ||
          __builtin_add_overflow(value, int64_t(text[position] - '0'), &value))
        return std::nullopt;
    return SymbolicSize(value);
  }

  std::optional<SymbolicSize> parseQuoted() {
    std::string name;
    for (++position; position < text.size(); ++position) {
      if (text[position] == '\'') {
        if (position + 1 == text.size() || text[position + 1] != '\'') {
          ++position;
          return SymbolicSize::symbol(std::move(name));
        }
        ++position;
      }
      name += text[position];
    }
    return std::nullopt;
  }

  std::string_view text;
  size_t position = 0;
};

} // namespace

SymbolicSize::SymbolicSize(int64_t constant) {
  if (constant != 0)
    terms[{}] = constant;
}

SymbolicSize SymbolicSize::symbol(std::string name) {
  SymbolicSize result;
  result.terms[{std::move(name)}] = 1;
  return result;
}

SymbolicSize SymbolicSize::invalid() {
  SymbolicSize result;
  result.valid = false;
  return result;
}

std::optional<SymbolicSize> SymbolicSize::parse(std::string_view text) {
  return Parser(text).parse();
}

bool SymbolicSize::isStatic() const {
  return valid &&
         (terms.empty() || (terms.size() == 1 && terms.begin()->first.empty()));
}

std::optional<int64_t> SymbolicSize::getStatic() const {
  if (!isStatic())
    return std::nullopt;
  return terms.empty() ? 0 : terms.begin()->second;
}

SymbolicSize SymbolicSize::operator+(const SymbolicSize &other) const {
  if (!valid || !other.valid)
    return invalid();
  SymbolicSize result = *this;
  for (const auto &[monomial, coefficient] : other.terms)
    if (!accumulate(result.terms, monomial, coefficient))
      return invalid();
  return result;
}

SymbolicSize SymbolicSize::operator-(const SymbolicSize &other) const {
  return *this + other * SymbolicSize(-1);
}

SymbolicSize SymbolicSize::operator*(const SymbolicSize &other) const {
  if (!valid || !other.valid)
    return invalid();
  SymbolicSize result;
  for (const auto &[monomial, coefficient] : terms)
    for (const auto &[otherMonomial, otherCoefficient] : other.terms) {
      int64_t value;
      if (monomial.size() + otherMonomial.size() > maxDegree ||
          __builtin_mul_overflow(coefficient, otherCoefficient, &value) ||
          !accumulate(result.terms, product(monomial, otherMonomial), value))
        return invalid();
    }
  return result;
}

std::optional<SymbolicSize>
SymbolicSize::dividedBy(const SymbolicSize &divisor) const {
  if (!valid || !divisor.valid || divisor.terms.empty())
    return std::nullopt;
  const auto &[divisorMonomial, divisorCoefficient] =
      leadingTerm(divisor.terms);
  SymbolicSize remainder = *this, quotient;
  // Every round removes the remainder's leading term, so it ends; an exact
  // quotient has at most maxTerms terms.
  while (!remainder.terms.empty()) {
    const auto &[monomial, coefficient] = leadingTerm(remainder.terms);
    if (coefficient == std::numeric_limits<int64_t>::min() ||
        coefficient % divisorCoefficient != 0 ||
        !std::includes(monomial.begin(), monomial.end(),
                       divisorMonomial.begin(), divisorMonomial.end()))
      return std::nullopt;
    SymbolicSize term;
    Monomial rest;
    std::set_difference(monomial.begin(), monomial.end(),
                        divisorMonomial.begin(), divisorMonomial.end(),
                        std::back_inserter(rest));
    term.terms[rest] = coefficient / divisorCoefficient;
    quotient = quotient + term;
    remainder = remainder - term * divisor;
    if (!quotient.valid || !remainder.valid)
      return std::nullopt;
  }
  return quotient;
}

SymbolicSize
SymbolicSize::bind(const std::map<std::string, int64_t> &values) const {
  if (!valid)
    return invalid();
  SymbolicSize result;
  for (const auto &[monomial, coefficient] : terms) {
    SymbolicSize term(coefficient);
    for (const std::string &name : monomial) {
      auto value = values.find(name);
      term = term * (value == values.end() ? symbol(name)
                                           : SymbolicSize(value->second));
    }
    result = result + term;
  }
  return result;
}

std::vector<std::string> SymbolicSize::getSymbols() const {
  std::set<std::string> names;
  for (const auto &[monomial, coefficient] : terms)
    names.insert(monomial.begin(), monomial.end());
  return {names.begin(), names.end()};
}

std::string SymbolicSize::toString() const {
  if (!valid)
    return "?";
  if (terms.empty())
    return "0";
  std::vector<const Terms::value_type *> sorted;
  sorted.reserve(terms.size());
  for (const auto &term : terms)
    sorted.push_back(&term);
  std::sort(sorted.begin(), sorted.end(), [](const auto *a, const auto *b) {
    return precedes(a->first, b->first);
  });
  std::string text;
  for (const auto *term : sorted) {
    const auto &[monomial, coefficient] = *term;
    if (coefficient < 0)
      text += '-';
    else if (!text.empty())
      text += '+';
    // The magnitude as unsigned: the least int64 has no positive counterpart.
    uint64_t magnitude =
        coefficient < 0 ? -uint64_t(coefficient) : uint64_t(coefficient);
    if (magnitude != 1 || monomial.empty())
      text += std::to_string(magnitude) + (monomial.empty() ? "" : "*");
    for (size_t i = 0; i < monomial.size(); ++i)
      text += (i ? "*" : "") + spell(monomial[i]);
  }
  return text;
}
