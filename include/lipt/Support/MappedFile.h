//===- MappedFile.h - A file mapped read-only into memory ----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_SUPPORT_MAPPEDFILE_H
#define LIPT_SUPPORT_MAPPEDFILE_H

#include <memory>
#include <string>
#include <string_view>

namespace lipt {

/// The bytes of a regular file, mapped for reading while the object lives.
class MappedFile {
public:
  /// Null on failure, with one diagnostic in `error`. Anything but a regular
  /// file is refused (a pipe would block, a device never end).
  static std::unique_ptr<MappedFile> open(const std::string &path,
                                          std::string &error);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  std::string_view getBytes() const { return {begin, size}; }

private:
  MappedFile(const char *begin, size_t size) : begin(begin), size(size) {}
  const char *begin;
  size_t size;
};

} // namespace lipt

#endif // LIPT_SUPPORT_MAPPEDFILE_H
