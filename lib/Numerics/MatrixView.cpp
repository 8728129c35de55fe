//===- MatrixView.cpp - Read-only matrix of float or double ---------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Numerics/MatrixView.h"

namespace lipt {

MatrixView MatrixView::slice(int64_t row, int64_t col, int64_t rows,
                             int64_t cols) const {
  MatrixView view = *this;
  int64_t offset = row * rowStride + col * colStride;
  if (element == Element::F32)
    view.data = static_cast<const float *>(data) + offset;
  else
    view.data = static_cast<const double *>(data) + offset;
  view.rowCount = rows;
  view.colCount = cols;
  return view;
}

template <typename T>
static void copyStrided(const T *source, int64_t stride, int64_t count,
                        double *dest) {
  if (stride == 1)
    for (int64_t i = 0; i < count; ++i)
      dest[i] = source[i];
  else
    for (int64_t i = 0; i < count; ++i)
      dest[i] = source[i * stride];
}

void MatrixView::loadRow(int64_t row, int64_t begin, int64_t end,
                         double *dest) const {
  int64_t offset = row * rowStride + begin * colStride;
  if (element == Element::F32)
    copyStrided(static_cast<const float *>(data) + offset, colStride,
                end - begin, dest);
  else
    copyStrided(static_cast<const double *>(data) + offset, colStride,
                end - begin, dest);
}

Matrix::Matrix(const MatrixView &view) : Matrix(view.rows(), view.cols()) {
  for (int64_t i = 0; i < rowCount; ++i)
    view.loadRow(i, 0, colCount, entries.data() + i * colCount);
}

} // namespace lipt
