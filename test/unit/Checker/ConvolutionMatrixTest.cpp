//===- ConvolutionMatrixTest.cpp - Norms of convolutions ------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/ConvolutionMatrix.h"
#include "Reference.h"
#include <gtest/gtest.h>

using namespace lipt::checker;
using namespace lipt::checker::reference;

namespace {

ConvolutionGeometry geometry1d(int64_t in, int64_t out, int64_t size,
                               int64_t kernel, int64_t stride, int64_t dilation,
                               int64_t begin, int64_t end) {
  ConvolutionGeometry g;
  g.inputChannels = in;
  g.outputChannels = out;
  g.inputSizes = {size};
  g.kernel = {kernel};
  g.strides = {stride};
  g.dilations = {dilation};
  g.padsBegin = {begin};
  g.padsEnd = {end};
  return g;
}

ConvolutionGeometry randomGeometry(Random &random, bool transposed) {
  ConvolutionGeometry g;
  g.transposed = transposed;
  g.groups = 1 + random.below(2);
  g.inputChannels = g.groups * (1 + random.below(2));
  g.outputChannels = g.groups * (1 + random.below(2));
  for (int axis = 0; axis < 2; ++axis) {
    g.inputSizes.push_back(2 + random.below(3));
    g.kernel.push_back(1 + random.below(3));
    g.strides.push_back(1 + random.below(3));
    g.dilations.push_back(1 + random.below(2));
    g.padsBegin.push_back(random.below(2));
    g.padsEnd.push_back(random.below(2));
    g.outputPadding.push_back(transposed ? random.below(2) : 0);
  }
  return g;
}

/// The definition of the ONNX operators for two spatial axes, for one input.
std::vector<double> convolve(const ConvolutionGeometry &g, const Matrix &kernel,
                             const std::vector<double> &x) {
  std::vector<int64_t> out = outputSizes(g);
  int64_t inArea = g.inputSizes[0] * g.inputSizes[1], outArea = out[0] * out[1];
  int64_t inGroup = g.inputChannels / g.groups;
  int64_t outGroup = g.outputChannels / g.groups;
  std::vector<double> y(g.outputChannels * outArea, 0.0);
  for (int64_t o = 0; o < g.outputChannels; ++o)
    for (int64_t i = 0; i < g.inputChannels; ++i) {
      if (o / outGroup != i / inGroup)
        continue;
      for (int64_t kh = 0; kh < g.kernel[0]; ++kh)
        for (int64_t kw = 0; kw < g.kernel[1]; ++kw) {
          int64_t tap = kh * g.kernel[1] + kw;
          int64_t taps = g.kernel[0] * g.kernel[1];
          double weight = g.transposed ? kernel.at(i, o % outGroup * taps + tap)
                                       : kernel.at(o, i % inGroup * taps + tap);
          // Windows run over the output of Conv, the input of ConvTranspose.
          int64_t rows = g.transposed ? g.inputSizes[0] : out[0];
          int64_t cols = g.transposed ? g.inputSizes[1] : out[1];
          for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = 0; c < cols; ++c) {
              int64_t h =
                  r * g.strides[0] + kh * g.dilations[0] - g.padsBegin[0];
              int64_t w =
                  c * g.strides[1] + kw * g.dilations[1] - g.padsBegin[1];
              int64_t height = g.transposed ? out[0] : g.inputSizes[0];
              int64_t width = g.transposed ? out[1] : g.inputSizes[1];
              if (h < 0 || w < 0 || h >= height || w >= width)
                continue;
              int64_t window = r * cols + c, cell = h * width + w;
              if (g.transposed)
                y[o * outArea + cell] += weight * x[i * inArea + window];
              else
                y[o * outArea + window] += weight * x[i * inArea + cell];
            }
        }
    }
  return y;
}

double largestOf(const Matrix &matrix) {
  double largest = 0.0;
  for (double entry : matrix.data)
    largest = std::max(largest, std::abs(entry));
  return largest;
}

TEST(CheckerConvolution, WindowsThatShareACell) {
  EXPECT_EQ(windowMultiplicity(3, 1, 1), 3);
  EXPECT_EQ(windowMultiplicity(3, 2, 1), 2);
  EXPECT_EQ(windowMultiplicity(3, 2, 2), 3);
  EXPECT_EQ(windowMultiplicity(4, 3, 2), 2);
  EXPECT_EQ(windowMultiplicity(2, 5, 1), 1);
}

