//===- ProductsTest.cpp - Assembled matrices against 113 bits -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Numerics/Products.h"
#include "QuadReference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace lipt;
using namespace lipt::test;

namespace {

Matrix random(int64_t rows, int64_t cols, uint64_t seed, double scale = 1) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  Matrix matrix(rows, cols);
  for (int64_t k = 0; k < rows * cols; ++k)
    matrix.data()[k] = scale * normal(engine);
  return matrix;
}

AssembledMatrix assembled(const Matrix &matrix) {
  return AssembledMatrix::fromView(matrix);
}

/// An AssembledMatrix beside the exact matrix that it stands for.
struct Pair {
  AssembledMatrix computed;
  QuadMatrix exact;
};

void check(const Pair &pair, double tolerance = 1e-8) {
  ASSERT_EQ(pair.computed.rows(), pair.exact.rows);
  ASSERT_EQ(pair.computed.cols(), pair.exact.cols);
  QuadMatrix difference = pair.exact;
  Quad squares = 0, exactSquares = 0, maxRow = 0, maxCol = 0;
  for (int64_t i = 0; i < difference.rows; ++i) {
    Quad row = 0;
    for (int64_t j = 0; j < difference.cols; ++j) {
      Quad x = pair.exact(i, j);
      row += x < 0 ? -x : x;
      exactSquares += x * x;
      difference(i, j) -= Quad(pair.computed.approx(i, j));
      squares += difference(i, j) * difference(i, j);
    }
    maxRow = row > maxRow ? row : maxRow;
  }
  for (int64_t j = 0; j < difference.cols; ++j) {
    Quad col = 0;
    for (int64_t i = 0; i < difference.rows; ++i) {
      Quad x = pair.exact(i, j);
      col += x < 0 ? -x : x;
    }
    maxCol = col > maxCol ? col : maxCol;
  }
  // The error of the assembly, including the reference's own.
  Quad allowance = sqrtQuad(exactSquares) * Quad(1e-31);
  EXPECT_LE(double(sqrtQuad(squares) - allowance),
            double(toQuad(pair.computed.error)));
  Quad norm = spectralNorm(pair.exact);
  EXPECT_GE(excess(pair.computed.normBound(), norm), -referenceError);
  EXPECT_LE(excess(pair.computed.normBound(), norm), tolerance);
  EXPECT_GE(excess(pair.computed.frobeniusBound(), sqrtQuad(exactSquares)),
            -referenceError);
  EXPECT_GE(excess(pair.computed.normInfBound(), maxRow), -referenceError);
  EXPECT_LE(excess(pair.computed.normInfBound(), maxRow), tolerance);
  EXPECT_GE(excess(pair.computed.norm1Bound(), maxCol), -referenceError);
}

TEST(Products, ProductsOfManyShapes) {
  uint64_t seed = 1;
  for (int64_t m : {1, 7, 24, 26})
    for (int64_t k : {1, 9, 200})
      for (int64_t n : {1, 8, 25}) {
        Matrix a = random(m, k, seed++), b = random(k, n, seed++);
        check({product(assembled(a), assembled(b)),
               QuadMatrix(a) * QuadMatrix(b)});
      }
}

TEST(Products, ChainsCarryTheirErrors) {
  Matrix a = random(12, 15, 100), b = random(15, 9, 101),
         c = random(9, 12, 102);
  AssembledMatrix chain =
      product(product(assembled(a), assembled(b)), assembled(c));
  QuadMatrix exact = QuadMatrix(a) * QuadMatrix(b) * QuadMatrix(c);
  check({chain, exact});
  EXPECT_FALSE(chain.error.isZero());

  QuadMatrix mixed = exact;
  for (int64_t i = 0; i < 12; ++i)
    for (int64_t j = 0; j < 12; ++j)
      mixed(i, j) = Quad(0.3) * exact(i, j) + (i == j ? Quad(0.7) : Quad(0));
  check({mixIdentity(0.7, 0.3, chain), mixed});

  std::vector<double> factors;
  for (int k = 0; k < 12; ++k)
    factors.push_back(k == 5 ? 0 : std::exp(0.3 * k) * (k % 2 ? 1 : -1));
  QuadMatrix rows = exact, cols = exact;
  for (int64_t i = 0; i < 12; ++i)
    for (int64_t j = 0; j < 12; ++j) {
      rows(i, j) *= Quad(factors[i]);
      cols(i, j) *= Quad(factors[j]);
    }
  check({scaleRows(chain, factors), rows});
  check({scaleCols(chain, factors), cols});
  check({chain.transposed(), exact.transposed()});
}

