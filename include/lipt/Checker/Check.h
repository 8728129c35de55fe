//===- Check.h - Checking a certificate against a model --------*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_CHECK_H
#define LIPT_CHECKER_CHECK_H

#include <functional>
#include <string>

namespace lipt::checker {

struct CheckOptions {
  unsigned threads = 2;
  /// Told of every matrix and step that was verified; may be empty.
  std::function<void(const std::string &)> log;
};

struct CheckResult {
  enum class Status { Verified, Rejected, Unreadable };
  Status status = Status::Rejected;
  /// Verified: "<bound> <input norm> -> <output norm> …", with the domain and
  /// the sizes it holds for; else the reason.
  std::string message;
};

/// Verifies the certificate file against the ONNX file: rebuilds every matrix
/// from the stored weights, recomputes every fact and accepts if each claim is
/// at least the recomputed value. Never throws.
CheckResult checkCertificate(const std::string &certificatePath,
                             const std::string &modelPath,
                             const CheckOptions &options = {});

} // namespace lipt::checker

#endif // LIPT_CHECKER_CHECK_H
