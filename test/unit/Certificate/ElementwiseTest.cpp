//===- ElementwiseTest.cpp - Norm layers, products, shapes, reductions ---*- C++
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

/// One step from x to y.
Plan singleStep(std::vector<PlanAxis> in, std::vector<PlanAxis> out,
                const std::string &rule, StepDetail detail) {
  Plan plan;
  plan.inputs.push_back({"x", in, false, {}, Norm::L2});
  addTensor(plan, "x", std::move(in));
  addTensor(plan, "y", std::move(out));
  plan.question.origin = "x";
  plan.question.output = "y";
  addStep(plan, "y", rule, {"x"}, std::move(detail));
  return plan;
}

void setBox(Plan &plan, double lo, double hi) {
  plan.question.domain.kind = Domain::Kind::Box;
  plan.question.domain.lo = lo;
  plan.question.domain.hi = hi;
}

double claimIn(Plan plan, const MemoryArchive &archive, Norm norm) {
  plan.question.inputNorm = plan.question.outputNorm = norm;
  return evaluatePlan(plan, archive).claim.toDoubleUp();
}

/// The claims in l2 and linf are not below what a search attains on the box and
/// not above `slack` times it; ranges and radii hold.
void expectCovers(const Plan &plan, const MemoryArchive &archive,
                  const std::function<Vector(const Vector &)> &function,
                  size_t inputs, double lo, double hi, double slack = 1e3) {
  // The search's steps of 1e-4 must stay inside.
  double room = std::min(2e-4, (hi - lo) / 8);
  auto sample = [&](Random &random) {
    Vector x = random.vector(inputs);
    for (double &entry : x)
      entry = std::clamp((lo + hi) / 2 + (hi - lo) / 2 * entry, lo + room,
                         hi - room);
    return x;
  };
  for (auto [norm, measure] :
       {MeasuredNorm(Norm::L2, norm2), MeasuredNorm(Norm::LInf, normInf)}) {
    double claim = claimIn(plan, archive, norm);
    double attained =
        attack(function, inputs, measure, measure, sample, 1, 2000);
    EXPECT_GE(claim, attained * (1 - 1e-6));
    EXPECT_LE(claim, attained * slack);
  }
  Facts y = evaluatePlan(plan, archive).facts.at("y");
  Random random(77);
  for (unsigned k = 0; k != 300; ++k) {
    Vector value = function(sample(random));
    if (y.range) {
      Interval hull = y.entryHull();
      for (double entry : value)
        EXPECT_TRUE(hull.contains(entry));
    }
    if (!y.radiusL2.isUnbounded()) {
      EXPECT_LE(norm2(value), y.radiusL2.toDoubleUp());
    }
  }
}

const std::vector<PlanAxis> vector5 = axes({{1, "batch"}, {5, "feature"}});

Vector softmax(const Vector &x) {
  double most = *std::max_element(x.begin(), x.end()), sum = 0;
  Vector y(x);
  for (double &entry : y)
    sum += entry = std::exp(entry - most);
  for (double &entry : y)
    entry /= sum;
  return y;
}

TEST(Elementwise, Softmax) {
  MemoryArchive archive;
  Plan plan = singleStep(vector5, vector5, "B-softmax", SoftmaxStep{"x", 1});
  setBox(plan, -2, 2);
  expectCovers(plan, archive, softmax, 5, -2, 2);
  EXPECT_NEAR(claimIn(plan, archive, Norm::L2), 0.5, 1e-10);
}

TEST(Elementwise, LogSoftmaxNeedsTheRootOfN) {
  MemoryArchive archive;
  auto wide = axes({{1, "batch"}, {100, "feature"}});
  Plan plan =
      singleStep(wide, wide, "B-logsoftmax", SoftmaxStep{"x", 1, false, true});
  EXPECT_GE(claimIn(plan, archive, Norm::L2), 10);
  EXPECT_LE(claimIn(plan, archive, Norm::L2), 10.000001);
  plan = singleStep(vector5, vector5, "B-logsoftmax",
                    SoftmaxStep{"x", 1, false, true});
  setBox(plan, -2, 2);
  auto function = [](const Vector &x) {
    Vector y = softmax(x);
    for (double &entry : y)
      entry = std::log(entry);
    return y;
  };
  expectCovers(plan, archive, function, 5, -2, 2);
}

