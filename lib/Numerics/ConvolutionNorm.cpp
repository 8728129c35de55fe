//===- ConvolutionNorm.cpp - Bounds of convolutions from the kernel -------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rule B-conv of docs/Bounds.md: an unfolding puts the taps of each axis beside
// the out-channels (scatter: sqrt k) or beside the in-channels (patches: sqrt
// m), and sqrt(K_1 K_inf) is the Riesz-Thorin bound.
//
//===----------------------------------------------------------------------===//

#include "ConvolutionSums.h"
#include "MatrixSums.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace lipt {

/// True for the axes whose taps stand beside the out-channels.
static std::vector<bool> axesBesideOut(const ConvolutionGeometry &geometry,
                                       int which) {
  std::vector<bool> result(geometry.axes.size(), which == 1 || which == 3);
  if (!result.empty() && which >= 2)
    result[0] = which == 2;
  return result;
}

Matrix unfoldingMatrix(const MatrixView &kernel,
                       const ConvolutionGeometry &geometry, int which,
                       int64_t group) {
  std::vector<bool> besideOut = axesBesideOut(geometry, which);
  int64_t taps = geometry.taps();
  int64_t outs = geometry.outChannels / geometry.groups;
  int64_t ins = geometry.inChannels / geometry.groups;
  int64_t outTaps = 1;
  for (size_t a = 0; a < besideOut.size(); ++a)
    if (besideOut[a])
      outTaps *= geometry.axes[a].kernel;
  int64_t inTaps = taps / outTaps;
  Matrix result(outs * outTaps, ins * inTaps);
  for (int64_t tap = 0; tap < taps; ++tap) {
    std::vector<int64_t> place = tapOfAxis(geometry, tap);
    int64_t row = 0, col = 0;
    for (size_t a = 0; a < place.size(); ++a) {
      int64_t &index = besideOut[a] ? row : col;
      index = index * geometry.axes[a].kernel + place[a];
    }
    for (int64_t o = 0; o < outs; ++o)
      for (int64_t c = 0; c < ins; ++c)
        result(o * outTaps + row, c * inTaps + col) =
            kernel(group * outs + o, c * taps + tap);
  }
  return result;
}

UpperBound unfoldingFactor(const ConvolutionGeometry &geometry, int which) {
  std::vector<bool> besideOut = axesBesideOut(geometry, which);
  UpperBound product = UpperBound::one();
  for (size_t a = 0; a < besideOut.size(); ++a) {
    const ConvolutionAxis &axis = geometry.axes[a];
    product *= UpperBound::fromInteger(
        uint64_t(besideOut[a] ? axis.kernel : axis.windowsPerCell()));
  }
  return product.sqrt();
}

KernelSums kernelSums(const MatrixView &kernel,
                      const ConvolutionGeometry &geometry) {
  LargestEntry largest = largestEntry(kernel, 1);
  if (!largest.finite)
    return {};
  if (largest.value == 0)
    return {UpperBound::zero(), UpperBound::zero()};
  // Scaled, so that sums of large entries stay finite. What scaling down to
  // subnormals loses is added at the end.
  int64_t exponent = scaleExponentOf(largest.value);
  PowerOfTwoScale scale(exponent);
  int64_t taps = geometry.taps();
  int64_t outs = geometry.outChannels / geometry.groups;
  int64_t ins = geometry.inChannels / geometry.groups;
  // Taps t with equal dilation*t mod stride on every axis share a class.
  std::vector<int64_t> classOf(taps);
  std::map<std::vector<int64_t>, int64_t> classes;
  for (int64_t tap = 0; tap < taps; ++tap) {
    std::vector<int64_t> residue = tapOfAxis(geometry, tap);
    for (size_t a = 0; a < residue.size(); ++a)
      residue[a] =
          residue[a] * geometry.axes[a].dilation % geometry.axes[a].stride;
    classOf[tap] = classes.try_emplace(residue, classes.size()).first->second;
  }
  int64_t classCount = int64_t(classes.size());
  double perOutput = 0, perInput = 0;
  std::vector<double> row(ins * taps), columns(ins * classCount);
  for (int64_t o = 0; o < geometry.outChannels; ++o) {
    if (o % outs == 0)
      std::fill(columns.begin(), columns.end(), 0.0);
    kernel.loadRow(o, 0, ins * taps, row.data());
    double sum = 0;
    for (int64_t c = 0; c < ins; ++c)
      for (int64_t tap = 0; tap < taps; ++tap) {
        double x = std::fabs(scale(row[c * taps + tap]));
        sum += x;
        columns[c * classCount + classOf[tap]] += x;
      }
    perOutput = std::max(perOutput, sum);
    if ((o + 1) % outs == 0)
      perInput =
          std::max(perInput, *std::max_element(columns.begin(), columns.end()));
  }
  auto finish = [&](double sum, int64_t count) {
    UpperBound lost = underflowBound(UpperBound::fromInteger(uint64_t(count)));
    return (sumUpperBound(sum, count) + lost).scaledByPowerOfTwo(exponent);
  };
  return {finish(perOutput, ins * taps), finish(perInput, outs * taps)};
}

