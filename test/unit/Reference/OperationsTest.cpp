//===- OperationsTest.cpp - Hand-computed values of each family -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EvaluateText.h"

#include <cmath>

using namespace lipt;
using namespace lipt::reference;

/// A function of one tensor: `body` computes %y of type `result` from %x.
static std::string unary(const std::string &input, const std::string &body,
                         const std::string &result) {
  return "func.func @main(%x: " + input + ") -> " + result +
         " {\n  %y = " + body + "\n  return %y : " + result + "\n}\n";
}

/// A function of two tensors %x and %z.
static std::string binary(const std::string &left, const std::string &right,
                          const std::string &body, const std::string &result) {
  return "func.func @main(%x: " + left + ", %z: " + right + ") -> " + result +
         " {\n  %y = " + body + "\n  return %y : " + result + "\n}\n";
}

TEST(ReferenceActivation, KnownValues) {
  // Values of mpmath at 30 digits.
  auto at = [](const std::string &op) {
    std::vector<Tensor> results = evaluateText(
        unary("tensor<3xf64>", op + " : tensor<3xf64>", "tensor<3xf64>"),
        {makeTensor({3}, {-1.5, 0.0, 2.0}, ElementType::Float64)});
    return results.empty() ? Tensor() : results[0];
  };
  expectClose(at("lipt.relu %x"), {0, 0, 2}, 1e-15);
  expectClose(at("lipt.gelu %x"), {-0.1002108019032871, 0, 1.9544997361036416},
              1e-14);
  expectClose(at("lipt.mish %x"), {-0.29809974216680676, 0, 1.9439589595339945},
              1e-14);
  expectClose(at("lipt.silu %x {beta = 2.0 : f32}"),
              {-0.071138809766350171, 0, 1.9640275800758169}, 1e-14);
  expectClose(at("lipt.softplus %x"),
              {0.20141327798275241, 0.6931471805599453, 2.1269280110429725},
              1e-14);
  expectClose(at("lipt.hard_swish %x"), {-0.375, 0, 1.6666666666666667}, 1e-14);
  expectClose(at("lipt.soft_cap %x {limit = 2.0 : f32}"),
              {-1.2702979047745746, 0, 1.5231883119115297}, 1e-14);
  expectClose(at("lipt.round %x"), {-2, 0, 2}, 1e-15);
  expectClose(at("lipt.clip %x {min = -1.0 : f32}"), {-1, 0, 2}, 1e-15);
}

TEST(ReferenceActivation, RoundsHalvesToEven) {
  auto results = evaluateText(
      unary("tensor<5xf32>", "lipt.round %x : tensor<5xf32>", "tensor<5xf32>"),
      {makeTensor({5}, {0.5, 1.5, -0.5, -2.5, 2.4999998})});
  ASSERT_EQ(results.size(), 1u);
  expectClose(results[0], {0, 2, 0, -2, 2}, 0);
}

TEST(ReferenceElementwise, IntegerDivisionTruncates) {
  auto results = evaluateText(
      binary("tensor<4xi64>", "tensor<4xi64>",
             "lipt.div %x, %z : tensor<4xi64>, tensor<4xi64>", "tensor<4xi64>"),
      {makeTensor({4}, {-7, 7, -7, -0x1p63}, ElementType::Int64),
       makeTensor({4}, {2, -2, -2, -1}, ElementType::Int64)});
  ASSERT_EQ(results.size(), 1u);
  expectClose(results[0], {-3, -3, 3, -0x1p63}, 0);
}

TEST(ReferenceElementwise, RemainderSigns) {
  for (bool fmod : {false, true}) {
    auto results = evaluateText(
        binary("tensor<4xi32>", "tensor<4xi32>",
               std::string("lipt.mod %x, %z ") + (fmod ? "{fmod}" : "") +
                   " : tensor<4xi32>, tensor<4xi32>",
               "tensor<4xi32>"),
        {makeTensor({4}, {-4, 7, 5, -5}, ElementType::Int32),
         makeTensor({4}, {2, -3, 8, 3}, ElementType::Int32)});
    ASSERT_EQ(results.size(), 1u);
    expectClose(results[0],
                fmod ? std::vector<double>{0, 1, 5, -2}
                     : std::vector<double>{0, -2, 5, 1},
                0);
  }
}

TEST(ReferenceElementwise, DivisionByZeroIsADiagnostic) {
  expectDiagnostic(binary("tensor<1xi32>", "tensor<1xi32>",
                          "lipt.div %x, %z : tensor<1xi32>, tensor<1xi32>",
                          "tensor<1xi32>"),
                   {makeTensor({1}, {1}, ElementType::Int32),
                    makeTensor({1}, {0}, ElementType::Int32)},
                   "by zero");
}

