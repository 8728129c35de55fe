//===- AffineEvaluatorTest.cpp - Assembled matrices against plain products ---*-
//C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanBuilder.h"

#include <gtest/gtest.h>

using namespace lipt;
using namespace lipt::test;

namespace {

std::shared_ptr<AffineExpr> node(AffineExpr::Kind kind, int64_t width,
                                 std::vector<AffineRef> operands,
                                 ConstantRef constant = nullptr) {
  auto result = std::make_shared<AffineExpr>();
  result->kind = kind;
  result->width = width;
  result->operands = std::move(operands);
  result->constant = std::move(constant);
  return result;
}

/// A and b in long double from the map applied to unit vectors.
struct Reference {
  std::function<std::vector<long double>(const std::vector<long double> &)>
      function;
  int64_t cols;

  void expectEqual(const AffineMap &map) const {
    std::optional<AffineMatrix> dense = toDense(map.matrix);
    ASSERT_TRUE(dense);
    std::vector<long double> zero(static_cast<size_t>(cols));
    std::vector<long double> bias = function(zero);
    ASSERT_EQ(int64_t(bias.size()), dense->rows);
    long double lost = 0, lostBias = 0;
    for (int64_t j = 0; j != cols; ++j) {
      std::vector<long double> unit(zero);
      unit[size_t(j)] = 1;
      std::vector<long double> column = function(unit);
      for (int64_t i = 0; i != dense->rows; ++i) {
        long double exact = column[size_t(i)] - bias[size_t(i)];
        long double difference = exact - dense->view(i, j);
        lost += difference * difference;
      }
    }
    for (size_t i = 0; i != bias.size(); ++i) {
      long double difference = bias[i] - map.bias[i];
      lostBias += difference * difference;
    }
    // The reference itself rounds at 2^-64.
    EXPECT_LE(std::sqrt(lost), dense->error.toDoubleUp() + 1e-17);
    EXPECT_LE(std::sqrt(lostBias), map.biasError.toDoubleUp() + 1e-17);
    EXPECT_LE(dense->error.toDoubleUp(), 1e-12);
    EXPECT_LE(map.biasError.toDoubleUp(), 1e-12);
  }
};

using Long = std::vector<long double>;

Long multiply(const Vector &w, const Long &x, size_t rows) {
  Long y(rows);
  for (size_t i = 0; i != rows; ++i)
    for (size_t j = 0; j != x.size(); ++j)
      y[i] += (long double)(w[i * x.size() + j]) * x[j];
  return y;
}

class AffineEvaluatorTest : public ::testing::Test {
protected:
  MemoryArchive archive;
  ConstantEvaluator constants{archive};
  AffineEvaluator evaluator{constants};
  Random random{5};
};

TEST_F(AffineEvaluatorTest, OneStoredWeightIsAView) {
  Vector w = random.vector(12);
  ConstantRef key = archive.add("w", {3, 4}, w);
  std::optional<AffineMap> map = evaluator.evaluate(linearMap(key), 4);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->matrix.owner, nullptr);
  EXPECT_EQ(static_cast<const void *>(map->matrix.view.f32()),
            static_cast<const void *>(archive.find("w")->data));
  EXPECT_TRUE(map->matrix.error.isZero());
  // Stored the other way round, and as rows of a packed matrix.
  auto transposed = std::make_shared<AffineExpr>(
      *node(AffineExpr::Kind::Linear, 4, {identityMap(3)}, key));
  transposed->transposed = true;
  map = evaluator.evaluate(transposed, 3);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->matrix.owner, nullptr);
  EXPECT_EQ(map->matrix.view(1, 2), w[2 * 4 + 1]);
  auto select = node(AffineExpr::Kind::Select, 2, {linearMap(key)});
  select->rows = {1, 2};
  map = evaluator.evaluate(select, 4);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->matrix.owner, nullptr);
  EXPECT_EQ(map->matrix.view(0, 3), w[7]);
}

