//===- ConstantOps.h - Element-wise and shape functions on constants ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CERTIFICATE_CONSTANTOPS_H
#define LIPT_LIB_CERTIFICATE_CONSTANTOPS_H

#include "lipt/Certificate/ConstantEvaluator.h"

#include <span>

namespace lipt::constant_ops {

using Operands = std::span<const ConstantEvaluator::Result>;

/// Each returns false with `error` set where the expression is malformed or
/// the function unknown. `result` has its type and shape set by the caller.
bool elementwise(const ConstantExpr &expression, Operands operands,
                 ConstantTensor &result, std::string &error);
bool reduce(const ConstantExpr &expression, Operands operands,
            ConstantTensor &result, std::string &error);
bool rearrange(const ConstantExpr &expression, Operands operands,
               ConstantTensor &result, std::string &error);

/// Row-major strides of a shape; 0 for axes of size 1 if `broadcast`.
std::vector<int64_t> stridesOf(const std::vector<int64_t> &shape,
                               bool broadcast = false);

} // namespace lipt::constant_ops

#endif // LIPT_LIB_CERTIFICATE_CONSTANTOPS_H
