//===- ConvolutionSums.h - Links between cells and sums over kernels -*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_CONVOLUTIONSUMS_H
#define LIPT_NUMERICS_CONVOLUTIONSUMS_H

#include "lipt/Numerics/ConvolutionNorm.h"

#include <cstdint>
#include <vector>

namespace lipt {

bool sizesKnown(const ConvolutionGeometry &geometry);

/// Spatial cells of one channel; sizes known.
int64_t inputCells(const ConvolutionGeometry &geometry);
int64_t outputCells(const ConvolutionGeometry &geometry);

/// A tap's index on each axis.
std::vector<int64_t> tapOfAxis(const ConvolutionGeometry &geometry,
                               int64_t tap);

/// Which taps connect a cell of one side with which cells of the other.
class CellLinks {
public:
  struct Link {
    int64_t tap = 0;  ///< row-major over the kernel's axes
    int64_t cell = 0; ///< row-major over the other side's axes
  };

  /// From output cells to input cells, or the other way round.
  CellLinks(const ConvolutionGeometry &geometry, bool fromOutput);

  int64_t cells() const;
  /// Links of one cell, cells of the other side increasing.
  void of(int64_t cell, std::vector<Link> &result) const;

private:
  struct Axis {
    int64_t kernel = 1, otherCells = 1;
    std::vector<std::vector<Link>> perCell;
  };
  std::vector<Axis> axes;
};

/// Sums of abs(K), maximum over channels (rule B-conv).
struct KernelSums {
  /// K_inf: over in-channels of the group and all taps, for one out-channel.
  UpperBound perOutput;
  /// K_1: over out-channels of the group and the taps that meet in one cell
  /// (one residue modulo the stride per axis), for one in-channel.
  UpperBound perInput;
};
KernelSums kernelSums(const MatrixView &kernel,
                      const ConvolutionGeometry &geometry);

} // namespace lipt

#endif // LIPT_NUMERICS_CONVOLUTIONSUMS_H
