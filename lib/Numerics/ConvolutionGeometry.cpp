//===- ConvolutionGeometry.cpp - Shapes, windows and links of convolutions ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConvolutionSums.h"

#include <algorithm>
#include <numeric>

namespace lipt {

/// Product that saturates instead of overflowing; factors non-negative.
static int64_t saturatingProduct(int64_t a, int64_t b) {
  int64_t product;
  constexpr int64_t limit = int64_t(1) << 62;
  if (__builtin_mul_overflow(a, b, &product) || product > limit)
    return limit;
  return product;
}

int64_t ConvolutionAxis::windowsPerCell() const {
  // ceil(k * gcd / s); k is below 2^31 and gcd <= s after verify().
  int64_t common = std::gcd(dilation, stride);
  return (kernel * common + stride - 1) / stride;
}

int64_t ConvolutionGeometry::taps() const {
  int64_t product = 1;
  for (const ConvolutionAxis &axis : axes)
    product = saturatingProduct(product, axis.kernel);
  return product;
}

std::optional<std::string>
ConvolutionGeometry::verify(const MatrixView &kernel) const {
  constexpr int64_t limit = int64_t(1) << 31;
  constexpr size_t maxRank = 16;
  auto outside = [](int64_t value, int64_t least) {
    return value < least || value > limit;
  };
  if (outside(inChannels, 1) || outside(outChannels, 1) || outside(groups, 1))
    return "channels and groups must be positive and below 2^31";
  if (inChannels % groups || outChannels % groups)
    return std::to_string(groups) + " groups do not divide " +
           std::to_string(inChannels) + " input and " +
           std::to_string(outChannels) + " output channels";
  if (axes.size() > maxRank)
    return std::to_string(axes.size()) + " spatial axes; at most 16 are "
                                         "supported";
  int64_t inputCells = inChannels, outputCells = outChannels;
  for (const ConvolutionAxis &axis : axes) {
    if (outside(axis.kernel, 1) || outside(axis.stride, 1) ||
        outside(axis.dilation, 1))
      return "kernel, stride and dilation must be positive and below 2^31";
    if (outside(axis.input, 0) || outside(axis.output, 0) ||
        outside(axis.padBegin, -limit) || outside(axis.padEnd, -limit))
      return "sizes and pads must be below 2^31";
    inputCells =
        saturatingProduct(inputCells, std::max<int64_t>(axis.input, 1));
    outputCells =
        saturatingProduct(outputCells, std::max<int64_t>(axis.output, 1));
  }
  constexpr int64_t cellLimit = int64_t(1) << 48;
  int64_t cols = saturatingProduct(inChannels / groups, taps());
  if (inputCells > cellLimit || outputCells > cellLimit || cols > cellLimit)
    return "a tensor of the convolution has more than 2^48 elements";
  if (kernel.rows() != outChannels || kernel.cols() != cols)
    return "the kernel is " + std::to_string(kernel.rows()) + "x" +
           std::to_string(kernel.cols()) + "; " + std::to_string(outChannels) +
           "x" + std::to_string(cols) + " is expected";
  return std::nullopt;
}

ConvolutionGeometry adjointGeometry(const ConvolutionGeometry &transposed) {
  ConvolutionGeometry adjoint = transposed;
  std::swap(adjoint.inChannels, adjoint.outChannels);
  for (ConvolutionAxis &axis : adjoint.axes)
    std::swap(axis.input, axis.output);
  return adjoint;
}

bool sizesKnown(const ConvolutionGeometry &geometry) {
  for (const ConvolutionAxis &axis : geometry.axes)
    if (axis.input <= 0 || axis.output <= 0)
      return false;
  return true;
}

int64_t inputCells(const ConvolutionGeometry &geometry) {
  int64_t cells = 1;
  for (const ConvolutionAxis &axis : geometry.axes)
    cells = saturatingProduct(cells, axis.input);
  return cells;
}

int64_t outputCells(const ConvolutionGeometry &geometry) {
  int64_t cells = 1;
  for (const ConvolutionAxis &axis : geometry.axes)
    cells = saturatingProduct(cells, axis.output);
  return cells;
}

std::vector<int64_t> tapOfAxis(const ConvolutionGeometry &geometry,
                               int64_t tap) {
  std::vector<int64_t> result(geometry.axes.size());
  for (size_t a = geometry.axes.size(); a-- > 0;) {
    result[a] = tap % geometry.axes[a].kernel;
    tap /= geometry.axes[a].kernel;
  }
  return result;
}

CellLinks::CellLinks(const ConvolutionGeometry &geometry, bool fromOutput)
    : axes(geometry.axes.size()) {
  for (size_t a = 0; a < axes.size(); ++a) {
    const ConvolutionAxis &axis = geometry.axes[a];
    Axis &links = axes[a];
    links.kernel = axis.kernel;
    links.otherCells = fromOutput ? axis.input : axis.output;
    links.perCell.resize(fromOutput ? axis.output : axis.input);
    for (int64_t q = 0; q < axis.output; ++q) {
      // Taps with 0 <= q*stride + t*dilation - padBegin < input.
      int64_t first = q * axis.stride - axis.padBegin;
      int64_t tap =
          first < 0 ? (-first + axis.dilation - 1) / axis.dilation : 0;
      for (; tap < axis.kernel; ++tap) {
        int64_t p = first + tap * axis.dilation;
        if (p >= axis.input)
          break;
        links.perCell[fromOutput ? q : p].push_back({tap, fromOutput ? p : q});
      }
    }
  }
}

int64_t CellLinks::cells() const {
  int64_t product = 1;
  for (const Axis &axis : axes)
    product *= int64_t(axis.perCell.size());
  return product;
}

void CellLinks::of(int64_t cell, std::vector<Link> &result) const {
  // Row-major over the axes: the last one varies fastest.
  std::vector<int64_t> place(axes.size());
  for (size_t a = axes.size(); a-- > 0;) {
    int64_t count = int64_t(axes[a].perCell.size());
    place[a] = cell % count;
    cell /= count;
  }
  result.assign(1, Link{0, 0});
  std::vector<Link> longer;
  for (size_t a = 0; a < axes.size(); ++a) {
    longer.clear();
    for (const Link &prefix : result)
      for (const Link &link : axes[a].perCell[place[a]])
        longer.push_back({prefix.tap * axes[a].kernel + link.tap,
                          prefix.cell * axes[a].otherCells + link.cell});
    result.swap(longer);
  }
}

} // namespace lipt
