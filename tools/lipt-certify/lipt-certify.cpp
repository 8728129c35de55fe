//===- lipt-certify.cpp - Prove a Lipschitz bound of a model ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Tools/Certify.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"

using namespace lipt;
namespace cl = llvm::cl;

static cl::OptionCategory category("lipt-certify options");

static cl::opt<std::string> model(cl::Positional, cl::desc("MODEL"),
                                  cl::Required, cl::cat(category));
static cl::opt<std::string> weights("weights", cl::value_desc("FILE"),
                                    cl::desc("weights of a .mlir description"),
                                    cl::cat(category));
static cl::opt<std::string> certificate("o", cl::value_desc("CERT.lipcert"),
                                        cl::desc("write the certificate"),
                                        cl::cat(category));
static cl::opt<std::string>
    inputName("input", cl::value_desc("NAME"),
              cl::desc("the input that varies (default: the first)"),
              cl::cat(category));
static cl::opt<std::string>
    inputNorm("input-norm", cl::value_desc("NORM"),
              cl::desc("l2, linf, rms or max-rms (default: see above)"),
              cl::cat(category));
static cl::opt<std::string> outputNorm("output-norm", cl::value_desc("NORM"),
                                       cl::desc("default: the input norm"),
                                       cl::cat(category));
static cl::list<std::string>
    inputBall("input-ball", cl::value_desc("[NAME:]R"),
              cl::desc("domain: a ball around 0 in the input norm"),
              cl::cat(category));
static cl::list<std::string>
    inputBox("input-box", cl::value_desc("[NAME:]LO,HI"),
             cl::desc("domain: every entry in [LO, HI]"), cl::cat(category));
static cl::list<std::string> shapes("shape", cl::value_desc("NAME=N,..."),
                                    cl::CommaSeparated,
                                    cl::desc("fix symbolic sizes"),
                                    cl::cat(category));
static cl::list<std::string>
    inputAxes("input-axes", cl::value_desc("NAME=ROLE,..."),
              cl::desc("roles of an input's axes (docs/Claims.md)"),
              cl::cat(category));
static cl::opt<int> outputIndex("output-index", cl::value_desc("I"),
                                cl::init(-1),
                                cl::desc("bound of one entry of the output"),
                                cl::cat(category));
static cl::opt<std::string> margin("margin", cl::value_desc("I,J"),
                                   cl::desc("bound of entry I minus entry J"),
                                   cl::cat(category));
static cl::opt<int> attack("attack", cl::value_desc("STEPS"), cl::init(-1),
                           cl::desc("search for a lower bound (0: none)"),
                           cl::cat(category));
static cl::opt<bool>
    publishedFormula("published-formula",
                     cl::desc("also the unproved claim of arXiv 2507.13338"),
                     cl::cat(category));
static cl::opt<unsigned> jobs("jobs", cl::value_desc("N"), cl::init(0),
                              cl::desc("threads (default: all cores)"),
                              cl::cat(category));
static cl::opt<bool> json("json", cl::desc("print one JSON object instead"),
                          cl::cat(category));
static cl::opt<bool> verbose("verbose", cl::desc("a line per operation"),
                             cl::cat(category));
static cl::opt<bool> quiet("quiet", cl::desc("only the machine-readable lines"),
                           cl::cat(category));

static constexpr const char *overview =
    "Proves an upper bound on a network's Lipschitz constant.\n\n"
    "  lipt-certify model.onnx --input-box=0,1 -o model.lipcert\n"
    "  lipt-check model.lipcert model.onnx\n\n"
    "MODEL is an .onnx file, or a .mlir description with --weights. The norm "
    "is l2,\nor max-rms (the largest RMS of a token) where input and output "
    "have a token\naxis. Exit code: 0 bounded, 2 unbounded, 1 wrong input.\n";

/// Prints a usage error; the caller exits with 1.
static bool reject(const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), "lipt-certify") << message << "\n";
  return false;
}

