//===- AffineMatrix.cpp - Cheap bounds and images of affine maps ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Certificate/AffineEvaluator.h"

#include "lipt/Numerics/IntervalImage.h"

#include <cmath>

using namespace lipt;

AffineMatrix AffineMatrix::identity(int64_t order) {
  AffineMatrix matrix;
  matrix.rows = matrix.cols = order;
  matrix.sparse = true;
  matrix.values.assign(size_t(order), 1);
  matrix.columns.resize(size_t(order));
  for (int64_t i = 0; i != order; ++i)
    matrix.columns[i] = i;
  return matrix;
}

AffineMatrix AffineMatrix::dense(AssembledMatrix assembled) {
  AffineMatrix matrix;
  matrix.rows = assembled.rows();
  matrix.cols = assembled.cols();
  matrix.error = assembled.error;
  auto owner = std::make_shared<Matrix>(std::move(assembled.approx));
  matrix.view = owner->view();
  matrix.owner = std::move(owner);
  return matrix;
}

bool AffineMatrix::isIdentity() const {
  if (!sparse || rows != cols || !valueErrors.empty())
    return false;
  for (int64_t i = 0; i != rows; ++i)
    if (columns[i] != i || values[i] != 1)
      return false;
  return true;
}

AffineMatrix AffineMatrix::slice(int64_t row, int64_t col, int64_t rowCount,
                                 int64_t colCount) const {
  AffineMatrix part = *this;
  part.rows = rowCount;
  part.cols = colCount;
  part.view = view.slice(row, col, rowCount, colCount);
  return part;
}

UpperBound AffineMap::biasNorm() const {
  return vectorNorm2(std::span<const double>(bias)) + biasError;
}

static UpperBound entryOf(const AffineMatrix &matrix, int64_t row) {
  if (matrix.columns[row] < 0)
    return UpperBound::zero();
  UpperBound value = UpperBound::fromDouble(std::abs(matrix.values[row]));
  return matrix.valueErrors.empty()
             ? value
             : value + UpperBound::fromDouble(matrix.valueErrors[row]);
}

UpperBound lipt::rowSumBound(const AffineMatrix &matrix) {
  if (matrix.sparse) {
    UpperBound largest = UpperBound::zero();
    for (int64_t i = 0; i != matrix.rows; ++i)
      largest = max(largest, entryOf(matrix, i));
    return largest;
  }
  UpperBound sum = cheapNorms(matrix.view).normInf;
  return matrix.error.isZero()
             ? sum
             : sum + matrix.error * UpperBound::sqrtOf(uint64_t(matrix.cols));
}

UpperBound lipt::cheapSpectralBound(const AffineMatrix &matrix) {
  if (!matrix.sparse)
    return cheapNorms(matrix.view).spectral() + matrix.error;
  std::vector<UpperBound> columns(size_t(matrix.cols), UpperBound::zero());
  for (int64_t i = 0; i != matrix.rows; ++i)
    if (matrix.columns[i] >= 0)
      columns[matrix.columns[i]] += entryOf(matrix, i);
  UpperBound column = UpperBound::zero();
  for (const UpperBound &sum : columns)
    column = max(column, sum);
  return (column * rowSumBound(matrix)).sqrt();
}

IntervalVector lipt::imageOf(const AffineMap &map, const IntervalVector &input,
                             const UpperBound &radius) {
  const AffineMatrix &matrix = map.matrix;
  IntervalVector image;
  if (matrix.sparse) {
    for (int64_t i = 0; i != matrix.rows; ++i) {
      Interval entry = Interval::point(0);
      if (matrix.columns[i] >= 0) {
        Interval factor = Interval::point(matrix.values[i]);
        if (!matrix.valueErrors.empty())
          factor = widen(factor, UpperBound::fromDouble(matrix.valueErrors[i]));
        entry = multiply(factor, input[matrix.columns[i]]);
        entry =
            intersect(entry, Interval::symmetric(entryOf(matrix, i) * radius));
      }
      image.push_back(add(entry, Interval::point(map.bias[i])));
    }
  } else {
    image = affineImage(matrix.view, map.bias, input);
    UpperBound magnitude = min(norm2Bound(input), radius);
    std::vector<double> row(size_t(matrix.cols));
    for (int64_t i = 0; i != matrix.rows; ++i) {
      if (!matrix.error.isZero())
        image[i] = widen(image[i], matrix.error * magnitude);
      if (radius.isUnbounded())
        continue;
      matrix.view.loadRow(i, 0, matrix.cols, row.data());
      UpperBound reach =
          (vectorNorm2(std::span<const double>(row)) + matrix.error) * radius;
      image[i] = intersect(image[i], add(Interval::symmetric(reach),
                                         Interval::point(map.bias[i])));
    }
  }
  if (!map.biasError.isZero())
    for (Interval &entry : image)
      entry = widen(entry, map.biasError);
  return image;
}
