//===- Certify.cpp - What lipt-certify does ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Tools/Certify.h"

#include "Explanation.h"
#include "LoadModel.h"
#include "PublishedFormula.h"
#include "Sandwich.h"
#include "lipt/Certificate/Certificate.h"
#include "lipt/Certificate/PrintPlan.h"
#include "lipt/InitAll.h"
#include "lipt/Support/Rounding.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_os_ostream.h"

#include <sstream>

using namespace lipt;
using namespace mlir;

std::optional<Norm> lipt::parseNorm(StringRef text) {
  for (Norm norm : {Norm::L2, Norm::LInf, Norm::Rms, Norm::MaxRms})
    if (text == toString(norm))
      return norm;
  return std::nullopt;
}

/// Prints the first error of a context and swallows what follows from it.
namespace {
class OneDiagnostic : public ScopedDiagnosticHandler {
public:
  explicit OneDiagnostic(MLIRContext &context)
      : ScopedDiagnosticHandler(&context) {
    setHandler([this](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() != DiagnosticSeverity::Error || reported)
        return success();
      reported = true;
      std::string text = diagnostic.str();
      llvm::WithColor::error(llvm::errs(), "lipt-certify")
          << describePlace(diagnostic.getLocation(), text) << text << "\n";
      return success();
    });
  }

private:
  /// "file: " or "file:line:column: ", unless the message begins with the file.
  /// A binary file has no lines; its nodes are named in the message.
  static std::string describePlace(Location location, StringRef message) {
    auto place = location->findInstanceOf<FileLineColLoc>();
    if (!place || message.starts_with("'" + place.getFilename().str() + "'"))
      return "";
    std::string text = place.getFilename().str();
    if (place.getLine() != 0)
      text += ":" + std::to_string(place.getLine()) + ":" +
              std::to_string(place.getColumn());
    return text + ": ";
  }

  bool reported = false;
};

/// A line that rewrites itself on a terminal; nothing when piped.
class Progress {
public:
  explicit Progress(bool enabled)
      : enabled(enabled && llvm::sys::Process::StandardErrIsDisplayed()) {}
  ~Progress() { clear(); }
  void show(double done, const std::string &what) {
    if (!enabled)
      return;
    clear();
    llvm::errs() << llvm::format("%3.0f %% ", 100 * done)
                 << StringRef(what).take_front(70);
    llvm::errs().flush();
    shown = true;
  }
  void clear() {
    if (shown)
      llvm::errs() << "\r\x1b[K";
    shown = false;
  }

private:
  bool enabled, shown = false;
};
} // namespace

/// Enough that rounding the decimal up costs less than the claim's own room.
static constexpr int certifiedDigits = 15;

/// The bound of a tensor in the norm that the table shows.
static const UpperBound &displayed(const Facts &facts, Norm norm) {
  return norm == Norm::MaxRms ? facts.lipToken
         : norm == Norm::LInf ? facts.lipLInf
                              : facts.lipL2;
}

static std::vector<ExplainedTensor>
collectTensors(const Evaluation &evaluation) {
  const Question &question = evaluation.plan.question;
  std::vector<ExplainedTensor> tensors;
  llvm::StringMap<size_t> index;
  auto append = [&](const std::string &name) -> ExplainedTensor & {
    auto [it, inserted] = index.try_emplace(name, tensors.size());
    if (inserted) {
      ExplainedTensor tensor{name, {}, {}, "", {}};
      if (auto facts = evaluation.facts.find(name);
          facts != evaluation.facts.end())
        tensor.lipschitz = displayed(facts->second, question.outputNorm);
      tensors.push_back(std::move(tensor));
    }
    return tensors[it->second];
  };
  append(question.origin);
  for (const PlanStep &step : evaluation.plan.steps) {
    bool first = !index.contains(step.tensor);
    ExplainedTensor &tensor = append(step.tensor);
    if (first) {
      tensor.inputs = step.inputs;
      tensor.location = step.location;
    }
    if (!llvm::is_contained(tensor.rules, step.rule))
      tensor.rules.push_back(step.rule);
  }
  return tensors;
}

