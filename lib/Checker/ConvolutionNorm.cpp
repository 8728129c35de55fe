//===- ConvolutionNorm.cpp - Certificate of the explicit matrix -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compensated.h"
#include "ConvolutionIncidence.h"
#include "DenseKernels.h"
#include "GramCertificate.h"
#include "ScaledView.h"
#include "lipt/Checker/ConvolutionMatrix.h"
#include <algorithm>
#include <cmath>
#include <new>
#include <tuple>

using namespace lipt::checker;

static constexpr int64_t linkLimit = int64_t(1) << 26;
/// Multiplications and additions that one certificate may cost.
static constexpr double workLimit = 0x1p38;

std::optional<Incidence>
lipt::checker::incidence(const ConvolutionGeometry &geometry,
                         std::string &reason) {
  std::vector<int64_t> windowSizes = outputSizes(geometry);
  std::vector<int64_t> cellSizes = geometry.inputSizes;
  if (geometry.transposed)
    std::swap(windowSizes, cellSizes);
  Incidence result;
  result.windows = saturatingProduct(windowSizes);
  result.cells = saturatingProduct(cellSizes);
  int64_t pairs[] = {result.windows, geometry.taps()};
  if (saturatingProduct(pairs) > linkLimit || result.cells > linkLimit) {
    reason = "the convolution has too many cells for an explicit matrix";
    return std::nullopt;
  }
  const int64_t taps = geometry.taps(), rank = geometry.rank();
  for (int64_t window = 0; window < result.windows; ++window)
    for (int64_t tap = 0; tap < taps; ++tap) {
      int64_t windowRest = window, tapRest = tap, cell = 0, unit = 1;
      bool inside = true;
      for (int64_t axis = rank - 1; axis >= 0 && inside; --axis) {
        int64_t place =
            windowRest % windowSizes[axis] * geometry.strides[axis] +
            tapRest % geometry.kernel[axis] * geometry.dilations[axis] -
            geometry.padsBegin[axis];
        windowRest /= windowSizes[axis];
        tapRest /= geometry.kernel[axis];
        inside = place >= 0 && place < cellSizes[axis];
        cell += place * unit;
        unit *= cellSizes[axis];
      }
      if (inside)
        result.links.push_back({window, cell, tap});
    }
  return result;
}

namespace {
/// One group of the scaled kernel with its incidence.
struct Group {
  const Incidence &incidence;
  MatrixSource kernel; // first × (second·taps), scaled
  int64_t first;
  int64_t second;
  int64_t taps;
};

/// The side of which the Gram matrix is formed.
enum class Side { Windows, Cells };
} // namespace

static int64_t channelsOf(const Group &group, Side side) {
  return side == Side::Windows ? group.first : group.second;
}

/// Column (t, c) holds the kernel entries of tap t and channel c of `side`; one
/// row for each channel of the other side.
static Matrix tapColumns(const Group &group, Side side) {
  int64_t channels = channelsOf(group, side);
  int64_t others = side == Side::Windows ? group.second : group.first;
  Matrix columns(others, group.taps * channels);
  for (int64_t other = 0; other < others; ++other)
    for (int64_t t = 0; t < group.taps; ++t)
      for (int64_t c = 0; c < channels; ++c) {
        int64_t f = side == Side::Windows ? c : other;
        int64_t s = side == Side::Windows ? other : c;
        columns.at(other, t * channels + c) =
            group.kernel.at(f, s * group.taps + t);
      }
  return columns;
}

