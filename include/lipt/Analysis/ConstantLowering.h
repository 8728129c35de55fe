//===- ConstantLowering.h - Constant values as expressions -*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_ANALYSIS_CONSTANTLOWERING_H
#define LIPT_ANALYSIS_CONSTANTLOWERING_H

#include "lipt/Certificate/Constants.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

namespace lipt {

/// Turns values that depend on parameters and constants alone into constant
/// expressions over archive keys. Values with a size that is still a symbol
/// have no expression.
class ConstantLowering {
public:
  /// True if the value depends on no function argument.
  bool isConstant(mlir::Value value);
  /// The expression of a constant value, or null: a free symbol in its shape,
  /// or an operation that constant expressions do not have.
  ConstantRef lower(mlir::Value value);
  /// The value of a constant with one element, if it is a literal in the IR.
  std::optional<double> getLiteralScalar(mlir::Value value);

private:
  ConstantRef lowerOperation(mlir::Operation *op, mlir::OpResult result);

  llvm::DenseMap<mlir::Value, bool> constantness;
  llvm::DenseMap<mlir::Value, ConstantRef> expressions;
};

/// Scale g / sqrt(var + eps) and shift bias - mean * scale of an inference
/// batch normalisation, for AffineExpr and ChannelAffineStep (AffineMap.h);
/// nulls if an operand is null.
std::pair<ConstantRef, ConstantRef>
makeBatchNormVectors(ConstantRef gain, ConstantRef bias, ConstantRef mean,
                     ConstantRef variance, double epsilon);

/// True if two constant expressions are the same computation of the same
/// stored tensors.
bool isSameConstant(const ConstantRef &a, const ConstantRef &b);

/// True for a cast between float types that represents every value.
bool isWideningFloatCast(mlir::Operation *op);

/// The stored element type of an MLIR element type; nothing for others.
std::optional<ElementType> getElementType(mlir::Type type);

} // namespace lipt

#endif // LIPT_ANALYSIS_CONSTANTLOWERING_H
