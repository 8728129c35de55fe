//===- MappedFile.cpp - A file mapped read-only into memory --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lipt;

std::unique_ptr<MappedFile> MappedFile::open(const std::string &path,
                                             std::string &error) {
  // Not blocking: opening a pipe that nobody writes would wait for ever.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    error = "cannot open '" + path + "': " + std::strerror(errno);
    return nullptr;
  }
  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    error = "cannot read '" + path + "': not a regular file";
    ::close(descriptor);
    return nullptr;
  }
  size_t size = static_cast<size_t>(status.st_size);
  const void *begin = "";
  if (size != 0)
    begin = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  int failure = errno;
  ::close(descriptor);
  if (begin == MAP_FAILED) {
    error = "cannot map '" + path + "': " + std::strerror(failure);
    return nullptr;
  }
  return std::unique_ptr<MappedFile>(
      new MappedFile(static_cast<const char *>(begin), size));
}

MappedFile::~MappedFile() {
  if (size != 0)
    ::munmap(const_cast<char *>(begin), size);
}
