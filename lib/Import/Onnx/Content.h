//===- Content.h - Known entries of small tensors ------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_IMPORT_ONNX_CONTENT_H
#define LIPT_LIB_IMPORT_ONNX_CONTENT_H

#include "lipt/Support/SymbolicSize.h"
#include "lipt/Support/WeightArchive.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

#include <optional>
#include <vector>

namespace lipt::onnx_import {

/// Contents are followed up to this many bytes: what may stand in the IR.
constexpr int64_t largestContent = 1024;

/// The entries of a tensor that does not depend on input values. Integers and
/// booleans may contain symbolic sizes (they are mostly shapes); floats are
/// rounded to the element type.
struct Content {
  mlir::Type elementType;
  llvm::SmallVector<int64_t> shape;
  std::vector<SymbolicSize> integers; // for integer element types
  std::vector<double> floats;         // for float element types

  bool isFloat() const { return llvm::isa<mlir::FloatType>(elementType); }
  bool isBool() const { return elementType.isInteger(1); }
  int64_t getCount() const {
    return isFloat() ? floats.size() : integers.size();
  }
  /// All entries are numbers.
  bool isStatic() const;
  /// The integers, if all are numbers.
  std::optional<llvm::SmallVector<int64_t>> getIntegers() const;

  static Content makeIntegers(mlir::Type elementType,
                              llvm::ArrayRef<SymbolicSize> values);
  static std::optional<Content> fromStored(const StoredTensor &tensor,
                                           mlir::Type elementType);
  /// The value of a `lipt.constant`; for static contents.
  mlir::DenseElementsAttr toAttribute() const;
};

/// Bytes of an entry in the IR (booleans take one).
int64_t getElementBytes(mlir::Type elementType);
/// Whether a tensor of this shape may have a content.
bool fitsContent(llvm::ArrayRef<int64_t> shape, mlir::Type elementType);

/// Rounds to nearest in a float type, wraps an integer one.
double roundTo(mlir::Type elementType, double value);
int64_t wrapTo(mlir::Type elementType, int64_t value);

} // namespace lipt::onnx_import

#endif // LIPT_LIB_IMPORT_ONNX_CONTENT_H
