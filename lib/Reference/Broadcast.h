//===- Broadcast.h - Numpy broadcasting over tensors -------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_BROADCAST_H
#define LIPT_LIB_REFERENCE_BROADCAST_H

#include "lipt/Reference/Tensor.h"

#include <array>

namespace lipt::reference {

/// The common shape of two shapes under numpy's rules; nothing if none exists.
std::optional<Shape> broadcastShapes(const Shape &lhs, const Shape &rhs);

/// Strides that walk a tensor of shape `from` along the axes of `to`: 0 where
/// an axis is repeated. `from` must broadcast to `to` (see canBroadcast).
Shape broadcastStrides(const Shape &from, const Shape &to);
bool canBroadcast(const Shape &from, const Shape &to);

/// Calls `visit(flat, offsets)` for every index of `shape` in row-major order;
/// offsets[i] is the place in the i-th strided operand.
template <size_t Count, typename Visit>
void forEachIndex(const Shape &shape, const std::array<Shape, Count> &strides,
                  Visit &&visit) {
  std::optional<int64_t> count = countElements(shape);
  if (!count || *count == 0)
    return;
  // The last axis is the inner loop; the odometer turns the others.
  size_t outerRank = shape.empty() ? 0 : shape.size() - 1;
  int64_t width = shape.empty() ? 1 : shape.back();
  std::array<int64_t, Count> begins{}, steps{};
  for (size_t i = 0; i < Count; ++i)
    steps[i] = shape.empty() ? 0 : strides[i].back();
  Shape index(outerRank, 0);
  for (int64_t flat = 0; flat < *count; flat += width) {
    std::array<int64_t, Count> offsets = begins;
    for (int64_t j = 0; j < width; ++j) {
      visit(flat + j, offsets);
      for (size_t i = 0; i < Count; ++i)
        offsets[i] += steps[i];
    }
    for (size_t axis = outerRank; axis-- > 0;) {
      for (size_t i = 0; i < Count; ++i)
        begins[i] += strides[i][axis];
      if (++index[axis] < shape[axis])
        break;
      for (size_t i = 0; i < Count; ++i)
        begins[i] -= strides[i][axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

/// A tensor seen as [outer, size, inner] around one axis.
struct AxisView {
  int64_t outer = 1, size = 1, inner = 1;
  AxisView(const Shape &shape, int64_t axis) : size(shape[axis]) {
    for (int64_t i = 0; i < static_cast<int64_t>(shape.size()); ++i)
      (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  }
};

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_BROADCAST_H
