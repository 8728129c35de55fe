//===- Tensor.cpp - Constant tensors in their own element type ------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Tensor.h"

#include "lipt/Checker/Rejection.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

using namespace lipt::checker;

namespace {

/// A binary floating-point format with the usual bias.
struct Format {
  int exponentBits;
  int fractionBits;
  int bias;
  bool hasInfinity;  // IEEE-like specials
  bool unsignedZero; // FNUZ: the negative zero is NaN, nothing else is
};

Format formatOf(ElementType type) {
  switch (type) {
  case ElementType::Float16:
    return {5, 10, 15, true, false};
  case ElementType::BFloat16:
    return {8, 7, 127, true, false};
  case ElementType::Float8E4M3FN:
    return {4, 3, 7, false, false};
  case ElementType::Float8E4M3FNUZ:
    return {4, 3, 8, false, true};
  case ElementType::Float8E5M2:
    return {5, 2, 15, true, false};
  case ElementType::Float8E5M2FNUZ:
    return {5, 2, 16, false, true};
  case ElementType::Float4E2M1:
    return {2, 1, 1, false, false};
  case ElementType::Float:
    return {8, 23, 127, true, false};
  default:
    return {11, 52, 1023, true, false};
  }
}

double decode(ElementType type, uint32_t bits) {
  if (type == ElementType::Float8E8M0)
    return bits == 0xff ? std::nan("") : std::ldexp(1.0, int(bits) - 127);
  Format format = formatOf(type);
  int width = 1 + format.exponentBits + format.fractionBits;
  bool negative = (bits >> (width - 1)) & 1;
  uint32_t fraction = bits & ((1u << format.fractionBits) - 1);
  int exponent =
      (bits >> format.fractionBits) & ((1u << format.exponentBits) - 1);
  int top = (1 << format.exponentBits) - 1;
  if (format.unsignedZero && negative && fraction == 0 && exponent == 0)
    return std::nan("");
  if (format.hasInfinity && exponent == top)
    return fraction ? std::nan("") : (negative ? -HUGE_VAL : HUGE_VAL);
  if (type == ElementType::Float8E4M3FN && exponent == top && fraction == 7)
    return std::nan("");
  double magnitude =
      exponent == 0
          ? std::ldexp(double(fraction), 1 - format.bias - format.fractionBits)
          : std::ldexp(double(fraction | (1u << format.fractionBits)),
                       exponent - format.bias - format.fractionBits);
  return negative ? -magnitude : magnitude;
}

uint16_t encode16(ElementType type, double value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  Format format = formatOf(type);
  int top = (1 << format.exponentBits) - 1;
  if (std::isnan(value))
    return sign | (top << format.fractionBits) | 1 << (format.fractionBits - 1);
  double magnitude = std::fabs(roundTo(type, value));
  if (std::isinf(magnitude))
    return sign | (top << format.fractionBits);
  int lowest = 1 - format.bias - format.fractionBits;
  if (magnitude < std::ldexp(1.0, 1 - format.bias))
    return sign | uint16_t(std::ldexp(magnitude, -lowest));
  int exponent;
  double mantissa = std::frexp(magnitude, &exponent); // in [1/2, 1)
  uint16_t fraction = uint16_t(std::ldexp(mantissa, format.fractionBits + 1)) &
                      ((1u << format.fractionBits) - 1);
  return sign | ((exponent - 1 + format.bias) << format.fractionBits) |
         fraction;
}

template <typename T> T load(const uint8_t *bytes, int64_t index) {
  T value;
  std::memcpy(&value, bytes + index * sizeof(T), sizeof(T));
  return value;
}

} // namespace

bool lipt::checker::isFloat(ElementType type) {
  return type == ElementType::Float || type == ElementType::Double ||
         type == ElementType::Float16 || type == ElementType::BFloat16 ||
         (type >= ElementType::Float8E4M3FN &&
          type <= ElementType::Float8E5M2FNUZ) ||
         type == ElementType::Float4E2M1 || type == ElementType::Float8E8M0;
}

