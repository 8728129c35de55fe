//===- Linear.cpp - Types of linear layers and embeddings --*- C++ -*-===//
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

LIPT_INFER(LinearOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  Axes weight = getAxes(adaptor.getWeight().getType());
  mlir::Type element = elementType(adaptor.getInput());
  if (axes.empty() || weight.size() != 2)
    return emitOptionalError(
        location, "expected an input of rank 1 or more and a weight of rank 2");
  if (failed(checkSameElementType(location, element,
                                  elementType(adaptor.getWeight()))))
    return failure();
  bool transposed = adaptor.getTransposeWeight();
  const SymbolicSize &in = weight[transposed ? 0 : 1].size;
  const SymbolicSize &out = weight[transposed ? 1 : 0].size;
  if (axes.back().size != in)
    return emitOptionalError(location, "the input's last axis has the size ",
                             axes.back().size.toString(),
                             ", the weight expects ", in.toString());
  axes.back() = {out, AxisRole::Feature};
  if (mlir::Value bias = adaptor.getBias())
    if (failed(checkSameElementType(location, element, elementType(bias))) ||
        failed(
            checkBroadcastsTo(location, "bias", getAxes(bias.getType()), axes)))
      return failure();
  return addType(location, axes, element, types);
}

LIPT_INFER(MatmulOp) {
  Axes lhs = getAxes(adaptor.getLhs().getType());
  Axes rhs = getAxes(adaptor.getRhs().getType());
  mlir::Type element = elementType(adaptor.getLhs());
  if (lhs.empty() || rhs.empty())
    return emitOptionalError(location, "expected operands of rank 1 or more");
  if (failed(checkSameElementType(location, element,
                                  elementType(adaptor.getRhs()))))
    return failure();
  // A vector is a matrix with one row (left) or column (right); that axis does
  // not appear in the result.
  const Axis contracted = lhs.pop_back_val();
  std::optional<Axis> row, column;
  if (!lhs.empty())
    row = lhs.pop_back_val();
  if (rhs.size() > 1)
    column = rhs.pop_back_val();
  const Axis other = rhs.pop_back_val();
  if (contracted.size != other.size)
    return emitOptionalError(location, "cannot contract an axis of size ",
                             contracted.size.toString(), " with one of size ",
                             other.size.toString());
  mlir::FailureOr<Axes> axes = broadcast(location, lhs, rhs);
  if (failed(axes))
    return failure();
  // An axis of a matrix without roles takes the place, and the role, of the
  // axis that it contracts (docs/Certificate.md): mixed tokens are tokens.
  if (row) {
    if (row->role == AxisRole::Unknown)
      row->role = other.role;
    axes->push_back(*row);
  }
  if (column) {
    if (column->role == AxisRole::Unknown)
      column->role = contracted.role;
    axes->push_back(*column);
  }
  return addType(location, *axes, element, types);
}

LIPT_INFER(EmbeddingOp) {
  Axes table = getAxes(adaptor.getTable().getType());
  if (table.size() != 2)
    return emitOptionalError(location, "expected a table of rank 2, got rank ",
                             table.size());
  if (!elementType(adaptor.getIndices()).isInteger())
    return emitOptionalError(location, "indices have entries of type ",
                             elementType(adaptor.getIndices()),
                             ", expected integers");
  Axes axes = getAxes(adaptor.getIndices().getType());
  axes.push_back({table[1].size, AxisRole::Feature});
  return addType(location, axes, elementType(adaptor.getTable()), types);
}
