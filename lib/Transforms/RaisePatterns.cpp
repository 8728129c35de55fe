//===- RaisePatterns.cpp - Recognise decomposed operations -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Raise/Raiser.h"

#include "lipt/Transforms/Passes.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lipt {
#define GEN_PASS_DEF_RAISEPATTERNS
#include "lipt/Transforms/Passes.h.inc"
} // namespace lipt

using namespace lipt;
using namespace mlir;

/// Removes the remains of forms, users first.
static void eraseDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

namespace {

struct RaisePatterns : lipt::impl::RaisePatternsBase<RaisePatterns> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    // Later sweeps see the operations of earlier ones: a soft cap within
    // attention, rotated queries, a softmax.
    const SmallVector<raise::Raiser::Pattern> sweeps[] = {
        {raise::raiseLinearBias},
        {raise::raiseNormalization, raise::raiseActivation,
         raise::raiseSoftmax},
        {raise::raiseRotary},
        {raise::raisePartialRotary},
        {raise::raiseAttention}};
    for (const auto &patterns : sweeps) {
      raise::Raiser(function).sweep(patterns);
      eraseDead(function.getBody().front());
    }
  }
};

} // namespace
