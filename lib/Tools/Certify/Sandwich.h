//===- Sandwich.h - The attained lower bound beside a certificate -*- C++ -*-
//===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_TOOLS_CERTIFY_SANDWICH_H
#define LIPT_LIB_TOOLS_CERTIFY_SANDWICH_H

#include "lipt/Certificate/Plan.h"
#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace lipt {

struct Sandwich {
  std::string attained = "0"; ///< a decimal rounded down
};

/// Searches for two points of the plan's domain with a large ratio. `steps`
/// negative: a short default search; 0: none.
Sandwich searchAttained(mlir::ModuleOp module, const WeightArchive &weights,
                        const Plan &plan, int steps);

} // namespace lipt

#endif // LIPT_LIB_TOOLS_CERTIFY_SANDWICH_H
