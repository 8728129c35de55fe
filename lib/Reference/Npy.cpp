//===- Npy.cpp - NumPy array files ----------------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Reference/Npy.h"

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

namespace lipt::reference {

namespace {

/// What the header's dictionary says.
struct Header {
  std::string description;
  bool fortranOrder = false;
  Shape shape;
};

struct NamedType {
  std::string_view description;
  ElementType type;
};

constexpr std::array<NamedType, 12> namedTypes = {{
    {"<f4", ElementType::Float32},
    {"<f8", ElementType::Float64},
    {"<f2", ElementType::Float16},
    {"|i1", ElementType::Int8},
    {"|u1", ElementType::UInt8},
    {"<i2", ElementType::Int16},
    {"<u2", ElementType::UInt16},
    {"<i4", ElementType::Int32},
    {"<u4", ElementType::UInt32},
    {"<i8", ElementType::Int64},
    {"<u8", ElementType::UInt64},
    {"|b1", ElementType::Bool},
}};

/// Reads the Python dictionary of an .npy header: exactly the three keys that
/// the format prescribes, in any order.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : text(text) {}

  bool parse(Header &header) {
    if (!take('{'))
      return false;
    bool hasDescription = false, hasOrder = false, hasShape = false;
    while (!take('}')) {
      std::string key;
      if (!parseString(key) || !take(':'))
        return false;
      if (key == "descr" && !hasDescription)
        hasDescription = parseString(header.description);
      else if (key == "fortran_order" && !hasOrder)
        hasOrder = parseBool(header.fortranOrder);
      else if (key == "shape" && !hasShape)
        hasShape = parseShape(header.shape);
      else
        return false;
      if (!take(',') && peek() != '}')
        return false;
    }
    return hasDescription && hasOrder && hasShape && peek() == '\0';
  }

private:
  char peek() {
    while (position < text.size() &&
           (text[position] == ' ' || text[position] == '\n'))
      ++position;
    return position < text.size() ? text[position] : '\0';
  }
  bool take(char wanted) {
    if (peek() != wanted)
      return false;
    ++position;
    return true;
  }
  bool takeWord(std::string_view word) {
    peek();
    if (text.substr(position, word.size()) != word)
      return false;
    position += word.size();
    return true;
  }
  bool parseString(std::string &result) {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      return false;
    size_t end = text.find(quote, ++position);
    if (end == std::string_view::npos)
      return false;
    result = text.substr(position, end - position);
    position = end + 1;
    return true;
  }
  bool parseBool(bool &result) {
    result = takeWord("True");
    return result || takeWord("False");
  }
  bool parseShape(Shape &shape) {
    if (!take('('))
      return false;
    while (!take(')')) {
      peek();
      int64_t size;
      const char *begin = text.data() + position;
      auto [end, problem] =
          std::from_chars(begin, text.data() + text.size(), size);
      // NumPy has at most 64 axes.
      if (problem != std::errc() || size < 0 || shape.size() == 64)
        return false;
      position += end - begin;
      shape.push_back(size);
      if (!take(',') && peek() != ')')
        return false;
    }
    return true;
  }

  std::string_view text;
  size_t position = 0;
};

} // namespace

/// Bytes of one entry as NumPy stores it.
static int64_t bytesOf(ElementType type) {
  return std::max(1, bitWidth(type) / 8);
}

/// Copies entries of a file type into the tensor's storage.
template <typename Stored>
static void loadEntries(const char *bytes, Tensor &tensor) {
  tensor.visit([&]<typename T>(std::span<T> values) {
    for (size_t i = 0; i < values.size(); ++i) {
      Stored entry;
      std::memcpy(&entry, bytes + i * sizeof(Stored), sizeof(Stored));
      if constexpr (std::is_same_v<T, uint8_t>)
        values[i] = entry != 0;
      else
        values[i] = static_cast<T>(entry);
    }
  });
}

/// Brings column-major entries into row-major order.
static Tensor fromFortranOrder(const Tensor &columns) {
  Tensor result = columns;
  Shape shape = columns.getShape();
  Shape index(shape.size(), 0);
  Shape strides(shape.size(), 1);
  for (size_t i = 1; i < shape.size(); ++i)
    strides[i] = strides[i - 1] * shape[i - 1];
  result.visit([&]<typename T>(std::span<T> to) {
    auto from = columns.values<T>();
    for (size_t flat = 0; flat < to.size(); ++flat) {
      int64_t source = 0;
      for (size_t i = 0; i < shape.size(); ++i)
        source += index[i] * strides[i];
      to[flat] = from[source];
      for (size_t i = shape.size(); i-- > 0;) {
        if (++index[i] < shape[i])
          break;
        index[i] = 0;
      }
    }
  });
  return result;
}

