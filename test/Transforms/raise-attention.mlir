// RUN: lipt-opt %s --lipt-raise-patterns | FileCheck %s

lipt.param @mask source "model::mask" : tensor<3x3xf32>

// CHECK-LABEL: func.func @plain
// CHECK-NEXT: lipt.attention %arg0, %arg1, %arg2 {onnx.nodes = ["kt", "s", "scaled", "p", "y"], onnx.outputs = ["y"], scale = 5.000000e-01 : f64}
// CHECK-NEXT: return
func.func @plain(%q: tensor<2x4x3x4xf32>, %k: tensor<2x4x5x4xf32>, %v: tensor<2x4x5x6xf32>) -> tensor<2x4x3x6xf32> {
  %two = lipt.constant dense<2.0> : tensor<f32>
  %0 = lipt.transpose %k [0, 1, 3, 2] {onnx.outputs = ["kt"]} : tensor<2x4x5x4xf32>
  %1 = lipt.matmul %q, %0 {onnx.outputs = ["s"]} : tensor<2x4x3x4xf32>, tensor<2x4x4x5xf32>
  %2 = lipt.div %1, %two {onnx.outputs = ["scaled"]} : tensor<2x4x3x5xf32>, tensor<f32>
  %3 = lipt.softmax %2 {axis = 3 : i64, onnx.outputs = ["p"]} : tensor<2x4x3x5xf32>
  %4 = lipt.matmul %3, %v {onnx.outputs = ["y"]} : tensor<2x4x3x5xf32>, tensor<2x4x5x6xf32>
  return %4 : tensor<2x4x3x6xf32>
}

// Roles change behind the attention: readers are typed again.
// CHECK-LABEL: func.func @roles
// CHECK-SAME: -> tensor<2x3x4x6xf32, #lipt.axes<[<batch>, <token>, <head>, <feature>]>>
// CHECK: lipt.transpose %{{.*}} [0, 2, 1, 3] : tensor<2x4x3x6xf32, #lipt.axes<[<batch>, <head>, <token>, <feature>]>>
func.func @roles(%q: tensor<2x4x3x4xf32, #lipt.axes<[<batch>, <feature>, <token>, <feature>]>>, %k: tensor<2x4x4x5xf32, #lipt.axes<[<batch>, <feature>, <feature>, <token>]>>, %v: tensor<2x4x5x6xf32, #lipt.axes<[<batch>, <feature>, <token>, <feature>]>>) -> tensor<2x3x4x6xf32, #lipt.axes<[<batch>, <token>, <feature>, <feature>]>> {
  %1 = lipt.matmul %q, %k : tensor<2x4x3x4xf32, #lipt.axes<[<batch>, <feature>, <token>, <feature>]>>, tensor<2x4x4x5xf32, #lipt.axes<[<batch>, <feature>, <feature>, <token>]>>
  %2 = lipt.softmax %1 {axis = 3 : i64} : tensor<2x4x3x5xf32, #lipt.axes<[<batch>, <feature>, <token>, <token>]>>
  %3 = lipt.matmul %2, %v : tensor<2x4x3x5xf32, #lipt.axes<[<batch>, <feature>, <token>, <token>]>>, tensor<2x4x5x6xf32, #lipt.axes<[<batch>, <feature>, <token>, <feature>]>>
  %4 = lipt.transpose %3 [0, 2, 1, 3] : tensor<2x4x3x6xf32, #lipt.axes<[<batch>, <feature>, <token>, <feature>]>>
  return %4 : tensor<2x3x4x6xf32, #lipt.axes<[<batch>, <token>, <feature>, <feature>]>>
}