TEST(Products, CancellationIsCovered) {
  // a*A - a*A' where A' differs in the last bit: the error term dominates.
  Matrix a = random(10, 10, 200), b = a;
  for (int64_t k = 0; k < 100; k += 3)
    b.data()[k] = std::nextafter(b.data()[k], 2.0);
  AssembledMatrix difference = addScaled(0.1, assembled(a), -0.1, assembled(b));
  QuadMatrix exact(10, 10);
  for (int64_t i = 0; i < 10; ++i)
    for (int64_t j = 0; j < 10; ++j)
      exact(i, j) = Quad(0.1) * (Quad(a(i, j)) - Quad(b(i, j)));
  check({difference, exact}, 1e3);
}

TEST(Products, StacksAndSlices) {
  std::vector<AssembledMatrix> blocks;
  std::vector<QuadMatrix> exact;
  for (uint64_t h = 0; h < 3; ++h) {
    Matrix a = random(8, 4, 300 + h), b = random(4, 5, 310 + h);
    blocks.push_back(product(assembled(a), assembled(b)));
    exact.push_back(QuadMatrix(a) * QuadMatrix(b));
  }
  QuadMatrix side(8, 15), below(24, 5), part(3, 2);
  for (int64_t h = 0; h < 3; ++h)
    for (int64_t i = 0; i < 8; ++i)
      for (int64_t j = 0; j < 5; ++j)
        side(i, 5 * h + j) = below(8 * h + i, j) = exact[h](i, j);
  check({hstack(blocks), side});
  check({vstack(blocks), below});
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 2; ++j)
      part(i, j) = side(2 + i, 6 + j);
  check({hstack(blocks).slice(2, 6, 3, 2), part});
}

TEST(Products, SubnormalProducts) {
  Matrix a = random(5, 6, 400, 0x1p-530), b = random(6, 4, 401, 0x1p-530);
  check({product(assembled(a), assembled(b)), QuadMatrix(a) * QuadMatrix(b)},
        1);
}

TEST(Products, UnusableIsUnbounded) {
  Matrix a = random(3, 4, 500), b = random(3, 4, 501);
  EXPECT_TRUE(product(assembled(a), assembled(b)).normBound().isUnbounded());
  a(1, 1) = NAN;
  EXPECT_TRUE(assembled(a).normBound().isUnbounded());
  EXPECT_TRUE(
      addScaled(1, assembled(a), 0, assembled(b)).normBound().isUnbounded());
  Matrix big = random(3, 3, 502, 1e200);
  EXPECT_TRUE(
      product(assembled(big), assembled(big)).normBound().isUnbounded());
  EXPECT_TRUE(scale(assembled(b), INFINITY).normBound().isUnbounded());
  EXPECT_TRUE(mixIdentity(1, 1, assembled(b)).normBound().isUnbounded());
  AssembledMatrix uneven[] = {assembled(b), assembled(Matrix(4, 4))};
  EXPECT_TRUE(hstack(uneven).normBound().isUnbounded());
}