static bool parseNumbers(llvm::StringRef text, size_t count,
                         std::vector<double> &numbers) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ',');
  for (llvm::StringRef part : parts) {
    double number;
    if (part.trim().getAsDouble(number) || number != number)
      return false;
    numbers.push_back(number);
  }
  return numbers.size() == count;
}

/// Reads "R" or "NAME:R" (count 1), "LO,HI" or "NAME:LO,HI" (count 2).
static bool parseDomain(llvm::StringRef option, llvm::StringRef text,
                        Domain::Kind kind, BoundQuestion &question) {
  size_t count = kind == Domain::Kind::Ball ? 1 : 2;
  auto [name, rest] = text.rsplit(':');
  llvm::StringRef numbersText = text.contains(':') ? rest : text;
  std::vector<double> numbers;
  bool valid = parseNumbers(numbersText, count, numbers);
  if (valid)
    valid = count == 1 ? numbers[0] >= 0 : numbers[0] <= numbers[1];
  if (!valid)
    return reject("invalid --" + option + "='" + text + "', expected " +
                  (count == 1 ? "R or NAME:R with R >= 0"
                              : "LO,HI or NAME:LO,HI with LO <= HI"));
  Domain domain;
  domain.kind = kind;
  if (count == 1) {
    domain.radius = numbers[0];
  } else {
    domain.lo = numbers[0];
    domain.hi = numbers[1];
  }
  if (text.contains(':'))
    question.fixedDomains[name.str()] = domain;
  else
    question.domain = domain;
  return true;
}

static bool parseNormOption(llvm::StringRef option, llvm::StringRef text,
                            std::optional<Norm> &norm) {
  if (text.empty())
    return true;
  norm = parseNorm(text);
  return norm || reject("invalid --" + option + "='" + text +
                        "', expected l2, linf, rms or max-rms");
}

static bool parseOptions(CertifyOptions &options) {
  BoundQuestion &question = options.question;
  question.input = inputName;
  if (!parseNormOption("input-norm", inputNorm, question.inputNorm) ||
      !parseNormOption("output-norm", outputNorm, question.outputNorm))
    return false;
  for (const std::string &text : inputBall)
    if (!parseDomain("input-ball", text, Domain::Kind::Ball, question))
      return false;
  for (const std::string &text : inputBox)
    if (!parseDomain("input-box", text, Domain::Kind::Box, question))
      return false;
  for (llvm::StringRef text : shapes) {
    auto [name, value] = text.split('=');
    int64_t size;
    if (value.getAsInteger(10, size) || size <= 0)
      return reject("invalid --shape='" + text +
                    "', expected NAME=N with N > 0");
    options.sizes[name.str()] = size;
  }
  for (size_t i = 0; i < inputAxes.size(); ++i) {
    auto [name, roles] = llvm::StringRef(inputAxes[i]).split('=');
    if (roles.empty())
      return reject("invalid --input-axes='" + inputAxes[i] +
                    "', expected NAME=ROLE,ROLE,...");
    options.inputAxes[name.str()] = roles.str();
  }
  if (outputIndex.getNumOccurrences() && outputIndex < 0)
    return reject("invalid --output-index, expected I >= 0");
  if (outputIndex.getNumOccurrences())
    question.selectIndex = outputIndex;
  if (margin.getNumOccurrences()) {
    auto [first, second] = llvm::StringRef(margin).split(',');
    unsigned i, j;
    if (first.trim().getAsInteger(10, i) || second.trim().getAsInteger(10, j))
      return reject("invalid --margin='" + margin +
                    "', expected I,J: two entries of the last axis");
    question.selectIndex = i;
    question.selectMinus = j;
  }
  return true;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  if (!cl::ParseCommandLineOptions(argc, argv, overview, &llvm::errs()))
    return 1;
  CertifyOptions options;
  if (!parseOptions(options))
    return 1;
  options.model = model;
  options.weights = weights;
  options.certificate = certificate;
  options.attackSteps = attack;
  options.json = json;
  options.verbose = verbose;
  options.quiet = quiet;
  options.publishedFormula = publishedFormula;
  options.threads = jobs;
  return certify(options);
}
