//===- Cholesky.cpp - Cholesky factorisation as a proof -------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cholesky.h"

#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>

namespace lipt {

/// Rows of one step, a multiple of tileMultiple.
static constexpr int64_t blockRows = 2 * tileMultiple;
/// Order from which a step is worth several threads.
static constexpr int64_t parallelOrder = 1200;

/// The textbook loop on the diagonal block [begin, end).
static bool factorBlock(SymmetricBuffer &matrix, int64_t begin, int64_t end) {
  for (int64_t k = begin; k < end; ++k) {
    double *pivotRow = matrix.row(k);
    double rest = pivotRow[k];
    if (!(rest > 0))
      return false;
    double pivot = std::sqrt(rest);
    pivotRow[k] = pivot;
    for (int64_t j = k + 1; j < end; ++j)
      pivotRow[j] /= pivot;
    for (int64_t i = k + 1; i < end; ++i) {
      double factor = pivotRow[i];
      double *row = matrix.row(i);
      for (int64_t j = i; j < end; ++j)
        row[j] -= factor * pivotRow[j];
    }
  }
  return true;
}

bool factorCholesky(SymmetricBuffer &matrix, unsigned threads) {
  int64_t order = matrix.order();
  for (int64_t begin = 0; begin < order; begin += blockRows) {
    int64_t end = begin + blockRows;
    if (!factorBlock(matrix, begin, std::min(end, order)))
      return false;
    if (end >= order)
      break;
    unsigned workers = order - end >= parallelOrder ? threads : 1;
    solvePanel(matrix, begin, end, workers);
    subtractPanelGram(matrix, begin, end, workers);
  }
  for (int64_t i = 0; i < order; ++i) {
    // Zero times an entry is NaN exactly for infinities and NaN.
    double poison = 0;
    const double *row = matrix.row(i);
    for (int64_t j = i; j < order; ++j)
      poison += row[j] * 0;
    if (poison != 0)
      return false;
  }
  return true;
}

/// work = tau*I - G, the diagonal rounded down, and its trace; NaN when a
/// diagonal entry is not positive.
static double shiftedTrace(const SymmetricBuffer &gram, double tau,
                           SymmetricBuffer &work) {
  int64_t n = gram.order();
  double trace = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double *source = gram.row(i);
    double *row = work.row(i);
    for (int64_t j = i + 1; j < n; ++j)
      row[j] = -source[j];
    row[i] = dn(tau - source[i]);
    if (!(row[i] > 0))
      return NAN;
    trace += row[i];
  }
  return trace;
}

UpperBound eigenvalueBoundFromTau(std::span<const SymmetricBuffer> blocks,
                                  double tau, unsigned threads) {
  if (!(tau > 0) || !(tau <= 0x1p100))
    return UpperBound::unbounded();
  int64_t n = 0;
  double trace = 0;
  SymmetricBuffer work;
  for (const SymmetricBuffer &gram : blocks) {
    if (work.order() != gram.order())
      work = SymmetricBuffer(gram.order());
    double part = shiftedTrace(gram, tau, work);
    if (!std::isfinite(part) || !factorCholesky(work, threads))
      return UpperBound::unbounded();
    n += gram.order();
    trace += part;
  }
  // e_C = gamma/(1-gamma) * trace with gamma = k/(1-k), k = (n+1)u. The trace
  // was summed in an order of its own, like any other.
  double t = up(trace * (1 + 2 * double(n) * unitRoundoff));
  double k = double(n + 1) * unitRoundoff;
  double gamma = up(k / (1 - k));
  double factor = up(gamma / dn(1 - gamma));
  UpperBound factorError = UpperBound::fromDouble(up(factor * t));
  // Underflow of products and divisions: e_U = n^2 * 2^-1020.
  UpperBound squaredOrder = UpperBound::fromInteger(uint64_t(n)).power(2);
  return UpperBound::fromDouble(tau) + factorError +
         squaredOrder.scaledByPowerOfTwo(-1020);
}

} // namespace lipt
