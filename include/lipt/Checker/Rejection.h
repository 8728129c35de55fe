//===- Rejection.h - Why a certificate or a model is refused ---*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_REJECTION_H
#define LIPT_CHECKER_REJECTION_H

#include <sstream>
#include <stdexcept>
#include <string>

namespace lipt::checker {

/// The certificate does not prove its claim (exit code 2). Thrown anywhere in
/// the checker and caught once, in checkCertificate.
struct Rejection : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The model cannot be read, whatever the certificate says (exit code 1).
struct UnreadableModel : std::runtime_error {
  using std::runtime_error::runtime_error;
};

namespace detail {
template <typename... Parts> std::string concatenate(const Parts &...parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}
} // namespace detail

/// Rejects the certificate with the concatenation of `parts` as the reason.
template <typename... Parts> [[noreturn]] void reject(const Parts &...parts) {
  throw Rejection(detail::concatenate(parts...));
}

/// Refuses the model with the concatenation of `parts` as the reason.
template <typename... Parts>
[[noreturn]] void unreadable(const Parts &...parts) {
  throw UnreadableModel(detail::concatenate(parts...));
}

} // namespace lipt::checker

#endif // LIPT_CHECKER_REJECTION_H
