//===- TensorReading.cpp - Bytes of ONNX tensors --------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorReading.h"

#include "lipt/Checker/Rejection.h"

#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lipt::checker;
namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little,
              "stored weights are little-endian and read in place");

MappedFile lipt::checker::mapFile(const std::string &path) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    unreadable("cannot open '", path, "': ", std::strerror(errno));
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    unreadable("'", path, "' is not a regular file");
  }
  MappedFile file;
  file.size = static_cast<size_t>(status.st_size);
  if (file.size == 0) {
    close(descriptor);
    static const uint8_t nothing = 0;
    file.bytes = &nothing;
    return file;
  }
  void *address =
      mmap(nullptr, file.size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (address == MAP_FAILED)
    unreadable("cannot map '", path, "': ", std::strerror(errno));
  file.bytes = static_cast<const uint8_t *>(address);
  size_t size = file.size;
  file.owner = std::shared_ptr<const void>(
      address, [size](void *mapped) { munmap(mapped, size); });
  return file;
}

static size_t parseSize(const std::string &text, const std::string &name) {
  size_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    unreadable("the external data of '", name,
               "' have an offset or length that is no number");
  return value;
}

Tensor TensorReader::readExternal(const onnx::TensorProto &proto,
                                  ElementType type, std::vector<int64_t> shape,
                                  size_t wanted) {
  std::string location;
  size_t offset = 0;
  std::optional<size_t> length;
  for (const auto &entry : proto.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      offset = parseSize(entry.value(), proto.name());
    else if (entry.key() == "length")
      length = parseSize(entry.value(), proto.name());
  }
  auto found = files.find(location);
  if (found == files.end()) {
    fs::path relative(location);
    if (location.empty() || relative.is_absolute() ||
        location.find('\0') != std::string::npos)
      unreadable("the external data of '", proto.name(),
                 "' are not at a relative path");
    for (const fs::path &part : relative)
      if (part == "..")
        unreadable("the external data of '", proto.name(),
                   "' lie outside the model's directory");
    // Links are followed first, so that none can leave the directory.
    std::error_code error;
    fs::path parent = fs::path(modelPath).parent_path();
    fs::path directory = fs::canonical(parent.empty() ? "." : parent, error);
    fs::path target =
        error ? fs::path() : fs::canonical(directory / relative, error);
    if (error)
      unreadable("the external data of '", proto.name(), "' in '", location,
                 "' cannot be read: ", error.message());
    fs::path inside = target.lexically_relative(directory);
    if (inside.empty() || *inside.begin() == "..")
      unreadable("the external data of '", proto.name(),
                 "' lie outside the model's directory");
    found = files.emplace(location, mapFile(target.string())).first;
  }
  const MappedFile &file = found->second;
  if (offset > file.size || wanted > file.size - offset ||
      (length && *length != wanted))
    unreadable("the external data of '", proto.name(), "' need ", wanted,
               " bytes at offset ", offset, " of a file of ", file.size);
  return Tensor(type, std::move(shape), file.owner, file.bytes + offset,
                wanted);
}

/// Packs the integers of a typed field into the element's own bytes.
template <typename Field>
static Tensor packField(const Field &field, ElementType type,
                        std::vector<int64_t> shape, size_t wanted,
                        int64_t count) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(wanted, 0);
  size_t width = bitsOf(type) / 8;
  // Elements of 4 bits are stored in int32_data as packed bytes.
  if (static_cast<int64_t>(field.size()) !=
      (width ? count : static_cast<int64_t>(wanted)))
    unreadable("a tensor stores ", field.size(), " of its ", count,
               " elements");
  if (width == 0)
    width = 1;
  for (int i = 0; i < field.size(); ++i) {
    auto value = field.Get(i);
    std::memcpy(bytes->data() + i * width, &value,
                std::min(width, sizeof(value)));
  }
  return Tensor(type, std::move(shape), bytes, bytes->data(), bytes->size());
}

Tensor TensorReader::read(const onnx::TensorProto &proto) {
  auto type = static_cast<ElementType>(proto.data_type());
  std::vector<int64_t> shape(proto.dims().begin(), proto.dims().end());
  int64_t count = 1;
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count) ||
        count > (int64_t(1) << 40))
      unreadable("the tensor '", proto.name(),
                 "' has a negative extent or more than 2^40 elements");
  if (proto.has_segment())
    unreadable("the tensor '", proto.name(), "' is stored in segments");
  size_t wanted = byteCountOf(type, count);
  if (proto.data_location() == onnx::TensorProto::EXTERNAL)
    return readExternal(proto, type, std::move(shape), wanted);
  if (bitsOf(type) == 0) // strings: kept as an opaque constant
    return Tensor(type, std::move(shape), nullptr, nullptr, 0);
  if (proto.has_raw_data()) {
    const std::string &raw = proto.raw_data();
    if (raw.size() != wanted)
      unreadable("the tensor '", proto.name(), "' stores ", raw.size(),
                 " bytes, its shape needs ", wanted);
    return Tensor(type, std::move(shape), model,
                  reinterpret_cast<const uint8_t *>(raw.data()), raw.size());
  }
  switch (type) {
  case ElementType::Float:
    return packField(proto.float_data(), type, shape, wanted, count);
  case ElementType::Double:
    return packField(proto.double_data(), type, shape, wanted, count);
  case ElementType::Int64:
    return packField(proto.int64_data(), type, shape, wanted, count);
  case ElementType::UInt64:
  case ElementType::UInt32:
    return packField(proto.uint64_data(), type, shape, wanted, count);
  default:
    return packField(proto.int32_data(), type, shape, wanted, count);
  }
}
