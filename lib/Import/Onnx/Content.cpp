//===- Content.cpp - Known entries of small tensors ----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Content.h"

#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

bool Content::isStatic() const {
  return llvm::all_of(integers,
                      [](const SymbolicSize &i) { return i.isStatic(); });
}

std::optional<SmallVector<int64_t>> Content::getIntegers() const {
  if (isFloat())
    return std::nullopt;
  SmallVector<int64_t> values;
  for (const SymbolicSize &entry : integers) {
    std::optional<int64_t> value = entry.getStatic();
    if (!value)
      return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

Content Content::makeIntegers(Type elementType, ArrayRef<SymbolicSize> values) {
  Content content;
  content.elementType = elementType;
  content.shape = {static_cast<int64_t>(values.size())};
  content.integers.assign(values.begin(), values.end());
  return content;
}

int64_t onnx_import::getElementBytes(Type elementType) {
  return llvm::divideCeil(elementType.getIntOrFloatBitWidth(), 8);
}

bool onnx_import::fitsContent(ArrayRef<int64_t> shape, Type elementType) {
  int64_t bytes = getElementBytes(elementType);
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes) ||
        bytes > largestContent)
      return false;
  return true;
}

std::optional<Content> Content::fromStored(const StoredTensor &tensor,
                                           Type elementType) {
  if (!fitsContent(tensor.shape, elementType))
    return std::nullopt;
  Content content;
  content.elementType = elementType;
  content.shape.assign(tensor.shape.begin(), tensor.shape.end());
  for (int64_t i = 0, count = tensor.getElementCount(); i < count; ++i)
    if (content.isFloat())
      content.floats.push_back(tensor.getAsDouble(i));
    else
      content.integers.push_back(SymbolicSize(tensor.getAsInteger(i)));
  return content;
}

double onnx_import::roundTo(Type elementType, double value) {
  if (elementType.isF64())
    return value;
  if (elementType.isF32())
    return static_cast<float>(value);
  bool inexact;
  llvm::APFloat rounded(value);
  rounded.convert(cast<FloatType>(elementType).getFloatSemantics(),
                  llvm::APFloat::rmNearestTiesToEven, &inexact);
  return rounded.convertToDouble();
}

int64_t onnx_import::wrapTo(Type elementType, int64_t value) {
  unsigned width = elementType.getIntOrFloatBitWidth();
  if (width >= 64)
    return value;
  if (width == 1)
    return value != 0;
  uint64_t low = static_cast<uint64_t>(value) & ((uint64_t(1) << width) - 1);
  if (elementType.isUnsignedInteger())
    return static_cast<int64_t>(low);
  return llvm::SignExtend64(low, width);
}

DenseElementsAttr Content::toAttribute() const {
  auto type = RankedTensorType::get(shape, elementType);
  SmallVector<Attribute> entries;
  for (int64_t i = 0, count = getCount(); i < count; ++i)
    if (isFloat())
      entries.push_back(FloatAttr::get(elementType, floats[i]));
    else
      entries.push_back(IntegerAttr::get(
          elementType,
          llvm::APInt(elementType.getIntOrFloatBitWidth(),
                      static_cast<uint64_t>(*integers[i].getStatic()),
                      /*isSigned=*/false, /*implicitTrunc=*/true)));
  return DenseElementsAttr::get(type, entries);
}
