//===- Certificate.cpp - Writing .lipcert files ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Certificate/Certificate.h"

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace lipt;
using Json = nlohmann::ordered_json;

const char *lipt::toString(Norm norm) {
  switch (norm) {
  case Norm::L2:
    return "l2";
  case Norm::LInf:
    return "linf";
  case Norm::Rms:
    return "rms";
  case Norm::MaxRms:
    return "max-rms";
  }
  return "l2";
}

std::string lipt::toHexadecimal(double value) {
  if (std::isinf(value))
    return value > 0 ? "inf" : "-inf";
  char text[64];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

//===----------------------------------------------------------------------===//
// Hashes
//===----------------------------------------------------------------------===//

namespace {
class Hash {
public:
  Hash() : context(EVP_MD_CTX_new()) {
    valid = context && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1;
  }
  ~Hash() { EVP_MD_CTX_free(context); }
  Hash(const Hash &) = delete;
  Hash &operator=(const Hash &) = delete;

  void update(const void *data, size_t size) {
    valid = valid && EVP_DigestUpdate(context, data, size) == 1;
  }
  /// Empty on failure.
  std::string finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!valid || EVP_DigestFinal_ex(context, digest, &length) != 1)
      return {};
    static const char digits[] = "0123456789abcdef";
    std::string text;
    for (unsigned i = 0; i != length; ++i) {
      text += digits[digest[i] >> 4];
      text += digits[digest[i] & 15];
    }
    return text;
  }

private:
  EVP_MD_CTX *context;
  bool valid = false;
};
} // namespace

std::string lipt::hashBytes(const void *data, size_t size) {
  Hash hash;
  hash.update(data, size);
  return hash.finish();
}

std::string lipt::hashFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return {};
  Hash hash;
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), std::streamsize(buffer.size()));
    hash.update(buffer.data(), size_t(file.gcount()));
  }
  return file.bad() ? std::string() : hash.finish();
}

//===----------------------------------------------------------------------===//
// The parts of the file
//===----------------------------------------------------------------------===//

static Json boundJson(const UpperBound &bound) {
  auto [mantissa, exponent] = bound.toHex();
  return {{"m", toHexadecimal(mantissa)}, {"e", exponent}};
}

static Json axesJson(const std::vector<PlanAxis> &axes) {
  Json result = Json::array();
  for (const PlanAxis &axis : axes)
    result.push_back(axis.role);
  return result;
}

static Json domainJson(const Domain &domain) {
  switch (domain.kind) {
  case Domain::Kind::Ball:
    return {{"kind", "ball"},
            {"radius", boundJson(UpperBound::fromDouble(domain.radius))}};
  case Domain::Kind::Box:
    return {{"kind", "box"},
            {"lo", toHexadecimal(domain.lo)},
            {"hi", toHexadecimal(domain.hi)}};
  case Domain::Kind::Embedding:
    return {{"kind", "embedding"}};
  case Domain::Kind::OneHot:
    return {{"kind", "one-hot"}};
  case Domain::Kind::Global:
    break;
  }
  return {{"kind", "global"}};
}

static Json inputJson(const PlanInput &input, const Question &question) {
  Json result = {{"name", input.name}, {"axes", axesJson(input.axes)}};
  bool fixed = input.fixed && input.name != question.origin;
  result["status"] = fixed ? "fixed" : "varying";
  if (fixed) {
    Json domain = domainJson(input.domain);
    if (input.domain.kind == Domain::Kind::Ball)
      domain = {{"kind", "ball"},
                {"norm", toString(input.domainNorm)},
                {"radius", domain["radius"]}};
    result["domain"] = domain;
  }
  return result;
}

static Json questionJson(const Question &question) {
  Json result = {{"origin", question.origin},
                 {"input_norm", toString(question.inputNorm)},
                 {"output", question.output},
                 {"output_norm", toString(question.outputNorm)},
                 {"domain", domainJson(question.domain)}};
  if (question.selectIndex) {
    result["select"] = {{"index", *question.selectIndex}};
    if (question.selectMinus)
      result["select"]["minus"] = *question.selectMinus;
  }
  return result;
}

static Json witnessJson(const MatrixWitness &witness) {
  Json result = {{"key", witness.key}, {"method", witness.method}};
  if (witness.method == "collatz") {
    result["x"] = Json::array();
    for (double entry : witness.x)
      result["x"].push_back(toHexadecimal(entry));
  } else {
    result["transposed"] = witness.transposed;
    result["exponent"] = witness.exponent;
    result["tau"] = toHexadecimal(witness.tau);
  }
  result["norm"] = boundJson(witness.norm);
  return result;
}

static Json factsJson(const Facts &facts) {
  Json result = Json::object();
  auto put = [&](const char *group, const char *name, const UpperBound &bound) {
    if (!bound.isUnbounded())
      result[group][name] = boundJson(bound);
  };
  put("lip", "l2", facts.lipL2);
  put("lip", "linf", facts.lipLInf);
  put("lip", "token", facts.lipToken);
  put("radius", "l2", facts.radiusL2);
  put("radius", "token", facts.radiusToken);
  put("radius", "spread", facts.spread);
  if (facts.range) {
    Json lo = Json::array(), hi = Json::array();
    for (const Interval &entry : facts.range->entries) {
      lo.push_back(toHexadecimal(entry.lo));
      hi.push_back(toHexadecimal(entry.hi));
    }
    result["range"] = {{"lo", lo}, {"hi", hi}};
    if (facts.range->axis)
      result["range"]["axis"] = *facts.range->axis;
    else
      result["range"]["axis"] = nullptr;
  }
  return result;
}

