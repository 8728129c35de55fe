//===- WeightArchiveOnnx.cpp - Tensors of an ONNX model ------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StoredTensorDetail.h"
#include "lipt/Support/OnnxModelFile.h"

#include <charconv>
#include <cstring>
#include <deque>
#include <filesystem>

using namespace lipt;

std::optional<ElementType> lipt::getElementType(int32_t onnxType) {
  switch (onnxType) {
  case onnx::TensorProto::FLOAT:
    return ElementType::Float32;
  case onnx::TensorProto::DOUBLE:
    return ElementType::Float64;
  case onnx::TensorProto::FLOAT16:
    return ElementType::Float16;
  case onnx::TensorProto::BFLOAT16:
    return ElementType::BFloat16;
  case onnx::TensorProto::FLOAT8E4M3FN:
    return ElementType::Float8E4M3FN;
  case onnx::TensorProto::FLOAT8E4M3FNUZ:
    return ElementType::Float8E4M3FNUZ;
  case onnx::TensorProto::FLOAT8E5M2:
    return ElementType::Float8E5M2;
  case onnx::TensorProto::FLOAT8E5M2FNUZ:
    return ElementType::Float8E5M2FNUZ;
  case onnx::TensorProto::INT4:
    return ElementType::Int4;
  case onnx::TensorProto::UINT4:
    return ElementType::UInt4;
  case onnx::TensorProto::INT8:
    return ElementType::Int8;
  case onnx::TensorProto::UINT8:
    return ElementType::UInt8;
  case onnx::TensorProto::INT16:
    return ElementType::Int16;
  case onnx::TensorProto::UINT16:
    return ElementType::UInt16;
  case onnx::TensorProto::INT32:
    return ElementType::Int32;
  case onnx::TensorProto::UINT32:
    return ElementType::UInt32;
  case onnx::TensorProto::INT64:
    return ElementType::Int64;
  case onnx::TensorProto::UINT64:
    return ElementType::UInt64;
  case onnx::TensorProto::BOOL:
    return ElementType::Bool;
  default:
    return std::nullopt;
  }
}

namespace {

/// Depth of function calls and number of nodes that are followed; the importer
/// refuses a model beyond them.
constexpr int deepestCall = 32;
constexpr size_t mostNodes = 1'000'000;

/// A copy of typed entries in their element type.
template <typename To, typename From>
void narrow(const From &values, std::vector<std::byte> &bytes) {
  bytes.resize(values.size() * sizeof(To));
  for (int i = 0; i < static_cast<int>(values.size()); ++i) {
    To value = static_cast<To>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(To), &value, sizeof(To));
  }
}

class OnnxArchive : public detail::ListedArchive {
public:
  explicit OnnxArchive(std::shared_ptr<const OnnxModelFile> file)
      : ListedArchive(file->getPath()), file(std::move(file)) {}

  /// Lists the tensors; the diagnostic on failure, empty on success.
  std::string readTensors();

private:
  using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

  std::string readConstants(const Nodes &nodes, const std::string &prefix,
                            int depth);
  std::string readConstant(const onnx::NodeProto &node,
                           const std::string &name);
  std::string addTensor(const onnx::TensorProto &proto,
                        const std::string &name);
  std::string findBytes(const onnx::TensorProto &proto, size_t expected,
                        StoredTensor &tensor);
  void findTypedBytes(const onnx::TensorProto &proto, StoredTensor &tensor);
  std::string findExternalBytes(const onnx::TensorProto &proto, size_t expected,
                                StoredTensor &tensor);

  template <typename To, typename From>
  void convert(const From &values, StoredTensor &tensor);
  template <typename Values>
  void view(const Values &values, StoredTensor &tensor) {
    tensor.data = reinterpret_cast<const std::byte *>(values.data());
    tensor.byteCount = values.size() * sizeof(*values.data());
  }

  std::shared_ptr<const OnnxModelFile> file;
  size_t visitedNodes = 0;
  std::map<std::string, std::unique_ptr<MappedFile>> externalFiles;
  /// Bytes of typed fields that are stored wider than their element type.
  std::deque<std::vector<std::byte>> converted;
};

template <typename To, typename From>
void OnnxArchive::convert(const From &values, StoredTensor &tensor) {
  std::vector<std::byte> &bytes = converted.emplace_back();
  narrow<To>(values, bytes);
  tensor.data = bytes.data();
  tensor.byteCount = bytes.size();
}

