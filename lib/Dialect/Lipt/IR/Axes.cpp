//===- Axes.cpp - Shapes with symbolic sizes and roles -----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/IR/Axes.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"

using namespace lipt;
using mlir::RankedTensorType;

Axes lipt::getAxes(mlir::Type type) {
  Axes axes;
  auto tensor = llvm::dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return axes;
  auto encoding = llvm::dyn_cast_or_null<AxesAttr>(tensor.getEncoding());
  for (auto [i, size] : llvm::enumerate(tensor.getShape())) {
    Axis axis;
    if (encoding)
      axis.role = encoding.getAxes()[i].getRole();
    if (!mlir::ShapedType::isDynamic(size))
      axis.size = size;
    else if (encoding)
      axis.size =
          SymbolicSize::parse(encoding.getAxes()[i].getSize().getValue())
              .value_or(SymbolicSize::invalid());
    else
      axis.size = SymbolicSize::invalid();
    axes.push_back(std::move(axis));
  }
  return axes;
}

bool lipt::hasKnownAxes(mlir::Type type) {
  auto tensor = llvm::dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  // A verified encoding names the size of every dynamic axis.
  if (llvm::isa_and_nonnull<AxesAttr>(tensor.getEncoding()))
    return true;
  return !tensor.getEncoding() && tensor.hasStaticShape();
}

llvm::LogicalResult
lipt::verifyOperandAxes(std::optional<mlir::Location> location,
                        mlir::ValueRange operands) {
  for (auto [i, operand] : llvm::enumerate(operands))
    if (!hasKnownAxes(operand.getType()))
      return mlir::emitOptionalError(
          location, "operand ", i, " of type ", operand.getType(),
          " is not a ranked tensor with a static or symbolic size for every "
          "axis");
  return mlir::success();
}

RankedTensorType lipt::makeTensorType(llvm::ArrayRef<Axis> axes,
                                      mlir::Type elementType) {
  mlir::MLIRContext *context = elementType.getContext();
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<AxisAttr> attributes;
  bool needsEncoding = false;
  for (const Axis &axis : axes) {
    std::optional<int64_t> size = axis.size.getStatic();
    if (!axis.size.isValid() || (size && *size < 0))
      return {};
    shape.push_back(size.value_or(mlir::ShapedType::kDynamic));
    mlir::StringAttr symbol;
    if (!size)
      symbol = mlir::StringAttr::get(context, axis.size.toString());
    attributes.push_back(AxisAttr::get(context, axis.role, symbol));
    needsEncoding |= !size || axis.role != AxisRole::Unknown;
  }
  mlir::Attribute encoding;
  if (needsEncoding)
    encoding = AxesAttr::get(context, attributes);
  return RankedTensorType::get(shape, elementType, encoding);
}

std::optional<Axes> lipt::broadcastAxes(llvm::ArrayRef<Axis> lhs,
                                        llvm::ArrayRef<Axis> rhs) {
  size_t rank = std::max(lhs.size(), rhs.size());
  Axes result(rank);
  for (size_t i = 0; i < rank; ++i) {
    // i counts from the last axis.
    const Axis *left = i < lhs.size() ? &lhs[lhs.size() - 1 - i] : nullptr;
    const Axis *right = i < rhs.size() ? &rhs[rhs.size() - 1 - i] : nullptr;
    Axis &axis = result[rank - 1 - i];
    if (!left || !right) {
      axis = left ? *left : *right;
    } else if (left->size == right->size) {
      axis = left->role == AxisRole::Unknown ? *right : *left;
    } else if (left->size == SymbolicSize(1)) {
      axis = *right;
    } else if (right->size == SymbolicSize(1)) {
      axis = *left;
    } else {
      return std::nullopt;
    }
  }
  return result;
}

bool lipt::haveEqualSizesAndPositions(llvm::ArrayRef<Axis> lhs,
                                      llvm::ArrayRef<Axis> rhs) {
  if (lhs.size() != rhs.size())
    return false;
  for (auto [left, right] : llvm::zip(lhs, rhs))
    if (left.size != right.size || (left.size != SymbolicSize(1) &&
                                    left.isPosition() != right.isPosition()))
      return false;
  return true;
}

std::string lipt::toString(llvm::ArrayRef<Axis> axes) {
  std::string text = "[";
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (i)
      text += ", ";
    if (axis.role != AxisRole::Unknown)
      text += stringifyAxisRole(axis.role).str() + " ";
    text += axis.size.toString();
  }
  return text + "]";
}