/// "norm(t)" for a normalised source.
static std::string
nameOfSource(const std::string &source,
             const std::optional<LinStep::Normalized> &normalized) {
  return normalized && !source.empty() ? "norm(" + source + ")" : source;
}

/// The roles of a step: those of the plan, and what follows from its detail.
static std::map<std::string, std::string> rolesOf(const PlanStep &step) {
  std::map<std::string, std::string> roles = step.roles;
  auto fill = [&](const char *name, const std::string &value) {
    if (!value.empty())
      roles.emplace(name, value);
  };
  if (const auto *linear = std::get_if<LinStep>(&step.detail))
    fill("source",
         linear->normalized ? "norm(" + linear->source + ")" : linear->source);
  else if (const auto *act = std::get_if<ActivationStep>(&step.detail))
    fill("form", act->form);
  else if (const auto *row = std::get_if<RowStep>(&step.detail))
    fill("source", row->source);
  else if (const auto *norm = std::get_if<NormStep>(&step.detail))
    fill("source", norm->source);
  else if (const auto *core = std::get_if<AttentionStep>(&step.detail)) {
    std::string q = nameOfSource(core->sourceQ, core->normalizedQ);
    std::string k = nameOfSource(core->sourceK, core->normalizedK);
    std::string v = nameOfSource(core->sourceV, core->normalizedV);
    fill("attention", core->attention);
    fill("q", core->q);
    fill("k", core->k);
    fill("v", core->v);
    if (step.rule != "B-op") {
      bool self = q == k && k == v;
      fill("source", self ? q : "");
      fill("source_q", self ? "" : q);
      fill("source_k", self ? "" : k);
      fill("source_v", self ? "" : v);
    }
  }
  return roles;
}

static Json stepJson(const PlanStep &step, const StepEvaluation &evaluation) {
  Json roles = Json::object();
  for (const auto &[name, value] : rolesOf(step))
    roles[name] = value;
  return {{"tensor", step.tensor},
          {"rule", step.rule},
          {"nodes", step.nodes},
          {"inputs", step.inputs},
          {"roles", roles},
          {"facts", factsJson(evaluation.facts)},
          {"matrices", evaluation.matrices}};
}

static Json modelJson(const Plan &plan, const WeightArchive &archive,
                      std::string &error) {
  std::string hash = hashFile(archive.getPath());
  if (hash.empty())
    error = "cannot read '" + archive.getPath() + "' to hash it";
  else if (!plan.modelSha256.empty() && plan.modelSha256 != hash)
    error = "'" + archive.getPath() +
            "' is not the file that was analysed: its SHA-256 differs";
  std::string file =
      plan.modelFile.empty() ? archive.getPath() : plan.modelFile;
  Json initializers = Json::array();
  for (const std::string &key : archive.getKeys()) {
    const StoredTensor *tensor = archive.find(key);
    if (!tensor)
      continue;
    initializers.push_back(
        {{"name", key},
         {"type", std::string(toString(tensor->type))},
         {"shape", tensor->shape},
         {"sha256", hashBytes(tensor->data, tensor->byteCount)}});
  }
  return {{"file", std::filesystem::path(file).filename().string()},
          {"sha256", hash},
          {"initializers", initializers}};
}

std::string lipt::renderCertificate(const Evaluation &evaluation,
                                    const WeightArchive &archive,
                                    std::string &error) {
  error.clear();
  const Plan &plan = evaluation.plan;
  if (evaluation.claim.isUnbounded()) {
    error = "an unbounded result has no certificate";
    return {};
  }
  Json file = {{"format", "lipcert"},
               {"version", 1},
               {"tool", "lipt 0.1.0"},
               {"semantics", "real"}};
  file["model"] = modelJson(plan, archive, error);
  if (!error.empty())
    return {};
  file["sizes"] = Json::object();
  for (const auto &[name, size] : plan.sizes)
    file["sizes"][name] = size;
  file["inputs"] = Json::array();
  for (const PlanInput &input : plan.inputs)
    file["inputs"].push_back(inputJson(input, plan.question));
  file["question"] = questionJson(plan.question);
  file["matrices"] = Json::array();
  for (const auto &[key, witness] : evaluation.witnesses)
    file["matrices"].push_back(witnessJson(witness));
  file["steps"] = Json::array();
  for (size_t i = 0; i != plan.steps.size(); ++i) {
    // A step that states nothing proves nothing.
    Json step = stepJson(plan.steps[i], evaluation.steps[i]);
    if (!step["facts"].empty())
      file["steps"].push_back(std::move(step));
  }
  file["claim"] = {{"lipschitz", boundJson(evaluation.claim)}};
  return file.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool lipt::writeCertificate(const Evaluation &evaluation,
                            const WeightArchive &archive,
                            const std::string &path, std::string &error) {
  std::string text = renderCertificate(evaluation, archive, error);
  if (!error.empty())
    return false;
  std::string temporary = path + ".tmp" + std::to_string(getpid());
  bool written = false;
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file << text;
    file.flush();
    written = file.good();
  }
  std::error_code code;
  if (written)
    std::filesystem::rename(temporary, path, code);
  if (!written || code) {
    error = "cannot write '" + path + "'" +
            (code ? ": " + code.message() : std::string());
    std::filesystem::remove(temporary, code);
    return false;
  }
  return true;
}
