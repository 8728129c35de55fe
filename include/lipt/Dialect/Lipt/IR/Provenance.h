//===- Provenance.h - Which ONNX nodes an operation stands for -*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_IR_PROVENANCE_H
#define LIPT_DIALECT_LIPT_IR_PROVENANCE_H

#include "mlir/IR/Operation.h"

namespace lipt {

/// The ONNX tensor that a value stands for ("" if none): a function argument's
/// `lipt.name`, or the entry of its defining operation's `onnx.outputs`. A
/// `lipt.read_param` stands for the key of its parameter.
llvm::StringRef getTensorName(mlir::Value value);

/// The ONNX nodes that an operation covers, each by its first output's name,
/// in graph order (`onnx.nodes`; by default its first output).
llvm::SmallVector<llvm::StringRef> getCoveredNodes(mlir::Operation *op);

void setProvenance(mlir::Operation *op, llvm::ArrayRef<llvm::StringRef> outputs,
                   llvm::ArrayRef<llvm::StringRef> nodes);

} // namespace lipt

#endif // LIPT_DIALECT_LIPT_IR_PROVENANCE_H
