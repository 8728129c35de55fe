//===- LiptDialect.td - The lipt dialect ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_DIALECT_TD
#define LIPT_DIALECT_LIPT_DIALECT_TD

include "mlir/IR/OpBase.td"

def Lipt_Dialect : Dialect {
  let name = "lipt";
  let cppNamespace = "::lipt";
  let summary = "What a network computes: tensor operations, parameters by name";
  let description = [{
    A network is a `func.func` over tensors. Weights stay outside the IR: a
    `lipt.weights` operation names a file, a `lipt.param` names one tensor of
    it, and `lipt.read_param` makes it a value. A tensor type may carry a
    `#lipt.axes` encoding that gives each axis a role and, where the size is
    symbolic, a name; without it all roles are unknown.

    Imported operations carry two discardable attributes: `onnx.outputs`, the
    names of the ONNX tensors their results stand for, and `onnx.nodes`, the
    ONNX nodes they cover (each by its first output's name, in graph order).
    Certificates speak these names.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

#endif // LIPT_DIALECT_LIPT_DIALECT_TD
