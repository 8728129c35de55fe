//===- StoredTensor.cpp - Entries of a stored tensor ---------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StoredTensorDetail.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

using namespace lipt;

namespace {

struct TypeFacts {
  std::string_view name;
  unsigned bits;
  bool isFloat;
};

/// Indexed by ElementType.
constexpr std::array<TypeFacts, 19> typeFacts = {{{"float32", 32, true},
                                                  {"float64", 64, true},
                                                  {"float16", 16, true},
                                                  {"bfloat16", 16, true},
                                                  {"float8e4m3fn", 8, true},
                                                  {"float8e4m3fnuz", 8, true},
                                                  {"float8e5m2", 8, true},
                                                  {"float8e5m2fnuz", 8, true},
                                                  {"int4", 4, false},
                                                  {"uint4", 4, false},
                                                  {"int8", 8, false},
                                                  {"uint8", 8, false},
                                                  {"int16", 16, false},
                                                  {"uint16", 16, false},
                                                  {"int32", 32, false},
                                                  {"uint32", 32, false},
                                                  {"int64", 64, false},
                                                  {"uint64", 64, false},
                                                  {"bool", 8, false}}};

template <typename T> T load(const std::byte *data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return value;
}

/// A binary format with sign, exponent and mantissa; `hasInfinity` as IEEE,
/// else all exponents are numbers; `unsignedZero`: the code of -0 is the NaN.
double decodeSmallFloat(unsigned code, int exponentBits, int mantissaBits,
                        int bias, bool hasInfinity, bool unsignedZero) {
  unsigned sign = code >> (exponentBits + mantissaBits);
  int exponent = (code >> mantissaBits) & ((1u << exponentBits) - 1);
  unsigned mantissa = code & ((1u << mantissaBits) - 1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  bool topExponent = exponent == (1 << exponentBits) - 1;
  if (unsignedZero) {
    if (sign && exponent == 0 && mantissa == 0)
      return nan;
  } else if (hasInfinity && topExponent) {
    if (mantissa)
      return nan;
    double infinity = std::numeric_limits<double>::infinity();
    return sign ? -infinity : infinity;
  } else if (!hasInfinity && topExponent &&
             mantissa == (1u << mantissaBits) - 1) {
    return nan;
  }
  double value = exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissaBits)
                               : std::ldexp(mantissa + (1u << mantissaBits),
                                            exponent - bias - mantissaBits);
  return sign ? -value : value;
}

/// Half of a byte, low half first.
unsigned loadNibble(const std::byte *data, int64_t index) {
  unsigned byte = static_cast<unsigned>(data[index / 2]);
  return index % 2 ? byte >> 4 : byte & 15;
}

} // namespace

std::string_view lipt::toString(ElementType type) {
  return typeFacts[static_cast<size_t>(type)].name;
}

unsigned lipt::detail::getBitWidth(ElementType type) {
  return typeFacts[static_cast<size_t>(type)].bits;
}

bool lipt::detail::isFloat(ElementType type) {
  return typeFacts[static_cast<size_t>(type)].isFloat;
}

std::optional<int64_t>
lipt::detail::countElements(const std::vector<int64_t> &shape) {
  // Sizes after a zero are checked as well: they could overflow elsewhere.
  int64_t count = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0)
      return std::nullopt;
    if (size == 0)
      empty = true;
    else if (__builtin_mul_overflow(count, size, &count))
      return std::nullopt;
  }
  return empty ? 0 : count;
}

std::optional<size_t>
lipt::detail::countBytes(ElementType type, const std::vector<int64_t> &shape) {
  std::optional<int64_t> count = countElements(shape);
  int64_t bits;
  if (!count ||
      __builtin_mul_overflow(*count, static_cast<int64_t>(getBitWidth(type)),
                             &bits) ||
      bits > std::numeric_limits<int64_t>::max() - 7)
    return std::nullopt;
  return static_cast<size_t>((bits + 7) / 8);
}

int64_t StoredTensor::getElementCount() const {
  return detail::countElements(shape).value_or(0);
}

double StoredTensor::getAsDouble(int64_t index) const {
  switch (type) {
  case ElementType::Float32:
    return load<float>(data, index);
  case ElementType::Float64:
    return load<double>(data, index);
  case ElementType::Float16:
    return decodeSmallFloat(load<uint16_t>(data, index), 5, 10, 15, true,
                            false);
  case ElementType::BFloat16:
    return decodeSmallFloat(load<uint16_t>(data, index), 8, 7, 127, true,
                            false);
  case ElementType::Float8E4M3FN:
    return decodeSmallFloat(load<uint8_t>(data, index), 4, 3, 7, false, false);
  case ElementType::Float8E4M3FNUZ:
    return decodeSmallFloat(load<uint8_t>(data, index), 4, 3, 8, false, true);
  case ElementType::Float8E5M2:
    return decodeSmallFloat(load<uint8_t>(data, index), 5, 2, 15, true, false);
  case ElementType::Float8E5M2FNUZ:
    return decodeSmallFloat(load<uint8_t>(data, index), 5, 2, 16, false, true);
  case ElementType::UInt64:
    return static_cast<double>(load<uint64_t>(data, index));
  default:
    return static_cast<double>(getAsInteger(index));
  }
}

int64_t StoredTensor::getAsInteger(int64_t index) const {
  switch (type) {
  case ElementType::Int4: {
    int nibble = static_cast<int>(loadNibble(data, index));
    return nibble >= 8 ? nibble - 16 : nibble;
  }
  case ElementType::UInt4:
    return loadNibble(data, index);
  case ElementType::Int8:
    return load<int8_t>(data, index);
  case ElementType::UInt8:
    return load<uint8_t>(data, index);
  case ElementType::Int16:
    return load<int16_t>(data, index);
  case ElementType::UInt16:
    return load<uint16_t>(data, index);
  case ElementType::Int32:
    return load<int32_t>(data, index);
  case ElementType::UInt32:
    return load<uint32_t>(data, index);
  case ElementType::Int64:
    return load<int64_t>(data, index);
  case ElementType::UInt64:
    return static_cast<int64_t>(load<uint64_t>(data, index));
  case ElementType::Bool:
    return load<uint8_t>(data, index) != 0;
  default: {
    // A float: towards zero, ends of the range where it does not fit.
    double value = getAsDouble(index);
    if (std::isnan(value))
      return 0;
    if (value >= 0x1p63)
      return std::numeric_limits<int64_t>::max();
    return value <= -0x1p63 ? std::numeric_limits<int64_t>::min()
                            : static_cast<int64_t>(value);
  }
  }
}

std::vector<double> StoredTensor::toDoubles() const {
  int64_t count = getElementCount();
  std::vector<double> values(count);
  for (int64_t i = 0; i < count; ++i)
    values[i] = getAsDouble(i);
  return values;
}
