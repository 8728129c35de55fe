//===- MatrixTest.cpp - Assembly errors against 113-bit results -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Matrix.h"
#include "Reference.h"
#include <gtest/gtest.h>

using namespace lipt::checker;
using namespace lipt::checker::reference;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

using QuadMatrix = std::vector<std::vector<Quad>>;

QuadMatrix exact(const Matrix &m) {
  QuadMatrix result(m.rows, std::vector<Quad>(m.cols));
  for (int64_t i = 0; i < m.rows; ++i)
    for (int64_t j = 0; j < m.cols; ++j)
      result[i][j] = m.at(i, j);
  return result;
}

QuadMatrix times(const QuadMatrix &a, const QuadMatrix &b) {
  QuadMatrix result(a.size(), std::vector<Quad>(b.front().size()));
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.front().size(); ++j)
      for (size_t k = 0; k < b.size(); ++k)
        result[i][j] += a[i][k] * b[k][j];
  return result;
}

/// ‖truth − value‖_F <= error, and the error is rounding only.
void expectCloses(const Assembled &computed, const QuadMatrix &truth,
                  double relative = 1e-11) {
  ASSERT_EQ(computed.value.rows, static_cast<int64_t>(truth.size()));
  Quad squares = 0, scale = 0;
  for (int64_t i = 0; i < computed.value.rows; ++i)
    for (int64_t j = 0; j < computed.value.cols; ++j) {
      Quad difference = truth[i][j] - Quad(computed.value.at(i, j));
      squares += difference * difference;
      scale += truth[i][j] * truth[i][j];
    }
  ASSERT_FALSE(computed.error.isUnbounded());
  Quad error = computed.error.isZero() ? 0 : quad(computed.error);
  EXPECT_TRUE(squares <= error * error);
  EXPECT_TRUE(error * error <= scale * Quad(relative) * Quad(relative));
}

TEST(CheckerMatrix, Products) {
  Random random(12);
  for (auto [m, k, n] :
       {std::tuple{1, 1, 1}, {5, 3, 7}, {30, 200, 26}, {49, 25, 50}}) {
    Matrix a = randomMatrix(random, m, k), b = randomMatrix(random, k, n);
    Matrix c = randomMatrix(random, n, 4);
    Assembled ab = product(exactMatrix(a), exactMatrix(b));
    expectCloses(ab, times(exact(a), exact(b)));
    // Errors of operands are carried on.
    expectCloses(product(ab, exactMatrix(c)),
                 times(times(exact(a), exact(b)), exact(c)));
    expectCloses(
        product(transpose(exactMatrix(c)), transpose(ab)),
        times(
            exact(transpose(exactMatrix(c)).value),
            exact(transpose(exactMatrix(
                                product(exactMatrix(a), exactMatrix(b)).value))
                      .value)));
  }
}

TEST(CheckerMatrix, ProductsThatUnderflow) {
  Assembled tiny{Matrix(2, 2), Extended::zero()};
  tiny.value.data = {0x1p-600, 0x1.8p-540, 0x1p-530, 0x1p-700};
  Assembled square = product(tiny, tiny);
  QuadMatrix truth = times(exact(tiny.value), exact(tiny.value));
  expectCloses(square, truth, infinity);
  EXPECT_FALSE(square.error.isZero());
}

TEST(CheckerMatrix, ScalingIsExactWhenItCanBe) {
  Random random(13);
  Matrix a = randomMatrix(random, 4, 3);
  for (double &entry : a.data)
    entry = static_cast<float>(entry);
  std::vector<double> floats = {0.1f, 3.0, -0.7f, 0.0};
  EXPECT_TRUE(scaleRows(exactMatrix(a), floats).isExact());
  std::vector<double> doubles = {0.1, 3.3, -0.7};
  Assembled scaled = scaleColumns(exactMatrix(a), doubles);
  QuadMatrix truth = exact(a);
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 3; ++j)
      truth[i][j] *= doubles[j];
  expectCloses(scaled, truth, 1e-15);

  // Scales known up to 1e-3: every choice within is covered.
  AssembledVector loose(doubles);
  loose.error = {1e-3, 0.0, 2e-3};
  Assembled covered = scaleColumns(exactMatrix(a), loose);
  for (int64_t i = 0; i < 4; ++i) {
    truth[i][0] = Quad(a.at(i, 0)) * (Quad(0.1) + Quad(1e-3));
    truth[i][2] = Quad(a.at(i, 2)) * (Quad(-0.7) - Quad(2e-3));
  }
  expectCloses(covered, truth, 1e-1);
}

TEST(CheckerMatrix, SumsSelectionsStacks) {
  Random random(14);
  Matrix a = randomMatrix(random, 3, 4), b = randomMatrix(random, 3, 4);
  Assembled combined =
      linearCombination(0.3, exactMatrix(a), -0.7, exactMatrix(b));
  QuadMatrix truth = exact(a);
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 4; ++j)
      truth[i][j] = Quad(0.3) * a.at(i, j) - Quad(0.7) * b.at(i, j);
  expectCloses(combined, truth);

  std::vector<int64_t> rows = {2, 0, 2};
  Assembled selected = selectRows(combined, rows);
  expectCloses(selected, {truth[2], truth[0], truth[2]});
  EXPECT_GT(selected.error, combined.error); // row 2 counts twice
  std::vector<int64_t> outside = {0, 3};
  EXPECT_TRUE(selectRows(combined, outside).error.isUnbounded());

  std::vector<Assembled> blocks = {combined, combined};
  EXPECT_EQ(verticalStack(blocks).value.rows, 6);
  EXPECT_EQ(horizontalStack(blocks).value.cols, 8);
  EXPECT_EQ(horizontalStack(blocks).value.at(1, 5), combined.value.at(1, 1));
}

