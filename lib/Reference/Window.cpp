//===- Window.cpp - Windows of convolutions and poolings ------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Window.h"

namespace lipt::reference {

std::optional<WindowGrid> WindowGrid::make(llvm::ArrayRef<int64_t> sizes,
                                           llvm::ArrayRef<int64_t> kernel,
                                           llvm::ArrayRef<int64_t> strides,
                                           llvm::ArrayRef<int64_t> dilations,
                                           llvm::ArrayRef<int64_t> pads) {
  size_t rank = sizes.size();
  if (kernel.size() != rank || strides.size() != rank ||
      dilations.size() != rank || pads.size() != 2 * rank)
    return std::nullopt;
  // With every number below 2^31 no place can overflow.
  constexpr int64_t limit = int64_t(1) << 31;
  for (size_t i = 0; i < rank; ++i)
    for (int64_t value : {kernel[i], strides[i], dilations[i]})
      if (value < 1 || value >= limit || sizes[i] >= limit)
        return std::nullopt;
  for (int64_t pad : pads)
    if (pad <= -limit || pad >= limit)
      return std::nullopt;
  WindowGrid grid;
  grid.sizes = sizes.vec();
  grid.kernel = kernel.vec();
  grid.strides = strides.vec();
  grid.dilations = dilations.vec();
  grid.padBegins = pads.take_front(rank).vec();
  grid.padEnds = pads.drop_front(rank).vec();
  std::optional<int64_t> taps = countElements(grid.kernel);
  if (!taps || *taps >= limit)
    return std::nullopt;
  return grid;
}

void WindowGrid::collect(const Shape &window,
                         std::vector<int64_t> &places) const {
  places.clear();
  Shape tap(kernel.size(), 0);
  do {
    int64_t place = 0;
    for (size_t i = 0; i < kernel.size() && place >= 0; ++i) {
      int64_t at =
          window[i] * strides[i] + tap[i] * dilations[i] - padBegins[i];
      place = at < 0 || at >= sizes[i] ? -1 : place * sizes[i] + at;
    }
    places.push_back(place);
  } while (nextIndex(tap, kernel));
}

bool nextIndex(Shape &index, const Shape &shape) {
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (++index[axis] < shape[axis])
      return true;
    index[axis] = 0;
  }
  return false;
}

} // namespace lipt::reference