void OnnxArchive::findTypedBytes(const onnx::TensorProto &proto,
                                 StoredTensor &tensor) {
  switch (tensor.type) {
  case ElementType::Float32:
    view(proto.float_data(), tensor);
    break;
  case ElementType::Float64:
    view(proto.double_data(), tensor);
    break;
  case ElementType::Int64:
    view(proto.int64_data(), tensor);
    break;
  case ElementType::UInt64:
    view(proto.uint64_data(), tensor);
    break;
  case ElementType::UInt32:
    convert<uint32_t>(proto.uint64_data(), tensor);
    break;
  case ElementType::Int32:
    view(proto.int32_data(), tensor);
    break;
  case ElementType::Float16:
  case ElementType::BFloat16:
  case ElementType::Int16:
  case ElementType::UInt16:
    convert<uint16_t>(proto.int32_data(), tensor);
    break;
  default: // one byte an entry: 8-bit types, or two 4-bit entries
    convert<uint8_t>(proto.int32_data(), tensor);
    break;
  }
}

/// A non-negative decimal number.
bool parseNumber(const std::string &text, uint64_t &value) {
  const char *end = text.data() + text.size();
  auto [last, failure] = std::from_chars(text.data(), end, value);
  return failure == std::errc() && last == end;
}

/// The file that external data names, if it lies in the model's directory once
/// all symbolic links are followed.
std::string resolveLocation(const std::string &modelPath,
                            const std::string &location, std::string &path) {
  namespace fs = std::filesystem;
  fs::path relative(location);
  std::string where = "external data '" + location + "' ";
  if (location.empty() || location.find('\0') != std::string::npos ||
      relative.is_absolute() || location.find('\\') != std::string::npos)
    return where + "is not a relative path inside the model's directory";
  for (const fs::path &part : relative)
    if (part == "..")
      return where + "leaves the model's directory";
  std::error_code failure;
  fs::path folder = fs::path(modelPath).parent_path();
  folder = fs::canonical(folder.empty() ? fs::path(".") : folder, failure);
  if (failure)
    return where + "cannot be found: " + failure.message();
  fs::path target = fs::canonical(folder / relative, failure);
  if (failure)
    return where + "cannot be found: " + failure.message();
  auto [end, unused] =
      std::mismatch(folder.begin(), folder.end(), target.begin(), target.end());
  if (end != folder.end())
    return where + "leaves the model's directory through a symbolic link";
  path = target.string();
  return "";
}

std::string OnnxArchive::findExternalBytes(const onnx::TensorProto &proto,
                                           size_t expected,
                                           StoredTensor &tensor) {
  std::string location;
  uint64_t offset = 0, length = expected;
  for (const onnx::StringStringEntryProto &entry : proto.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset" || entry.key() == "length") {
      if (!parseNumber(entry.value(),
                       entry.key() == "offset" ? offset : length))
        return "external data's " + entry.key() + " '" + entry.value() +
               "' is not a number";
    }
  }
  std::string path;
  std::string problem = resolveLocation(file->getPath(), location, path);
  if (!problem.empty())
    return problem;
  std::unique_ptr<MappedFile> &mapped = externalFiles[path];
  if (!mapped) {
    mapped = MappedFile::open(path, problem);
    if (!mapped)
      return problem;
  }
  std::string_view bytes = mapped->getBytes();
  if (offset > bytes.size() || length > bytes.size() - offset)
    return "external data '" + location + "' has " +
           std::to_string(bytes.size()) + " bytes, the tensor needs " +
           std::to_string(length) + " from " + std::to_string(offset) + " on";
  tensor.data = reinterpret_cast<const std::byte *>(bytes.data()) + offset;
  tensor.byteCount = length;
  return "";
}

std::string OnnxArchive::findBytes(const onnx::TensorProto &proto,
                                   size_t expected, StoredTensor &tensor) {
  if (proto.data_location() == onnx::TensorProto::EXTERNAL)
    return findExternalBytes(proto, expected, tensor);
  if (std::optional<std::string_view> raw = file->getRawData(proto)) {
    tensor.data = reinterpret_cast<const std::byte *>(raw->data());
    tensor.byteCount = raw->size();
    return "";
  }
  findTypedBytes(proto, tensor);
  return "";
}

std::string OnnxArchive::addTensor(const onnx::TensorProto &proto,
                                   const std::string &name) {
  std::string where = "tensor '" + name + "': ";
  if (name.empty())
    return "an initializer has no name";
  if (find(name))
    return "two tensors are named '" + name + "'";
  std::optional<ElementType> type = getElementType(proto.data_type());
  if (!type)
    return ""; // strings and the like are never weights
  StoredTensor tensor;
  tensor.name = name;
  tensor.type = *type;
  tensor.shape.assign(proto.dims().begin(), proto.dims().end());
  if (proto.has_segment())
    return where + "tensors in segments are not supported";
  std::optional<size_t> expected = detail::countBytes(*type, tensor.shape);
  if (!expected)
    return where + "shape " + detail::formatShape(tensor.shape) +
           " is negative or too large";
  std::string problem = findBytes(proto, *expected, tensor);
  if (!problem.empty())
    return where + problem;
  if (tensor.byteCount != *expected)
    return where + "has " + std::to_string(tensor.byteCount) + " bytes, " +
           std::string(toString(*type)) + detail::formatShape(tensor.shape) +
           " takes " + std::to_string(*expected);
  add(std::move(tensor));
  return "";
}

