//===- ConvolutionMatch.h - Convolutions with what is fused after them --*- C++
//-*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_RULES_CONVOLUTIONMATCH_H
#define LIPT_LIB_CHECKER_RULES_CONVOLUTIONMATCH_H

#include "lipt/Checker/ConvolutionMatrix.h"
#include "lipt/Checker/Graph.h"

#include <set>
#include <string>

namespace lipt::checker {

/// tensor = conv(source) with the kernel's output channels scaled by what
/// follows (BatchNormalization, Mul, Div, Add, Sub with per-channel
/// constants), plus one bias per channel.
struct ConvolutionMatch {
  std::string source; // canonical
  ConvolutionGeometry geometry;
  Assembled kernel;
  AssembledVector bias;
  bool padded = false;
  std::set<int64_t> nodes;
};
/// Rejects if the tensor is no such convolution.
ConvolutionMatch matchConvolution(const Graph &graph,
                                  const std::string &tensor);

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_RULES_CONVOLUTIONMATCH_H
