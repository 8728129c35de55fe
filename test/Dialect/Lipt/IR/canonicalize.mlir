// RUN: lipt-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @transposes_compose
// CHECK-NEXT: lipt.transpose %arg0 [1, 2, 0] {onnx.nodes = ["a", "b"], onnx.outputs = ["b"]} : tensor<2x3x4xf32>
// CHECK-NEXT: return
func.func @transposes_compose(%x: tensor<2x3x4xf32>) -> tensor<3x4x2xf32> {
  %0 = lipt.transpose %x [2, 1, 0] {onnx.outputs = ["a"]} : tensor<2x3x4xf32>
  %1 = lipt.transpose %0 [1, 0, 2] {onnx.outputs = ["b"]} : tensor<4x3x2xf32>
  return %1 : tensor<3x4x2xf32>
}

// A pair without names stays without.
// CHECK-LABEL: func.func @unnamed
// CHECK-NEXT: lipt.transpose %arg0 [1, 2, 0] : tensor<2x3x4xf32>
func.func @unnamed(%x: tensor<2x3x4xf32>) -> tensor<3x4x2xf32> {
  %0 = lipt.transpose %x [2, 1, 0] : tensor<2x3x4xf32>
  %1 = lipt.transpose %0 [1, 0, 2] : tensor<4x3x2xf32>
  return %1 : tensor<3x4x2xf32>
}

// CHECK-LABEL: func.func @inverse_transposes
// CHECK-NEXT: return %arg0
func.func @inverse_transposes(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %0 = lipt.transpose %x [1, 2, 0] : tensor<2x3x4xf32>
  %1 = lipt.transpose %0 [2, 0, 1] : tensor<3x4x2xf32>
  return %1 : tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @reshapes_compose
// CHECK-NEXT: lipt.reshape %arg0 {onnx.nodes = ["a", "b"], onnx.outputs = ["b"]} : tensor<2x3x4xf32> -> tensor<4x6xf32>
// CHECK-NEXT: return
func.func @reshapes_compose(%x: tensor<2x3x4xf32>) -> tensor<4x6xf32> {
  %0 = lipt.reshape %x {onnx.outputs = ["a"]} : tensor<2x3x4xf32> -> tensor<24xf32>
  %1 = lipt.reshape %0 {onnx.outputs = ["b"]} : tensor<24xf32> -> tensor<4x6xf32>
  return %1 : tensor<4x6xf32>
}

// Through a vector of tokens and features there is no way back to tokens.
// CHECK-LABEL: func.func @flattened_tokens
// CHECK-COUNT-2: lipt.reshape
func.func @flattened_tokens(%x: tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>)
    -> tensor<2x3xf32, #lipt.axes<[<feature>, <feature>]>> {
  %0 = lipt.reshape %x : tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>> -> tensor<6xf32, #lipt.axes<[<feature>]>>
  %1 = lipt.reshape %0 : tensor<6xf32, #lipt.axes<[<feature>]>> -> tensor<2x3xf32, #lipt.axes<[<feature>, <feature>]>>
  return %1 : tensor<2x3xf32, #lipt.axes<[<feature>, <feature>]>>
}

// CHECK-LABEL: func.func @identities
// CHECK-NEXT: return %arg0
func.func @identities(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = lipt.reshape %x : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = lipt.expand %0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = lipt.cast %1 : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = lipt.transpose %2 [0, 1] : tensor<2x3xf32>
  return %3 : tensor<2x3xf32>
}

// A reshape that only renames roles is no identity, and an addition of zero
// that widens the shape neither.
// CHECK-LABEL: func.func @no_identities
// CHECK: %[[C:.*]] = lipt.constant
// CHECK: lipt.reshape %arg0
// CHECK: lipt.add %arg0, %[[C]]
func.func @no_identities(%x: tensor<1x3xf32>) -> (tensor<1x3xf32, #lipt.axes<[<unknown>, <feature>]>>, tensor<2x3xf32>) {
  %0 = lipt.reshape %x : tensor<1x3xf32> -> tensor<1x3xf32, #lipt.axes<[<unknown>, <feature>]>>
  %1 = lipt.constant dense<0.0> : tensor<2x1xf32>
  %2 = lipt.add %x, %1 : tensor<1x3xf32>, tensor<2x1xf32>
  return %0, %2 : tensor<1x3xf32, #lipt.axes<[<unknown>, <feature>]>>, tensor<2x3xf32>
}

// Constants move to the front and merge; unused operations go.
// CHECK-LABEL: func.func @constants
// CHECK-NEXT: %[[C:.*]] = lipt.constant dense<1.000000e+00> : tensor<3xf32>
// CHECK-NEXT: %[[S:.*]] = lipt.add %arg0, %[[C]]
// CHECK-NEXT: lipt.mul %[[S]], %[[C]]
// CHECK-NEXT: return
func.func @constants(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = lipt.constant dense<1.0> : tensor<3xf32>
  %1 = lipt.add %x, %0 : tensor<3xf32>, tensor<3xf32>
  %2 = lipt.constant dense<1.0> : tensor<3xf32>
  %3 = lipt.mul %1, %2 : tensor<3xf32>, tensor<3xf32>
  %4 = lipt.exp %3 : tensor<3xf32>
  return %3 : tensor<3xf32>
}
