//===- RuleTable.h - Rules by label ----------------------------*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_RULES_RULETABLE_H
#define LIPT_LIB_CHECKER_RULES_RULETABLE_H

#include "lipt/Checker/Rules.h"

#include <utility>
#include <vector>

namespace lipt::checker {

using RuleList = std::vector<std::pair<std::string, Rule>>;

// One list per family of rules, joined by findRule.
RuleList linearRules();
RuleList convolutionRules();
RuleList poolingRules();
RuleList activationRules();
RuleList elementwiseRules();
RuleList normalizationRules();
RuleList softmaxRules();
RuleList reductionRules();
RuleList shapeRules();
RuleList attentionRules();
Rule rotaryRule(); // B-rope
Rule resizeRule(); // B-resize

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_RULES_RULETABLE_H
