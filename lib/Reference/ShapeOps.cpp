//===- ShapeOps.cpp - Operations that move entries ------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluation.h"
#include "Moves.h"

using namespace mlir;

namespace lipt::reference {

static LogicalResult moveEntries(Evaluation &e) {
  Operation *op = e.getOperation();
  std::vector<Shape> shapes;
  std::vector<Tensor *> results;
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    Tensor *result = e.makeTypedResult(i);
    if (!result)
      return failure();
    results.push_back(result);
    shapes.push_back(result->getShape());
  }
  if (results.empty() || e.getOperands().empty())
    return success();
  double padding = 0;
  if (auto pad = dyn_cast<PadOp>(op))
    padding = pad.getValue().convertToFloat();
  std::optional<std::string> problem;
  // One instance a storage: the entries themselves are never read as numbers.
  e.getOperand(0).visit([&]<typename T>(std::span<const T>) {
    std::vector<std::span<const T>> from;
    std::vector<std::span<T>> to;
    unsigned sources = isa<ConcatOp>(op) ? e.getOperands().size() : 1;
    for (unsigned i = 0; i < sources; ++i)
      from.push_back(e.getOperand(i).values<T>());
    for (Tensor *result : results)
      to.push_back(result->values<T>());
    T filler = static_cast<T>(padding);
    problem = forEachMove(op, e.getOperands(), shapes,
                          [&](unsigned result, int64_t index, Source source) {
                            to[result][index] =
                                source.operand < 0
                                    ? filler
                                    : from[source.operand][source.index];
                          });
  });
  if (problem)
    return e.emitError() << *problem;
  return success();
}

template <typename... Ops> static void addMoves(KernelTable &table) {
  (table.add<Ops>([](Ops, Evaluation &e) { return moveEntries(e); }), ...);
}

void addShapeKernels(KernelTable &table) {
  addMoves<ReshapeOp, TransposeOp, ExpandOp, SliceOp, TileOp, PadOp, ConcatOp,
           SplitOp, GatherOp, GatherElementsOp>(table);
}

} // namespace lipt::reference
