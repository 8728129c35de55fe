//===- LiptDialect.h - The lipt dialect --------------------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_IR_LIPTDIALECT_H
#define LIPT_DIALECT_LIPT_IR_LIPTDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"

#include "lipt/Dialect/Lipt/IR/LiptDialect.h.inc"
#include "lipt/Dialect/Lipt/IR/LiptEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "lipt/Dialect/Lipt/IR/LiptAttrs.h.inc"

#endif // LIPT_DIALECT_LIPT_IR_LIPTDIALECT_H
