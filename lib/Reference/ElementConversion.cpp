//===- ElementConversion.cpp - Rounding and wrapping to element types -----===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Reference/Tensor.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>

namespace lipt::reference {

bool isFloat(ElementType type) { return type <= ElementType::Float8E5M2FNUZ; }

bool isInteger(ElementType type) {
  return !isFloat(type) && type != ElementType::Bool;
}

bool isUnsigned(ElementType type) {
  switch (type) {
  case ElementType::UInt4:
  case ElementType::UInt8:
  case ElementType::UInt16:
  case ElementType::UInt32:
  case ElementType::UInt64:
  case ElementType::Bool:
    return true;
  default:
    return false;
  }
}

int bitWidth(ElementType type) {
  switch (type) {
  case ElementType::Int4:
  case ElementType::UInt4:
    return 4;
  case ElementType::Float64:
  case ElementType::Int64:
  case ElementType::UInt64:
    return 64;
  case ElementType::Float32:
  case ElementType::Int32:
  case ElementType::UInt32:
    return 32;
  case ElementType::Float16:
  case ElementType::BFloat16:
  case ElementType::Int16:
  case ElementType::UInt16:
    return 16;
  default:
    return 8;
  }
}

static const llvm::fltSemantics &semanticsOf(ElementType type) {
  switch (type) {
  case ElementType::Float16:
    return llvm::APFloat::IEEEhalf();
  case ElementType::BFloat16:
    return llvm::APFloat::BFloat();
  case ElementType::Float8E4M3FN:
    return llvm::APFloat::Float8E4M3FN();
  case ElementType::Float8E4M3FNUZ:
    return llvm::APFloat::Float8E4M3FNUZ();
  case ElementType::Float8E5M2:
    return llvm::APFloat::Float8E5M2();
  case ElementType::Float8E5M2FNUZ:
    return llvm::APFloat::Float8E5M2FNUZ();
  case ElementType::Float32:
    return llvm::APFloat::IEEEsingle();
  default:
    return llvm::APFloat::IEEEdouble();
  }
}

double roundToType(double value, ElementType type) {
  if (type == ElementType::Float64 || std::isnan(value))
    return value;
  if (type == ElementType::Float32)
    return static_cast<float>(value);
  const llvm::fltSemantics &semantics = semanticsOf(type);
  llvm::APFloat rounded(value);
  bool losesInformation;
  rounded.convert(semantics, llvm::APFloat::rmNearestTiesToEven,
                  &losesInformation);
  if (bitWidth(type) == 8 && !rounded.isFinite())
    rounded = llvm::APFloat::getLargest(semantics, std::signbit(value));
  rounded.convert(llvm::APFloat::IEEEdouble(),
                  llvm::APFloat::rmNearestTiesToEven, &losesInformation);
  return rounded.convertToDouble();
}

int64_t wrapToType(int64_t value, ElementType type) {
  if (type == ElementType::Bool)
    return value != 0;
  int unused = 64 - bitWidth(type);
  uint64_t shifted = static_cast<uint64_t>(value) << unused;
  if (isUnsigned(type))
    return static_cast<int64_t>(shifted >> unused);
  return static_cast<int64_t>(shifted) >> unused;
}

} // namespace lipt::reference
