//===- SpectralNormTest.cpp - Verified norms against 113-bit ones ---------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/SpectralNorm.h"
#include "Reference.h"
#include <gtest/gtest.h>
#include <limits>

using namespace lipt::checker;
using namespace lipt::checker::reference;

namespace {

double largestOf(const Matrix &matrix) {
  double largest = 0.0;
  for (double entry : matrix.data)
    largest = std::max(largest, std::abs(entry));
  return largest;
}

/// Accepts an honest τ with a bound in [truth, truth·(1 + 1e-9)], whichever
/// side and scale, and refuses one that is 1e-6 too low.
void expectVerified(const Matrix &matrix) {
  Quad truth = spectralNorm(matrix);
  double largest = largestOf(matrix);
  for (bool transposed : {false, true})
    for (int shift : {0, -3, 16}) {
      NormWitness witness = witnessFor(truth, largest, 1e-10);
      witness.transposed = transposed;
      witness.exponent += shift;
      witness.tau = std::ldexp(witness.tau, -2 * shift);
      std::string reason;
      auto norm = verifiedNorm(matrix, witness, reason);
      ASSERT_TRUE(norm) << reason;
      EXPECT_TRUE(quad(*norm) >= truth);
      EXPECT_TRUE(quad(*norm) <= truth * (1 + Quad(1e-9)));

      witness.tau *= 1 - 1e-6;
      EXPECT_FALSE(verifiedNorm(matrix, witness, reason));
      EXPECT_FALSE(reason.empty());
    }
  Quad cheap = quad(cheapNorm(matrix));
  EXPECT_TRUE(cheap >= truth);
}

TEST(CheckerSpectralNorm, RandomMatrices) {
  Random random(5);
  for (auto [rows, cols] : {std::pair{1, 1},
                            {1, 7},
                            {7, 1},
                            {5, 5},
                            {24, 25},
                            {40, 3},
                            {23, 30},
                            {12, 12}})
    expectVerified(randomMatrix(random, rows, cols));
}

// More than one block of rows, columns and pivots, with tails of every length.
TEST(CheckerSpectralNorm, SeveralBlocks) {
  Random random(6);
  Matrix base = randomMatrix(random, 6, 5);
  for (int64_t copies : {14, 29, 45}) {
    // Block-diagonal: the norm is that of the largest block.
    Matrix matrix(6 * copies, 5 * copies);
    for (int64_t c = 0; c < copies; ++c)
      for (int64_t i = 0; i < 6; ++i)
        for (int64_t j = 0; j < 5; ++j)
          matrix.at(i * copies + c, c * 5 + j) =
              base.at(i, j) * (c == copies / 2 ? 2.0 : 1.0);
    Quad truth = 2 * spectralNorm(base);
    NormWitness witness = witnessFor(truth, largestOf(matrix), 1e-10);
    std::string reason;
    for (unsigned threads : {1u, 2u, 3u}) {
      auto norm = verifiedNorm(matrix, witness, reason, threads);
      ASSERT_TRUE(norm) << reason;
      EXPECT_TRUE(quad(*norm) >= truth);
      EXPECT_TRUE(quad(*norm) <= truth * (1 + Quad(1e-9)));
    }
    witness.tau *= 1 - 1e-6;
    EXPECT_FALSE(verifiedNorm(matrix, witness, reason));
  }
}

TEST(CheckerSpectralNorm, ThreadsDoNotChangeTheResult) {
  Random random(7);
  Matrix matrix = randomMatrix(random, 300, 200);
  NormWitness witness;
  witness.tau = 400.0;
  std::string reason;
  auto one = verifiedNorm(matrix, witness, reason, 1);
  auto three = verifiedNorm(matrix, witness, reason, 3);
  ASSERT_TRUE(one) << reason;
  EXPECT_EQ(*one, *three);
}

TEST(CheckerSpectralNorm, OrthogonalAndRankOne) {
  // A 16 × 16 Hadamard matrix: every singular value is 4.
  Matrix hadamard(16, 16), rankOne(9, 14);
  for (int64_t i = 0; i < 16; ++i)
    for (int64_t j = 0; j < 16; ++j)
      hadamard.at(i, j) = __builtin_parityll(i & j) ? -1.0 : 1.0;
  expectVerified(hadamard);
  for (int64_t i = 0; i < 9; ++i)
    for (int64_t j = 0; j < 14; ++j)
      rankOne.at(i, j) = (1.0 + i) * (0.5 - j);
  expectVerified(rankOne);
}

TEST(CheckerSpectralNorm, ExtremeScales) {
  Random random(8);
  for (int power : {-1060, -1040, -1022, -600, -500, 500, 600, 1019}) {
    Matrix matrix = randomMatrix(random, 6, 4);
    for (double &entry : matrix.data)
      entry = std::ldexp(entry, power);
    expectVerified(matrix);
  }
  Matrix tiny(1, 2);
  tiny.data = {0x1p-1074, 0x1p-1074};
  expectVerified(tiny);
  Matrix wide(1, 2);
  wide.data = {0x1p600, 0x1p-600};
  expectVerified(wide);
  Matrix fourByThree(4, 3);
  std::fill(fourByThree.data.begin(), fourByThree.data.end(),
            std::exp2(-268.9));
  expectVerified(fourByThree);
  Matrix tenByTen(10, 10);
  std::fill(tenByTen.data.begin(), tenByTen.data.end(), std::exp2(-537.6));
  expectVerified(tenByTen);
  Matrix single(1, 1);
  single.data = {-0x1.8p-1070};
  expectVerified(single);
}

TEST(CheckerSpectralNorm, ZeroIsZeroWhateverTheWitness) {
  Matrix zero(3, 4);
  std::string reason;
  NormWitness witness;
  witness.tau = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(verifiedNorm(zero, witness, reason)->isZero());
  EXPECT_TRUE(cheapNorm(zero).isZero());
  EXPECT_TRUE(verifiedNorm(Matrix(0, 5), witness, reason)->isZero());
}

TEST(CheckerSpectralNorm, RefusesUselessWitnesses) {
  Random random(9);
  Matrix matrix = randomMatrix(random, 4, 4);
  std::string reason;
  double infinity = std::numeric_limits<double>::infinity();
  for (double tau : {0.0, -1.0, infinity, 0x1p101,
                     std::numeric_limits<double>::quiet_NaN()}) {
    NormWitness witness;
    witness.tau = tau;
    EXPECT_FALSE(verifiedNorm(matrix, witness, reason)) << tau;
  }
  for (int64_t exponent :
       {int64_t(40), int64_t(-40), std::numeric_limits<int64_t>::max(),
        std::numeric_limits<int64_t>::min()}) {
    NormWitness witness;
    witness.tau = 4.0;
    witness.exponent = exponent;
    EXPECT_FALSE(verifiedNorm(matrix, witness, reason)) << exponent;
  }
  NormWitness fine;
  fine.tau = 16.0;
  EXPECT_TRUE(verifiedNorm(matrix, fine, reason));
  for (double bad :
       {infinity, -infinity, std::numeric_limits<double>::quiet_NaN()}) {
    Matrix broken = matrix;
    broken.at(2, 1) = bad;
    EXPECT_FALSE(verifiedNorm(broken, fine, reason));
    EXPECT_TRUE(cheapNorm(broken).isUnbounded());
    EXPECT_TRUE(frobeniusUp(broken).isUnbounded());
    EXPECT_TRUE(maxRowAbsSumUp(broken).isUnbounded());
  }
}

TEST(CheckerSpectralNorm, FloatViewsWithStrides) {
  Random random(10);
  std::vector<float> data(30 * 17);
  for (float &entry : data)
    entry = static_cast<float>(random.uniform());
  MatrixSource full = MatrixSource::ofFloats(data.data(), 30, 17);
  for (const MatrixSource &view :
       {full, full.transposed(), full.rowRange(3, 11), full.columnRange(2, 9),
        full.transposed().rowRange(5, 6)}) {
    Matrix copy = view.copy();
    Quad truth = spectralNorm(copy);
    NormWitness witness = witnessFor(truth, largestOf(copy), 1e-10);
    std::string reason;
    auto norm = verifiedNorm(view, witness, reason);
    ASSERT_TRUE(norm) << reason;
    EXPECT_TRUE(quad(*norm) >= truth);
    EXPECT_TRUE(quad(*norm) <= truth * (1 + Quad(1e-9)));
  }
}

TEST(CheckerSpectralNorm, CollatzIsExactForNonNegativeMatrices) {
  Random random(11);
  Matrix matrix = randomMatrix(random, 9, 6);
  for (double &entry : matrix.data)
    entry = std::abs(entry);
  // The Perron vector by power iteration.
  std::vector<double> x(6, 1.0);
  for (int step = 0; step < 200; ++step) {
    std::vector<double> y(9, 0.0), z(6, 0.0);
    for (int64_t i = 0; i < 9; ++i)
      for (int64_t j = 0; j < 6; ++j)
        y[i] += matrix.at(i, j) * x[j];
    double norm = 0.0;
    for (int64_t j = 0; j < 6; ++j) {
      for (int64_t i = 0; i < 9; ++i)
        z[j] += matrix.at(i, j) * y[i];
      norm = std::max(norm, z[j]);
    }
    for (int64_t j = 0; j < 6; ++j)
      x[j] = z[j] / norm;
  }
  NormWitness witness;
  witness.method = NormWitness::Method::Collatz;
  witness.x = x;
  std::string reason;
  Quad truth = spectralNorm(matrix);
  auto norm = verifiedNorm(matrix, witness, reason);
  ASSERT_TRUE(norm) << reason;
  EXPECT_TRUE(quad(*norm) >= truth);
  EXPECT_TRUE(quad(*norm) <= truth * (1 + Quad(1e-13)));

  // Any positive vector gives a bound; others are refused.
  witness.x = {1, 2, 3, 4, 5, 6};
  EXPECT_TRUE(quad(*verifiedNorm(matrix, witness, reason)) >= truth);
  for (double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                     std::numeric_limits<double>::infinity()}) {
    witness.x[3] = bad;
    EXPECT_FALSE(verifiedNorm(matrix, witness, reason));
  }
  witness.x = {1, 2, 3};
  EXPECT_FALSE(verifiedNorm(matrix, witness, reason));
}

TEST(CheckerSpectralNorm, AssembledErrorIsAdded) {
  Assembled matrix = identity(3);
  matrix.error = Extended::fromDouble(0.5);
  NormWitness witness;
  witness.tau = 1.0 + 1e-9;
  std::string reason;
  auto norm = normOf(matrix, &witness, reason);
  ASSERT_TRUE(norm) << reason;
  EXPECT_TRUE(quad(*norm) >= Quad(1.5) && quad(*norm) <= Quad(1.5 + 1e-8));
  EXPECT_TRUE(quad(*normOf(matrix, nullptr, reason)) >= Quad(1.5));
}

} // namespace
