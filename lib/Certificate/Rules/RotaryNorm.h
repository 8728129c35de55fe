//===- RotaryNorm.h - Norms of stored rotary blocks ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CERTIFICATE_RULES_ROTARYNORM_H
#define LIPT_LIB_CERTIFICATE_RULES_ROTARYNORM_H

#include "../StepContext.h"

namespace lipt::rules {

/// Largest norms over all positions of what a rotary embedding multiplies by.
struct RotaryNorm {
  UpperBound l2;   ///< rho: spectral norm of a 2x2 block
  UpperBound linf; ///< largest row sum of absolute values of a block
};

/// From the tables as stored (bounds.md 2.4.3). `full`: the tables have an
/// entry for each entry of the vector and the two halves (or neighbours, if
/// `interleaved`) may hold different rows. `partial`: some entries pass
/// unchanged.
RotaryNorm rotaryNorm(const ConstantRef &cosTable, const ConstantRef &sinTable,
                      bool interleaved, bool full, bool partial,
                      StepContext &context);

} // namespace lipt::rules

#endif // LIPT_LIB_CERTIFICATE_RULES_ROTARYNORM_H