std::string OnnxArchive::readConstant(const onnx::NodeProto &node,
                                      const std::string &name) {
  StoredTensor tensor;
  tensor.name = name;
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    const std::string &kind = attribute.name();
    if (kind == "value" && attribute.has_t())
      return addTensor(attribute.t(), name);
    if (kind == "value_float" || kind == "value_floats") {
      tensor.type = ElementType::Float32;
      if (kind == "value_float")
        convert<float>(std::vector<float>{attribute.f()}, tensor);
      else
        view(attribute.floats(), tensor);
    } else if (kind == "value_int" || kind == "value_ints") {
      tensor.type = ElementType::Int64;
      if (kind == "value_int")
        convert<int64_t>(std::vector<int64_t>{attribute.i()}, tensor);
      else
        view(attribute.ints(), tensor);
    } else {
      continue;
    }
    if (kind.back() == 's')
      tensor.shape = {static_cast<int64_t>(
          tensor.byteCount / (detail::getBitWidth(tensor.type) / 8))};
    return add(std::move(tensor)) ? "" : "two tensors are named '" + name + "'";
  }
  return "";
}

std::string OnnxArchive::readConstants(const Nodes &nodes,
                                       const std::string &prefix, int depth) {
  for (const onnx::NodeProto &node : nodes) {
    if (++visitedNodes > mostNodes)
      return "more than a million nodes";
    if (node.output_size() == 0 || node.output(0).empty())
      continue;
    std::string name = prefix + node.output(0);
    if (node.op_type() == "Constant" &&
        (node.domain().empty() || node.domain() == "ai.onnx")) {
      std::string problem = readConstant(node, name);
      if (!problem.empty())
        return problem;
      continue;
    }
    if (node.domain().empty() || depth >= deepestCall)
      continue;
    for (const onnx::FunctionProto &function : file->getModel().functions())
      if (function.name() == node.op_type() &&
          function.domain() == node.domain() &&
          function.overload() == node.overload()) {
        std::string problem =
            readConstants(function.node(), name + "/", depth + 1);
        if (!problem.empty())
          return problem;
      }
  }
  return "";
}

std::string OnnxArchive::readTensors() {
  const onnx::GraphProto &graph = file->getModel().graph();
  for (const onnx::TensorProto &tensor : graph.initializer()) {
    std::string problem = addTensor(tensor, tensor.name());
    if (!problem.empty())
      return problem;
  }
  return readConstants(graph.node(), "", 0);
}

} // namespace

std::unique_ptr<WeightArchive>
lipt::openArchive(std::shared_ptr<const OnnxModelFile> file,
                  std::string &error) {
  auto archive = std::make_unique<OnnxArchive>(file);
  std::string problem = archive->readTensors();
  if (problem.empty())
    return archive;
  error = "'" + file->getPath() + "': " + problem;
  return nullptr;
}

std::optional<double> lipt::readOnlyEntry(const onnx::TensorProto &proto) {
  std::optional<ElementType> type = getElementType(proto.data_type());
  std::vector<int64_t> shape(proto.dims().begin(), proto.dims().end());
  if (!type || detail::countElements(shape) != 1)
    return std::nullopt;
  size_t expected = *detail::countBytes(*type, shape);
  std::vector<std::byte> bytes;
  switch (*type) {
  case ElementType::Float32:
    narrow<float>(proto.float_data(), bytes);
    break;
  case ElementType::Float64:
    narrow<double>(proto.double_data(), bytes);
    break;
  case ElementType::Int64:
    narrow<int64_t>(proto.int64_data(), bytes);
    break;
  case ElementType::UInt64:
    narrow<uint64_t>(proto.uint64_data(), bytes);
    break;
  case ElementType::UInt32:
    narrow<uint32_t>(proto.uint64_data(), bytes);
    break;
  default:
    narrow<int32_t>(proto.int32_data(), bytes);
    bytes.resize(std::min(bytes.size(), expected));
    break;
  }
  if (proto.has_raw_data()) {
    bytes.resize(proto.raw_data().size());
    std::memcpy(bytes.data(), proto.raw_data().data(), bytes.size());
  }
  if (bytes.size() != expected)
    return std::nullopt;
  StoredTensor tensor;
  tensor.type = *type;
  tensor.shape = shape;
  tensor.data = bytes.data();
  tensor.byteCount = bytes.size();
  return tensor.getAsDouble(0);
}