TEST_F(AffineEvaluatorTest, ChainsCarryTheirRoundingError) {
  Vector w1 = random.vector(20), b1 = random.vector(5), g = random.vector(5),
         w2 = random.vector(15);
  auto scale = node(
      AffineExpr::Kind::Scale, 5,
      {linearMap(archive.add("w1", {5, 4}, w1), archive.add("b1", {5}, b1))},
      archive.add("g", {5}, g));
  AffineRef chain = linearMap(archive.add("w2", {3, 5}, w2), nullptr, scale);
  std::optional<AffineMap> map = evaluator.evaluate(chain, 4);
  ASSERT_TRUE(map) << evaluator.getError();
  Reference reference{[&](const Long &x) {
                        Long h = multiply(w1, x, 5);
                        for (size_t i = 0; i != 5; ++i)
                          h[i] = (h[i] + b1[i]) * g[i];
                        return multiply(w2, h, 3);
                      },
                      4};
  reference.expectEqual(*map);
}

TEST_F(AffineEvaluatorTest, PermutationsGainsAndBlocks) {
  Vector g = random.vector(6), w = random.vector(6);
  auto select = node(AffineExpr::Kind::Select, 6, {identityMap(6)});
  select->rows = {3, 1, 5, 0, 2, 4};
  auto scale =
      node(AffineExpr::Kind::Scale, 6, {select}, archive.add("g", {6}, g));
  auto blocks = std::make_shared<AffineExpr>(
      *node(AffineExpr::Kind::Linear, 4, {scale}, archive.add("w", {2, 3}, w)));
  blocks->blocks = 2;
  blocks->alpha = 0.30000001192092896;
  auto divide =
      node(AffineExpr::Kind::Divide, 4, {blocks}, archive.add("d", {1}, {3}));
  auto sum = node(AffineExpr::Kind::Sum, 4, {divide, divide});
  sum->factors = {1, -0.25};
  std::optional<AffineMap> map = evaluator.evaluate(sum, 6);
  ASSERT_TRUE(map) << evaluator.getError();
  Reference reference{[&](const Long &x) {
                        Long y;
                        for (size_t b = 0; b != 2; ++b) {
                          Long part;
                          for (size_t j = 0; j != 3; ++j)
                            part.push_back(x[size_t(select->rows[b * 3 + j])] *
                                           g[b * 3 + j]);
                          for (long double entry : multiply(w, part, 2))
                            y.push_back(entry * blocks->alpha / 3 * 0.75L);
                        }
                        return y;
                      },
                      6};
  reference.expectEqual(*map);
  EXPECT_TRUE(evaluator.evaluate(select, 6)->matrix.sparse);
}

TEST_F(AffineEvaluatorTest, MalformedMapsAreRefused) {
  ConstantRef w = archive.add("w", {3, 4}, random.vector(12));
  EXPECT_FALSE(evaluator.evaluate(linearMap(w), 5));
  EXPECT_FALSE(evaluator.getError().empty());
  auto select = node(AffineExpr::Kind::Select, 1, {identityMap(4)});
  select->rows = {4};
  EXPECT_FALSE(evaluator.evaluate(select, 4));
  select->rows = {-1};
  EXPECT_FALSE(evaluator.evaluate(select, 4));
  EXPECT_FALSE(
      evaluator.evaluate(node(AffineExpr::Kind::Divide, 4, {identityMap(4)},
                              archive.add("z", {4}, {1, 0, 1, 1})),
                         4));
  EXPECT_FALSE(
      evaluator.evaluate(node(AffineExpr::Kind::Add, 4, {identityMap(4)},
                              archive.add("n", {4}, {1, std::nan(""), 1, 1})),
                         4));
  EXPECT_FALSE(evaluator.evaluate(node(AffineExpr::Kind::Stack, 4, {}), 4));
  auto missing = std::make_shared<ConstantExpr>();
  missing->key = "nowhere";
  missing->shape = {4};
  EXPECT_FALSE(evaluator.evaluate(
      node(AffineExpr::Kind::Scale, 4, {identityMap(4)}, missing), 4));
}

} // namespace
