//===- Moves.cpp - Where the entries of a shape operation come from -------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Moves.h"

#include "Broadcast.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace lipt::reference {

namespace {

using Failure = std::optional<std::string>;
using Operands = llvm::ArrayRef<const Tensor *>;
constexpr auto misfit = "has operands and a result that do not fit";

/// One coordinate of the operand for each coordinate of a result's axis, or -1
/// for padding.
using AxisTable = std::vector<int64_t>;

/// Result entries that come from one operand, coordinate by coordinate.
void moveByTables(const Shape &from, const Shape &to,
                  const std::vector<AxisTable> &tables, MoveVisitor visit) {
  std::optional<int64_t> count = countElements(to);
  Shape strides = stridesOf(from), index(to.size(), 0);
  for (int64_t flat = 0; flat < count.value_or(0); ++flat) {
    int64_t place = 0;
    bool inside = true;
    for (size_t axis = 0; axis < to.size(); ++axis) {
      int64_t coordinate = tables[axis][index[axis]];
      inside &= coordinate >= 0;
      place += coordinate * strides[axis];
    }
    visit(0, flat, inside ? Source{0, place} : Source{-1, 0});
    for (size_t axis = to.size(); axis-- > 0;) {
      if (++index[axis] < to[axis])
        break;
      index[axis] = 0;
    }
  }
}

Failure move(ReshapeOp, Operands operands, const Shape &to, MoveVisitor visit) {
  int64_t count = operands[0]->getElementCount();
  if (countElements(to) != count)
    return "gives " + std::to_string(count) +
           " entries a shape with another number of entries";
  for (int64_t i = 0; i < count; ++i)
    visit(0, i, {0, i});
  return std::nullopt;
}

Failure move(TransposeOp op, Operands operands, const Shape &to,
             MoveVisitor visit) {
  const Shape &from = operands[0]->getShape();
  Shape strides = stridesOf(from);
  llvm::ArrayRef<int64_t> permutation = op.getPermutation();
  if (permutation.size() != from.size() || to.size() != from.size())
    return misfit;
  std::array<Shape, 1> walk;
  std::vector<bool> seen(from.size(), false);
  for (size_t i = 0; i < to.size(); ++i) {
    int64_t axis = permutation[i];
    if (axis < 0 || axis >= static_cast<int64_t>(from.size()) || seen[axis] ||
        to[i] != from[axis])
      return misfit;
    seen[axis] = true;
    walk[0].push_back(strides[axis]);
  }
  forEachIndex(to, walk,
               [&](int64_t i, auto &offsets) { visit(0, i, {0, offsets[0]}); });
  return std::nullopt;
}

Failure move(ExpandOp, Operands operands, const Shape &to, MoveVisitor visit) {
  const Shape &from = operands[0]->getShape();
  if (!canBroadcast(from, to))
    return misfit;
  std::array<Shape, 1> walk = {broadcastStrides(from, to)};
  forEachIndex(to, walk,
               [&](int64_t i, auto &offsets) { visit(0, i, {0, offsets[0]}); });
  return std::nullopt;
}

Failure move(SliceOp op, Operands operands, const Shape &to,
             MoveVisitor visit) {
  const Shape &from = operands[0]->getShape();
  llvm::ArrayRef<int64_t> starts = op.getStarts(), steps = op.getSteps();
  if (starts.size() != from.size() || steps.size() != from.size() ||
      to.size() != from.size())
    return misfit;
  std::vector<AxisTable> tables(to.size());
  for (size_t axis = 0; axis < to.size(); ++axis)
    for (int64_t i = 0; i < to[axis]; ++i) {
      int64_t coordinate;
      if (__builtin_mul_overflow(steps[axis], i, &coordinate) ||
          __builtin_add_overflow(coordinate, starts[axis], &coordinate) ||
          coordinate < 0 || coordinate >= from[axis])
        return "reaches outside of its operand on axis " + std::to_string(axis);
      tables[axis].push_back(coordinate);
    }
  moveByTables(from, to, tables, visit);
  return std::nullopt;
}

Failure move(TileOp op, Operands operands, const Shape &to, MoveVisitor visit) {
  const Shape &from = operands[0]->getShape();
  if (to.size() != from.size())
    return misfit;
  std::vector<AxisTable> tables(to.size());
  for (size_t axis = 0; axis < to.size(); ++axis)
    for (int64_t i = 0; i < to[axis]; ++i) {
      if (from[axis] == 0)
        return misfit;
      tables[axis].push_back(i % from[axis]);
    }
  moveByTables(from, to, tables, visit);
  return std::nullopt;
}

/// The coordinate that padding reads, or -1.
int64_t paddedCoordinate(int64_t coordinate, int64_t size, PadMode mode) {
  if (coordinate >= 0 && coordinate < size)
    return coordinate;
  if (mode == PadMode::Constant || size == 0)
    return -1;
  if (mode == PadMode::Edge)
    return coordinate < 0 ? 0 : size - 1;
  int64_t period =
      mode == PadMode::Wrap ? size : std::max<int64_t>(1, 2 * size - 2);
  int64_t place = coordinate % period;
  place += place < 0 ? period : 0;
  return place < size ? place : period - place;
}

Failure move(PadOp op, Operands operands, const Shape &to, MoveVisitor visit) {
  const Shape &from = operands[0]->getShape();
  llvm::ArrayRef<int64_t> pads = op.getPads();
  constexpr int64_t limit = int64_t(1) << 40;
  if (to.size() != from.size() || pads.size() != 2 * from.size())
    return misfit;
  std::vector<AxisTable> tables(to.size());
  for (size_t axis = 0; axis < to.size(); ++axis) {
    int64_t begin = pads[axis];
    if (begin <= -limit || begin >= limit)
      return misfit;
    for (int64_t i = 0; i < to[axis]; ++i)
      tables[axis].push_back(
          paddedCoordinate(i - begin, from[axis], op.getMode()));
  }
  moveByTables(from, to, tables, visit);
  return std::nullopt;
}

/// Entries of part `part` along `axis` of a whole: for each, its flat place in
/// the part and in the whole. `begin` is the part's first coordinate.
template <typename Visit>
void forEachInPart(const Shape &part, const Shape &whole, int64_t axis,
                   int64_t begin, Visit visit) {
  AxisView partView(part, axis), wholeView(whole, axis);
  int64_t run = partView.size * partView.inner;
  for (int64_t outer = 0; outer < partView.outer; ++outer)
    for (int64_t i = 0; i < run; ++i)
      visit(outer * run + i,
            (outer * wholeView.size + begin) * wholeView.inner + i);
}

/// True if `part` is `whole` except on `axis`, where it fits behind `begin`.
bool fitsInto(const Shape &part, const Shape &whole, int64_t axis,
              int64_t begin) {
  if (part.size() != whole.size())
    return false;
  for (size_t i = 0; i < part.size(); ++i)
    if (static_cast<int64_t>(i) == axis ? part[i] > whole[i] - begin
                                        : part[i] != whole[i])
      return false;
  return true;
}

Failure move(ConcatOp op, Operands operands, const Shape &to,
             MoveVisitor visit) {
  int64_t rank = to.size(), axis = op.getAxis();
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis >= rank)
    return misfit;
  int64_t begin = 0;
  for (auto [number, operand] : llvm::enumerate(operands)) {
    const Shape &part = operand->getShape();
    if (!fitsInto(part, to, axis, begin))
      return misfit;
    forEachInPart(part, to, axis, begin, [&](int64_t inPart, int64_t inWhole) {
      visit(0, inWhole, {static_cast<int32_t>(number), inPart});
    });
    begin += part[axis];
  }
  return begin == to[axis] ? Failure() : misfit;
}

