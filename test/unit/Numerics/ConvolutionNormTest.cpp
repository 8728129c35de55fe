//===- ConvolutionNormTest.cpp - Convolutions against explicit matrices ---===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Numerics/ConvolutionNorm.h"
#include "QuadReference.h"
#include "lipt/Numerics/IntervalImage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace lipt;
using namespace lipt::test;

namespace {

struct Case {
  ConvolutionGeometry geometry;
  Matrix kernel;
};

std::string describe(const ConvolutionGeometry &geometry) {
  std::string text = std::to_string(geometry.inChannels) + "->" +
                     std::to_string(geometry.outChannels) + " groups " +
                     std::to_string(geometry.groups);
  for (const ConvolutionAxis &axis : geometry.axes)
    text += " [" + std::to_string(axis.input) + "->" +
            std::to_string(axis.output) + " k" + std::to_string(axis.kernel) +
            " s" + std::to_string(axis.stride) + " d" +
            std::to_string(axis.dilation) + " p" +
            std::to_string(axis.padBegin) + "," + std::to_string(axis.padEnd) +
            "]";
  return text;
}

ConvolutionAxis axisOf(int64_t input, int64_t kernel, int64_t stride,
                       int64_t dilation, int64_t padBegin, int64_t padEnd) {
  ConvolutionAxis axis;
  axis.input = input;
  axis.kernel = kernel;
  axis.stride = stride;
  axis.dilation = dilation;
  axis.padBegin = padBegin;
  axis.padEnd = padEnd;
  int64_t reach = input + padBegin + padEnd - dilation * (kernel - 1) - 1;
  axis.output = reach < 0 ? 0 : reach / stride + 1;
  return axis;
}

void fillKernel(Case &sample, std::mt19937_64 &engine) {
  std::normal_distribution<double> normal;
  const ConvolutionGeometry &geometry = sample.geometry;
  sample.kernel =
      Matrix(geometry.outChannels,
             geometry.inChannels / geometry.groups * geometry.taps());
  for (int64_t k = 0; k < sample.kernel.rows() * sample.kernel.cols(); ++k)
    sample.kernel.data()[k] = normal(engine);
}

Case randomCase(std::mt19937_64 &engine, size_t rank, int64_t largest) {
  auto draw = [&](int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(engine);
  };
  while (true) {
    Case sample;
    ConvolutionGeometry &geometry = sample.geometry;
    geometry.groups = draw(1, 3) == 1 ? 2 : 1;
    geometry.inChannels = geometry.groups * draw(1, 2);
    geometry.outChannels = geometry.groups * draw(1, 2);
    bool empty = false;
    for (size_t a = 0; a < rank; ++a) {
      geometry.axes.push_back(axisOf(draw(1, largest), draw(1, 3), draw(1, 3),
                                     draw(1, 3), draw(0, 2), draw(0, 2)));
      empty |= geometry.axes.back().output <= 0;
    }
    if (empty)
      continue;
    fillKernel(sample, engine);
    return sample;
  }
}

/// The definition, written without the library's links: every output cell, tap
/// and input cell is tried.
QuadMatrix definition(const Case &sample) {
  const ConvolutionGeometry &g = sample.geometry;
  int64_t inCells = 1, outCells = 1, taps = g.taps();
  for (const ConvolutionAxis &axis : g.axes) {
    inCells *= axis.input;
    outCells *= axis.output;
  }
  QuadMatrix matrix(g.outChannels * outCells, g.inChannels * inCells);
  for (int64_t q = 0; q < outCells; ++q)
    for (int64_t p = 0; p < inCells; ++p)
      for (int64_t t = 0; t < taps; ++t) {
        bool meets = true;
        int64_t qRest = q, pRest = p, tRest = t;
        for (size_t a = g.axes.size(); a-- > 0;) {
          const ConvolutionAxis &axis = g.axes[a];
          meets &= qRest % axis.output * axis.stride +
                       tRest % axis.kernel * axis.dilation - axis.padBegin ==
                   pRest % axis.input;
          qRest /= axis.output, pRest /= axis.input, tRest /= axis.kernel;
        }
        if (!meets)
          continue;
        int64_t outs = g.outChannels / g.groups, ins = g.inChannels / g.groups;
        for (int64_t o = 0; o < g.outChannels; ++o)
          for (int64_t c = 0; c < ins; ++c)
            matrix(o * outCells + q, (o / outs * ins + c) * inCells + p) +=
                Quad(sample.kernel(o, c * taps + t));
      }
  return matrix;
}

void checkCase(const Case &sample) {
  SCOPED_TRACE(describe(sample.geometry));
  QuadMatrix matrix = definition(sample);
  auto dense = explicitConvolution(sample.kernel, sample.geometry);
  ASSERT_TRUE(dense);
  Quad maxRow = 0, maxCol = 0;
  for (int64_t i = 0; i < matrix.rows; ++i) {
    Quad row = 0;
    for (int64_t j = 0; j < matrix.cols; ++j) {
      ASSERT_EQ(double(matrix(i, j)), (*dense)(i, j));
      row += std::fabs((*dense)(i, j));
    }
    maxRow = row > maxRow ? row : maxRow;
  }
  for (int64_t j = 0; j < matrix.cols; ++j) {
    Quad col = 0;
    for (int64_t i = 0; i < matrix.rows; ++i)
      col += std::fabs((*dense)(i, j));
    maxCol = col > maxCol ? col : maxCol;
  }
  Quad reference = spectralNorm(matrix);
  auto notBelow = [&](const UpperBound &bound, Quad value) {
    EXPECT_GE(double(toQuad(bound) - value * (1 - Quad(referenceError))), 0);
  };
  auto exact = certifyExplicitConvolution(sample.kernel, sample.geometry);
  ASSERT_TRUE(exact);
  notBelow(exact->norm, reference);
  if (reference > 0)
    EXPECT_LE(excess(exact->norm, reference), 1e-8);
  EXPECT_EQ(certifyConvolution(sample.kernel, sample.geometry).norm,
            exact->norm);
  notBelow(convolutionRootK1KInf(sample.kernel, sample.geometry), reference);
  for (int which = 0; which < 4; ++which)
    notBelow(convolutionUnfoldingBound(sample.kernel, sample.geometry, which),
             reference);
  notBelow(convolutionNormInf(sample.kernel, sample.geometry), maxRow);
  notBelow(adjointConvolutionNormInf(sample.kernel, sample.geometry), maxCol);
  // Sizes unknown: still above the norm for this size.
  ConvolutionGeometry symbolic = sample.geometry;
  for (ConvolutionAxis &axis : symbolic.axes)
    axis.input = axis.output = 0;
  ConvolutionCertificate any = certifyConvolution(sample.kernel, symbolic);
  notBelow(any.norm, reference);
  if (!symbolic.axes.empty())
    EXPECT_NE(any.method, ConvolutionMethod::Explicit);
}

TEST(ConvolutionNorm, RandomGeometries) {
  std::mt19937_64 engine(1);
  for (int trial = 0; trial < 40; ++trial)
    checkCase(randomCase(engine, 1, 12));
  for (int trial = 0; trial < 40; ++trial)
    checkCase(randomCase(engine, 2, 4));
  for (int trial = 0; trial < 6; ++trial)
    checkCase(randomCase(engine, 3, 2));
  checkCase(randomCase(engine, 0, 1));
}

TEST(ConvolutionNorm, OneByOneOfATenth) {
  Case sample;
  sample.geometry.inChannels = sample.geometry.outChannels = 1;
  sample.geometry.axes = {axisOf(3, 1, 1, 1, 0, 0), axisOf(3, 1, 1, 1, 0, 0)};
  sample.kernel = Matrix(1, 1);
  sample.kernel(0, 0) = 0.1;
  UpperBound norm = certifyConvolution(sample.kernel, sample.geometry).norm;
  EXPECT_GE(norm, UpperBound::fromDouble(0.1));
  EXPECT_LE(norm, UpperBound::fromDouble(0.1 * (1 + 1e-9)));
}

TEST(ConvolutionNorm, DilationThatTheStrideDoesNotDivide) {
  // m must be ceil(k*gcd/s), not ceil(k/s): stride 2, dilation 2.
  ConvolutionAxis axis = axisOf(9, 3, 2, 2, 2, 2);
  EXPECT_EQ(axis.windowsPerCell(), 3);
  axis.dilation = 3;
  EXPECT_EQ(axis.windowsPerCell(), 2);
  std::mt19937_64 engine(2);
  Case sample;
  sample.geometry.inChannels = sample.geometry.outChannels = 1;
  sample.geometry.axes = {axisOf(12, 3, 2, 2, 2, 2)};
  sample.kernel = Matrix(1, 3);
  std::fill(sample.kernel.data(), sample.kernel.data() + 3, 1.0);
  checkCase(sample);
}

TEST(ConvolutionNorm, ExtremeScales) {
  std::mt19937_64 engine(3);
  for (double scale : {0x1p-1060, 0x1p-400, 0x1p900}) {
    Case sample = randomCase(engine, 2, 4);
    for (int64_t k = 0; k < sample.kernel.rows() * sample.kernel.cols(); ++k)
      sample.kernel.data()[k] *= scale;
    checkCase(sample);
  }
}

TEST(ConvolutionNorm, ZeroKernelAndBadGeometry) {
  std::mt19937_64 engine(4);
  Case sample = randomCase(engine, 2, 4);
  Matrix zero(sample.kernel.rows(), sample.kernel.cols());
  ConvolutionCertificate certificate =
      certifyConvolution(zero, sample.geometry);
  EXPECT_EQ(certificate.method, ConvolutionMethod::Zero);
  EXPECT_TRUE(certificate.norm.isZero());

  auto refused = [&](const ConvolutionGeometry &geometry) {
    EXPECT_TRUE(geometry.verify(sample.kernel));
    EXPECT_TRUE(certifyConvolution(sample.kernel, geometry).norm.isUnbounded());
    EXPECT_TRUE(convolutionNormInf(sample.kernel, geometry).isUnbounded());
    EXPECT_FALSE(explicitConvolution(sample.kernel, geometry));
  };
  ConvolutionGeometry bad = sample.geometry;
  bad.axes[0].stride = 0;
  refused(bad);
  bad = sample.geometry;
  bad.axes[1].kernel += 1;
  refused(bad);
  bad = sample.geometry;
  bad.groups = 7;
  refused(bad);
  bad = sample.geometry;
  bad.axes[0].input = int64_t(1) << 60;
  refused(bad);
  bad = sample.geometry;
  bad.inChannels = -1;
  refused(bad);

  sample.kernel(0, 0) = NAN;
  EXPECT_TRUE(
      certifyConvolution(sample.kernel, sample.geometry).norm.isUnbounded());
}

TEST(ConvolutionNorm, LargeSizesFallBackToKernelBounds) {
  Case sample;
  sample.geometry.inChannels = 2, sample.geometry.outChannels = 3;
  sample.geometry.axes = {axisOf(100000, 3, 1, 1, 1, 1),
                          axisOf(100000, 3, 1, 1, 1, 1)};
  std::mt19937_64 engine(5);
  fillKernel(sample, engine);
  ConvolutionCertificate certificate =
      certifyConvolution(sample.kernel, sample.geometry);
  EXPECT_NE(certificate.method, ConvolutionMethod::Explicit);
  EXPECT_FALSE(certificate.norm.isUnbounded());
  // A small window of the same convolution is no larger.
  sample.geometry.axes = {axisOf(6, 3, 1, 1, 1, 1), axisOf(6, 3, 1, 1, 1, 1)};
  EXPECT_GE(certificate.norm,
            UpperBound::fromDouble(double(spectralNorm(definition(sample)))));
}

TEST(ConvolutionNorm, EntryErrorIsAdded) {
  std::mt19937_64 engine(6);
  Case sample = randomCase(engine, 2, 4);
  Matrix moved = sample.kernel;
  for (int64_t k = 0; k < moved.rows() * moved.cols(); ++k)
    moved.data()[k] *= 1 + 1e-6;
  ConvolutionOptions options;
  options.relativeEntryError = 1e-6;
  UpperBound norm =
      certifyConvolution(sample.kernel, sample.geometry, options).norm;
  Quad reference = spectralNorm(definition({sample.geometry, moved}));
  EXPECT_GE(excess(norm, reference), 0);
}

TEST(ConvolutionNorm, TransposedIsTheAdjoint) {
  // ConvTranspose 3 -> 2 channels, input 4, kernel 3, stride 2, pads 1, 1:
  // output 7. As the definition of ConvTranspose scatters.
  ConvolutionGeometry transposed;
  transposed.inChannels = 3, transposed.outChannels = 2;
  ConvolutionAxis axis;
  axis.input = 4, axis.output = 7, axis.kernel = 3, axis.stride = 2;
  axis.padBegin = axis.padEnd = 1;
  transposed.axes = {axis};
  ConvolutionGeometry adjoint = adjointGeometry(transposed);
  Case sample{adjoint, Matrix()};
  std::mt19937_64 engine(7);
  fillKernel(sample, engine);
  ASSERT_EQ(sample.kernel.rows(), 3);
  QuadMatrix scatter(2 * 7, 3 * 4);
  for (int64_t c = 0; c < 3; ++c)
    for (int64_t p = 0; p < 4; ++p)
      for (int64_t o = 0; o < 2; ++o)
        for (int64_t t = 0; t < 3; ++t) {
          int64_t q = p * 2 + t - 1;
          if (q >= 0 && q < 7)
            scatter(o * 7 + q, c * 4 + p) += Quad(sample.kernel(c, o * 3 + t));
        }
  Quad maxRow = 0;
  for (int64_t i = 0; i < scatter.rows; ++i) {
    Quad row = 0;
    for (int64_t j = 0; j < scatter.cols; ++j)
      row += scatter(i, j) < 0 ? -scatter(i, j) : scatter(i, j);
    maxRow = row > maxRow ? row : maxRow;
  }
  UpperBound norm = certifyConvolution(sample.kernel, adjoint).norm;
  EXPECT_GE(excess(norm, spectralNorm(scatter)), -referenceError);
  EXPECT_LE(excess(norm, spectralNorm(scatter)), 1e-8);
  UpperBound inf = adjointConvolutionNormInf(sample.kernel, adjoint);
  EXPECT_GE(excess(inf, maxRow), -referenceError);
  EXPECT_LE(excess(inf, maxRow), 1e-12);
}

TEST(Pooling, AveragesAgainstTheirMatrix) {
  for (bool includePad : {false, true})
    for (int64_t input = 1; input <= 7; ++input)
      for (int64_t kernel = 1; kernel <= 3; ++kernel)
        for (int64_t stride = 1; stride <= 3; ++stride)
          for (int64_t pad = 0; pad < kernel; ++pad) {
            int64_t reach = input + 2 * pad - kernel;
            if (reach < 0)
              continue;
            PoolAxis axis{input, reach / stride + 1, kernel, stride, 1, pad,
                          pad};
            QuadMatrix matrix(axis.output, input);
            for (int64_t q = 0; q < axis.output; ++q) {
              int64_t inside = 0;
              for (int64_t t = 0; t < kernel; ++t) {
                int64_t p = q * stride + t - pad;
                inside += p >= 0 && p < input;
              }
              for (int64_t t = 0; t < kernel; ++t) {
                int64_t p = q * stride + t - pad;
                if (p >= 0 && p < input)
                  matrix(q, p) = 1 / Quad(double(includePad ? kernel : inside));
              }
            }
            UpperBound norm = averagePoolNorm({axis}, includePad);
            Quad reference = spectralNorm(matrix);
            EXPECT_GE(excess(norm, reference), -referenceError)
                << input << " k" << kernel << " s" << stride << " p" << pad;
            EXPECT_GE(averagePoolNorm({axis, axis}, includePad).toDoubleUp(),
                      double(reference * reference));
          }
}

TEST(Pooling, KnownValues) {
  PoolAxis axis{3, 3, 3, 1, 1, 1, 1};
  EXPECT_GE(averagePoolNorm({axis}, false), UpperBound::fromDouble(1.0281));
  EXPECT_LE(averagePoolNorm({axis}, true), UpperBound::fromDouble(1 + 1e-15));
  EXPECT_EQ(maxPoolNorm({axis, axis}), UpperBound::fromInteger(3));
  axis.stride = 2;
  EXPECT_EQ(maxPoolNorm({axis, axis}), UpperBound::fromInteger(2));
  axis.kernel = 2, axis.dilation = 2;
  EXPECT_EQ(maxPoolNorm({axis, axis}), UpperBound::fromInteger(2));
  axis.kernel = 0;
  EXPECT_TRUE(maxPoolNorm({axis}).isUnbounded());
  EXPECT_TRUE(averagePoolNorm({axis}, true).isUnbounded());
  PoolAxis symbolic{0, 0, 3, 2, 1, 0, 0};
  EXPECT_EQ(averagePoolNorm({symbolic}, false), UpperBound::sqrtOf(2));
}

TEST(IntervalImage, AffineMapsContainTheirPoints) {
  std::mt19937_64 engine(8);
  std::normal_distribution<double> normal;
  for (double scale : {1.0, 0x1p-1040, 0x1p300}) {
    Matrix weight(6, 9);
    IntervalVector box(9);
    std::vector<double> bias(6);
    for (int64_t k = 0; k < 54; ++k)
      weight.data()[k] = k % 7 ? normal(engine) * scale : 0;
    for (Interval &x : box) {
      double a = normal(engine), b = normal(engine);
      x = Interval::of(std::min(a, b), std::max(a, b));
    }
    for (double &b : bias)
      b = normal(engine) * scale;
    IntervalVector image = affineImage(weight, bias, box);
    for (int64_t i = 0; i < 6; ++i) {
      // The extreme vertices, exactly.
      Quad lo = bias[i], hi = bias[i], size = 0;
      for (int64_t j = 0; j < 9; ++j) {
        Quad w = weight(i, j);
        lo += w * Quad(w > 0 ? box[j].lo : box[j].hi);
        hi += w * Quad(w > 0 ? box[j].hi : box[j].lo);
        size += w < 0 ? -w : w;
      }
      EXPECT_LE(Quad(image[i].lo), lo);
      EXPECT_GE(Quad(image[i].hi), hi);
      double slack = 1e-14 * double(size) + 0x1p-1060;
      EXPECT_LE(double(Quad(image[i].hi) - hi), slack);
      EXPECT_LE(double(lo - Quad(image[i].lo)), slack);
    }
  }
}

TEST(IntervalImage, UnknownInputsReachOnlyTheirReaders) {
  Matrix weight(2, 2);
  weight(0, 0) = 3, weight(1, 0) = 1, weight(1, 1) = 2;
  IntervalVector box = {Interval::of(-1, 2), Interval::unknown()};
  IntervalVector image = affineImage(weight, {}, box);
  EXPECT_TRUE(image[0].isBounded());
  EXPECT_TRUE(image[1].isUnknown());
  EXPECT_TRUE(affineImage(weight, {}, IntervalVector(3))[0].isUnknown());
  EXPECT_EQ(affineImage(Matrix(1, 2), {}, box)[0], Interval::point(0));
}

TEST(IntervalImage, ConvolutionsContainTheirPoints) {
  std::mt19937_64 engine(9);
  std::uniform_real_distribution<double> uniform;
  for (int trial = 0; trial < 20; ++trial) {
    Case sample = randomCase(engine, 2, 4);
    const ConvolutionGeometry &g = sample.geometry;
    IntervalVector box(g.inChannels);
    std::vector<double> bias(g.outChannels, 0.5);
    for (Interval &x : box)
      x = Interval::of(1 + uniform(engine), 3 + uniform(engine));
    IntervalVector image = convolutionImage(sample.kernel, g, bias, box);
    QuadMatrix matrix = definition(sample);
    int64_t inCells = matrix.cols / g.inChannels;
    int64_t outCells = matrix.rows / g.outChannels;
    for (int64_t i = 0; i < matrix.rows; ++i) {
      Quad lo = 0.5, hi = 0.5;
      for (int64_t j = 0; j < matrix.cols; ++j) {
        const Interval &x = box[j / inCells];
        lo += matrix(i, j) * Quad(matrix(i, j) > 0 ? x.lo : x.hi);
        hi += matrix(i, j) * Quad(matrix(i, j) > 0 ? x.hi : x.lo);
      }
      EXPECT_LE(Quad(image[i / outCells].lo), lo);
      EXPECT_GE(Quad(image[i / outCells].hi), hi);
    }
  }
}

} // namespace
