//===- SpectralNormTest.cpp - Certified norms against 113 bits ------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Numerics/SpectralNorm.h"
#include "QuadReference.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>

using namespace lipt;
using namespace lipt::test;

namespace {

Matrix gaussian(int64_t rows, int64_t cols, uint64_t seed, double scale = 1) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  Matrix matrix(rows, cols);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j)
      matrix(i, j) = scale * normal(engine);
  return matrix;
}

/// Orthonormal columns to working precision, by Gram-Schmidt done twice.
Matrix orthogonal(int64_t rows, int64_t cols, uint64_t seed) {
  Matrix q = gaussian(rows, cols, seed);
  for (int64_t j = 0; j < cols; ++j)
    for (int sweep = 0; sweep < 2; ++sweep) {
      for (int64_t k = 0; k < j; ++k) {
        double product = 0;
        for (int64_t i = 0; i < rows; ++i)
          product += q(i, j) * q(i, k);
        for (int64_t i = 0; i < rows; ++i)
          q(i, j) -= product * q(i, k);
      }
      double squares = 0;
      for (int64_t i = 0; i < rows; ++i)
        squares += q(i, j) * q(i, j);
      for (int64_t i = 0; i < rows; ++i)
        q(i, j) /= std::sqrt(squares);
    }
  return q;
}

/// U diag(s) V^T with the given singular values.
Matrix withSpectrum(int64_t rows, const std::vector<double> &values,
                    uint64_t seed) {
  int64_t n = int64_t(values.size());
  Matrix u = orthogonal(rows, n, seed), v = orthogonal(n, n, seed + 1);
  Matrix result(rows, n);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < n; ++j)
      for (int64_t k = 0; k < n; ++k)
        result(i, j) += u(i, k) * values[k] * v(j, k);
  return result;
}

/// Sound, and loose by no more than `tolerance`, in both orientations; the
/// stored tau proves the same bound again.
void checkNorm(const MatrixView &matrix, double tolerance = 1e-8) {
  Quad reference = spectralNorm(QuadMatrix(matrix));
  for (MatrixView view : {matrix, matrix.transposed()}) {
    std::string error;
    auto certificate = certifySpectralNorm(view, {}, &error);
    ASSERT_TRUE(certificate) << error;
    EXPECT_GE(excess(certificate->norm, reference), -referenceError);
    EXPECT_LE(excess(certificate->norm, reference), tolerance);
    EXPECT_EQ(spectralNormFromTau(view, certificate->tau), certificate->norm);
    CheapNorms cheap = cheapNorms(view);
    EXPECT_GE(excess(cheap.spectral(), reference), -referenceError);
    EXPECT_GE(excess(certifyAbsoluteNorm(view).norm, reference),
              -referenceError);
    auto [mantissa, exponent] = attainedSpectralNorm(view);
    Quad attained = ldexpQuad(Quad(mantissa), exponent);
    EXPECT_LE(double(attained / reference - 1), referenceError);
  }
}

TEST(SpectralNorm, GaussianOfManyShapes) {
  for (int64_t rows : {1, 2, 3, 7, 8, 9, 23, 24, 25, 31})
    for (int64_t cols : {1, 2, 5, 8, 17, 24, 26})
      checkNorm(gaussian(rows, cols, uint64_t(rows * 100 + cols)));
}

TEST(SpectralNorm, FlatAndDecayingSpectra) {
  checkNorm(orthogonal(24, 24, 1));
  checkNorm(orthogonal(40, 17, 2));
  std::vector<double> uniform, decaying, clustered;
  for (int k = 0; k < 20; ++k) {
    uniform.push_back(0.5 + k / 40.0);
    decaying.push_back(1 / std::sqrt(k + 1.0));
    clustered.push_back(1 - 1e-9 * k);
  }
  checkNorm(withSpectrum(30, uniform, 3));
  checkNorm(withSpectrum(30, decaying, 4));
  checkNorm(withSpectrum(30, clustered, 5));
}

TEST(SpectralNorm, RankOne) {
  Matrix matrix(13, 9);
  Matrix u = gaussian(13, 1, 6), v = gaussian(1, 9, 7);
  for (int i = 0; i < 13; ++i)
    for (int j = 0; j < 9; ++j)
      matrix(i, j) = u(i, 0) * v(0, j);
  checkNorm(matrix);
  Matrix ones(20, 20);
  std::fill(ones.data(), ones.data() + 400, 1.0);
  checkNorm(ones);
}

