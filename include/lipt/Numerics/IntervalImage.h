//===- IntervalImage.h - Boxes through affine maps --------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The range column of B-lin and B-conv: W*mid + b +- abs(W)*rad, outward.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_INTERVALIMAGE_H
#define LIPT_NUMERICS_INTERVALIMAGE_H

#include "lipt/Numerics/ConvolutionNorm.h"
#include "lipt/Numerics/MatrixView.h"
#include "lipt/Support/Interval.h"

#include <span>

namespace lipt {

/// Entry i encloses sum_j W_ij x_j + bias_i for x_j in input[j]. An empty bias
/// is zero. An unknown input entry makes exactly the outputs that read it with
/// a non-zero weight unknown.
IntervalVector affineImage(const MatrixView &weight,
                           std::span<const double> bias,
                           std::span<const Interval> input);

/// Range per output channel of a convolution from the range per input channel;
/// kernel as in ConvolutionNorm.h. Padding cells are zero, so with pads each
/// input range is first joined with 0.
IntervalVector convolutionImage(const MatrixView &kernel,
                                const ConvolutionGeometry &geometry,
                                std::span<const double> bias,
                                std::span<const Interval> input);

} // namespace lipt

#endif // LIPT_NUMERICS_INTERVALIMAGE_H
