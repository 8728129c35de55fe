//===- Tensor.h - Constant tensors in their own element type ---*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_TENSOR_H
#define LIPT_CHECKER_TENSOR_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lipt::checker {

/// ONNX TensorProto.DataType, with the same numbers.
enum class ElementType : int {
  Undefined = 0,
  Float = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  UInt32 = 12,
  UInt64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  BFloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  UInt4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
};

bool isFloat(ElementType type);
bool isInteger(ElementType type); // Bool included
/// Bits per element, 0 for types without numbers (String, Complex).
int bitsOf(ElementType type);
/// "float32", "int64", …: the names used in certificates.
std::string nameOf(ElementType type);
/// Significant bits of a floating-point type, the hidden one included.
int precisionOf(ElementType type);
/// Smallest positive number of a floating-point type.
double smallestOf(ElementType type);
/// Every value of `from` is a value of `to`.
bool isWidening(ElementType from, ElementType to);

/// A dense row-major tensor over raw little-endian bytes, shared and
/// immutable: a weight is never copied, and may lie in a mapped file.
class Tensor {
public:
  ElementType type = ElementType::Undefined;
  std::vector<int64_t> shape;

  Tensor() = default;
  Tensor(ElementType type, std::vector<int64_t> shape,
         std::shared_ptr<const void> owner, const uint8_t *bytes,
         size_t byteCount);
  /// Encodes numbers, rounding each to nearest (ties to even) in `type`;
  /// values beyond the largest finite number become infinite.
  static Tensor fromReals(ElementType type, std::vector<int64_t> shape,
                          const std::vector<double> &values);
  /// Encodes integers, wrapping modulo 2^bits as two's complement.
  static Tensor fromIntegers(ElementType type, std::vector<int64_t> shape,
                             const std::vector<int64_t> &values);

  int64_t count() const;
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  /// Entry `index` of the row-major order as a double (integers rounded).
  double real(int64_t index) const;
  /// Entry `index` of an integer tensor (uint64 as its two's complement).
  int64_t integer(int64_t index) const;
  std::vector<double> reals() const;
  std::vector<int64_t> integers() const;
  Tensor reshaped(std::vector<int64_t> newShape) const;

  const uint8_t *bytes() const { return data; }
  size_t byteCount() const { return size; }

private:
  std::shared_ptr<const void> owner;
  const uint8_t *data = nullptr;
  size_t size = 0;
};

/// Number of entries of `shape`, rejecting above 2^40.
int64_t elementCount(const std::vector<int64_t> &shape);
/// Bytes of `count` packed elements.
size_t byteCountOf(ElementType type, int64_t count);
/// `value` rounded to nearest even in the floating-point type `type`.
double roundTo(ElementType type, double value);

/// Strides (in elements) of a row-major tensor.
std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape);

} // namespace lipt::checker

#endif // LIPT_CHECKER_TENSOR_H
