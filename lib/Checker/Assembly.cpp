//===- Assembly.cpp - Matrices and vectors with rounding errors -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DenseKernels.h"
#include "ScaledView.h"
#include "lipt/Checker/Matrix.h"
#include "lipt/Checker/Rounding.h"
#include "lipt/Checker/SpectralNorm.h"
#include <algorithm>
#include <cmath>

using namespace lipt::checker;

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// The answer to operands that do not fit: nothing is known about it.
static Assembled misfit() { return {Matrix(), Extended::unbounded()}; }

/// Larger matrices (2 GiB) are not assembled: sizes come from outside.
static constexpr int64_t entryLimit = int64_t(1) << 28;

static bool isTooLarge(int64_t rows, int64_t cols) {
  return rows < 0 || cols < 0 || (cols != 0 && rows > entryLimit / cols);
}

namespace {
/// The Frobenius norm of entrywise rounding errors: √count · largest.
struct RoundingError {
  int64_t count = 0;
  double largest = 0.0;

  void add(double error) {
    if (error == 0.0)
      return;
    ++count;
    // A NaN (an operation overflowed) must not be lost.
    largest = error < infinity ? std::max(largest, error) : infinity;
  }
  Extended norm() const {
    return sqrtOfIntegerUp(count) * Extended::fromDouble(largest);
  }
};
} // namespace

/// |fl(a b) − a b|, exactly where nothing underflows.
static double productResidual(double a, double b, double p) {
  if (a == 0.0 || b == 0.0)
    return 0.0;
  double residual = std::abs(std::fma(a, b, -p));
  return std::abs(p) >= 0x1p-960 ? residual : smallestDouble;
}

/// |fl(a + b) − (a + b)|; a sum of doubles never underflows.
static double sumResidual(double a, double b, double s) {
  if (a == 0.0 || b == 0.0)
    return 0.0;
  if (!(std::abs(a) < 0x1p1000 && std::abs(b) < 0x1p1000))
    return infinity;
  double part = s - a;
  return std::abs((a - (s - part)) + (b - part));
}

Assembled lipt::checker::exactMatrix(Matrix value) {
  return {std::move(value), Extended::zero()};
}

Assembled lipt::checker::exactMatrix(const MatrixSource &source) {
  return {source.copy(), Extended::zero()};
}

Assembled lipt::checker::identity(int64_t size) {
  Assembled result = zeroMatrix(size, size);
  if (result.value.rows != size)
    return result;
  for (int64_t i = 0; i < size; ++i)
    result.value.at(i, i) = 1.0;
  return result;
}

Assembled lipt::checker::zeroMatrix(int64_t rows, int64_t cols) {
  if (isTooLarge(rows, cols))
    return misfit();
  return {Matrix(rows, cols), Extended::zero()};
}

Assembled lipt::checker::product(const Assembled &left, const Assembled &right,
                                 unsigned threads) {
  int64_t m = left.value.rows, k = left.value.cols, n = right.value.cols;
  if (k != right.value.rows || isTooLarge(padded(m), padded(n)))
    return misfit();
  std::vector<double> buffer(padded(m) * padded(n));
  accumulateProduct(buffer.data(), padded(n),
                    ScaledView(MatrixSource(left.value).transposed(), 0),
                    ScaledView(right.value, 0), {.threads = threads});
  Assembled result = zeroMatrix(m, n);
  for (int64_t i = 0; i < m; ++i)
    std::copy_n(buffer.data() + i * padded(n), n,
                result.value.data.data() + i * n);

  // k·u·‖A‖_F‖B‖_F + k·√(mn)·2^-1074, then the errors of the operands.
  Extended terms = Extended::fromInteger(k);
  Extended leftNorm = frobeniusUp(MatrixSource(left.value));
  Extended rightNorm = frobeniusUp(MatrixSource(right.value));
  if (!leftNorm.isZero() && !rightNorm.isZero())
    result.error = terms * Extended::powerOfTwo(-53) * leftNorm * rightNorm +
                   terms * sqrtOfIntegerUp(m) * sqrtOfIntegerUp(n) *
                       Extended::powerOfTwo(-1074);
  if (!left.isExact())
    result.error += left.error * (cheapNorm(right.value) + right.error);
  if (!right.isExact())
    result.error += cheapNorm(left.value) * right.error;
  return result;
}

