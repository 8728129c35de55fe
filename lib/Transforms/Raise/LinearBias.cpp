//===- LinearBias.cpp - A bias added to a linear layer -----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Raiser.h"

using namespace mlir;

namespace lipt::raise {

/// Add(linear(x, W), b) with b constant over all but the last axis. Only where
/// nothing else reads the product: it would be computed twice.
bool raiseLinearBias(Operation *root, Raiser &raiser) {
  if (!llvm::isa<AddOp>(root))
    return false;
  for (unsigned i : {0u, 1u}) {
    auto linear = root->getOperand(i).getDefiningOp<LinearOp>();
    Value bias = root->getOperand(1 - i);
    if (!linear || linear.getBias() || !linear->hasOneUse() ||
        !raiser.isConstant(bias) || raiser.isConstant(linear.getInput()) ||
        !raiser.isConstant(linear.getWeight()))
      continue;
    SmallVector<SymbolicSize> sizes = getSizes(bias);
    if (sizes.empty() || sizes.back() != getSizes(linear).back() ||
        getCount(sizes) != sizes.back())
      continue;
    auto raised = raiser.create<LinearOp>(
        root, linear.getInput(), linear.getWeight(), bias,
        linear.getTransposeWeight(), linear.getAlpha(), llvm::APFloat(1.0f));
    return raiser.replace(root, raised, {linear.getInput()});
  }
  return false;
}

} // namespace lipt::raise
