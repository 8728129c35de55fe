//===- LiptOps.cpp - Parameters, constants, opaque operations *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/IR/LiptOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

using namespace lipt;
using mlir::failure;
using mlir::success;

#define GET_OP_CLASSES
#include "lipt/Dialect/Lipt/IR/LiptOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

llvm::LogicalResult WeightsOp::verify() {
  llvm::StringRef hash = getSha256();
  if (!hash.empty() &&
      (hash.size() != 64 ||
       hash.find_first_not_of("0123456789abcdef") != llvm::StringRef::npos))
    return emitOpError("'sha256' has to be empty or 64 lower-case hexadecimal "
                       "digits");
  return success();
}

llvm::LogicalResult ParamOp::verify() {
  auto [scope, key] = getSource().split("::");
  if (scope.empty() || key.empty())
    return emitOpError() << "source \"" << getSource()
                         << "\" is not of the form \"scope::key\"";
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(getType());
  if (!tensor || !tensor.hasStaticShape())
    return emitOpError() << "type " << getType()
                         << " is not a ranked tensor of static shape";
  return success();
}

llvm::LogicalResult
ParamOp::verifySymbolUses(mlir::SymbolTableCollection &symbolTable) {
  // A description may leave its scope open (the file comes with the command
  // line); a symbol of that name has to be one, though.
  mlir::Operation *scope = symbolTable.lookupNearestSymbolFrom(
      *this,
      mlir::StringAttr::get(getContext(), getSource().split("::").first));
  if (scope && !llvm::isa<WeightsOp>(scope))
    return emitOpError() << "the scope of source \"" << getSource()
                         << "\" names a symbol that is no 'lipt.weights'";
  return success();
}

llvm::LogicalResult
ReadParamOp::verifySymbolUses(mlir::SymbolTableCollection &symbolTable) {
  auto parameter =
      symbolTable.lookupNearestSymbolFrom<ParamOp>(*this, getParamAttr());
  if (!parameter)
    return emitOpError() << getParamAttr() << " is not a 'lipt.param'";
  if (parameter.getType() != getType())
    return emitOpError() << "reads " << getParamAttr() << " as " << getType()
                         << ", but it is declared as " << parameter.getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

bool lipt::fitsConstant(mlir::DenseElementsAttr value) {
  mlir::Type element = value.getElementType();
  if (!element.isIntOrFloat())
    return false;
  // The size of the tensor, not of the attribute: a splat attribute may stand
  // for more entries than any reader wants to visit.
  SymbolicSize bytes = (element.getIntOrFloatBitWidth() + 7) / 8;
  for (int64_t size : value.getType().getShape())
    bytes = bytes * size;
  std::optional<int64_t> count = bytes.getStatic();
  return count && *count <= 1024;
}

llvm::LogicalResult ConstantOp::verify() {
  auto value = llvm::dyn_cast<mlir::DenseElementsAttr>(getValue());
  if (!value)
    return emitOpError("expected a dense attribute");
  if (!fitsConstant(value))
    return emitOpError("expected at most 1 kB of integers or floats: larger "
                       "tensors are parameters or splats");
  return success();
}

mlir::OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }
