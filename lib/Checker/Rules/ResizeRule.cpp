//===- ResizeRule.cpp - Interpolation: B-resize ---------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuleTable.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

/// How one axis is resampled: output cell o reads the place x(o) of the input.
struct Axis {
  int64_t in = 0, out = 0;
  double scale = 1; // stored, or out/in rounded to nearest
  std::string place;
  /// Nothing is resampled: the axis is copied.
  bool copied() const {
    return in == out && (scale == 1 || place == "align_corners");
  }
};

long double sourcePlace(const Axis &axis, int64_t o) {
  long double x = static_cast<long double>(o), s = axis.scale;
  if (axis.place == "asymmetric")
    return x / s;
  if (axis.place == "align_corners")
    return axis.out > 1 ? x * (axis.in - 1) / (axis.out - 1) : 0;
  if (axis.place == "pytorch_half_pixel" && axis.out == 1)
    return 0;
  if (axis.place == "half_pixel" || axis.place == "pytorch_half_pixel")
    return (x + 0.5L) / s - 0.5L;
  if (axis.place == "half_pixel_symmetric") {
    long double adjustment = axis.out / (s * axis.in);
    long double centre = axis.in / 2.0L;
    return centre * (1 - adjustment) + (x + 0.5L) / s - 0.5L;
  }
  reject("the coordinates of Resize are ", axis.place,
         ", for which there is no rule");
}

/// Cells that a nearest-neighbour read at x may take: two where x is within
/// rounding of a tie that is not decided exactly.
std::vector<int64_t> nearestCells(const Axis &axis, long double x,
                                  const std::string &mode) {
  auto clamp = [&](long double cell) {
    return std::clamp<int64_t>(static_cast<int64_t>(cell), 0, axis.in - 1);
  };
  long double below = std::floor(x), rest = x - below;
  // Ties are decided exactly where the place is: scales that are powers of
  // two, for which every step above is exact.
  int exponent;
  bool exact = std::frexp(axis.scale, &exponent) == 0.5 &&
               axis.place != "align_corners" &&
               axis.place != "half_pixel_symmetric";
  constexpr long double near = 1e-9L;
  long double tie = mode == "floor" || mode == "ceil" ? 0 : 0.5L;
  bool atTie =
      std::fabs(rest - tie) < near || (tie == 0 && std::fabs(rest - 1) < near);
  if (atTie && !exact)
    return tie == 0 ? std::vector<int64_t>{clamp(std::round(x) - 1),
                                           clamp(std::round(x)),
                                           clamp(std::round(x) + 1)}
                    : std::vector<int64_t>{clamp(below), clamp(below + 1)};
  if (mode == "floor")
    return {clamp(below)};
  if (mode == "ceil")
    return {clamp(std::ceil(x))};
  if (rest == 0.5L)
    return {clamp(mode == "round_prefer_ceil" ? below + 1 : below)};
  return {clamp(rest < 0.5L ? below : below + 1)};
}

/// √(largest column sum) of the resampling of one axis (rows sum to one).
Extended axisNorm(const Axis &axis, bool linear, const std::string &mode) {
  if (axis.copied())
    return Extended::one();
  if (axis.in < 1 || axis.out < 1 || axis.in > 1 << 20 || axis.out > 1 << 20)
    return Extended::unbounded();
  std::vector<double> columns(axis.in, 0.0);
  for (int64_t o = 0; o < axis.out; ++o) {
    long double x = sourcePlace(axis, o);
    if (!linear) {
      std::vector<int64_t> cells = nearestCells(axis, x, mode);
      std::sort(cells.begin(), cells.end());
      cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
      for (int64_t cell : cells)
        columns[cell] += 1;
      continue;
    }
    x = std::clamp<long double>(x, 0, axis.in - 1);
    long double below = std::floor(x), weight = x - below;
    int64_t cell = static_cast<int64_t>(below);
    columns[cell] += static_cast<double>(1 - weight);
    columns[std::min(cell + 1, axis.in - 1)] += static_cast<double>(weight);
  }
  double largest = *std::max_element(columns.begin(), columns.end());
  // Places are accurate to a few 2^-64 of the length, sums to 2^-53 each.
  if (linear)
    largest =
        up(largest * (1 + 0x1p-44)) + static_cast<double>(axis.in) * 0x1p-55;
  return Extended::fromDouble(largest).sqrt();
}

Facts resize(RuleContext &context) {
  const Node &node = context.node({"Resize", "Upsample"});
  context.cover(node);
  const Facts &x = context.input(node.inputs[0]);
  const auto &from = context.graph.shape(node.inputs[0]);
  std::string mode = node.string("mode", "nearest");
  if (mode != "nearest" && mode != "linear")
    reject("'", context.tensor, "' resizes in the mode ", mode,
           ", for which there is no rule");
  if (node.attribute("axes") || node.integer("antialias", 0) != 0 ||
      node.string("keep_aspect_ratio_policy", "stretch") != "stretch")
    reject("'", context.tensor, "' resizes with options that have no rule");
  bool upsample = node.is("Upsample") || node.opset < 11;
  const std::string &scalesName = node.input(upsample ? 1 : 2);
  const Constant *constant =
      scalesName.empty() ? nullptr : context.graph.constant(scalesName);
  auto scales = constant && constant->error == 0 ? constant->materialized()
                                                 : std::nullopt;
  if (scales && scales->count() != static_cast<int64_t>(from.size()))
    scales = std::nullopt;
  Extended norm = Extended::one();
  for (size_t i = 0; i < from.size(); ++i) {
    Axis axis;
    axis.place =
        upsample ? "asymmetric"
                 : node.string("coordinate_transformation_mode", "half_pixel");
    if (from[i] == context.layout.shape[i] &&
        (!scales || scales->real(static_cast<int64_t>(i)) == 1))
      continue;
    auto in = from[i].constant(), out = context.layout.shape[i].constant();
    if (!in || !out)
      reject("'", context.tensor, "' resizes an axis of unknown length");
    axis.in = *in;
    axis.out = *out;
    axis.scale = scales ? scales->real(static_cast<int64_t>(i))
                        : static_cast<double>(*out) / static_cast<double>(*in);
    if (!(axis.scale > 0) || !std::isfinite(axis.scale))
      reject("'", context.tensor, "' has a scale that is not positive");
    norm *= axisNorm(
        axis, mode == "linear",
        upsample ? "floor" : node.string("nearest_mode", "round_prefer_floor"));
  }
  Facts facts;
  facts.lipL2 = times(x.lipL2, norm);
  facts.lipLinf = x.lipLinf;
  facts.radiusL2 = times(x.radiusL2, norm);
  if (x.range)
    facts.range = Range::everywhere(x.range->hull());
  return facts;
}

} // namespace

Rule lipt::checker::resizeRule() { return resize; }
