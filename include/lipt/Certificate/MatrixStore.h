//===- MatrixStore.h - Spectral norms by key, with their witnesses ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_MATRIXSTORE_H
#define LIPT_CERTIFICATE_MATRIXSTORE_H

#include "lipt/Certificate/AffineEvaluator.h"

#include <map>

namespace lipt {

/// An entry of the certificate's `matrices`. A key is written by the canonical
/// names of docs/Certificate.md, 5.1.
struct MatrixWitness {
  std::string key, method = "cholesky";
  double tau = 0;
  int64_t exponent = 0;
  bool transposed = false;
  std::vector<double> x; ///< collatz
  UpperBound norm;       ///< as claimed: what the steps use
};

/// Certifies each matrix once and remembers it under its key.
class MatrixStore {
public:
  explicit MatrixStore(SpectralOptions options = {}) : options(options) {}

  /// Claimed upper bound of the exact matrix's spectral norm; a witness is
  /// recorded where one says more than the cheap bounds.
  UpperBound norm(const std::string &key, const AffineMatrix &matrix);
  /// Certifies many plain matrices at once: element i of `matrices` has
  /// keys[i].
  void prepare(std::span<const std::string> keys,
               std::span<const AffineMatrix> matrices);
  /// Takes over a certificate that another routine found, e.g. of a
  /// convolution's unfolding; `error` is what assembling the matrix lost.
  UpperBound adopt(const std::string &key,
                   const SpectralCertificate &certificate,
                   const UpperBound &error = UpperBound::zero());
  bool hasWitness(const std::string &key) const {
    return witnesses.count(key) != 0;
  }

  /// In the order of keys.
  const std::map<std::string, MatrixWitness> &getWitnesses() const {
    return witnesses;
  }
  const SpectralOptions &getOptions() const { return options; }

private:
  void record(const std::string &key, const AffineMatrix &matrix,
              const std::optional<SpectralCertificate> &certificate);

  SpectralOptions options;
  std::map<std::string, UpperBound> norms;
  std::map<std::string, MatrixWitness> witnesses;
};

} // namespace lipt

#endif // LIPT_CERTIFICATE_MATRIXSTORE_H
