//===- WeightArchiveSafetensors.cpp - Tensors of a safetensors file ------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StoredTensorDetail.h"
#include "lipt/Support/MappedFile.h"
#include "nlohmann/json.hpp"

#include <algorithm>
#include <cstring>

using namespace lipt;
using Json = nlohmann::json;

namespace {

/// The format's own limit for its header.
constexpr uint64_t largestHeader = 100'000'000;

std::optional<ElementType> parseType(std::string_view name) {
  static const std::map<std::string_view, ElementType> names = {
      {"F32", ElementType::Float32},
      {"F64", ElementType::Float64},
      {"F16", ElementType::Float16},
      {"BF16", ElementType::BFloat16},
      {"F8_E4M3", ElementType::Float8E4M3FN},
      {"F8_E5M2", ElementType::Float8E5M2},
      {"I8", ElementType::Int8},
      {"U8", ElementType::UInt8},
      {"I16", ElementType::Int16},
      {"U16", ElementType::UInt16},
      {"I32", ElementType::Int32},
      {"U32", ElementType::UInt32},
      {"I64", ElementType::Int64},
      {"U64", ElementType::UInt64},
      {"BOOL", ElementType::Bool}};
  auto found = names.find(name);
  return found == names.end() ? std::nullopt : std::optional(found->second);
}

class SafetensorsArchive : public detail::ListedArchive {
public:
  SafetensorsArchive(const std::string &path, std::unique_ptr<MappedFile> file)
      : ListedArchive(path), file(std::move(file)) {}

  /// Lists the tensors; the diagnostic on failure, empty on success.
  std::string readHeader();

private:
  std::string readEntry(const std::string &name, const Json &entry,
                        std::string_view data, StoredTensor &tensor);

  std::unique_ptr<MappedFile> file;
};

/// An array of non-negative int64 numbers.
bool readNumbers(const Json &array, std::vector<int64_t> &numbers) {
  if (!array.is_array())
    return false;
  for (const Json &number : array) {
    if (!number.is_number_unsigned() ||
        number.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
      return false;
    numbers.push_back(static_cast<int64_t>(number.get<uint64_t>()));
  }
  return true;
}

std::string SafetensorsArchive::readEntry(const std::string &name,
                                          const Json &entry,
                                          std::string_view data,
                                          StoredTensor &tensor) {
  std::string where = "tensor '" + name + "': ";
  if (!entry.is_object() || !entry.contains("dtype") ||
      !entry["dtype"].is_string() || !entry.contains("shape") ||
      !entry.contains("data_offsets"))
    return where + "expected 'dtype', 'shape' and 'data_offsets'";
  std::string type = entry["dtype"].get<std::string>();
  std::optional<ElementType> elementType = parseType(type);
  if (!elementType)
    return where + "unknown dtype '" + type + "'";
  std::vector<int64_t> offsets;
  if (!readNumbers(entry["shape"], tensor.shape) ||
      !readNumbers(entry["data_offsets"], offsets) || offsets.size() != 2)
    return where + "expected non-negative integers in 'shape' and two in "
                   "'data_offsets'";
  std::optional<size_t> bytes = detail::countBytes(*elementType, tensor.shape);
  if (!bytes)
    return where + "shape " + detail::formatShape(tensor.shape) +
           " is too large";
  if (offsets[0] > offsets[1] ||
      static_cast<uint64_t>(offsets[1]) > data.size())
    return where + "'data_offsets' lie outside the file";
  tensor.byteCount = static_cast<size_t>(offsets[1] - offsets[0]);
  if (tensor.byteCount != *bytes)
    return where + "has " + std::to_string(tensor.byteCount) + " bytes, " +
           type + detail::formatShape(tensor.shape) + " takes " +
           std::to_string(*bytes);
  tensor.name = name;
  tensor.type = *elementType;
  tensor.data = reinterpret_cast<const std::byte *>(data.data()) + offsets[0];
  return "";
}

std::string SafetensorsArchive::readHeader() {
  std::string_view bytes = file->getBytes();
  uint64_t length;
  std::memcpy(&length, bytes.data(), sizeof(length));
  bytes.remove_prefix(sizeof(length));
  if (length > largestHeader || length > bytes.size())
    return "the header's length is outside the file";

  // Names must be unique; the parser alone would keep the last one.
  std::vector<std::string> names;
  auto noteNames = [&](int depth, Json::parse_event_t event, Json &value) {
    if (event == Json::parse_event_t::key && depth == 1)
      names.push_back(value.get<std::string>());
    return true;
  };
  Json header = Json::parse(bytes.begin(), bytes.begin() + length, noteNames,
                            /*allow_exceptions=*/false);
  if (!header.is_object())
    return "the header is not a JSON object";
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    return "two tensors are named '" + *twice + "'";

  std::string_view data = bytes.substr(length);
  std::vector<StoredTensor> tensors;
  for (const auto &[name, entry] : header.items()) {
    if (name == "__metadata__")
      continue;
    StoredTensor tensor;
    std::string problem = readEntry(name, entry, data, tensor);
    if (!problem.empty())
      return problem;
    tensors.push_back(std::move(tensor));
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const StoredTensor &a, const StoredTensor &b) {
              return std::tie(a.data, a.name) < std::tie(b.data, b.name);
            });
  for (StoredTensor &tensor : tensors)
    add(std::move(tensor));
  return "";
}

} // namespace

std::unique_ptr<WeightArchive>
lipt::detail::openSafetensors(const std::string &path, std::string &error) {
  std::unique_ptr<MappedFile> file = MappedFile::open(path, error);
  if (!file)
    return nullptr;
  if (file->getBytes().size() < sizeof(uint64_t)) {
    error = "'" + path + "' is too short for a safetensors file";
    return nullptr;
  }
  auto archive = std::make_unique<SafetensorsArchive>(path, std::move(file));
  std::string problem = archive->readHeader();
  if (problem.empty())
    return archive;
  error = "'" + path + "' is not a safetensors file: " + problem;
  return nullptr;
}
