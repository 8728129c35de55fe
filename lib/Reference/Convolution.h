//===- Convolution.h - Convolutions and their adjoints -----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_CONVOLUTION_H
#define LIPT_LIB_REFERENCE_CONVOLUTION_H

#include "Window.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"

namespace lipt::reference {

/// A convolution from [batch, inputChannels, grid.sizes...] to
/// [batch, outputChannels, grid.windows...] with a weight of shape
/// [outputChannels, inputChannels / groups, grid.kernel...].
struct ConvolutionShape {
  WindowGrid grid;
  int64_t batch, inputChannels, outputChannels, groups;
};

/// The convolution of an operation with these operand and result shapes, for a
/// transposed one the convolution whose adjoint it is; nothing if they do not
/// fit each other.
std::optional<ConvolutionShape> shapeOf(ConvOp op, const Shape &input,
                                        const Shape &weight,
                                        const Shape &result);
std::optional<ConvolutionShape> shapeOf(ConvTransposeOp op, const Shape &input,
                                        const Shape &weight,
                                        const Shape &result);

/// result += the convolution of input.
template <typename T>
void convolve(const ConvolutionShape &shape, const T *input, const T *weight,
              T *result);

/// The adjoint: `input` has the convolution's output shape, `result` (added
/// to) its input shape.
template <typename T>
void convolveTransposed(const ConvolutionShape &shape, const T *input,
                        const T *weight, T *result);

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_CONVOLUTION_H
