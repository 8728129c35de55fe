//===- OnnxExport.cpp - Write lipt operations as an ONNX model -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Export/Onnx/OnnxExport.h"
#include "Exporter.h"
#include "lipt/Export/Onnx/Translation.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lipt;

/// The file that `lipt.weights` names: beside the module's own file. Empty if
/// the module has no weights.
static std::string findWeights(ModuleOp module) {
  for (auto weights : module.getOps<WeightsOp>()) {
    StringRef name = weights.getFile();
    auto place = dyn_cast<FileLineColLoc>(module.getLoc());
    if (llvm::sys::path::is_absolute(name) || !place)
      return name.str();
    SmallString<128> path = llvm::sys::path::parent_path(place.getFilename());
    llvm::sys::path::append(path, name);
    return path.str().str();
  }
  return "";
}

LogicalResult lipt::exportOnnx(ModuleOp module, const std::string &weightsPath,
                               llvm::raw_ostream &output) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main || main.isExternal() || !main.getBody().hasOneBlock() ||
      !isa<func::ReturnOp>(main.getBody().front().getTerminator()))
    return module.emitError()
           << "has no function 'main' of one block to export";
  std::string path = weightsPath.empty() ? findWeights(module) : weightsPath;
  std::unique_ptr<WeightArchive> weights;
  if (!module.getOps<ParamOp>().empty()) {
    std::string problem;
    weights = WeightArchive::open(path, problem);
    if (!weights)
      return module.emitError()
             << "the weights cannot be read (--weights names their file): "
             << problem;
  }
  for (Type type : main.getFunctionType().getInputs())
    if (!isa<RankedTensorType>(type))
      return main.emitError() << "an argument is not a ranked tensor";

  onnx_export::Exporter exporter(weights.get());
  if (failed(exporter.run(main)))
    return failure();
  // Protobuf's own limit of a message.
  if (exporter.model.ByteSizeLong() > INT32_MAX)
    return module.emitError() << "an ONNX file holds at most 2 GB; the model "
                                 "would have "
                              << exporter.model.ByteSizeLong() << " bytes";
  std::string bytes;
  if (!exporter.model.SerializeToString(&bytes))
    return module.emitError() << "the model cannot be serialized";
  output << bytes;
  return success();
}

void lipt::registerExportOnnxTranslation(const std::string &weightsPath) {
  static TranslateFromMLIRRegistration registration(
      "export-onnx", "write lipt operations as an ONNX model",
      [&weightsPath](Operation *op, llvm::raw_ostream &output) {
        auto module = dyn_cast<ModuleOp>(op);
        if (!module)
          return LogicalResult(op->emitError() << "is not a module");
        return exportOnnx(module, weightsPath, output);
      },
      [](DialectRegistry &registry) {
        registry.insert<LiptDialect, func::FuncDialect>();
      });
}
