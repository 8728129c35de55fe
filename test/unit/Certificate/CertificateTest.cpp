//===- CertificateTest.cpp - The file, its determinism, the printed plan ---*-
//C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanBuilder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <sstream>

using namespace lipt;
using namespace lipt::test;

namespace {

class CertificateFile : public ::testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() /
             ("lipt-certificate-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    archive.path = (folder / "m.onnx").string();
    std::ofstream(archive.path) << "abc";
    Random random(4);
    auto wide = axes({{1, "batch"}, {6, "feature"}});
    plan.inputs.push_back({"x", wide, false, {}, Norm::L2});
    for (const char *name : {"x", "h", "a", "y"})
      addTensor(plan, name, wide);
    plan.question.origin = "x";
    plan.question.output = "y";
    plan.question.domain.kind = Domain::Kind::Box;
    plan.question.domain.lo = -1;
    plan.question.domain.hi = 1;
    addStep(plan, "h", "B-lin", {"x"},
            LinStep{linearMap(archive.add("w1", {6, 6}, random.vector(36)),
                              archive.add("b1", {6}, random.vector(6))),
                    "x",
                    {}});
    addStep(plan, "a", "B-act", {"h"},
            ActivationStep{"h", "relu", {}, nullptr});
    addStep(plan, "y", "B-lin", {"a"},
            LinStep{linearMap(archive.add("w2", {6, 6}, random.vector(36))),
                    "a",
                    {}});
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder;
  MemoryArchive archive;
  Plan plan;
};

double numberOf(const nlohmann::json &bound) {
  return std::ldexp(std::strtod(bound["m"].get<std::string>().c_str(), nullptr),
                    bound["e"].get<int>());
}

TEST_F(CertificateFile, HasTheFormatOfTheDocument) {
  Evaluation evaluation = evaluatePlan(plan, archive);
  std::string path = (folder / "m.lipcert").string(), error;
  ASSERT_TRUE(writeCertificate(evaluation, archive, path, error)) << error;
  std::ifstream file(path);
  nlohmann::json json = nlohmann::json::parse(file);
  EXPECT_EQ(json["format"], "lipcert");
  EXPECT_EQ(json["model"]["file"], "m.onnx");
  // SHA-256 of "abc", FIPS 180-2.
  EXPECT_EQ(json["model"]["sha256"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  ASSERT_EQ(json["model"]["initializers"].size(), 3u);
  EXPECT_EQ(json["model"]["initializers"][0]["name"], "w1");
  EXPECT_EQ(json["model"]["initializers"][0]["type"], "float32");
  EXPECT_EQ(json["inputs"][0]["axes"][1], "feature");
  EXPECT_EQ(json["inputs"][0]["status"], "varying");
  EXPECT_EQ(json["question"]["domain"]["lo"], "-0x1p+0");
  ASSERT_EQ(json["steps"].size(), 3u);
  EXPECT_EQ(json["steps"][0]["roles"]["source"], "x");
  EXPECT_EQ(json["steps"][1]["roles"]["form"], "relu");
  EXPECT_EQ(json["matrices"].size(), 2u);
  EXPECT_EQ(json["matrices"][0]["key"], "affine(h<-x)");
  // Every claimed fact is above what it is recomputed from: the norm times the
  // facts before, with room.
  double norm = numberOf(json["matrices"][1]["norm"]);
  double before = numberOf(json["steps"][1]["facts"]["lip"]["l2"]);
  double after = numberOf(json["steps"][2]["facts"]["lip"]["l2"]);
  EXPECT_GT(after, norm * before);
  EXPECT_LT(after, norm * before * (1 + 1e-11));
  EXPECT_GT(numberOf(json["claim"]["lipschitz"]), after);
  size_t files = 0;
  for ([[maybe_unused]] const auto &entry :
       std::filesystem::directory_iterator(folder))
    ++files;
  EXPECT_EQ(files, 2u) << "a temporary file stayed";
}

TEST_F(CertificateFile, IsTheSameForAnyNumberOfThreads) {
  std::string error;
  EvaluateOptions one, many;
  one.threads = 1;
  many.threads = 5;
  std::string first =
      renderCertificate(evaluatePlan(plan, archive, one), archive, error);
  std::string second =
      renderCertificate(evaluatePlan(plan, archive, many), archive, error);
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, second);
}

TEST_F(CertificateFile, RefusesAnotherModel) {
  plan.modelSha256 = std::string(64, '0');
  std::string error;
  EXPECT_EQ(renderCertificate(evaluatePlan(plan, archive), archive, error), "");
  EXPECT_NE(error.find("SHA-256"), std::string::npos);
}

TEST_F(CertificateFile, FailsCleanlyWhereItCannotWrite) {
  std::string error;
  EXPECT_FALSE(writeCertificate(evaluatePlan(plan, archive), archive,
                                (folder / "no" / "m.lipcert").string(), error));
  EXPECT_FALSE(error.empty());
}

TEST_F(CertificateFile, PlanIsReadable) {
  Evaluation evaluation = evaluatePlan(plan, archive);
  std::ostringstream os;
  printPlan(plan, os, &evaluation);
  EXPECT_NE(os.str().find("h = B-lin [h] (x): w1 (x) + b1"), std::string::npos)
      << os.str();
  EXPECT_NE(os.str().find("claim "), std::string::npos);
}

TEST_F(CertificateFile, ProgressNeverGoesBack) {
  EvaluateOptions options;
  double last = 0;
  unsigned calls = 0;
  options.progress = [&](double done, const std::string &) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, 1);
    last = done;
    ++calls;
  };
  evaluatePlan(plan, archive, options);
  EXPECT_GE(calls, 3u);
}