Failure moveSplit(SplitOp op, Operands operands, llvm::ArrayRef<Shape> results,
                  MoveVisitor visit) {
  const Shape &from = operands[0]->getShape();
  int64_t rank = from.size(), axis = op.getAxis();
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis >= rank)
    return misfit;
  int64_t begin = 0;
  for (auto [number, part] : llvm::enumerate(results)) {
    if (!fitsInto(part, from, axis, begin))
      return misfit;
    forEachInPart(part, from, axis, begin,
                  [&](int64_t inPart, int64_t inWhole) {
                    visit(number, inPart, {0, inWhole});
                  });
    begin += part[axis];
  }
  return std::nullopt;
}

/// A gather index as a coordinate below `size`, or -1 if it is outside.
int64_t toCoordinate(const Tensor &indices, int64_t at, int64_t size) {
  int64_t index = indices.getAsInteger(at);
  index += index < 0 ? size : 0;
  return index < size && index >= 0 ? index : -1;
}

Failure outside(const Tensor &indices, int64_t at, int64_t size) {
  return "has index " + std::to_string(indices.getAsInteger(at)) +
         " into an axis of size " + std::to_string(size);
}

Failure move(GatherOp op, Operands operands, const Shape &to,
             MoveVisitor visit) {
  const Shape &from = operands[0]->getShape();
  const Tensor &indices = *operands[1];
  int64_t rank = from.size(), axis = op.getAxis();
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis >= rank || indices.isFloat())
    return misfit;
  Shape expected(from.begin(), from.begin() + axis);
  expected.insert(expected.end(), indices.getShape().begin(),
                  indices.getShape().end());
  expected.insert(expected.end(), from.begin() + axis + 1, from.end());
  if (expected != to)
    return misfit;
  AxisView view(from, axis);
  int64_t picked = indices.getElementCount();
  for (int64_t i = 0; i < picked; ++i) {
    int64_t coordinate = toCoordinate(indices, i, view.size);
    if (coordinate < 0)
      return outside(indices, i, view.size);
    for (int64_t outer = 0; outer < view.outer; ++outer)
      for (int64_t inner = 0; inner < view.inner; ++inner)
        visit(0, (outer * picked + i) * view.inner + inner,
              {0, (outer * view.size + coordinate) * view.inner + inner});
  }
  return std::nullopt;
}