TEST(CheckerConvolution, EveryBoundHoldsAndTheCertificateIsSharp) {
  Random random(17);
  int checked = 0;
  for (int trial = 0; trial < 40; ++trial) {
    ConvolutionGeometry g = randomGeometry(random, trial % 2);
    ASSERT_EQ(geometryFault(g), std::nullopt);
    std::vector<int64_t> out = outputSizes(g);
    if (out[0] <= 0 || out[1] <= 0)
      continue;
    Matrix kernel = randomMatrix(random, g.kernelRows(), g.kernelCols());
    Assembled exact = exactMatrix(kernel);

    Matrix matrix = explicitConvolution(g, exact).value;
    std::vector<double> x(matrix.cols);
    for (double &entry : x)
      entry = random.uniform();
    std::vector<double> y = convolve(g, kernel, x);
    ASSERT_EQ(static_cast<int64_t>(y.size()), matrix.rows);
    for (int64_t i = 0; i < matrix.rows; ++i) {
      double sum = 0.0;
      for (int64_t j = 0; j < matrix.cols; ++j)
        sum += matrix.at(i, j) * x[j];
      EXPECT_NEAR(sum, y[i], 1e-13);
    }

    Quad truth = spectralNorm(matrix);
    if (truth == 0)
      continue;
    ++checked;
    for (int which = 0; which < 4; ++which) {
      Quad largest = 0;
      for (int64_t group = 0; group < g.groups; ++group)
        largest = std::max(
            largest, spectralNorm(unfolding(g, exact, which, group).value));
      EXPECT_TRUE(quad(unfoldingFactor(g, which)) * largest *
                      (1 + Quad(1e-25)) >=
                  truth)
          << which;
    }
    ConvolutionSums sums = convolutionSums(g, exact);
    EXPECT_GE(sums.output, maxRowAbsSumUp(matrix).dividedByAtLeast(
                               Extended::fromDouble(1 + 1e-13)));
    EXPECT_GE(sums.input, maxColumnAbsSumUp(matrix).dividedByAtLeast(
                              Extended::fromDouble(1 + 1e-13)));
    EXPECT_TRUE(quad(sums.geometricMean()) >= truth);

    std::string reason;
    for (bool transposed : {false, true}) {
      NormWitness witness = witnessFor(truth, largestOf(matrix), 1e-10);
      witness.transposed = transposed;
      auto norm = verifiedConvolutionNorm(g, exact, witness, reason);
      ASSERT_TRUE(norm) << reason;
      EXPECT_TRUE(quad(*norm) >= truth);
      EXPECT_TRUE(quad(*norm) <= truth * (1 + Quad(1e-9)));
      witness.tau *= 1 - 1e-6;
      EXPECT_FALSE(verifiedConvolutionNorm(g, exact, witness, reason));

      NormWitness collatz;
      collatz.method = NormWitness::Method::Collatz;
      collatz.transposed = transposed;
      collatz.x.assign(transposed ? matrix.rows : matrix.cols, 1.0);
      Quad dense = quad(*verifiedNorm(matrix, collatz, reason));
      Quad sparse = quad(*verifiedConvolutionNorm(g, exact, collatz, reason));
      EXPECT_TRUE(sparse >= truth);
      EXPECT_TRUE(absolute(sparse - dense) <= dense * Quad(1e-13));
    }
  }
  EXPECT_GT(checked, 25);
}

// Dilation 2 with stride 2: every tap meets every cell of one parity; ⌈k/s⌉
// windows would be wrong.
TEST(CheckerConvolution, DilationWithStride) {
  ConvolutionGeometry g = geometry1d(1, 1, 40, 3, 2, 2, 4, 4);
  Assembled ones = exactMatrix(Matrix(1, 3));
  ones.value.data = {1.0, 1.0, 1.0};
  Quad truth = spectralNorm(explicitConvolution(g, ones).value);
  Quad bound = quad(unfoldingFactor(g, 0)) * spectralNorm(ones.value);
  EXPECT_TRUE(bound >= truth && bound <= truth * Quad(1.02));
}

