//===- Matrix.h - Matrices assembled with their rounding error --*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Matrices of a model are stored floats or doubles (exact), or assembled from
// those in double precision with a bound of what rounding did (docs/Bounds.md,
// products and assembled matrices). Errors are Frobenius norms, so they survive
// any permutation or selection of entries and bound the spectral norm too.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_MATRIX_H
#define LIPT_CHECKER_MATRIX_H

#include "lipt/Checker/Extended.h"
#include "lipt/Checker/Interval.h"
#include <cstdint>
#include <span>
#include <vector>

namespace lipt::checker {

/// Row-major, rows x cols entries.
struct Matrix {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<double> data;

  Matrix() = default;
  Matrix(int64_t rows, int64_t cols)
      : rows(rows), cols(cols), data(static_cast<size_t>(rows * cols)) {}

  double &at(int64_t i, int64_t j) { return data[i * cols + j]; }
  double at(int64_t i, int64_t j) const { return data[i * cols + j]; }
};

/// A view of float or double entries that somebody else owns; strides count
/// entries. Saves the double copy of a large float matrix.
struct MatrixSource {
  enum class Type { Float, Double };
  Type type = Type::Double;
  const void *data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t rowStride = 0;
  int64_t colStride = 1;

  MatrixSource() = default;
  /// Implicit: every function on views takes a Matrix too.
  MatrixSource(const Matrix &matrix);
  static MatrixSource ofFloats(const float *data, int64_t rows, int64_t cols);
  static MatrixSource ofDoubles(const double *data, int64_t rows, int64_t cols);

  MatrixSource transposed() const;
  /// Rows [begin, end) or columns [begin, end).
  MatrixSource rowRange(int64_t begin, int64_t end) const;
  MatrixSource columnRange(int64_t begin, int64_t end) const;
  double at(int64_t i, int64_t j) const {
    int64_t offset = i * rowStride + j * colStride;
    return type == Type::Float
               ? static_cast<double>(static_cast<const float *>(data)[offset])
               : static_cast<const double *>(data)[offset];
  }
  Matrix copy() const;
};

/// ‖exact − value‖_F <= error.
struct Assembled {
  Matrix value;
  Extended error = Extended::zero();

  bool isExact() const { return error.isZero(); }
};

/// |exact_i − value_i| <= error_i for every i. Both of the same length.
struct AssembledVector {
  std::vector<double> value;
  std::vector<double> error;

  AssembledVector() = default;
  /// Exact.
  explicit AssembledVector(std::vector<double> value);
  static AssembledVector zeros(int64_t size);
  int64_t size() const { return static_cast<int64_t>(value.size()); }
  /// The interval of entry i.
  Interval entry(int64_t i) const;
};

// Norms of a view, rounded up; non-finite entries give unbounded.

Extended frobeniusUp(const MatrixSource &matrix);
/// ‖W‖_∞: the largest Σ_j |W_ij|.
Extended maxRowAbsSumUp(const MatrixSource &matrix);
/// ‖W‖_1: the largest Σ_i |W_ij|.
Extended maxColumnAbsSumUp(const MatrixSource &matrix);
/// ℓ2 norm of every row.
std::vector<Extended> rowNorms2Up(const MatrixSource &matrix);
/// (|W| x)_i for x >= 0; an entry is +infinity where that is not known.
std::vector<double> absTimesVectorUp(const MatrixSource &matrix,
                                     std::span<const double> x);
Extended norm2Up(std::span<const double> x);

// The same of an assembled matrix or vector: the error is added.

Extended frobeniusUp(const Assembled &matrix);
Extended maxRowAbsSumUp(const Assembled &matrix);
Extended maxColumnAbsSumUp(const Assembled &matrix);
std::vector<Extended> rowNorms2Up(const Assembled &matrix);
Extended norm2Up(const AssembledVector &x);
Extended absMaxUp(const AssembledVector &x);

// Assembly. Operands must have fitting sizes: the caller has checked the shapes
// of the model; operands that do not fit give an empty matrix with an unbounded
// error, never undefined behaviour.

Assembled exactMatrix(Matrix value);
Assembled exactMatrix(const MatrixSource &source);
Assembled identity(int64_t size);
Assembled zeroMatrix(int64_t rows, int64_t cols);
/// left · right.
Assembled product(const Assembled &left, const Assembled &right,
                  unsigned threads = 2);
/// diag(scales) · matrix and matrix · diag(scales).
Assembled scaleRows(const Assembled &matrix, const AssembledVector &scales);
Assembled scaleRows(const Assembled &matrix, std::span<const double> scales);
Assembled scaleColumns(const Assembled &matrix, const AssembledVector &scales);
Assembled scaleColumns(const Assembled &matrix, std::span<const double> scales);
Assembled scaleBy(const Assembled &matrix, double factor);
Assembled sum(const Assembled &a, const Assembled &b);
/// alpha·a + beta·b for exact alpha, beta.
Assembled linearCombination(double alpha, const Assembled &a, double beta,
                            const Assembled &b);
/// Rows (columns) by index, repetition allowed.
Assembled selectRows(const Assembled &matrix, std::span<const int64_t> rows);
Assembled selectColumns(const Assembled &matrix, std::span<const int64_t> cols);
Assembled verticalStack(std::span<const Assembled> blocks);
Assembled horizontalStack(std::span<const Assembled> blocks);
Assembled transpose(const Assembled &matrix);

AssembledVector add(const AssembledVector &a, const AssembledVector &b);
AssembledVector subtract(const AssembledVector &a, const AssembledVector &b);
/// Entrywise.
AssembledVector multiply(const AssembledVector &a, const AssembledVector &b);
AssembledVector scaleBy(const AssembledVector &a, double factor);
/// 1/√(a_i + shift), e.g. of a variance and its epsilon. An entry that may be
/// zero or negative gets an infinite error.
AssembledVector reciprocalSqrt(const AssembledVector &a, double shift);
/// 1/a_i; infinite error where a_i may be zero.
AssembledVector reciprocal(const AssembledVector &a);
AssembledVector select(const AssembledVector &a,
                       std::span<const int64_t> indices);
AssembledVector concatenate(std::span<const AssembledVector> parts);
/// matrix · x.
AssembledVector product(const Assembled &matrix, const AssembledVector &x);

/// Entry ranges of A x + b for x_j in box_j: A·mid + b ± |A|·rad, rounded
/// outward. `b` may be empty (zero).
std::vector<Interval> affineRange(const Assembled &matrix,
                                  const AssembledVector &b,
                                  std::span<const Interval> box);

} // namespace lipt::checker

#endif // LIPT_CHECKER_MATRIX_H
