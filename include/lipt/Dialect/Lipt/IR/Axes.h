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
#include "mlir/IR/ValueRange.h"

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

/// The axes of a ranked tensor type (its encoding joined with its shape). An
/// axis whose size is not known (dynamic without a symbol) gets an invalid
/// size; a type that is no ranked tensor has no axes.
Axes getAxes(mlir::Type type);

/// Whether the type is a ranked tensor with a size for every axis: what every
/// operand and result of a model operation must be.
bool hasKnownAxes(mlir::Type type);

/// Reports the first operand without known axes.
llvm::LogicalResult verifyOperandAxes(std::optional<mlir::Location> location,
                                      mlir::ValueRange operands);

/// The tensor type with these axes: sizes with symbols become dynamic and go
/// into the encoding; without symbols and roles there is no encoding. Null if
/// a size is invalid or negative.
mlir::RankedTensorType makeTensorType(llvm::ArrayRef<Axis> axes,
                                      mlir::Type elementType);

/// Numpy broadcasting of two shapes; nothing if they do not fit. Roles come
/// from the larger axis; of two equal ones from the left operand, unless its
/// role is unknown.
std::optional<Axes> broadcastAxes(llvm::ArrayRef<Axis> lhs,
                                  llvm::ArrayRef<Axis> rhs);

/// Axes of a reshape to `sizes`: axes are grouped by equal products; a group
/// of position axes only gives position axes, everything else width axes. An
/// axis of size 1 is neutral: it keeps its role if it stays in place.
Axes reshapeAxes(llvm::ArrayRef<Axis> input,
                 llvm::ArrayRef<SymbolicSize> sizes);

/// Whether two shapes have equal sizes and agree on which axes of a size other
/// than 1 are position axes.
bool haveEqualSizesAndPositions(llvm::ArrayRef<Axis> lhs,
                                llvm::ArrayRef<Axis> rhs);

/// "[batch N, token 16, feature 64]", for diagnostics.
std::string toString(llvm::ArrayRef<Axis> axes);

} // namespace lipt

#endif // LIPT_DIALECT_LIPT_IR_AXES_H
