//===- WeightArchive.cpp - Open a weights file by its content ------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/WeightArchive.h"
#include "StoredTensorDetail.h"
#include "lipt/Support/MappedFile.h"
#include "lipt/Support/OnnxModelFile.h"

#include <cstring>

using namespace lipt;

WeightArchive::~WeightArchive() = default;

std::string lipt::detail::formatShape(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// A safetensors file starts with the header's length (eight bytes) and the
/// header's brace; in an ONNX file the ninth byte is practically never a brace
/// *and* the first eight a length within the file.
static bool looksLikeSafetensors(std::string_view bytes) {
  if (bytes.size() < 10 || bytes[8] != '{')
    return false;
  uint64_t length;
  std::memcpy(&length, bytes.data(), sizeof(length));
  return length >= 2 && length <= bytes.size() - 8;
}

std::unique_ptr<WeightArchive> WeightArchive::open(const std::string &path,
                                                   std::string &error) {
  bool safetensors;
  {
    std::unique_ptr<MappedFile> file = MappedFile::open(path, error);
    if (!file)
      return nullptr;
    safetensors = looksLikeSafetensors(file->getBytes());
  }
  if (safetensors)
    return detail::openSafetensors(path, error);
  std::shared_ptr<const OnnxModelFile> model = OnnxModelFile::read(path, error);
  return model ? openArchive(std::move(model), error) : nullptr;
}
