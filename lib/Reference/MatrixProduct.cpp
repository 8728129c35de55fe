//===- MatrixProduct.cpp - Dense matrix products --------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatrixProduct.h"

#include "ParallelFor.h"

#include <type_traits>

namespace lipt::reference {

namespace {
/// Integer products wrap around, which signed arithmetic must not.
template <typename T> T multiplyAdd(T sum, T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(sum) +
                          static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return sum + a * b;
}

/// Rows [begin, end) of the result from rows of `rhs` (each contiguous): for a
/// block of contracted indices that stays in cache, row by row.
template <typename T>
void addRows(Matrix<T> result, Matrix<const T> lhs, Matrix<const T> rhs,
             int64_t begin, int64_t end) {
  constexpr int64_t depthBlock = 128, widthBlock = 512;
  for (int64_t j0 = 0; j0 < rhs.columns; j0 += widthBlock) {
    int64_t width = std::min(widthBlock, rhs.columns - j0);
    for (int64_t k0 = 0; k0 < lhs.columns; k0 += depthBlock) {
      int64_t k1 = std::min(k0 + depthBlock, lhs.columns);
      for (int64_t i = begin; i < end; ++i) {
        T *to = result.data + i * result.rowStride + j0;
        for (int64_t k = k0; k < k1; ++k) {
          T factor = lhs.data[i * lhs.rowStride + k * lhs.columnStride];
          const T *from = rhs.data + k * rhs.rowStride + j0;
          for (int64_t j = 0; j < width; ++j)
            to[j] = multiplyAdd(to[j], factor, from[j]);
        }
      }
    }
  }
}

/// Rows [begin, end) where the columns of `rhs` are contiguous and the result
/// has few rows: dot products read each weight once. Eight partial sums keep
/// the additions independent.
template <typename T>
void addDots(Matrix<T> result, Matrix<const T> lhs, Matrix<const T> rhs,
             int64_t begin, int64_t end) {
  constexpr int64_t lanes = 8;
  for (int64_t j = begin; j < end; ++j) {
    const T *column = rhs.data + j * rhs.columnStride;
    for (int64_t i = 0; i < result.rows; ++i) {
      const T *row = lhs.data + i * lhs.rowStride;
      T partial[lanes] = {};
      int64_t k = 0;
      for (; k + lanes <= lhs.columns; k += lanes)
        for (int64_t lane = 0; lane < lanes; ++lane)
          partial[lane] =
              multiplyAdd(partial[lane], row[k + lane], column[k + lane]);
      for (; k < lhs.columns; ++k)
        partial[0] = multiplyAdd(partial[0], row[k], column[k]);
      T sum = result.data[i * result.rowStride + j];
      for (T part : partial)
        sum = multiplyAdd(sum, part, T(1));
      result.data[i * result.rowStride + j] = sum;
    }
  }
}
} // namespace

template <typename T>
void addProduct(Matrix<T> result, Matrix<const T> lhs, Matrix<const T> rhs) {
  if (result.columnStride != 1) {
    // Column-major: the same product of the transposed matrices.
    addProduct(result.transposed(), rhs.transposed(), lhs.transposed());
    return;
  }
  double work = 2.0 * result.rows * result.columns * lhs.columns;
  if (rhs.columnStride == 1) {
    parallelFor(result.rows, work, [&](int64_t begin, int64_t end) {
      addRows(result, lhs, rhs, begin, end);
    });
    return;
  }
  if (rhs.rowStride == 1 && lhs.columnStride == 1 && result.rows <= 8) {
    parallelFor(result.columns, work, [&](int64_t begin, int64_t end) {
      addDots(result, lhs, rhs, begin, end);
    });
    return;
  }
  std::vector<T> packed(static_cast<size_t>(rhs.rows) * rhs.columns);
  for (int64_t j = 0; j < rhs.columns; ++j)
    for (int64_t k = 0; k < rhs.rows; ++k)
      packed[k * rhs.columns + j] =
          rhs.data[k * rhs.rowStride + j * rhs.columnStride];
  addProduct(result, lhs,
             Matrix<const T>::rowMajor(packed.data(), rhs.rows, rhs.columns));
}

template void addProduct(Matrix<float>, Matrix<const float>,
                         Matrix<const float>);
template void addProduct(Matrix<double>, Matrix<const double>,
                         Matrix<const double>);
template void addProduct(Matrix<int64_t>, Matrix<const int64_t>,
                         Matrix<const int64_t>);

} // namespace lipt::reference
