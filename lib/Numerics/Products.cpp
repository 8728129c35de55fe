//===- Products.cpp - Assembled matrices with an error bound --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding of one entry: a sum of k products is within k*u of the sum of the
// absolute products plus k*2^-1074 (any order, fused or not); one operation is
// within u of its result, or 2^-1074. Frobenius norms of these entrywise bounds
// are the errors.
//
//===----------------------------------------------------------------------===//

#include "lipt/Numerics/Products.h"

#include "GramKernel.h"
#include "MatrixSums.h"
#include "Parallel.h"
#include "SpectralCertifier.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>

namespace lipt {

/// u * bound.
static UpperBound roundoff(const UpperBound &bound) {
  return bound.scaledByPowerOfTwo(-53);
}

static UpperBound absolute(double x) {
  return UpperBound::fromDouble(std::fabs(x));
}

AssembledMatrix AssembledMatrix::fromView(const MatrixView &view) {
  AssembledMatrix result{Matrix(view), UpperBound::zero()};
  // Entries that are no numbers have no bound; no operation may hide them.
  if (!view.empty() && !largestEntry(view, 1).finite)
    result.error = UpperBound::unbounded();
  return result;
}

AssembledMatrix AssembledMatrix::identity(int64_t order) {
  AssembledMatrix result{Matrix(order, order), UpperBound::zero()};
  for (int64_t i = 0; i < order; ++i)
    result.approx(i, i) = 1;
  return result;
}

UpperBound AssembledMatrix::normBound(const SpectralOptions &options) const {
  if (error.isUnbounded())
    return error;
  return spectralNormBound(approx, options) + error;
}

UpperBound AssembledMatrix::normInfBound() const {
  return cheapNorms(approx).normInf +
         UpperBound::sqrtOf(uint64_t(cols())) * error;
}

UpperBound AssembledMatrix::norm1Bound() const {
  return cheapNorms(approx).norm1 +
         UpperBound::sqrtOf(uint64_t(rows())) * error;
}

UpperBound AssembledMatrix::frobeniusBound() const {
  return cheapNorms(approx).frobenius + error;
}

AssembledMatrix AssembledMatrix::transposed() const {
  return {Matrix(approx.view().transposed()), error};
}

AssembledMatrix AssembledMatrix::slice(int64_t row, int64_t col, int64_t rows,
                                       int64_t cols) const {
  return {Matrix(approx.view().slice(row, col, rows, cols)), error};
}

AssembledMatrix product(const AssembledMatrix &left,
                        const AssembledMatrix &right,
                        const SpectralOptions &options) {
  AssembledMatrix result{Matrix(left.rows(), right.cols()), {}};
  if (left.cols() != right.rows())
    return result;
  multiplyMatrices(result.approx, left.approx, right.approx,
                   effectiveThreads(options.threads));
  CheapNorms l = cheapNorms(left.approx), r = cheapNorms(right.approx);
  // e_P = k*u*norm_F*norm_F + k*sqrt(mn)*2^-1074.
  UpperBound inner = UpperBound::fromInteger(uint64_t(left.cols()));
  UpperBound rounding =
      inner * (roundoff(l.frobenius * r.frobenius) +
               scalingErrorBound(result.rows(), result.cols()));
  // (L + E)(R + F) - LR, in Frobenius norm.
  UpperBound inherited = left.error * r.spectral() +
                         l.spectral() * right.error + left.error * right.error;
  result.error = rounding + inherited;
  if (!largestEntry(result.approx, 1).finite)
    result.error = UpperBound::unbounded();
  return result;
}

/// The error of a result each of whose entries was rounded `operations` times,
/// the roundings being of numbers with the Frobenius norms that `sizes` adds
/// up.
static void finishEntrywise(AssembledMatrix &result,
                            const UpperBound &inherited,
                            const UpperBound &sizes, uint64_t operations) {
  CheapNorms norms = cheapNorms(result.approx);
  UpperBound underflow = UpperBound::fromInteger(operations) *
                         scalingErrorBound(result.rows(), result.cols());
  result.error = inherited + roundoff(sizes + norms.frobenius) + underflow;
  if (!norms.finite)
    result.error = UpperBound::unbounded();
}

static AssembledMatrix scaleBy(const AssembledMatrix &matrix,
                               std::span<const double> factors, bool byRow) {
  AssembledMatrix result{Matrix(matrix.rows(), matrix.cols()), {}};
  if (int64_t(factors.size()) != (byRow ? matrix.rows() : matrix.cols()))
    return result;
  UpperBound largest = UpperBound::zero();
  for (double factor : factors)
    largest = max(largest, absolute(factor));
  for (int64_t i = 0; i < matrix.rows(); ++i)
    for (int64_t j = 0; j < matrix.cols(); ++j)
      result.approx(i, j) = matrix.approx(i, j) * factors[byRow ? i : j];
  finishEntrywise(result, largest * matrix.error, UpperBound::zero(), 1);
  return result;
}

AssembledMatrix scaleRows(const AssembledMatrix &matrix,
                          std::span<const double> factors) {
  return scaleBy(matrix, factors, true);
}

AssembledMatrix scaleCols(const AssembledMatrix &matrix,
                          std::span<const double> factors) {
  return scaleBy(matrix, factors, false);
}

AssembledMatrix scale(const AssembledMatrix &matrix, double factor) {
  std::vector<double> factors(matrix.rows(), factor);
  return scaleRows(matrix, factors);
}

AssembledMatrix addScaled(double a, const AssembledMatrix &left, double b,
                          const AssembledMatrix &right) {
  AssembledMatrix result{Matrix(left.rows(), left.cols()), {}};
  if (left.rows() != right.rows() || left.cols() != right.cols())
    return result;
  for (int64_t i = 0; i < left.rows(); ++i)
    for (int64_t j = 0; j < left.cols(); ++j)
      result.approx(i, j) = a * left.approx(i, j) + b * right.approx(i, j);
  UpperBound inherited = absolute(a) * left.error + absolute(b) * right.error;
  // The two products, exact ones being as good a size as computed ones.
  UpperBound sizes = absolute(a) * cheapNorms(left.approx).frobenius +
                     absolute(b) * cheapNorms(right.approx).frobenius;
  finishEntrywise(result, inherited, sizes, 3);
  return result;
}

AssembledMatrix mixIdentity(double a, double b, const AssembledMatrix &matrix) {
  if (matrix.rows() != matrix.cols())
    return {Matrix(matrix.rows(), matrix.cols()), {}};
  return addScaled(a, AssembledMatrix::identity(matrix.rows()), b, matrix);
}

/// Blocks beside each other (or below); errors add as orthogonal parts do.
static AssembledMatrix stack(std::span<const AssembledMatrix> blocks,
                             bool horizontal) {
  int64_t rows = 0, cols = 0;
  UpperBound squares = UpperBound::zero();
  for (const AssembledMatrix &block : blocks) {
    (horizontal ? cols : rows) += horizontal ? block.cols() : block.rows();
    int64_t &shared = horizontal ? rows : cols;
    int64_t mine = horizontal ? block.rows() : block.cols();
    if (&block != &blocks.front() && mine != shared)
      return {};
    shared = mine;
    squares += block.error * block.error;
  }
  AssembledMatrix result{Matrix(rows, cols), squares.sqrt()};
  int64_t offset = 0;
  for (const AssembledMatrix &block : blocks) {
    for (int64_t i = 0; i < block.rows(); ++i)
      std::copy_n(block.approx.data() + i * block.cols(), block.cols(),
                  horizontal ? &result.approx(i, 0) + offset
                             : result.approx.data() + (offset + i) * cols);
    offset += horizontal ? block.cols() : block.rows();
  }
  return result;
}

AssembledMatrix hstack(std::span<const AssembledMatrix> blocks) {
  return stack(blocks, true);
}

AssembledMatrix vstack(std::span<const AssembledMatrix> blocks) {
  return stack(blocks, false);
}

} // namespace lipt