/// sum_h phi_h norm(M_h^T w) for a unit vector w: attained.
double attainedHeads(const std::vector<Matrix> &heads,
                     const std::vector<double> &phi,
                     const std::vector<double> &w) {
  double norm = 0, total = 0;
  for (double x : w)
    norm += x * x;
  for (size_t h = 0; h < heads.size(); ++h) {
    double squares = 0;
    for (int64_t j = 0; j < heads[h].cols(); ++j) {
      double sum = 0;
      for (int64_t i = 0; i < heads[h].rows(); ++i)
        sum += heads[h](i, j) * w[i];
      squares += sum * sum;
    }
    total += phi[h] * std::sqrt(squares / norm);
  }
  return total;
}

TEST(Heads, DisjointHeadsNeedTheRootOfTheirNumber) {
  // One token, H = 4, d = 1, W_o = I, W_v^h = e_1^T: attained 2.
  std::vector<AssembledMatrix> blocks;
  for (int h = 0; h < 4; ++h) {
    Matrix head(4, 4);
    head(h, 0) = 1;
    blocks.push_back(assembled(head));
  }
  UpperBound norm = certifyHeads(blocks).norm;
  EXPECT_GE(norm, UpperBound::fromDouble(2));
  EXPECT_LE(norm, UpperBound::fromDouble(2 * (1 + 1e-8)));
}

TEST(Heads, AboveAttainedAndBelowTheNaiveBound) {
  std::mt19937_64 engine(600);
  std::normal_distribution<double> normal;
  for (int trial = 0; trial < 5; ++trial) {
    std::vector<Matrix> heads;
    std::vector<AssembledMatrix> blocks;
    std::vector<double> phi;
    UpperBound naive = UpperBound::zero();
    for (uint64_t h = 0; h < 3; ++h) {
      heads.push_back(random(9, 7, uint64_t(trial) * 10 + h));
      blocks.push_back(assembled(heads.back()));
      phi.push_back(trial == 0 ? 1 : 0.2 + double(h));
      naive += UpperBound::fromDouble(phi[h]) * blocks[h].normBound();
    }
    HeadsCertificate certificate = certifyHeads(blocks, phi);
    EXPECT_EQ(headsBound(blocks, phi, certificate.t), certificate.norm);
    EXPECT_LT(certificate.norm, naive);
    double best = 0;
    for (int start = 0; start < 300; ++start) {
      std::vector<double> w(9);
      for (double &x : w)
        x = normal(engine);
      // Ascent: w <- gradient of the convex function of w.
      for (int step = 0; step < 40; ++step) {
        best = std::max(best, attainedHeads(heads, phi, w));
        std::vector<double> next(9);
        for (size_t h = 0; h < 3; ++h) {
          std::vector<double> image(7);
          double squares = 0;
          for (int64_t j = 0; j < 7; ++j) {
            for (int64_t i = 0; i < 9; ++i)
              image[j] += heads[h](i, j) * w[i];
            squares += image[j] * image[j];
          }
          for (int64_t i = 0; i < 9; ++i)
            for (int64_t j = 0; j < 7; ++j)
              next[i] += phi[h] * heads[h](i, j) * image[j] /
                         std::sqrt(squares + 1e-300);
        }
        double norm = 0;
        for (double x : next)
          norm += x * x;
        for (size_t i = 0; i < 9; ++i)
          w[i] = next[i] / std::sqrt(norm);
      }
    }
    double bound = certificate.norm.toDoubleUp();
    EXPECT_GE(bound, best * (1 - 1e-12));
    EXPECT_LE(bound, best * 1.05);
  }
}

TEST(Heads, BadWitnessesProveNothing) {
  std::vector<AssembledMatrix> blocks = {assembled(random(3, 3, 700)),
                                         assembled(random(3, 3, 701))};
  for (double bad : {0.0, -1.0, double(NAN), double(INFINITY)})
    EXPECT_TRUE(
        headsBound(blocks, {}, std::vector<double>{1, bad}).isUnbounded());
  EXPECT_TRUE(headsBound(blocks, {}, std::vector<double>{1}).isUnbounded());
  EXPECT_TRUE(headsBound({}, {}, {}).isZero());
}

} // namespace