/// Multiplies entry (i, j) by scales[byRow ? i : j].
static Assembled scaleEntries(const Assembled &matrix,
                              std::span<const double> scales, bool byRow) {
  const Matrix &value = matrix.value;
  if (static_cast<int64_t>(scales.size()) != (byRow ? value.rows : value.cols))
    return misfit();
  Assembled result = zeroMatrix(value.rows, value.cols);
  if (result.error.isUnbounded())
    return result;
  RoundingError rounding;
  double largest = 0.0;
  for (double scale : scales)
    largest = std::abs(scale) < infinity ? std::max(largest, std::abs(scale))
                                         : infinity;
  for (int64_t i = 0; i < value.rows; ++i)
    for (int64_t j = 0; j < value.cols; ++j) {
      double a = value.at(i, j), scale = scales[byRow ? i : j];
      double p = a * scale;
      rounding.add(productResidual(a, scale, p));
      result.value.at(i, j) = p;
    }
  result.error = rounding.norm();
  if (!matrix.isExact())
    result.error += matrix.error * Extended::fromDouble(largest);
  return result;
}

/// The same for scales with errors δ: adds √(Σ (δ_i ‖row i‖)²) and, for the
/// matrix's own error, max δ · error.
static Assembled scaleEntries(const Assembled &matrix,
                              const AssembledVector &scales, bool byRow) {
  Assembled result = scaleEntries(matrix, scales.value, byRow);
  if (result.error.isUnbounded())
    return result;
  MatrixSource lines = matrix.value;
  if (!byRow)
    lines = lines.transposed();
  Extended squares = Extended::zero(), largest = Extended::zero();
  for (int64_t i = 0; i < scales.size(); ++i) {
    if (scales.error[i] == 0.0)
      continue;
    Extended delta = Extended::fromDouble(scales.error[i]);
    squares += (delta * frobeniusUp(lines.rowRange(i, i + 1))).squared();
    largest = max(largest, delta);
  }
  result.error += squares.sqrt();
  if (!matrix.isExact())
    result.error += largest * matrix.error;
  return result;
}

Assembled lipt::checker::scaleRows(const Assembled &matrix,
                                   const AssembledVector &scales) {
  return scaleEntries(matrix, scales, /*byRow=*/true);
}

Assembled lipt::checker::scaleRows(const Assembled &matrix,
                                   std::span<const double> scales) {
  return scaleEntries(matrix, scales, /*byRow=*/true);
}

Assembled lipt::checker::scaleColumns(const Assembled &matrix,
                                      const AssembledVector &scales) {
  return scaleEntries(matrix, scales, /*byRow=*/false);
}

Assembled lipt::checker::scaleColumns(const Assembled &matrix,
                                      std::span<const double> scales) {
  return scaleEntries(matrix, scales, /*byRow=*/false);
}

Assembled lipt::checker::scaleBy(const Assembled &matrix, double factor) {
  std::vector<double> scales(matrix.value.rows, factor);
  return scaleEntries(matrix, std::span<const double>(scales), /*byRow=*/true);
}

Assembled lipt::checker::sum(const Assembled &a, const Assembled &b) {
  if (a.value.rows != b.value.rows || a.value.cols != b.value.cols)
    return misfit();
  Assembled result = zeroMatrix(a.value.rows, a.value.cols);
  if (result.error.isUnbounded())
    return result;
  RoundingError rounding;
  for (size_t i = 0; i < result.value.data.size(); ++i) {
    double x = a.value.data[i], y = b.value.data[i];
    double s = x + y;
    rounding.add(sumResidual(x, y, s));
    result.value.data[i] = s;
  }
  result.error = rounding.norm() + a.error + b.error;
  return result;
}

