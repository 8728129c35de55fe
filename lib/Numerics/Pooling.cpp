//===- Pooling.cpp - Norms of average and maximum pools -------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Numerics/ConvolutionNorm.h"

#include <algorithm>
#include <vector>

namespace lipt {

static bool usable(const PoolAxis &axis) {
  constexpr int64_t limit = int64_t(1) << 31;
  auto inside = [](int64_t value) { return value >= 1 && value <= limit; };
  auto pad = [](int64_t value) { return value >= -limit && value <= limit; };
  return inside(axis.kernel) && inside(axis.stride) && inside(axis.dilation) &&
         pad(axis.padBegin) && pad(axis.padEnd) && axis.input <= limit &&
         axis.output <= limit;
}

/// m: the largest number of windows that share one cell.
static UpperBound windowsPerCell(const PoolAxis &axis) {
  ConvolutionAxis same;
  same.kernel = axis.kernel;
  same.stride = axis.stride;
  same.dilation = axis.dilation;
  return UpperBound::fromInteger(uint64_t(same.windowsPerCell()));
}

/// Largest column sum of the 1-D operator: window q averages the cells that it
/// counts, input cells or, with count_include_pad, also those of the pads.
static UpperBound largestColumnSum(const PoolAxis &axis, bool countIncludePad) {
  constexpr int64_t workLimit = 1 << 26, cellLimit = 1 << 20;
  if (axis.input <= 0 || axis.output <= 0 || axis.input > cellLimit ||
      axis.output > workLimit / axis.kernel)
    return windowsPerCell(axis);
  std::vector<UpperBound> columns(axis.input, UpperBound::zero());
  int64_t begin = countIncludePad ? -axis.padBegin : 0;
  int64_t end = axis.input + (countIncludePad ? axis.padEnd : 0);
  for (int64_t q = 0; q < axis.output; ++q) {
    int64_t first = q * axis.stride - axis.padBegin;
    uint64_t counted = 0;
    for (int64_t t = 0; t < axis.kernel; ++t) {
      int64_t p = first + t * axis.dilation;
      counted += p >= begin && p < end;
    }
    UpperBound weight =
        UpperBound::fromRatio(1, std::max<uint64_t>(counted, 1));
    for (int64_t t = 0; t < axis.kernel; ++t) {
      int64_t p = first + t * axis.dilation;
      if (p >= 0 && p < axis.input)
        columns[p] += weight;
    }
  }
  UpperBound largest = UpperBound::zero();
  for (const UpperBound &column : columns)
    largest = max(largest, column);
  return min(largest, windowsPerCell(axis));
}

UpperBound averagePoolNorm(const std::vector<PoolAxis> &axes,
                           bool countIncludePad) {
  UpperBound product = UpperBound::one();
  for (const PoolAxis &axis : axes) {
    if (!usable(axis))
      return UpperBound::unbounded();
    product *= largestColumnSum(axis, countIncludePad);
  }
  return product.sqrt();
}

UpperBound maxPoolNorm(const std::vector<PoolAxis> &axes) {
  UpperBound product = UpperBound::one();
  for (const PoolAxis &axis : axes) {
    if (!usable(axis))
      return UpperBound::unbounded();
    product *= windowsPerCell(axis);
  }
  return product.sqrt();
}

} // namespace lipt
