//===- AffineSteps.cpp - The steps of the affine walk ---------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AffineWalk.h"
#include "Windows.h"
#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"

#include <algorithm>
#include <numeric>

using namespace lipt::checker;

namespace {

int64_t knownLength(const Size &size) {
  auto length = size.constant();
  if (!length)
    reject("a width axis has a symbolic length");
  return *length;
}

/// Lengths of the width axes in axis order (1 for position axes).
std::vector<int64_t> widthExtents(const std::vector<Size> &shape,
                                  const std::vector<AxisOrigin> &axes) {
  std::vector<int64_t> extents;
  for (size_t i = 0; i < shape.size(); ++i)
    extents.push_back(axes[i].position ? 1 : knownLength(shape[i]));
  return extents;
}

/// The constant as a matrix `rows` x `cols` with its entrywise error turned
/// into a Frobenius one.
Assembled constantMatrix(const Constant &constant, int64_t rows, int64_t cols) {
  Assembled matrix;
  matrix.value = Matrix(rows, cols);
  auto tensor = constant.materialized();
  if (!tensor || tensor->count() != rows * cols)
    reject("a weight has no known value");
  matrix.value.data = tensor->reals();
  if (constant.error != 0)
    matrix.error = Extended::fromDouble(constant.error) *
                   sqrtOfIntegerUp(rows) * sqrtOfIntegerUp(cols);
  return matrix;
}

} // namespace

AffineMap AffineWalk::negate(const AffineMap &map) const {
  AffineMap result = map;
  if (map.isIdentity) {
    result.matrix = identity(map.inputWidth);
    result.isIdentity = false;
  }
  result.matrix = scaleBy(result.matrix, -1.0);
  result.diagonal = nullptr;
  result.offset = scaleBy(map.offset, -1.0);
  return result;
}

AffineMap AffineWalk::scaled(const AffineMap &map,
                             const AssembledVector &scales) const {
  AffineMap result = map;
  result.matrix = scaleRows(map.spelled(), scales);
  result.isIdentity = false;
  result.diagonal =
      map.isIdentity ? std::make_shared<AssembledVector>(scales) : nullptr;
  result.offset = multiply(map.offset, scales);
  return result;
}

AffineMap AffineWalk::rows(const AffineMap &map,
                           const std::vector<int64_t> &rows) const {
  AffineMap result = map;
  result.matrix = selectRows(map.spelled(), rows);
  result.diagonal = nullptr;
  result.isIdentity = false;
  result.offset = checker::select(map.offset, rows);
  return result;
}

AffineMap AffineWalk::applyOnLastAxis(const AffineMap &map,
                                      const std::vector<Size> &shape,
                                      const Constant &weight, bool transposed,
                                      double alpha) const {
  if (shape.empty() || map.axes.back().position)
    reject("a matrix product in an affine chain acts on a position axis");
  int64_t inner = knownLength(shape.back());
  std::vector<int64_t> extents = widthExtents(shape, map.axes);
  int64_t blocks = 1;
  for (size_t i = 0; i + 1 < extents.size(); ++i)
    blocks *= extents[i];
  Size total = product(weight.shape);
  int64_t outer = inner ? knownLength(total) / inner : 0;
  if (outer * inner != knownLength(total))
    reject("a weight does not fit its operand");
  Assembled matrix = transposed
                         ? constantMatrix(weight, outer, inner)
                         : transpose(constantMatrix(weight, inner, outer));
  if (alpha != 1)
    matrix = scaleBy(matrix, alpha);
  AffineMap result = map;
  result.isIdentity = false;
  result.diagonal = nullptr;
  if (blocks == 1) {
    result.matrix = map.isIdentity ? matrix
                    : map.diagonal ? scaleColumns(matrix, *map.diagonal)
                                   : product(matrix, map.matrix, 1);
    result.offset = product(matrix, map.offset);
    return result;
  }
  std::vector<Assembled> parts;
  std::vector<AssembledVector> offsets;
  if (blocks * outer > (1 << 24) / std::max<int64_t>(1, map.inputWidth) * 16)
    reject("an affine chain is too large to be spelled out");
  Assembled before = map.spelled();
  for (int64_t block = 0; block < blocks; ++block) {
    std::vector<int64_t> indices(inner);
    std::iota(indices.begin(), indices.end(), block * inner);
    parts.push_back(product(matrix, selectRows(before, indices), 1));
    offsets.push_back(product(matrix, checker::select(map.offset, indices)));
  }
  result.matrix = verticalStack(parts);
  result.offset = concatenate(offsets);
  return result;
}

