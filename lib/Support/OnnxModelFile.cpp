//===- OnnxModelFile.cpp - An ONNX file, parsed once ---------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/OnnxModelFile.h"

#include "google/protobuf/stubs/logging.h"

#include <climits>
#include <vector>

using namespace lipt;

namespace {

/// Raw tensors below this many bytes are left in the parsed message.
constexpr size_t smallRawData = 256;

/// Field numbers of onnx.proto that lead to raw tensor data.
enum FieldNumber : uint32_t {
  ModelGraph = 7,
  GraphNode = 1,
  GraphInitializer = 5,
  NodeAttribute = 5,
  AttributeTensor = 5,
  TensorRawData = 9
};

struct Field {
  uint32_t number;
  bool isBytes;             // length-delimited: message, string or bytes
  std::string_view whole;   // with its tag
  std::string_view content; // of a length-delimited field
};

bool readVarint(std::string_view &bytes, uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes.empty())
      return false;
    uint8_t byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return true;
  }
  return false;
}

bool readField(std::string_view &bytes, Field &field) {
  std::string_view start = bytes;
  uint64_t tag, length;
  if (!readVarint(bytes, tag) || (tag >> 3) > UINT32_MAX)
    return false;
  field.number = static_cast<uint32_t>(tag >> 3);
  field.isBytes = false;
  switch (tag & 7) {
  case 0:
    if (!readVarint(bytes, length))
      return false;
    break;
  case 1:
  case 5:
    length = (tag & 7) == 1 ? 8 : 4;
    if (bytes.size() < length)
      return false;
    bytes.remove_prefix(length);
    break;
  case 2:
    if (!readVarint(bytes, length) || length > bytes.size())
      return false;
    field.isBytes = true;
    field.content = bytes.substr(0, length);
    bytes.remove_prefix(length);
    break;
  default: // groups do not occur in ONNX
    return false;
  }
  field.whole = start.substr(0, start.size() - bytes.size());
  return true;
}

void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void appendMessage(std::string &out, uint32_t number,
                   const std::string &content) {
  appendVarint(out, (static_cast<uint64_t>(number) << 3) | 2);
  appendVarint(out, content.size());
  out += content;
}

/// Copies a serialized model without its large raw tensors, whose places it
/// notes in the order in which the parsed messages will have them.
class RawDataSplitter {
public:
  std::vector<std::string_view> initializers, attributeTensors;

  bool copyModel(std::string_view bytes, std::string &out) {
    return copy(bytes, out, [&](const Field &field, std::string &nested) {
      return field.number != ModelGraph         ? Keep
             : copyGraph(field.content, nested) ? Replace
                                                : Fail;
    });
  }

private:
  enum Action { Keep, Replace, Drop, Fail };

  template <typename Visit>
  bool copy(std::string_view bytes, std::string &out, Visit visit) {
    std::string nested;
    while (!bytes.empty()) {
      Field field;
      if (!readField(bytes, field))
        return false;
      nested.clear();
      Action action = field.isBytes ? visit(field, nested) : Keep;
      if (action == Fail)
        return false;
      if (action == Keep)
        out += field.whole;
      else if (action == Replace)
        appendMessage(out, field.number, nested);
    }
    return true;
  }

  bool copyGraph(std::string_view bytes, std::string &out) {
    return copy(bytes, out, [&](const Field &field, std::string &nested) {
      if (field.number == GraphNode)
        return copyNode(field.content, nested) ? Replace : Fail;
      if (field.number == GraphInitializer)
        return copyTensor(field.content, nested, initializers) ? Replace : Fail;
      return Keep;
    });
  }

  bool copyNode(std::string_view bytes, std::string &out) {
    return copy(bytes, out, [&](const Field &field, std::string &nested) {
      return field.number != NodeAttribute          ? Keep
             : copyAttribute(field.content, nested) ? Replace
                                                    : Fail;
    });
  }

  bool copyAttribute(std::string_view bytes, std::string &out) {
    bool seen = false;
    return copy(bytes, out, [&](const Field &field, std::string &nested) {
      if (field.number != AttributeTensor)
        return Keep;
      // Protobuf merges repeated messages; no writer does this.
      if (std::exchange(seen, true))
        return Fail;
      return copyTensor(field.content, nested, attributeTensors) ? Replace
                                                                 : Fail;
    });
  }

  bool copyTensor(std::string_view bytes, std::string &out,
                  std::vector<std::string_view> &places) {
    std::string_view place;
    bool seen = false;
    bool ok = copy(bytes, out, [&](const Field &field, std::string &) {
      if (field.number != TensorRawData)
        return Keep;
      if (std::exchange(seen, true))
        return Fail;
      if (field.content.size() < smallRawData)
        return Keep;
      place = field.content;
      return Drop;
    });
    places.push_back(place);
    return ok;
  }
};

} // namespace

bool OnnxModelFile::parseWithoutRawData() {
  RawDataSplitter splitter;
  std::string rest;
  if (!splitter.copyModel(file->getBytes(), rest) || rest.size() > INT_MAX ||
      !model.ParseFromArray(rest.data(), static_cast<int>(rest.size())))
    return false;

  const onnx::GraphProto &graph = model.graph();
  if (splitter.initializers.size() !=
      static_cast<size_t>(graph.initializer_size()))
    return false;
  for (int i = 0; i < graph.initializer_size(); ++i)
    if (splitter.initializers[i].data())
      rawData[&graph.initializer(i)] = splitter.initializers[i];
  size_t next = 0;
  for (const onnx::NodeProto &node : graph.node())
    for (const onnx::AttributeProto &attribute : node.attribute()) {
      if (!attribute.has_t())
        continue;
      if (next == splitter.attributeTensors.size())
        return false;
      std::string_view place = splitter.attributeTensors[next++];
      if (place.data())
        rawData[&attribute.t()] = place;
    }
  return next == splitter.attributeTensors.size();
}

std::shared_ptr<const OnnxModelFile>
OnnxModelFile::read(const std::string &path, std::string &error) {
  // Protobuf would print its own lines beside our diagnostic.
  google::protobuf::LogSilencer silencer;
  std::shared_ptr<OnnxModelFile> result(new OnnxModelFile());
  result->path = path;
  result->file = MappedFile::open(path, error);
  if (!result->file)
    return nullptr;
  std::string_view bytes = result->file->getBytes();
  if (!result->parseWithoutRawData()) {
    result->rawData.clear();
    if (bytes.size() > INT_MAX ||
        !result->model.ParseFromArray(bytes.data(),
                                      static_cast<int>(bytes.size()))) {
      error =
          "'" + path + "' is not an ONNX model: not a serialized ModelProto";
      return nullptr;
    }
  }
  if (!result->model.has_graph()) {
    error = "'" + path + "' is not an ONNX model: it has no graph";
    return nullptr;
  }
  return result;
}

std::optional<std::string_view>
OnnxModelFile::getRawData(const onnx::TensorProto &tensor) const {
  auto found = rawData.find(&tensor);
  if (found != rawData.end())
    return found->second;
  if (tensor.has_raw_data())
    return std::string_view(tensor.raw_data());
  return std::nullopt;
}