TEST(CheckerConvolution, ChannelScalesAndKernelErrors) {
  Random random(18);
  for (bool transposed : {false, true}) {
    ConvolutionGeometry g;
    do
      g = randomGeometry(random, transposed);
    while (g.groups != 2 || g.outputChannels != 4 || outputSizes(g)[0] <= 0 ||
           outputSizes(g)[1] <= 0);
    Matrix kernel = randomMatrix(random, g.kernelRows(), g.kernelCols());
    AssembledVector scales({0.1, 2.0, -3.3, 0.7});
    Assembled scaled = scaleOutputChannels(g, exactMatrix(kernel), scales);
    std::vector<double> x(g.inputChannels * g.inputSizes[0] * g.inputSizes[1]);
    for (double &entry : x)
      entry = random.uniform();
    std::vector<double> y = convolve(g, kernel, x);
    std::vector<double> z = convolve(g, scaled.value, x);
    size_t area = y.size() / 4;
    for (size_t i = 0; i < y.size(); ++i)
      EXPECT_NEAR(y[i] * scales.value[i / area], z[i], 1e-13);

    scaled.error = Extended::fromDouble(0.25);
    NormWitness witness;
    witness.tau = 0x1p12;
    std::string reason;
    auto with = verifiedConvolutionNorm(g, scaled, witness, reason);
    scaled.error = Extended::zero();
    auto without = verifiedConvolutionNorm(g, scaled, witness, reason);
    ASSERT_TRUE(with && without) << reason;
    EXPECT_TRUE(quad(*with) >= quad(*without) + Quad(0.25));
  }
}

TEST(CheckerConvolution, TapsOnPaddingOnlyDoNotCount) {
  // A kernel of five taps on one cell with padding of two: only the middle.
  ConvolutionGeometry g = geometry1d(1, 1, 1, 5, 1, 1, 2, 2);
  Assembled kernel = exactMatrix(Matrix(1, 5));
  kernel.value.data = {0x1p300, 1.0, 3.0, 1.0, 0x1p300};
  NormWitness witness;
  witness.exponent = 2;
  witness.tau = 0.5625 * (1 + 1e-9);
  std::string reason;
  auto norm = verifiedConvolutionNorm(g, kernel, witness, reason);
  ASSERT_TRUE(norm) << reason;
  EXPECT_TRUE(quad(*norm) >= Quad(3) && quad(*norm) <= Quad(3 + 1e-8));
}

TEST(CheckerConvolution, HostileGeometriesAreRefused) {
  ConvolutionGeometry good = geometry1d(2, 2, 8, 3, 1, 1, 1, 1);
  EXPECT_FALSE(geometryFault(good));
  auto faulty = [&](auto change) {
    ConvolutionGeometry g = good;
    change(g);
    return geometryFault(g).has_value();
  };
  EXPECT_TRUE(faulty([](auto &g) { g.strides = {0}; }));
  EXPECT_TRUE(faulty([](auto &g) { g.groups = 0; }));
  EXPECT_TRUE(faulty([](auto &g) { g.groups = 3; }));
  EXPECT_TRUE(faulty([](auto &g) { g.kernel = {}; }));
  EXPECT_TRUE(faulty([](auto &g) { g.kernel = {-1}; }));
  EXPECT_TRUE(faulty([](auto &g) { g.dilations = {1, 1}; }));
  EXPECT_TRUE(faulty([](auto &g) { g.padsEnd = {int64_t(1) << 60}; }));
  EXPECT_TRUE(faulty([](auto &g) { g.inputSizes = {int64_t(1) << 60}; }));

  std::string reason;
  NormWitness witness;
  witness.tau = 10.0;
  Assembled kernel = zeroMatrix(2, 6);
  kernel.value.data[0] = 1.0;
  EXPECT_TRUE(verifiedConvolutionNorm(good, kernel, witness, reason));
  EXPECT_FALSE(
      verifiedConvolutionNorm(good, zeroMatrix(2, 5), witness, reason));
  ConvolutionGeometry huge = good;
  huge.inputSizes = {int64_t(1) << 31};
  EXPECT_FALSE(verifiedConvolutionNorm(huge, kernel, witness, reason));
  huge.inputSizes = {};
  EXPECT_FALSE(verifiedConvolutionNorm(huge, kernel, witness, reason));
  EXPECT_TRUE(convolutionSums(good, zeroMatrix(1, 1)).output.isUnbounded());
}

} // namespace
