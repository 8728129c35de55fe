//===- AttentionTest.cpp - Attention rules against searches and known cases
//---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanBuilder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>

using namespace lipt;
using namespace lipt::test;

namespace {

/// A small attention layer, executed in plain double code.
struct Layer {
  int64_t tokens = 4, width = 4, heads = 2, kvHeads = 2, headWidth = 2;
  double sigma = 1;
  bool causal = false, project = true;
  double softcap = 0;
  Vector wq, bq, wk, bk, wv, bv, wo, bo;
  Vector cosines, sines; ///< [tokens, headWidth / 2]

  static Vector linear(const Vector &w, const Vector &b, const double *x,
                       int64_t rows, int64_t cols) {
    Vector y(b);
    for (int64_t i = 0; i != rows; ++i)
      for (int64_t j = 0; j != cols; ++j)
        y[i] += w[i * cols + j] * x[j];
    return y;
  }
  void rotate(double *head, int64_t token) const {
    if (cosines.empty())
      return;
    int64_t half = headWidth / 2;
    for (int64_t i = 0; i != half; ++i) {
      double c = cosines[token * half + i], s = sines[token * half + i];
      double a = head[i], b = head[half + i];
      head[i] = c * a - s * b;
      head[half + i] = s * a + c * b;
    }
  }
  Vector operator()(const Vector &x) const {
    int64_t qw = heads * headWidth, kw = kvHeads * headWidth;
    std::vector<Vector> q, k, v;
    for (int64_t t = 0; t != tokens; ++t) {
      const double *token = &x[size_t(t * width)];
      q.push_back(linear(wq, bq, token, qw, width));
      k.push_back(linear(wk, bk, token, kw, width));
      v.push_back(linear(wv, bv, token, kw, width));
      for (int64_t h = 0; h != heads; ++h)
        rotate(&q.back()[size_t(h * headWidth)], t);
      for (int64_t h = 0; h != kvHeads; ++h)
        rotate(&k.back()[size_t(h * headWidth)], t);
    }
    Vector result;
    for (int64_t i = 0; i != tokens; ++i) {
      Vector core(static_cast<size_t>(qw));
      int64_t seen = causal ? i + 1 : tokens;
      for (int64_t h = 0; h != heads; ++h) {
        int64_t g = h / (heads / kvHeads);
        Vector p(static_cast<size_t>(seen));
        double most = -1e300, sum = 0;
        for (int64_t j = 0; j != seen; ++j) {
          for (int64_t e = 0; e != headWidth; ++e)
            p[j] += sigma * q[i][h * headWidth + e] * k[j][g * headWidth + e];
          if (softcap > 0)
            p[j] = softcap * std::tanh(p[j] / softcap);
          most = std::max(most, p[j]);
        }
        for (double &entry : p)
          sum += entry = std::exp(entry - most);
        for (int64_t j = 0; j != seen; ++j)
          for (int64_t e = 0; e != headWidth; ++e)
            core[h * headWidth + e] += p[j] / sum * v[j][g * headWidth + e];
      }
      Vector out = project ? linear(wo, bo, core.data(), width, qw) : core;
      result.insert(result.end(), out.begin(), out.end());
    }
    return result;
  }
};

Layer randomLayer(unsigned seed, double scale = 0.7) {
  Random random(seed);
  Layer layer;
  layer.kvHeads = seed % 2 ? 1 : 2;
  size_t qw = size_t(layer.heads * layer.headWidth);
  size_t kw = size_t(layer.kvHeads * layer.headWidth);
  size_t width = size_t(layer.width);
  layer.wq = random.vector(qw * width, scale);
  layer.bq = random.vector(qw, seed % 3 ? 1 : 8);
  layer.wk = random.vector(kw * width, scale);
  layer.bk = random.vector(kw);
  layer.wv = random.vector(kw * width);
  layer.bv = random.vector(kw);
  layer.wo = random.vector(width * qw);
  layer.bo = random.vector(width);
  layer.causal = seed % 4 < 2;
  return layer;
}

Plan planOf(const Layer &layer, MemoryArchive &archive, const std::string &rule,
            double radius) {
  Plan plan;
  auto in = axes({{layer.tokens, "token"}, {layer.width, "feature"}});
  plan.inputs.push_back({"x", in, false, {}, Norm::L2});
  addTensor(plan, "x", in);
  addTensor(plan, "o", in);
  plan.question.origin = "x";
  plan.question.output = "o";
  plan.question.inputNorm = plan.question.outputNorm = Norm::MaxRms;
  plan.question.domain.kind = Domain::Kind::Ball;
  plan.question.domain.radius = radius;
  int64_t qw = layer.heads * layer.headWidth;
  int64_t kw = layer.kvHeads * layer.headWidth, width = layer.width;
  AttentionStep step;
  step.attention = layer.project ? "y" : "o";
  step.sourceQ = step.sourceK = step.sourceV = "x";
  step.mapQ = linearMap(archive.add("wq", {qw, width}, layer.wq),
                        archive.add("bq", {qw}, layer.bq));
  step.mapK = linearMap(archive.add("wk", {kw, width}, layer.wk),
                        archive.add("bk", {kw}, layer.bk));
  step.mapV = linearMap(archive.add("wv", {kw, width}, layer.wv),
                        archive.add("bv", {kw}, layer.bv));
  if (layer.project)
    step.mapOut = linearMap(archive.add("wo", {width, qw}, layer.wo),
                            archive.add("bo", {width}, layer.bo));
  step.q = "q";
  step.k = "k";
  step.v = "v";
  step.heads = layer.heads;
  step.kvHeads = layer.kvHeads;
  step.headWidth = step.valueWidth = layer.headWidth;
  step.scales = {layer.sigma};
  step.causal = layer.causal;
  step.softcap = layer.softcap;
  step.queryCount = step.keyCount = layer.tokens;
  if (!layer.cosines.empty()) {
    step.rotaryCos =
        archive.add("cos", {layer.tokens, layer.headWidth / 2}, layer.cosines);
    step.rotarySin =
        archive.add("sin", {layer.tokens, layer.headWidth / 2}, layer.sines);
  }
  addStep(plan, "o", rule, {"x"}, step);
  return plan;
}

double maxToken(const Vector &x, int64_t width) {
  double most = 0;
  for (size_t t = 0; t != x.size(); t += size_t(width))
    most = std::max(most, norm2(Vector(x.begin() + t, x.begin() + t + width)));
  return most;
}

/// Every question of one layer: bound at or above what a search attains, and
/// growth at or above what occurs.
void checkLayer(const Layer &layer, const std::string &rule, unsigned seed) {
  double radius = 0.9; // RMS
  double r = radius * std::sqrt(double(layer.width));
  auto sample = [&](Random &random) {
    Vector x = random.vector(size_t(layer.tokens * layer.width));
    for (int64_t t = 0; t != layer.tokens; ++t) {
      Vector token(x.begin() + t * layer.width,
                   x.begin() + (t + 1) * layer.width);
      double factor = 0.999 * r / norm2(token);
      for (int64_t i = 0; i != layer.width; ++i)
        x[t * layer.width + i] = token[i] * factor;
    }
    return x;
  };
  auto token = [&](const Vector &x) { return maxToken(x, layer.width); };
  size_t inputs = size_t(layer.tokens * layer.width);
  MemoryArchive archive;
  Plan plan = planOf(layer, archive, rule, radius);
  Evaluation evaluation = evaluatePlan(plan, archive);
  double attained = attack(layer, inputs, token, token, sample, seed, 600);
  double claim = evaluation.claim.toDoubleUp();
  EXPECT_GE(claim, attained * (1 - 1e-6)) << rule << " seed " << seed;
  EXPECT_LT(claim, attained * 1000) << rule << " seed " << seed;
  const Facts &o = evaluation.facts.at("o");
  Random random(seed + 100);
  Vector first;
  for (unsigned t = 0; t != 50; ++t) {
    Vector value = layer(sample(random));
    EXPECT_LE(token(value), o.radiusToken.toDoubleUp());
    // All outputs lie within one ball of radius spread, so no two are further
    // apart than its diameter.
    if (first.empty())
      first = value;
    for (size_t i = 0; i != value.size(); i += size_t(layer.width)) {
      Vector difference(static_cast<size_t>(layer.width));
      for (int64_t e = 0; e != layer.width; ++e)
        difference[e] = value[i + size_t(e)] - first[size_t(e)];
      EXPECT_LE(norm2(difference), 2 * o.spread.toDoubleUp());
    }
  }
  // The Frobenius norm over all tokens, Theorem B.
  if (rule != "A-G") {
    MemoryArchive other;
    plan = planOf(layer, other, rule, radius);
    plan.question.inputNorm = plan.question.outputNorm = Norm::L2;
    plan.question.domain.kind = Domain::Kind::Box;
    plan.question.domain.lo = -1;
    plan.question.domain.hi = 1;
    auto box = [&](Random &generator) {
      Vector x = generator.vector(inputs);
      for (double &entry : x)
        entry = std::clamp(entry, -1.0, 1.0);
      return x;
    };
    evaluation = evaluatePlan(plan, other);
    EXPECT_GE(evaluation.claim.toDoubleUp(),
              attack(layer, inputs, norm2, norm2, box, seed, 600) * (1 - 1e-6));
    EXPECT_FALSE(evaluation.claim.isUnbounded());
    plan.question.inputNorm = plan.question.outputNorm = Norm::LInf;
    evaluation = evaluatePlan(plan, other);
    EXPECT_GE(evaluation.claim.toDoubleUp(),
              attack(layer, inputs, normInf, normInf, box, seed, 600) *
                  (1 - 1e-6));
  }
}

TEST(Attention, TheoremAHoldsUnderSearch) {
  for (unsigned seed = 0; seed != 8; ++seed)
    checkLayer(randomLayer(seed), "A", seed);
}

TEST(Attention, TheoremARHoldsUnderSearchAndCoversA) {
  for (unsigned seed = 0; seed != 6; ++seed) {
    Layer layer = randomLayer(seed);
    for (int64_t t = 0; t != layer.tokens; ++t) {
      layer.cosines.push_back(double(float(std::cos(0.7 * double(t)))));
      layer.sines.push_back(double(float(std::sin(0.7 * double(t)))));
    }
    checkLayer(layer, "A-R", seed);
    MemoryArchive a, b;
    Layer plain = randomLayer(seed);
    UpperBound rotary = evaluatePlan(planOf(layer, a, "A-R", 1), a).claim;
    UpperBound straight = evaluatePlan(planOf(plain, b, "A", 1), b).claim;
    EXPECT_GE(rotary, straight);
  }
}

TEST(Attention, TheoremAGHoldsWithSoftcap) {
  for (unsigned seed = 0; seed != 6; ++seed) {
    Layer layer = randomLayer(seed);
    layer.softcap = 2;
    checkLayer(layer, "A-G", seed);
  }
}

TEST(Attention, RulesRefuseLogitsTheyDoNotCover) {
  Layer layer = randomLayer(2);
  layer.softcap = 5;
  MemoryArchive archive;
  EXPECT_TRUE(evaluatePlan(planOf(layer, archive, "A", 1), archive)
                  .claim.isUnbounded());
  layer.softcap = 0;
  layer.cosines.assign(4, 1);
  layer.sines.assign(4, 0);
  MemoryArchive other;
  EXPECT_TRUE(
      evaluatePlan(planOf(layer, other, "A", 1), other).claim.isUnbounded());
}

TEST(Attention, UnboundedInputsHaveNoConstant) {
  MemoryArchive archive;
  Plan plan = planOf(randomLayer(1), archive, "A", 1);
  plan.question.domain.kind = Domain::Kind::Global;
  Evaluation evaluation = evaluatePlan(plan, archive);
  EXPECT_TRUE(evaluation.claim.isUnbounded());
  ASSERT_FALSE(evaluation.causes.empty());
}

TEST(Attention, MasksMayNotHideEveryKey) {
  Layer layer = randomLayer(2);
  layer.causal = false;
  double hidden = -std::numeric_limits<double>::infinity();
  for (bool empty : {false, true}) {
    MemoryArchive archive;
    Plan plan = planOf(layer, archive, "A", 1);
    Vector mask(16, hidden);
    for (int64_t i = 0; i != 4; ++i)
      mask[i * 4 + i] = empty && i == 2 ? hidden : 0;
    std::get<AttentionStep>(plan.steps[0].detail).mask =
        archive.add("mask", {4, 4}, mask);
    EXPECT_EQ(evaluatePlan(plan, archive).claim.isUnbounded(), empty);
  }
}

TEST(Attention, FrobeniusNormNeedsTheRootOfHeads) {
  // n = 1, H = 4, d = 1, W_o = I, every W_v^h = e_1^T: gain 2.
  Layer layer;
  layer.tokens = 1;
  layer.width = layer.heads = layer.kvHeads = 4;
  layer.headWidth = 1;
  layer.wq = layer.wk = Vector(16, 0);
  layer.wv = Vector(16, 0);
  for (int64_t h = 0; h != 4; ++h)
    layer.wv[h * 4] = 1;
  layer.wo = Vector(16, 0);
  for (int64_t h = 0; h != 4; ++h)
    layer.wo[h * 5] = 1;
  layer.bq = layer.bk = layer.bv = layer.bo = Vector(4, 0);
  MemoryArchive archive;
  Plan plan = planOf(layer, archive, "A", 1);
  plan.question.inputNorm = plan.question.outputNorm = Norm::L2;
  double claim = evaluatePlan(plan, archive).claim.toDoubleUp();
  EXPECT_GE(claim, 2);
  EXPECT_LE(claim, 2 * (1 + 1e-8));
}

TEST(Attention, QueryBiasCounts) {
  // W_q = 0 and a large b_q: the key path lives on the bias alone.
  Layer layer = randomLayer(4);
  std::fill(layer.wq.begin(), layer.wq.end(), 0);
  for (double &entry : layer.bq)
    entry *= 10;
  checkLayer(layer, "A", 4);
}

TEST(Attention, RotaryCounterexample) {
  // bounds.md 2.4.3: n = 801 rotated keys attain 2.5561 > 1 + sqrt 2.
  Layer layer;
  layer.tokens = 801;
  layer.width = layer.headWidth = 2;
  layer.heads = layer.kvHeads = 1;
  layer.wq = layer.wk = layer.wv = layer.wo = {1, 0, 0, 1};
  layer.bq = layer.bk = layer.bv = layer.bo = {0, 0};
  layer.sigma = 0.5; // s/d with s = 1, d = 2
  for (int64_t t = 0; t != layer.tokens; ++t) {
    layer.cosines.push_back(std::cos(0.001875 * double(t)));
    layer.sines.push_back(std::sin(0.001875 * double(t)));
  }
  MemoryArchive archive;
  double claim = evaluatePlan(planOf(layer, archive, "A-R", 1), archive)
                     .claim.toDoubleUp();
  EXPECT_GE(claim, 2.5562);
  EXPECT_LE(claim, 3.0001);
}

TEST(Attention, OperatorRuleHoldsUnderSearch) {
  for (unsigned seed = 0; seed != 6; ++seed) {
    Layer layer = randomLayer(seed);
    layer.project = false;
    MemoryArchive archive;
    Plan plan = planOf(layer, archive, "B-op", 1);
    PlanStep last = plan.steps[0];
    const AttentionStep core = std::get<AttentionStep>(last.detail);
    plan.steps.clear();
    int64_t qw = layer.heads * layer.headWidth;
    int64_t kw = layer.kvHeads * layer.headWidth;
    addTensor(plan, "q", axes({{layer.tokens, "token"}, {qw, "feature"}}));
    addTensor(plan, "k", axes({{layer.tokens, "token"}, {kw, "feature"}}));
    addTensor(plan, "v", axes({{layer.tokens, "token"}, {kw, "feature"}}));
    addStep(plan, "q", "B-lin", {"x"}, LinStep{core.mapQ, "x", {}});
    addStep(plan, "k", "B-lin", {"x"}, LinStep{core.mapK, "x", {}});
    addStep(plan, "v", "B-lin", {"x"}, LinStep{core.mapV, "x", {}});
    last.inputs = {"q", "k", "v"};
    plan.steps.push_back(last);
    size_t inputs = size_t(layer.tokens * layer.width);
    plan.question.domain.kind = Domain::Kind::Box;
    plan.question.domain.lo = -0.8;
    plan.question.domain.hi = 0.8;
    auto box = [&](Random &generator) {
      Vector x = generator.vector(inputs);
      for (double &entry : x)
        entry = std::clamp(entry, -0.8, 0.8);
      return x;
    };
    auto token = [&](const Vector &x) { return maxToken(x, layer.width); };
    struct Case {
      Norm norm;
      std::function<double(const Vector &)> measure;
    };
    for (const Case &c : {Case{Norm::MaxRms, token}, Case{Norm::L2, norm2},
                          Case{Norm::LInf, normInf}}) {
      plan.question.inputNorm = plan.question.outputNorm = c.norm;
      Evaluation evaluation = evaluatePlan(plan, archive);
      EXPECT_FALSE(evaluation.claim.isUnbounded());
      EXPECT_GE(evaluation.claim.toDoubleUp(),
                attack(layer, inputs, c.measure, c.measure, box, seed, 600) *
                    (1 - 1e-6));
    }
  }
}

TEST(Attention, CounterexamplesToTheReleasedFormula) {
  const char *shared = std::getenv("LIPT_SHARED");
  if (!shared)
    GTEST_SKIP() << "LIPT_SHARED is not set";
  std::ifstream file(std::string(shared) + "/checks/mha_counterexample.json");
  ASSERT_TRUE(file) << "no counterexamples in LIPT_SHARED";
  for (const auto &entry : nlohmann::json::parse(file)) {
    Layer layer;
    layer.heads = layer.kvHeads = entry["H"];
    layer.headWidth = entry["d"];
    layer.width = layer.heads * layer.headWidth;
    layer.tokens = int64_t(entry["X"].size());
    layer.causal = true;
    layer.sigma = double(entry["s"]) / double(layer.headWidth);
    size_t width = size_t(layer.width);
    layer.wq = Vector(width * width, 0);
    for (size_t i = 0; i != width; ++i)
      layer.wq[i * width + i] = 1;
    layer.wk = layer.wv = layer.wo = layer.wq;
    layer.bq = layer.bk = layer.bv = layer.bo = Vector(width, 0);
    MemoryArchive archive;
    double claim = evaluatePlan(planOf(layer, archive, "A", 1), archive)
                       .claim.toDoubleUp();
    EXPECT_GE(claim, double(entry["ratio"]));
    EXPECT_LE(claim, 4 * double(entry["ratio"]));
  }
}

} // namespace
