//===- Activation.h - Entrywise activations --------------------*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_RULES_ACTIVATION_H
#define LIPT_LIB_CHECKER_RULES_ACTIVATION_H

#include "lipt/Checker/Rules.h"

#include <functional>

namespace lipt::checker {

/// What B-act needs to know of an entrywise function f: sup |f′| and a growth
/// |f(h)| <= growth·|h| + offset (bounds.md 2.1), and images of intervals.
struct Activation {
  Extended slope = Extended::one();
  Extended growth = Extended::one();
  Extended offset = Extended::zero();
  std::function<Interval(const Interval &)> image;
  /// The same function at every position (false: PRelu along positions).
  bool uniform = true;
};

/// The activation of one node applied to its first input; nothing if it is
/// none.
std::optional<Activation> activationOfNode(const Graph &graph,
                                           const Node &node);

/// The activation that the nodes between `source` and `tensor` spell out, with
/// its form's name; covers the nodes. Nothing if it is none of the forms.
struct SpelledActivation {
  std::string form;
  Activation activation;
  std::set<int64_t> nodes;
};
std::optional<SpelledActivation> spelledActivation(const Graph &graph,
                                                   const std::string &tensor,
                                                   const std::string &source);

// Functions that are not monotone, with their minimum.
Activation geluErf();
/// x/2·(1 + tanh(c1 x + c2 x³)); nothing where the constants are too far from
/// √(2/π) and 0.044715·√(2/π) (bounds.md 2.1). `exactConstants`: they are
/// those, merely enclosed.
std::optional<Activation> geluTanh(Interval c1, Interval c2,
                                   bool exactConstants);
Activation silu(double beta);
Activation mish();
Activation hardSwish();

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_RULES_ACTIVATION_H
