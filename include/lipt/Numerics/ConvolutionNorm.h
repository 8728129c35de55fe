//===- ConvolutionNorm.h - Norms of convolutions and pools ------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operator norms of Conv, ConvTranspose and AveragePool of any rank as linear
// maps between whole tensors (rules B-conv, B-convT, B-avgpool of
// docs/Bounds.md). One sample: batch entries are independent.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_CONVOLUTIONNORM_H
#define LIPT_NUMERICS_CONVOLUTIONNORM_H

#include "lipt/Numerics/MatrixView.h"
#include "lipt/Numerics/SpectralNorm.h"
#include "lipt/Support/UpperBound.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lipt {

/// One spatial axis of a convolution: output cell q reads input cells
/// q*stride + t*dilation - padBegin for taps 0 <= t < kernel.
struct ConvolutionAxis {
  /// Input and output cells; 0 where unknown (a symbolic size), which leaves
  /// the bounds that hold for every size.
  int64_t input = 0;
  int64_t output = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t padBegin = 0;
  /// Only the range rule reads it; `output` already reflects it.
  int64_t padEnd = 0;

  /// Largest number of windows that share one cell: ceil(k*gcd(d,s)/s).
  int64_t windowsPerCell() const;
};

/// outChannels x inChannels/groups x taps, as ONNX stores Conv's W. The kernel
/// itself is passed as a matrix with outChannels rows and
/// (inChannels/groups) * taps columns, taps innermost, row-major in the axes.
struct ConvolutionGeometry {
  int64_t inChannels = 0;
  int64_t outChannels = 0;
  int64_t groups = 1;
  std::vector<ConvolutionAxis> axes;

  /// What makes the geometry unusable (non-positive sizes, channels that the
  /// groups do not divide, a product beyond 2^62, a kernel of another shape).
  std::optional<std::string> verify(const MatrixView &kernel) const;
  int64_t taps() const;
};

/// The geometry of the Conv whose adjoint a ConvTranspose is: its axes' input
/// is the ConvTranspose's output and the other way round; channels swap. The
/// stored kernel of ConvTranspose (inChannels x outChannels/groups x taps) is
/// already the kernel of that Conv. `transposed` describes the ConvTranspose
/// with its own input, output, stride, dilation and pads.
ConvolutionGeometry adjointGeometry(const ConvolutionGeometry &transposed);

struct ConvolutionOptions {
  SpectralOptions spectral;
  /// The explicit matrix is used where its smaller side is at most this.
  int64_t maxExplicitOrder = 4096;
  /// The true kernel entry is within this relative distance of the given one
  /// (a folded batch norm); 0 for stored kernels.
  double relativeEntryError = 0;
};

/// How the winning bound was obtained, which is what a certificate repeats.
enum class ConvolutionMethod {
  Zero,       ///< the kernel is zero
  Unfolding,  ///< factor * norm of one of the four unfoldings
  RootK1KInf, ///< sqrt(K_1 * K_inf)
  Explicit,   ///< Cholesky certificate of the explicit matrix
};

struct ConvolutionCertificate {
  ConvolutionMethod method = ConvolutionMethod::RootK1KInf;
  /// Unfolding: which of the four (see unfoldingMatrix).
  int unfolding = 0;
  /// Unfolding: one certificate per group. Explicit: a single one, of the whole
  /// matrix. Their norms are of the given kernel entries.
  std::vector<SpectralCertificate> witnesses;
  /// Upper bound of the l2 -> l2 norm, relativeEntryError included.
  UpperBound norm;
};

/// The certificate of the explicit matrix where the sizes allow it, else the
/// best of sqrt(K_1 K_inf) and the unfoldings. Unbounded norm when the geometry
/// or the kernel is not acceptable.
ConvolutionCertificate
certifyConvolution(const MatrixView &kernel,
                   const ConvolutionGeometry &geometry,
                   const ConvolutionOptions &options = {});

/// Unfolding `which` of one group's kernel, k1 the taps of the first axis:
///   0: out x (in * taps)          1: in x (out * taps)
///   2: (out * k1) x (in * rest)   3: (out * rest) x (in * k1)
/// The matrix is out of 0..3 as rows x columns above, except that 1 is given
/// transposed, (out * taps) x in.
Matrix unfoldingMatrix(const MatrixView &kernel,
                       const ConvolutionGeometry &geometry, int which,
                       int64_t group);

/// norm of the convolution <= factor * norm of the unfolding, maximum over
/// groups: an axis gives sqrt(m) with its taps beside "in", sqrt(k) beside
/// "out".
UpperBound unfoldingFactor(const ConvolutionGeometry &geometry, int which);

/// The single bounds, for tests, certificates and comparison.
UpperBound convolutionUnfoldingBound(const MatrixView &kernel,
                                     const ConvolutionGeometry &geometry,
                                     int which,
                                     const ConvolutionOptions &options = {});
UpperBound convolutionRootK1KInf(const MatrixView &kernel,
                                 const ConvolutionGeometry &geometry);
/// No result when sizes are unknown or the smaller side is above the limit.
std::optional<ConvolutionCertificate>
certifyExplicitConvolution(const MatrixView &kernel,
                           const ConvolutionGeometry &geometry,
                           const ConvolutionOptions &options = {});

/// The dense matrix of one sample, (outChannels*output) x (inChannels*input),
/// cells row-major inside a channel. No result above `maxEntries`.
std::optional<Matrix> explicitConvolution(const MatrixView &kernel,
                                          const ConvolutionGeometry &geometry,
                                          int64_t maxEntries = 1 << 24);

/// linf -> linf: max over output channels of the sum of abs(K).
UpperBound convolutionNormInf(const MatrixView &kernel,
                              const ConvolutionGeometry &geometry);
/// linf -> linf of the adjoint (a ConvTranspose whose stored kernel and
/// adjointGeometry are given): max over its output channels and stride
/// residues.
UpperBound adjointConvolutionNormInf(const MatrixView &kernel,
                                     const ConvolutionGeometry &geometry);

/// One axis of an average pool; `output` windows.
struct PoolAxis {
  int64_t input = 0;
  int64_t output = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t padBegin = 0;
  int64_t padEnd = 0;
};

/// l2 -> l2 bound of AveragePool (B-avgpool): product over axes of the root of
/// the largest column sum; sqrt(prod m) where a size is unknown.
UpperBound averagePoolNorm(const std::vector<PoolAxis> &axes,
                           bool countIncludePad);

/// l2 -> l2 bound of MaxPool (B-maxpool): sqrt(prod m).
UpperBound maxPoolNorm(const std::vector<PoolAxis> &axes);

} // namespace lipt

#endif // LIPT_NUMERICS_CONVOLUTIONNORM_H
