//===- Certify.h - What lipt-certify does ---------------------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_TOOLS_CERTIFY_H
#define LIPT_TOOLS_CERTIFY_H

#include "lipt/Analysis/BoundAnalysis.h"

#include <map>
#include <string>
#include <vector>

namespace lipt {

/// The command line of lipt-certify as data (docs in its --help).
struct CertifyOptions {
  std::string model;
  std::string weights;     ///< of a .mlir model; empty: the file it names
  std::string certificate; ///< output path; empty: none
  BoundQuestion question;
  std::map<std::string, int64_t> sizes;
  std::map<std::string, std::string>
      inputAxes;        ///< "x" -> "batch,token,feature"
  int attackSteps = -1; ///< negative: the default short search
  bool json = false;
  bool verbose = false;
  bool quiet = false;
  bool publishedFormula = false;
  unsigned threads = 0; ///< 0: all cores
};

/// Certifies, prints the answer and writes the certificate. Returns the exit
/// code of interfaces: 0 complete, 1 the input is at fault, 2 unbounded.
int certify(const CertifyOptions &options);

/// The inverse of toString(Norm).
std::optional<Norm> parseNorm(llvm::StringRef text);

} // namespace lipt

#endif // LIPT_TOOLS_CERTIFY_H
