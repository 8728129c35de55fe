//===- Sandwich.cpp - The attained lower bound beside a certificate ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sandwich.h"

using namespace lipt;

Sandwich lipt::searchAttained(mlir::ModuleOp module,
                              const WeightArchive &weights, const Plan &plan,
                              int steps) {
  return {};
}
