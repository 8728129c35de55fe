//===- ScaledView.cpp - A matrix scaled to moderate entries ---------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScaledView.h"
#include "Compensated.h"
#include "lipt/Checker/Rounding.h"
#include <algorithm>
#include <array>
#include <cmath>

using namespace lipt::checker;

static constexpr double infinity = std::numeric_limits<double>::infinity();

namespace {
/// Independent partial sums, so that additions need not wait for each other.
constexpr int lanes = 8;
} // namespace

/// A view whose rows are the better order to walk memory in.
static bool walksColumns(const MatrixSource &source) {
  return source.rowStride < source.colStride;
}

template <typename Element, typename Visit>
static void forEachRowOf(const MatrixSource &source, Visit visit) {
  const Element *data = static_cast<const Element *>(source.data);
  for (int64_t i = 0; i < source.rows; ++i)
    visit(i, data + i * source.rowStride);
}

/// Calls visit(i, pointer to row i) with the element type of the view.
template <typename Visit>
static void forEachRow(const MatrixSource &source, Visit visit) {
  if (source.type == MatrixSource::Type::Float)
    forEachRowOf<float>(source, visit);
  else
    forEachRowOf<double>(source, visit);
}

double lipt::checker::largestEntry(const MatrixSource &source) {
  if (walksColumns(source))
    return largestEntry(source.transposed());
  double largest = 0.0;
  bool finite = true;
  forEachRow(source, [&](int64_t, auto *row) {
    for (int64_t j = 0; j < source.cols; ++j) {
      double entry = std::abs(static_cast<double>(row[j * source.colStride]));
      finite &= entry < infinity; // false for NaN
      largest = entry > largest ? entry : largest;
    }
  });
  return finite ? largest : infinity;
}

int64_t lipt::checker::scalingExponent(double largest) {
  int exponent = 0;
  std::frexp(largest, &exponent);
  return exponent;
}

ScaledView::ScaledView(const MatrixSource &source, int64_t exponent)
    : source(source), exponent(exponent) {
  // Two factors: 2^1074 is not a double. Halves of any exponent here are.
  int64_t half = -exponent / 2;
  first = std::ldexp(1.0, static_cast<int>(half));
  second = std::ldexp(1.0, static_cast<int>(-exponent - half));
  if (source.type == MatrixSource::Type::Double && exponent > 0)
    entryError = smallestDouble;
}

ScaledView ScaledView::transposed() const {
  ScaledView result = *this;
  result.source = source.transposed();
  return result;
}

double ScaledView::frobeniusError() const {
  if (entryError == 0.0)
    return 0.0;
  double count = static_cast<double>(source.rows) * source.cols;
  return std::ceil(up(std::sqrt(up(count)))) * entryError;
}

NormSums lipt::checker::normSums(const ScaledView &view) {
  const MatrixSource &source = view.source;
  if (walksColumns(source)) {
    NormSums sums = normSums(view.transposed());
    std::swap(sums.maxColumnSum, sums.maxRowSum);
    return sums;
  }
  NormSums result;
  CompensatedSum squares;
  std::vector<double> columnSums(source.cols), columnCarries(source.cols);
  double rows = static_cast<double>(source.rows);
  double cols = static_cast<double>(source.cols);
  std::vector<double> scaled(source.cols);
  forEachRow(source, [&](int64_t, auto *row) {
    for (int64_t j = 0; j < source.cols; ++j)
      scaled[j] = std::abs(static_cast<double>(row[j * source.colStride]) *
                           view.first * view.second);
    std::array<CompensatedSum, lanes> rowSums, rowSquares;
    int64_t j = 0;
    for (; j + lanes <= source.cols; j += lanes)
      for (int l = 0; l < lanes; ++l) {
        rowSums[l].add(scaled[j + l]);
        rowSquares[l].add(scaled[j + l] * scaled[j + l]);
      }
    for (; j < source.cols; ++j) {
      rowSums[0].add(scaled[j]);
      rowSquares[0].add(scaled[j] * scaled[j]);
    }
    for (int l = 1; l < lanes; ++l) {
      rowSums[0].merge(rowSums[l]);
      rowSquares[0].merge(rowSquares[l]);
    }
    result.maxRowSum =
        std::max(result.maxRowSum, positiveSumUp(rowSums[0], cols));
    squares.merge(rowSquares[0]);
    for (int64_t c = 0; c < source.cols; ++c) {
      CompensatedSum column{columnSums[c], columnCarries[c]};
      column.add(scaled[c]);
      columnSums[c] = column.sum;
      columnCarries[c] = column.carry;
    }
  });
  result.frobeniusSquared = positiveProductSumUp(squares, rows * cols);
  for (int64_t c = 0; c < source.cols; ++c)
    result.maxColumnSum = std::max(
        result.maxColumnSum,
        positiveSumUp(CompensatedSum{columnSums[c], columnCarries[c]}, rows));
  return result;
}

std::vector<double> lipt::checker::absTimesUp(const ScaledView &view,
                                              std::span<const double> x) {
  std::vector<double> result(view.source.rows);
  double terms = static_cast<double>(view.source.cols);
  for (int64_t i = 0; i < view.source.rows; ++i) {
    CompensatedSum sum;
    for (int64_t j = 0; j < view.source.cols; ++j)
      if (double entry = std::abs(view.at(i, j)); entry != 0.0)
        sum.addProduct(entry, x[j]);
    result[i] = positiveProductSumUp(sum, terms);
  }
  return result;
}

std::vector<double>
lipt::checker::absTransposeTimesUp(const ScaledView &view,
                                   std::span<const double> x) {
  std::vector<CompensatedSum> sums(view.source.cols);
  for (int64_t i = 0; i < view.source.rows; ++i)
    for (int64_t j = 0; j < view.source.cols; ++j)
      if (double entry = std::abs(view.at(i, j)); entry != 0.0)
        sums[j].addProduct(entry, x[i]);
  std::vector<double> result(view.source.cols);
  double terms = static_cast<double>(view.source.rows);
  for (int64_t j = 0; j < view.source.cols; ++j)
    result[j] = positiveProductSumUp(sums[j], terms);
  return result;
}