TEST(Facts, ClosureTightensAndNeverGuesses) {
  auto tokens = axes({{4, "token"}, {9, "feature"}});
  Facts facts;
  facts.lipToken = UpperBound::one();
  applyClosure(facts, tokens);
  EXPECT_EQ(facts.lipL2, UpperBound::fromInteger(2));
  EXPECT_EQ(facts.lipLInf, UpperBound::one());
  EXPECT_TRUE(facts.radiusL2.isUnbounded());
  EXPECT_FALSE(facts.range);
  facts.range = EntryRange{{Interval::of(1, 2)}, std::nullopt};
  applyClosure(facts, tokens);
  EXPECT_EQ(facts.radiusToken, UpperBound::fromInteger(6));
  EXPECT_EQ(facts.radiusL2, UpperBound::fromInteger(12));
  EXPECT_GE(facts.spread, UpperBound::fromDouble(1.5));
  EXPECT_LE(facts.spread, UpperBound::fromDouble(1.5).withSlack());
  // A free number of tokens leaves the whole tensor unbounded.
  tokens[0].size = SymbolicSize::symbol("N");
  Facts symbolic;
  symbolic.lipToken = symbolic.radiusToken = UpperBound::one();
  applyClosure(symbolic, tokens);
  EXPECT_TRUE(symbolic.lipL2.isUnbounded());
  EXPECT_TRUE(symbolic.radiusL2.isUnbounded());
}

TEST(Facts, ClaimsLeaveRoomAndKeepZeros) {
  Facts facts;
  facts.lipL2 = UpperBound::one();
  facts.lipLInf = UpperBound::zero();
  facts.range = EntryRange{{Interval::of(0, 3)}, std::nullopt};
  Facts claim = claimed(facts);
  EXPECT_GE(claim.lipL2.toDoubleUp(), 1 + 0x1p-40);
  EXPECT_TRUE(claim.lipLInf.isZero());
  EXPECT_TRUE(claim.lipToken.isUnbounded());
  EXPECT_EQ(claim.range->entries[0].lo, 0);
  EXPECT_GT(claim.range->entries[0].hi, 3);
}

TEST(Facts, SubnormalEndsGetRoomAsWell) {
  Interval claim = claimed(Interval::of(0x1p-1074, 0x1.8p-1073));
  EXPECT_LT(claim.lo, 0);
  EXPECT_GT(claim.hi, 0x1p-1001);
}

TEST(Facts, NormsFollowFromTheClaimedRange) {
  // A narrow range far from zero: its room is large against its width, and the
  // spread must cover it.
  auto width = axes({{1, "batch"}, {4, "feature"}});
  Facts facts;
  facts.range = EntryRange{{Interval::of(1000, 1000.0001)}, std::nullopt};
  Facts claim = closeAndClaim(facts, width);
  Facts again;
  again.range = claim.range;
  applyClosure(again, width);
  EXPECT_GE(claim.spread, again.spread);
  EXPECT_GE(claim.radiusToken, again.radiusToken);
  EXPECT_GE(claim.radiusL2, again.radiusL2);
}

TEST(Facts, EmbeddingDomainIsTheSmallestCentredBall) {
  MemoryArchive archive;
  auto ids = axes({{7, "token"}, {2, "feature"}});
  Plan plan;
  addTensor(plan, "e", ids);
  addTensor(plan, "y", ids);
  plan.question.origin = "e";
  plan.question.output = "y";
  plan.question.inputNorm = plan.question.outputNorm = Norm::MaxRms;
  plan.question.domain.kind = Domain::Kind::Embedding;
  plan.question.domain.table =
      archive.add("table", {3, 2}, {3, 4, 0, -1, 1, 1});
  addStep(plan, "y", "B-act", {"e"}, ActivationStep{"e", "relu", {}, nullptr});
  Facts origin = evaluatePlan(plan, archive).facts.at("e");
  EXPECT_GE(origin.radiusToken.toDoubleUp(), 5);
  EXPECT_LE(origin.radiusToken.toDoubleUp(), 5 * (1 + 1e-12));
  ASSERT_TRUE(origin.range);
  EXPECT_EQ(origin.range->hull().lo, -1);
  EXPECT_EQ(origin.range->hull().hi, 4);
}

} // namespace