TEST(Elementwise, NormLayers) {
  for (bool centered : {true, false}) {
    MemoryArchive archive;
    Random random(3);
    Vector gain = random.vector(5), bias = random.vector(5);
    double epsilon = double(1e-2f);
    NormStep step;
    step.source = "x";
    step.form = centered ? "layer_norm" : "rms_norm";
    step.gain = archive.add("g", {5}, gain);
    step.bias = archive.add("b", {5}, bias);
    step.axis = -1;
    step.epsilon = epsilon;
    Plan plan = singleStep(vector5, vector5, centered ? "B-ln" : "B-rms", step);
    auto function = [&](const Vector &x) {
      double mean = 0, square = 0;
      for (double entry : x)
        mean += centered ? entry / 5 : 0;
      for (double entry : x)
        square += (entry - mean) * (entry - mean) / 5;
      Vector y(5);
      for (size_t i = 0; i != 5; ++i)
        y[i] = (x[i] - mean) / std::sqrt(square + epsilon) * gain[i] + bias[i];
      return y;
    };
    expectCovers(plan, archive, function, 5, -0.3, 0.3);
    // Near zero the slope is attained.
    expectCovers(plan, archive, function, 5, -1e-3, 1e-3, 3);
  }
}

TEST(Elementwise, EpsilonIsTheStoredNumber) {
  MemoryArchive archive;
  NormStep step;
  step.source = "x";
  step.form = "rms_norm";
  step.epsilon = double(1e-6f);
  Plan plan = singleStep(vector5, vector5, "B-rms", step);
  EXPECT_GE(claimIn(plan, archive, Norm::L2), 1000.0000012624);
  step.epsilon = 0;
  plan = singleStep(vector5, vector5, "B-rms", step);
  EXPECT_TRUE(evaluatePlan(plan, archive).claim.isUnbounded());
}

TEST(Elementwise, NormLayerConstantsInLinf) {
  MemoryArchive archive;
  auto wide = axes({{1, "batch"}, {768, "feature"}});
  for (auto [form, least] :
       {std::pair("layer_norm", 5.7410), std::pair("rms_norm", 5.7289)}) {
    NormStep step;
    step.source = "x";
    step.form = form;
    step.epsilon = 1;
    Plan plan = singleStep(wide, wide, "B-ln", step);
    double claim = claimIn(plan, archive, Norm::LInf);
    EXPECT_GE(claim, least);
    EXPECT_LE(claim, least * 1.1);
  }
}

TEST(Elementwise, LinearAfterNormUsesTheNormalisedVector) {
  // norm(t): the slope is 1/sqrt(eps) norm(W diag(g)), the radius sqrt(N)
  // norm(W diag(g)) + norm(W b + c).
  MemoryArchive archive;
  Random random(21);
  Vector w = random.vector(15), gain = random.vector(5),
         bias = random.vector(5);
  auto scale = std::make_shared<AffineExpr>();
  scale->kind = AffineExpr::Kind::Scale;
  scale->width = 5;
  scale->operands = {identityMap(5)};
  scale->constant = archive.add("g", {5}, gain);
  auto shift = std::make_shared<AffineExpr>();
  shift->kind = AffineExpr::Kind::Add;
  shift->width = 5;
  shift->operands = {scale};
  shift->constant = archive.add("b", {5}, bias);
  LinStep step{linearMap(archive.add("w", {3, 5}, w), nullptr, shift), "t",
               LinStep::Normalized{"x", true, 0.5, 5}};
  Plan plan =
      singleStep(vector5, axes({{1, "batch"}, {3, "feature"}}), "B-lin", step);
  addTensor(plan, "t", vector5);
  auto function = [&](const Vector &x) {
    double mean = 0, square = 0;
    for (double entry : x)
      mean += entry / 5;
    for (double entry : x)
      square += (entry - mean) * (entry - mean) / 5;
    Vector y(3);
    for (size_t i = 0; i != 3; ++i)
      for (size_t j = 0; j != 5; ++j)
        y[i] += w[i * 5 + j] *
                ((x[j] - mean) / std::sqrt(square + 0.5) * gain[j] + bias[j]);
    return y;
  };
  expectCovers(plan, archive, function, 5, -1, 1, 20);
  Evaluation evaluation = evaluatePlan(plan, archive);
  EXPECT_EQ(evaluation.witnesses.count("affine(y<-norm(t))"), 1u);
}

