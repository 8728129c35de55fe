//===- ConstantEvaluatorTest.cpp - Constants in their own types ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanBuilder.h"

#include "lipt/Certificate/ConstantEvaluator.h"

#include <gtest/gtest.h>

using namespace lipt;
using namespace lipt::test;

namespace {

using Kind = ConstantExpr::Kind;

std::shared_ptr<ConstantExpr> make(Kind kind, std::vector<int64_t> shape,
                                   std::vector<ConstantRef> operands = {},
                                   std::string key = "") {
  auto result = std::make_shared<ConstantExpr>();
  result->kind = kind;
  result->shape = std::move(shape);
  result->operands = std::move(operands);
  result->key = std::move(key);
  return result;
}

class ConstantEvaluatorTest : public ::testing::Test {
protected:
  MemoryArchive archive;
  ConstantEvaluator evaluator{archive};

  Vector valuesOf(const ConstantRef &expression) {
    auto result = evaluator.evaluate(expression);
    return result ? result->values : Vector();
  }
};

TEST_F(ConstantEvaluatorTest, ArithmeticRoundsInTheNodesType) {
  float a = 0.1f, b = 0.7f;
  ConstantRef ca = archive.add("a", {1}, {a}), cb = archive.add("b", {1}, {b});
  EXPECT_EQ(valuesOf(make(Kind::Elementwise, {1}, {ca, cb}, "add"))[0],
            double(a + b));
  EXPECT_EQ(valuesOf(make(Kind::Elementwise, {1}, {ca, cb}, "mul"))[0],
            double(a * b));
  EXPECT_EQ(valuesOf(make(Kind::Elementwise, {1}, {ca, cb}, "div"))[0],
            double(a / b));
  EXPECT_EQ(valuesOf(make(Kind::Elementwise, {1}, {cb}, "sqrt"))[0],
            double(std::sqrt(b)));
}

TEST_F(ConstantEvaluatorTest, NarrowTypesRoundToNearestEven) {
  bool fits = true;
  EXPECT_EQ(roundTo(ElementType::BFloat16, 1 + 0x1p-8 + 0x1p-20, fits),
            1.0078125);
  EXPECT_EQ(roundTo(ElementType::BFloat16, 1 + 0x1p-8, fits), 1);
  EXPECT_EQ(roundTo(ElementType::Float16, 2049, fits), 2048);
  EXPECT_EQ(roundTo(ElementType::Float16, 2051, fits), 2052);
  EXPECT_EQ(roundTo(ElementType::Float16, 0x1p-25, fits), 0);
  EXPECT_EQ(roundTo(ElementType::Float16, 0x1.8p-24, fits), 0x1p-23);
  EXPECT_TRUE(std::isinf(roundTo(ElementType::Float16, 65520, fits)));
  EXPECT_EQ(roundTo(ElementType::Float16, 65519, fits), 65504);
  EXPECT_TRUE(fits);
  roundTo(ElementType::Int8, 300, fits);
  EXPECT_FALSE(fits);
}

TEST_F(ConstantEvaluatorTest, LibraryFunctionsCountUlps) {
  ConstantRef angles = archive.add("angles", {3}, {0, 1, 2});
  auto sine = make(Kind::Elementwise, {3}, {angles}, "sin");
  EXPECT_EQ(evaluator.evaluate(sine)->ulps, 4u);
  EXPECT_EQ(evaluator.evaluateExact(sine), nullptr);
  // A sine of an inexact angle is not known.
  auto twice = make(Kind::Elementwise, {3}, {sine}, "sin");
  EXPECT_EQ(evaluator.evaluate(twice)->ulps, ConstantEvaluator::unknownUlps);
  // A difference of inexact values may cancel, a product not.
  auto difference = make(Kind::Elementwise, {3}, {sine, angles}, "sub");
  EXPECT_EQ(evaluator.evaluate(difference)->ulps,
            ConstantEvaluator::unknownUlps);
  auto product = make(Kind::Elementwise, {3}, {sine, angles}, "mul");
  EXPECT_EQ(evaluator.evaluate(product)->ulps, 10u);
  std::optional<ConstantVector> vector = evaluator.vector(product, 3);
  ASSERT_TRUE(vector);
  for (size_t i = 0; i != 3; ++i)
    EXPECT_LE(std::abs(vector->values[i] - std::sin(double(i)) * double(i)),
              vector->errors[i]);
}

TEST_F(ConstantEvaluatorTest, ShapesAndViews) {
  Vector w(24);
  for (size_t i = 0; i != 24; ++i)
    w[i] = double(i);
  ConstantRef key = archive.add("w", {4, 6}, w);
  auto transposed = make(Kind::Transpose, {6, 4}, {key});
  transposed->integers = {1, 0};
  std::optional<MatrixStorage> view = evaluator.matrix(transposed, 6, 4);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->owner, nullptr);
  EXPECT_EQ(view->view(5, 2), 17);
  auto slice = make(Kind::Slice, {2, 3}, {key});
  slice->integers = {1, 2, 1, 1};
  view = evaluator.matrix(slice, 2, 3);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->owner, nullptr);
  EXPECT_EQ(view->view(1, 2), 16);
  slice->integers = {3, 2, 1, 1}; // past the end
  EXPECT_FALSE(evaluator.matrix(slice, 2, 3));
  auto reversed = make(Kind::Slice, {2, 6}, {key});
  reversed->integers = {3, 0, -2, 1};
  EXPECT_EQ(valuesOf(reversed)[0], 18);
  EXPECT_EQ(valuesOf(reversed)[6], 6);
  auto concat = make(Kind::Concat, {4, 12}, {key, key});
  concat->integers = {1};
  EXPECT_EQ(valuesOf(concat)[12 + 6], 6);
  auto indices = make(Kind::Dense, {2});
  indices->type = ElementType::Int64;
  indices->values = {-1, 0};
  auto gather = make(Kind::Gather, {2, 6}, {key, indices});
  gather->integers = {0};
  EXPECT_EQ(valuesOf(gather)[0], 18);
  auto tile = make(Kind::Tile, {8, 6}, {key});
  tile->integers = {2, 1};
  EXPECT_EQ(valuesOf(tile)[24], 0);
  auto trilu = make(Kind::Trilu, {4, 6}, {key});
  trilu->integers = {0, 0};
  EXPECT_EQ(valuesOf(trilu)[1], 0);
  EXPECT_EQ(valuesOf(trilu)[6], 6);
  auto pad = make(Kind::Pad, {5, 7}, {key});
  pad->integers = {1, 0, 0, 1};
  pad->values = {-1};
  EXPECT_EQ(valuesOf(pad)[0], -1);
  EXPECT_EQ(valuesOf(pad)[8], 1);
}

