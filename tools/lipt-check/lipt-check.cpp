//===- lipt-check.cpp - Verify a Lipschitz certificate --------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Check.h"

#include <CLI/CLI.hpp>

#include <cstdio>

int main(int argc, char **argv) {
  using namespace lipt::checker;
  CLI::App app("Verifies a Lipschitz certificate against the ONNX file it is "
               "about.\nReads nothing else and trusts neither the certificate "
               "nor the program that wrote it.",
               "lipt-check");
  std::string certificate, model;
  bool quiet = false, verbose = false;
  CheckOptions options;
  app.add_option("CERT", certificate, "the certificate (.lipcert)")->required();
  app.add_option("MODEL", model, "the model (.onnx)")->required();
  app.add_flag("--quiet", quiet, "print nothing, only the exit code");
  app.add_flag("--verbose", verbose, "print every verified matrix and step");
  app.add_option("--threads", options.threads,
                 "threads that verify matrices (default 2)")
      ->check(CLI::Range(1u, 256u));
  app.footer("Exit code: 0 verified, 2 rejected, 1 unreadable model or wrong "
             "usage.\n\nExample:\n  lipt-certify model.onnx -o model.lipcert"
             "\n  lipt-check model.lipcert model.onnx");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  if (verbose)
    options.log = [](const std::string &line) {
      std::printf("%s\n", line.c_str());
    };
  CheckResult result = checkCertificate(certificate, model, options);
  switch (result.status) {
  case CheckResult::Status::Verified:
    if (!quiet)
      std::printf("verified: %s\n", result.message.c_str());
    return 0;
  case CheckResult::Status::Rejected:
    if (!quiet)
      std::printf("rejected: %s\n", result.message.c_str());
    return 2;
  case CheckResult::Status::Unreadable:
    std::fprintf(stderr, "lipt-check: error: %s\n", result.message.c_str());
    return 1;
  }
}
