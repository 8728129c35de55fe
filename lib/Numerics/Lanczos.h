//===- Lanczos.h - Estimate of the largest eigenvalue -----------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_LANCZOS_H
#define LIPT_NUMERICS_LANCZOS_H

#include "GramKernel.h"

#include <cstdint>
#include <vector>

namespace lipt {

/// An estimate: nothing here is proved, and no bound reads it without proving.
struct EigenvalueEstimate {
  double value = 0;
  /// Norm of the residual of the Ritz vector: some eigenvalue is this close.
  double residual = 0;
};

/// Lanczos with full reorthogonalisation from a pseudo-random start that `seed`
/// fixes, until the residual is below 1e-10 * value, the space is exhausted or
/// `maxSteps` are done. `vector`, when given, receives the Ritz vector.
EigenvalueEstimate
estimateLargestEigenvalue(const SymmetricBuffer &matrix, uint64_t seed,
                          int64_t maxSteps,
                          std::vector<double> *vector = nullptr);

} // namespace lipt

#endif // LIPT_NUMERICS_LANCZOS_H