Failure move(GatherElementsOp op, Operands operands, const Shape &to,
             MoveVisitor visit) {
  const Shape &from = operands[0]->getShape();
  const Tensor &indices = *operands[1];
  int64_t rank = from.size(), axis = op.getAxis();
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis >= rank || indices.getShape() != to ||
      to.size() != from.size() || indices.isFloat())
    return misfit;
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis && to[i] > from[i])
      return misfit;
  std::array<Shape, 1> walk = {stridesOf(from)};
  int64_t stride = walk[0][axis];
  walk[0][axis] = 0;
  Failure problem;
  forEachIndex(to, walk, [&](int64_t i, auto &offsets) {
    int64_t coordinate = toCoordinate(indices, i, from[axis]);
    if (coordinate >= 0)
      visit(0, i, {0, offsets[0] + coordinate * stride});
    else if (!problem)
      problem = outside(indices, i, from[axis]);
  });
  return problem;
}

} // namespace

bool isMove(Operation *op) {
  return isa<ReshapeOp, TransposeOp, ExpandOp, SliceOp, TileOp, PadOp, ConcatOp,
             SplitOp, GatherOp, GatherElementsOp>(op);
}

std::optional<std::string> forEachMove(Operation *op,
                                       llvm::ArrayRef<const Tensor *> operands,
                                       llvm::ArrayRef<Shape> resultShapes,
                                       MoveVisitor visit) {
  if (auto split = dyn_cast<SplitOp>(op))
    return moveSplit(split, operands, resultShapes, visit);
  return llvm::TypeSwitch<Operation *, Failure>(op)
      .Case<ReshapeOp, TransposeOp, ExpandOp, SliceOp, TileOp, PadOp, ConcatOp,
            GatherOp, GatherElementsOp>([&](auto concrete) {
        return move(concrete, operands, resultShapes[0], visit);
      })
      .Default([](Operation *) { return "moves no entries"; });
}

} // namespace lipt::reference
