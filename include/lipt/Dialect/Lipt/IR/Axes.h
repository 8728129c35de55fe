//===- Axes.h - Shapes with symbolic sizes and roles -------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_IR_AXES_H
#define LIPT_DIALECT_LIPT_IR_AXES_H

#include "lipt/Dialect/Lipt/IR/LiptDialect.h"
#include "lipt/Support/SymbolicSize.h"
#include "mlir/IR/BuiltinTypes.h"

namespace lipt {

/// One axis of a tensor: its size, and what it counts.
struct Axis {
  SymbolicSize size;
  AxisRole role = AxisRole::Unknown;

  /// Batch, token and spatial axes index positions; the others are the width
  /// of the vector at a position (docs/Certificate.md).
  bool isPosition() const {
    return role == AxisRole::Batch || role == AxisRole::Token ||
           role == AxisRole::Spatial;
  }
  bool operator==(const Axis &other) const = default;
};

using Axes = llvm::SmallVector<Axis, 4>;

/// The axes of a ranked tensor type (its encoding joined with its shape).
Axes getAxes(mlir::Type type);

/// The tensor type with these axes: sizes with symbols become dynamic and go
/// into the encoding; without symbols and roles there is no encoding.
mlir::RankedTensorType makeTensorType(llvm::ArrayRef<Axis> axes,
                                      mlir::Type elementType);

/// Numpy broadcasting of two shapes; nothing if they do not fit. Roles come
/// from the larger axis (from the left operand where both have the axis).
std::optional<Axes> broadcastAxes(llvm::ArrayRef<Axis> lhs,
                                  llvm::ArrayRef<Axis> rhs);

/// Axes of a reshape to `sizes`: axes are grouped by equal products; a group
/// of position axes only gives position axes, everything else width axes.
Axes reshapeAxes(llvm::ArrayRef<Axis> input,
                 llvm::ArrayRef<SymbolicSize> sizes);

} // namespace lipt

#endif // LIPT_DIALECT_LIPT_IR_AXES_H
