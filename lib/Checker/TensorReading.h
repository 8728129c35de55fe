//===- TensorReading.h - Bytes of ONNX tensors, inside or outside the file --*-
//C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_TENSORREADING_H
#define LIPT_LIB_CHECKER_TENSORREADING_H

#include "lipt/Checker/Tensor.h"

#include <onnx/onnx_pb.h>

#include <map>
#include <optional>

namespace lipt::checker {

/// A read-only mapping of a regular file, alive as long as `owner`.
struct MappedFile {
  std::shared_ptr<const void> owner;
  const uint8_t *bytes = nullptr;
  size_t size = 0;
};

/// Throws UnreadableModel with the system's reason.
MappedFile mapFile(const std::string &path);

/// Reads TensorProtos of one model. Raw data stay where they are: in the
/// parsed message or in a mapped external file.
class TensorReader {
public:
  TensorReader(std::string modelPath,
               std::shared_ptr<const onnx::ModelProto> model)
      : modelPath(std::move(modelPath)), model(std::move(model)) {}

  Tensor read(const onnx::TensorProto &proto);

private:
  Tensor readExternal(const onnx::TensorProto &proto, ElementType type,
                      std::vector<int64_t> shape, size_t wanted);

  std::string modelPath;
  std::shared_ptr<const onnx::ModelProto> model;
  std::map<std::string, MappedFile> files; // by location
};

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_TENSORREADING_H