TEST(Elementwise, ProductUsesEntryBounds) {
  // u = (100, 0, ...) of width 64 times sigmoid: attained 25.0.
  MemoryArchive archive;
  auto wide = axes({{1, "batch"}, {64, "feature"}});
  Plan plan;
  plan.inputs.push_back({"x", wide, false, {}, Norm::L2});
  addTensor(plan, "x", wide);
  addTensor(plan, "s", wide);
  addTensor(plan, "u", wide);
  addTensor(plan, "y", wide);
  plan.question.origin = "x";
  plan.question.output = "y";
  Vector u(64, 0);
  u[0] = 100;
  // u is a fixed input with entries in [0, 100].
  PlanInput fixed{"u", wide, true, {}, Norm::L2};
  fixed.domain.kind = Domain::Kind::Box;
  fixed.domain.lo = 0;
  fixed.domain.hi = 100;
  plan.inputs.push_back(fixed);
  addStep(plan, "s", "B-act", {"x"},
          ActivationStep{"x", "sigmoid", {}, nullptr});
  addStep(plan, "y", "B-mul", {"u", "s"}, MulStep{"u", "s", nullptr});
  double claim = claimIn(plan, archive, Norm::L2);
  EXPECT_GE(claim, 25);
  EXPECT_LE(claim, 25.000001);
}

TEST(Elementwise, SquareDivisionAndPowers) {
  MemoryArchive archive;
  Plan plan = singleStep(vector5, vector5, "B-mul", MulStep{"x", "x", nullptr});
  setBox(plan, -1, 2);
  expectCovers(
      plan, archive,
      [](const Vector &x) {
        Vector y(x);
        for (double &entry : y)
          entry *= entry;
        return y;
      },
      5, -1, 2, 1.1);
  struct Case {
    const char *form;
    double exponent, lo, hi;
    double (*function)(double);
  };
  for (const Case &c :
       {Case{"exp", 0, -1, 2, [](double x) { return std::exp(x); }},
        Case{"log", 0, 0.5, 2, [](double x) { return std::log(x); }},
        Case{"sqrt", 0, 0.5, 2, [](double x) { return std::sqrt(x); }},
        Case{"reciprocal", 0, -2, -0.5, [](double x) { return 1 / x; }},
        Case{"pow", 3, -1, 2, [](double x) { return x * x * x; }},
        Case{"pow", 1.5, 0.25, 2, [](double x) { return std::pow(x, 1.5); }},
        Case{"pow", -0.5, 0.25, 2,
             [](double x) { return std::pow(x, -0.5); }}}) {
    Plan step = singleStep(vector5, vector5, "B-pow",
                           DomainFunctionStep{"x", c.form, c.exponent});
    EXPECT_TRUE(evaluatePlan(step, archive).claim.isUnbounded()) << c.form;
    setBox(step, c.lo, c.hi);
    expectCovers(
        step, archive,
        [&](const Vector &x) {
          Vector y(x);
          for (double &entry : y)
            entry = c.function(entry);
          return y;
        },
        5, c.lo, c.hi, 2);
  }
  for (const char *form : {"log", "sqrt", "reciprocal"}) {
    Plan step =
        singleStep(vector5, vector5, "B-exp", DomainFunctionStep{"x", form});
    setBox(step, 0, 1);
    EXPECT_TRUE(evaluatePlan(step, archive).claim.isUnbounded()) << form;
  }
}

