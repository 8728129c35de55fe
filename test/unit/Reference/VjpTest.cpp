//===- VjpTest.cpp - Pulled-back functionals against differences ----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Reference/Vjp.h"
#include "EvaluateText.h"

#include <cmath>

using namespace lipt;
using namespace lipt::reference;

/// The body of a network from %x: each case names its input's shape and the
/// operations that lead to %y. Types of results are inferred.
struct VjpCase {
  const char *name;
  Shape shape;
  const char *body;
};

static void PrintTo(const VjpCase &c, std::ostream *stream) {
  *stream << c.name;
}

class ReferenceVjp : public ::testing::TestWithParam<VjpCase> {};

TEST_P(ReferenceVjp, AgreesWithCentralDifferences) {
  const VjpCase &c = GetParam();
  std::string type = "tensor<";
  for (int64_t size : c.shape)
    type += std::to_string(size) + "x";
  type += "f64>";
  TextNetwork network("func.func @main(%x: " + type + ") {\n" + c.body +
                      "\n  return\n}");
  ASSERT_TRUE(network.function) << network.diagnostics;
  EvaluationOptions options;
  options.precision = Precision::Double;
  Interpreter interpreter(network.function, nullptr, options);
  mlir::Value origin = network.function.getArgument(0);
  mlir::Value output =
      network.function.front().getTerminator()->getPrevNode()->getResult(0);

  Tensor x(ElementType::Float64, c.shape);
  auto entries = x.values<double>();
  for (size_t i = 0; i < entries.size(); ++i)
    entries[i] = 0.7 + std::sin(1.0 + 2.3 * static_cast<double>(i)) * 1.3;
  auto run = [&](const Tensor &at) {
    ValueMap given;
    given.try_emplace(origin, at);
    return interpreter.evaluate(given, {output}, {}, true);
  };
  mlir::FailureOr<ValueMap> values = run(x);
  ASSERT_TRUE(succeeded(values)) << network.diagnostics;
  std::vector<double> weights(values->at(output).getElementCount());
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = std::cos(static_cast<double>(i));
  auto pulled = pullBack(interpreter, *values, origin, output, weights);
  ASSERT_TRUE(pulled);
  ASSERT_EQ(pulled->gradient.size(), entries.size());

  auto functional = [&](const Tensor &at) {
    mlir::FailureOr<ValueMap> result = run(at);
    double sum = 0;
    for (size_t i = 0; i < weights.size(); ++i)
      sum += weights[i] * result->at(output).getAsDouble(i);
    return sum;
  };
  constexpr double step = 1e-6;
  for (size_t i = 0; i < entries.size(); ++i) {
    double middle = entries[i];
    entries[i] = middle + step;
    double above = functional(x);
    entries[i] = middle - step;
    double below = functional(x);
    entries[i] = middle;
    double slope = (above - below) / (2 * step);
    EXPECT_NEAR(pulled->gradient[i], slope, 1e-7 * (1 + std::abs(slope)))
        << "entry " << i;
  }
}