TEST(SpectralNorm, ExtremeScales) {
  for (double scale : {0x1p500, 0x1p-500, 0x1p1000, 0x1p-1000, 1e-5})
    checkNorm(gaussian(12, 9, 8, scale));
  // Entries that are subnormal: few bits, still exact data.
  checkNorm(gaussian(12, 9, 9, 0x1p-1060));
  Matrix mixed(1, 2);
  mixed(0, 0) = 0x1p600, mixed(0, 1) = 0x1p-600;
  checkNorm(mixed);
  // Columns of very different scale.
  Matrix graded = gaussian(10, 6, 10);
  for (int i = 0; i < 10; ++i)
    for (int j = 0; j < 6; ++j)
      graded(i, j) = std::ldexp(graded(i, j), -200 * j);
  checkNorm(graded);
  Matrix largest(3, 3);
  std::fill(largest.data(), largest.data() + 9,
            std::numeric_limits<double>::max());
  checkNorm(largest);
}

TEST(SpectralNorm, CorpusOfUnderflow) {
  Matrix least(1, 2);
  least(0, 0) = least(0, 1) = 0x1p-1074;
  checkNorm(least);
  Matrix small(10, 10), third(4, 3);
  std::fill(small.data(), small.data() + 100, std::exp2(-537.6));
  std::fill(third.data(), third.data() + 12, std::exp2(-268.9));
  checkNorm(small);
  checkNorm(third);
}

TEST(SpectralNorm, OneByOneIsTight) {
  for (double value : {1.0, -3.0, 1e-5, 0x1p-1074, 1e308, 0.1}) {
    Matrix matrix(1, 1);
    matrix(0, 0) = value;
    checkNorm(matrix, 1e-9);
    // GloRo's weight: never below the weight itself.
    EXPECT_GE(spectralNormBound(matrix),
              UpperBound::fromDouble(std::fabs(value)));
  }
}

TEST(SpectralNorm, ZeroIsExact) {
  Matrix zero(5, 3);
  zero(2, 1) = -0.0;
  auto certificate = certifySpectralNorm(zero);
  ASSERT_TRUE(certificate);
  EXPECT_TRUE(certificate->norm.isZero());
  EXPECT_TRUE(cheapNorms(zero).frobenius.isZero());
  EXPECT_TRUE(certifyAbsoluteNorm(zero).norm.isZero());
  EXPECT_TRUE(spectralNormBound(Matrix(0, 4)).isZero());
}

TEST(SpectralNorm, NotFiniteIsRefused) {
  for (double bad : {double(INFINITY), -double(INFINITY), double(NAN)})
    for (int64_t at : {0, 7, 34}) {
      Matrix matrix = gaussian(5, 7, 11);
      matrix.data()[at] = bad;
      std::string error;
      EXPECT_FALSE(certifySpectralNorm(matrix, {}, &error));
      EXPECT_NE(error.find("5x7"), std::string::npos) << error;
      EXPECT_TRUE(spectralNormBound(matrix).isUnbounded());
      EXPECT_TRUE(spectralNormFromTau(matrix, 1).isUnbounded());
      EXPECT_TRUE(certifyAbsoluteNorm(matrix).norm.isUnbounded());
      EXPECT_FALSE(cheapNorms(matrix).finite);
    }
}

TEST(SpectralNorm, TopVectorOutsideTheKrylovSpace) {
  // Diagonal matrices and block structure: whatever the start vector, a top
  // vector with a tiny component along it; the factorisation must notice.
  for (int64_t n : {2, 5, 16, 30}) {
    Matrix diagonal(n, n);
    for (int64_t i = 0; i < n; ++i)
      diagonal(i, i) = i + 1 == n ? 1 + 1e-7 : 1;
    checkNorm(diagonal);
  }
}

TEST(SpectralNorm, TauIsNotBelievedWhenTooSmall) {
  Matrix matrix = gaussian(20, 14, 12);
  auto certificate = certifySpectralNorm(matrix);
  ASSERT_TRUE(certificate);
  EXPECT_TRUE(
      spectralNormFromTau(matrix, certificate->tau * (1 - 1e-6)).isUnbounded());
  for (double tau : {0.0, -1.0, double(NAN), double(INFINITY), 0x1p101})
    EXPECT_TRUE(spectralNormFromTau(matrix, tau).isUnbounded()) << tau;
}

TEST(SpectralNorm, FloatViewsStridesAndSlices) {
  std::mt19937 engine(13);
  std::normal_distribution<float> normal;
  std::vector<float> data(30 * 40);
  for (float &x : data)
    x = normal(engine);
  MatrixView whole(data.data(), 30, 40);
  checkNorm(whole.slice(3, 5, 20, 14));
  checkNorm(whole.slice(0, 0, 14, 20).transposed());
  checkNorm(MatrixView(data.data(), 10, 13, 80, 3));
}

