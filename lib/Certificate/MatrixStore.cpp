//===- MatrixStore.cpp - Spectral norms by key, with their witnesses ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Certificate/MatrixStore.h"

using namespace lipt;

/// Whoever rebuilds the matrix may associate the products differently and lose
/// a little more than we did: the claim leaves room for four times our loss.
static UpperBound withRoom(const UpperBound &norm, const UpperBound &error) {
  UpperBound four = UpperBound::fromInteger(4);
  return (norm + four * error).withSlack();
}

/// A single row or column has its Frobenius norm; a sparse matrix's column and
/// row sums are tight enough, so neither needs a witness.
static bool needsCertificate(const AffineMatrix &matrix) {
  return !matrix.sparse && matrix.rows > 1 && matrix.cols > 1;
}

void MatrixStore::record(
    const std::string &key, const AffineMatrix &matrix,
    const std::optional<SpectralCertificate> &certificate) {
  UpperBound cheap = cheapSpectralBound(matrix).withSlack();
  if (certificate && !certificate->norm.isUnbounded()) {
    UpperBound norm = withRoom(certificate->norm, matrix.error);
    if (norm < cheap) {
      adopt(key, *certificate, matrix.error);
      return;
    }
  }
  if (!matrix.sparse)
    cheap = withRoom(cheapNorms(matrix.view).spectral(), matrix.error);
  norms[key] = cheap;
}

UpperBound MatrixStore::adopt(const std::string &key,
                              const SpectralCertificate &certificate,
                              const UpperBound &error) {
  MatrixWitness witness;
  witness.key = key;
  witness.tau = certificate.tau;
  witness.exponent = certificate.scaleExponent;
  witness.transposed = certificate.transposed;
  witness.norm = withRoom(certificate.norm, error);
  norms[key] = witness.norm;
  UpperBound norm = witness.norm;
  witnesses[key] = std::move(witness);
  return norm;
}

UpperBound MatrixStore::norm(const std::string &key,
                             const AffineMatrix &matrix) {
  if (auto found = norms.find(key); found != norms.end())
    return found->second;
  std::optional<SpectralCertificate> certificate;
  if (needsCertificate(matrix))
    certificate = certifySpectralNorm(matrix.view, options);
  record(key, matrix, certificate);
  return norms[key];
}

void MatrixStore::prepare(std::span<const std::string> keys,
                          std::span<const AffineMatrix> matrices) {
  std::vector<MatrixView> views;
  std::vector<size_t> indices;
  for (size_t i = 0; i != matrices.size(); ++i)
    if (needsCertificate(matrices[i]) && !norms.count(keys[i])) {
      views.push_back(matrices[i].view);
      indices.push_back(i);
    }
  std::vector<std::optional<SpectralCertificate>> certificates =
      certifySpectralNorms(views, options);
  for (size_t k = 0; k != indices.size(); ++k)
    record(keys[indices[k]], matrices[indices[k]], certificates[k]);
}