bool lipt::checker::isInteger(ElementType type) {
  return bitsOf(type) != 0 && !isFloat(type);
}

int lipt::checker::bitsOf(ElementType type) {
  switch (type) {
  case ElementType::Float:
  case ElementType::Int32:
  case ElementType::UInt32:
    return 32;
  case ElementType::Double:
  case ElementType::Int64:
  case ElementType::UInt64:
    return 64;
  case ElementType::Float16:
  case ElementType::BFloat16:
  case ElementType::Int16:
  case ElementType::UInt16:
    return 16;
  case ElementType::UInt4:
  case ElementType::Int4:
  case ElementType::Float4E2M1:
    return 4;
  case ElementType::Undefined:
  case ElementType::String:
  case ElementType::Complex64:
  case ElementType::Complex128:
    return 0;
  default:
    return 8;
  }
}

std::string lipt::checker::nameOf(ElementType type) {
  static const char *names[] = {
      "undefined",      "float32",      "uint8",          "int8",
      "uint16",         "int16",        "int32",          "int64",
      "string",         "bool",         "float16",        "float64",
      "uint32",         "uint64",       "complex64",      "complex128",
      "bfloat16",       "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
      "float8e5m2fnuz", "uint4",        "int4",           "float4e2m1",
      "float8e8m0"};
  int index = static_cast<int>(type);
  return index >= 0 && index <= 24 ? names[index] : "undefined";
}

int lipt::checker::precisionOf(ElementType type) {
  return type == ElementType::Float8E8M0 ? 1 : formatOf(type).fractionBits + 1;
}

double lipt::checker::smallestOf(ElementType type) {
  Format format = formatOf(type);
  return std::ldexp(1.0, 1 - format.bias - format.fractionBits);
}

bool lipt::checker::isWidening(ElementType from, ElementType to) {
  if (!isFloat(from) || !isFloat(to))
    return false;
  if (from == to || to == ElementType::Double)
    return true;
  // float32 holds every smaller format; the small ones are compared by hand.
  if (to == ElementType::Float)
    return from != ElementType::Double;
  return to == ElementType::Float16 &&
         (from == ElementType::Float8E4M3FN ||
          from == ElementType::Float8E5M2 || from == ElementType::Float4E2M1);
}

double lipt::checker::roundTo(ElementType type, double value) {
  if (type == ElementType::Double || !std::isfinite(value) || value == 0)
    return value;
  if (type == ElementType::Float)
    return static_cast<double>(static_cast<float>(value));
  Format format = formatOf(type);
  int exponent;
  std::frexp(value, &exponent);
  int unit = std::max(exponent - 1 - format.fractionBits,
                      1 - format.bias - format.fractionBits);
  // Scaling by powers of two is exact here; nearbyint rounds ties to even.
  double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -unit)), unit);
  double largest = std::ldexp(2.0 - std::ldexp(1.0, -format.fractionBits),
                              (1 << format.exponentBits) - 2 - format.bias);
  return std::fabs(rounded) > largest ? std::copysign(HUGE_VAL, value)
                                      : rounded;
}

int64_t lipt::checker::elementCount(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent < 0)
      reject("a constant tensor has a negative extent");
    if (__builtin_mul_overflow(count, extent, &count) ||
        count > (int64_t(1) << 40))
      reject("a constant tensor has more than 2^40 elements");
  }
  return count;
}

size_t lipt::checker::byteCountOf(ElementType type, int64_t count) {
  return (static_cast<size_t>(count) * bitsOf(type) + 7) / 8;
}

