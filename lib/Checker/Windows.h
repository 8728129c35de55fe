//===- Windows.h - Windows, pads and splits as nodes state them --*- C++
//-*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_WINDOWS_H
#define LIPT_LIB_CHECKER_WINDOWS_H

#include "lipt/Checker/ConstantFolding.h"

namespace lipt::checker {

/// The sliding window of Conv, ConvTranspose and the pools; one entry per
/// spatial axis.
struct Window {
  std::vector<int64_t> kernel, strides, dilations, padsBegin, padsEnd;
  std::vector<int64_t> outputPadding; // ConvTranspose
  bool ceil = false;
  /// auto_pad SAME_*: the pads above are zero unless `padsKnown`.
  bool padsKnown = true;
  int64_t rank() const { return static_cast<int64_t>(kernel.size()); }
};

/// `input` is [batch, channels, spatial…]; `kernelShape` the stored kernel's
/// shape for Conv and ConvTranspose, else null. Nothing for attributes that
/// do not fit, or a ConvTranspose with output_shape or SAME padding.
std::optional<Window> windowOf(const Node &node, const std::vector<Size> &input,
                               const std::vector<Size> *kernelShape);

std::optional<std::vector<Size>>
windowOutputShape(const Node &node, const std::vector<Size> &input,
                  const std::vector<Size> *kernelShape);

/// (begin, end) of every axis of a Pad node, negative for cropping.
std::optional<std::vector<std::pair<int64_t, int64_t>>>
padAmounts(const Node &node, const std::vector<const Constant *> &inputs,
           int64_t rank);

/// Lengths of the outputs of a Split node along its axis.
std::optional<std::vector<Size>>
splitLengths(const Node &node, const std::vector<const Constant *> &inputs,
             const std::vector<Size> &shape);

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_WINDOWS_H
