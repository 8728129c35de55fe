//===- Check.cpp - Checking a certificate against a model -----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Check.h"

#include "Origin.h"
#include "TensorReading.h"
#include "lipt/Checker/Certificate.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"
#include "lipt/Checker/Rules.h"

#include <atomic>
#include <exception>
#include <new>
#include <set>
#include <thread>

using namespace lipt::checker;

namespace {

/// The weights are the ones that the certificate was made for.
void compareModel(const Certificate &certificate, const Model &model) {
  if (certificate.modelSha256 != model.sha256)
    reject("the model file's SHA-256 is ", model.sha256,
           ", the certificate is for ", certificate.modelSha256.substr(0, 64));
  std::map<std::string, const StoredTensor *> stored;
  for (const StoredTensor &tensor : model.stored)
    stored[tensor.name] = &tensor;
  std::set<std::string> listed;
  for (const Certificate::Initializer &initializer : certificate.initializers) {
    auto found = stored.find(initializer.name);
    if (found == stored.end() || !listed.insert(initializer.name).second)
      reject("model.initializers: '", initializer.name,
             "' is listed twice or not in the model");
    const Tensor &tensor = found->second->value;
    if (initializer.type != nameOf(tensor.type) ||
        initializer.shape != tensor.shape)
      reject("model.initializers: '", initializer.name,
             "' has another type or shape");
    if (initializer.sha256 != sha256(tensor.bytes(), tensor.byteCount()))
      reject("model.initializers: the hash of '", initializer.name,
             "' differs");
  }
  for (const StoredTensor &tensor : model.stored)
    if (tensor.isInitializer && !listed.count(tensor.name))
      reject("model.initializers: '", tensor.name, "' is missing");
}

class Verifier {
public:
  Verifier(const Certificate &certificate, const Graph &graph,
           const CheckOptions &options)
      : certificate(certificate), graph(graph), options(options), maps(graph) {}

  void run() {
    established.facts = initialFacts(graph, certificate);
    verifyMatrices();
    for (size_t i = 0; i < certificate.steps.size(); ++i) {
      const Step &step = certificate.steps[i];
      try {
        verifyStep(step, i + 1 == certificate.steps.size());
      } catch (const Rejection &rejection) {
        reject("step ", i, " (", step.rule, ", '", step.tensor,
               "'): ", rejection.what());
      }
    }
    verifyClaim();
  }

private:
  void log(const std::string &line) {
    if (options.log)
      options.log(line);
  }

  /// Every matrix on its own, shared out between threads.
  void verifyMatrices() {
    size_t count = certificate.matrices.size();
    std::vector<std::string> keys(count);
    std::vector<std::exception_ptr> failures(count);
    std::atomic<size_t> next = 0;
    auto work = [&] {
      for (size_t i; (i = next++) < count;)
        try {
          keys[i] =
              verifyMatrix(graph, maps, certificate, certificate.matrices[i]);
        } catch (...) {
          failures[i] = std::current_exception();
        }
    };
    std::vector<std::thread> helpers;
    for (unsigned i = 1; i < options.threads && i < count; ++i)
      helpers.emplace_back(work);
    work();
    for (std::thread &helper : helpers)
      helper.join();
    for (size_t i = 0; i < count; ++i) {
      if (failures[i])
        try {
          std::rethrow_exception(failures[i]);
        } catch (const Rejection &rejection) {
          reject("matrix ", certificate.matrices[i].key, ": ",
                 rejection.what());
        }
      auto [entry, fresh] =
          established.norms.emplace(keys[i], certificate.matrices[i].norm);
      if (!fresh)
        entry->second = min(entry->second, certificate.matrices[i].norm);
      log("matrix " + certificate.matrices[i].key +
          ": norm <= " + certificate.matrices[i].norm.toDecimalUp());
    }
  }

