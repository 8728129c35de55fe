//===- ConvolutionMatrix.h - Norms of convolutions (B-conv, B-convT) -*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution is a sparse matrix between the cells of its input and output.
// Its norm is bounded by the unfoldings of its kernel (any spatial size), by
// √(K₁K_∞), or by the Cholesky certificate on the Gram matrix of the explicit
// matrix (the given spatial size, zero padding cut off exactly). ConvTranspose
// is the adjoint of a convolution with input and output exchanged.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_CONVOLUTIONMATRIX_H
#define LIPT_CHECKER_CONVOLUTIONMATRIX_H

#include "lipt/Checker/Matrix.h"
#include "lipt/Checker/SpectralNorm.h"
#include <optional>
#include <string>
#include <vector>

namespace lipt::checker {

/// One Conv or ConvTranspose. All lists have one entry per spatial axis;
/// `inputSizes` may be empty where no explicit matrix is needed, and
/// `outputPadding` may be empty (zeros).
struct ConvolutionGeometry {
  bool transposed = false;
  int64_t groups = 1;
  int64_t inputChannels = 0;
  int64_t outputChannels = 0;
  std::vector<int64_t> inputSizes;
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> padsBegin;
  std::vector<int64_t> padsEnd;
  std::vector<int64_t> outputPadding;

  int64_t rank() const { return static_cast<int64_t>(kernel.size()); }
  /// Number of kernel taps Πk.
  int64_t taps() const;
  /// Rows and columns of the stored kernel: first axis x the rest. Conv stores
  /// [out, in/groups, k…], ConvTranspose [in, out/groups, k…].
  int64_t kernelRows() const;
  int64_t kernelCols() const;
};

/// What is wrong with the geometry (sizes that do not fit each other, are not
/// positive or too large), if anything. Every function below needs a geometry
/// without fault and a kernel of kernelRows() x kernelCols().
std::optional<std::string> geometryFault(const ConvolutionGeometry &geometry);

/// Spatial sizes of the output; needs `inputSizes`. Entries may be <= 0 for an
/// empty output.
std::vector<int64_t> outputSizes(const ConvolutionGeometry &geometry);

/// m = ⌈k·gcd(δ, s)/s⌉: the largest number of windows that share one cell.
int64_t windowMultiplicity(int64_t kernel, int64_t stride, int64_t dilation);
int64_t windowMultiplicity(const ConvolutionGeometry &geometry, int64_t axis);

/// The kernel with every output channel multiplied by its own number (a batch
/// norm that follows), in the stored layout.
Assembled scaleOutputChannels(const ConvolutionGeometry &geometry,
                              const Assembled &kernel,
                              const AssembledVector &scales);

/// Unfolding `which` of one group's kernel. "first" is the stored first axis
/// (out of a Conv, in of a ConvTranspose), "second" the other channel axis:
///   0: first × (second·taps)             1: second × (first·taps)
///   2: (first·k₁) × (second·k₂…)         3: (first·k₂…) × (second·k₁)
/// (k₁ the first spatial axis, k₂… the others.)
Assembled unfolding(const ConvolutionGeometry &geometry,
                    const Assembled &kernel, int which, int64_t group);

/// The factor of that unfolding: norm of the convolution <= factor · norm of
/// the unfolding, maximum over groups. An axis contributes √m with its taps on
/// the side of "second", √k on the side of "first".
Extended unfoldingFactor(const ConvolutionGeometry &geometry, int which);

/// Sums of |K|, the maximum over channels. Of the taps that scatter into one
/// cell only those of one residue modulo the stride meet.
struct ConvolutionSums {
  /// K_∞: the most that one output entry sums; the ℓ∞ constant.
  Extended output;
  /// K₁: the most that one input entry contributes; the ℓ1 constant.
  Extended input;

  /// √(K₁K_∞), a bound of the ℓ2 constant.
  Extended geometricMean() const { return (output * input).sqrt(); }
};
ConvolutionSums convolutionSums(const ConvolutionGeometry &geometry,
                                const Assembled &kernel);

/// A verified bound of the explicit matrix's norm, kernel error included; needs
/// `inputSizes`. The Gram matrix is of the smaller side; for Collatz `x` is in
/// the order of the ONNX tensor [channel, cells…].
std::optional<Extended>
verifiedConvolutionNorm(const ConvolutionGeometry &geometry,
                        const Assembled &kernel, const NormWitness &witness,
                        std::string &reason, unsigned threads = 2);

/// Rows and columns of the explicit matrix (output cells × input cells, the
/// stored order); for tests and for tiny convolutions. Unbounded error and no
/// entries above 2^24 entries.
Assembled explicitConvolution(const ConvolutionGeometry &geometry,
                              const Assembled &kernel);

} // namespace lipt::checker

#endif // LIPT_CHECKER_CONVOLUTIONMATRIX_H
