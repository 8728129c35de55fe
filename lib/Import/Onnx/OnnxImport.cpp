//===- OnnxImport.cpp - Read an ONNX model as lipt operations ------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Import/Onnx/OnnxImport.h"
#include "Importer.h"
#include "lipt/Import/Onnx/Translation.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace lipt;

namespace {

/// Lets the first error pass and swallows what follows from it.
class FirstErrorOnly {
public:
  explicit FirstErrorOnly(MLIRContext &context)
      : handler(&context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
            return failure();
          return success(std::exchange(seen, true));
        }) {}
  bool hasSeen() const { return seen; }

private:
  bool seen = false;
  ScopedDiagnosticHandler handler;
};

} // namespace

ImportedModel lipt::importOnnxModel(const std::string &path,
                                    MLIRContext &context,
                                    const ImportOptions &options) {
  context.loadDialect<LiptDialect, func::FuncDialect>();
  ImportedModel model;
  FirstErrorOnly errors(context);
  Location loc = FileLineColLoc::get(&context, path, 0, 0);
  std::string problem;
  model.file = OnnxModelFile::read(path, problem);
  if (model.file)
    model.weights = openArchive(model.file, problem);
  if (!model.weights) {
    emitError(loc) << problem;
    return model;
  }
  onnx_import::Importer importer(context, options, model.file, *model.weights);
  model.module = importer.run();
  if (!model.module && !errors.hasSeen())
    emitError(loc) << "the model cannot be imported";
  return model;
}

OwningOpRef<ModuleOp> lipt::importOnnx(const std::string &path,
                                       MLIRContext &context,
                                       const ImportOptions &options) {
  return importOnnxModel(path, context, options).module;
}

void lipt::registerImportOnnxTranslation() {
  // The file is opened again by its name: external data lies beside it.
  static TranslateToMLIRRegistration registration(
      "import-onnx", "read an ONNX model as lipt operations",
      [](llvm::SourceMgr &sources, MLIRContext *context) {
        StringRef path = sources.getMemoryBuffer(sources.getMainFileID())
                             ->getBufferIdentifier();
        return OwningOpRef<Operation *>(
            importOnnx(path.str(), *context).release());
      },
      [](DialectRegistry &registry) {
        registry.insert<LiptDialect, func::FuncDialect>();
      });
}