std::optional<Tensor> parseNpy(std::string_view bytes, std::string &error) {
  auto fail = [&](std::string message) -> std::optional<Tensor> {
    error = std::move(message);
    return std::nullopt;
  };
  constexpr std::string_view magic("\x93NUMPY", 6);
  if (bytes.substr(0, 6) != magic || bytes.size() < 10)
    return fail("not an .npy file: the first bytes are not '\\x93NUMPY'");
  auto byteAt = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  unsigned version = byteAt(6);
  if (version < 1 || version > 3)
    return fail("unknown .npy version " + std::to_string(version) +
                ": 1, 2 and 3 are read");
  size_t headerStart = version == 1 ? 10 : 12;
  if (bytes.size() < headerStart)
    return fail("truncated .npy header");
  size_t headerLength = byteAt(8) | byteAt(9) << 8;
  if (version > 1)
    headerLength |= size_t(byteAt(10)) << 16 | size_t(byteAt(11)) << 24;
  if (headerLength > bytes.size() - headerStart)
    return fail("truncated .npy header");

  Header header;
  if (!HeaderParser(bytes.substr(headerStart, headerLength)).parse(header))
    return fail("malformed .npy header: expected a dictionary with 'descr', "
                "'fortran_order' and 'shape'");
  const NamedType *named = nullptr;
  for (const NamedType &candidate : namedTypes)
    if (header.description == candidate.description)
      named = &candidate;
  if (!named)
    return fail("unsupported .npy element type '" + header.description +
                "': little-endian floats, integers and bools are read");

  std::optional<int64_t> count = countElements(header.shape);
  std::string_view data = bytes.substr(headerStart + headerLength);
  int64_t size = bytesOf(named->type);
  if (!count || *count > static_cast<int64_t>(data.size()) / size ||
      *count * size != static_cast<int64_t>(data.size()))
    return fail("the .npy header's shape does not fit the " +
                std::to_string(data.size()) + " bytes of data that follow it");

  Tensor result(named->type, header.shape);
  switch (named->type) {
  case ElementType::Float32:
    loadEntries<float>(data.data(), result);
    break;
  case ElementType::Float64:
    loadEntries<double>(data.data(), result);
    break;
  case ElementType::Int8:
    loadEntries<int8_t>(data.data(), result);
    break;
  case ElementType::UInt8:
  case ElementType::Bool:
    loadEntries<uint8_t>(data.data(), result);
    break;
  case ElementType::Int16:
    loadEntries<int16_t>(data.data(), result);
    break;
  case ElementType::UInt16:
    loadEntries<uint16_t>(data.data(), result);
    break;
  case ElementType::Int32:
    loadEntries<int32_t>(data.data(), result);
    break;
  case ElementType::UInt32:
    loadEntries<uint32_t>(data.data(), result);
    break;
  case ElementType::Int64:
    loadEntries<int64_t>(data.data(), result);
    break;
  case ElementType::UInt64:
    loadEntries<uint64_t>(data.data(), result);
    break;
  default: {
    // Float16: the archive's reader knows its encoding.
    StoredTensor stored;
    stored.type = named->type;
    stored.shape = header.shape;
    stored.data = reinterpret_cast<const std::byte *>(data.data());
    stored.byteCount = data.size();
    result = Tensor::fromStored(stored);
  }
  }
  return header.fortranOrder ? fromFortranOrder(result) : result;
}

std::optional<Tensor> readNpy(const std::string &path, std::string &error) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (!file || !(content << file.rdbuf())) {
    error = "cannot read '" + path + "'";
    return std::nullopt;
  }
  std::optional<Tensor> result = parseNpy(content.view(), error);
  if (!result)
    error = "'" + path + "': " + error;
  return result;
}

/// The type whose entries the file holds for a tensor.
static ElementType fileType(const Tensor &tensor) {
  ElementType type = tensor.getType();
  if (tensor.isWide())
    return ElementType::Float64;
  // Half precision is written as it is only if that is exact; results held as
  // float were rounded already, so widening loses nothing.
  if (tensor.isFloat() && type != ElementType::Float16)
    return ElementType::Float32;
  if (type == ElementType::Int4)
    return ElementType::Int8;
  if (type == ElementType::UInt4)
    return ElementType::UInt8;
  return type;
}

bool writeNpy(const std::string &path, const Tensor &tensor,
              std::string &error) {
  ElementType type = fileType(tensor);
  std::string description;
  for (const NamedType &candidate : namedTypes)
    if (candidate.type == type)
      description = candidate.description;
  std::string dictionary =
      "{'descr': '" + description + "', 'fortran_order': False, 'shape': (";
  for (int64_t size : tensor.getShape())
    dictionary += std::to_string(size) + ",";
  dictionary += "), }";
  // The data starts at a multiple of 64 bytes; the header ends with a newline.
  dictionary.append((64 - (10 + dictionary.size() + 1) % 64) % 64, ' ');
  dictionary += '\n';

  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(dictionary.size() & 0xff);
  bytes += static_cast<char>(dictionary.size() >> 8);
  bytes += dictionary;
  int64_t size = bytesOf(type);
  tensor.visit([&]<typename T>(std::span<const T> values) {
    for (T value : values) {
      if constexpr (std::is_same_v<T, float>) {
        if (type == ElementType::Float16) {
          _Float16 half = static_cast<_Float16>(value);
          bytes.append(reinterpret_cast<const char *>(&half), 2);
          continue;
        }
      }
      // Little-endian: the low bytes of an integer come first.
      bytes.append(reinterpret_cast<const char *>(&value), size);
    }
  });
  std::ofstream file(path, std::ios::binary);
  if (!file.write(bytes.data(), bytes.size()) || !file.flush()) {
    error = "cannot write '" + path + "'";
    return false;
  }
  return true;
}

} // namespace lipt::reference
