//===- ConvolutionIncidence.h - Which taps join which cells -----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Conv and ConvTranspose seen alike: windows (output positions of a Conv, input
// positions of a ConvTranspose) that reach cells (the other tensor's positions)
// through taps. The stored kernel is [first channels, second channels, taps]
// with the first channels on the windows and the second on the cells.

#ifndef LIPT_CHECKER_CONVOLUTIONINCIDENCE_H
#define LIPT_CHECKER_CONVOLUTIONINCIDENCE_H

#include "lipt/Checker/ConvolutionMatrix.h"
#include <span>

namespace lipt::checker {

/// Π factors, 0 if one is not positive, the largest int64 if it does not fit.
int64_t saturatingProduct(std::span<const int64_t> factors);

/// Largest Σ|K| over what one window reads and over what one cell receives;
/// +infinity where it overflows.
struct WindowSums {
  double window = 0.0;
  double cell = 0.0;
};
WindowSums windowSums(const ConvolutionGeometry &geometry,
                      const MatrixSource &kernel);

struct Incidence {
  struct Link {
    int64_t window;
    int64_t cell;
    int64_t tap;
  };
  int64_t windows = 0;
  int64_t cells = 0;
  /// Ordered by window.
  std::vector<Link> links;
};

/// All links inside the tensors (padding cut off); nothing, with the reason, if
/// there are too many to list.
std::optional<Incidence> incidence(const ConvolutionGeometry &geometry,
                                   std::string &reason);

} // namespace lipt::checker

#endif // LIPT_CHECKER_CONVOLUTIONINCIDENCE_H
