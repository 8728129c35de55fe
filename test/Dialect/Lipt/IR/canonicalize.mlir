// RUN: lipt-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @transposes_compose
// CHECK-NEXT: lipt.transpose %arg0 [1, 2, 0] {onnx.nodes = ["a", "b"], onnx.outputs = ["b"]} : tensor<2x3x4xf32>
// CHECK-NEXT: return
func.func @transposes_compose(%x: tensor<2x3x4xf32>) -> tensor<3x4x2xf32> {
  %0 = lipt.transpose %x [2, 1, 0] {onnx.outputs = ["a"]} : tensor<2x3x4xf32>
  %1 = lipt.transpose %0 [1, 0, 2] {onnx.outputs = ["b"]} : tensor<4x3x2xf32>
  return %1 : tensor<3x4x2xf32>
}
