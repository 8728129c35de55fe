//===- Certificate.h - The certificate as stated, before anything is checked
//--*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_CERTIFICATE_H
#define LIPT_CHECKER_CERTIFICATE_H

#include "lipt/Checker/Facts.h"
#include "lipt/Checker/SpectralNorm.h"

#include <map>
#include <string>
#include <vector>

namespace lipt::checker {

enum class Norm { L2, Linf, Rms, MaxRms };
std::string nameOf(Norm norm);

struct Domain {
  enum class Kind { Global, Ball, Box, Embedding, OneHot };
  Kind kind = Kind::Global;
  /// Ball: around 0, in `norm` (the question's input norm for the origin).
  Norm norm = Norm::L2;
  Extended radius;
  Interval box;
};

struct CertificateInput {
  std::string name;
  std::vector<Role> axes;
  bool varying = true;
  Domain domain;
};

struct ClaimedMatrix {
  std::string key;
  NormWitness witness;
  Extended norm;
};

struct Step {
  std::string tensor, rule;
  std::vector<std::string> nodes, inputs;
  std::map<std::string, std::string> roles;
  Facts facts;
  std::vector<std::string> matrices;

  /// The tensor named for `role`, or "".
  std::string role(const std::string &role) const;
};

struct Certificate {
  struct Initializer {
    std::string name, type, sha256;
    std::vector<int64_t> shape;
  };
  std::string modelSha256;
  std::vector<Initializer> initializers;
  std::map<std::string, int64_t> sizes;
  std::vector<CertificateInput> inputs;
  std::string origin, output;
  Norm inputNorm = Norm::L2, outputNorm = Norm::L2;
  Domain domain;
  /// question.select: one entry of the output's last axis, or a difference.
  std::optional<int64_t> selectIndex, selectMinus;
  std::vector<ClaimedMatrix> matrices;
  std::vector<Step> steps;
  Extended lipschitz;
};

/// Parses the text of a certificate, refusing what docs/Certificate.md does
/// not define. Throws Rejection.
Certificate parseCertificate(const std::string &text);

} // namespace lipt::checker

#endif // LIPT_CHECKER_CERTIFICATE_H
