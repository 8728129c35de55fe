//===- importer-fuzzer.cpp - Arbitrary bytes as ONNX models --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Whatever the bytes are, the importer answers with a module or with one
// diagnostic; a module can be exported.

#include "lipt/Export/Onnx/OnnxExport.h"
#include "lipt/Import/Onnx/OnnxImport.h"
#include "mlir/IR/MLIRContext.h"

#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A file in memory: the importer maps its input.
  int descriptor = memfd_create("model.onnx", MFD_CLOEXEC);
  if (descriptor < 0 ||
      write(descriptor, data, size) != static_cast<ssize_t>(size))
    abort();
  std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  unsigned errors = 0;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &) {
    ++errors;
    return mlir::success();
  });
  lipt::ImportedModel model = lipt::importOnnxModel(path, context);
  if (errors != (model.module ? 0 : 1))
    abort();
  if (model.module) {
    std::string bytes;
    llvm::raw_string_ostream output(bytes);
    // It may have no ONNX form (symbolic sizes), but then it says so.
    if (failed(lipt::exportOnnx(*model.module, path, output)) && errors == 0)
      abort();
  }
  close(descriptor);
  return 0;
}