  /// The step's nodes are the ones that its rule covers: each of those is
  /// listed, in graph order, and every listed one is covered, constant,
  /// transparent, or lies between the inputs and the tensor (the shift inside
  /// a softmax, say).
  void compareNodes(const RuleContext &context) {
    const Step &step = context.step;
    std::set<int64_t> listed;
    int64_t last = -1;
    for (const std::string &name : step.nodes) {
      int64_t index = graph.info(name).producer;
      if (index < 0)
        reject("nodes: '", name, "' is produced by no node");
      if (index <= last)
        reject("nodes: '", name, "' is not in graph order");
      last = index;
      listed.insert(index);
    }
    if (!step.nodes.empty() &&
        graph.info(graph.canonical(step.nodes.back())).producer !=
            graph.info(context.tensor).producer)
      reject("nodes: the last one does not produce the tensor");
    for (int64_t index : context.covered())
      if (!listed.count(index))
        reject("nodes: '", graph.nodes()[index].name(), "' is missing");
    std::set<int64_t> between;
    std::vector<std::string> open = {context.tensor};
    std::set<std::string> stops;
    for (const std::string &input : step.inputs)
      stops.insert(graph.canonical(input));
    while (!open.empty()) {
      std::string tensor = graph.canonical(open.back());
      open.pop_back();
      const Node *node = graph.producer(tensor);
      if (!node || stops.count(tensor) ||
          !between.insert(graph.indexOf(*node)).second)
        continue;
      for (const std::string &input : node->inputs)
        if (!input.empty() && !graph.isConstant(input))
          open.push_back(input);
    }
    for (const std::string &name : step.nodes) {
      const Node &node = *graph.producer(name);
      int64_t index = graph.indexOf(node);
      if (!context.covered().count(index) && !between.count(index) &&
          !graph.isTransparent(node) && !graph.isConstant(name))
        reject("nodes: '", name, "' is no part of the step");
    }
  }

  void verifyStep(const Step &step, bool isLast) {
    Rule rule = findRule(step.rule);
    if (!rule)
      reject("unknown rule");
    graph.info(step.tensor);
    for (const std::string &input : step.inputs)
      if (!established.facts.count(
              graph.canonical(graph.info(input).shape ? input : input)))
        reject("the input '", input, "' has no facts yet");
    if (graph.isConstant(step.tensor) || !isFloat(graph.info(step.tensor).type))
      reject("the tensor is constant or no floating-point tensor");
    RuleContext context(graph, maps, established, step);
    context.selectIndex = certificate.selectIndex;
    context.selectMinus = certificate.selectMinus;
    const std::string &tensor = context.tensor;
    bool alias = step.tensor != tensor;
    if (tensor == graph.canonical(certificate.origin) && !alias)
      reject("the origin's facts are given by the domain");
    for (const std::string &key : step.matrices)
      if (!isListed(key))
        reject("the matrix '", key, "' is not in the certificate");
    Facts recomputed = rule(context);
    compareNodes(context);
    if (!graph.info(tensor).dependsOnOrigin)
      recomputed.lipL2 = recomputed.lipLinf = recomputed.lipToken =
          Extended::zero();
    bool row = step.rule == "B-row";
    if (row && !isLast)
      reject("B-row must be the last step");
    if (row && tensor != graph.canonical(certificate.output))
      reject("B-row must be about the output");
    if (!row) {
      auto known = established.facts.find(tensor);
      if (known != established.facts.end())
        recomputed = combine(known->second, recomputed);
      close(recomputed, context.layout);
    }
    if (const auto &range = step.facts.range; range && range->axis) {
      int64_t axis = *range->axis;
      if (axis < 0 || axis >= int64_t(context.layout.shape.size()) ||
          context.layout.shape[axis] != Size(int64_t(range->entries.size())))
        reject("the range does not fit the tensor's axis ", axis);
    }
    if (auto fault = firstUnproved(recomputed, step.facts))
      reject(*fault);
    Facts stated = step.facts;
    if (!graph.info(tensor).dependsOnOrigin)
      stated.lipL2 = stated.lipLinf = stated.lipToken = Extended::zero();
    if (row) {
      selected = stated;
      log("B-row: verified");
      return;
    }
    Facts &known = established.facts[tensor];
    known = combine(known, stated);
    close(known, context.layout);
    log(step.rule + " " + step.tensor + ": lip l2 " +
        known.lipL2.toDecimalUp() + ", linf " + known.lipLinf.toDecimalUp() +
        ", token " + known.lipToken.toDecimalUp());
  }

  bool isListed(const std::string &key) const {
    for (const ClaimedMatrix &matrix : certificate.matrices)
      if (matrix.key == key)
        return true;
    return false;
  }