Assembled lipt::checker::linearCombination(double alpha, const Assembled &a,
                                           double beta, const Assembled &b) {
  return sum(scaleBy(a, alpha), scaleBy(b, beta));
}

/// How often the most frequent index occurs: a row that is taken r times counts
/// its error r times.
static int64_t largestRepetition(std::span<const int64_t> indices,
                                 int64_t size) {
  std::vector<int64_t> counts(size, 0);
  int64_t largest = 0;
  for (int64_t index : indices) {
    if (index < 0 || index >= size)
      return -1;
    largest = std::max(largest, ++counts[index]);
  }
  return largest;
}

Assembled lipt::checker::selectRows(const Assembled &matrix,
                                    std::span<const int64_t> rows) {
  const Matrix &value = matrix.value;
  int64_t repetition = largestRepetition(rows, value.rows);
  if (repetition < 0)
    return misfit();
  Assembled result = zeroMatrix(static_cast<int64_t>(rows.size()), value.cols);
  for (size_t i = 0; i < rows.size(); ++i)
    std::copy_n(value.data.data() + rows[i] * value.cols, value.cols,
                result.value.data.data() + i * value.cols);
  result.error = sqrtOfIntegerUp(repetition) * matrix.error;
  return result;
}

Assembled lipt::checker::selectColumns(const Assembled &matrix,
                                       std::span<const int64_t> cols) {
  const Matrix &value = matrix.value;
  int64_t repetition = largestRepetition(cols, value.cols);
  if (repetition < 0)
    return misfit();
  Assembled result = zeroMatrix(value.rows, static_cast<int64_t>(cols.size()));
  for (int64_t i = 0; i < value.rows; ++i)
    for (size_t j = 0; j < cols.size(); ++j)
      result.value.at(i, static_cast<int64_t>(j)) = value.at(i, cols[j]);
  result.error = sqrtOfIntegerUp(repetition) * matrix.error;
  return result;
}

Assembled lipt::checker::verticalStack(std::span<const Assembled> blocks) {
  if (blocks.empty())
    return Assembled();
  Assembled result = zeroMatrix(0, blocks.front().value.cols);
  Extended squares = Extended::zero();
  for (const Assembled &block : blocks) {
    if (block.value.cols != result.value.cols ||
        isTooLarge(result.value.rows + block.value.rows, block.value.cols))
      return misfit();
    result.value.rows += block.value.rows;
    result.value.data.insert(result.value.data.end(), block.value.data.begin(),
                             block.value.data.end());
    squares += block.error.squared();
  }
  result.error = squares.sqrt();
  return result;
}

Assembled lipt::checker::horizontalStack(std::span<const Assembled> blocks) {
  if (blocks.empty())
    return Assembled();
  int64_t rows = blocks.front().value.rows, cols = 0;
  Extended squares = Extended::zero();
  for (const Assembled &block : blocks) {
    if (block.value.rows != rows)
      return misfit();
    cols += block.value.cols;
    squares += block.error.squared();
  }
  Assembled result = zeroMatrix(rows, cols);
  if (result.error.isUnbounded())
    return result;
  int64_t offset = 0;
  for (const Assembled &block : blocks) {
    for (int64_t i = 0; i < rows; ++i)
      std::copy_n(block.value.data.data() + i * block.value.cols,
                  block.value.cols,
                  result.value.data.data() + i * cols + offset);
    offset += block.value.cols;
  }
  result.error = squares.sqrt();
  return result;
}

Assembled lipt::checker::transpose(const Assembled &matrix) {
  return {MatrixSource(matrix.value).transposed().copy(), matrix.error};
}
