//===- LipschitzOpInterface.h - Operations with bound rules -*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_INTERFACES_LIPSCHITZOPINTERFACE_H
#define LIPT_INTERFACES_LIPSCHITZOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

namespace lipt {
class BoundPlanBuilder;
} // namespace lipt

#include "lipt/Interfaces/LipschitzOpInterface.h.inc"

#endif // LIPT_INTERFACES_LIPSCHITZOPINTERFACE_H
