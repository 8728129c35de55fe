//===- OnnxExport.h - Write lipt operations as an ONNX model -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_EXPORT_ONNX_ONNXEXPORT_H
#define LIPT_EXPORT_ONNX_ONNXEXPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace lipt {

/// Writes the module's `main` function as an ONNX model at opset 23. Weights
/// are inlined from `weightsPath`, or if that is empty from the file that
/// `lipt.weights` names, beside the module's own file. One diagnostic on
/// failure, and then nothing is written.
llvm::LogicalResult exportOnnx(mlir::ModuleOp module,
                               const std::string &weightsPath,
                               llvm::raw_ostream &output);

} // namespace lipt

#endif // LIPT_EXPORT_ONNX_ONNXEXPORT_H
