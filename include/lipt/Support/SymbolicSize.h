//===- SymbolicSize.h - Sizes that may contain symbols -----*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_SUPPORT_SYMBOLICSIZE_H
#define LIPT_SUPPORT_SYMBOLICSIZE_H

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lipt {

/// The size of an axis: a polynomial with integer coefficients in the model's
/// symbolic sizes ("N", "2*N*T", "T-1"). A constant polynomial is a static
/// size. Arithmetic that would overflow int64 gives an invalid size, which
/// absorbs; callers turn it into a diagnostic.
class SymbolicSize {
public:
  SymbolicSize() : SymbolicSize(0) {}
  SymbolicSize(const SymbolicSize &) = default;
  SymbolicSize(SymbolicSize &&) = default;
  SymbolicSize &operator=(const SymbolicSize &) = default;
  /// Containers move elements onto themselves (an insertion of nothing), which
  /// would empty the map and so leave the size 0.
  SymbolicSize &operator=(SymbolicSize &&other) noexcept {
    if (this != &other) {
      terms = std::move(other.terms);
      valid = other.valid;
    }
    return *this;
  }
  /*implicit*/ SymbolicSize(int64_t constant);
  static SymbolicSize symbol(std::string name);
  static SymbolicSize invalid();
  /// Reads the canonical text form; nothing on a syntax error.
  static std::optional<SymbolicSize> parse(std::string_view text);

  bool isValid() const { return valid; }
  bool isStatic() const;
  /// The value of a static size.
  std::optional<int64_t> getStatic() const;

  SymbolicSize operator+(const SymbolicSize &other) const;
  SymbolicSize operator-(const SymbolicSize &other) const;
  SymbolicSize operator*(const SymbolicSize &other) const;
  /// The exact quotient, if there is one as a polynomial (by a monomial).
  std::optional<SymbolicSize> dividedBy(const SymbolicSize &divisor) const;
  bool operator==(const SymbolicSize &other) const = default;

  /// Replaces symbols by numbers; unlisted symbols stay.
  SymbolicSize bind(const std::map<std::string, int64_t> &values) const;
  std::vector<std::string> getSymbols() const;
  /// Canonical text: terms by descending degree then name, "0" for zero.
  std::string toString() const;

private:
  /// A product of symbols, sorted by name, repeated for powers.
  using Monomial = std::vector<std::string>;
  std::map<Monomial, int64_t> terms;
  bool valid = true;
};

} // namespace lipt

#endif // LIPT_SUPPORT_SYMBOLICSIZE_H