AffineMap AffineWalk::matMul(const Node &node) {
  const Constant *weight = graph.constant(node.input(1));
  if (!weight || graph.isConstant(node.inputs[0]))
    fail(node.name());
  const auto &shape = graph.shape(node.inputs[0]);
  // Leading axes of the weight may only be of length 1.
  size_t rank = weight->shape.size();
  for (size_t i = 0; i + 2 < rank; ++i)
    if (!weight->shape[i].isOne())
      reject("'", node.name(), "' multiplies by different matrices");
  if (rank == 0 || shape.empty() ||
      weight->shape[rank >= 2 ? rank - 2 : 0] != shape.back() ||
      graph.shape(node.name()).size() + (rank == 1) != shape.size())
    reject("'", node.name(), "' has operands that do not fit");
  AffineMap result =
      applyOnLastAxis(*visit(node.inputs[0]), shape, *weight, false, 1);
  if (rank == 1)
    result.axes.pop_back();
  return result;
}

AffineMap AffineWalk::gemm(const Node &node) {
  const Constant *weight = graph.constant(node.input(1));
  if (!weight || graph.isConstant(node.inputs[0]) ||
      node.integer("transA", 0) != 0)
    fail(node.name());
  const auto &shape = graph.shape(node.inputs[0]);
  const auto &outShape = graph.shape(node.name());
  bool transposed = node.integer("transB", 0) != 0;
  if (shape.size() != 2 || weight->shape.size() != 2 ||
      weight->shape[transposed ? 1 : 0] != shape[1])
    reject("'", node.name(), "' has operands that do not fit");
  AffineMap result = applyOnLastAxis(*visit(node.inputs[0]), shape, *weight,
                                     transposed, node.real("alpha", 1));
  double beta = node.real("beta", 1);
  if (node.input(2).empty() || beta == 0)
    return result;
  const Constant *bias = graph.constant(node.input(2));
  if (!bias)
    fail(node.name());
  AssembledVector vector = widthVector(*bias, outShape, result.axes);
  if (beta != 1)
    vector = scaleBy(vector, beta);
  result.offset = add(result.offset, vector);
  return result;
}

AffineMap AffineWalk::arithmetic(const Node &node) {
  if (node.inputs.size() != 2)
    fail(node.name());
  const auto &outShape = graph.shape(node.name());
  bool first = graph.isConstant(node.inputs[0]);
  bool second = graph.isConstant(node.inputs[1]);
  if (!first && !second) {
    if (node.opType == "Mul" || node.opType == "Div")
      fail(node.name());
    Map a = visit(node.inputs[0]), b = visit(node.inputs[1]);
    if (graph.shape(node.inputs[0]) != outShape ||
        graph.shape(node.inputs[1]) != outShape || a->axes != b->axes ||
        a->selected != b->selected)
      reject("'", node.name(), "' adds tensors of different arrangement");
    AffineMap result = *a;
    double sign = node.opType == "Sub" ? -1 : 1;
    result.matrix = linearCombination(1, a->spelled(), sign, b->spelled());
    result.diagonal = nullptr;
    result.isIdentity = false;
    result.offset =
        sign < 0 ? subtract(a->offset, b->offset) : add(a->offset, b->offset);
    result.nodes.insert(b->nodes.begin(), b->nodes.end());
    return result;
  }
  const std::string &varying = node.inputs[first ? 1 : 0];
  const Constant *constant = graph.constant(node.inputs[first ? 0 : 1]);
  if (!constant || graph.shape(varying) != outShape)
    fail(node.name());
  Map map = visit(varying);
  AssembledVector vector = widthVector(*constant, outShape, map->axes);
  if (node.opType == "Mul")
    return scaled(*map, vector);
  if (node.opType == "Div") {
    if (first)
      fail(node.name());
    return scaled(*map, reciprocal(vector));
  }
  bool subtracted = node.opType == "Sub";
  AffineMap result = subtracted && first ? negate(*map) : *map;
  result.offset = subtracted && !first ? subtract(result.offset, vector)
                                       : add(result.offset, vector);
  return result;
}