/// The Gram matrix of one side, position-major. An entry sums products of
/// entries that share an event (a window, or a cell for the windows' side): the
/// products of two taps are the same for every event, so they are summed over
/// the channels once and added where the taps land.
static std::vector<double> groupGram(const Group &group, Side side,
                                     unsigned threads) {
  const Incidence &links = group.incidence;
  int64_t channels = channelsOf(group, side);
  int64_t positions = side == Side::Windows ? links.windows : links.cells;
  int64_t order = positions * channels, ld = padded(order);

  Matrix columns = tapColumns(group, side);
  int64_t blockLd = padded(columns.cols);
  std::vector<double> blocks(blockLd * blockLd);
  ScaledView view(columns, 0);
  accumulateProduct(blocks.data(), blockLd, view, view, {.threads = threads});

  // Events: for each, the positions of `side` it joins and through which taps.
  std::vector<Incidence::Link> events = links.links;
  if (side == Side::Windows)
    std::sort(events.begin(), events.end(), [](const auto &a, const auto &b) {
      return std::tie(a.cell, a.window) < std::tie(b.cell, b.window);
    });
  auto eventOf = [&](const Incidence::Link &link) {
    return side == Side::Windows ? link.cell : link.window;
  };
  auto positionOf = [&](const Incidence::Link &link) {
    return side == Side::Windows ? link.window : link.cell;
  };
  std::vector<double> gram(ld * ld);
  for (size_t begin = 0; begin < events.size();) {
    size_t end = begin;
    while (end < events.size() &&
           eventOf(events[end]) == eventOf(events[begin]))
      ++end;
    for (size_t a = begin; a < end; ++a)
      for (size_t b = begin; b < end; ++b) {
        if (positionOf(events[a]) > positionOf(events[b]))
          continue;
        for (int64_t c = 0; c < channels; ++c) {
          double *to = gram.data() +
                       (positionOf(events[a]) * channels + c) * ld +
                       positionOf(events[b]) * channels;
          const double *from = blocks.data() +
                               (events[a].tap * channels + c) * blockLd +
                               events[b].tap * channels;
          for (int64_t d = 0; d < channels; ++d)
            to[d] += from[d];
        }
      }
    begin = end;
  }
  return gram;
}

/// An upper bound of ‖T‖_F² for one group: every link repeats its tap's
/// entries.
static double squaredFrobenius(const Group &group) {
  std::vector<double> uses(group.taps);
  for (const Incidence::Link &link : group.incidence.links)
    ++uses[link.tap];
  CompensatedSum total;
  for (int64_t t = 0; t < group.taps; ++t) {
    CompensatedSum squares;
    for (int64_t f = 0; f < group.first; ++f)
      for (int64_t s = 0; s < group.second; ++s) {
        double entry = group.kernel.at(f, s * group.taps + t);
        squares.add(entry * entry);
      }
    double count = static_cast<double>(group.first) * group.second;
    total.add(up(uses[t] * positiveProductSumUp(squares, count)));
  }
  return positiveSumUp(total, static_cast<double>(group.taps));
}

static std::optional<double>
groupSquaredNorm(const Group &group, Side side, double sumsBound,
                 const ConvolutionGeometry &geometry,
                 const NormWitness &witness, std::string &reason,
                 unsigned threads) {
  int64_t channels = channelsOf(group, side);
  int64_t positions =
      side == Side::Windows ? group.incidence.windows : group.incidence.cells;
  // Products in one entry: a window shares cells with another in at most `taps`
  // places; a cell lies in at most Πm windows.
  int64_t shared = group.taps;
  if (side == Side::Cells) {
    shared = 1;
    for (int64_t axis = 0; axis < geometry.rank(); ++axis)
      shared *= windowMultiplicity(geometry, axis);
  }
  double terms = static_cast<double>(shared) *
                 (side == Side::Windows ? group.second : group.first);
  std::vector<double> gram = groupGram(group, side, threads);
  double squaredNormBound = std::min(squaredFrobenius(group), sumsBound);
  return squaredNormFromGram(gram.data(), positions * channels, terms,
                             squaredNormBound, witness.tau, reason, threads);
}

//===----------------------------------------------------------------------===//
// Collatz–Wielandt
//===----------------------------------------------------------------------===//