TEST(Elementwise, SumsAndBroadcasts) {
  // y = 2 x - x[:, None] sum over rows would need copies: x of [1, 5] added to
  // [3, 5] counts sqrt(3).
  MemoryArchive archive;
  auto matrix = axes({{3, "token"}, {5, "feature"}});
  auto row = axes({{1, "token"}, {5, "feature"}});
  Plan plan = singleStep(
      row, matrix, "B-add",
      AddStep{{"x"}, {-2}, {archive.add("k", {3, 1}, {1, 2, 4})}, {0.5}, 1});
  setBox(plan, -1, 1);
  auto function = [](const Vector &x) {
    Vector y;
    for (double k : {1, 2, 4})
      for (double entry : x)
        y.push_back(-2 * entry + 0.5 * k);
    return y;
  };
  expectCovers(plan, archive, function, 5, -1, 1, 1.01);
  EXPECT_NEAR(claimIn(plan, archive, Norm::L2), 2 * std::sqrt(3.0), 1e-9);
  Facts y = evaluatePlan(plan, archive).facts.at("y");
  // The constant varies over positions and so widens the spread.
  EXPECT_GE(y.spread.toDoubleUp(), 0.75 * std::sqrt(5.0));
}

TEST(Elementwise, Reductions) {
  MemoryArchive archive;
  struct Case {
    const char *kind;
    double (*function)(const Vector &);
  };
  auto out = axes({{1, "batch"}, {1, "feature"}});
  for (const Case &c : {
           Case{"sum",
                [](const Vector &x) {
                  double sum = 0;
                  for (double entry : x)
                    sum += entry;
                  return sum;
                }},
           Case{"mean",
                [](const Vector &x) {
                  double sum = 0;
                  for (double entry : x)
                    sum += entry;
                  return sum / double(x.size());
                }},
           Case{"max",
                [](const Vector &x) {
                  return *std::max_element(x.begin(), x.end());
                }},
           Case{"l1",
                [](const Vector &x) {
                  double sum = 0;
                  for (double entry : x)
                    sum += std::abs(entry);
                  return sum;
                }},
           Case{"l2", norm2},
           Case{"sum_square",
                [](const Vector &x) { return norm2(x) * norm2(x); }},
           Case{"prod",
                [](const Vector &x) {
                  double product = 1;
                  for (double entry : x)
                    product *= entry;
                  return product;
                }},
           Case{"log_sum_exp",
                [](const Vector &x) {
                  double sum = 0;
                  for (double entry : x)
                    sum += std::exp(entry);
                  return std::log(sum);
                }},
       }) {
    Plan plan = singleStep(vector5, out, "B-red", ReduceStep{"x", c.kind, {1}});
    setBox(plan, -1.25, 1);
    expectCovers(
        plan, archive, [&](const Vector &x) { return Vector{c.function(x)}; },
        5, -1.25, 1);
  }
  // A mean over tokens keeps the token norm.
  auto tokens = axes({{7, "token"}, {5, "feature"}});
  auto pooled = axes({{5, "feature"}});
  Plan plan = singleStep(tokens, pooled, "B-red", ReduceStep{"x", "mean", {0}});
  EXPECT_NEAR(claimIn(plan, archive, Norm::MaxRms), 1, 1e-9);
}

TEST(Elementwise, ReshapesBetweenPositionsAndWidths) {
  MemoryArchive archive;
  auto tokens = axes({{4, "token"}, {6, "feature"}});
  // Splitting the width into heads keeps token facts.
  Plan plan =
      singleStep(tokens, axes({{4, "token"}, {2, "head"}, {3, "feature"}}),
                 "B-shape", ShapeStep{"x", {}});
  plan.question.domain.kind = Domain::Kind::Ball;
  plan.question.domain.radius = 1;
  EXPECT_NEAR(claimIn(plan, archive, Norm::MaxRms), 1, 1e-9);
  // Flattening four tokens costs sqrt(4) in the token norm, and the widths'
  // roots divide it away again.
  plan = singleStep(tokens, axes({{24, "feature"}}), "B-shape",
                    ShapeStep{"x", {}});
  plan.question.inputNorm = Norm::MaxRms;
  EXPECT_NEAR(evaluatePlan(plan, archive).facts.at("y").lipToken.toDoubleUp(),
              2, 1e-9);
  // Making tokens of width entries yields no token facts beyond closure: from
  // linf, sqrt(3).
  plan = singleStep(tokens, axes({{4, "token"}, {2, "token"}, {3, "feature"}}),
                    "B-shape", ShapeStep{"x", {}});
  plan.question.inputNorm = Norm::MaxRms;
  EXPECT_NEAR(evaluatePlan(plan, archive).facts.at("y").lipToken.toDoubleUp(),
              std::sqrt(3.0), 1e-9);
}

