//===- CheckNames.cpp - Command-line names must exist in the model --------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckNames.h"

#include "lipt/Dialect/Lipt/IR/Axes.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "lipt/Support/OnnxModelFile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"

#include <set>

using namespace lipt;
using namespace mlir;

/// "'a', 'b'", or "none".
static std::string list(const std::set<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "'" : ", '") + name + "'";
  return text.empty() ? "none" : text;
}

/// Symbolic sizes of the inputs: those that are still free, and the names in
/// the file of those that --shape has bound, spelt as the importer spells them.
static std::set<std::string> collectSymbols(func::FuncOp function,
                                            const OnnxModelFile *file) {
  std::set<std::string> symbols;
  for (BlockArgument argument : function.getArguments())
    for (const Axis &axis : getAxes(argument.getType()))
      for (const std::string &symbol : axis.size.getSymbols())
        symbols.insert(symbol);
  if (!file)
    return symbols;
  for (const onnx::ValueInfoProto &input : file->getModel().graph().input())
    for (const auto &dimension : input.type().tensor_type().shape().dim()) {
      std::string name = dimension.dim_param();
      if (name.empty())
        continue;
      for (char &c : name)
        if (!llvm::isAlnum(c))
          c = '_';
      symbols.insert(llvm::isDigit(name.front()) ? "_" + name : name);
    }
  return symbols;
}

/// --output-index and --margin: entries of the output's last axis.
static bool checkSelection(const BoundQuestion &question,
                           func::FuncOp function) {
  if (!question.selectIndex)
    return true;
  auto terminator = dyn_cast<func::ReturnOp>(function.front().getTerminator());
  if (!terminator || terminator.getNumOperands() == 0)
    return true;
  Axes axes = getAxes(terminator.getOperand(0).getType());
  std::optional<int64_t> size;
  if (!axes.empty())
    size = axes.back().size.getStatic();
  int64_t largest =
      std::max(*question.selectIndex, question.selectMinus.value_or(0));
  if (axes.empty() || (size && largest >= *size)) {
    emitError(UnknownLoc::get(function.getContext()))
        << "the output has no entry " << largest << ": its shape is "
        << toString(axes);
    return false;
  }
  return true;
}

bool lipt::checkNames(const CertifyOptions &options, ModuleOp module,
                      const OnnxModelFile *file) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function || function.isExternal())
    return true; // The analysis says what is missing.
  std::set<std::string> inputs;
  for (BlockArgument argument : function.getArguments())
    inputs.insert(getTensorName(argument).str());
  auto reject = [&](const Twine &option, const std::string &name) {
    emitError(UnknownLoc::get(module.getContext()))
        << option.str() << " names the input '" << name
        << "'; the model's inputs are " << list(inputs);
    return false;
  };
  if (!options.question.input.empty() &&
      !inputs.contains(options.question.input))
    return reject("--input", options.question.input);
  for (const auto &[name, domain] : options.question.fixedDomains)
    if (!inputs.contains(name))
      return reject("--input-ball or --input-box", name);
  for (const auto &[name, roles] : options.inputAxes)
    if (!inputs.contains(name))
      return reject("--input-axes", name);
  if (!options.sizes.empty()) {
    std::set<std::string> symbols = collectSymbols(function, file);
    for (const auto &[name, size] : options.sizes)
      if (!symbols.contains(name)) {
        emitError(UnknownLoc::get(module.getContext()))
            << "--shape names the size '" << name
            << "'; the symbolic sizes of the inputs are " << list(symbols);
        return false;
      }
  }
  return checkSelection(options.question, function);
}
