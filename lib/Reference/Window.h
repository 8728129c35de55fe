//===- Window.h - Windows of convolutions and poolings -----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_WINDOW_H
#define LIPT_LIB_REFERENCE_WINDOW_H

#include "lipt/Reference/Tensor.h"

#include "llvm/ADT/ArrayRef.h"

namespace lipt::reference {

/// Windows over the spatial axes of a tensor: window `o` covers the places
/// `o * stride + k * dilation - padBegin` per axis, k < kernel. Places outside
/// [0, size) are padding.
struct WindowGrid {
  Shape sizes, kernel, strides, dilations, padBegins, padEnds, windows;

  /// Joins the attributes of an operation; nothing if they do not fit each
  /// other (lengths, signs, or sizes beyond 2^31). `windows` is left to the
  /// caller.
  static std::optional<WindowGrid> make(llvm::ArrayRef<int64_t> sizes,
                                        llvm::ArrayRef<int64_t> kernel,
                                        llvm::ArrayRef<int64_t> strides,
                                        llvm::ArrayRef<int64_t> dilations,
                                        llvm::ArrayRef<int64_t> pads);

  /// Places from the first to the last entry of a window along an axis.
  int64_t extent(size_t axis) const {
    return (kernel[axis] - 1) * dilations[axis] + 1;
  }
  int64_t taps() const { return *countElements(kernel); }
  int64_t positions() const { return *countElements(windows); }

  /// For window `window` (one index an axis): the flat place of each of its
  /// taps in [sizes...], or -1 for padding.
  void collect(const Shape &window, std::vector<int64_t> &places) const;
};

/// Advances a row-major index; false after the last one.
bool nextIndex(Shape &index, const Shape &shape);

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_WINDOW_H
