//===- KernelTest.cpp - Every kernel version on one machine ---------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../../lib/Numerics/Cholesky.h"
#include "../../../lib/Numerics/GramKernel.h"
#include "QuadReference.h"
#include "lipt/Support/Rounding.h"

#include <gtest/gtest.h>

#include <random>

using namespace lipt;
using namespace lipt::test;

namespace {

class Kernel : public testing::TestWithParam<KernelVersion> {
protected:
  void SetUp() override {
    if (!selectKernels(GetParam()))
      GTEST_SKIP() << "the processor does not have this version";
  }
  static Matrix uniform(int64_t rows, int64_t cols, uint64_t seed) {
    std::mt19937_64 engine(seed);
    std::uniform_real_distribution<double> draw(-1, 1);
    Matrix matrix(rows, cols);
    for (int64_t k = 0; k < rows * cols; ++k)
      matrix.data()[k] = draw(engine);
    return matrix;
  }
};

TEST_P(Kernel, GramIsWithinItsErrorTerm) {
  for (auto [rows, cols] : {std::pair{1, 1}, {5, 3}, {193, 25}, {400, 49}}) {
    Matrix matrix = uniform(rows, cols, uint64_t(rows));
    SymmetricBuffer gram(cols);
    addGram(gram, matrix, 0, 2);
    for (int64_t i = 0; i < cols; ++i)
      for (int64_t j = i; j < cols; ++j) {
        Quad exact = 0, absolute = 0;
        for (int64_t k = 0; k < rows; ++k) {
          Quad product = Quad(matrix(k, i)) * Quad(matrix(k, j));
          exact += product;
          absolute += product < 0 ? -product : product;
        }
        Quad error = gram.row(i)[j] - exact;
        EXPECT_LE(double(error < 0 ? -error : error),
                  double(Quad(double(rows) * unitRoundoff) * absolute))
            << rows << "x" << cols << " at " << i << "," << j;
      }
  }
}

TEST_P(Kernel, CholeskyReproducesTheMatrix) {
  for (int64_t n : {1, 2, 23, 24, 47, 48, 49, 72, 97, 130}) {
    Matrix matrix = uniform(n + 10, n, uint64_t(n));
    SymmetricBuffer gram(n), factor(n);
    addGram(gram, matrix, 0, 1);
    factor.copyUpperFrom(gram);
    ASSERT_TRUE(factorCholesky(factor, 1));
    double gamma = double(n + 1) * unitRoundoff;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = i; j < n; ++j) {
        Quad sum = 0;
        for (int64_t k = 0; k <= i; ++k)
          sum += Quad(factor.row(k)[i]) * Quad(factor.row(k)[j]);
        double scale = std::sqrt(gram.row(i)[i] * gram.row(j)[j]);
        EXPECT_LE(std::fabs(double(sum - gram.row(i)[j])), 1.01 * gamma * scale)
            << n << " at " << i << "," << j;
      }
  }
}

TEST_P(Kernel, CholeskyRefusesIndefinite) {
  for (int64_t n : {1, 5, 48, 100}) {
    SymmetricBuffer matrix(n);
    for (int64_t i = 0; i < n; ++i)
      matrix.row(i)[i] = i + 1 == n ? -1e-9 : 1;
    EXPECT_FALSE(factorCholesky(matrix, 1));
  }
  SymmetricBuffer poisoned(60);
  for (int64_t i = 0; i < 60; ++i)
    poisoned.row(i)[i] = 1;
  poisoned.row(3)[59] = NAN;
  EXPECT_FALSE(factorCholesky(poisoned, 1));
}

TEST_P(Kernel, SymmetricProduct) {
  for (int64_t n : {1, 7, 16, 40}) {
    Matrix matrix = uniform(n, n, uint64_t(n)), x = uniform(1, n, 3);
    SymmetricBuffer symmetric(n);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = i; j < n; ++j)
        symmetric.row(i)[j] = matrix(i, j);
    std::vector<double> y(n);
    multiplySymmetric(symmetric, x.data(), y.data());
    for (int64_t i = 0; i < n; ++i) {
      double expected = 0;
      for (int64_t j = 0; j < n; ++j)
        expected += (i <= j ? matrix(i, j) : matrix(j, i)) * x(0, j);
      EXPECT_NEAR(y[i], expected, 1e-13);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, Kernel,
                         testing::Values(KernelVersion::Portable,
                                         KernelVersion::Avx2,
                                         KernelVersion::Avx512));

} // namespace