/// What entries that differ by a relative error add to any of the bounds.
static UpperBound entryErrorNorm(const KernelSums &sums, double relativeError) {
  if (relativeError == 0)
    return UpperBound::zero();
  return UpperBound::fromDouble(relativeError) *
         (sums.perOutput * sums.perInput).sqrt();
}

UpperBound convolutionRootK1KInf(const MatrixView &kernel,
                                 const ConvolutionGeometry &geometry) {
  if (geometry.verify(kernel))
    return UpperBound::unbounded();
  KernelSums sums = kernelSums(kernel, geometry);
  return (sums.perOutput * sums.perInput).sqrt();
}

UpperBound convolutionNormInf(const MatrixView &kernel,
                              const ConvolutionGeometry &geometry) {
  if (geometry.verify(kernel))
    return UpperBound::unbounded();
  return kernelSums(kernel, geometry).perOutput;
}

UpperBound adjointConvolutionNormInf(const MatrixView &kernel,
                                     const ConvolutionGeometry &geometry) {
  if (geometry.verify(kernel))
    return UpperBound::unbounded();
  return kernelSums(kernel, geometry).perInput;
}

/// One unfolding with its witnesses; the kernel's entries as given.
static ConvolutionCertificate
certifyUnfolding(const MatrixView &kernel, const ConvolutionGeometry &geometry,
                 int which, const ConvolutionOptions &options) {
  ConvolutionCertificate certificate;
  certificate.method = ConvolutionMethod::Unfolding;
  certificate.unfolding = which;
  std::vector<Matrix> matrices;
  for (int64_t group = 0; group < geometry.groups; ++group)
    matrices.push_back(unfoldingMatrix(kernel, geometry, which, group));
  std::vector<MatrixView> views(matrices.begin(), matrices.end());
  UpperBound norm = UpperBound::zero();
  for (const auto &witness : certifySpectralNorms(views, options.spectral)) {
    if (!witness)
      return certificate;
    certificate.witnesses.push_back(*witness);
    norm = max(norm, witness->norm);
  }
  certificate.norm = unfoldingFactor(geometry, which) * norm;
  return certificate;
}

UpperBound convolutionUnfoldingBound(const MatrixView &kernel,
                                     const ConvolutionGeometry &geometry,
                                     int which,
                                     const ConvolutionOptions &options) {
  if (which < 0 || which > 3 || geometry.verify(kernel))
    return UpperBound::unbounded();
  return certifyUnfolding(kernel, geometry, which, options).norm;
}

ConvolutionCertificate certifyConvolution(const MatrixView &kernel,
                                          const ConvolutionGeometry &geometry,
                                          const ConvolutionOptions &options) {
  ConvolutionCertificate best;
  if (geometry.verify(kernel))
    return best;
  KernelSums sums = kernelSums(kernel, geometry);
  best.norm = (sums.perOutput * sums.perInput).sqrt();
  if (best.norm.isUnbounded())
    return best;
  if (best.norm.isZero()) {
    best.method = ConvolutionMethod::Zero;
    return best;
  }
  // Within its error terms the explicit matrix's norm is the norm itself: no
  // other bound can be below it by more than that.
  if (auto exact = certifyExplicitConvolution(kernel, geometry, options))
    return *exact;
  // With one axis or none the mixed unfoldings repeat the first two.
  int unfoldings = geometry.axes.size() < 2 ? int(geometry.axes.size()) + 1 : 4;
  for (int which = 0; which < unfoldings; ++which) {
    ConvolutionCertificate candidate =
        certifyUnfolding(kernel, geometry, which, options);
    if (candidate.norm < best.norm)
      best = std::move(candidate);
  }
  best.norm += entryErrorNorm(sums, options.relativeEntryError);
  return best;
}

} // namespace lipt