  /// docs/Certificate.md §6.
  void verifyClaim() {
    std::string output = graph.canonical(certificate.output);
    if (certificate.selectIndex && !selected)
      reject("question.select needs a last step B-row");
    auto found = established.facts.find(output);
    if (!selected && found == established.facts.end())
      reject("no facts are established for the output");
    const Facts &facts = selected ? *selected : found->second;
    // √(lengths of the origin / lengths of the output); free symbols may
    // cancel.
    bool wholeIn = certificate.inputNorm == Norm::Rms,
         tokensIn = certificate.inputNorm == Norm::MaxRms,
         wholeOut = certificate.outputNorm == Norm::Rms,
         tokensOut = certificate.outputNorm == Norm::MaxRms;
    Size above =
        wholeIn || tokensIn ? lengths(certificate.origin, wholeIn) : Size(1);
    Size below = wholeOut || tokensOut ? lengths(output, wholeOut) : Size(1);
    if (selected && (wholeOut || tokensOut)) {
      auto rest = below.dividedBy(graph.shape(output).back());
      below = rest ? *rest : below;
    }
    const Extended &lip = certificate.outputNorm == Norm::Linf ? facts.lipLinf
                          : tokensOut                          ? facts.lipToken
                                                               : facts.lipL2;
    Extended bound = times(lip, rootOfRatio(above, below));
    if (!(bound <= certificate.lipschitz))
      reject("the claim is ", certificate.lipschitz.toDecimalUp(12),
             ", recomputed ", bound.toDecimalUp(12));
  }

  /// Product of all lengths of a tensor, or of its width axes.
  Size lengths(const std::string &name, bool all) const {
    const auto &shape = graph.shape(name);
    const auto &roles = graph.info(graph.canonical(name)).roles;
    Size result(1);
    for (size_t i = 0; i < shape.size(); ++i)
      if (all || !isPosition(roles.at(i)))
        result = result * shape[i];
    return result;
  }

  /// √(above/below), unbounded where symbols remain.
  static Extended rootOfRatio(const Size &above, const Size &below) {
    if (above == below)
      return Extended::one();
    if (auto ratio = above.dividedBy(below); ratio && ratio->constant())
      return sqrtOfIntegerUp(*ratio->constant());
    auto inverse = below.dividedBy(above);
    auto a = above.constant(), b = below.constant();
    if (inverse && inverse->constant()) {
      a = 1;
      b = inverse->constant();
    }
    if (!a || !b || *b < 1)
      return Extended::unbounded();
    return (Extended::fromInteger(*a) / static_cast<double>(*b)).sqrt();
  }

  const Certificate &certificate;
  const Graph &graph;
  const CheckOptions &options;
  AffineMaps maps;
  Established established;
  std::optional<Facts> selected;
};

std::string describe(const Certificate &certificate) {
  std::string text = certificate.lipschitz.toDecimalUp(15) + " " +
                     nameOf(certificate.inputNorm) + " -> " +
                     nameOf(certificate.outputNorm) + ", '" +
                     certificate.origin + "' to '" + certificate.output + "'";
  if (certificate.selectIndex) {
    text += "[" + std::to_string(*certificate.selectIndex) + "]";
    if (certificate.selectMinus)
      text += " - [" + std::to_string(*certificate.selectMinus) + "]";
  }
  text += ", " + describeDomain(certificate.domain);
  for (const auto &[name, length] : certificate.sizes)
    text += ", " + name + " = " + std::to_string(length);
  return text;
}

std::string check(const std::string &certificatePath,
                  const std::string &modelPath, const CheckOptions &options) {
  if (auto fault = floatingPointEnvironmentFault())
    reject(*fault);
  Certificate certificate;
  Model model = readModel(modelPath);
  {
    MappedFile file = mapFile(certificatePath);
    if (file.size > size_t(1) << 30)
      reject("the certificate is larger than 1 GiB");
    certificate = parseCertificate(
        std::string(reinterpret_cast<const char *>(file.bytes), file.size));
  }
  compareModel(certificate, model);
  Graph graph(std::move(model), certificate.sizes);
  prepareQuestion(graph, certificate);
  Verifier(certificate, graph, options).run();
  return describe(certificate);
}

} // namespace

CheckResult lipt::checker::checkCertificate(const std::string &certificatePath,
                                            const std::string &modelPath,
                                            const CheckOptions &options) {
  using Status = CheckResult::Status;
  try {
    return {Status::Verified, check(certificatePath, modelPath, options)};
  } catch (const Rejection &rejection) {
    return {Status::Rejected, rejection.what()};
  } catch (const UnreadableModel &fault) {
    return {Status::Unreadable, fault.what()};
  } catch (const std::bad_alloc &) {
    return {Status::Unreadable, "not enough memory"};
  } catch (const std::exception &fault) {
    return {Status::Rejected, std::string("internal error: ") + fault.what()};
  }
}
