//===- WeightArchive.h - Named tensors of a weights file -----*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_SUPPORT_WEIGHTARCHIVE_H
#define LIPT_SUPPORT_WEIGHTARCHIVE_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lipt {

/// Element types of stored tensors, named as NumPy and ONNX name them.
enum class ElementType : uint8_t {
  Float32,
  Float64,
  Float16,
  BFloat16,
  Float8E4M3FN,
  Float8E4M3FNUZ,
  Float8E5M2,
  Float8E5M2FNUZ,
  Int4,
  UInt4,
  Int8,
  UInt8,
  Int16,
  UInt16,
  Int32,
  UInt32,
  Int64,
  UInt64,
  Bool
};

/// "float32", "int64", ...
std::string_view toString(ElementType type);

/// A tensor as it lies in the file (little-endian, row-major, sub-byte types
/// packed two to a byte, low half first). The bytes belong to the archive.
struct StoredTensor {
  std::string name;
  ElementType type = ElementType::Float32;
  std::vector<int64_t> shape;
  const std::byte *data = nullptr;
  size_t byteCount = 0;

  int64_t getElementCount() const;
  /// Entry `index` in row-major order, exactly (every float type fits; int64
  /// beyond 2^53 rounds to nearest).
  double getAsDouble(int64_t index) const;
  int64_t getAsInteger(int64_t index) const;
  std::vector<double> toDoubles() const;
};

/// Read-only, memory-mapped access to the tensors of an ONNX model (its
/// initializers and the tensors of its Constant nodes, inline or as external
/// data) or of a safetensors file. Nothing is copied except ONNX's typed
/// repeated fields.
class WeightArchive {
public:
  virtual ~WeightArchive();

  /// Opens by content: safetensors header or ONNX protobuf. On failure returns
  /// null and sets `error` to one diagnostic (lower case, no full stop).
  static std::unique_ptr<WeightArchive> open(const std::string &path,
                                             std::string &error);

  /// Null if there is no such tensor.
  virtual const StoredTensor *find(std::string_view key) const = 0;
  /// All keys in file order.
  virtual const std::vector<std::string> &getKeys() const = 0;
  virtual const std::string &getPath() const = 0;
};

} // namespace lipt

#endif // LIPT_SUPPORT_WEIGHTARCHIVE_H
