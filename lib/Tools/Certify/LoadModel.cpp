//===- LoadModel.cpp - A model file as a module and its weights ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoadModel.h"

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Import/Onnx/OnnxImport.h"
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
    path = llvm::sys::path::parent_path(options.model);
    llvm::sys::path::append(path, (*scopes.begin()).getFile());
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
  if (StringRef(options.model).ends_with(".mlir")) {
    model.module = parseSourceFile<ModuleOp>(options.model, &context);
    if (model.module && !openDescriptionWeights(options, model))
      model.module = nullptr;
  } else {
    ImportOptions importOptions;
    importOptions.sizes = options.sizes;
    if (!parseAxes(options, context, importOptions))
      return model;
    ImportedModel imported =
        importOnnxModel(options.model, context, importOptions);
    model.module = std::move(imported.module);
    model.file = std::move(imported.file);
    model.weights = std::move(imported.weights);
  }
  if (!model.module)
    return model;
  PassManager passes(&context);
  passes.addPass(createCSEPass());
  if (failed(passes.run(*model.module)))
    model.module = nullptr;
  return model;
}