static std::string describeDomain(const Question &question) {
  std::string text;
  llvm::raw_string_ostream os(text);
  switch (question.domain.kind) {
  case Domain::Kind::Global:
    return "everywhere";
  case Domain::Kind::Ball:
    os << "on the ball of radius " << llvm::format("%g", question.domain.radius)
       << " (" << toString(question.inputNorm) << ")";
    return text;
  case Domain::Kind::Box:
    os << "on the box [" << llvm::format("%g", question.domain.lo) << ", "
       << llvm::format("%g", question.domain.hi) << "]";
    return text;
  case Domain::Kind::Embedding:
    return "on the ball that contains every row of the embedding";
  case Domain::Kind::OneHot:
    return "on one-hot rows (entries in [0, 1])";
  }
  return text;
}

static void printCauses(const Evaluation &evaluation) {
  // Several rules may try one tensor. The last of them is the most specific.
  llvm::MapVector<StringRef, const UnboundedCause *> causes;
  for (const UnboundedCause &cause : evaluation.causes)
    causes[cause.tensor] = &cause;
  llvm::outs().flush();
  auto list = causes.takeVector();
  for (const auto &[tensor, cause] : llvm::ArrayRef(list).take_front(5)) {
    llvm::errs() << "unbounded at ";
    if (!cause->location.empty())
      llvm::errs() << cause->location << " ";
    llvm::errs() << "(tensor '" << tensor << "'): " << cause->reason << "\n";
  }
}

static void printJson(const Evaluation &evaluation, const Sandwich &sandwich,
                      const std::string &certificate,
                      llvm::ArrayRef<ExplainedBlock> blocks) {
  const Question &question = evaluation.plan.question;
  llvm::json::Array rows, causes;
  for (const ExplainedBlock &block : blocks)
    rows.push_back(llvm::json::Object{{"block", block.title},
                                      {"rules", block.rules},
                                      {"bound", block.after.toDecimal()}});
  for (const UnboundedCause &cause : evaluation.causes)
    causes.push_back(llvm::json::Object{{"operation", cause.location},
                                        {"tensor", cause.tensor},
                                        {"reason", cause.reason}});
  llvm::json::Object answer{
      {"certified_lipschitz", evaluation.claim.toDecimal(certifiedDigits)},
      {"attained_lipschitz", sandwich.attained},
      {"input_norm", toString(question.inputNorm)},
      {"output_norm", toString(question.outputNorm)},
      {"origin", question.origin},
      {"output", question.output},
      {"domain", describeDomain(question)},
      {"certificate", certificate},
      {"blocks", std::move(rows)},
      {"unbounded", std::move(causes)}};
  llvm::outs() << llvm::formatv("{0:2}", llvm::json::Value(std::move(answer)))
               << "\n";
}

/// What the answer refers to, in one line.
static void printQuestion(const Plan &plan) {
  const Question &question = plan.question;
  llvm::outs() << "Bound of '" << question.output << "' with respect to '"
               << question.origin << "', " << describeDomain(question);
  bool first = true;
  for (const auto &[name, size] : plan.sizes) {
    llvm::outs() << (first ? ", for " : ", ") << name << " = " << size;
    first = false;
  }
  llvm::outs() << ".\n";
}

/// The free symbols that count items of a batch in the origin.
static std::vector<std::string> findBatchSymbols(const Plan &plan) {
  std::vector<std::string> symbols;
  auto origin = plan.tensors.find(plan.question.origin);
  if (origin == plan.tensors.end())
    return symbols;
  for (const PlanAxis &axis : origin->second.axes)
    if (axis.role == "batch")
      for (const std::string &symbol : axis.size.getSymbols())
        if (!plan.sizes.contains(symbol))
          symbols.push_back(symbol);
  return symbols;
}

