//===- IntervalImage.cpp - Boxes through affine maps ----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Numerics/IntervalImage.h"
#include "ConvolutionSums.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>

namespace lipt {

namespace {
/// x = mid +- rad, rad rounded up.
struct Ball {
  double mid, rad;
  explicit Ball(const Interval &x)
      : mid(x.lo / 2 + x.hi / 2),
        rad(std::max(up(x.hi - mid), up(mid - x.lo))) {}
};
} // namespace

/// sum_j w_j x_j + bias, the sums of products in double with the error of any
/// order of summation, n*u*sum abs(w mid) + n*2^-1074.
static Interval rowImage(std::span<const double> weights,
                         std::span<const Interval> input, double bias) {
  int64_t n = int64_t(weights.size());
  double centre = 0, sizes = 0, radius = 0;
  bool used = false;
  for (int64_t j = 0; j < n; ++j) {
    double w = weights[j];
    if (w == 0)
      continue;
    if (!std::isfinite(w) || !input[j].isBounded())
      return Interval::unknown();
    used = true;
    Ball x(input[j]);
    centre += w * x.mid;
    sizes += std::fabs(w * x.mid);
    radius += std::fabs(w) * x.rad;
  }
  double factor = 1 + 2 * double(n + 2) * unitRoundoff;
  double underflow = double(n) * leastSubnormal;
  double radiusBound = up(up(radius * factor) + underflow);
  double sizeBound = up(up(sizes * factor) + underflow);
  double error = up(up(double(n) * unitRoundoff * sizeBound) + underflow);
  double spread = up(radiusBound + error);
  if (!std::isfinite(centre) || !std::isfinite(spread))
    return Interval::unknown();
  // Where nothing was read the sum is exactly zero.
  Interval sum = used ? Interval::of(dn(centre - spread), up(centre + spread))
                      : Interval::point(0);
  return std::isfinite(bias) ? add(sum, Interval::point(bias))
                             : Interval::unknown();
}

IntervalVector affineImage(const MatrixView &weight,
                           std::span<const double> bias,
                           std::span<const Interval> input) {
  IntervalVector result(std::max<int64_t>(weight.rows(), 0));
  if (weight.cols() != int64_t(input.size()) ||
      (!bias.empty() && int64_t(bias.size()) != weight.rows()))
    return result;
  std::vector<double> row(input.size());
  for (int64_t i = 0; i < weight.rows(); ++i) {
    weight.loadRow(i, 0, weight.cols(), row.data());
    result[i] = rowImage(row, input, bias.empty() ? 0 : bias[i]);
  }
  return result;
}

/// True when a window can reach a cell outside the input.
static bool readsPadding(const ConvolutionAxis &axis) {
  if (axis.padBegin > 0 || axis.padEnd > 0)
    return true;
  if (axis.input <= 0 || axis.output <= 0)
    return false;
  return (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation -
             axis.padBegin >=
         axis.input;
}

IntervalVector convolutionImage(const MatrixView &kernel,
                                const ConvolutionGeometry &geometry,
                                std::span<const double> bias,
                                std::span<const Interval> input) {
  IntervalVector result(std::clamp<int64_t>(
      geometry.outChannels, 0, std::max<int64_t>(kernel.rows(), 0)));
  if (geometry.verify(kernel) || geometry.inChannels != int64_t(input.size()) ||
      (!bias.empty() && geometry.outChannels != int64_t(bias.size())))
    return result;
  bool padded =
      std::any_of(geometry.axes.begin(), geometry.axes.end(), readsPadding);
  int64_t taps = geometry.taps();
  int64_t outs = geometry.outChannels / geometry.groups;
  int64_t ins = geometry.inChannels / geometry.groups;
  std::vector<double> row(ins * taps);
  IntervalVector patch(ins * taps);
  for (int64_t o = 0; o < geometry.outChannels; ++o) {
    if (o % outs == 0)
      for (int64_t j = 0; j < ins * taps; ++j) {
        Interval range = input[o / outs * ins + j / taps];
        patch[j] = padded ? hull(range, Interval::point(0)) : range;
      }
    kernel.loadRow(o, 0, ins * taps, row.data());
    result[o] = rowImage(row, patch, bias.empty() ? 0 : bias[o]);
  }
  return result;
}

} // namespace lipt
