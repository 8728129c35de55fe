//===- AttackTest.cpp - Attained ratios of networks with known constants --===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Attack/Attack.h"
#include "../Reference/EvaluateText.h"

#include <cmath>

using namespace lipt;
using namespace lipt::reference;

static AttackResult attack(const std::string &text,
                           const AttackQuestion &question) {
  TextNetwork network(text);
  EXPECT_TRUE(network.function) << network.diagnostics;
  if (!network.function)
    return {};
  AttackResult result = attackLipschitz(network.function, nullptr, question);
  EXPECT_EQ(result.skipped, "");
  return result;
}

/// y = W x with W = [[3, 0], [4, 5]].
static const char *linear = R"(
  func.func @main(%x: tensor<1x2xf32> {lipt.name = "x"})
      -> tensor<1x2xf32, #lipt.axes<[<unknown>, <feature>]>> {
    %w = lipt.constant dense<[[3.0, 0.0], [4.0, 5.0]]> : tensor<2x2xf32>
    %y = lipt.linear %x, %w : tensor<1x2xf32>, tensor<2x2xf32>
    return %y : tensor<1x2xf32, #lipt.axes<[<unknown>, <feature>]>>
  })";

TEST(Attack, FindsTheNormOfALinearMapFromBelow) {
  // sigma_max = sqrt(45), the largest row sum 9, l2 -> linf: the longest row
  // sqrt(41), linf -> l2: at a corner, sqrt(9 + 81).
  struct Wanted {
    AttackNorm in, out;
    double norm;
  };
  for (Wanted wanted :
       {Wanted{AttackNorm::L2, AttackNorm::L2, std::sqrt(45)},
        Wanted{AttackNorm::LInf, AttackNorm::LInf, 9},
        Wanted{AttackNorm::L2, AttackNorm::LInf, std::sqrt(41)},
        Wanted{AttackNorm::LInf, AttackNorm::L2, std::sqrt(90)},
        Wanted{AttackNorm::Rms, AttackNorm::L2, std::sqrt(90)}}) {
    AttackQuestion question;
    question.inputNorm = wanted.in;
    question.outputNorm = wanted.out;
    AttackResult result = attack(linear, question);
    EXPECT_LE(result.ratio, wanted.norm);
    EXPECT_GT(result.ratio, wanted.norm * (1 - 1e-9));
  }
}

TEST(Attack, SelectsOneEntryOrADifference) {
  AttackQuestion question;
  question.outputIndex = 1;
  EXPECT_NEAR(attack(linear, question).ratio, std::sqrt(41), 1e-8);
  question.minusIndex = 0;
  EXPECT_NEAR(attack(linear, question).ratio, std::sqrt(26), 1e-8);
}

/// x squared: the slope on [-1, 2] is at most 4, at the ball's edge 2 R.
static const char *square = R"(
  func.func @main(%x: tensor<1xf32> {lipt.name = "x"}) -> tensor<1xf32> {
    %y = lipt.mul %x, %x : tensor<1xf32>, tensor<1xf32>
    return %y : tensor<1xf32>
  })";

TEST(Attack, StaysInsideTheDomain) {
  AttackQuestion question;
  question.domain.kind = AttackDomain::Kind::Box;
  question.domain.low = -1;
  question.domain.high = 2;
  AttackResult box = attack(square, question);
  EXPECT_LE(box.ratio, 4);
  EXPECT_GT(box.ratio, 3.99);
  for (const Tensor &point : {box.x, box.y}) {
    EXPECT_GE(point.getAsDouble(0), -1);
    EXPECT_LE(point.getAsDouble(0), 2);
  }
  question.domain = {};
  question.domain.kind = AttackDomain::Kind::Ball;
  question.domain.radius = 0.5;
  AttackResult ball = attack(square, question);
  EXPECT_LE(ball.ratio, 1);
  EXPECT_GT(ball.ratio, 0.99);
}

TEST(Attack, IsDeterministic) {
  AttackQuestion question;
  question.seed = 7;
  EXPECT_EQ(attack(linear, question).ratio, attack(linear, question).ratio);
}

TEST(Attack, MaxRmsReadsTheRolesOfAxes) {
  // Tokens differ in size by 10: the largest token norm is that of the second.
  std::string type = "tensor<1x2x1xf32, #lipt.axes<[<batch>, <token>, "
                     "<feature>]>>";
  std::string text =
      "func.func @main(%x: " + type + " {lipt.name = \"x\"}) -> " + type +
      " {\n  %s = lipt.constant dense<[[[1.0], [10.0]]]> : tensor<1x2x1xf32>\n"
      "  %y = lipt.mul %x, %s : " +
      type +
      ", tensor<1x2x1xf32>\n"
      "  return %y : " +
      type + "\n}";
  AttackQuestion question;
  question.inputNorm = question.outputNorm = AttackNorm::MaxRms;
  double ratio = attack(text, question).ratio;
  EXPECT_LE(ratio, 10);
  EXPECT_GT(ratio, 10 * (1 - 1e-9));
}

TEST(Attack, StartsFromAnEmbedding) {
  // Rows of norm up to 2; f is the squared norm of a token, slope 2 * 2.
  const char *text = R"(
    func.func @main(%ids: tensor<1xi64> {lipt.name = "ids"})
        -> tensor<1xf32> {
      %table = lipt.constant dense<[[2.0, 0.0], [0.0, -2.0]]> : tensor<2x2xf32>
      %e = lipt.embedding %table, %ids
          {onnx.outputs = ["e"]} : tensor<2x2xf32>, tensor<1xi64>
      %s = lipt.reduce sum_square %e axes [1] {keep_dims = false}
          : tensor<1x2xf32, #lipt.axes<[<unknown>, <feature>]>>
      return %s : tensor<1xf32>
    })";
  AttackQuestion question;
  question.origin = "e";
  question.domain.kind = AttackDomain::Kind::Embedding;
  AttackResult result = attack(text, question);
  EXPECT_LE(result.ratio, 4);
  EXPECT_GT(result.ratio, 3.9);
}

TEST(Attack, SaysWhyItDidNotTry) {
  TextNetwork network("func.func @main(%x: tensor<1xi64>) -> tensor<1xi64> {\n"
                      "  return %x : tensor<1xi64>\n}");
  AttackResult result = attackLipschitz(network.function, nullptr, {});
  EXPECT_EQ(result.ratio, 0);
  EXPECT_NE(result.skipped, "");
}