AffineMap AffineWalk::batchNorm(const Node &node) {
  Map map = visit(node.inputs[0]);
  auto fold = foldBatchNorm(graph, node);
  const auto &shape = graph.shape(node.name());
  if (!fold || shape.size() < 2 || map->axes[1].position)
    fail(node.name());
  // One number per channel: repeat over the other width axes.
  std::vector<int64_t> extents = widthExtents(shape, map->axes);
  int64_t inner = 1, outer = extents[0];
  for (size_t i = 2; i < extents.size(); ++i)
    inner *= extents[i];
  std::vector<int64_t> channels;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t c = 0; c < extents[1]; ++c)
      channels.insert(channels.end(), inner, c);
  AffineMap result = scaled(*map, checker::select(fold->scale, channels));
  result.offset = add(result.offset, checker::select(fold->shift, channels));
  return result;
}

AffineMap AffineWalk::reshape(const Node &node) {
  Map map = visit(node.inputs[0]);
  const auto &from = graph.shape(node.inputs[0]);
  const auto &to = graph.shape(node.name());
  auto groups = groupAxes(from, to);
  if (!groups)
    reject("'", node.name(), "' reshapes ", text(from), " to ", text(to),
           ", whose axes cannot be matched");
  AffineMap result = *map;
  result.axes.assign(to.size(), AxisOrigin());
  for (const AxisGroup &group : *groups) {
    bool position = map->axes[group.from[0]].position;
    std::vector<AxisOrigin::Piece> pieces;
    for (int64_t axis : group.from) {
      if (map->axes[axis].position != position)
        reject("'", node.name(), "' mixes position and width axes");
      const auto &own = map->axes[axis].pieces;
      pieces.insert(pieces.end(), own.begin(), own.end());
    }
    if (!position)
      continue;
    // Hand the pieces out again, outermost axis first, splitting where a new
    // axis ends inside a piece and joining neighbours of one source axis.
    size_t next = 0;
    for (int64_t axis : group.to) {
      AxisOrigin &origin = result.axes[axis];
      origin.position = true;
      Size missing = to[axis];
      while (!missing.isOne()) {
        if (next >= pieces.size())
          reject("'", node.name(), "' rearranges positions");
        AxisOrigin::Piece &piece = pieces[next];
        if (auto rest = missing.dividedBy(piece.extent)) {
          origin.pieces.push_back(piece);
          missing = *rest;
          ++next;
        } else if (auto inner = piece.extent.dividedBy(missing)) {
          origin.pieces.push_back({piece.axis, piece.stride * *inner, missing});
          piece.extent = *inner;
          missing = Size(1);
        } else {
          reject("'", node.name(), "' splits a position axis unevenly");
        }
      }
      for (size_t i = 0; i + 1 < origin.pieces.size();) {
        auto &outer = origin.pieces[i], &inner = origin.pieces[i + 1];
        if (outer.axis == inner.axis &&
            outer.stride == inner.stride * inner.extent) {
          outer = {outer.axis, inner.stride, outer.extent * inner.extent};
          origin.pieces.erase(origin.pieces.begin() + int64_t(i) + 1);
        } else {
          ++i;
        }
      }
    }
  }
  return result;
}

