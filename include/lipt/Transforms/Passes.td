//===- Passes.td - Transformations of lipt networks ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_TRANSFORMS_PASSES_TD
#define LIPT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def RaisePatterns : Pass<"lipt-raise-patterns", "::mlir::func::FuncOp"> {
  let summary = "Recognise what exporters write operation by operation";
  let description = [{
    Replaces decomposed forms by the operation that they compute: a bias added
    to a linear layer; GELU (erf and tanh form), SiLU, Mish, HardSwish, squared
    ReLU, soft caps; layer and RMS normalisation (from means, sums or moments);
    softmax from Exp; rotary embeddings; attention with its scalings, masks and
    repeated key/value heads.

    A form is replaced only where constants, axes and shapes prove that it
    computes the operation. Whatever is not recognised stays. The new operation
    keeps the name of the form's result and lists the ONNX nodes that it covers;
    a value inside a form that others read stays as well.

    Example:

    ```mlir
    %0 = lipt.sigmoid %x {onnx.outputs = ["s"]} : tensor<4xf32>
    %1 = lipt.mul %x, %0 {onnx.outputs = ["y"]} : tensor<4xf32>, tensor<4xf32>
    ```

    becomes

    ```mlir
    %1 = lipt.silu %x {onnx.nodes = ["s", "y"], onnx.outputs = ["y"]} : tensor<4xf32>
    ```
  }];
  let dependentDialects = ["::lipt::LiptDialect"];
}

#endif // LIPT_TRANSFORMS_PASSES_TD
