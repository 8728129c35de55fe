//===- ParamOps.cpp - Parameters and small constants ----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluation.h"

using namespace mlir;

namespace lipt::reference {

/// Reads a parameter from the weights: the stored tensor must have the
/// declared type.
static LogicalResult readParam(ReadParamOp op, Evaluation &e) {
  auto param =
      SymbolTable::lookupNearestSymbolFrom<ParamOp>(op, op.getParamAttr());
  if (!param)
    return op.emitOpError("names no lipt.param");
  llvm::StringRef key = param.getSource().split("::").second;
  const StoredTensor *stored =
      e.getWeights() ? e.getWeights()->find({key.data(), key.size()}) : nullptr;
  if (!stored)
    return op.emitOpError()
           << "needs '" << key << "', which the weights do not have";
  Tensor *result = e.makeResult(stored->shape);
  if (!result)
    return failure();
  if (stored->type != result->getType())
    return op.emitOpError() << "expects " << op.getType() << ", but '" << key
                            << "' is " << toString(stored->type).data();
  *result = Tensor::fromStored(*stored);
  return success();
}

/// Stores the number of an attribute; false if it is neither integer nor float.
static bool storeAttribute(Tensor &tensor, int64_t index, Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute)) {
    tensor.set(index, number.getValueAsDouble());
    return true;
  }
  auto integer = dyn_cast<IntegerAttr>(attribute);
  if (!integer || integer.getValue().getBitWidth() > 64)
    return false;
  llvm::APInt bits = integer.getValue();
  int64_t value = isUnsigned(tensor.getType())
                      ? static_cast<int64_t>(bits.getZExtValue())
                      : bits.getSExtValue();
  tensor.visit([&]<typename T>(std::span<T> values) {
    values[index] = static_cast<T>(value);
  });
  return true;
}

static LogicalResult makeConstant(ConstantOp op, Evaluation &e) {
  auto elements = dyn_cast<DenseIntOrFPElementsAttr>(op.getValue());
  if (!elements)
    return op.emitOpError("has a value that is not a dense list of numbers");
  Tensor *result = e.makeTypedResult();
  if (!result)
    return failure();
  int64_t index = 0;
  for (Attribute attribute : elements.getValues<Attribute>())
    if (!storeAttribute(*result, index++, attribute))
      return op.emitOpError("has a value that is not a list of numbers");
  return success();
}

static LogicalResult makeSplat(SplatOp op, Evaluation &e) {
  Tensor *result = e.makeTypedResult();
  if (!result)
    return failure();
  Tensor one(result->getType(), {}, e.isReal());
  if (!storeAttribute(one, 0, op.getValue()))
    return op.emitOpError("has a value that is not a number");
  result->visit([&]<typename T>(std::span<T> values) {
    std::fill(values.begin(), values.end(), one.values<T>()[0]);
  });
  return success();
}

static LogicalResult count(IotaOp op, Evaluation &e) {
  Tensor *result = e.makeTypedResult();
  if (!result)
    return failure();
  result->visit([&]<typename T>(std::span<T> values) {
    uint64_t value = op.getStart();
    for (T &entry : values) {
      entry = static_cast<T>(static_cast<int64_t>(value));
      value += op.getStep();
    }
  });
  return success();
}

void addParamKernels(KernelTable &table) {
  table.add<ReadParamOp>(readParam);
  table.add<ConstantOp>(makeConstant);
  table.add<SplatOp>(makeSplat);
  table.add<IotaOp>(count);
}

} // namespace lipt::reference
