//===- AttentionMatch.h - Attention as it stands in the graph --*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_RULES_ATTENTIONMATCH_H
#define LIPT_LIB_CHECKER_RULES_ATTENTIONMATCH_H

#include "lipt/Checker/Certificate.h"
#include "lipt/Checker/Rules.h"

namespace lipt::checker {

/// The constant operand of the MatMul or Gemm that produces `tensor`, one
/// matrix (B-lin-any).
Assembled constantOperandMatrix(const Graph &graph, const std::string &tensor);

/// [M_1 … M_H], M_h = W_o^h W_v^h, of the attention step for `tensor`.
Assembled valueOutputMatrix(const Graph &graph, AffineMaps &maps,
                            const Certificate &certificate,
                            const std::string &tensor);

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_RULES_ATTENTIONMATCH_H
