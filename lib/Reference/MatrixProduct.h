//===- MatrixProduct.h - Dense matrix products -------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_MATRIXPRODUCT_H
#define LIPT_LIB_REFERENCE_MATRIXPRODUCT_H

#include <cstdint>

namespace lipt::reference {

/// A matrix in memory: entry (i, j) at data[i * rowStride + j * columnStride].
template <typename T> struct Matrix {
  T *data;
  int64_t rows, columns, rowStride, columnStride;

  static Matrix rowMajor(T *data, int64_t rows, int64_t columns) {
    return {data, rows, columns, columns, 1};
  }
  Matrix transposed() const {
    return {data, columns, rows, columnStride, rowStride};
  }
};

/// result += lhs * rhs; the sizes must agree, and rows or columns of `result`
/// must be contiguous. The order in which an entry's terms are added depends on
/// the sizes and layout alone.
template <typename T>
void addProduct(Matrix<T> result, Matrix<const T> lhs, Matrix<const T> rhs);

extern template void addProduct(Matrix<float>, Matrix<const float>,
                                Matrix<const float>);
extern template void addProduct(Matrix<double>, Matrix<const double>,
                                Matrix<const double>);
extern template void addProduct(Matrix<int64_t>, Matrix<const int64_t>,
                                Matrix<const int64_t>);

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_MATRIXPRODUCT_H