static const VjpCase cases[] = {
    {"Gelu", {5}, "%y = lipt.gelu %x : tensor<5xf64>"},
    {"GeluTanh",
     {5},
     "%y = lipt.gelu %x {form = #lipt<gelu_form tanh>} : "
     "tensor<5xf64>"},
    {"Mish", {5}, "%y = lipt.mish %x : tensor<5xf64>"},
    {"Silu", {5}, "%y = lipt.silu %x {beta = 1.5 : f32} : tensor<5xf64>"},
    {"SoftCap",
     {5},
     "%y = lipt.soft_cap %x {limit = 1.5 : f32} : "
     "tensor<5xf64>"},
    {"Elu", {5}, "%y = lipt.elu %x {alpha = 0.5 : f32} : tensor<5xf64>"},
    {"Celu", {5}, "%y = lipt.celu %x {alpha = 0.5 : f32} : tensor<5xf64>"},
    {"Selu",
     {5},
     "%y = lipt.selu %x {alpha = 1.5 : f32, gamma = 1.25 : f32} : "
     "tensor<5xf64>"},
    {"Square",
     {2, 3},
     "%y = lipt.mul %x, %x : tensor<2x3xf64>, "
     "tensor<2x3xf64>"},
    {"Quotient",
     {2, 3},
     "%s = lipt.sigmoid %x : tensor<2x3xf64>\n"
     "%y = lipt.div %x, %s : tensor<2x3xf64>, tensor<2x3xf64>"},
    {"Gram",
     {2, 3},
     "%t = lipt.transpose %x [1, 0] : tensor<2x3xf64>\n"
     "%y = lipt.matmul %x, %t : tensor<2x3xf64>, tensor<3x2xf64>"},
    {"LayerNorm",
     {2, 4},
     "%y = lipt.layer_norm %x {axis = 1 : i64, "
     "epsilon = 0.1 : f32} : tensor<2x4xf64>"},
    {"RmsNorm",
     {2, 4},
     "%y = lipt.rms_norm %x {axis = 1 : i64, "
     "epsilon = 0.1 : f32} : tensor<2x4xf64>"},
    {"LayerNormOverTheMiddle",
     {2, 3, 2},
     "%y = lipt.layer_norm %x {axes = array<i64: 1>, axis = 1 : i64, "
     "epsilon = 0.1 : f32} : tensor<2x3x2xf64>"},
    {"GeluWithStoredConstants",
     {4},
     "%y = lipt.gelu %x {form = #lipt<gelu_form tanh>, factor = 0.9 : f64, "
     "cubic = 0.1 : f64} : tensor<4xf64>"},
    {"GeluWithStoredScale",
     {4},
     "%y = lipt.gelu %x {factor = 0.9 : f64} : tensor<4xf64>"},
    {"GroupNorm",
     {1, 4, 2},
     "%y = lipt.group_norm %x {groups = 2 : i64, "
     "epsilon = 0.1 : f32} : tensor<1x4x2xf64>"},
    {"LpNorm",
     {2, 4},
     "%y = lipt.lp_norm %x {axis = 1 : i64} : "
     "tensor<2x4xf64>"},
    {"RmsCap",
     {2, 4},
     "%y = lipt.rms_cap %x {radius = 1.2 : f32} : "
     "tensor<2x4xf64>"},
    {"Softmax",
     {2, 4},
     "%y = lipt.softmax %x {axis = 0 : i64} : "
     "tensor<2x4xf64>"},
    {"LogSoftmax",
     {2, 4},
     "%y = lipt.log_softmax %x {axis = 1 : i64} : "
     "tensor<2x4xf64>"},
    {"L2", {2, 4}, "%y = lipt.reduce l2 %x axes [1] : tensor<2x4xf64>"},
    {"LogSumExp",
     {2, 4},
     "%y = lipt.reduce log_sum_exp %x axes [0] : "
     "tensor<2x4xf64>"},
    {"Product", {2, 4}, "%y = lipt.reduce prod %x axes [1] : tensor<2x4xf64>"},
    {"RunningSum",
     {4},
     "%y = lipt.cumsum %x {axis = 0 : i64, exclusive, "
     "reverse} : tensor<4xf64>"},
    {"AveragePool",
     {1, 1, 5},
     "%y = lipt.average_pool %x {kernel = array<i64: 2>, strides = array<i64: "
     "2>, dilations = array<i64: 1>, pads = array<i64: 1, 0>} : "
     "tensor<1x1x5xf64>"},
    {"MaxPool",
     {1, 1, 5},
     "%y = lipt.max_pool %x {kernel = array<i64: 3>, strides = array<i64: 2>, "
     "dilations = array<i64: 1>, pads = array<i64: 0, 0>} : "
     "tensor<1x1x5xf64>"},
    {"LpPool",
     {1, 1, 5},
     "%y = lipt.lp_pool %x {kernel = array<i64: 3>, strides = array<i64: 1>, "
     "dilations = array<i64: 1>, pads = array<i64: 0, 0>, p = 3 : i64} : "
     "tensor<1x1x5xf64>"},
    {"Convolution",
     {1, 2, 5},
     "%w = lipt.constant dense<[[[1.0, -2.0]], [[0.5, 3.0]]]> : "
     "tensor<2x1x2xf64>\n"
     "%y = lipt.conv %x, %w {strides = array<i64: 2>, dilations = array<i64: "
     "2>, pads = array<i64: 1, 1>, groups = 2 : i64} : tensor<1x2x5xf64>, "
     "tensor<2x1x2xf64>"},
    {"TransposedConvolution",
     {1, 2, 3},
     "%w = lipt.constant dense<[[[1.0, -2.0]], [[0.5, 3.0]]]> : "
     "tensor<2x1x2xf64>\n"
     "%y = lipt.conv_transpose %x, %w {strides = array<i64: 2>, dilations = "
     "array<i64: 1>, pads = array<i64: 1, 0>, output_padding = array<i64: 1>} "
     ": tensor<1x2x3xf64>, tensor<2x1x2xf64>"},
    {"CausalAttention",
     {1, 4, 3, 2},
     "%k = lipt.slice %x starts [0, 1, 0, 0] steps [1, 1, 1, 1] : "
     "tensor<1x4x3x2xf64> -> tensor<1x2x3x2xf64>\n"
     "%y = lipt.attention %x, %k, %k {causal, scale = 0.7 : f64, softcap = 2.0 "
     ": f32} : tensor<1x4x3x2xf64>, tensor<1x2x3x2xf64>, tensor<1x2x3x2xf64>"},
    {"PackedAttention",
     {1, 3, 4},
     "%y = lipt.attention %x, %x, %x {packed_heads = array<i64: 2, 2>, "
     "scale = 0.7 : f64} : tensor<1x3x4xf64>, tensor<1x3x4xf64>, "
     "tensor<1x3x4xf64>"},
    {"AttentionWithTransposedKey",
     {1, 1, 3, 3},
     "%y = lipt.attention %x, %x, %x {key_transposed, scale = 0.7 : f64} : "
     "tensor<1x1x3x3xf64>, tensor<1x1x3x3xf64>, tensor<1x1x3x3xf64>"},
    {"Rotary",
     {1, 2, 4},
     "%c = lipt.constant dense<[[0.5, 0.25], [0.75, 1.0]]> : tensor<2x2xf64>\n"
     "%s = lipt.constant dense<[[0.1, 0.2], [0.3, 0.4]]> : tensor<2x2xf64>\n"
     "%y = lipt.rotary %x, %c, %s {interleaved} : tensor<1x2x4xf64>, "
     "tensor<2x2xf64>, tensor<2x2xf64>"},
    {"Residual",
     {2, 3},
     "%b = lipt.tanh %x : tensor<2x3xf64>\n"
     "%y = lipt.residual_mix 0.25 * %x + 0.75 * %b : tensor<2x3xf64>, "
     "tensor<2x3xf64>"},
    {"PadAndTile",
     {2, 2},
     "%p = lipt.pad %x [1, 0, 0, -1] {mode = #lipt<pad_mode edge>} : "
     "tensor<2x2xf64>\n"
     "%y = lipt.tile %p [2, 2] : tensor<3x1xf64>"},
};

INSTANTIATE_TEST_SUITE_P(Families, ReferenceVjp, ::testing::ValuesIn(cases),
                         [](const auto &info) { return info.param.name; });
