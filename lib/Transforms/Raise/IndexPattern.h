//===- IndexPattern.h - Constants that follow from indices -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_TRANSFORMS_RAISE_INDEXPATTERN_H
#define LIPT_LIB_TRANSFORMS_RAISE_INDEXPATTERN_H

#include "Raiser.h"

namespace lipt::raise {

/// What the entries of a constant are as a function of the row i and the column
/// j, the indices of the last two axes, whatever the sizes are.
struct IndexPattern {
  enum class Kind {
    Affine,  ///< constant + row * i + column * j
    Triangle ///< `lower` where j <= i, `upper` where j > i
  };
  Kind kind = Kind::Affine;
  double constant = 0, row = 0, column = 0;
  double lower = 0, upper = 0;

  bool isUniform() const {
    return kind == Kind::Affine && row == 0 && column == 0;
  }
};

/// The pattern of a constant, if it is made of literals, counts, triangles,
/// comparisons and selections; nothing if it is not or another one.
std::optional<IndexPattern> findIndexPattern(mlir::Value value, Raiser &raiser);

} // namespace lipt::raise

#endif // LIPT_LIB_TRANSFORMS_RAISE_INDEXPATTERN_H
