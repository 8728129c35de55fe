//===- SourceFacts.h - Facts of the source of an affine map ----*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_RULES_SOURCEFACTS_H
#define LIPT_LIB_CHECKER_RULES_SOURCEFACTS_H

#include "lipt/Checker/Rules.h"

namespace lipt::checker {

/// Facts of the tensor that an affine map starts from; for `norm(t)` those of
/// the normalised vector z (docs/Certificate.md, B-lin), for which the layer
/// norm's nodes are covered and its source is the step's input.
struct SourceFacts {
  Facts facts;
  Layout layout;
  int64_t width = 0;
};
SourceFacts sourceFacts(RuleContext &context, const AffineSource &source);

/// C(N) of bounds.md 2.3 for ℓ∞: LayerNorm (centred) or RMSNorm over n entries.
Extended normalizationLinf(bool centred, int64_t n);

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_RULES_SOURCEFACTS_H
