//===- LiptOps.h - Operations of the lipt dialect ----------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_IR_LIPTOPS_H
#define LIPT_DIALECT_LIPT_IR_LIPTOPS_H

#include "lipt/Dialect/Lipt/IR/Axes.h"
#include "lipt/Dialect/Lipt/IR/LiptDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "lipt/Dialect/Lipt/IR/LiptOps.h.inc"

namespace lipt {

/// Whether a `lipt.constant` may hold this value: integers or floats, at most
/// 1 kB of them.
bool fitsConstant(mlir::DenseElementsAttr value);

/// Creates an operation whose result types are inferred; failure, with a
/// diagnostic at `location`, where they cannot be. (The generated builders end
/// the process then: they are for operands known to fit.) Arguments are those
/// of the builder without the result type.
template <typename OpType, typename... Arguments>
mlir::FailureOr<OpType> createInferred(mlir::OpBuilder &builder,
                                       mlir::Location location,
                                       Arguments &&...arguments) {
  mlir::OperationState state(location, OpType::getOperationName());
  // Any type does for now: builders that are given one do not infer.
  if constexpr (OpType::template hasTrait<mlir::OpTrait::OneResult>())
    OpType::build(builder, state, mlir::Type(builder.getNoneType()),
                  std::forward<Arguments>(arguments)...);
  else
    OpType::build(builder, state, mlir::TypeRange(),
                  std::forward<Arguments>(arguments)...);
  state.types.clear();
  if (mlir::failed(OpType::inferReturnTypes(
          builder.getContext(), location, state.operands,
          state.attributes.getDictionary(builder.getContext()),
          state.getRawProperties(), state.regions, state.types)))
    return mlir::failure();
  return llvm::cast<OpType>(builder.create(state));
}

namespace detail {

/// The adaptor that inference reads, with all that the operation requires. In
/// text, attributes of the dictionary have not become properties yet, and
/// absent ones have no default value.
template <typename OpType>
mlir::FailureOr<typename OpType::Adaptor> makeCheckedAdaptor(
    mlir::MLIRContext *context, std::optional<mlir::Location> location,
    mlir::ValueRange operands, mlir::DictionaryAttr attributes,
    mlir::OpaqueProperties properties, mlir::RegionRange regions) {
  mlir::Location place = location.value_or(mlir::UnknownLoc::get(context));
  auto check = [&](typename OpType::Adaptor adaptor)
      -> mlir::FailureOr<typename OpType::Adaptor> {
    if (mlir::failed(adaptor.verify(place)) ||
        mlir::failed(verifyOperandAxes(location, operands)))
      return mlir::failure();
    return adaptor;
  };
  if constexpr (OpType::hasProperties()) {
    typename OpType::Properties merged;
    if (properties)
      merged = *properties.as<typename OpType::Properties *>();
    if (attributes &&
        mlir::failed(OpType::setPropertiesFromAttr(merged, attributes, [&]() {
          return mlir::emitError(place)
                 << "'" << OpType::getOperationName() << "' op ";
        })))
      return mlir::failure();
    OpType::populateDefaultProperties(
        mlir::OperationName(OpType::getOperationName(), context), merged);
    return check({operands, attributes, merged, regions});
  } else {
    return check({operands, attributes, properties, regions});
  }
}

} // namespace detail

} // namespace lipt

#endif // LIPT_DIALECT_LIPT_IR_LIPTOPS_H
