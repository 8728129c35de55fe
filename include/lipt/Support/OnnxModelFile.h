//===- OnnxModelFile.h - An ONNX file, parsed once -----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_SUPPORT_ONNXMODELFILE_H
#define LIPT_SUPPORT_ONNXMODELFILE_H

#include "lipt/Support/MappedFile.h"
#include "lipt/Support/WeightArchive.h"
#include "onnx/onnx_pb.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace lipt {

/// A model whose large raw tensors stay where they lie in the mapped file: the
/// parsed messages hold everything else. Importer and weight archive share it.
class OnnxModelFile {
public:
  /// Null on failure, with one diagnostic in `error`.
  static std::shared_ptr<const OnnxModelFile> read(const std::string &path,
                                                   std::string &error);

  const onnx::ModelProto &getModel() const { return model; }
  const std::string &getPath() const { return path; }
  /// The whole file, for hashing.
  std::string_view getFileBytes() const { return file->getBytes(); }

  /// Whether the tensor of this model has raw data, and its bytes.
  std::optional<std::string_view>
  getRawData(const onnx::TensorProto &tensor) const;

private:
  OnnxModelFile() = default;
  /// Parses the file without its large raw tensors; false if its encoding is
  /// unusual (the caller then parses it as a whole).
  bool parseWithoutRawData();

  std::string path;
  std::unique_ptr<MappedFile> file;
  onnx::ModelProto model;
  std::unordered_map<const onnx::TensorProto *, std::string_view> rawData;
};

/// The tensors of a parsed model; see WeightArchive::open.
std::unique_ptr<WeightArchive>
openArchive(std::shared_ptr<const OnnxModelFile> file, std::string &error);

/// The one entry of a small tensor that is not an initializer (an attribute);
/// nothing if it has another number of entries or an unknown type.
std::optional<double> readOnlyEntry(const onnx::TensorProto &tensor);

/// ONNX's element types that a StoredTensor can have; nothing for the others.
std::optional<ElementType> getElementType(int32_t onnxType);

} // namespace lipt

#endif // LIPT_SUPPORT_ONNXMODELFILE_H
