//===- ReshapeAxes.cpp - Roles of axes after a reshape -----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/IR/Axes.h"

using namespace lipt;

namespace {

/// An axis of a size other than 1 with the product of the axes before it.
struct Factor {
  size_t axis;
  SymbolicSize before;
};

/// The axes that count, and the size-1 axes, each with its offset.
struct Split {
  llvm::SmallVector<Factor> factors, ones;
  SymbolicSize product = 1;
};

template <typename Range, typename GetSize>
Split splitOnes(const Range &range, GetSize getSize) {
  Split split;
  for (auto [i, element] : llvm::enumerate(range)) {
    const SymbolicSize &size = getSize(element);
    bool isOne = size == SymbolicSize(1);
    (isOne ? split.ones : split.factors).push_back({i, split.product});
    if (!isOne)
      split.product = split.product * size;
  }
  return split;
}

/// The role of the axes that a group of several axes turns into.
AxisRole roleOfGroup(llvm::ArrayRef<Axis> group) {
  bool allEqual = true, allPositions = true, anyWidthRole = false;
  for (const Axis &axis : group) {
    allEqual &= axis.role == group.front().role;
    allPositions &= axis.isPosition();
    anyWidthRole |=
        axis.role == AxisRole::Feature || axis.role == AxisRole::Head;
  }
  if (allEqual)
    return group.front().role;
  if (allPositions)
    return AxisRole::Batch;
  // Width axes among themselves, or mixed with positions: a vector.
  return anyWidthRole ? AxisRole::Feature : AxisRole::Unknown;
}

} // namespace

Axes lipt::reshapeAxes(llvm::ArrayRef<Axis> input,
                       llvm::ArrayRef<SymbolicSize> sizes) {
  Axes result;
  for (const SymbolicSize &size : sizes)
    result.push_back({size, AxisRole::Unknown});

  Split from = splitOnes(input, [](const Axis &axis) { return axis.size; });
  Split to = splitOnes(sizes, [](const SymbolicSize &size) { return size; });

  // A group ends where both shapes have the same product so far. Products
  // never repeat (no factor is 1) unless a size is 0 or invalid: then, and
  // where no more products agree, the rest is one group.
  size_t i = 0, j = 0;
  while (i < from.factors.size() && j < to.factors.size()) {
    size_t iEnd = from.factors.size(), jEnd = to.factors.size();
    bool found = false;
    for (size_t a = i + 1; a < from.factors.size() && !found; ++a)
      for (size_t b = j + 1; b < to.factors.size() && !found; ++b)
        if (from.factors[a].before.isValid() &&
            from.factors[a].before != SymbolicSize(0) &&
            from.factors[a].before == to.factors[b].before) {
          iEnd = a;
          jEnd = b;
          found = true;
        }
    llvm::SmallVector<Axis> group;
    for (size_t a = i; a < iEnd; ++a)
      group.push_back(input[from.factors[a].axis]);
    AxisRole role = roleOfGroup(group);
    for (size_t b = j; b < jEnd; ++b)
      result[to.factors[b].axis].role = role;
    i = iEnd;
    j = jEnd;
  }

  // An axis of size 1 that is still between the same entries keeps its role.
  size_t next = 0;
  for (const Factor &one : to.ones)
    for (size_t a = next; a < from.ones.size(); ++a)
      if (from.ones[a].before == one.before && one.before.isValid()) {
        result[one.axis].role = input[from.ones[a].axis].role;
        next = a + 1;
        break;
      }
  // A matrix needs a width: a flattened grey image or a column of features has
  // only position axes left otherwise.
  bool onlyPositions = llvm::all_of(result, [](const Axis &axis) {
    return axis.isPosition() || axis.size == SymbolicSize(1);
  });
  if (!result.empty() && result.size() <= 2 && onlyPositions)
    result.back().role = AxisRole::Feature;
  return result;
}
