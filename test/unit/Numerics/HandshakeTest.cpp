//===- HandshakeTest.cpp - The checker accepts what we prove --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generator and checker share no code and round in their own ways. A claim
// leaves 2^-40 of room (decision D3); these tests measure that this is enough
// and that our tau completes the checker's factorisation.
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/ConvolutionMatrix.h"
#include "lipt/Checker/Matrix.h"
#include "lipt/Checker/SpectralNorm.h"
#include "lipt/Numerics/ConvolutionNorm.h"
#include "lipt/Numerics/Products.h"
#include "lipt/Numerics/SpectralNorm.h"

#include <gtest/gtest.h>

#include <random>

using namespace lipt;

namespace {

checker::NormWitness witnessOf(const SpectralCertificate &certificate) {
  checker::NormWitness witness;
  witness.transposed = certificate.transposed;
  witness.exponent = certificate.scaleExponent;
  witness.tau = certificate.tau;
  return witness;
}

UpperBound boundOf(const checker::Extended &value) {
  return UpperBound::fromHex(value.mantissa(), value.exponent());
}

checker::MatrixSource sourceOf(const Matrix &matrix) {
  return checker::MatrixSource::ofDoubles(matrix.data(), matrix.rows(),
                                          matrix.cols());
}

Matrix random(int64_t rows, int64_t cols, uint64_t seed, double scale = 1) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  Matrix matrix(rows, cols);
  for (int64_t k = 0; k < rows * cols; ++k)
    matrix.data()[k] = scale * normal(engine);
  return matrix;
}

void expectAccepted(const Matrix &matrix) {
  auto certificate = certifySpectralNorm(matrix);
  ASSERT_TRUE(certificate);
  std::string reason;
  auto recomputed =
      checker::verifiedNorm(sourceOf(matrix), witnessOf(*certificate), reason);
  ASSERT_TRUE(recomputed) << reason;
  EXPECT_LE(boundOf(*recomputed), certificate->norm.withSlack())
      << matrix.rows() << "x" << matrix.cols();
}

TEST(Handshake, MatricesOfManyKinds) {
  uint64_t seed = 1;
  for (auto [rows, cols] : {std::pair<int64_t, int64_t>{1, 1},
                            {1, 9},
                            {7, 3},
                            {50, 50},
                            {130, 75},
                            {64, 400},
                            {3000, 40}})
    for (double scale : {1.0, 0x1p500, 0x1p-500, 0x1p-1050})
      expectAccepted(random(rows, cols, seed++, scale));
  Matrix ones(60, 60), identity(90, 90), least(1, 2), wide(1, 2);
  for (int k = 0; k < 3600; ++k)
    ones.data()[k] = 1;
  for (int k = 0; k < 90; ++k)
    identity(k, k) = k % 2 ? 0.3 : -0.3;
  least(0, 0) = least(0, 1) = 0x1p-1074;
  wide(0, 0) = 0x1p600, wide(0, 1) = 0x1p-600;
  expectAccepted(ones);
  expectAccepted(identity);
  expectAccepted(least);
  expectAccepted(wide);
}

TEST(Handshake, CollatzWitness) {
  Matrix matrix = random(30, 20, 100);
  CollatzCertificate certificate = certifyAbsoluteNorm(matrix);
  checker::NormWitness witness;
  witness.method = checker::NormWitness::Method::Collatz;
  witness.x = certificate.x;
  std::string reason;
  auto recomputed = checker::verifiedNorm(sourceOf(matrix), witness, reason);
  ASSERT_TRUE(recomputed) << reason;
  EXPECT_LE(boundOf(*recomputed), certificate.norm.withSlack());
}