TEST(ReferenceElementwise, BroadcastsBothSides) {
  auto results =
      evaluateText(binary("tensor<2x1xf32>", "tensor<3xf32>",
                          "lipt.sub %x, %z : tensor<2x1xf32>, tensor<3xf32>",
                          "tensor<2x3xf32>"),
                   {makeTensor({2, 1}, {10, 20}), makeTensor({3}, {1, 2, 3})});
  ASSERT_EQ(results.size(), 1u);
  expectClose(results[0], {9, 8, 7, 19, 18, 17});
}

TEST(ReferenceLinear, BothLayoutsOfTheWeight) {
  std::string text = R"(
    func.func @main(%x: tensor<1x2xf32>, %w: tensor<3x2xf32>,
                    %t: tensor<2x3xf32>, %b: tensor<3xf32>)
        -> (tensor<1x3xf32, #lipt.axes<[<unknown>, <feature>]>>,
            tensor<1x3xf32, #lipt.axes<[<unknown>, <feature>]>>) {
      %0 = lipt.linear %x, %w bias %b : tensor<3xf32>
          {alpha = 2.0 : f32, beta = 10.0 : f32}
          : tensor<1x2xf32>, tensor<3x2xf32>
      %1 = lipt.linear %x, %t {transpose_weight}
          : tensor<1x2xf32>, tensor<2x3xf32>
      return %0, %1 : tensor<1x3xf32, #lipt.axes<[<unknown>, <feature>]>>,
                      tensor<1x3xf32, #lipt.axes<[<unknown>, <feature>]>>
    })";
  auto results = evaluateText(text, {makeTensor({1, 2}, {1, -1}),
                                     makeTensor({3, 2}, {1, 2, 3, 4, 5, 7}),
                                     makeTensor({2, 3}, {1, 3, 5, 2, 4, 7}),
                                     makeTensor({3}, {1, 2, 3})});
  ASSERT_EQ(results.size(), 2u);
  expectClose(results[0], {8, 18, 26});
  expectClose(results[1], {-1, -1, -2});
}

TEST(ReferenceLinear, ProductsOfOddSizesAgreeWithTheDefinition) {
  // Sizes around the blocks of the product, in both layouts of the weight.
  for (int64_t rows : {1, 3, 9}) {
    int64_t depth = 131, columns = 515;
    std::vector<double> x(rows * depth), w(columns * depth);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = std::sin(double(i));
    for (size_t i = 0; i < w.size(); ++i)
      w[i] = std::cos(double(i) * 3);
    std::string in = "tensor<" + std::to_string(rows) + "x131xf64>";
    std::string out = "tensor<" + std::to_string(rows) +
                      "x515xf64, #lipt.axes<[<unknown>, <feature>]>>";
    auto results = evaluateText(
        binary(in, "tensor<515x131xf64>",
               "lipt.linear %x, %z : " + in + ", tensor<515x131xf64>", out),
        {makeTensor({rows, depth}, x, ElementType::Float64),
         makeTensor({columns, depth}, w, ElementType::Float64)});
    ASSERT_EQ(results.size(), 1u);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        long double sum = 0;
        for (int64_t k = 0; k < depth; ++k)
          sum += static_cast<long double>(x[i * depth + k]) * w[j * depth + k];
        EXPECT_NEAR(results[0].getAsDouble(i * columns + j), double(sum),
                    1e-13);
      }
  }
}

TEST(ReferenceConvolution, StridePaddingAndGroups) {
  // Two groups of one channel each; kernel [1, 2]; one zero before, stride 2.
  auto results = evaluateText(
      binary("tensor<1x2x4xf32>", "tensor<2x1x2xf32>",
             "lipt.conv %x, %z {strides = array<i64: 2>, "
             "dilations = array<i64: 1>, pads = array<i64: 1, 0>, "
             "groups = 2 : i64} : tensor<1x2x4xf32>, tensor<2x1x2xf32>",
             "tensor<1x2x2xf32, #lipt.axes<[<batch>, <feature>, <spatial>]>>"),
      {makeTensor({1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}),
       makeTensor({2, 1, 2}, {1, 2, -1, 1})});
  ASSERT_EQ(results.size(), 1u);
  expectClose(results[0], {2, 8, 5, 1});
}

TEST(ReferenceConvolution, TransposedIsTheAdjoint) {
  // One entry spreads its kernel, overlaps add.
  auto results = evaluateText(
      binary("tensor<1x1x2xf32>", "tensor<1x1x3xf32>",
             "lipt.conv_transpose %x, %z {strides = array<i64: 2>, "
             "dilations = array<i64: 1>, pads = array<i64: 0, 0>, "
             "output_padding = array<i64: 0>} "
             ": tensor<1x1x2xf32>, tensor<1x1x3xf32>",
             "tensor<1x1x5xf32, #lipt.axes<[<batch>, <feature>, <spatial>]>>"),
      {makeTensor({1, 1, 2}, {1, 10}), makeTensor({1, 1, 3}, {1, 2, 3})});
  ASSERT_EQ(results.size(), 1u);
  expectClose(results[0], {1, 2, 13, 20, 30});
}