TEST(Elementwise, GatherCountsRepetitions) {
  MemoryArchive archive;
  auto indices = std::make_shared<ConstantExpr>();
  indices->kind = ConstantExpr::Kind::Dense;
  indices->type = ElementType::Int64;
  indices->shape = {4};
  indices->values = {0, 2, -3, 2};
  Plan plan = singleStep(vector5, axes({{1, "batch"}, {4, "feature"}}),
                         "B-gather", GatherStep{"x", indices, 1, false});
  setBox(plan, -1, 1);
  expectCovers(
      plan, archive,
      [](const Vector &x) { return Vector{x[0], x[2], x[2], x[2]}; }, 5, -1, 1,
      2);
  EXPECT_NEAR(claimIn(plan, archive, Norm::L2), std::sqrt(3.0), 1e-9);
}

TEST(Elementwise, ConcatAndMinimum) {
  MemoryArchive archive;
  Plan plan =
      singleStep(vector5, axes({{1, "batch"}, {10, "feature"}}), "B-concat",
                 ConcatStep{{"x", "x"}, {nullptr, nullptr}, 1});
  EXPECT_NEAR(claimIn(plan, archive, Norm::L2), std::sqrt(2.0), 1e-9);
  plan = singleStep(vector5, vector5, "B-minmax",
                    MinMaxStep{{"x"}, {archive.add("k", {1}, {0.5})}, false});
  setBox(plan, -1, 1);
  expectCovers(
      plan, archive,
      [](const Vector &x) {
        Vector y(x);
        for (double &entry : y)
          entry = std::min(entry, 0.5);
        return y;
      },
      5, -1, 1, 1.1);
}

TEST(Elementwise, AlternativesForOneTensorAreJoined) {
  MemoryArchive archive;
  ConstantRef w = archive.add("w", {5, 5}, Random(1).vector(25));
  Plan plan =
      singleStep(vector5, vector5, "B-lin", LinStep{linearMap(w), "x", {}});
  double alone = claimIn(plan, archive, Norm::L2);
  addStep(plan, "y", "none", {"x"}, UnboundedStep{"nothing known"});
  EXPECT_EQ(claimIn(plan, archive, Norm::L2), alone);
}

TEST(Elementwise, RotaryTablesAreTakenAsStored) {
  MemoryArchive archive;
  // Full tables whose halves hold different rows: the 2x2 block matters.
  ConstantRef cosines = archive.add("c", {1, 2}, {1, 0.9375});
  ConstantRef sines = archive.add("s", {1, 2}, {0, 0.40625});
  auto pair = axes({{1, "token"}, {2, "feature"}});
  Plan plan = singleStep(pair, pair, "B-rope",
                         RotaryStep{"x", cosines, sines, false, true, false});
  setBox(plan, -1, 1);
  auto function = [](const Vector &x) {
    return Vector{1 * x[0] - 0 * x[1], 0.40625 * x[0] + 0.9375 * x[1]};
  };
  expectCovers(plan, archive, function, 2, -1, 1, 1.5);
  // Half tables of a rotation by 60 degrees, but partial: at least 1.
  plan = singleStep(pair, pair, "B-rope",
                    RotaryStep{"x", archive.add("h", {1, 1}, {0.5}),
                               archive.add("i", {1, 1}, {0.5}), false, false,
                               true});
  EXPECT_GE(claimIn(plan, archive, Norm::L2), 1);
}

} // namespace
