//===- Pooling.h - Windows of pooling operations -----------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_POOLING_H
#define LIPT_LIB_REFERENCE_POOLING_H

#include "Window.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"

namespace lipt::reference {

/// The windows of a pooling operation, global ones included; nothing if shapes
/// and attributes do not fit.
std::optional<WindowGrid> gridOf(mlir::Operation *op, const Shape &input,
                                 const Shape &result);

/// What an average over `window` divides by (at least 1).
int64_t averageDivisor(mlir::Operation *op, const WindowGrid &grid,
                       const Shape &window, llvm::ArrayRef<int64_t> places);

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_POOLING_H