/// Evaluates for every batch size and, where attention lets that lose (rules
/// per token say nothing about the l2 norm of a batch of unknown size), for one
/// item alone; keeps the smaller bound.
static Evaluation evaluateBest(Plan &plan, const WeightArchive &weights,
                               const EvaluateOptions &options) {
  Evaluation best = evaluatePlan(plan, weights, options);
  bool hasAttention = llvm::any_of(plan.steps, [](const PlanStep &step) {
    return std::holds_alternative<AttentionStep>(step.detail);
  });
  std::vector<std::string> symbols = findBatchSymbols(plan);
  bool wholeTensor = plan.question.outputNorm != Norm::MaxRms;
  if (symbols.empty() || !wholeTensor ||
      !(hasAttention || best.claim.isUnbounded()))
    return best;
  Plan single = plan;
  for (const std::string &symbol : symbols)
    single.sizes[symbol] = 1;
  Evaluation alone = evaluatePlan(single, weights, options);
  if (alone.claim < best.claim) {
    plan.sizes = single.sizes;
    return alone;
  }
  return best;
}

int lipt::certify(const CertifyOptions &options) {
  if (std::optional<std::string> fault = checkFloatingPointEnvironment()) {
    llvm::WithColor::error(llvm::errs(), "lipt-certify") << *fault << "\n";
    return 1;
  }
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  OneDiagnostic diagnostics(context);
  LoadedModel model = loadModel(options, context);
  if (!model.module)
    return 1;
  FailureOr<Plan> plan = buildBoundPlan(*model.module, options.question);
  if (failed(plan))
    return 1;
  plan->sizes = options.sizes;

  Progress progress(!options.quiet && !options.json);
  EvaluateOptions evaluateOptions;
  evaluateOptions.threads = options.threads;
  evaluateOptions.progress = [&](double done, const std::string &what) {
    progress.show(done, what);
  };
  Evaluation evaluation = evaluateBest(*plan, *model.weights, evaluateOptions);
  progress.show(1, "searching for a large attained ratio");
  Sandwich sandwich = searchAttained(*model.module, *model.weights,
                                     evaluation.plan, options.attackSteps);
  progress.clear();

  std::string certificate = "none";
  if (!options.certificate.empty() && !evaluation.claim.isUnbounded()) {
    std::string error;
    if (!writeCertificate(evaluation, *model.weights, options.certificate,
                          error)) {
      llvm::WithColor::error(llvm::errs(), "lipt-certify") << error << "\n";
      return 1;
    }
    certificate = options.certificate;
  }

  std::vector<ExplainedBlock> blocks =
      explainBlocks(collectTensors(evaluation), evaluation.plan.question.origin,
                    evaluation.plan.question.output);
  if (options.json) {
    printJson(evaluation, sandwich, certificate, blocks);
    return evaluation.claim.isUnbounded() ? 2 : 0;
  }
  if (!options.quiet) {
    printQuestion(evaluation.plan);
    if (options.verbose) {
      std::ostringstream text;
      printPlan(evaluation.plan, text, &evaluation);
      llvm::outs() << text.str();
    }
    printExplanation(llvm::outs(), blocks);
  }
  if (options.publishedFormula)
    printPublishedFormula(llvm::outs(), evaluation);
  if (evaluation.claim.isUnbounded())
    printCauses(evaluation);
  const Question &question = evaluation.plan.question;
  llvm::outs() << "certified-lipschitz: "
               << evaluation.claim.toDecimal(certifiedDigits) << " "
               << toString(question.inputNorm) << " -> "
               << toString(question.outputNorm) << "\n"
               << "attained-lipschitz: " << sandwich.attained << "\n"
               << "certificate: " << certificate << "\n";
  return evaluation.claim.isUnbounded() ? 2 : 0;
}
