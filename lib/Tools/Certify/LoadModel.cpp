//===- LoadModel.cpp - A model file as a module and its weights ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoadModel.h"

#include "CheckNames.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Import/Onnx/OnnxImport.h"
#include "lipt/Transforms/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/Path.h"

using namespace lipt;
using namespace mlir;

/// Reads the roles of `--input-axes`. False after a diagnostic.
static bool parseAxes(const CertifyOptions &options, MLIRContext &context,
                      ImportOptions &importOptions) {
  for (const auto &[name, text] : options.inputAxes) {
    SmallVector<StringRef> parts;
    StringRef(text).split(parts, ',');
    for (StringRef part : parts) {
      std::optional<AxisRole> role = symbolizeAxisRole(part.trim());
      if (!role) {
        emitError(UnknownLoc::get(&context))
            << "invalid axis role '" << part << "' for input '" << name
            << "', expected batch, token, spatial, feature, head or unknown";
        return false;
      }
      importOptions.inputAxes[name].push_back(*role);
    }
  }
  return true;
}

/// The weights of a description: the file given, or the one its module names.
static bool openDescriptionWeights(const CertifyOptions &options,
                                   LoadedModel &model) {
  SmallString<128> path(options.weights);
  if (path.empty()) {
    auto scopes = model.module->getOps<WeightsOp>();
    if (scopes.empty())
      return true;
    // A description is input from outside: the file that it names must lie
    // beside it.
    StringRef file = (*scopes.begin()).getFile();
    if (llvm::sys::path::is_absolute(file) || file.contains("..")) {
      emitError(UnknownLoc::get(model.module->getContext()))
          << "the description names the weights '" << file
          << "' outside of its folder: give --weights=FILE";
      return false;
    }
    path = llvm::sys::path::parent_path(options.model);
    llvm::sys::path::append(path, file);
  }
  std::string error;
  model.weights = WeightArchive::open(std::string(path), error);
  if (!model.weights)
    emitError(UnknownLoc::get(model.module->getContext())) << error;
  return model.weights != nullptr;
}

LoadedModel lipt::loadModel(const CertifyOptions &options,
                            MLIRContext &context) {
  LoadedModel model;
  std::shared_ptr<const OnnxModelFile> file;
  if (StringRef(options.model).ends_with(".mlir")) {
    model.module = parseSourceFile<ModuleOp>(options.model, &context);
    if (model.module && !openDescriptionWeights(options, model))
      model.module = nullptr;
  } else {
    if (!options.weights.empty()) {
      emitError(UnknownLoc::get(&context))
          << "--weights is for a .mlir description; an ONNX file has its own";
      return model;
    }
    ImportOptions importOptions;
    importOptions.sizes = options.sizes;
    if (!parseAxes(options, context, importOptions))
      return model;
    ImportedModel imported =
        importOnnxModel(options.model, context, importOptions);
    model.module = std::move(imported.module);
    file = std::move(imported.file);
    model.weights = std::move(imported.weights);
  }
  if (!model.module)
    return model;
  if (!checkNames(options, *model.module, file.get())) {
    model.module = nullptr;
    return model;
  }
  model.file = std::move(file);
  PassManager passes(&context);
  passes.addPass(createCSEPass());
  passes.addNestedPass<func::FuncOp>(createRaisePatterns());
  if (failed(passes.run(*model.module)))
    model.module = nullptr;
  return model;
}
