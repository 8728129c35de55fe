//===- ConvolutionMatrix.cpp - Norms of explicit convolution matrices -----===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The matrix A of a convolution joins output cells and input cells by taps. Its
// Gram matrix over the smaller side is a sum over the cells ("centres") of the
// other side: all links of one centre contribute one block
//
//   B[t, t'] = sum over the centre's channels of K[.., t] K[.., t']
//
// which is the same for every centre and computed once. So each entry is a sum
// of products in some order and the error terms of the Cholesky certificate
// apply to A itself. Groups are blocks on the diagonal.
//
//===----------------------------------------------------------------------===//

#include "ConvolutionSums.h"
#include "MatrixSums.h"
#include "Parallel.h"
#include "SpectralCertifier.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <new>

namespace lipt {

namespace {
/// One side of the matrix and what the other side contributes to its Gram.
struct Side {
  bool overInput;      ///< the Gram matrix is A^T A
  int64_t channels;    ///< of this side, per group
  int64_t sumChannels; ///< of the other side, per group
  int64_t cells;       ///< of this side
  int64_t otherCells;
};
} // namespace

/// Rows: the other side's channels of one group; columns (tap, this side's
/// channel).
static Matrix factorOf(const MatrixView &kernel,
                       const ConvolutionGeometry &geometry, const Side &side,
                       int64_t group) {
  int64_t taps = geometry.taps();
  int64_t outs = geometry.outChannels / geometry.groups;
  Matrix factor(side.sumChannels, taps * side.channels);
  for (int64_t s = 0; s < side.sumChannels; ++s)
    for (int64_t c = 0; c < side.channels; ++c)
      for (int64_t tap = 0; tap < taps; ++tap) {
        int64_t out = side.overInput ? s : c, in = side.overInput ? c : s;
        factor(s, tap * side.channels + c) =
            kernel(group * outs + out, in * taps + tap);
      }
  return factor;
}

/// Gram matrix of one group, rows and columns (cell, channel).
static SymmetricBuffer groupGram(const MatrixView &kernel,
                                 const ConvolutionGeometry &geometry,
                                 const Side &side, const CellLinks &centres,
                                 int64_t group, int64_t exponent,
                                 unsigned threads) {
  int64_t channels = side.channels;
  Matrix factor = factorOf(kernel, geometry, side, group);
  SymmetricBuffer block(factor.cols());
  addGram(block, factor, exponent, threads);
  for (int64_t i = 0; i < block.order(); ++i)
    for (int64_t j = i + 1; j < block.order(); ++j)
      block.row(j)[i] = block.row(i)[j];

  SymmetricBuffer gram(side.cells * channels);
  std::vector<CellLinks::Link> links;
  for (int64_t centre = 0; centre < centres.cells(); ++centre) {
    centres.of(centre, links);
    for (const CellLinks::Link &a : links)
      for (const CellLinks::Link &b : links) {
        if (a.cell > b.cell)
          continue;
        for (int64_t i = 0; i < channels; ++i) {
          const double *source =
              block.row(a.tap * channels + i) + b.tap * channels;
          double *target = gram.row(a.cell * channels + i) + b.cell * channels;
          for (int64_t j = 0; j < channels; ++j)
            target[j] += source[j];
        }
      }
  }
  return gram;
}

/// T = min(norm_F^2, norm_1 * norm_inf) of the scaled explicit matrix. Sums
/// over all taps bound those over the taps inside; a tap counts in F^2 as often
/// as it is used.
static UpperBound explicitSquareBound(const MatrixView &kernel,
                                      const ConvolutionGeometry &geometry,
                                      const CellLinks &outputs,
                                      int64_t exponent) {
  KernelSums sums = kernelSums(kernel, geometry);
  std::vector<int64_t> uses(geometry.taps());
  std::vector<CellLinks::Link> links;
  for (int64_t cell = 0; cell < outputs.cells(); ++cell) {
    outputs.of(cell, links);
    for (const CellLinks::Link &link : links)
      ++uses[link.tap];
  }
  PowerOfTwoScale scale(exponent);
  std::vector<double> tapSquares(geometry.taps());
  for (int64_t o = 0; o < kernel.rows(); ++o)
    for (int64_t j = 0; j < kernel.cols(); ++j) {
      double x = scale(kernel(o, j));
      tapSquares[j % geometry.taps()] += x * x;
    }
  UpperBound squares = UpperBound::zero();
  for (int64_t tap = 0; tap < geometry.taps(); ++tap)
    squares +=
        productSumUpperBound(tapSquares[tap], kernel.rows() * kernel.cols()) *
        UpperBound::fromInteger(uint64_t(uses[tap]));
  UpperBound product =
      (sums.perOutput * sums.perInput).scaledByPowerOfTwo(-2 * exponent);
  return min(squares, product);
}

/// Pairs of links that groupGram visits times block size, or a large number:
/// what decides whether the explicit matrix is worth making.
static double gramWork(const ConvolutionGeometry &geometry, const Side &side) {
  double pairs = double(side.otherCells);
  for (const ConvolutionAxis &axis : geometry.axes) {
    double links = double(side.overInput ? axis.kernel : axis.windowsPerCell());
    pairs *= links * links;
  }
  return pairs * double(side.channels) * double(side.channels) *
         double(geometry.groups);
}

static std::optional<ConvolutionCertificate>
certifyExplicit(const MatrixView &kernel, const ConvolutionGeometry &geometry,
                const ConvolutionOptions &options) {
  if (geometry.verify(kernel) || !sizesKnown(geometry))
    return std::nullopt;
  LargestEntry largest = largestEntry(kernel, 1);
  if (!largest.finite)
    return std::nullopt;
  ConvolutionCertificate certificate;
  if (largest.value == 0) {
    certificate.method = ConvolutionMethod::Zero;
    certificate.norm = UpperBound::zero();
    return certificate;
  }
  int64_t outs = geometry.outChannels / geometry.groups;
  int64_t ins = geometry.inChannels / geometry.groups;
  int64_t rows = outputCells(geometry) * geometry.outChannels;
  int64_t cols = inputCells(geometry) * geometry.inChannels;
  bool overInput = cols <= rows;
  Side side =
      overInput
          ? Side{true, ins, outs, inputCells(geometry), outputCells(geometry)}
          : Side{false, outs, ins, outputCells(geometry), inputCells(geometry)};
  // Seconds, not minutes; and the block B must fit as the Gram matrix does.
  constexpr double workLimit = 2e10;
  constexpr int64_t cellLimit = 1 << 24;
  if (std::min(rows, cols) > options.maxExplicitOrder ||
      geometry.taps() * side.channels > 2 * options.maxExplicitOrder ||
      side.otherCells > cellLimit || gramWork(geometry, side) > workLimit)
    return std::nullopt;

  unsigned threads = effectiveThreads(options.spectral.threads);
  int64_t exponent = scaleExponentOf(largest.value);
  CellLinks outputs(geometry, true);
  CellLinks centres = overInput ? outputs : CellLinks(geometry, false);
  std::vector<SymmetricBuffer> blocks;
  for (int64_t group = 0; group < geometry.groups; ++group)
    blocks.push_back(
        groupGram(kernel, geometry, side, centres, group, exponent, threads));
  std::optional<TauProof> proof = proveEigenvalue(blocks, threads);
  if (!proof)
    return std::nullopt;

  int64_t m = std::max(rows, cols), n = std::min(rows, cols);
  UpperBound t = explicitSquareBound(kernel, geometry, outputs, exponent);
  SpectralCertificate witness;
  witness.tau = proof->tau;
  witness.scaleExponent = exponent;
  witness.transposed = !overInput;
  witness.norm = ((proof->eigenvalue + gramErrorBound(t, m, n)).sqrt() +
                  scalingErrorBound(m, n))
                     .scaledByPowerOfTwo(exponent);
  certificate.method = ConvolutionMethod::Explicit;
  certificate.witnesses.push_back(witness);
  certificate.norm = witness.norm;
  if (options.relativeEntryError != 0) {
    KernelSums sums = kernelSums(kernel, geometry);
    certificate.norm += UpperBound::fromDouble(options.relativeEntryError) *
                        (sums.perOutput * sums.perInput).sqrt();
  }
  return certificate;
}

std::optional<ConvolutionCertificate>
certifyExplicitConvolution(const MatrixView &kernel,
                           const ConvolutionGeometry &geometry,
                           const ConvolutionOptions &options) {
  try {
    return certifyExplicit(kernel, geometry, options);
  } catch (const std::bad_alloc &) {
    return std::nullopt;
  }
}

std::optional<Matrix> explicitConvolution(const MatrixView &kernel,
                                          const ConvolutionGeometry &geometry,
                                          int64_t maxEntries) {
  if (geometry.verify(kernel) || !sizesKnown(geometry))
    return std::nullopt;
  int64_t outs = geometry.outChannels / geometry.groups;
  int64_t ins = geometry.inChannels / geometry.groups;
  int64_t inCells = inputCells(geometry), outCells = outputCells(geometry);
  int64_t entries;
  if (__builtin_mul_overflow(outCells * geometry.outChannels,
                             inCells * geometry.inChannels, &entries) ||
      entries > maxEntries)
    return std::nullopt;
  int64_t taps = geometry.taps();
  Matrix result(outCells * geometry.outChannels, inCells * geometry.inChannels);
  CellLinks outputs(geometry, true);
  std::vector<CellLinks::Link> links;
  for (int64_t cell = 0; cell < outCells; ++cell) {
    outputs.of(cell, links);
    for (int64_t o = 0; o < geometry.outChannels; ++o)
      for (int64_t c = 0; c < ins; ++c)
        for (const CellLinks::Link &link : links)
          result(o * outCells + cell,
                 (o / outs * ins + c) * inCells + link.cell) =
              kernel(o, c * taps + link.tap);
  }
  return result;
}

} // namespace lipt