AffineMap AffineWalk::transposeAxes(const Node &node) {
  Map map = visit(node.inputs[0]);
  const auto &shape = graph.shape(node.inputs[0]);
  size_t rank = shape.size();
  std::vector<int64_t> permutation(rank);
  for (size_t i = 0; i < rank; ++i)
    permutation[i] = static_cast<int64_t>(rank - 1 - i);
  if (auto given = node.integers("perm"))
    permutation = *given;
  graph.shape(node.name()); // a valid permutation, or there is no shape
  std::vector<int64_t> extents = widthExtents(shape, map->axes);
  std::vector<int64_t> strides = rowMajorStrides(extents), order, newExtents;
  AffineMap result = *map;
  for (size_t i = 0; i < rank; ++i) {
    result.axes[i] = map->axes[permutation[i]];
    newExtents.push_back(extents[permutation[i]]);
  }
  int64_t count = elementCount(extents);
  std::vector<int64_t> counter(rank, 0);
  int64_t offset = 0;
  bool same = true;
  for (int64_t i = 0; i < count; ++i) {
    order.push_back(offset);
    same = same && offset == i;
    for (size_t k = rank; k-- > 0;) {
      offset += strides[permutation[k]];
      if (++counter[k] < newExtents[k])
        break;
      offset -= strides[permutation[k]] * newExtents[k];
      counter[k] = 0;
    }
  }
  if (same)
    return result;
  auto axes = result.axes;
  result = rows(*map, order);
  result.axes = axes;
  return result;
}

AffineMap AffineWalk::select(const Node &node, const std::string &tensor) {
  Map map = visit(node.inputs[0]);
  const auto &shape = graph.shape(node.inputs[0]);
  std::vector<int64_t> extents = widthExtents(shape, map->axes);
  // Picked indices of every axis; empty: all.
  std::vector<std::vector<int64_t>> picks(shape.size());
  bool dropped = false;
  int64_t axisDropped = 0;
  auto axes = map->axes;
  auto selected = map->selected;
  auto pick = [&](int64_t axis, std::vector<int64_t> indices) {
    if (!axes[axis].position) {
      picks[axis] = std::move(indices);
      return;
    }
    // Some positions, none twice: told apart by their list.
    auto &pieces = axes[axis].pieces;
    int64_t count = static_cast<int64_t>(indices.size());
    std::set<int64_t> distinct(indices.begin(), indices.end());
    if (count == 0 || static_cast<int64_t>(distinct.size()) != count)
      reject("'", tensor, "' repeats positions");
    std::string text;
    for (const AxisOrigin::Piece &piece : pieces)
      text += std::to_string(piece.axis) + "/" + piece.stride.text() + "*" +
              piece.extent.text() + " ";
    for (int64_t index : indices)
      text += "," + std::to_string(index);
    selected.push_back(text);
    pieces = {{pieces[0].axis, pieces[0].stride, Size(count)}};
    if (count == 1)
      axes[axis] = AxisOrigin();
  };
  if (node.is("Slice")) {
    auto ranges = sliceParameters(node, graph.constantInputs(node), shape);
    if (!ranges)
      fail(tensor);
    for (const auto &[axis, range] : *ranges) {
      if (range.length == shape[axis] && range.step == 1)
        continue; // the whole axis
      std::vector<int64_t> indices;
      int64_t length = knownLength(range.length);
      int64_t start = knownLength(range.start);
      for (int64_t i = 0; i < length; ++i)
        indices.push_back(start + i * range.step);
      pick(axis, indices);
    }
  } else if (node.is("Split")) {
    auto lengths = splitLengths(node, graph.constantInputs(node), shape);
    int64_t axis = node.integer("axis", 0);
    axis = axis < 0 ? axis + static_cast<int64_t>(shape.size()) : axis;
    if (!lengths)
      fail(tensor);
    int64_t start = 0;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      int64_t length = knownLength((*lengths)[i]);
      if (node.outputs[i] == tensor) {
        std::vector<int64_t> indices(length);
        std::iota(indices.begin(), indices.end(), start);
        pick(axis, indices);
      }
      start += length;
    }
  } else {
    const Constant *index = graph.constant(node.input(1));
    auto indices = index ? index->integers() : std::nullopt;
    int64_t axis = node.integer("axis", 0);
    axis = axis < 0 ? axis + static_cast<int64_t>(shape.size()) : axis;
    if (!indices || axis < 0 || axis >= static_cast<int64_t>(shape.size()))
      fail(tensor);
    int64_t length = knownLength(shape[axis]);
    for (int64_t &entry : *indices) {
      entry = entry < 0 ? entry + length : entry;
      if (entry < 0 || entry >= length)
        reject("'", tensor, "' gathers outside its operand");
    }
    pick(axis, *indices);
    dropped = index->shape.empty();
    axisDropped = axis;
  }
  std::vector<int64_t> chosen = {0}, strides = rowMajorStrides(extents);
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    std::vector<int64_t> indices = picks[axis];
    bool all = indices.empty();
    if (all) {
      indices.resize(extents[axis]);
      std::iota(indices.begin(), indices.end(), 0);
    }
    std::vector<int64_t> next;
    next.reserve(chosen.size() * indices.size());
    for (int64_t base : chosen)
      for (int64_t index : indices)
        next.push_back(base + index * strides[axis]);
    chosen = std::move(next);
  }
  bool every = true;
  for (const auto &indices : picks)
    every = every && indices.empty();
  AffineMap result = every ? *map : rows(*map, chosen);
  result.axes = axes;
  result.selected = selected;
  if (dropped)
    result.axes.erase(result.axes.begin() + axisDropped);
  return result;
}