/// |T| from cells to windows (or back), both [channel, position], rounded up.
static std::vector<double> absApply(const ConvolutionGeometry &geometry,
                                    const ScaledView &kernel,
                                    const Incidence &links, Side target,
                                    const std::vector<double> &x) {
  int64_t taps = geometry.taps();
  int64_t first = geometry.kernelRows() / geometry.groups;
  int64_t second = geometry.kernelCols() / taps;
  bool toWindows = target == Side::Windows;
  int64_t positions = toWindows ? links.windows : links.cells;
  int64_t channels = geometry.groups * (toWindows ? first : second);
  std::vector<CompensatedSum> sums(positions * channels);
  for (const Incidence::Link &link : links.links)
    for (int64_t f = 0; f < geometry.kernelRows(); ++f)
      for (int64_t s = 0; s < second; ++s) {
        double entry = std::abs(kernel.at(f, s * taps + link.tap));
        if (entry == 0.0)
          continue;
        int64_t window = f * links.windows + link.window;
        int64_t cell = (f / first * second + s) * links.cells + link.cell;
        sums[toWindows ? window : cell].addProduct(
            entry, x[toWindows ? cell : window]);
      }
  std::vector<double> result(sums.size());
  double terms = static_cast<double>(taps) * (toWindows ? second : first);
  for (size_t i = 0; i < sums.size(); ++i)
    result[i] = positiveProductSumUp(sums[i], terms);
  return result;
}

static std::optional<double>
collatzSquaredNorm(const ConvolutionGeometry &geometry,
                   const ScaledView &kernel, const Incidence &links,
                   const NormWitness &witness, std::string &reason) {
  double work = static_cast<double>(links.links.size()) *
                geometry.kernelRows() *
                (geometry.kernelCols() / geometry.taps());
  if (work > workLimit) {
    reason = "checking the convolution's matrix would take too long";
    return std::nullopt;
  }
  // x belongs to the input, or to the output if transposed.
  bool onCells = witness.transposed == geometry.transposed;
  Side side = onCells ? Side::Cells : Side::Windows;
  Side other = onCells ? Side::Windows : Side::Cells;
  int64_t second = geometry.kernelCols() / geometry.taps() * geometry.groups;
  int64_t size =
      onCells ? second * links.cells : geometry.kernelRows() * links.windows;
  if (static_cast<int64_t>(witness.x.size()) != size ||
      !isPositive(witness.x)) {
    reason = "x does not have one positive number for each column";
    return std::nullopt;
  }
  std::vector<double> image =
      absApply(geometry, kernel, links, side,
               absApply(geometry, kernel, links, other, witness.x));
  return collatzQuotient(image, witness.x, reason);
}

//===----------------------------------------------------------------------===//
// All groups
//===----------------------------------------------------------------------===//

static std::optional<double>
choleskySquaredNorm(const ConvolutionGeometry &geometry,
                    const ScaledView &kernel, const Incidence &links,
                    const NormWitness &witness, std::string &reason,
                    unsigned threads) {
  int64_t taps = geometry.taps();
  int64_t first = geometry.kernelRows() / geometry.groups;
  int64_t second = geometry.kernelCols() / taps;
  int64_t windowFactors[] = {links.windows, first};
  int64_t cellFactors[] = {links.cells, second};
  int64_t windowOrder = saturatingProduct(windowFactors);
  int64_t cellOrder = saturatingProduct(cellFactors);
  Side side = windowOrder < cellOrder ? Side::Windows : Side::Cells;
  if (windowOrder == cellOrder && witness.transposed != geometry.transposed)
    side = Side::Windows;
  int64_t order = std::min(windowOrder, cellOrder);
  int64_t channels = side == Side::Windows ? first : second;
  if (order > maximumGramOrder || taps * channels > maximumGramOrder) {
    reason = "the Gram matrix would be too large";
    return std::nullopt;
  }
  double work = static_cast<double>(links.links.size()) * taps * channels *
                channels * geometry.groups;
  if (work > workLimit) {
    reason = "checking the convolution's matrix would take too long";
    return std::nullopt;
  }

  Matrix scaled(geometry.kernelRows(), geometry.kernelCols());
  for (int64_t i = 0; i < scaled.rows; ++i)
    for (int64_t j = 0; j < scaled.cols; ++j)
      scaled.at(i, j) = kernel.at(i, j);
  WindowSums sums = windowSums(geometry, scaled);
  double sumsBound = up(sums.window * sums.cell);
  double squared = 0.0;
  for (int64_t g = 0; g < geometry.groups; ++g) {
    Group group{links,
                MatrixSource(scaled).rowRange(g * first, (g + 1) * first),
                first, second, taps};
    std::optional<double> bound = groupSquaredNorm(
        group, side, sumsBound, geometry, witness, reason, threads);
    if (!bound)
      return std::nullopt;
    squared = std::max(squared, *bound);
  }
  return squared;
}

