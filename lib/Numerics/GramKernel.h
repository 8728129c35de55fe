//===- GramKernel.h - Blocked kernels on an upper triangle ------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two loops that cost: S <- S + sign * A^T A on an upper triangle, and the
// triangular solve of a blocked Cholesky step. Both are plain sums of products
// in some order (fused or not), which is all that the error terms assume. Three
// versions (AVX-512, AVX2, any x86-64 or other target) are chosen at run time.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_GRAMKERNEL_H
#define LIPT_NUMERICS_GRAMKERNEL_H

#include "MatrixSums.h"
#include "lipt/Numerics/MatrixView.h"

#include <cstdint>
#include <memory>
#include <span>

namespace lipt {

/// An order x order matrix of which only the upper triangle means anything;
/// row-major with rows padded for the tiles of the kernels. Below the diagonal
/// the kernels may leave anything.
class SymmetricBuffer {
public:
  SymmetricBuffer() = default;
  /// All zero.
  explicit SymmetricBuffer(int64_t order);
  SymmetricBuffer(SymmetricBuffer &&) = default;
  SymmetricBuffer &operator=(SymmetricBuffer &&) = default;

  /// Same order; copies the upper triangle.
  void copyUpperFrom(const SymmetricBuffer &other);

  int64_t order() const { return size; }
  int64_t stride() const { return rowStride; }
  double *row(int64_t i) { return data.get() + i * rowStride; }
  const double *row(int64_t i) const { return data.get() + i * rowStride; }

private:
  struct Release {
    void operator()(double *memory) const;
  };
  int64_t size = 0, rowStride = 0;
  std::unique_ptr<double[], Release> data;
};

enum class KernelVersion { Avx512, Avx2, Portable };

/// Takes one version for the rest of the process, so that tests reach each on
/// one machine; otherwise the best that the processor has is taken. Returns
/// false, changing nothing, where the processor does not have it.
bool selectKernels(KernelVersion version);

/// Every tile edge divides this; blocks of rows start at its multiples.
inline constexpr int64_t tileMultiple = 24;

/// Upper triangle of `result` += V^T V for V = view * 2^-exponent, view.cols()
/// = result.order(). The result does not depend on `threads`.
void addGram(SymmetricBuffer &result, const MatrixView &view, int64_t exponent,
             unsigned threads);

/// result = left * right; inner dimensions agree. The result does not depend on
/// `threads`. Each entry is a sum of products in some order.
void multiplyMatrices(Matrix &result, const MatrixView &left,
                      const MatrixView &right, unsigned threads);

/// Upper triangle of `matrix` from row and column `end` on -= R^T R for the
/// rows [begin, end) of `matrix` itself; begin and end multiples of
/// tileMultiple.
void subtractPanelGram(SymmetricBuffer &matrix, int64_t begin, int64_t end,
                       unsigned threads);

/// Rows [begin, end) of `matrix`, columns from `end` on: solves R_bb^T X = M
/// where the upper triangle of the block [begin, end) holds R_bb, by
/// substitution and division.
void solvePanel(SymmetricBuffer &matrix, int64_t begin, int64_t end,
                unsigned threads);

/// y = S x for the symmetric matrix whose upper triangle `matrix` holds.
/// Untrusted: only estimates use it.
void multiplySymmetric(const SymmetricBuffer &matrix, const double *x,
                       double *y);

} // namespace lipt

#endif // LIPT_NUMERICS_GRAMKERNEL_H