std::vector<int64_t>
lipt::checker::rowMajorStrides(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

Tensor::Tensor(ElementType type, std::vector<int64_t> shape,
               std::shared_ptr<const void> owner, const uint8_t *bytes,
               size_t byteCount)
    : type(type), shape(std::move(shape)), owner(std::move(owner)), data(bytes),
      size(byteCount) {}

Tensor Tensor::fromReals(ElementType type, std::vector<int64_t> shape,
                         const std::vector<double> &values) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(
      byteCountOf(type, static_cast<int64_t>(values.size())));
  for (size_t i = 0; i < values.size(); ++i)
    switch (type) {
    case ElementType::Float: {
      float value = static_cast<float>(values[i]);
      std::memcpy(bytes->data() + 4 * i, &value, 4);
      break;
    }
    case ElementType::Double:
      std::memcpy(bytes->data() + 8 * i, &values[i], 8);
      break;
    case ElementType::Float16:
    case ElementType::BFloat16: {
      uint16_t value = encode16(type, values[i]);
      std::memcpy(bytes->data() + 2 * i, &value, 2);
      break;
    }
    default:
      reject("constant arithmetic in ", nameOf(type), " is not evaluated");
    }
  return Tensor(type, std::move(shape), bytes, bytes->data(), bytes->size());
}

Tensor Tensor::fromIntegers(ElementType type, std::vector<int64_t> shape,
                            const std::vector<int64_t> &values) {
  int width = bitsOf(type) / 8;
  if (!isInteger(type) || width == 0)
    reject("constant arithmetic in ", nameOf(type), " is not evaluated");
  auto bytes = std::make_shared<std::vector<uint8_t>>(values.size() * width);
  for (size_t i = 0; i < values.size(); ++i) {
    uint64_t value = static_cast<uint64_t>(values[i]);
    if (type == ElementType::Bool)
      value = value != 0;
    std::memcpy(bytes->data() + i * width, &value, width);
  }
  return Tensor(type, std::move(shape), bytes, bytes->data(), bytes->size());
}

int64_t Tensor::count() const { return elementCount(shape); }

double Tensor::real(int64_t index) const {
  switch (type) {
  case ElementType::Float:
    return load<float>(data, index);
  case ElementType::Double:
    return load<double>(data, index);
  case ElementType::Float16:
  case ElementType::BFloat16:
    return decode(type, load<uint16_t>(data, index));
  case ElementType::Float4E2M1:
    return decode(type, (data[index / 2] >> (index % 2 * 4)) & 15);
  case ElementType::UInt64:
    return static_cast<double>(load<uint64_t>(data, index));
  default:
    return isFloat(type) ? decode(type, data[index])
                         : static_cast<double>(integer(index));
  }
}

int64_t Tensor::integer(int64_t index) const {
  switch (type) {
  case ElementType::Int64:
  case ElementType::UInt64:
    return load<int64_t>(data, index);
  case ElementType::Int32:
    return load<int32_t>(data, index);
  case ElementType::UInt32:
    return load<uint32_t>(data, index);
  case ElementType::Int16:
    return load<int16_t>(data, index);
  case ElementType::UInt16:
    return load<uint16_t>(data, index);
  case ElementType::Int8:
    return static_cast<int8_t>(data[index]);
  case ElementType::UInt8:
    return data[index];
  case ElementType::Bool:
    return data[index] != 0;
  case ElementType::UInt4:
  case ElementType::Int4: {
    int nibble = (data[index / 2] >> (index % 2 * 4)) & 15;
    return type == ElementType::Int4 && nibble >= 8 ? nibble - 16 : nibble;
  }
  default:
    reject("an integer is expected, not ", nameOf(type));
  }
}

std::vector<double> Tensor::reals() const {
  int64_t n = count();
  std::vector<double> values(n);
  if (type == ElementType::Float)
    for (int64_t i = 0; i < n; ++i)
      values[i] = load<float>(data, i);
  else
    for (int64_t i = 0; i < n; ++i)
      values[i] = real(i);
  return values;
}

std::vector<int64_t> Tensor::integers() const {
  int64_t n = count();
  std::vector<int64_t> values(n);
  for (int64_t i = 0; i < n; ++i)
    values[i] = integer(i);
  return values;
}

Tensor Tensor::reshaped(std::vector<int64_t> newShape) const {
  if (elementCount(newShape) != count())
    reject("a constant is reshaped to another number of elements");
  Tensor result = *this;
  result.shape = std::move(newShape);
  return result;
}
