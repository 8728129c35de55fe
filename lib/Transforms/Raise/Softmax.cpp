//===- Softmax.cpp - Softmax from exponentials -------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Raiser.h"

using namespace mlir;

namespace lipt::raise {

/// The sum over one axis that `value` is, with that axis kept or spread again;
/// null if it is anything else.
static ReduceOp findSum(Value value, Value exponentials) {
  for (Value inner = value;;) {
    Operation *op = inner.getDefiningOp();
    if (auto reduce = llvm::dyn_cast_or_null<ReduceOp>(op)) {
      bool fits = reduce.getKind() == ReductionKind::Sum &&
                  reduce.getInput() == exponentials &&
                  reduce.getAxes().size() == 1 &&
                  isConstantAlong(value, exponentials, reduce.getAxes());
      return fits ? reduce : ReduceOp();
    }
    // Reshapes, and broadcasts that add no entry, keep the order of the sums;
    // isConstantAlong admits one broadcast to full size, the outermost.
    bool isTransparent =
        llvm::isa_and_nonnull<ReshapeOp>(op) ||
        (llvm::isa_and_nonnull<ExpandOp>(op) &&
         (inner == value ||
          getCount(getSizes(inner)) == getCount(getSizes(op->getOperand(0)))));
    if (!isTransparent)
      return {};
    inner = op->getOperand(0);
  }
}

/// exp(x - m) / sum(exp(x - m)) for any m that is constant along the axis of
/// the sum: softmax does not see shifts.
bool raiseSoftmax(Operation *root, Raiser &raiser) {
  Value exponentials, sums;
  if (auto div = llvm::dyn_cast<DivOp>(root)) {
    exponentials = div.getLhs();
    sums = div.getRhs();
  } else if (auto mul = llvm::dyn_cast<MulOp>(root)) {
    for (unsigned i : {0u, 1u})
      if (auto inverse = mul->getOperand(i).getDefiningOp<ReciprocalOp>()) {
        exponentials = mul->getOperand(1 - i);
        sums = inverse.getInput();
      }
  }
  auto exp = exponentials ? exponentials.getDefiningOp<ExpOp>() : ExpOp();
  ReduceOp reduce = exp ? findSum(sums, exponentials) : ReduceOp();
  if (!reduce || !haveEqualSizes(root->getResult(0), exponentials))
    return false;
  int64_t axis = reduce.getAxes().front();
  Value x = exp.getInput();
  if (auto difference = x.getDefiningOp<SubOp>())
    if (haveEqualSizes(difference.getLhs(), x) &&
        isConstantAlong(difference.getRhs(), x, reduce.getAxes())) {
      auto raised = raiser.create<SoftmaxOp>(root, difference.getLhs(), axis);
      // The shift has to come from the same logits, or it is not covered.
      if (raiser.replace(root, raised, {difference.getLhs()}))
        return true;
    }
  return raiser.replace(root, raiser.create<SoftmaxOp>(root, x, axis), {x});
}

} // namespace lipt::raise
