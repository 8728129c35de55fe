//===- ShapeOps.cpp - Transposes of operations that move entries ----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Moves.h"
#include "Pullback.h"

using namespace mlir;

namespace lipt::reference {

/// Each result entry's cotangent goes where the entry came from.
static bool pullMoves(Pullback &p) {
  Operation *op = p.getOperation();
  std::vector<std::span<double>> to;
  for (Value operand : op->getOperands())
    to.push_back(p.add(operand));
  std::vector<std::span<const double>> from;
  std::vector<Shape> shapes;
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    from.push_back(p.cotangent(i));
    shapes.push_back(p.getResult(i).getShape());
  }
  return !forEachMove(op, p.getOperands(), shapes,
                      [&](unsigned result, int64_t index, Source source) {
                        if (source.operand >= 0 && !from[result].empty() &&
                            !to[source.operand].empty())
                          to[source.operand][source.index] +=
                              from[result][index];
                      });
}

template <typename... Ops> static void addMoves(PullbackTable &table) {
  (table.add<Ops>([](Ops, Pullback &p) { return pullMoves(p); }), ...);
}

void addShapePullbacks(PullbackTable &table) {
  addMoves<ReshapeOp, TransposeOp, ExpandOp, SliceOp, TileOp, PadOp, ConcatOp,
           SplitOp, GatherOp, GatherElementsOp>(table);
}

} // namespace lipt::reference
