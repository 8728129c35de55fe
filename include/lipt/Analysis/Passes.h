//===- Passes.h - Passes that bound networks -------------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_ANALYSIS_PASSES_H
#define LIPT_ANALYSIS_PASSES_H

#include "lipt/Dialect/Lipt/IR/LiptDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lipt {

#define GEN_PASS_DECL
#include "lipt/Analysis/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lipt/Analysis/Passes.h.inc"

} // namespace lipt

#endif // LIPT_ANALYSIS_PASSES_H
