//===- RuleTable.cpp - Rules by label -------------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuleTable.h"

using namespace lipt::checker;

Rule lipt::checker::findRule(const std::string &label) {
  static const std::map<std::string, Rule> rules = [] {
    std::map<std::string, Rule> all;
    for (const RuleList &list :
         {linearRules(), convolutionRules(), poolingRules(), activationRules(),
          elementwiseRules(), normalizationRules(), softmaxRules(),
          reductionRules(), shapeRules(), attentionRules()})
      all.insert(list.begin(), list.end());
    return all;
  }();
  auto found = rules.find(label);
  return found == rules.end() ? nullptr : found->second;
}