TEST_F(ConstantEvaluatorTest, BatchNormalizationHasErrorBounds) {
  Random random(2);
  Vector gain = random.vector(50), bias = random.vector(50),
         mean = random.vector(50), variance = random.vector(50);
  for (double &v : variance)
    v = std::abs(v);
  ConstantRef g = archive.add("g", {50}, gain),
              b = archive.add("b", {50}, bias),
              m = archive.add("m", {50}, mean),
              v = archive.add("v", {50}, variance);
  auto scale = make(Kind::Elementwise, {50}, {g, v}, "batch_norm_scale");
  auto shift = make(Kind::Elementwise, {50}, {g, b, m, v}, "batch_norm_shift");
  scale->values = shift->values = {1e-5};
  std::optional<ConstantVector> s = evaluator.vector(scale, 50);
  std::optional<ConstantVector> t = evaluator.vector(shift, 50);
  ASSERT_TRUE(s && t);
  for (size_t i = 0; i != 50; ++i) {
    long double exact = gain[i] / std::sqrt((long double)(variance[i]) + 1e-5);
    EXPECT_LE(std::abs(exact - s->values[i]), s->errorOf(i));
    EXPECT_LE(std::abs(bias[i] - mean[i] * exact - t->values[i]),
              t->errorOf(i));
  }
  scale->values = {0};
  ConstantEvaluator fresh{archive};
  auto flat = make(Kind::Elementwise, {1},
                   {archive.add("g1", {1}, {1}), archive.add("v0", {1}, {0})},
                   "batch_norm_scale");
  flat->values = {0};
  EXPECT_FALSE(fresh.vector(flat, 1)) << "variance + epsilon = 0";
}

TEST_F(ConstantEvaluatorTest, HostileExpressionsAreRefused) {
  ConstantRef small = archive.add("s", {2}, {1, 2});
  auto huge = make(Kind::Expand, {int64_t(1) << 40, 2}, {small});
  EXPECT_EQ(evaluator.evaluate(huge), nullptr);
  auto negative = make(Kind::Splat, {-1});
  negative->values = {1};
  EXPECT_EQ(evaluator.evaluate(negative), nullptr);
  EXPECT_EQ(evaluator.evaluate(nullptr), nullptr);
  EXPECT_EQ(evaluator.evaluate(make(Kind::Transpose, {2}, {small})), nullptr);
  auto twisted = make(Kind::Transpose, {2}, {small});
  twisted->integers = {7};
  EXPECT_EQ(evaluator.evaluate(twisted), nullptr);
  EXPECT_EQ(evaluator.evaluate(make(Kind::Elementwise, {3}, {small}, "neg")),
            nullptr);
  EXPECT_EQ(evaluator.evaluate(make(Kind::Elementwise, {2}, {small}, "launch")),
            nullptr);
  auto gather = make(Kind::Gather, {2}, {small, small});
  gather->integers = {0}; // index 2 of 2
  EXPECT_EQ(evaluator.evaluate(gather), nullptr);
  ConstantRef deep = small;
  for (unsigned i = 0; i != 5000; ++i)
    deep = make(Kind::Elementwise, {2}, {deep}, "neg");
  EXPECT_EQ(evaluator.evaluate(deep), nullptr);
  EXPECT_FALSE(evaluator.getError().empty());
}

} // namespace
