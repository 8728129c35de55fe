//===- lipt-run.cpp - Evaluate a model with the interpreter -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "lipt/Import/Onnx/OnnxImport.h"
#include "lipt/Reference/Interpreter.h"
#include "lipt/Reference/Npy.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace lipt;
using namespace lipt::reference;

namespace {

llvm::cl::OptionCategory category("lipt-run options");
llvm::cl::opt<std::string> modelPath(llvm::cl::Positional, llvm::cl::Required,
                                     llvm::cl::desc("MODEL.onnx|MODEL.mlir"),
                                     llvm::cl::cat(category));
llvm::cl::opt<std::string>
    weightsPath("weights", llvm::cl::value_desc("file"),
                llvm::cl::desc("weights of a .mlir model (default: the file "
                               "that it names, beside it)"),
                llvm::cl::cat(category));
llvm::cl::list<std::string>
    inputs("input", llvm::cl::value_desc("NAME=X.npy"),
           llvm::cl::desc("data of one input; repeat for each"),
           llvm::cl::cat(category));
llvm::cl::list<std::string>
    sizes("size", llvm::cl::value_desc("SYMBOL=N"),
          llvm::cl::desc("import an ONNX model with this symbolic size fixed"),
          llvm::cl::cat(category));
llvm::cl::opt<std::string>
    outputFolder("output-dir", llvm::cl::value_desc("folder"),
                 llvm::cl::init("."),
                 llvm::cl::desc("where 0.npy, 1.npy, ... go (default: here)"),
                 llvm::cl::cat(category));
llvm::cl::opt<Precision> precision(
    "precision", llvm::cl::desc("arithmetic"),
    llvm::cl::init(Precision::Native),
    llvm::cl::values(
        clEnumValN(Precision::Native, "float",
                   "each operation in its own element type (default)"),
        clEnumValN(Precision::Double, "double",
                   "real arithmetic, approximated in double")),
    llvm::cl::cat(category));
llvm::cl::opt<std::string> outputs(
    "outputs", llvm::cl::value_desc("graph|all"), llvm::cl::init("graph"),
    llvm::cl::desc("all: every named tensor after the graph's outputs, their "
                   "names in names.txt, one a line"),
    llvm::cl::cat(category));

struct Model {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<WeightArchive> weights;
};

bool fail(const llvm::Twine &message) {
  llvm::errs() << "error: " << message << "\n";
  return false;
}

/// The two halves of "NAME=VALUE".
std::pair<llvm::StringRef, llvm::StringRef> splitOption(llvm::StringRef text) {
  size_t place = text.rfind('=');
  if (place == llvm::StringRef::npos)
    return {"", text};
  return {text.take_front(place), text.drop_front(place + 1)};
}

/// Opens the weights that a textual model names, or those of the command line.
bool openWeights(Model &model) {
  std::string path = weightsPath;
  auto tables = model.module->getOps<WeightsOp>();
  if (path.empty() && tables.empty())
    return true;
  if (path.empty()) {
    llvm::StringRef file = (*tables.begin()).getFile();
    if (llvm::sys::path::is_absolute(file) || file.contains(".."))
      return fail("the model names the weights '" + file +
                  "' outside of its folder: give --weights=FILE");
    llvm::SmallString<128> beside = llvm::sys::path::parent_path(modelPath);
    llvm::sys::path::append(beside, file);
    path = beside.str();
  }
  std::string error;
  model.weights = WeightArchive::open(path, error);
  return model.weights || fail(error);
}

bool load(mlir::MLIRContext &context, Model &model) {
  if (llvm::StringRef(modelPath).ends_with(".mlir")) {
    model.module = mlir::parseSourceFile<mlir::ModuleOp>(modelPath, &context);
    return model.module && openWeights(model);
  }
  ImportOptions options;
  for (llvm::StringRef text : sizes) {
    auto [name, value] = splitOption(text);
    int64_t size;
    if (name.empty() || value.getAsInteger(10, size) || size < 0)
      return fail("--size=" + text + ": expected SYMBOL=N with N >= 0");
    options.sizes[name.str()] = size;
  }
  ImportedModel imported = importOnnxModel(modelPath, context, options);
  model.module = std::move(imported.module);
  model.weights = std::move(imported.weights);
  return static_cast<bool>(model.module);
}

/// Reads the inputs in the order of the function's arguments.
bool readInputs(mlir::func::FuncOp function, std::vector<Tensor> &tensors) {
  std::map<std::string, Tensor> byName;
  for (llvm::StringRef text : inputs) {
    auto [name, path] = splitOption(text);
    if (name.empty() && function.getNumArguments() == 1)
      name = getTensorName(function.getArgument(0));
    std::string error;
    std::optional<Tensor> tensor = readNpy(path.str(), error);
    if (!tensor)
      return fail("--input=" + text + ": " + error);
    if (!byName.try_emplace(name.str(), std::move(*tensor)).second)
      return fail("--input=" + text + ": the input was given twice");
  }
  for (mlir::BlockArgument argument : function.getArguments()) {
    std::string name = getTensorName(argument).str();
    auto found = byName.find(name);
    if (found == byName.end())
      return fail("the input '" + name + "' needs --input=" + name +
                  "=FILE.npy");
    tensors.push_back(std::move(found->second));
    byName.erase(found);
  }
  if (!byName.empty())
    return fail("the model has no input '" + byName.begin()->first + "'");
  return true;
}

bool write(const std::vector<Tensor> &tensors) {
  if (std::error_code problem = llvm::sys::fs::create_directories(outputFolder))
    return fail("cannot make the folder '" + outputFolder +
                "': " + problem.message());
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    llvm::SmallString<128> path(outputFolder);
    llvm::sys::path::append(path, llvm::Twine(index) + ".npy");
    std::string error;
    if (!writeNpy(path.str().str(), tensor, error))
      return fail(error);
  }
  return true;
}

