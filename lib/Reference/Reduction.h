//===- Reduction.h - Which entries a reduction joins -------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_REDUCTION_H
#define LIPT_LIB_REFERENCE_REDUCTION_H

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Reference/Tensor.h"

namespace lipt::reference {

struct ReductionShape {
  /// The result's shape with reduced axes of size 1, and as stated.
  Shape kept, result;
  /// Strides of a tensor of shape `kept` along the input's axes.
  Shape strides;
  /// Entries of each group.
  int64_t count = 1;
};

std::optional<ReductionShape> reductionShapeOf(ReduceOp op, const Shape &input);

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_REDUCTION_H
