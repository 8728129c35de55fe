//===- MatrixView.h - Read-only matrix of float or double -------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights stay where they are stored (a memory-mapped file); transposes and
// slices of them are views, so that certifying a model costs no copy of it.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_MATRIXVIEW_H
#define LIPT_NUMERICS_MATRIXVIEW_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lipt {

/// Entry (i, j) stands at data[i * rowStride + j * colStride], counted in
/// elements. The view does not own its data.
class MatrixView {
public:
  enum class Element : uint8_t { F32, F64 };

  MatrixView() = default;
  /// Row-major, dense.
  MatrixView(const float *data, int64_t rows, int64_t cols)
      : MatrixView(data, rows, cols, cols, 1) {}
  MatrixView(const double *data, int64_t rows, int64_t cols)
      : MatrixView(data, rows, cols, cols, 1) {}
  MatrixView(const float *data, int64_t rows, int64_t cols, int64_t rowStride,
             int64_t colStride)
      : data(data), rowCount(rows), colCount(cols), rowStride(rowStride),
        colStride(colStride), element(Element::F32) {}
  MatrixView(const double *data, int64_t rows, int64_t cols, int64_t rowStride,
             int64_t colStride)
      : data(data), rowCount(rows), colCount(cols), rowStride(rowStride),
        colStride(colStride), element(Element::F64) {}

  int64_t rows() const { return rowCount; }
  int64_t cols() const { return colCount; }
  int64_t getRowStride() const { return rowStride; }
  int64_t getColStride() const { return colStride; }
  Element getElement() const { return element; }
  bool empty() const { return rowCount <= 0 || colCount <= 0; }

  /// The data pointer in the type that getElement() names.
  const float *f32() const { return static_cast<const float *>(data); }
  const double *f64() const { return static_cast<const double *>(data); }

  /// Entry (i, j), exactly.
  double operator()(int64_t i, int64_t j) const {
    int64_t offset = i * rowStride + j * colStride;
    return element == Element::F32 ? double(f32()[offset]) : f64()[offset];
  }

  MatrixView transposed() const {
    MatrixView view = *this;
    view.rowCount = colCount, view.colCount = rowCount;
    view.rowStride = colStride, view.colStride = rowStride;
    return view;
  }

  /// The block of `rows` x `cols` entries that starts at (row, col); the caller
  /// keeps it inside.
  MatrixView slice(int64_t row, int64_t col, int64_t rows, int64_t cols) const;

  /// dest[j - begin] = entry (row, j) as a double, begin <= j < end.
  void loadRow(int64_t row, int64_t begin, int64_t end, double *dest) const;

private:
  const void *data = nullptr;
  int64_t rowCount = 0, colCount = 0;
  int64_t rowStride = 0, colStride = 0;
  Element element = Element::F64;
};

/// An owning, dense, row-major matrix of doubles.
class Matrix {
public:
  Matrix() = default;
  Matrix(int64_t rows, int64_t cols)
      : rowCount(rows), colCount(cols), entries(size_t(rows) * size_t(cols)) {}
  explicit Matrix(const MatrixView &view);

  int64_t rows() const { return rowCount; }
  int64_t cols() const { return colCount; }
  double &operator()(int64_t i, int64_t j) { return entries[i * colCount + j]; }
  double operator()(int64_t i, int64_t j) const {
    return entries[i * colCount + j];
  }
  double *data() { return entries.data(); }
  const double *data() const { return entries.data(); }
  MatrixView view() const {
    return MatrixView(entries.data(), rowCount, colCount);
  }
  operator MatrixView() const { return view(); }

private:
  int64_t rowCount = 0, colCount = 0;
  std::vector<double> entries;
};

} // namespace lipt

#endif // LIPT_NUMERICS_MATRIXVIEW_H
