//===- Broadcast.cpp - Numpy broadcasting over tensors --------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Broadcast.h"

#include <algorithm>

namespace lipt::reference {

std::optional<Shape> broadcastShapes(const Shape &lhs, const Shape &rhs) {
  Shape result(std::max(lhs.size(), rhs.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    int64_t a = i < lhs.size() ? lhs[lhs.size() - 1 - i] : 1;
    int64_t b = i < rhs.size() ? rhs[rhs.size() - 1 - i] : 1;
    if (a != b && a != 1 && b != 1)
      return std::nullopt;
    result[result.size() - 1 - i] = a == 1 ? b : a;
  }
  return result;
}

bool canBroadcast(const Shape &from, const Shape &to) {
  std::optional<Shape> common = broadcastShapes(from, to);
  return common && *common == to;
}

Shape broadcastStrides(const Shape &from, const Shape &to) {
  Shape own = stridesOf(from);
  Shape result(to.size(), 0);
  size_t skipped = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    result[skipped + i] = from[i] == 1 ? 0 : own[i];
  return result;
}

} // namespace lipt::reference
