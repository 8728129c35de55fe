//===- FeedForwardTest.cpp - Linear maps, convolutions, activations ---*- C++
//-*-===//
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

Plan makePlan(std::vector<PlanAxis> in, const std::string &output) {
  Plan plan;
  plan.inputs.push_back({"x", in, false, {}, Norm::L2});
  addTensor(plan, "x", in);
  plan.question.origin = "x";
  plan.question.output = output;
  return plan;
}

ActivationStep act(const std::string &source, const std::string &form,
                   std::map<std::string, double> parameters = {}) {
  return {source, form, std::move(parameters), nullptr};
}

double claimOf(const Evaluation &evaluation) {
  return evaluation.claim.toDoubleUp();
}

TEST(FeedForward, LinearIsTheSpectralNorm) {
  MemoryArchive archive;
  Plan plan = makePlan(axes({{1, "batch"}, {2, "feature"}}), "y");
  addTensor(plan, "y", axes({{1, "batch"}, {2, "feature"}}));
  // [[3, 0], [4, 5]] has the singular values sqrt(45) and sqrt(5).
  addStep(plan, "y", "B-lin", {"x"},
          LinStep{linearMap(archive.add("w", {2, 2}, {3, 0, 4, 5})), "x", {}});
  Evaluation evaluation = evaluatePlan(plan, archive);
  EXPECT_GE(claimOf(evaluation), std::sqrt(45.0));
  EXPECT_LE(claimOf(evaluation), std::sqrt(45.0) * (1 + 1e-8));
  ASSERT_EQ(evaluation.witnesses.size(), 1u);
  EXPECT_EQ(evaluation.witnesses.begin()->first, "affine(y<-x)");
  EXPECT_EQ(evaluation.steps[0].matrices,
            std::vector<std::string>{"affine(y<-x)"});
}

TEST(FeedForward, ZeroWeightGivesExactZero) {
  MemoryArchive archive;
  Plan plan = makePlan(axes({{1, "batch"}, {2, "feature"}}), "y");
  addTensor(plan, "y", axes({{1, "batch"}, {2, "feature"}}));
  addStep(plan, "y", "B-lin", {"x"},
          LinStep{linearMap(archive.add("w", {2, 2}, {0, 0, 0, 0})), "x", {}});
  EXPECT_TRUE(evaluatePlan(plan, archive).claim.isZero());
}

TEST(FeedForward, TinyWeightIsNotUnderestimated) {
  // GloRo's case: a weight of 1e-5.
  MemoryArchive archive;
  Plan plan = makePlan(axes({{1, "batch"}, {1, "feature"}}), "y");
  addTensor(plan, "y", axes({{1, "batch"}, {1, "feature"}}));
  addStep(plan, "y", "B-lin", {"x"},
          LinStep{linearMap(archive.add("w", {1, 1}, {1e-5})), "x", {}});
  double claim = claimOf(evaluatePlan(plan, archive));
  EXPECT_GE(claim, double(1e-5f));
  EXPECT_LE(claim, double(1e-5f) * (1 + 1e-9));
}

TEST(FeedForward, UnknownOperatorIsUnboundedAndNamed) {
  MemoryArchive archive;
  Plan plan = makePlan(axes({{1, "batch"}, {2, "feature"}}), "z");
  addTensor(plan, "y", axes({{1, "batch"}, {2, "feature"}}));
  addTensor(plan, "z", axes({{1, "batch"}, {2, "feature"}}));
  addStep(plan, "y", "none", {"x"}, UnboundedStep{"Round jumps"});
  addStep(plan, "z", "B-act", {"y"}, act("y", "relu"));
  Evaluation evaluation = evaluatePlan(plan, archive);
  EXPECT_TRUE(evaluation.claim.isUnbounded());
  ASSERT_EQ(evaluation.causes.size(), 1u);
  EXPECT_EQ(evaluation.causes[0].tensor, "y");
  EXPECT_EQ(evaluation.causes[0].reason, "Round jumps");
  std::string error;
  EXPECT_EQ(renderCertificate(evaluation, archive, error), "");
  EXPECT_FALSE(error.empty());
}

