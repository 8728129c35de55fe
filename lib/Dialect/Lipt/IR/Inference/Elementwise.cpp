//===- Elementwise.cpp - Types of entrywise operations -----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceHelpers.h"

using namespace lipt;
using namespace lipt::inference;
using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;

/// All operands broadcast together; entries of `resultElement`, or of the
/// operands' own type if null.
static llvm::LogicalResult inferBroadcast(OptionalLocation location,
                                          mlir::ValueRange operands,
                                          mlir::Type resultElement,
                                          InferredTypes &types) {
  if (operands.empty())
    return emitOptionalError(location, "expected at least one operand");
  Axes axes = getAxes(operands.front().getType());
  mlir::Type element = elementType(operands.front());
  for (mlir::Value operand : operands.drop_front()) {
    if (failed(checkSameElementType(location, element, elementType(operand))))
      return failure();
    mlir::FailureOr<Axes> wider =
        broadcast(location, axes, getAxes(operand.getType()));
    if (failed(wider))
      return failure();
    axes = *wider;
  }
  return addType(location, axes, resultElement ? resultElement : element,
                 types);
}

#define LIPT_INFER_BROADCAST(OP, ELEMENT)                                      \
  LIPT_INFER(OP) {                                                             \
    return inferBroadcast(location, adaptor.getOperands(), ELEMENT, types);    \
  }

LIPT_INFER_BROADCAST(AddOp, {})
LIPT_INFER_BROADCAST(SubOp, {})
LIPT_INFER_BROADCAST(MulOp, {})
LIPT_INFER_BROADCAST(DivOp, {})
LIPT_INFER_BROADCAST(MinimumOp, {})
LIPT_INFER_BROADCAST(MaximumOp, {})
LIPT_INFER_BROADCAST(ModOp, {})
LIPT_INFER_BROADCAST(AndOp, {})
LIPT_INFER_BROADCAST(OrOp, {})
LIPT_INFER_BROADCAST(XorOp, {})
LIPT_INFER_BROADCAST(SumOp, {})
LIPT_INFER_BROADCAST(MeanOp, {})
LIPT_INFER_BROADCAST(ResidualMixOp, {})

LIPT_INFER_BROADCAST(EqualOp, mlir::IntegerType::get(context, 1))
LIPT_INFER_BROADCAST(LessOp, mlir::IntegerType::get(context, 1))
LIPT_INFER_BROADCAST(LessOrEqualOp, mlir::IntegerType::get(context, 1))
LIPT_INFER_BROADCAST(GreaterOp, mlir::IntegerType::get(context, 1))
LIPT_INFER_BROADCAST(GreaterOrEqualOp, mlir::IntegerType::get(context, 1))

LIPT_INFER(PowOp) {
  // The exponent may have an element type of its own.
  mlir::FailureOr<Axes> axes =
      broadcast(location, getAxes(adaptor.getLhs().getType()),
                getAxes(adaptor.getRhs().getType()));
  if (failed(axes))
    return failure();
  return addType(location, *axes, elementType(adaptor.getLhs()), types);
}

LIPT_INFER(WhereOp) {
  if (!elementType(adaptor.getCondition()).isInteger(1))
    return emitOptionalError(location, "the condition has entries of type ",
                             elementType(adaptor.getCondition()),
                             ", expected i1");
  mlir::Type element = elementType(adaptor.getOnTrue());
  if (failed(checkSameElementType(location, element,
                                  elementType(adaptor.getOnFalse()))))
    return failure();
  // Roles come from the branches first: a condition is often a plain mask.
  mlir::FailureOr<Axes> axes =
      broadcast(location, getAxes(adaptor.getOnTrue().getType()),
                getAxes(adaptor.getOnFalse().getType()));
  if (failed(axes))
    return failure();
  axes = broadcast(location, *axes, getAxes(adaptor.getCondition().getType()));
  if (failed(axes))
    return failure();
  return addType(location, *axes, element, types);
}

LIPT_INFER(PReluOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  mlir::Type element = elementType(adaptor.getInput());
  if (failed(checkSameElementType(location, element,
                                  elementType(adaptor.getSlope()))) ||
      failed(checkBroadcastsTo(location, "slope",
                               getAxes(adaptor.getSlope().getType()), axes)))
    return failure();
  return addType(location, axes, element, types);
}
