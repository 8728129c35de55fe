//===- FoldArithmetic.h - Arithmetic on constants --------------*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_FOLDARITHMETIC_H
#define LIPT_LIB_CHECKER_FOLDARITHMETIC_H

#include "lipt/Checker/ConstantFolding.h"

namespace lipt::checker {

/// Elementwise operations, comparisons, Where, Cast, reductions, MatMul.
/// Nothing if the node is none of them or cannot be evaluated.
std::optional<Constant>
foldArithmetic(const Node &node, const std::vector<const Constant *> &inputs);

/// The same for integer vectors that hold symbolic lengths.
std::optional<Constant> foldSizes(const Node &node,
                                  const std::vector<const Constant *> &inputs);

/// Most elements of a folded tensor.
constexpr int64_t maximalFoldedCount = int64_t(1) << 28;

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_FOLDARITHMETIC_H
