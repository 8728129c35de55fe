//===- LoadModel.h - A model file as a module and its weights -*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_TOOLS_CERTIFY_LOADMODEL_H
#define LIPT_LIB_TOOLS_CERTIFY_LOADMODEL_H

#include "lipt/Support/WeightArchive.h"
#include "lipt/Tools/Certify.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace lipt {

/// A module in the form that the analysis reads: imported, decomposed patterns
/// raised, duplicates merged.
struct LoadedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::shared_ptr<const void> file; ///< keeps an ONNX file's bytes alive
  std::unique_ptr<WeightArchive> weights;
};

/// Reads an `.onnx` or `.mlir` model. The module is null on failure, after one
/// diagnostic.
LoadedModel loadModel(const CertifyOptions &options,
                      mlir::MLIRContext &context);

} // namespace lipt

#endif // LIPT_LIB_TOOLS_CERTIFY_LOADMODEL_H