// The key as [..., d, n]; a root of the scale on both sides; a cap.
// CHECK-LABEL: func.func @square_root_scales
// CHECK-NEXT: lipt.attention %arg0, %arg1, %arg2 {key_transposed, scale = 2.500000e-01 : f64, softcap = 3.000000e+01 : f32}
// CHECK-NEXT: return
func.func @square_root_scales(%q: tensor<2x4x3x4xf32>, %k: tensor<2x4x4x5xf32>, %v: tensor<2x4x5x6xf32>) -> tensor<2x4x3x6xf32> {
  %quarter = lipt.constant dense<0.25> : tensor<1xf32>
  %limit = lipt.constant dense<30.0> : tensor<f32>
  %root = lipt.sqrt %quarter : tensor<1xf32>
  %0 = lipt.mul %q, %root : tensor<2x4x3x4xf32>, tensor<1xf32>
  %1 = lipt.mul %root, %k : tensor<1xf32>, tensor<2x4x4x5xf32>
  %2 = lipt.matmul %0, %1 : tensor<2x4x3x4xf32>, tensor<2x4x4x5xf32>
  %3 = lipt.div %2, %limit : tensor<2x4x3x5xf32>, tensor<f32>
  %4 = lipt.tanh %3 : tensor<2x4x3x5xf32>
  %5 = lipt.mul %4, %limit : tensor<2x4x3x5xf32>, tensor<f32>
  %6 = lipt.softmax %5 {axis = 3 : i64} : tensor<2x4x3x5xf32>
  %7 = lipt.matmul %6, %v : tensor<2x4x3x5xf32>, tensor<2x4x5x6xf32>
  return %7 : tensor<2x4x3x6xf32>
}

// The swap between two reshapes; a scale that is not exact is rounded up.
// CHECK-LABEL: func.func @reshaped_key
// CHECK-NEXT: lipt.attention %arg0, %arg1, %arg2 {scale = 0.33333333333333337 : f64}
// CHECK-NEXT: return
func.func @reshaped_key(%q: tensor<2x4x3x4xf32>, %k: tensor<2x4x5x4xf32>, %v: tensor<2x4x5x6xf32>) -> tensor<2x4x3x6xf32> {
  %three = lipt.constant dense<3.0> : tensor<f32>
  %0 = lipt.reshape %k : tensor<2x4x5x4xf32> -> tensor<8x5x4xf32>
  %1 = lipt.transpose %0 [0, 2, 1] : tensor<8x5x4xf32>
  %2 = lipt.reshape %1 : tensor<8x4x5xf32> -> tensor<2x4x4x5xf32>
  %3 = lipt.matmul %q, %2 : tensor<2x4x3x4xf32>, tensor<2x4x4x5xf32>
  %4 = lipt.div %3, %three : tensor<2x4x3x5xf32>, tensor<f32>
  %5 = lipt.softmax %4 {axis = 3 : i64} : tensor<2x4x3x5xf32>
  %6 = lipt.matmul %5, %v : tensor<2x4x3x5xf32>, tensor<2x4x5x6xf32>
  return %6 : tensor<2x4x3x6xf32>
}

// CHECK-LABEL: func.func @grouped
// CHECK-NEXT: lipt.attention %arg0, %arg1, %arg2 {scale = 1.000000e+00 : f64} : tensor<1x4x3x2xf32>, tensor<1x2x3x2xf32>, tensor<1x2x3x2xf32>
// CHECK-NEXT: return
func.func @grouped(%q: tensor<1x4x3x2xf32>, %k: tensor<1x2x3x2xf32>, %v: tensor<1x2x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %0 = lipt.reshape %k : tensor<1x2x3x2xf32> -> tensor<1x2x1x3x2xf32>
  %1 = lipt.expand %0 : tensor<1x2x1x3x2xf32> -> tensor<1x2x2x3x2xf32>
  %2 = lipt.reshape %1 : tensor<1x2x2x3x2xf32> -> tensor<1x4x3x2xf32>
  %3 = lipt.reshape %v : tensor<1x2x3x2xf32> -> tensor<1x2x1x3x2xf32>
  %4 = lipt.tile %3 [1, 1, 2, 1, 1] : tensor<1x2x1x3x2xf32>
  %5 = lipt.reshape %4 : tensor<1x2x2x3x2xf32> -> tensor<1x4x3x2xf32>
  %6 = lipt.transpose %2 [0, 1, 3, 2] : tensor<1x4x3x2xf32>
  %7 = lipt.matmul %q, %6 : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %8 = lipt.softmax %7 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %9 = lipt.matmul %8, %5 : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %9 : tensor<1x4x3x2xf32>
}

