//===- Tensor.h - Dense tensors of the reference interpreter -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_REFERENCE_TENSOR_H
#define LIPT_REFERENCE_TENSOR_H

#include "lipt/Support/WeightArchive.h"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace lipt::reference {

using Shape = std::vector<int64_t>;

bool isFloat(ElementType type);
/// Integers of any width, bool excluded.
bool isInteger(ElementType type);
bool isUnsigned(ElementType type);
/// Bits of one entry: 64 for int64, 4 for uint4.
int bitWidth(ElementType type);

/// Product of the sizes; nothing if one is negative or the product of the sizes
/// that are not zero overflows (so that no partial product can).
std::optional<int64_t> countElements(std::span<const int64_t> shape);
/// The same is at most `limit`, also for an empty tensor: loops over a part of
/// the axes end.
bool isWithin(std::span<const int64_t> shape, int64_t limit);

/// Row-major strides, in entries.
Shape stridesOf(std::span<const int64_t> shape);

/// The nearest value of a floating-point type (ties to even). Types of eight
/// bits saturate, as ONNX casts do by default.
double roundToType(double value, ElementType type);

/// The low bits of an integer, sign-extended or not as the type wants. An
/// uint64 keeps its bits.
int64_t wrapToType(int64_t value, ElementType type);

/// A dense row-major tensor. `type` says what the entries mean, the storage how
/// they are held: floating point as float, or as double for float64 and
/// wherever real arithmetic is approximated; integers as int64 (uint64 by its
/// bits); bool as 0 or 1 in a byte.
class Tensor {
public:
  using Storage = std::variant<std::vector<float>, std::vector<double>,
                               std::vector<int64_t>, std::vector<uint8_t>>;

  /// The float32 scalar 0.
  Tensor() : Tensor(ElementType::Float32, {}) {}
  /// Zeros. `wide` holds floating point as double whatever the type. The shape
  /// must have passed countElements().
  Tensor(ElementType type, Shape shape, bool wide = false);
  /// Copies a stored tensor, floating point in its natural storage.
  static Tensor fromStored(const StoredTensor &stored);

  ElementType getType() const { return type; }
  const Shape &getShape() const { return shape; }
  int64_t getRank() const { return static_cast<int64_t>(shape.size()); }
  int64_t getElementCount() const;
  bool isFloat() const { return reference::isFloat(type); }
  bool isWide() const {
    return std::holds_alternative<std::vector<double>>(storage);
  }

  /// The entries; T must be the storage's own type.
  template <typename T> std::span<T> values() {
    return std::get<std::vector<T>>(storage);
  }
  template <typename T> std::span<const T> values() const {
    return std::get<std::vector<T>>(storage);
  }

  /// Calls `function` with a span of the entries in their own type.
  template <typename Function> decltype(auto) visit(Function &&function) {
    return std::visit([&](auto &v) { return function(std::span(v)); }, storage);
  }
  template <typename Function> decltype(auto) visit(Function &&function) const {
    return std::visit([&](const auto &v) { return function(std::span(v)); },
                      storage);
  }

  double getAsDouble(int64_t index) const;
  int64_t getAsInteger(int64_t index) const;
  /// Stores a number, rounded or wrapped to the storage (not to the type).
  void set(int64_t index, double value);

  /// The same entries with floating point held as double, or as float.
  Tensor toWide() const { return withStorage(true); }
  Tensor toNarrow() const { return withStorage(false); }
  /// Converts to another type as ONNX's Cast: to integers towards zero, to bool
  /// by comparing with zero. Into `wide` floating point nothing is rounded.
  Tensor castTo(ElementType newType, bool wide) const;
  /// Another shape with as many entries.
  void reshape(Shape newShape);
  /// Rounds every entry to the type (see roundToType, wrapToType).
  void roundEntries();

private:
  Tensor withStorage(bool wide) const;

  ElementType type;
  Shape shape;
  Storage storage;
};

} // namespace lipt::reference

#endif // LIPT_REFERENCE_TENSOR_H
