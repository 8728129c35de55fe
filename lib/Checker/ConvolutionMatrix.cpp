//===- ConvolutionMatrix.cpp - Geometry, unfoldings and sums --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/ConvolutionMatrix.h"
#include "Compensated.h"
#include "ConvolutionIncidence.h"
#include "ScaledView.h"
#include <algorithm>
#include <numeric>

using namespace lipt::checker;

//===----------------------------------------------------------------------===//
// Geometry
//===----------------------------------------------------------------------===//

static constexpr int64_t sizeLimit = int64_t(1) << 31;

int64_t lipt::checker::saturatingProduct(std::span<const int64_t> factors) {
  int64_t product = 1;
  for (int64_t factor : factors) {
    if (factor <= 0)
      return 0;
    if (product > std::numeric_limits<int64_t>::max() / factor)
      return std::numeric_limits<int64_t>::max();
    product *= factor;
  }
  return product;
}

int64_t ConvolutionGeometry::taps() const { return saturatingProduct(kernel); }

int64_t ConvolutionGeometry::kernelRows() const {
  return transposed ? inputChannels : outputChannels;
}

int64_t ConvolutionGeometry::kernelCols() const {
  int64_t second = (transposed ? outputChannels : inputChannels) / groups;
  return second * taps();
}

std::optional<std::string>
lipt::checker::geometryFault(const ConvolutionGeometry &geometry) {
  const ConvolutionGeometry &g = geometry;
  size_t rank = g.kernel.size();
  if (rank == 0 || rank > 8)
    return "a convolution needs one to eight spatial axes";
  if (g.strides.size() != rank || g.dilations.size() != rank ||
      g.padsBegin.size() != rank || g.padsEnd.size() != rank ||
      (!g.inputSizes.empty() && g.inputSizes.size() != rank) ||
      (!g.outputPadding.empty() && g.outputPadding.size() != rank))
    return "attributes of the convolution have different numbers of axes";
  auto within = [](const std::vector<int64_t> &sizes, int64_t lowest) {
    return std::all_of(sizes.begin(), sizes.end(), [&](int64_t size) {
      return size >= lowest && size <= sizeLimit;
    });
  };
  if (!within(g.kernel, 1) || !within(g.strides, 1) || !within(g.dilations, 1))
    return "kernel sizes, strides and dilations must be positive";
  if (!within(g.padsBegin, -sizeLimit) || !within(g.padsEnd, -sizeLimit) ||
      !within(g.inputSizes, 0) || !within(g.outputPadding, 0))
    return "sizes or pads of the convolution are out of range";
  if (g.groups < 1 || g.inputChannels < 1 || g.outputChannels < 1 ||
      g.inputChannels > sizeLimit || g.outputChannels > sizeLimit ||
      g.inputChannels % g.groups != 0 || g.outputChannels % g.groups != 0)
    return "channels must be positive multiples of the groups";
  constexpr int64_t entryLimit = int64_t(1) << 40;
  int64_t counts[] = {g.taps(), g.inputChannels, g.outputChannels / g.groups};
  if (saturatingProduct(counts) > entryLimit)
    return "the kernel of the convolution is too large";
  return std::nullopt;
}

std::vector<int64_t>
lipt::checker::outputSizes(const ConvolutionGeometry &geometry) {
  std::vector<int64_t> sizes;
  for (size_t axis = 0; axis < geometry.inputSizes.size(); ++axis) {
    int64_t input = geometry.inputSizes[axis];
    int64_t pads = geometry.padsBegin[axis] + geometry.padsEnd[axis];
    int64_t reach = geometry.dilations[axis] * (geometry.kernel[axis] - 1) + 1;
    int64_t stride = geometry.strides[axis];
    if (geometry.transposed) {
      int64_t extra =
          geometry.outputPadding.empty() ? 0 : geometry.outputPadding[axis];
      sizes.push_back(input == 0 ? 0
                                 : stride * (input - 1) + extra + reach - pads);
      continue;
    }
    int64_t room = input + pads - reach;
    sizes.push_back(room < 0 ? 0 : room / stride + 1);
  }
  return sizes;
}

