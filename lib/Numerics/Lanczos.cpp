//===- Lanczos.cpp - Estimate of the largest eigenvalue -------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lanczos.h"

#include <algorithm>
#include <cmath>

namespace lipt {

/// splitmix64: a few lines that give the same numbers everywhere.
static double nextUniform(uint64_t &state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return double(int64_t(z) >> 11) * 0x1p-52;
}

static double dot(const double *x, const double *y, int64_t count) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int l = 0; l < 8; ++l)
      sums[l] += x[i + l] * y[i + l];
  double total = 0;
  for (double sum : sums)
    total += sum;
  for (; i < count; ++i)
    total += x[i] * y[i];
  return total;
}

static void addScaled(double *y, double factor, const double *x,
                      int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    y[i] += factor * x[i];
}

namespace {
/// The symmetric tridiagonal matrix of the recurrence.
struct Tridiagonal {
  std::vector<double> diagonal, offDiagonal;

  /// Eigenvalues above x, by the signs of the pivots of T - x*I.
  int64_t countAbove(double x) const {
    int64_t count = 0;
    double pivot = 1;
    for (size_t i = 0; i < diagonal.size(); ++i) {
      double square = i ? offDiagonal[i - 1] * offDiagonal[i - 1] : 0;
      pivot = diagonal[i] - x - square / pivot;
      if (pivot == 0)
        pivot = -1e-300;
      count += pivot > 0;
    }
    return count;
  }

  double largestEigenvalue() const {
    double lo = diagonal[0], hi = diagonal[0];
    for (size_t i = 0; i < diagonal.size(); ++i) {
      double reach = (i ? std::fabs(offDiagonal[i - 1]) : 0) +
                     (i + 1 < diagonal.size() ? std::fabs(offDiagonal[i]) : 0);
      lo = std::max(lo, diagonal[i]);
      hi = std::max(hi, diagonal[i] + reach);
    }
    for (int step = 0; step < 100; ++step) {
      double mid = lo + (hi - lo) / 2;
      if (!(lo < mid && mid < hi))
        break;
      (countAbove(mid) > 0 ? lo : hi) = mid;
    }
    return hi;
  }

  /// The eigenvector for the largest eigenvalue. Just above it all pivots of
  /// T - theta*I are negative and both recurrences are stable towards the row
  /// where they meet (a twisted factorisation).
  std::vector<double> eigenvector(double theta) const {
    size_t n = diagonal.size();
    theta += std::fabs(theta) * 0x1p-50;
    std::vector<double> down(n), upward(n), result(n);
    for (size_t i = 0; i < n; ++i)
      down[i] = diagonal[i] - theta -
                (i ? offDiagonal[i - 1] * offDiagonal[i - 1] / down[i - 1] : 0);
    for (size_t i = n; i-- > 0;)
      upward[i] =
          diagonal[i] - theta -
          (i + 1 < n ? offDiagonal[i] * offDiagonal[i] / upward[i + 1] : 0);
    size_t twist = 0;
    double least = INFINITY;
    for (size_t i = 0; i < n; ++i) {
      double gamma = std::fabs(down[i] + upward[i] - (diagonal[i] - theta));
      if (gamma < least)
        least = gamma, twist = i;
    }
    result[twist] = 1;
    for (size_t i = twist; i-- > 0;)
      result[i] = -offDiagonal[i] * result[i + 1] / down[i];
    for (size_t i = twist + 1; i < n; ++i)
      result[i] = -offDiagonal[i - 1] * result[i - 1] / upward[i];
    double norm = std::sqrt(dot(result.data(), result.data(), int64_t(n)));
    for (double &x : result)
      x /= norm;
    return result;
  }
};
} // namespace

EigenvalueEstimate estimateLargestEigenvalue(const SymmetricBuffer &matrix,
                                             uint64_t seed, int64_t maxSteps,
                                             std::vector<double> *vector) {
  int64_t n = matrix.order();
  maxSteps = std::min(maxSteps, n);
  std::vector<std::vector<double>> basis;
  std::vector<double> next(n);
  for (double &x : next)
    x = nextUniform(seed);
  double norm = std::sqrt(dot(next.data(), next.data(), n));
  Tridiagonal tridiagonal;
  EigenvalueEstimate estimate;
  std::vector<double> ritz;
  while (true) {
    for (double &x : next)
      x /= norm;
    basis.push_back(next);
    multiplySymmetric(matrix, basis.back().data(), next.data());
    double alpha = dot(next.data(), basis.back().data(), n);
    // Twice is enough (Kahan, Parlett): the second sweep removes what
    // cancellation left of the first.
    for (int sweep = 0; sweep < 2; ++sweep)
      for (const std::vector<double> &v : basis)
        addScaled(next.data(), -dot(next.data(), v.data(), n), v.data(), n);
    norm = std::sqrt(dot(next.data(), next.data(), n));
    tridiagonal.diagonal.push_back(alpha);
    int64_t steps = int64_t(basis.size());
    bool last = steps >= maxSteps || !(norm > 1e-14 * std::fabs(alpha));
    if (last || steps % 8 == 0) {
      estimate.value = tridiagonal.largestEigenvalue();
      ritz = tridiagonal.eigenvector(estimate.value);
      estimate.residual = norm * std::fabs(ritz.back());
      if (last || !(estimate.residual > 1e-10 * estimate.value))
        break;
    }
    tridiagonal.offDiagonal.push_back(norm);
  }
  if (vector) {
    vector->assign(n, 0);
    for (size_t k = 0; k < basis.size(); ++k)
      addScaled(vector->data(), ritz[k], basis[k].data(), n);
  }
  return estimate;
}

} // namespace lipt