/// Graph outputs, then every value that stands for a named tensor.
bool runAll(Interpreter &interpreter, std::vector<Tensor> arguments) {
  mlir::func::FuncOp function = interpreter.getFunction();
  if (function.isExternal() || function.front().empty())
    return fail("the model has no body");
  SizeBindings bindings;
  ValueMap given;
  for (auto [value, tensor] : llvm::zip(function.getArguments(), arguments)) {
    if (failed(interpreter.bindSizes(value, tensor, bindings)))
      return false;
    given.try_emplace(value, std::move(tensor));
  }
  llvm::SmallVector<mlir::Value> wanted(
      function.front().getTerminator()->getOperands());
  for (mlir::Operation &op : function.front())
    for (mlir::Value result : op.getResults())
      if (!getTensorName(result).empty())
        wanted.push_back(result);
  mlir::FailureOr<ValueMap> values =
      interpreter.evaluate(given, wanted, bindings);
  if (failed(values))
    return false;
  std::vector<Tensor> tensors;
  std::string names;
  for (mlir::Value value : wanted) {
    tensors.push_back(values->at(value));
    names += getTensorName(value).str() + "\n";
  }
  if (!write(tensors))
    return false;
  llvm::SmallString<128> path(outputFolder);
  llvm::sys::path::append(path, "names.txt");
  std::error_code problem;
  llvm::raw_fd_ostream file(path, problem);
  if (!problem)
    file << names;
  return !problem || fail("cannot write '" + path + "'");
}

bool run() {
  mlir::DialectRegistry registry;
  registry.insert<LiptDialect, mlir::func::FuncDialect>();
  mlir::MLIRContext context(registry);
  Model model;
  if (!load(context, model))
    return false;
  auto function = model.module->lookupSymbol<mlir::func::FuncOp>("main");
  if (!function)
    return fail("'" + modelPath + "' has no function @main");
  std::vector<Tensor> arguments;
  if (!readInputs(function, arguments))
    return false;
  EvaluationOptions options;
  options.precision = precision;
  Interpreter interpreter(function, model.weights.get(), options);
  if (outputs == "all")
    return runAll(interpreter, std::move(arguments));
  if (outputs != "graph")
    return fail("--outputs=" + outputs + ": expected graph or all");
  mlir::FailureOr<std::vector<Tensor>> results =
      interpreter.evaluate(std::move(arguments));
  return succeeded(results) && write(*results);
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM initialize(argc, argv);
  llvm::cl::HideUnrelatedOptions(category);
  llvm::cl::ParseCommandLineOptions(
      argc, argv,
      "evaluates a model with the reference interpreter\n\n"
      "Example: lipt-run model.onnx --input=x=x.npy --output-dir=out\n");
  return run() ? 0 : 1;
}