TEST(SpectralNorm, ResultsDoNotDependOnThreads) {
  std::vector<Matrix> matrices;
  std::vector<MatrixView> views;
  for (int k = 0; k < 6; ++k)
    matrices.push_back(gaussian(500 + 40 * k, 230 + 30 * k, uint64_t(20 + k)));
  for (const Matrix &matrix : matrices)
    views.push_back(matrix);
  SpectralOptions one, three;
  one.threads = 1, three.threads = 3;
  auto serial = certifySpectralNorms(views, one);
  auto parallel = certifySpectralNorms(views, three);
  for (size_t k = 0; k < views.size(); ++k) {
    ASSERT_TRUE(serial[k] && parallel[k]);
    EXPECT_EQ(serial[k]->tau, parallel[k]->tau);
    EXPECT_EQ(serial[k]->norm, parallel[k]->norm);
  }
}

TEST(SpectralNorm, LargeOrthogonalAndGaussianStayTight) {
  // Known norms at sizes where binary128 would take too long: a permutation
  // with signs, times a power of two.
  Matrix permutation(300, 300);
  for (int i = 0; i < 300; ++i)
    permutation(i, (i * 7 + 3) % 300) = i % 2 ? 0.25 : -0.25;
  UpperBound norm = spectralNormBound(permutation);
  EXPECT_GE(norm, UpperBound::fromDouble(0.25));
  EXPECT_LE(norm, UpperBound::fromDouble(0.25 * (1 + 1e-9)));
}

TEST(SpectralNorm, AboveTheLimitFallsBack) {
  Matrix matrix = gaussian(40, 30, 30);
  SpectralOptions options;
  options.maxOrder = 20;
  std::string error;
  EXPECT_FALSE(certifySpectralNorm(matrix, options, &error));
  EXPECT_NE(error.find("20"), std::string::npos);
  UpperBound bound = spectralNormBound(matrix, options);
  EXPECT_FALSE(bound.isUnbounded());
  EXPECT_GE(bound, cheapNorms(matrix).spectral());
}

TEST(CheapNorms, AreTheNamedNorms) {
  Matrix matrix(2, 3);
  double entries[] = {1, -2, 2, 4, 0, -3};
  std::copy(entries, entries + 6, matrix.data());
  CheapNorms norms = cheapNorms(matrix);
  auto near = [](const UpperBound &bound, double value) {
    EXPECT_GE(bound, UpperBound::fromDouble(value));
    EXPECT_LE(bound, UpperBound::fromDouble(value * (1 + 1e-14)));
  };
  near(norms.norm1, 5);
  near(norms.normInf, 7);
  near(norms.frobenius, std::sqrt(34) * (1 - 1e-15));
  near(norms.maxRowNorm2, 5);
  near(norms.maxColNorm2, std::sqrt(17) * (1 - 1e-15));
  near(norms.maxAbs, 4);
  CheapNorms flipped = cheapNorms(matrix.view().transposed());
  near(flipped.norm1, 7);
  near(flipped.maxColNorm2, 5);
  near(vectorNorm2(std::span<const double>(entries, 3)), 3);
}

TEST(CollatzWielandt, IsExactForNonNegative) {
  std::mt19937_64 engine(40);
  std::uniform_real_distribution<double> uniform;
  Matrix matrix(11, 14);
  for (int64_t k = 0; k < 11 * 14; ++k)
    matrix.data()[k] = uniform(engine);
  Quad reference = spectralNorm(QuadMatrix(matrix));
  CollatzCertificate certificate = certifyAbsoluteNorm(matrix);
  EXPECT_GE(excess(certificate.norm, reference), -referenceError);
  EXPECT_LE(excess(certificate.norm, reference), 1e-12);
  EXPECT_EQ(absoluteNormFrom(matrix, certificate.x), certificate.norm);
  std::vector<double> x(14, 1.0);
  x[3] = 0;
  EXPECT_TRUE(absoluteNormFrom(matrix, x).isUnbounded());
  x[3] = NAN;
  EXPECT_TRUE(absoluteNormFrom(matrix, x).isUnbounded());
  x.pop_back();
  EXPECT_TRUE(absoluteNormFrom(matrix, x).isUnbounded());
}

TEST(CollatzWielandt, ZeroColumns) {
  Matrix matrix(3, 3);
  matrix(0, 0) = 2;
  UpperBound norm = certifyAbsoluteNorm(matrix).norm;
  EXPECT_GE(norm, UpperBound::fromDouble(2));
  EXPECT_LE(norm, UpperBound::fromDouble(2 + 1e-12));
}

} // namespace
