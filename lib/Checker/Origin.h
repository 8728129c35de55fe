//===- Origin.h - The question's origin, domain and first facts --*- C++
//-*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_ORIGIN_H
#define LIPT_LIB_CHECKER_ORIGIN_H

#include "lipt/Checker/Certificate.h"
#include "lipt/Checker/Graph.h"

#include <map>

namespace lipt::checker {

/// Compares inputs, roles, origin and output with the model and propagates
/// roles. Rejects what does not fit.
void prepareQuestion(Graph &graph, const Certificate &certificate);

/// Facts of the origin and of the fixed floating-point inputs, by canonical
/// name (docs/Certificate.md §4).
std::map<std::string, Facts> initialFacts(const Graph &graph,
                                          const Certificate &certificate);

/// "for all inputs", "in the ball of radius 1 (l2)", …
std::string describeDomain(const Domain &domain);

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_ORIGIN_H