TEST(CheckerMatrix, OperandsThatDoNotFitAreUnbounded) {
  Assembled a = zeroMatrix(2, 3), b = zeroMatrix(2, 3);
  EXPECT_TRUE(product(a, b).error.isUnbounded());
  EXPECT_TRUE(sum(a, transpose(b)).error.isUnbounded());
  EXPECT_TRUE(
      zeroMatrix(int64_t(1) << 40, int64_t(1) << 40).error.isUnbounded());
  EXPECT_TRUE(identity(int64_t(1) << 40).error.isUnbounded());
  EXPECT_EQ(product(a, AssembledVector::zeros(2)).error[0], infinity);
}

TEST(CheckerMatrix, NormsBoundTheTruthClosely) {
  Random random(15);
  // Long rows: the error must not grow with the length.
  Matrix a = randomMatrix(random, 3, 40000);
  Quad rowSum = 0, frobenius = 0;
  for (int64_t i = 0; i < 3; ++i) {
    Quad row = 0;
    for (int64_t j = 0; j < a.cols; ++j) {
      row += absolute(a.at(i, j));
      frobenius += Quad(a.at(i, j)) * a.at(i, j);
    }
    rowSum = std::max(rowSum, row);
  }
  frobenius = squareRoot(frobenius);
  Quad tight = 1 + Quad(1e-14);
  Quad computed = quad(maxRowAbsSumUp(a));
  EXPECT_TRUE(computed >= rowSum && computed <= rowSum * tight);
  Assembled transposed = transpose(exactMatrix(a));
  computed = quad(maxColumnAbsSumUp(transposed));
  EXPECT_TRUE(computed >= rowSum && computed <= rowSum * tight);
  computed = quad(frobeniusUp(MatrixSource(a).transposed()));
  EXPECT_TRUE(computed >= frobenius && computed <= frobenius * tight);
  EXPECT_EQ(rowNorms2Up(a).size(), 3u);
  std::vector<double> pythagoras = {3.0, 4.0};
  EXPECT_TRUE(quad(norm2Up(pythagoras)) >= Quad(5));
}

TEST(CheckerMatrix, VectorsAndRanges) {
  Random random(16);
  Matrix a = randomMatrix(random, 5, 300);
  std::vector<double> x(300), offset(5);
  std::vector<Interval> box(300);
  for (int64_t j = 0; j < 300; ++j) {
    x[j] = random.uniform();
    box[j] = Interval{x[j] - 0.25, x[j] + 0.125};
  }
  for (double &b : offset)
    b = random.uniform();
  AssembledVector image = product(exactMatrix(a), AssembledVector(x));
  std::vector<Interval> range =
      affineRange(exactMatrix(a), AssembledVector(offset), box);
  for (int64_t i = 0; i < 5; ++i) {
    Quad truth = 0, low = offset[i], high = offset[i];
    for (int64_t j = 0; j < 300; ++j) {
      Quad entry = a.at(i, j);
      truth += entry * x[j];
      low += entry * (entry > 0 ? box[j].lo : box[j].hi);
      high += entry * (entry > 0 ? box[j].hi : box[j].lo);
    }
    EXPECT_TRUE(absolute(truth - image.value[i]) <= Quad(image.error[i]));
    EXPECT_LE(image.error[i], 1e-14);
    EXPECT_TRUE(Quad(range[i].lo) <= low && Quad(range[i].hi) >= high);
    EXPECT_TRUE(low - range[i].lo <= Quad(1e-13) &&
                range[i].hi - high <= Quad(1e-13));
  }
}

TEST(CheckerMatrix, RangesKeepExactZerosAndUnknowns) {
  Assembled a = exactMatrix(Matrix(2, 2));
  a.value.data = {0.3, 0.1, 0.0, 1.0};
  std::vector<Interval> box = {{0.0, 0.7}, {0.0, infinity}};
  std::vector<Interval> range = affineRange(a, AssembledVector(), box);
  EXPECT_EQ(range[0].lo, 0.0);
  EXPECT_EQ(range[0].hi, infinity);
  EXPECT_EQ(range[1].lo, 0.0);
  a.error = Extended::fromDouble(1e-3);
  box[1] = {0.0, 1.0};
  EXPECT_LE(affineRange(a, AssembledVector(), box)[1].lo, -1e-3);
}

TEST(CheckerMatrix, VectorOperationsCarryErrors) {
  AssembledVector a({2.0, 0.1, 0.0}), b({3.0, 0.2, 5.0});
  a.error = {0.5, 0.0, infinity};
  AssembledVector ab = multiply(a, b);
  EXPECT_GE(ab.error[0], 1.5);
  EXPECT_LE(ab.error[1], 1e-17);
  EXPECT_EQ(ab.error[2], infinity);
  EXPECT_EQ(add(b, b).error[0], 0.0);

  AssembledVector root = reciprocalSqrt(AssembledVector({0.3, -1.0}), 1e-5);
  Quad product = Quad(root.value[0]) * root.value[0] * (Quad(0.3) + 1e-5);
  EXPECT_TRUE(absolute(product - 1) <= Quad(3e-15));
  EXPECT_GT(root.error[0], 0.0);
  EXPECT_LE(root.error[0], 1e-14);
  EXPECT_EQ(root.error[1], infinity);
  EXPECT_EQ(reciprocal(AssembledVector({0.0})).error[0], infinity);
}

} // namespace