/// Every activation against differences of the function itself in long double.
struct ActivationCase {
  std::string form;
  std::map<std::string, double> parameters;
  std::function<double(double)> function;
  double expected; ///< sup abs(f'), known to about 1e-6
};

class ActivationSlope : public ::testing::TestWithParam<size_t> {};

double gelu(double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }
double geluTanh(double x) {
  return x / 2 *
         (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

const std::vector<ActivationCase> &cases() {
  static const std::vector<ActivationCase> all = {
      {"relu", {}, [](double x) { return std::max(x, 0.0); }, 1},
      {"leaky_relu",
       {{"alpha", -3}},
       [](double x) { return x < 0 ? -3 * x : x; },
       3},
      {"elu",
       {{"alpha", -5}},
       [](double x) { return x < 0 ? -5 * std::expm1(x) : x; },
       5},
      {"selu",
       {},
       [](double x) {
         return 1.05070102214813232421875 *
                (x < 0 ? 1.67326319217681884765625 * std::expm1(x) : x);
       },
       1.758099346},
      {"celu",
       {{"alpha", 2}},
       [](double x) { return x < 0 ? 2 * std::expm1(x / 2) : x; },
       1},
      {"gelu-erf", {}, gelu, 1.1289041451851548},
      {"gelu-tanh", {}, geluTanh, 1.1289930686587718},
      {"silu",
       {},
       [](double x) { return x / (1 + std::exp(-x)); },
       1.0998393201},
      {"silu",
       {{"alpha", 1.7020000219345093}},
       [](double x) { return x / (1 + std::exp(-1.7020000219345093 * x)); },
       1.0998393201},
      {"mish",
       {},
       [](double x) { return x * std::tanh(std::log1p(std::exp(x))); },
       1.0884981612},
      {"hard_swish",
       {},
       [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); },
       1.5},
      {"hard_sigmoid",
       {},
       [](double x) { return std::clamp(double(0.2f) * x + 0.5, 0.0, 1.0); },
       0.2},
      {"sigmoid", {}, [](double x) { return 1 / (1 + std::exp(-x)); }, 0.25},
      {"tanh", {}, [](double x) { return std::tanh(x); }, 1},
      {"softplus", {}, [](double x) { return std::log1p(std::exp(x)); }, 1},
      {"softsign", {}, [](double x) { return x / (1 + std::abs(x)); }, 1},
      {"erf", {}, [](double x) { return std::erf(x); }, 1.1283791671},
      {"abs", {}, [](double x) { return std::abs(x); }, 1},
      {"neg", {}, [](double x) { return -x; }, 1},
      {"sin", {}, [](double x) { return std::sin(x); }, 1},
      {"cos", {}, [](double x) { return std::cos(x); }, 1},
      {"atan", {}, [](double x) { return std::atan(x); }, 1},
      {"clip",
       {{"min", -1}, {"max", 2}},
       [](double x) { return std::clamp(x, -1.0, 2.0); },
       1},
      {"soft_cap",
       {{"limit", 30}},
       [](double x) { return 30 * std::tanh(x / 30); },
       1},
  };
  return all;
}

TEST_P(ActivationSlope, BoundsTheFunction) {
  const ActivationCase &test = cases()[GetParam()];
  MemoryArchive archive;
  for (auto [lo, hi] :
       {std::pair(-4.0, 4.0), std::pair(-2.0, -0.5), std::pair(-1.0, 0.25),
        std::pair(0.5, 3.0), std::pair(-9.0, -3.5)}) {
    Plan plan = makePlan(axes({{1, "batch"}, {3, "feature"}}), "y");
    addTensor(plan, "y", axes({{1, "batch"}, {3, "feature"}}));
    plan.question.domain.kind = Domain::Kind::Box;
    plan.question.domain.lo = lo;
    plan.question.domain.hi = hi;
    addStep(plan, "y", "B-act", {"x"}, act("x", test.form, test.parameters));
    Evaluation evaluation = evaluatePlan(plan, archive);
    double claim = claimOf(evaluation);
    EXPECT_LE(claim, test.expected * (1 + 1e-5)) << test.form;
    const Facts &y = evaluation.facts.at("y");
    double steepest = 0, least = 1e300, most = -1e300, step = 1e-4;
    for (double x = lo; x + step <= hi; x += step) {
      double value = test.function(x), next = test.function(x + step);
      steepest = std::max(steepest, std::abs(next - value) / step);
      least = std::min(least, value);
      most = std::max(most, value);
    }
    EXPECT_LE(steepest, claim * (1 + 1e-9)) << test.form;
    Interval range = y.entryHull();
    EXPECT_LE(range.lo, least) << test.form << " on " << lo << " " << hi;
    EXPECT_GE(range.hi, most) << test.form << " on " << lo << " " << hi;
    double reach = std::max(std::abs(least), std::abs(most));
    EXPECT_GE(y.radiusToken.toDoubleUp(), reach * std::sqrt(3.0) * 0.999999);
    EXPECT_GE(y.radiusL2.toDoubleUp(), reach * std::sqrt(3.0) * 0.999999);
  }
}
INSTANTIATE_TEST_SUITE_P(All, ActivationSlope, ::testing::Range<size_t>(0, 24));

TEST(FeedForward, DiscontinuousAndDegenerateActivationsAreUnbounded) {
  MemoryArchive archive;
  for (auto [form, alpha] :
       {std::pair("celu", 0.0), std::pair("celu", -1.0),
        std::pair("thresholded_relu", 1.0), std::pair("hardmax", 0.0),
        std::pair("squared_relu", 0.0)}) {
    Plan plan = makePlan(axes({{1, "batch"}, {3, "feature"}}), "y");
    addTensor(plan, "y", axes({{1, "batch"}, {3, "feature"}}));
    addStep(plan, "y", "B-act", {"x"}, act("x", form, {{"alpha", alpha}}));
    EXPECT_TRUE(evaluatePlan(plan, archive).claim.isUnbounded()) << form;
  }
}

TEST(FeedForward, MultilayerPerceptronAgainstAnAttack) {
  MemoryArchive archive;
  Random random(7);
  const int64_t in = 6, hidden = 9, out = 4;
  Vector w1 = random.vector(hidden * in), b1 = random.vector(hidden);
  Vector w2 = random.vector(out * hidden), b2 = random.vector(out);
  ConstantRef cw1 = archive.add("w1", {hidden, in}, w1);
  ConstantRef cb1 = archive.add("b1", {hidden}, b1);
  ConstantRef cw2 = archive.add("w2", {out, hidden}, w2);
  ConstantRef cb2 = archive.add("b2", {out}, b2);
  auto network = [&](const Vector &x) {
    Vector h(hidden), y(out);
    for (int64_t i = 0; i != hidden; ++i) {
      h[i] = b1[i];
      for (int64_t j = 0; j != in; ++j)
        h[i] += w1[i * in + j] * x[j];
      h[i] = gelu(h[i]);
    }
    for (int64_t i = 0; i != out; ++i) {
      y[i] = b2[i];
      for (int64_t j = 0; j != hidden; ++j)
        y[i] += w2[i * hidden + j] * h[j];
    }
    return y;
  };
  Plan plan = makePlan(axes({{1, "batch"}, {in, "feature"}}), "y");
  addTensor(plan, "h", axes({{1, "batch"}, {hidden, "feature"}}));
  addTensor(plan, "a", axes({{1, "batch"}, {hidden, "feature"}}));
  addTensor(plan, "y", axes({{1, "batch"}, {out, "feature"}}));
  addStep(plan, "h", "B-lin", {"x"}, LinStep{linearMap(cw1, cb1), "x", {}});
  addStep(plan, "a", "B-act", {"h"}, act("h", "gelu-erf"));
  addStep(plan, "y", "B-lin", {"a"}, LinStep{linearMap(cw2, cb2), "a", {}});
  auto sample = [&](Random &r) { return r.vector(in); };
  for (auto [norm, measure] :
       {MeasuredNorm(Norm::L2, norm2), MeasuredNorm(Norm::LInf, normInf)}) {
    plan.question.inputNorm = plan.question.outputNorm = norm;
    double attained = attack(network, in, measure, measure, sample, 3, 3000);
    Evaluation evaluation = evaluatePlan(plan, archive);
    EXPECT_GE(claimOf(evaluation), attained);
    EXPECT_LE(claimOf(evaluation), attained * 20) << "useless";
  }
  // Ranges and radii on a box.
  plan.question.domain.kind = Domain::Kind::Box;
  plan.question.domain.lo = -0.5;
  plan.question.domain.hi = 1;
  Evaluation evaluation = evaluatePlan(plan, archive);
  const Facts &y = evaluation.facts.at("y");
  ASSERT_TRUE(y.range && y.range->axis);
  EXPECT_EQ(*y.range->axis, 1);
  std::mt19937 engine(5);
  std::uniform_real_distribution<double> uniform(-0.5, 1);
  for (unsigned k = 0; k != 3000; ++k) {
    Vector x(in);
    for (double &entry : x)
      entry = k % 2 ? uniform(engine) : (uniform(engine) > 0.25 ? 1 : -0.5);
    Vector value = network(x);
    for (int64_t i = 0; i != out; ++i)
      EXPECT_TRUE(y.range->entries[size_t(i)].contains(value[i]));
    EXPECT_LE(norm2(value), y.radiusToken.toDoubleUp());
  }
}

TEST(FeedForward, GrowthUsesTheBias) {
  // W1 = W2 = 1, b1 = 5, abs(x) <= 1: the output reaches 6.
  MemoryArchive archive;
  Plan plan = makePlan(axes({{1, "batch"}, {1, "feature"}}), "y");
  plan.question.domain.kind = Domain::Kind::Ball;
  plan.question.domain.radius = 1;
  for (const char *name : {"h", "a", "y"})
    addTensor(plan, name, axes({{1, "batch"}, {1, "feature"}}));
  ConstantRef one = archive.add("w", {1, 1}, {1});
  ConstantRef five = archive.add("b", {1}, {5});
  addStep(plan, "h", "B-lin", {"x"}, LinStep{linearMap(one, five), "x", {}});
  addStep(plan, "a", "B-act", {"h"}, act("h", "relu"));
  addStep(plan, "y", "B-lin", {"a"}, LinStep{linearMap(one), "a", {}});
  Evaluation evaluation = evaluatePlan(plan, archive);
  EXPECT_GE(evaluation.facts.at("y").radiusL2.toDoubleUp(), 6);
  EXPECT_LE(evaluation.facts.at("y").radiusL2.toDoubleUp(), 6.000001);
}

/// A direct 2-D convolution, zero padding.
Vector convolve(const Vector &x, const Vector &k, const Vector &bias,
                int64_t channels, int64_t size, int64_t outputs, int64_t kernel,
                int64_t stride, int64_t pad, int64_t dilation, int64_t groups,
                int64_t outSize) {
  Vector y(size_t(outputs * outSize * outSize));
  int64_t perGroup = channels / groups, outPerGroup = outputs / groups;
  for (int64_t o = 0; o != outputs; ++o)
    for (int64_t r = 0; r != outSize; ++r)
      for (int64_t c = 0; c != outSize; ++c) {
        double sum = bias[o];
        for (int64_t i = 0; i != perGroup; ++i)
          for (int64_t a = 0; a != kernel; ++a)
            for (int64_t b = 0; b != kernel; ++b) {
              int64_t row = r * stride + a * dilation - pad;
              int64_t col = c * stride + b * dilation - pad;
              if (row < 0 || col < 0 || row >= size || col >= size)
                continue;
              int64_t channel = o / outPerGroup * perGroup + i;
              sum += k[((o * perGroup + i) * kernel + a) * kernel + b] *
                     x[(channel * size + row) * size + col];
            }
        y[(o * outSize + r) * outSize + c] = sum;
      }
  return y;
}

TEST(FeedForward, ConvolutionWithBatchNormAgainstAnAttack) {
  for (int64_t groups : {1, 2}) {
    MemoryArchive archive;
    Random random(unsigned(11 + groups));
    const int64_t channels = 4, size = 5, outputs = 6, kernel = 3, stride = 2,
                  pad = 1, dilation = 1, outSize = 3;
    Vector k = random.vector(size_t(outputs * channels / groups * 9));
    Vector bias = random.vector(outputs), gain = random.vector(outputs);
    Vector shift = random.vector(outputs), mean = random.vector(outputs);
    Vector variance = random.vector(outputs);
    for (double &v : variance)
      v = std::abs(v) + 0.125;
    auto constant = [&](const char *key, std::vector<ConstantRef> operands) {
      auto result = std::make_shared<ConstantExpr>();
      result->kind = ConstantExpr::Kind::Elementwise;
      result->key = key;
      result->shape = {outputs};
      result->values = {double(1e-5f)};
      result->operands = std::move(operands);
      return result;
    };
    ConstantRef cg = archive.add("g", {outputs}, gain);
    ConstantRef cb = archive.add("s", {outputs}, shift);
    ConstantRef cm = archive.add("m", {outputs}, mean);
    ConstantRef cv = archive.add("v", {outputs}, variance);
    ConvStep step;
    step.source = "x";
    step.weight =
        archive.add("k", {outputs, channels / groups, kernel, kernel}, k);
    step.bias = archive.add("b", {outputs}, bias);
    step.scales = {constant("batch_norm_scale", {cg, cv})};
    step.shifts = {constant("batch_norm_shift", {cg, cb, cm, cv})};
    step.strides = {stride, stride};
    step.dilations = {dilation, dilation};
    step.pads = {pad, pad, pad, pad};
    step.groups = groups;
    auto network = [&](const Vector &x) {
      Vector y = convolve(x, k, bias, channels, size, outputs, kernel, stride,
                          pad, dilation, groups, outSize);
      for (int64_t o = 0; o != outputs; ++o)
        for (int64_t p = 0; p != outSize * outSize; ++p) {
          double &entry = y[o * outSize * outSize + p];
          entry = (entry - mean[o]) * gain[o] /
                      std::sqrt(variance[o] + double(1e-5f)) +
                  shift[o];
        }
      return y;
    };
    Plan plan = makePlan(axes({{1, "batch"},
                               {channels, "feature"},
                               {size, "spatial"},
                               {size, "spatial"}}),
                         "y");
    plan.question.domain.kind = Domain::Kind::Box;
    plan.question.domain.lo = -1;
    plan.question.domain.hi = 1;
    addTensor(plan, "y",
              axes({{1, "batch"},
                    {outputs, "feature"},
                    {outSize, "spatial"},
                    {outSize, "spatial"}}));
    addStep(plan, "y", "B-conv", {"x"}, step);
    size_t inputs = size_t(channels * size * size);
    auto sample = [&](Random &r) {
      Vector x = r.vector(inputs);
      for (double &entry : x)
        entry = entry > 0 ? 1 : -1;
      return x;
    };
    for (auto [norm, measure] :
         {MeasuredNorm(Norm::L2, norm2), MeasuredNorm(Norm::LInf, normInf)}) {
      plan.question.inputNorm = plan.question.outputNorm = norm;
      Evaluation evaluation = evaluatePlan(plan, archive);
      double attained =
          attack(network, inputs, measure, measure, sample, 3, 400);
      EXPECT_GE(claimOf(evaluation), attained);
      EXPECT_LE(claimOf(evaluation), attained * 20);
      const Facts &y = evaluation.facts.at("y");
      ASSERT_TRUE(y.range && y.range->axis);
      Random again(9);
      for (unsigned t = 0; t != 200; ++t) {
        Vector value = network(sample(again));
        EXPECT_LE(norm2(value), y.radiusL2.toDoubleUp());
        for (int64_t p = 0; p != outSize * outSize; ++p) {
          double sum = 0;
          for (int64_t o = 0; o != outputs; ++o) {
            double entry = value[size_t(o * outSize * outSize + p)];
            EXPECT_TRUE(y.range->entries[size_t(o)].contains(entry));
            sum += entry * entry;
          }
          EXPECT_LE(std::sqrt(sum), y.radiusToken.toDoubleUp());
        }
      }
    }
  }
}

TEST(FeedForward, PoolsAttainTheirConstants) {
  struct Case {
    const char *kind;
    int64_t kernel, stride, dilation, pad, in, out;
    bool countPad;
    double least; ///< attained
  };
  MemoryArchive archive;
  for (const Case &c : {Case{"max", 3, 1, 1, 0, 9, 7, false, 3},
                        Case{"max", 3, 2, 1, 0, 9, 4, false, 2},
                        Case{"max", 2, 2, 2, 0, 9, 4, false, 2}}) {
    Plan plan = makePlan(axes({{1, "batch"},
                               {1, "feature"},
                               {c.in, "spatial"},
                               {c.in, "spatial"}}),
                         "y");
    addTensor(plan, "y",
              axes({{1, "batch"},
                    {1, "feature"},
                    {c.out, "spatial"},
                    {c.out, "spatial"}}));
    PoolStep step{"x",
                  c.kind,
                  {c.kernel, c.kernel},
                  {c.stride, c.stride},
                  {c.dilation, c.dilation},
                  {c.pad, c.pad, c.pad, c.pad}};
    addStep(plan, "y", "B-maxpool", {"x"}, step);
    double claim = claimOf(evaluatePlan(plan, archive));
    EXPECT_GE(claim, c.least);
    EXPECT_LE(claim, c.least * (1 + 1e-9));
  }
  // AveragePool k3 s1 p1 over 3 cells without counting pads: 1.0281.
  Plan plan =
      makePlan(axes({{1, "batch"}, {1, "feature"}, {3, "spatial"}}), "y");
  addTensor(plan, "y", axes({{1, "batch"}, {1, "feature"}, {3, "spatial"}}));
  addStep(plan, "y", "B-avgpool", {"x"},
          PoolStep{"x", "average", {3}, {1}, {1}, {1, 1}});
  EXPECT_GE(claimOf(evaluatePlan(plan, archive)), 1.0281);
}

TEST(FeedForward, RowAndDifferenceOfRows) {
  MemoryArchive archive;
  Plan plan = makePlan(axes({{1, "batch"}, {2, "feature"}}), "y");
  addTensor(plan, "y", axes({{1, "batch"}, {3, "feature"}}));
  ConstantRef w = archive.add("w", {3, 2}, {3, 4, 0, 1, -1, -1});
  plan.question.selectIndex = 0;
  addStep(plan, "y", "B-lin", {"x"}, LinStep{linearMap(w), "x", {}});
  addStep(plan, "y", "B-row", {"x"}, RowStep{linearMap(w), "x"});
  double claim = claimOf(evaluatePlan(plan, archive));
  EXPECT_GE(claim, 5);
  EXPECT_LE(claim, 5 * (1 + 1e-9));
  plan.question.selectMinus = 2; // (4, 5)
  claim = claimOf(evaluatePlan(plan, archive));
  EXPECT_GE(claim, std::sqrt(41.0));
  EXPECT_LE(claim, std::sqrt(41.0) * (1 + 1e-9));
}

TEST(FeedForward, NormConversions) {
  MemoryArchive archive;
  Plan plan = makePlan(axes({{2, "batch"}, {3, "token"}, {4, "feature"}}), "y");
  addTensor(plan, "y", axes({{2, "batch"}, {3, "token"}, {2, "feature"}}));
  ConstantRef w = archive.add("w", {2, 4}, {2, 0, 0, 0, 0, 1, 0, 0});
  addStep(plan, "y", "B-lin", {"x"}, LinStep{linearMap(w), "x", {}});
  plan.question.inputNorm = plan.question.outputNorm = Norm::Rms;
  EXPECT_NEAR(claimOf(evaluatePlan(plan, archive)), 2 * std::sqrt(2.0), 1e-7);
  plan.question.inputNorm = plan.question.outputNorm = Norm::MaxRms;
  EXPECT_NEAR(claimOf(evaluatePlan(plan, archive)), 2 * std::sqrt(2.0), 1e-7);
  // A free number of tokens cancels in the whole-tensor RMS.
  plan.tensors["x"].axes[1].size = SymbolicSize::symbol("N");
  plan.tensors["y"].axes[1].size = SymbolicSize::symbol("N");
  plan.inputs[0].axes = plan.tensors["x"].axes;
  plan.question.inputNorm = plan.question.outputNorm = Norm::Rms;
  EXPECT_NEAR(claimOf(evaluatePlan(plan, archive)), 2 * std::sqrt(2.0), 1e-7);
}

} // namespace
