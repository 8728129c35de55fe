//===- ScalarForm.h - Scalar functions spelled out in nodes ----*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_SCALARFORM_H
#define LIPT_LIB_CHECKER_SCALARFORM_H

#include "lipt/Checker/Graph.h"
#include "lipt/Checker/Interval.h"

#include <map>
#include <set>
#include <string>

namespace lipt::checker {

/// An entrywise function of one tensor x as a polynomial over x and atoms
/// erf(p), tanh(p), …, p again such a polynomial. Constants may stand anywhere
/// and operands in any order: the polynomial is the same. Coefficients are
/// intervals around the exact ones.
struct ScalarForm {
  /// Factor name -> power. "x" is the source.
  using Monomial = std::map<std::string, int>;
  std::map<Monomial, Interval> terms;

  static ScalarForm source();
  static ScalarForm constant(const Interval &value);
  ScalarForm operator+(const ScalarForm &other) const;
  ScalarForm operator*(const ScalarForm &other) const;
  /// Coefficient of a monomial, [0, 0] if absent.
  Interval coefficient(const Monomial &monomial) const;
  /// The form has exactly these monomials.
  bool has(std::initializer_list<Monomial> monomials) const;
};

/// The atoms that occur: name -> (function, argument).
struct ScalarExpression {
  ScalarForm form;
  std::map<std::string, std::pair<std::string, ScalarForm>> atoms;
  std::set<int64_t> nodes;
};

/// Expands `tensor` down to `source`; nothing if a node on the way is no
/// entrywise operation with uniform constants or the form grows too large.
std::optional<ScalarExpression> expandScalar(const Graph &graph,
                                             const std::string &tensor,
                                             const std::string &source);

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_SCALARFORM_H