int64_t lipt::checker::windowMultiplicity(int64_t kernel, int64_t stride,
                                          int64_t dilation) {
  // Taps i and i + j share a cell of some two windows iff stride | dilation·j.
  int64_t period = stride / std::gcd(dilation, stride);
  return (kernel + period - 1) / period;
}

int64_t lipt::checker::windowMultiplicity(const ConvolutionGeometry &geometry,
                                          int64_t axis) {
  return windowMultiplicity(geometry.kernel[axis], geometry.strides[axis],
                            geometry.dilations[axis]);
}

static bool kernelFits(const ConvolutionGeometry &geometry,
                       const Assembled &kernel) {
  return kernel.value.rows == geometry.kernelRows() &&
         kernel.value.cols == geometry.kernelCols();
}

//===----------------------------------------------------------------------===//
// Kernel
//===----------------------------------------------------------------------===//

Assembled
lipt::checker::scaleOutputChannels(const ConvolutionGeometry &geometry,
                                   const Assembled &kernel,
                                   const AssembledVector &scales) {
  if (!kernelFits(geometry, kernel) || scales.size() != geometry.outputChannels)
    return {Matrix(), Extended::unbounded()};
  if (!geometry.transposed)
    return scaleRows(kernel, scales);

  // Stored [in, out/groups, taps]: the rows of one group share their scales.
  int64_t taps = geometry.taps();
  int64_t second = geometry.outputChannels / geometry.groups;
  int64_t rows = geometry.inputChannels / geometry.groups;
  std::vector<Assembled> blocks;
  for (int64_t group = 0; group < geometry.groups; ++group) {
    Assembled block;
    block.value = MatrixSource(kernel.value)
                      .rowRange(group * rows, (group + 1) * rows)
                      .copy();
    AssembledVector columns = AssembledVector::zeros(second * taps);
    for (int64_t j = 0; j < second * taps; ++j) {
      columns.value[j] = scales.value[group * second + j / taps];
      columns.error[j] = scales.error[group * second + j / taps];
    }
    blocks.push_back(scaleColumns(block, columns));
  }
  Assembled result = verticalStack(blocks);
  if (!kernel.isExact())
    result.error += absMaxUp(scales) * kernel.error;
  return result;
}

/// Whether unfolding `which` keeps the taps of this axis with the first axis of
/// the stored kernel.
static bool tapsWithFirst(int which, int64_t axis) {
  switch (which) {
  case 1:
    return true;
  case 2:
    return axis == 0;
  case 3:
    return axis != 0;
  default:
    return false;
  }
}

Assembled lipt::checker::unfolding(const ConvolutionGeometry &geometry,
                                   const Assembled &kernel, int which,
                                   int64_t group) {
  if (!kernelFits(geometry, kernel) || group < 0 || group >= geometry.groups ||
      which < 0 || which > 3)
    return {Matrix(), Extended::unbounded()};
  int64_t taps = geometry.taps();
  int64_t first = geometry.kernelRows() / geometry.groups;
  int64_t second = geometry.kernelCols() / taps;

  // Where tap t goes: offset among the row taps, offset among the column taps.
  int64_t rowTaps = 1, colTaps = 1;
  for (int64_t axis = 0; axis < geometry.rank(); ++axis)
    (tapsWithFirst(which, axis) ? rowTaps : colTaps) *= geometry.kernel[axis];
  std::vector<int64_t> rowOffset(taps), colOffset(taps);
  for (int64_t t = 0; t < taps; ++t) {
    int64_t rest = t, rowUnit = 1, colUnit = 1;
    for (int64_t axis = geometry.rank() - 1; axis >= 0; --axis) {
      int64_t index = rest % geometry.kernel[axis];
      rest /= geometry.kernel[axis];
      bool withFirst = tapsWithFirst(which, axis);
      int64_t &unit = withFirst ? rowUnit : colUnit;
      (withFirst ? rowOffset : colOffset)[t] += index * unit;
      unit *= geometry.kernel[axis];
    }
  }
  Assembled result = zeroMatrix(first * rowTaps, second * colTaps);
  for (int64_t f = 0; f < first; ++f)
    for (int64_t s = 0; s < second; ++s)
      for (int64_t t = 0; t < taps; ++t)
        result.value.at(f * rowTaps + rowOffset[t],
                        s * colTaps + colOffset[t]) =
            kernel.value.at(group * first + f, s * taps + t);
  result.error = kernel.error;
  return which == 1 ? transpose(result) : result;
}

