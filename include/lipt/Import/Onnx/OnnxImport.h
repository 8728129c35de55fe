//===- OnnxImport.h - Read an ONNX model as lipt operations --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_IMPORT_ONNX_ONNXIMPORT_H
#define LIPT_IMPORT_ONNX_ONNXIMPORT_H

#include "lipt/Dialect/Lipt/IR/LiptDialect.h"
#include "lipt/Support/OnnxModelFile.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lipt {

/// The range of versions of the default operator set that can be read.
constexpr int64_t oldestOpset = 7, newestOpset = 28;

struct ImportOptions {
  /// Numbers for symbolic sizes ("T" -> 16); the others stay symbols.
  std::map<std::string, int64_t> sizes;
  /// Roles of a graph input's axes instead of the default ones (rank 1:
  /// feature; 2: batch, feature, or batch, token for integers; 3: batch, token,
  /// feature, or batch, feature, spatial before convolutions; from 4 on:
  /// batch, feature, spatial).
  std::map<std::string, std::vector<AxisRole>> inputAxes;
};

/// A model in memory: the module, the parsed file and its weights.
struct ImportedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::shared_ptr<const OnnxModelFile> file;
  std::unique_ptr<WeightArchive> weights;
};

/// Reads `path` into a module with one `lipt.weights @model`, a `lipt.param`
/// for every stored tensor in use and `func.func @main`, whose arguments and
/// results carry `lipt.name`. The module is null on failure, after exactly one
/// diagnostic.
ImportedModel importOnnxModel(const std::string &path,
                              mlir::MLIRContext &context,
                              const ImportOptions &options = {});

/// The module alone.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(const std::string &path,
                                             mlir::MLIRContext &context,
                                             const ImportOptions &options = {});

} // namespace lipt

#endif // LIPT_IMPORT_ONNX_ONNXIMPORT_H