AffineMap AffineWalk::concat(const Node &node) {
  const auto &shape = graph.shape(node.name());
  int64_t rank = static_cast<int64_t>(shape.size());
  int64_t axis = node.integer("axis", 1);
  axis = axis < 0 ? axis + rank : axis;
  Map first;
  std::set<int64_t> nodes;
  for (const std::string &input : node.inputs)
    if (!graph.isConstant(input)) {
      Map map = visit(input);
      nodes.insert(map->nodes.begin(), map->nodes.end());
      std::vector<AxisOrigin> own = map->axes;
      if (first && (own != first->axes || map->selected != first->selected))
        reject("'", node.name(), "' joins tensors of different arrangement");
      first = map;
    }
  if (!first || first->axes[axis].position)
    fail(node.name());
  std::vector<Assembled> parts;
  std::vector<AssembledVector> offsets;
  std::vector<int64_t> lengths; // along the axis
  for (const std::string &input : node.inputs) {
    const auto &own = graph.shape(input);
    lengths.push_back(knownLength(own[axis]));
    if (!graph.isConstant(input)) {
      Map map = visit(input);
      parts.push_back(map->spelled());
      offsets.push_back(map->offset);
      continue;
    }
    const Constant *constant = graph.constant(input);
    if (!constant)
      fail(node.name());
    offsets.push_back(widthVector(*constant, own, first->axes));
    parts.push_back(zeroMatrix(offsets.back().size(), first->inputWidth));
  }
  AffineMap result = *first;
  result.isIdentity = false;
  result.nodes = nodes;
  result.matrix = verticalStack(parts);
  result.diagonal = nullptr;
  result.offset = concatenate(offsets);
  // The stack has the parts one after the other; the tensor interleaves them
  // where width axes precede the joined one.
  std::vector<int64_t> extents = widthExtents(shape, first->axes);
  int64_t outer = 1, inner = 1;
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis)
      (i < axis ? outer : inner) *= extents[i];
  if (outer == 1)
    return result;
  std::vector<int64_t> order;
  for (int64_t o = 0; o < outer; ++o) {
    int64_t base = 0;
    for (int64_t length : lengths) {
      for (int64_t i = 0; i < length * inner; ++i)
        order.push_back(base + o * length * inner + i);
      base += outer * length * inner;
    }
  }
  return rows(result, order);
}
