//===- Vjp.h - Products of vectors with Jacobians ----------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_REFERENCE_VJP_H
#define LIPT_REFERENCE_VJP_H

#include "lipt/Reference/Interpreter.h"

namespace lipt::reference {

struct PulledBack {
  /// Jᵀ w: one entry for each entry of the origin.
  std::vector<double> gradient;
  /// Σ |cotangent| · |value| over everything between origin and output, in
  /// units of the functional ⟨w, f⟩: times a few units of roundoff it estimates
  /// the rounding error of the functional's value.
  double magnitude = 0;
};

/// Reverse accumulation through an evaluation: with f the map from `origin` to
/// `output`, Jᵀ w for `weights` w (as many entries as the output has). `values`
/// are those of an evaluation in Precision::Double with keepAll. At kinks one
/// of the derivatives is taken; steps have derivative 0. Fails, without a
/// diagnostic, if an operation on the way has no rule or the output does not
/// depend on the origin.
std::optional<PulledBack> pullBack(const Interpreter &interpreter,
                                   const ValueMap &values, mlir::Value origin,
                                   mlir::Value output,
                                   std::span<const double> weights);

} // namespace lipt::reference

#endif // LIPT_REFERENCE_VJP_H
