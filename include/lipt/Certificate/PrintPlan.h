//===- PrintPlan.h - Bound plans as text ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_PRINTPLAN_H
#define LIPT_CERTIFICATE_PRINTPLAN_H

#include "lipt/Certificate/Evaluate.h"

#include <iosfwd>

namespace lipt {

/// One line a step: "o = B-lin [mm, o] (x): A*x + b, A = w^T". With an
/// evaluation the facts follow, indented.
void printPlan(const Plan &plan, std::ostream &os,
               const Evaluation *evaluation = nullptr);

/// An affine map as a formula of its input "x".
std::string describeMap(const AffineRef &map);
/// A constant expression: its key, or the function and its operands.
std::string describeConstant(const ConstantRef &constant);

} // namespace lipt

#endif // LIPT_CERTIFICATE_PRINTPLAN_H