// Heads tiled as (h0, h1, h0, h1) are not grouped: they stay repeated.
// CHECK-LABEL: func.func @tiled_heads
// CHECK: lipt.attention %arg0, %{{.*}}, %{{.*}} {scale = 1.000000e+00 : f64} : tensor<1x4x3x2xf32>, tensor<1x4x3x2xf32>, tensor<1x4x3x2xf32>
func.func @tiled_heads(%q: tensor<1x4x3x2xf32>, %k: tensor<1x2x3x2xf32>, %v: tensor<1x2x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %0 = lipt.tile %k [1, 2, 1, 1] : tensor<1x2x3x2xf32>
  %1 = lipt.tile %v [1, 2, 1, 1] : tensor<1x2x3x2xf32>
  %2 = lipt.transpose %0 [0, 1, 3, 2] : tensor<1x4x3x2xf32>
  %3 = lipt.matmul %q, %2 : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %4 = lipt.softmax %3 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %5 = lipt.matmul %4, %1 : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %5 : tensor<1x4x3x2xf32>
}

// One head without an axis of its own.
// CHECK-LABEL: func.func @single_head
// CHECK-NEXT: lipt.attention %arg0, %arg1, %arg2 {key_transposed, packed_heads = array<i64: 1, 1>, scale = 1.000000e+00 : f64}
// CHECK-NEXT: return
func.func @single_head(%q: tensor<2x3x4xf32>, %k: tensor<2x4x5xf32>, %v: tensor<2x5x6xf32>) -> tensor<2x3x6xf32> {
  %0 = lipt.matmul %q, %k : tensor<2x3x4xf32>, tensor<2x4x5xf32>
  %1 = lipt.softmax %0 {axis = 2 : i64} : tensor<2x3x5xf32>
  %2 = lipt.matmul %1, %v : tensor<2x3x5xf32>, tensor<2x5x6xf32>
  return %2 : tensor<2x3x6xf32>
}

// Near misses.

// CHECK-LABEL: func.func @wrong_axis
// CHECK-NOT: lipt.attention
// CHECK: return
func.func @wrong_axis(%q: tensor<2x4x3x4xf32>, %k: tensor<2x4x4x3xf32>, %v: tensor<2x4x3x6xf32>) -> tensor<2x4x3x6xf32> {
  %0 = lipt.matmul %q, %k : tensor<2x4x3x4xf32>, tensor<2x4x4x3xf32>
  %1 = lipt.softmax %0 {axis = 2 : i64} : tensor<2x4x3x3xf32>
  %2 = lipt.matmul %1, %v : tensor<2x4x3x3xf32>, tensor<2x4x3x6xf32>
  return %2 : tensor<2x4x3x6xf32>
}

// CHECK-LABEL: func.func @varying_mask
// CHECK-NOT: lipt.attention
// CHECK: return
func.func @varying_mask(%q: tensor<2x4x3x4xf32>, %k: tensor<2x4x4x3xf32>, %v: tensor<2x4x3x6xf32>, %m: tensor<3x3xf32>) -> tensor<2x4x3x6xf32> {
  %0 = lipt.matmul %q, %k : tensor<2x4x3x4xf32>, tensor<2x4x4x3xf32>
  %1 = lipt.add %0, %m : tensor<2x4x3x3xf32>, tensor<3x3xf32>
  %2 = lipt.softmax %1 {axis = 3 : i64} : tensor<2x4x3x3xf32>
  %3 = lipt.matmul %2, %v : tensor<2x4x3x3xf32>, tensor<2x4x3x6xf32>
  return %3 : tensor<2x4x3x6xf32>
}

// A scale after the mask scales the mask as well.
// CHECK-LABEL: func.func @scaled_mask
// CHECK-NOT: lipt.attention
// CHECK: return
func.func @scaled_mask(%q: tensor<2x4x3x4xf32>, %k: tensor<2x4x4x3xf32>, %v: tensor<2x4x3x6xf32>) -> tensor<2x4x3x6xf32> {
  %m = lipt.read_param @mask : tensor<3x3xf32>
  %half = lipt.constant dense<0.5> : tensor<f32>
  %0 = lipt.matmul %q, %k : tensor<2x4x3x4xf32>, tensor<2x4x4x3xf32>
  %1 = lipt.add %0, %m : tensor<2x4x3x3xf32>, tensor<3x3xf32>
  %2 = lipt.mul %1, %half : tensor<2x4x3x3xf32>, tensor<f32>
  %3 = lipt.softmax %2 {axis = 3 : i64} : tensor<2x4x3x3xf32>
  %4 = lipt.matmul %3, %v : tensor<2x4x3x3xf32>, tensor<2x4x3x6xf32>
  return %4 : tensor<2x4x3x6xf32>
}
