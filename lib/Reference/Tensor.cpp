//===- Tensor.cpp - Dense tensors of the reference interpreter ------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Reference/Tensor.h"

#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

namespace lipt::reference {

std::optional<int64_t> countElements(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (int64_t size : shape) {
    empty |= size == 0;
    if (size < 0 || (size > 0 && __builtin_mul_overflow(count, size, &count)))
      return std::nullopt;
  }
  return empty ? 0 : count;
}

bool isWithin(std::span<const int64_t> shape, int64_t limit) {
  Shape atLeastOne(shape.begin(), shape.end());
  for (int64_t &size : atLeastOne)
    size = size == 0 ? 1 : size;
  std::optional<int64_t> count = countElements(atLeastOne);
  return count && *count <= limit;
}

Shape stridesOf(std::span<const int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

static Tensor::Storage makeStorage(ElementType type, int64_t count, bool wide) {
  if (isFloat(type)) {
    if (wide || type == ElementType::Float64)
      return std::vector<double>(count);
    return std::vector<float>(count);
  }
  if (type == ElementType::Bool)
    return std::vector<uint8_t>(count);
  return std::vector<int64_t>(count);
}

Tensor::Tensor(ElementType type, Shape shapeArgument, bool wide)
    : type(type), shape(std::move(shapeArgument)) {
  std::optional<int64_t> count = countElements(shape);
  assert(count && "callers check shapes before they make tensors");
  storage = makeStorage(type, *count, wide);
}

Tensor Tensor::fromStored(const StoredTensor &stored) {
  Tensor result(stored.type, stored.shape);
  int64_t count = result.getElementCount();
  auto copyBytes = [&](auto values) {
    if (count > 0)
      std::memcpy(values.data(), stored.data, values.size_bytes());
  };
  switch (stored.type) {
  case ElementType::Float32:
    copyBytes(result.values<float>());
    break;
  case ElementType::Float64:
    copyBytes(result.values<double>());
    break;
  case ElementType::Int64:
  case ElementType::UInt64:
    copyBytes(result.values<int64_t>());
    break;
  default:
    result.visit([&]<typename T>(std::span<T> values) {
      for (int64_t i = 0; i < count; ++i) {
        if constexpr (std::is_floating_point_v<T>)
          values[i] = static_cast<T>(stored.getAsDouble(i));
        else
          values[i] = static_cast<T>(stored.getAsInteger(i));
      }
    });
  }
  if (stored.type == ElementType::Bool)
    for (uint8_t &value : result.values<uint8_t>())
      value = value != 0;
  return result;
}

int64_t Tensor::getElementCount() const {
  return visit([](auto values) { return static_cast<int64_t>(values.size()); });
}

double Tensor::getAsDouble(int64_t index) const {
  if (type == ElementType::UInt64)
    return static_cast<double>(static_cast<uint64_t>(values<int64_t>()[index]));
  return visit([&](auto values) { return static_cast<double>(values[index]); });
}

int64_t Tensor::getAsInteger(int64_t index) const {
  return visit([&]<typename T>(std::span<T> values) -> int64_t {
    if constexpr (!std::is_floating_point_v<T>) {
      return values[index];
    } else {
      // Conversions out of range are undefined in C++: saturate, NaN to 0.
      double value = values[index];
      if (std::isnan(value))
        return 0;
      if (value >= 0x1p63)
        return std::numeric_limits<int64_t>::max();
      if (value < -0x1p63)
        return std::numeric_limits<int64_t>::min();
      return static_cast<int64_t>(value);
    }
  });
}

void Tensor::set(int64_t index, double value) {
  visit([&]<typename T>(std::span<T> values) {
    if constexpr (std::is_floating_point_v<T>) {
      values[index] = static_cast<T>(value);
    } else if constexpr (std::is_same_v<T, uint8_t>) {
      values[index] = value != 0.0;
    } else if (std::isnan(value)) {
      values[index] = 0;
    } else if (type == ElementType::UInt64 && value >= 0x1p63) {
      values[index] = value >= 0x1p64
                          ? -1
                          : static_cast<int64_t>(static_cast<uint64_t>(value));
    } else if (value >= 0x1p63 || value < -0x1p63) {
      values[index] = value > 0 ? std::numeric_limits<int64_t>::max()
                                : std::numeric_limits<int64_t>::min();
    } else {
      values[index] = static_cast<int64_t>(value);
    }
  });
}

void Tensor::reshape(Shape newShape) {
  assert(countElements(newShape) == getElementCount());
  shape = std::move(newShape);
}

Tensor Tensor::withStorage(bool wide) const {
  Tensor result = Tensor(type, {}, wide);
  result.shape = shape;
  if (!isFloat() || isWide() == wide) {
    result.storage = storage;
  } else if (wide) {
    auto from = values<float>();
    result.storage = std::vector<double>(from.begin(), from.end());
  } else {
    auto from = values<double>();
    result.storage = std::vector<float>(from.begin(), from.end());
  }
  return result;
}

Tensor Tensor::castTo(ElementType newType, bool wide) const {
  Tensor result(newType, shape, wide);
  int64_t count = getElementCount();
  if (isInteger(type) && isInteger(newType)) {
    auto from = values<int64_t>();
    auto to = result.values<int64_t>();
    std::copy(from.begin(), from.end(), to.begin());
  } else if (isInteger(newType)) {
    for (int64_t i = 0; i < count; ++i)
      result.set(i, std::trunc(getAsDouble(i)));
  } else {
    for (int64_t i = 0; i < count; ++i)
      result.set(i, getAsDouble(i));
  }
  if (!wide)
    result.roundEntries();
  return result;
}

void Tensor::roundEntries() {
  if (type == ElementType::Float32 && !isWide())
    return;
  if (type == ElementType::Float64 || type == ElementType::Int64 ||
      type == ElementType::UInt64)
    return;
  visit([&]<typename T>(std::span<T> values) {
    for (T &value : values) {
      if constexpr (std::is_floating_point_v<T>)
        value = static_cast<T>(roundToType(value, type));
      else if constexpr (std::is_same_v<T, uint8_t>)
        value = value != 0;
      else
        value = wrapToType(value, type);
    }
  });
}

} // namespace lipt::reference
