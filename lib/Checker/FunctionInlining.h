//===- FunctionInlining.h - Inlining of model-local functions --*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_FUNCTIONINLINING_H
#define LIPT_LIB_CHECKER_FUNCTIONINLINING_H

#include "TensorReading.h"
#include "lipt/Checker/ModelFile.h"

namespace lipt::checker {

/// The nodes of the main graph with every call of a model-local function
/// replaced by its body. A value `inner` of the function becomes `call/inner`
/// (call: the calling node's name, itself prefixed when nested); Identity
/// nodes connect the function's outputs to the call's. Throws UnreadableModel.
std::vector<Node> inlineFunctions(const onnx::ModelProto &model,
                                  TensorReader &reader);

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_FUNCTIONINLINING_H
