//===- Moves.h - Where the entries of a shape operation come from -*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_MOVES_H
#define LIPT_LIB_REFERENCE_MOVES_H

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Reference/Tensor.h"

namespace lipt::reference {

/// Where one result entry of a shape operation comes from: an entry of an
/// operand, or nowhere (operand < 0: padding).
struct Source {
  int32_t operand;
  int64_t index;
};

/// Calls `visit(result, flat index, Source)` for every result entry of a shape
/// operation. `operands` are all operands of the operation (gathers read their
/// indices). On failure returns one diagnostic's text.
using MoveVisitor =
    llvm::function_ref<void(unsigned result, int64_t index, Source source)>;
std::optional<std::string> forEachMove(mlir::Operation *op,
                                       llvm::ArrayRef<const Tensor *> operands,
                                       llvm::ArrayRef<Shape> resultShapes,
                                       MoveVisitor visit);

/// The operations that forEachMove knows.
bool isMove(mlir::Operation *op);

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_MOVES_H
