//===- InitAll.h - Everything that a tool registers --------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_INITALL_H
#define LIPT_INITALL_H

#include "lipt/Analysis/Passes.h"
#include "lipt/Dialect/Lipt/Bounds/Models.h"
#include "lipt/Dialect/Lipt/IR/LiptDialect.h"
#include "lipt/Export/Onnx/Translation.h"
#include "lipt/Import/Onnx/Translation.h"
#include "lipt/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Transforms/Passes.h"

namespace lipt {

/// The dialects of networks and those that they live in.
inline void registerAllDialects(mlir::DialectRegistry &registry) {
  registry.insert<LiptDialect, mlir::func::FuncDialect>();
  registerBoundModels(registry);
}

/// Every pass that the command lines offer.
inline void registerAllPasses() {
  registerLiptAnalysisPasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerInlinerPass();
  mlir::registerSymbolDCEPass();
  mlir::registerRemoveDeadValuesPass();
  mlir::registerStripDebugInfoPass();
  registerRaisePatterns();
}

/// Every translation that the command lines offer; `weightsPath` is where the
/// tool's `--weights` option is stored.
inline void registerAllTranslations(const std::string &weightsPath) {
  registerImportOnnxTranslation();
  registerExportOnnxTranslation(weightsPath);
}

} // namespace lipt

#endif // LIPT_INITALL_H
