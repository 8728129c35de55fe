//===- Certificate.cpp - Parsing certificates -----------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Certificate.h"

#include "lipt/Checker/Rejection.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <set>

using namespace lipt::checker;
using Json = nlohmann::json;

std::string lipt::checker::nameOf(Norm norm) {
  switch (norm) {
  case Norm::L2:
    return "l2";
  case Norm::Linf:
    return "linf";
  case Norm::Rms:
    return "rms";
  case Norm::MaxRms:
    return "max-rms";
  }
  return "";
}

std::string Step::role(const std::string &name) const {
  auto found = roles.find(name);
  return found == roles.end() ? "" : found->second;
}

namespace {

/// One JSON object whose every field must be known: reading a field marks it,
/// finish() refuses what is left.
class Fields {
public:
  Fields(const Json &object, std::string where)
      : object(object), where(std::move(where)) {
    if (!object.is_object())
      reject(this->where, ": an object is expected");
  }
  const Json *find(const char *key) {
    seen.insert(key);
    auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }
  const Json &get(const char *key) {
    const Json *found = find(key);
    if (!found)
      reject(where, ": the field '", key, "' is missing");
    return *found;
  }
  std::string path(const char *key) const { return where + "." + key; }
  void finish() const {
    for (auto item = object.begin(); item != object.end(); ++item)
      if (!seen.count(item.key()))
        reject(where, ": unknown field '", item.key(), "'");
  }

private:
  const Json &object;
  std::string where;
  std::set<std::string> seen;
};

std::string asString(const Json &json, const std::string &where) {
  if (!json.is_string())
    reject(where, ": a string is expected");
  return json.get<std::string>();
}

int64_t asInteger(const Json &json, const std::string &where) {
  if (!json.is_number_integer() ||
      (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX))
    reject(where, ": a 64-bit integer is expected");
  return json.get<int64_t>();
}

const Json &asArray(const Json &json, const std::string &where) {
  if (!json.is_array())
    reject(where, ": a list is expected");
  return json;
}

std::vector<std::string> asStrings(const Json &json, const std::string &where) {
  std::vector<std::string> list;
  for (const Json &entry : asArray(json, where))
    list.push_back(asString(entry, where));
  return list;
}

/// A hexadecimal double: sign, 0x, one binary digit, up to 13 hexadecimal
/// ones, a binary exponent. Nothing is rounded in reading it.
double asDouble(const Json &json, const std::string &where) {
  std::string text = asString(json, where);
  if (text == "inf")
    return HUGE_VAL;
  if (text == "-inf")
    return -HUGE_VAL;
  size_t i = text.size() && text[0] == '-' ? 1 : 0;
  auto digits = [&](const char *set) {
    size_t begin = i;
    while (i < text.size() &&
           std::string_view(set).find(text[i]) != std::string_view::npos)
      ++i;
    return i - begin;
  };
  bool good = text.compare(i, 2, "0x") == 0;
  i += 2;
  good = good && digits("01") == 1;
  if (good && i < text.size() && text[i] == '.') {
    ++i;
    size_t fraction = digits("0123456789abcdef");
    good = fraction >= 1 && fraction <= 13;
  }
  good = good && i < text.size() && text[i++] == 'p';
  if (good && i < text.size() && (text[i] == '+' || text[i] == '-'))
    ++i;
  size_t exponent = good ? digits("0123456789") : 0;
  if (!good || exponent < 1 || exponent > 4 || i != text.size())
    reject(where, ": '", text.substr(0, 40), "' is not a hexadecimal double");
  double value = std::strtod(text.c_str(), nullptr);
  if (!std::isfinite(value))
    reject(where, ": '", text, "' is not finite");
  return value;
}

Extended asBound(const Json &json, const std::string &where) {
  Fields fields(json, where);
  double m = asDouble(fields.get("m"), fields.path("m"));
  int64_t e = asInteger(fields.get("e"), fields.path("e"));
  fields.finish();
  auto bound = Extended::fromPair(m, e);
  if (!bound)
    reject(where, ": m must lie in [1, 2), or both m and e be zero");
  return *bound;
}

Norm asNorm(const Json &json, const std::string &where) {
  std::string text = asString(json, where);
  for (Norm norm : {Norm::L2, Norm::Linf, Norm::Rms, Norm::MaxRms})
    if (text == nameOf(norm))
      return norm;
  reject(where, ": unknown norm '", text, "'");
}

Domain asDomain(const Json &json, const std::string &where, Norm norm) {
  Fields fields(json, where);
  Domain domain;
  domain.norm = norm;
  std::string kind = asString(fields.get("kind"), fields.path("kind"));
  if (const Json *own = fields.find("norm"))
    domain.norm = asNorm(*own, fields.path("norm"));
  if (kind == "global") {
    domain.kind = Domain::Kind::Global;
  } else if (kind == "ball") {
    domain.kind = Domain::Kind::Ball;
    domain.radius = asBound(fields.get("radius"), fields.path("radius"));
  } else if (kind == "box") {
    domain.kind = Domain::Kind::Box;
    auto box = Interval::make(asDouble(fields.get("lo"), fields.path("lo")),
                              asDouble(fields.get("hi"), fields.path("hi")));
    if (!box)
      reject(where, ": lo must not exceed hi");
    domain.box = *box;
  } else if (kind == "embedding") {
    domain.kind = Domain::Kind::Embedding;
  } else if (kind == "one-hot") {
    domain.kind = Domain::Kind::OneHot;
  } else {
    reject(where, ": unknown kind '", kind, "'");
  }
  fields.finish();
  return domain;
}

Range asRange(const Json &json, const std::string &where) {
  Fields fields(json, where);
  const Json &lo = asArray(fields.get("lo"), fields.path("lo"));
  const Json &hi = asArray(fields.get("hi"), fields.path("hi"));
  Range range;
  const Json &axis = fields.get("axis");
  if (!axis.is_null())
    range.axis = asInteger(axis, fields.path("axis"));
  fields.finish();
  if (lo.size() != hi.size() || lo.empty() || (!range.axis && lo.size() != 1))
    reject(where, ": lo and hi must have one entry per index of the axis");
  for (size_t i = 0; i < lo.size(); ++i) {
    auto entry = Interval::make(asDouble(lo[i], where), asDouble(hi[i], where));
    if (!entry)
      reject(where, ": lo exceeds hi at index ", i);
    range.entries.push_back(*entry);
  }
  return range;
}

Facts asFacts(const Json &json, const std::string &where) {
  Fields fields(json, where);
  Facts facts;
  struct Field {
    const char *group, *name, *flat;
    Extended Facts::*target;
  };
  static const Field known[] = {
      {"lip", "l2", "lip.l2", &Facts::lipL2},
      {"lip", "linf", "lip.linf", &Facts::lipLinf},
      {"lip", "token", "lip.token", &Facts::lipToken},
      {"radius", "l2", "radius.l2", &Facts::radiusL2},
      {"radius", "token", "radius.token", &Facts::radiusToken},
      {"radius", "spread", "radius.spread", &Facts::spread}};
  for (const char *group : {"lip", "radius"}) {
    const Json *object = fields.find(group);
    if (!object)
      continue;
    Fields inner(*object, where + "." + group);
    for (const Field &field : known)
      if (std::string(field.group) == group)
        if (const Json *value = inner.find(field.name))
          facts.*field.target = asBound(*value, inner.path(field.name));
    inner.finish();
  }
  for (const Field &field : known)
    if (const Json *value = fields.find(field.flat))
      facts.*field.target =
          min(facts.*field.target, asBound(*value, fields.path(field.flat)));
  if (const Json *range = fields.find("range"))
    facts.range = asRange(*range, fields.path("range"));
  fields.finish();
  return facts;
}

Step asStep(const Json &json, const std::string &where) {
  Fields fields(json, where);
  Step step;
  step.tensor = asString(fields.get("tensor"), fields.path("tensor"));
  step.rule = asString(fields.get("rule"), fields.path("rule"));
  if (const Json *nodes = fields.find("nodes"))
    step.nodes = asStrings(*nodes, fields.path("nodes"));
  step.inputs = asStrings(fields.get("inputs"), fields.path("inputs"));
  if (const Json *roles = fields.find("roles")) {
    if (!roles->is_object())
      reject(where, ".roles: an object is expected");
    for (auto item = roles->begin(); item != roles->end(); ++item)
      step.roles[item.key()] =
          asString(item.value(), where + ".roles." + item.key());
  }
  step.facts = asFacts(fields.get("facts"), fields.path("facts"));
  if (const Json *matrices = fields.find("matrices"))
    step.matrices = asStrings(*matrices, fields.path("matrices"));
  fields.finish();
  return step;
}

ClaimedMatrix asMatrix(const Json &json, const std::string &where) {
  Fields fields(json, where);
  ClaimedMatrix matrix;
  matrix.key = asString(fields.get("key"), fields.path("key"));
  std::string method = asString(fields.get("method"), fields.path("method"));
  if (const Json *transposed = fields.find("transposed")) {
    if (!transposed->is_boolean())
      reject(where, ".transposed: true or false is expected");
    matrix.witness.transposed = transposed->get<bool>();
  }
  if (const Json *exponent = fields.find("exponent"))
    matrix.witness.exponent = asInteger(*exponent, fields.path("exponent"));
  matrix.norm = asBound(fields.get("norm"), fields.path("norm"));
  if (method == "cholesky") {
    matrix.witness.method = NormWitness::Method::Cholesky;
    matrix.witness.tau = asDouble(fields.get("tau"), fields.path("tau"));
  } else if (method == "collatz") {
    matrix.witness.method = NormWitness::Method::Collatz;
    for (const Json &entry : asArray(fields.get("x"), fields.path("x")))
      matrix.witness.x.push_back(asDouble(entry, fields.path("x")));
  } else {
    reject(where, ": unknown method '", method, "'");
  }
  fields.finish();
  return matrix;
}

void readModelPart(const Json &json, Certificate &certificate) {
  Fields fields(json, "model");
  if (const Json *file = fields.find("file"))
    asString(*file, "model.file");
  certificate.modelSha256 = asString(fields.get("sha256"), "model.sha256");
  for (const Json &entry :
       asArray(fields.get("initializers"), "model.initializers")) {
    Fields own(entry, "model.initializers");
    Certificate::Initializer initializer;
    initializer.name = asString(own.get("name"), own.path("name"));
    initializer.type = asString(own.get("type"), own.path("type"));
    initializer.sha256 = asString(own.get("sha256"), own.path("sha256"));
    for (const Json &extent : asArray(own.get("shape"), own.path("shape")))
      initializer.shape.push_back(asInteger(extent, own.path("shape")));
    own.finish();
    certificate.initializers.push_back(initializer);
  }
  fields.finish();
}

void readQuestion(const Json &json, Certificate &certificate) {
  Fields fields(json, "question");
  certificate.origin = asString(fields.get("origin"), "question.origin");
  certificate.output = asString(fields.get("output"), "question.output");
  certificate.inputNorm =
      asNorm(fields.get("input_norm"), "question.input_norm");
  certificate.outputNorm =
      asNorm(fields.get("output_norm"), "question.output_norm");
  certificate.domain =
      asDomain(fields.get("domain"), "question.domain", certificate.inputNorm);
  if (const Json *select = fields.find("select")) {
    Fields own(*select, "question.select");
    certificate.selectIndex =
        asInteger(own.get("index"), "question.select.index");
    if (const Json *minus = own.find("minus"))
      certificate.selectMinus = asInteger(*minus, "question.select.minus");
    own.finish();
  }
  fields.finish();
}

void readInputs(const Json &json, Certificate &certificate) {
  for (const Json &entry : asArray(json, "inputs")) {
    Fields fields(entry, "inputs");
    CertificateInput input;
    input.name = asString(fields.get("name"), "inputs.name");
    for (const std::string &axis :
         asStrings(fields.get("axes"), "inputs.axes")) {
      auto role = parseRole(axis);
      if (!role)
        reject("inputs: unknown axis role '", axis, "'");
      input.axes.push_back(*role);
    }
    std::string status = asString(fields.get("status"), "inputs.status");
    if (status != "varying" && status != "fixed")
      reject("inputs: unknown status '", status, "'");
    input.varying = status == "varying";
    if (const Json *domain = fields.find("domain"))
      input.domain = asDomain(*domain, "inputs.domain", Norm::L2);
    fields.finish();
    certificate.inputs.push_back(input);
  }
}

Certificate readCertificate(const Json &json) {
  Certificate certificate;
  Fields fields(json, "certificate");
  if (asString(fields.get("format"), "format") != "lipcert")
    reject("the format is not 'lipcert'");
  if (asInteger(fields.get("version"), "version") != 1)
    reject("the version of the certificate is not 1");
  if (const Json *tool = fields.find("tool"))
    asString(*tool, "tool");
  if (asString(fields.get("semantics"), "semantics") != "real")
    reject("the semantics is not 'real'");
  readModelPart(fields.get("model"), certificate);
  if (const Json *sizes = fields.find("sizes")) {
    if (!sizes->is_object())
      reject("sizes: an object is expected");
    for (auto item = sizes->begin(); item != sizes->end(); ++item)
      certificate.sizes[item.key()] = asInteger(item.value(), "sizes");
  }
  readInputs(fields.get("inputs"), certificate);
  readQuestion(fields.get("question"), certificate);
  size_t index = 0;
  if (const Json *matrices = fields.find("matrices"))
    for (const Json &entry : asArray(*matrices, "matrices"))
      certificate.matrices.push_back(
          asMatrix(entry, "matrices[" + std::to_string(index++) + "]"));
  index = 0;
  for (const Json &entry : asArray(fields.get("steps"), "steps"))
    certificate.steps.push_back(
        asStep(entry, "steps[" + std::to_string(index++) + "]"));
  Fields claim(fields.get("claim"), "claim");
  certificate.lipschitz = asBound(claim.get("lipschitz"), "claim.lipschitz");
  claim.finish();
  fields.finish();
  return certificate;
}

} // namespace

Certificate lipt::checker::parseCertificate(const std::string &text) {
  try {
    return readCertificate(Json::parse(text));
  } catch (const Json::exception &error) {
    reject("the certificate is not JSON: ", error.what());
  }
}