TEST(ReferencePooling, AveragesCountPaddingAsAsked) {
  for (bool count : {false, true}) {
    auto results = evaluateText(
        unary("tensor<1x1x3xf32>",
              std::string("lipt.average_pool %x {kernel = array<i64: 2>, "
                          "strides = array<i64: 2>, dilations = array<i64: 1>, "
                          "pads = array<i64: 1, 0>, count_include_pad = ") +
                  (count ? "true" : "false") + "} : tensor<1x1x3xf32>",
              "tensor<1x1x2xf32>"),
        {makeTensor({1, 1, 3}, {2, 4, 6})});
    ASSERT_EQ(results.size(), 1u);
    expectClose(results[0], {count ? 1.0 : 2.0, 5});
  }
}

TEST(ReferenceNormalization, RowsOfLayerNorm) {
  // Mean 2, variance 1, epsilon 3: divide by 2.
  auto results = evaluateText(
      unary("tensor<1x2xf32>",
            "lipt.layer_norm %x {axis = 1 : i64, epsilon = 3.0 : f32} "
            ": tensor<1x2xf32>",
            "tensor<1x2xf32>"),
      {makeTensor({1, 2}, {1, 3})});
  ASSERT_EQ(results.size(), 1u);
  expectClose(results[0], {-0.5, 0.5});
}

TEST(ReferenceNormalization, SoftmaxSurvivesLargeLogits) {
  auto results =
      evaluateText(unary("tensor<1x3xf32>",
                         "lipt.softmax %x {axis = 1 : i64} : tensor<1x3xf32>",
                         "tensor<1x3xf32>"),
                   {makeTensor({1, 3}, {1e30, 1e30, -1e30})});
  ASSERT_EQ(results.size(), 1u);
  expectClose(results[0], {0.5, 0.5, 0});
}

TEST(ReferenceAttention, CausalMaskAndGroupedHeads) {
  // Two query heads on one key head; scale 0: uniform over allowed keys.
  std::string text = R"(
    func.func @main(%q: tensor<1x2x2x1xf32>, %k: tensor<1x1x2x1xf32>,
                    %v: tensor<1x1x2x1xf32>) -> tensor<1x2x2x1xf32, #lipt.axes<[<unknown>, <head>, <unknown>, <feature>]>> {
      %y = lipt.attention %q, %k, %v {causal, scale = 0.0 : f64}
          : tensor<1x2x2x1xf32>, tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>
      return %y : tensor<1x2x2x1xf32, #lipt.axes<[<unknown>, <head>, <unknown>, <feature>]>>
    })";
  auto results = evaluateText(text, {makeTensor({1, 2, 2, 1}, {1, 2, 3, 4}),
                                     makeTensor({1, 1, 2, 1}, {5, 6}),
                                     makeTensor({1, 1, 2, 1}, {10, 30})});
  ASSERT_EQ(results.size(), 1u);
  expectClose(results[0], {10, 20, 10, 20});
}

TEST(ReferenceReduction, LogSumExpDoesNotOverflow) {
  auto results = evaluateText(
      unary("tensor<2x2xf32>",
            "lipt.reduce log_sum_exp %x axes [1] {keep_dims = false} "
            ": tensor<2x2xf32>",
            "tensor<2xf32>"),
      {makeTensor({2, 2}, {1000, 1000, -1000, -1000})});
  ASSERT_EQ(results.size(), 1u);
  expectClose(results[0], {1000 + std::log(2), -1000 + std::log(2)});
}

TEST(ReferenceShape, SliceWithNegativeStepAndReflectedPad) {
  auto reversed = evaluateText(
      unary("tensor<4xf32>",
            "lipt.slice %x starts [3] steps [-2] : tensor<4xf32> -> "
            "tensor<2xf32>",
            "tensor<2xf32>"),
      {makeTensor({4}, {1, 2, 3, 4})});
  ASSERT_EQ(reversed.size(), 1u);
  expectClose(reversed[0], {4, 2});
  auto padded = evaluateText(
      unary("tensor<3xf32>",
            "lipt.pad %x [2, 1] {mode = #lipt<pad_mode reflect>} : "
            "tensor<3xf32>",
            "tensor<6xf32>"),
      {makeTensor({3}, {1, 2, 3})});
  ASSERT_EQ(padded.size(), 1u);
  expectClose(padded[0], {3, 2, 1, 2, 3, 2});
}

TEST(ReferenceShape, GatherOutsideIsADiagnostic) {
  std::string text = binary(
      "tensor<3xf32>", "tensor<1xi64>",
      "lipt.gather %x, %z {axis = 0 : i64} : tensor<3xf32>, tensor<1xi64>",
      "tensor<1xf32>");
  auto last = evaluateText(text, {makeTensor({3}, {1, 2, 3}),
                                  makeTensor({1}, {-1}, ElementType::Int64)});
  ASSERT_EQ(last.size(), 1u);
  expectClose(last[0], {3});
  expectDiagnostic(
      text,
      {makeTensor({3}, {1, 2, 3}), makeTensor({1}, {-4}, ElementType::Int64)},
      "index -4");
}
