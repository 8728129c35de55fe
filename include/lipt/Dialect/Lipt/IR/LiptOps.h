//===- LiptOps.h - Operations of the lipt dialect ----------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_IR_LIPTOPS_H
#define LIPT_DIALECT_LIPT_IR_LIPTOPS_H

#include "lipt/Dialect/Lipt/IR/Axes.h"
#include "lipt/Dialect/Lipt/IR/LiptDialect.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "lipt/Dialect/Lipt/IR/LiptOps.h.inc"

namespace lipt {

/// Whether a `lipt.constant` may hold this value: integers or floats, at most
/// 1 kB of them.
bool fitsConstant(mlir::DenseElementsAttr value);

} // namespace lipt

#endif // LIPT_DIALECT_LIPT_IR_LIPTOPS_H
