// Arrays go from one run to the next through .npy files; every error is one
// line and exit code 1.

// RUN: split-file %s %t
// RUN: lipt-run %t/points.mlir --output-dir=%t/points
// RUN: lipt-run %t/square.mlir --input=x=%t/points/0.npy --output-dir=%t/squares
// RUN: lipt-run %t/squares.mlir --output-dir=%t/expected
// RUN: cmp %t/squares/0.npy %t/expected/0.npy

// RUN: lipt-run %t/square.mlir --input=%t/points/0.npy --outputs=all --output-dir=%t/all
// RUN: cmp %t/all/0.npy %t/expected/0.npy
// RUN: FileCheck %s --check-prefix=NAMES < %t/all/names.txt
// NAMES: y
// NAMES-NEXT: y

// RUN: not lipt-run %t/square.mlir 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: the input 'x' needs --input=x=FILE.npy
// RUN: not lipt-run %t/square.mlir --input=z=%t/points/0.npy --input=x=%t/points/0.npy 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: error: the model has no input 'z'
// RUN: not lipt-run %t/square.mlir --input=x=%s 2>&1 | FileCheck %s --check-prefix=NOTNPY
// NOTNPY: not an .npy file
// RUN: not lipt-run %t/square.mlir --input=x=%t/points/1.npy 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: error: argument 0 of type {{.*}} was given a tensor of rank 1
// RUN: not lipt-run %t/weights.mlir 2>&1 | FileCheck %s --check-prefix=WEIGHTS
// WEIGHTS: error: {{.*}}absent.safetensors
// RUN: not lipt-run %t/outside.mlir 2>&1 | FileCheck %s --check-prefix=OUTSIDE
// OUTSIDE: error: the model names the weights '../secret' outside of its folder
// RUN: lipt-run --help | FileCheck %s --check-prefix=HELP
// HELP: Example: lipt-run model.onnx --input=x=x.npy

//--- points.mlir
func.func @main() -> (tensor<2x2xf32>, tensor<3xf32>) {
  %0 = lipt.constant dense<[[1.0, -2.0], [0.5, 3.0]]> : tensor<2x2xf32>
  %1 = lipt.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  return %0, %1 : tensor<2x2xf32>, tensor<3xf32>
}

//--- square.mlir
func.func @main(%x: tensor<2x2xf32> {lipt.name = "x"}) -> tensor<2x2xf32> {
  %y = lipt.mul %x, %x {onnx.outputs = ["y"]} : tensor<2x2xf32>, tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

//--- squares.mlir
func.func @main() -> tensor<2x2xf32> {
  %0 = lipt.constant dense<[[1.0, 4.0], [0.25, 9.0]]> : tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

//--- weights.mlir
lipt.weights @model file "absent.safetensors" sha256 ""
func.func @main() {
  return
}

//--- outside.mlir
lipt.weights @model file "../secret" sha256 ""
func.func @main() {
  return
}
