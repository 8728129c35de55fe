//===- Origin.cpp - The question's origin, domain and first facts ---------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Origin.h"

#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rules.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

bool isGraphInput(const Graph &graph, const std::string &name) {
  return std::any_of(
      graph.model().inputs.begin(), graph.model().inputs.end(),
      [&](const GraphInput &input) { return input.name == name; });
}

/// The embedding Gather that produces the origin, or null.
const Node *embeddingOf(const Graph &graph, const std::string &origin) {
  const Node *node = producerOf(graph, origin, "Gather");
  return node && graph.constant(node->input(0)) &&
                 !graph.isConstant(node->input(1))
             ? node
             : nullptr;
}

/// 0/1 entries: the float Cast of a boolean or of a comparison's result.
bool isOneHot(const Graph &graph, const std::string &origin) {
  const Node *node = producerOf(graph, origin, "Cast");
  return node && graph.info(node->inputs[0]).type == ElementType::Bool;
}

Extended root(const std::optional<int64_t> &count) {
  return count ? sqrtOfIntegerUp(*count) : Extended::unbounded();
}

void applyDomain(Facts &facts, const Domain &domain, const Layout &layout) {
  switch (domain.kind) {
  case Domain::Kind::Global:
    break;
  case Domain::Kind::Box:
    facts.range = Range::everywhere(domain.box);
    break;
  case Domain::Kind::Ball: {
    double radius = domain.radius.toDoubleUp();
    switch (domain.norm) {
    case Norm::L2:
      facts.radiusL2 = domain.radius;
      break;
    case Norm::Rms:
      facts.radiusL2 = times(domain.radius, root(layout.counts.all));
      break;
    case Norm::MaxRms:
      facts.radiusToken = times(domain.radius, root(layout.counts.width));
      break;
    case Norm::Linf:
      if (std::isfinite(radius))
        facts.range = Range::everywhere(Interval::symmetric(radius));
      break;
    }
    break;
  }
  case Domain::Kind::Embedding:
  case Domain::Kind::OneHot:
    break; // origin only, below
  }
}

} // namespace

std::string lipt::checker::describeDomain(const Domain &domain) {
  switch (domain.kind) {
  case Domain::Kind::Global:
    return "for all inputs";
  case Domain::Kind::Ball:
    return "in the ball of radius " + domain.radius.toDecimalUp() + " (" +
           nameOf(domain.norm) + ")";
  case Domain::Kind::Box:
    return detail::concatenate("in the box [", domain.box.lo, ", ",
                               domain.box.hi, "]");
  case Domain::Kind::Embedding:
    return "in the ball of the embedding table";
  case Domain::Kind::OneHot:
    return "for entries in [0, 1]";
  }
  return "";
}

void lipt::checker::prepareQuestion(Graph &graph,
                                    const Certificate &certificate) {
  std::map<std::string, std::vector<Role>> roles;
  int varying = 0;
  bool originIsInput = isGraphInput(graph, certificate.origin);
  for (const CertificateInput &input : certificate.inputs) {
    if (!isGraphInput(graph, input.name) ||
        !roles.emplace(input.name, input.axes).second)
      reject("inputs: '", input.name,
             "' is listed twice or no input of the model");
    if (!input.varying)
      continue;
    ++varying;
    if (originIsInput && input.name != certificate.origin)
      reject("inputs: '", input.name, "' varies but is not the origin");
  }
  if (varying != 1)
    reject("inputs: exactly one input must vary");
  const TensorInfo &origin = graph.info(certificate.origin);
  if (!isFloat(origin.type))
    reject("the origin '", certificate.origin, "' is no floating-point tensor");
  if (origin.isConstant)
    reject("the origin '", certificate.origin, "' is constant");
  if (!originIsInput && !embeddingOf(graph, certificate.origin) &&
      !isOneHot(graph, certificate.origin))
    reject("the origin '", certificate.origin,
           "' is neither a graph input nor computed from integers alone");
  // The output may be named through transparent nodes: Identity(h) = y.
  const auto &outputs = graph.model().outputs;
  if (std::none_of(outputs.begin(), outputs.end(),
                   [&](const std::string &output) {
                     return graph.canonical(output) ==
                            graph.canonical(certificate.output);
                   }))
    reject("'", certificate.output, "' is no output of the model");
  graph.assignRoles(roles, graph.canonical(certificate.origin));
}

std::map<std::string, Facts>
lipt::checker::initialFacts(const Graph &graph,
                            const Certificate &certificate) {
  std::map<std::string, Facts> facts;
  for (const CertificateInput &input : certificate.inputs) {
    if (input.name == certificate.origin ||
        !isFloat(graph.info(input.name).type))
      continue;
    Facts fixed = Facts::fixed();
    Layout layout = Layout::of(graph, input.name);
    applyDomain(fixed, input.domain, layout);
    close(fixed, layout);
    facts[input.name] = fixed;
  }
  std::string name = graph.canonical(certificate.origin);
  Layout layout = Layout::of(graph, name);
  Facts origin;
  switch (certificate.inputNorm) {
  case Norm::L2:
  case Norm::Rms:
    origin.lipL2 = origin.lipToken = origin.lipLinf = Extended::one();
    break;
  case Norm::Linf:
    origin.lipLinf = Extended::one();
    break;
  case Norm::MaxRms:
    origin.lipToken = origin.lipLinf = Extended::one();
    break;
  }
  applyDomain(origin, certificate.domain, layout);
  if (certificate.domain.kind == Domain::Kind::Embedding) {
    const Node *gather = embeddingOf(graph, name);
    if (!gather || gather->integer("axis", 0) != 0)
      reject("question.domain: the origin is not the output of an embedding");
    Facts table = tableFacts(*graph.constant(gather->inputs[0]), layout);
    origin.radiusToken = table.radiusToken;
    if (!table.range)
      reject("question.domain: the embedding table has no finite rows");
    // One interval for all entries: "within the table's min and max".
    origin.range = Range::everywhere(table.range->hull());
  }
  if (certificate.domain.kind == Domain::Kind::OneHot) {
    if (!isOneHot(graph, name))
      reject("question.domain: the origin's entries are not 0 or 1");
    origin.range = Range::everywhere({0, 1});
  }
  close(origin, layout);
  facts[name] = origin;
  return facts;
}
