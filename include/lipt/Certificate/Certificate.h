//===- Certificate.h - Writing .lipcert files ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_CERTIFICATE_H
#define LIPT_CERTIFICATE_CERTIFICATE_H

#include "lipt/Certificate/Evaluate.h"

namespace lipt {

/// The certificate of docs/Certificate.md as text, the same bytes for the same
/// input. `error` is set (and the text empty) when the model's file cannot be
/// read for its hash or the claim is unbounded.
std::string renderCertificate(const Evaluation &evaluation,
                              const WeightArchive &archive, std::string &error);

/// Writes the certificate beside `path` and renames it. False, with `error`,
/// on failure; nothing is left behind then.
bool writeCertificate(const Evaluation &evaluation,
                      const WeightArchive &archive, const std::string &path,
                      std::string &error);

/// A double as certificates write it: C99 hexadecimal, "inf", "-inf".
std::string toHexadecimal(double value);
/// SHA-256 of a file in lower-case hexadecimal; empty when it cannot be read.
std::string hashFile(const std::string &path);
/// SHA-256 of bytes in lower-case hexadecimal.
std::string hashBytes(const void *data, size_t size);

/// "l2", "linf", "rms", "max-rms".
const char *toString(Norm norm);

} // namespace lipt

#endif // LIPT_CERTIFICATE_CERTIFICATE_H