TEST(Handshake, ProductsWithTheirErrors) {
  Matrix a = random(40, 90, 200), b = random(90, 30, 201);
  AssembledMatrix pair =
      product(AssembledMatrix::fromView(a), AssembledMatrix::fromView(b));
  auto certificate = certifySpectralNorm(pair.approx);
  ASSERT_TRUE(certificate);
  checker::Assembled same = checker::product(checker::exactMatrix(sourceOf(a)),
                                             checker::exactMatrix(sourceOf(b)));
  checker::NormWitness witness = witnessOf(*certificate);
  std::string reason;
  auto recomputed = checker::normOf(same, &witness, reason);
  ASSERT_TRUE(recomputed) << reason;
  EXPECT_LE(boundOf(*recomputed), (certificate->norm + pair.error).withSlack());
}

struct Shape {
  int64_t in, out, groups, size, kernel, stride, dilation, pad;
};

TEST(Handshake, Convolutions) {
  uint64_t seed = 300;
  for (const Shape &s :
       {Shape{3, 8, 1, 12, 3, 1, 1, 1}, Shape{4, 4, 4, 9, 3, 2, 1, 1},
        Shape{2, 6, 2, 10, 3, 2, 2, 2}, Shape{6, 2, 1, 7, 4, 3, 1, 0},
        Shape{1, 16, 1, 14, 5, 1, 1, 2}}) {
    for (bool transposed : {false, true}) {
      checker::ConvolutionGeometry theirs;
      theirs.transposed = transposed;
      theirs.groups = s.groups;
      theirs.inputChannels = s.in;
      theirs.outputChannels = s.out;
      theirs.inputSizes = {s.size, s.size};
      theirs.kernel = {s.kernel, s.kernel};
      theirs.strides = {s.stride, s.stride};
      theirs.dilations = {s.dilation, s.dilation};
      theirs.padsBegin = theirs.padsEnd = {s.pad, s.pad};
      ASSERT_FALSE(checker::geometryFault(theirs));
      ConvolutionGeometry ours;
      ours.inChannels = s.in, ours.outChannels = s.out, ours.groups = s.groups;
      for (int64_t output : checker::outputSizes(theirs)) {
        ConvolutionAxis axis;
        axis.input = s.size, axis.output = output, axis.kernel = s.kernel;
        axis.stride = s.stride, axis.dilation = s.dilation;
        axis.padBegin = axis.padEnd = s.pad;
        ours.axes.push_back(axis);
      }
      if (transposed)
        ours = adjointGeometry(ours);
      Matrix kernel =
          random(theirs.kernelRows(), theirs.kernelCols(), seed++, 0.3);
      checker::Assembled stored = checker::exactMatrix(sourceOf(kernel));

      ConvolutionCertificate exact = certifyConvolution(kernel, ours);
      ASSERT_EQ(exact.method, ConvolutionMethod::Explicit);
      std::string reason;
      auto recomputed = checker::verifiedConvolutionNorm(
          theirs, stored, witnessOf(exact.witnesses.front()), reason);
      ASSERT_TRUE(recomputed) << reason;
      EXPECT_LE(boundOf(*recomputed), exact.norm.withSlack());

      UpperBound root = convolutionRootK1KInf(kernel, ours);
      auto sums = checker::convolutionSums(theirs, stored);
      EXPECT_LE(boundOf(sums.geometricMean()), root.withSlack());
      EXPECT_LE(root, boundOf(sums.geometricMean()).withSlack());

      for (int which = 0; which < 4; ++which) {
        EXPECT_LE(boundOf(checker::unfoldingFactor(theirs, which)),
                  unfoldingFactor(ours, which).withSlack());
        for (int64_t group = 0; group < s.groups; ++group) {
          auto witness =
              certifySpectralNorm(unfoldingMatrix(kernel, ours, which, group));
          checker::NormWitness hint = witnessOf(*witness);
          auto norm = checker::normOf(
              checker::unfolding(theirs, stored, which, group), &hint, reason);
          ASSERT_TRUE(norm) << reason;
          EXPECT_LE(boundOf(*norm), witness->norm.withSlack());
        }
      }
    }
  }
}

} // namespace
