//===- lipt-translate.cpp - Converts between ONNX and lipt files ---------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/InitAll.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "llvm/Support/CommandLine.h"

static llvm::cl::opt<std::string> weightsPath(
    "weights", llvm::cl::value_desc("file"),
    llvm::cl::desc("weights of the module (default: the file that it names, "
                   "beside it)"));

int main(int argc, char **argv) {
  lipt::registerAllTranslations(weightsPath.getValue());
  return failed(mlir::mlirTranslateMain(argc, argv, "lipt translation driver"));
}
