//===- InterpreterTest.cpp - Sizes, precisions, wrong inputs --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EvaluateText.h"

using namespace lipt;
using namespace lipt::reference;

static const char *symbolic = R"(
  func.func @main(%x: tensor<?x2xf32, #lipt.axes<[<batch, "N">, <feature>]>>)
      -> tensor<?xf32, #lipt.axes<[<unknown, "2*N">]>> {
    %y = lipt.reshape %x : tensor<?x2xf32, #lipt.axes<[<batch, "N">, <feature>]>>
        -> tensor<?xf32, #lipt.axes<[<unknown, "2*N">]>>
    return %y : tensor<?xf32, #lipt.axes<[<unknown, "2*N">]>>
  })";

TEST(ReferenceInterpreter, BindsSymbolicSizes) {
  auto results =
      evaluateText(symbolic, {makeTensor({3, 2}, {1, 2, 3, 4, 5, 6})});
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].getShape(), Shape{6});
}

TEST(ReferenceInterpreter, WrongInputsAreDiagnostics) {
  expectDiagnostic(symbolic, {}, "takes 1 inputs, but 0 were given");
  expectDiagnostic(symbolic, {makeTensor({2}, {1, 2})}, "rank 1");
  expectDiagnostic(symbolic, {makeTensor({1, 3}, {1, 2, 3})}, "expected 2");
  expectDiagnostic(symbolic, {makeTensor({1, 2}, {1, 2}, ElementType::Int32)},
                   "int32");
}

TEST(ReferenceInterpreter, RefusesResultsBeyondTheLimit) {
  expectDiagnostic(
      "func.func @main(%x: tensor<1xf32>) -> tensor<1099511627776xf32> {\n"
      "  %y = lipt.expand %x : tensor<1xf32> -> tensor<1099511627776xf32>\n"
      "  return %y : tensor<1099511627776xf32>\n}",
      {makeTensor({1}, {1})}, "more than");
}

TEST(ReferenceInterpreter, NarrowTypesRoundAfterEachOperation) {
  // 2049 is not a half: 2048 + 1 rounds to 2048, twice.
  std::string half = R"(
    func.func @main(%x: tensor<1xf16>, %z: tensor<1xf16>) -> tensor<1xf16> {
      %0 = lipt.add %x, %z : tensor<1xf16>, tensor<1xf16>
      %1 = lipt.add %0, %z : tensor<1xf16>, tensor<1xf16>
      return %1 : tensor<1xf16>
    })";
  std::vector<Tensor> inputs = {makeTensor({1}, {2048}, ElementType::Float16),
                                makeTensor({1}, {1}, ElementType::Float16)};
  auto native = evaluateText(half, inputs);
  ASSERT_EQ(native.size(), 1u);
  expectClose(native[0], {2048}, 0);
  auto real = evaluateText(half, inputs, Precision::Double);
  ASSERT_EQ(real.size(), 1u);
  expectClose(real[0], {2050}, 0);
}

TEST(ReferenceInterpreter, ConstantsRoundToTheirTypeInRealArithmetic) {
  // 1/3 of constants is a float32, whatever the precision of the rest.
  std::string text = R"(
    func.func @main(%x: tensor<1xf32>) -> tensor<1xf32> {
      %one = lipt.constant dense<1.0> : tensor<1xf32>
      %three = lipt.constant dense<3.0> : tensor<1xf32>
      %third = lipt.div %one, %three : tensor<1xf32>, tensor<1xf32>
      %y = lipt.mul %x, %third : tensor<1xf32>, tensor<1xf32>
      return %y : tensor<1xf32>
    })";
  auto results = evaluateText(text, {makeTensor({1}, {1})}, Precision::Double);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].getAsDouble(0), static_cast<double>(1.0f / 3.0f));
}

TEST(ReferenceInterpreter, OpaqueOperatorsAreNamed) {
  expectDiagnostic(
      "func.func @main(%x: tensor<1xf32>) -> tensor<1xf32> {\n"
      "  %y = lipt.opaque \"\" \"LSTM\"(%x) {} : (tensor<1xf32>) -> "
      "tensor<1xf32>\n  return %y : tensor<1xf32>\n}",
      {makeTensor({1}, {1})}, "LSTM");
}

TEST(ReferenceTensor, RoundsAndWraps) {
  EXPECT_EQ(roundToType(1.00390625, ElementType::BFloat16), 1.0);
  EXPECT_EQ(roundToType(1e6, ElementType::Float8E4M3FN), 448.0);
  EXPECT_EQ(wrapToType(200, ElementType::Int8), -56);
  EXPECT_EQ(wrapToType(-1, ElementType::UInt4), 15);
  EXPECT_FALSE(countElements(Shape{int64_t(1) << 40, int64_t(1) << 40}));
  EXPECT_EQ(countElements(Shape{0, int64_t(1) << 40}), 0);
  EXPECT_FALSE(countElements(Shape{-1}));
}
