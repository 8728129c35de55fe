//===- Matrix.cpp - Views of matrices and their norms ---------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Matrix.h"
#include "Compensated.h"
#include "ScaledView.h"
#include "lipt/Checker/Rounding.h"
#include <algorithm>
#include <cmath>

using namespace lipt::checker;

static constexpr double infinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

MatrixSource::MatrixSource(const Matrix &matrix)
    : MatrixSource(ofDoubles(matrix.data.data(), matrix.rows, matrix.cols)) {}

MatrixSource MatrixSource::ofFloats(const float *data, int64_t rows,
                                    int64_t cols) {
  MatrixSource source;
  source.type = Type::Float;
  source.data = data;
  source.rows = rows;
  source.cols = cols;
  source.rowStride = cols;
  return source;
}

MatrixSource MatrixSource::ofDoubles(const double *data, int64_t rows,
                                     int64_t cols) {
  MatrixSource source;
  source.data = data;
  source.rows = rows;
  source.cols = cols;
  source.rowStride = cols;
  return source;
}

MatrixSource MatrixSource::transposed() const {
  MatrixSource result = *this;
  std::swap(result.rows, result.cols);
  std::swap(result.rowStride, result.colStride);
  return result;
}

MatrixSource MatrixSource::rowRange(int64_t begin, int64_t end) const {
  begin = std::clamp<int64_t>(begin, 0, rows);
  end = std::clamp(end, begin, rows);
  MatrixSource result = *this;
  int64_t offset = begin * rowStride;
  if (type == Type::Float)
    result.data = static_cast<const float *>(data) + offset;
  else
    result.data = static_cast<const double *>(data) + offset;
  result.rows = end - begin;
  return result;
}

MatrixSource MatrixSource::columnRange(int64_t begin, int64_t end) const {
  return transposed().rowRange(begin, end).transposed();
}

Matrix MatrixSource::copy() const {
  Matrix result(rows, cols);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j)
      result.at(i, j) = at(i, j);
  return result;
}

AssembledVector::AssembledVector(std::vector<double> entries)
    : value(std::move(entries)), error(value.size(), 0.0) {}

AssembledVector AssembledVector::zeros(int64_t size) {
  return AssembledVector(std::vector<double>(size, 0.0));
}

Interval AssembledVector::entry(int64_t i) const {
  return Interval::make(addDown(value[i], -error[i]), addUp(value[i], error[i]))
      .value_or(Interval::unknown());
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// Applies `pick` to the sums of the scaled matrix and scales the result back;
/// `terms` entry errors may add up in what it picks.
template <typename Pick>
static Extended scaledNorm(const MatrixSource &matrix, Pick pick) {
  double largest = largestEntry(matrix);
  if (largest == 0.0)
    return Extended::zero();
  if (!(largest < infinity))
    return Extended::unbounded();
  ScaledView view(matrix, scalingExponent(largest));
  return pick(view, normSums(view)).scaledByPowerOfTwo(view.exponent);
}

/// `terms` entry errors of the scaled view.
static Extended entryErrors(const ScaledView &view, int64_t terms) {
  return Extended::fromInteger(terms) * Extended::fromDouble(view.entryError);
}

Extended lipt::checker::frobeniusUp(const MatrixSource &matrix) {
  return scaledNorm(matrix, [](const ScaledView &view, const NormSums &sums) {
    return Extended::fromDouble(sums.frobeniusSquared).sqrt() +
           Extended::fromDouble(view.frobeniusError());
  });
}

Extended lipt::checker::maxRowAbsSumUp(const MatrixSource &matrix) {
  return scaledNorm(matrix, [&](const ScaledView &view, const NormSums &sums) {
    return Extended::fromDouble(sums.maxRowSum) +
           entryErrors(view, matrix.cols);
  });
}

Extended lipt::checker::maxColumnAbsSumUp(const MatrixSource &matrix) {
  return scaledNorm(matrix, [&](const ScaledView &view, const NormSums &sums) {
    return Extended::fromDouble(sums.maxColumnSum) +
           entryErrors(view, matrix.rows);
  });
}

std::vector<Extended> lipt::checker::rowNorms2Up(const MatrixSource &matrix) {
  std::vector<Extended> norms;
  norms.reserve(matrix.rows);
  for (int64_t i = 0; i < matrix.rows; ++i)
    norms.push_back(frobeniusUp(matrix.rowRange(i, i + 1)));
  return norms;
}

std::vector<double> lipt::checker::absTimesVectorUp(const MatrixSource &matrix,
                                                    std::span<const double> x) {
  if (static_cast<int64_t>(x.size()) != matrix.cols)
    return std::vector<double>(matrix.rows, infinity);
  return absTimesUp(ScaledView(matrix, 0), x);
}

Extended lipt::checker::norm2Up(std::span<const double> x) {
  return frobeniusUp(
      MatrixSource::ofDoubles(x.data(), 1, static_cast<int64_t>(x.size())));
}

Extended lipt::checker::frobeniusUp(const Assembled &matrix) {
  return frobeniusUp(MatrixSource(matrix.value)) + matrix.error;
}

Extended lipt::checker::maxRowAbsSumUp(const Assembled &matrix) {
  return maxRowAbsSumUp(MatrixSource(matrix.value)) +
         sqrtOfIntegerUp(matrix.value.cols) * matrix.error;
}

Extended lipt::checker::maxColumnAbsSumUp(const Assembled &matrix) {
  return maxColumnAbsSumUp(MatrixSource(matrix.value)) +
         sqrtOfIntegerUp(matrix.value.rows) * matrix.error;
}

std::vector<Extended> lipt::checker::rowNorms2Up(const Assembled &matrix) {
  std::vector<Extended> norms = rowNorms2Up(MatrixSource(matrix.value));
  for (Extended &norm : norms)
    norm += matrix.error;
  return norms;
}

Extended lipt::checker::norm2Up(const AssembledVector &x) {
  return norm2Up(x.value) + norm2Up(x.error);
}

Extended lipt::checker::absMaxUp(const AssembledVector &x) {
  Extended largest = Extended::zero();
  for (int64_t i = 0; i < x.size(); ++i)
    largest = max(largest, Extended::fromDouble(x.entry(i).absMax()));
  return largest;
}
