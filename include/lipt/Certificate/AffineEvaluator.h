//===- AffineEvaluator.h - Matrices of per-position affine maps ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Computes the (A, b) of an affine expression. A single stored weight stays a
// view of the archive; permutations, slices and gains stay sparse; anything
// else is assembled in double with a bound of what rounding lost (bounds.md
// 3.2(f)).
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_AFFINEEVALUATOR_H
#define LIPT_CERTIFICATE_AFFINEEVALUATOR_H

#include "lipt/Certificate/AffineMap.h"
#include "lipt/Certificate/ConstantEvaluator.h"
#include "lipt/Numerics/Products.h"
#include "lipt/Support/Interval.h"

namespace lipt {

/// A matrix in one of two forms.
struct AffineMatrix {
  int64_t rows = 0, cols = 0;

  /// Sparse: row i is values[i] at column columns[i], or zero where that is -1.
  bool sparse = false;
  std::vector<int64_t> columns;
  std::vector<double> values;
  std::vector<double> valueErrors; ///< absolute; empty: exact

  /// Dense: `view`, whose Frobenius distance from the exact matrix is at most
  /// `error`.
  MatrixView view;
  std::shared_ptr<const void> owner;
  UpperBound error = UpperBound::zero();

  static AffineMatrix identity(int64_t order);
  static AffineMatrix dense(AssembledMatrix assembled);
  bool isIdentity() const;
  /// Rows begin .. begin + count - 1; columns likewise. Dense only.
  AffineMatrix slice(int64_t row, int64_t col, int64_t rows,
                     int64_t cols) const;
};

struct AffineMap {
  AffineMatrix matrix;
  std::vector<double> bias; ///< one entry a row
  /// l2 distance of `bias` from the exact vector.
  UpperBound biasError = UpperBound::zero();

  UpperBound biasNorm() const;
};

class AffineEvaluator {
public:
  explicit AffineEvaluator(ConstantEvaluator &constants)
      : constants(constants) {}

  /// Nothing, with getError() set, for a malformed expression, a weight that is
  /// not finite or a matrix of absurd size. A null expression is the identity
  /// of `inputWidth`.
  std::optional<AffineMap> evaluate(const AffineRef &expression,
                                    int64_t inputWidth);
  const std::string &getError() const { return error; }

private:
  std::optional<AffineMap> compute(const AffineExpr &expression,
                                   unsigned depth);
  std::optional<AffineMap> linear(const AffineExpr &expression, AffineMap map);
  std::optional<AffineMap> scaled(const AffineExpr &expression, AffineMap map);
  std::optional<AffineMap> shifted(const AffineExpr &expression, AffineMap map);
  std::optional<AffineMap> selected(const AffineExpr &expression,
                                    AffineMap map);
  std::optional<AffineMap> stacked(std::vector<AffineMap> maps);
  std::optional<AffineMap> summed(const AffineExpr &expression,
                                  std::vector<AffineMap> maps);
  std::nullopt_t fail(std::string message);

  ConstantEvaluator &constants;
  int64_t inputWidth = 0;
  std::string error;
};

/// The dense form of a matrix; nothing above the size limit.
std::optional<AffineMatrix> toDense(const AffineMatrix &matrix);
/// Largest row sum of absolute values, of the exact matrix.
UpperBound rowSumBound(const AffineMatrix &matrix);
/// min(Frobenius, sqrt(largest row sum * largest column sum)) of the exact
/// matrix: what a checker uses without a witness.
UpperBound cheapSpectralBound(const AffineMatrix &matrix);
/// Interval of every entry of A x + b for x_j in input[j], met with b_i +-
/// norm(A_i) * radius.
IntervalVector imageOf(const AffineMap &map, const IntervalVector &input,
                       const UpperBound &radius);

} // namespace lipt

#endif // LIPT_CERTIFICATE_AFFINEEVALUATOR_H