Extended lipt::checker::unfoldingFactor(const ConvolutionGeometry &geometry,
                                        int which) {
  Extended product = Extended::one();
  for (int64_t axis = 0; axis < geometry.rank(); ++axis)
    product *= Extended::fromInteger(tapsWithFirst(which, axis)
                                         ? geometry.kernel[axis]
                                         : windowMultiplicity(geometry, axis));
  return product.sqrt();
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// Numbers the residues of δ·t modulo the stride: only taps of one class reach
/// the same cell from different windows.
static std::vector<int64_t> tapClasses(const ConvolutionGeometry &geometry,
                                       int64_t &count) {
  std::vector<int64_t> classes(geometry.taps());
  count = 1;
  int64_t tapUnit = 1;
  for (int64_t axis = geometry.rank() - 1; axis >= 0; --axis) {
    int64_t kernel = geometry.kernel[axis], stride = geometry.strides[axis];
    // Residues repeat after `period` taps, and are all different before.
    int64_t period = stride / std::gcd(geometry.dilations[axis], stride);
    int64_t residues = std::min(period, kernel);
    for (int64_t t = 0; t < geometry.taps(); ++t)
      classes[t] += t / tapUnit % kernel % period * count;
    count *= residues;
    tapUnit *= kernel;
  }
  return classes;
}

WindowSums lipt::checker::windowSums(const ConvolutionGeometry &geometry,
                                     const MatrixSource &kernel) {
  int64_t taps = geometry.taps();
  int64_t first = geometry.kernelRows() / geometry.groups;
  int64_t second = geometry.kernelCols() / taps;
  int64_t classCount = 0;
  std::vector<int64_t> classes = tapClasses(geometry, classCount);

  WindowSums result;
  for (int64_t group = 0; group < geometry.groups; ++group) {
    std::vector<CompensatedSum> cells(second * classCount);
    for (int64_t f = 0; f < first; ++f) {
      CompensatedSum window;
      for (int64_t s = 0; s < second; ++s)
        for (int64_t t = 0; t < taps; ++t) {
          double entry = std::abs(kernel.at(group * first + f, s * taps + t));
          window.add(entry);
          cells[s * classCount + classes[t]].add(entry);
        }
      result.window =
          std::max(result.window,
                   positiveSumUp(window, static_cast<double>(second) * taps));
    }
    for (const CompensatedSum &cell : cells)
      result.cell = std::max(
          result.cell, positiveSumUp(cell, static_cast<double>(first) * taps));
  }
  return result;
}

ConvolutionSums
lipt::checker::convolutionSums(const ConvolutionGeometry &geometry,
                               const Assembled &kernel) {
  if (!kernelFits(geometry, kernel))
    return {};
  WindowSums sums = windowSums(geometry, kernel.value);
  int64_t taps = geometry.taps();
  Extended window = Extended::fromDouble(sums.window) +
                    sqrtOfIntegerUp(geometry.kernelCols()) * kernel.error;
  Extended cell =
      Extended::fromDouble(sums.cell) +
      sqrtOfIntegerUp(geometry.kernelRows() / geometry.groups * taps) *
          kernel.error;
  if (geometry.transposed)
    return {cell, window};
  return {window, cell};
}
