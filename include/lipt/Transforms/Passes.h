//===- Passes.h - Transformations of lipt networks ---------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_TRANSFORMS_PASSES_H
#define LIPT_TRANSFORMS_PASSES_H

#include "lipt/Dialect/Lipt/IR/LiptDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace lipt {

#define GEN_PASS_DECL
#include "lipt/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lipt/Transforms/Passes.h.inc"

} // namespace lipt

#endif // LIPT_TRANSFORMS_PASSES_H
