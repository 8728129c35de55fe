//===- lipt-translate.cpp - Converts between ONNX and lipt files ---------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/InitAll.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"

int main(int argc, char **argv) {
  lipt::registerAllTranslations();
  return failed(mlir::mlirTranslateMain(argc, argv, "lipt translation driver"));
}
