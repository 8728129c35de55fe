//===- checker-fuzzer.cpp - Arbitrary certificates and models -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The input is the certificate's length (32 bits, little endian), the
// certificate, the model. Whatever the bytes are, the checker answers. The
// hash of the model that the certificate states is put right first, so that
// changed models get past the first comparison.

#include "lipt/Checker/Check.h"

#include <openssl/sha.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

/// A file in memory: the checker maps its input.
static int makeFile(const char *name, const std::string &bytes) {
  int descriptor = memfd_create(name, MFD_CLOEXEC);
  if (descriptor < 0 || write(descriptor, bytes.data(), bytes.size()) !=
                            static_cast<ssize_t>(bytes.size()))
    abort();
  return descriptor;
}

static std::string pathOf(int descriptor) {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

/// Replaces the first 64 digits after "sha256" by the hash of `model`.
static void correctHash(std::string &certificate, const std::string &model) {
  size_t key = certificate.find("\"sha256\"");
  if (key == std::string::npos)
    return;
  size_t start = certificate.find('"', key + strlen("\"sha256\""));
  if (start == std::string::npos || start + 66 > certificate.size() ||
      certificate[start + 65] != '"')
    return;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char *>(model.data()), model.size(),
         digest);
  for (size_t i = 0; i < SHA256_DIGEST_LENGTH; ++i) {
    certificate[start + 1 + 2 * i] = "0123456789abcdef"[digest[i] >> 4];
    certificate[start + 2 + 2 * i] = "0123456789abcdef"[digest[i] & 15];
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint32_t length = 0;
  if (size < sizeof(length))
    return 0;
  memcpy(&length, data, sizeof(length));
  data += sizeof(length);
  size -= sizeof(length);
  if (length > size)
    return 0;
  std::string certificate(reinterpret_cast<const char *>(data), length);
  std::string model(reinterpret_cast<const char *>(data) + length,
                    size - length);
  correctHash(certificate, model);
  int certificateFile = makeFile("fuzz.lipcert", certificate);
  int modelFile = makeFile("fuzz.onnx", model);
  lipt::checker::CheckOptions options;
  options.threads = 1;
  lipt::checker::CheckResult result = lipt::checker::checkCertificate(
      pathOf(certificateFile), pathOf(modelFile), options);
  close(certificateFile);
  close(modelFile);
  // Every answer says something, and nothing unforeseen was thrown.
  if (result.message.empty() || result.message.starts_with("internal error"))
    abort();
  return 0;
}
