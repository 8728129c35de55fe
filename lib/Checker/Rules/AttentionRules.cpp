//===- AttentionRules.cpp - Attention -------------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMatch.h"
#include "RuleTable.h"
#include "lipt/Checker/Rejection.h"
using namespace lipt::checker;
Assembled lipt::checker::valueOutputMatrix(const Graph &, AffineMaps &,
                                           const Certificate &,
                                           const std::string &) {
  reject("attention is not verified yet");
}
RuleList lipt::checker::attentionRules() { return {}; }
