// Parameters by name, small constants, and what has no operation of its own.
// RUN: lipt-opt %s --verify-roundtrip | FileCheck %s

// CHECK: lipt.weights @model file "m.onnx" sha256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
lipt.weights @model file "m.onnx" sha256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
// CHECK: lipt.param @w source "model::fc::weight" : tensor<2x3xf32>
lipt.param @w source "model::fc::weight" : tensor<2x3xf32>

// CHECK-LABEL: func.func @values
func.func @values() -> (tensor<2x3xf32>, tensor<4xi64>, tensor<f32>, tensor<2xf32, #lipt.axes<[<feature>]>>) {
  // CHECK: lipt.read_param @w : tensor<2x3xf32>
  %0 = lipt.read_param @w : tensor<2x3xf32>
  // CHECK: lipt.constant dense<[1, 2, 3, 4]> : tensor<4xi64>
  %1 = lipt.constant dense<[1, 2, 3, 4]> : tensor<4xi64>
  // CHECK: lipt.constant dense<0.000000e+00> : tensor<f32>
  %2 = lipt.constant dense<0.0> : tensor<f32>
  // CHECK: lipt.constant dense<1.000000e+00> : tensor<2xf32, #lipt.axes<[<feature>]>>
  %3 = lipt.constant dense<1.0> : tensor<2xf32, #lipt.axes<[<feature>]>>
  return %0, %1, %2, %3 : tensor<2x3xf32>, tensor<4xi64>, tensor<f32>, tensor<2xf32, #lipt.axes<[<feature>]>>
}

!t = tensor<?xi64, #lipt.axes<[<token, "T">]>>

// CHECK-LABEL: func.func @generated
func.func @generated() -> (!t, !t) {
  // CHECK: lipt.splat 1 : i64 -> tensor<?xi64, #lipt.axes<[<token, "T">]>>
  %0 = lipt.splat 1 : i64 -> !t
  // CHECK: lipt.iota {start = 2 : i64, step = -1 : i64} : tensor<?xi64, #lipt.axes<[<token, "T">]>>
  %1 = lipt.iota {start = 2 : i64, step = -1 : i64} : !t
  return %0, %1 : !t, !t
}

// CHECK-LABEL: func.func @unknown_operator
func.func @unknown_operator(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xi64>) {
  // CHECK: lipt.opaque "com.example" "Fancy"(%arg0) {alpha = 1 : i64} {onnx.outputs = ["a", "b"]} : (tensor<3xf32>) -> (tensor<3xf32>, tensor<3xi64>)
  %0:2 = lipt.opaque "com.example" "Fancy"(%x) {alpha = 1 : i64} {onnx.outputs = ["a", "b"]} : (tensor<3xf32>) -> (tensor<3xf32>, tensor<3xi64>)
  return %0#0, %0#1 : tensor<3xf32>, tensor<3xi64>
}