std::optional<Extended> lipt::checker::verifiedConvolutionNorm(
    const ConvolutionGeometry &geometry, const Assembled &kernel,
    const NormWitness &witness, std::string &reason, unsigned threads) {
  if (std::optional<std::string> fault = geometryFault(geometry)) {
    reason = *fault;
    return std::nullopt;
  }
  if (geometry.inputSizes.empty() ||
      kernel.value.rows != geometry.kernelRows() ||
      kernel.value.cols != geometry.kernelCols()) {
    reason = "the convolution's sizes are unknown or do not fit its kernel";
    return std::nullopt;
  }
  try {
    std::optional<Incidence> links = incidence(geometry, reason);
    if (!links)
      return std::nullopt;

    // Taps that meet padding only are not part of the matrix.
    Matrix used(kernel.value.rows, kernel.value.cols);
    int64_t taps = geometry.taps();
    std::vector<bool> isUsed(taps, false);
    for (const Incidence::Link &link : links->links)
      isUsed[link.tap] = true;
    for (int64_t i = 0; i < used.rows; ++i)
      for (int64_t j = 0; j < used.cols; ++j)
        if (isUsed[j % taps])
          used.at(i, j) = kernel.value.at(i, j);

    Extended norm = Extended::zero();
    double largest = largestEntry(used);
    if (largest != 0.0) {
      if (!witnessFits(witness, largest, reason))
        return std::nullopt;
      ScaledView view(used, witness.exponent);
      std::optional<double> squared =
          witness.method == NormWitness::Method::Collatz
              ? collatzSquaredNorm(geometry, view, *links, witness, reason)
              : choleskySquaredNorm(geometry, view, *links, witness, reason,
                                    threads);
      if (!squared)
        return std::nullopt;
      norm = scaledRoot(*squared, 0.0, witness.exponent);
      // Every kernel entry's scaling error spreads like the kernel's own.
      norm += unfoldingFactor(geometry, 0) *
              Extended::fromDouble(view.frobeniusError())
                  .scaledByPowerOfTwo(witness.exponent);
    }
    return norm + unfoldingFactor(geometry, 0) * kernel.error;
  } catch (const std::bad_alloc &) {
    reason = "not enough memory for the convolution's matrix";
    return std::nullopt;
  }
}

Assembled
lipt::checker::explicitConvolution(const ConvolutionGeometry &geometry,
                                   const Assembled &kernel) {
  constexpr int64_t entryLimit = int64_t(1) << 24;
  Assembled unknown{Matrix(), Extended::unbounded()};
  std::string reason;
  if (geometryFault(geometry) || geometry.inputSizes.empty() ||
      kernel.value.rows != geometry.kernelRows() ||
      kernel.value.cols != geometry.kernelCols())
    return unknown;
  std::optional<Incidence> links = incidence(geometry, reason);
  if (!links)
    return unknown;
  int64_t taps = geometry.taps();
  int64_t first = geometry.kernelRows() / geometry.groups;
  int64_t second = geometry.kernelCols() / taps;
  int64_t counts[] = {links->windows, geometry.kernelRows(), links->cells,
                      second * geometry.groups};
  if (saturatingProduct(counts) > entryLimit)
    return unknown;
  Assembled result = zeroMatrix(geometry.kernelRows() * links->windows,
                                second * geometry.groups * links->cells);
  for (const Incidence::Link &link : links->links)
    for (int64_t f = 0; f < geometry.kernelRows(); ++f)
      for (int64_t s = 0; s < second; ++s)
        result.value.at(f * links->windows + link.window,
                        (f / first * second + s) * links->cells + link.cell) =
            kernel.value.at(f, s * taps + link.tap);
  result.error = unfoldingFactor(geometry, 0) * kernel.error;
  return geometry.transposed ? transpose(result) : result;
}
