// RUN: lipt-opt %s --lipt-raise-patterns | FileCheck %s

lipt.param @g source "model::g" : tensor<4xf32>
lipt.param @b source "model::b" : tensor<4xf32>
lipt.param @leading source "model::leading" : tensor<1x1x4xf32>
lipt.param @column source "model::column" : tensor<1x4x1xf32>
lipt.param @table source "model::table" : tensor<3x4xf32>

// CHECK-LABEL: func.func @layer_norm
// CHECK: lipt.layer_norm %arg0 gain %{{.*}} : tensor<4xf32> bias %{{.*}} : tensor<4xf32> {axis = 2 : i64, epsilon = 9.99999974E-6 : f32, onnx.nodes = ["m", "c", "s", "v", "e", "r", "z", "zg", "y"], onnx.outputs = ["y"]} : tensor<2x3x4xf32>
// CHECK-NEXT: return
func.func @layer_norm(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %g = lipt.read_param @g : tensor<4xf32>
  %b = lipt.read_param @b : tensor<4xf32>
  %two = lipt.constant dense<2.0> : tensor<f32>
  %eps = lipt.constant dense<9.99999974E-6> : tensor<f32>
  %0 = lipt.reduce mean %x axes [2] {onnx.outputs = ["m"]} : tensor<2x3x4xf32>
  %1 = lipt.sub %x, %0 {onnx.outputs = ["c"]} : tensor<2x3x4xf32>, tensor<2x3x1xf32>
  %2 = lipt.pow %1, %two {onnx.outputs = ["s"]} : tensor<2x3x4xf32>, tensor<f32>
  %3 = lipt.reduce mean %2 axes [2] {onnx.outputs = ["v"]} : tensor<2x3x4xf32>
  %4 = lipt.add %3, %eps {onnx.outputs = ["e"]} : tensor<2x3x1xf32>, tensor<f32>
  %5 = lipt.sqrt %4 {onnx.outputs = ["r"]} : tensor<2x3x1xf32>
  %6 = lipt.div %1, %5 {onnx.outputs = ["z"]} : tensor<2x3x4xf32>, tensor<2x3x1xf32>
  %7 = lipt.mul %6, %g {onnx.outputs = ["zg"]} : tensor<2x3x4xf32>, tensor<4xf32>
  %8 = lipt.add %b, %7 {onnx.outputs = ["y"]} : tensor<4xf32>, tensor<2x3x4xf32>
  return %8 : tensor<2x3x4xf32>
}

// Sums times 1/n, the square as a product, the root as a reciprocal; no gain.
// CHECK-LABEL: func.func @layer_norm_of_sums
// CHECK: lipt.layer_norm %arg0 {axis = 2 : i64
// CHECK-NEXT: return
func.func @layer_norm_of_sums(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %quarter = lipt.constant dense<0.25> : tensor<f32>
  %four = lipt.constant dense<4.0> : tensor<f32>
  %eps = lipt.constant dense<1.0E-5> : tensor<f32>
  %0 = lipt.reduce sum %x axes [2] : tensor<2x3x4xf32>
  %1 = lipt.mul %0, %quarter : tensor<2x3x1xf32>, tensor<f32>
  %2 = lipt.sub %x, %1 : tensor<2x3x4xf32>, tensor<2x3x1xf32>
  %3 = lipt.mul %2, %2 : tensor<2x3x4xf32>, tensor<2x3x4xf32>
  %4 = lipt.reduce sum %3 axes [2] : tensor<2x3x4xf32>
  %5 = lipt.div %4, %four : tensor<2x3x1xf32>, tensor<f32>
  %6 = lipt.add %eps, %5 : tensor<f32>, tensor<2x3x1xf32>
  %7 = lipt.sqrt %6 : tensor<2x3x1xf32>
  %8 = lipt.reciprocal %7 : tensor<2x3x1xf32>
  %9 = lipt.mul %8, %2 : tensor<2x3x1xf32>, tensor<2x3x4xf32>
  return %9 : tensor<2x3x4xf32>
}

// E[x^2] - mean^2, clamped, over an axis in the middle; reduced axes dropped and
// put back by reshapes and broadcasts; the gain on the inverse root.
// CHECK-LABEL: func.func @moments
// CHECK: %[[G:.*]] = lipt.read_param @column
// CHECK: lipt.layer_norm %arg0 gain %[[G]] : tensor<1x4x1xf32> {axes = array<i64: 1>, axis = 1 : i64
// CHECK-NEXT: return
func.func @moments(%x: tensor<2x4x3xf32>) -> tensor<2x4x3xf32> {
  %g = lipt.read_param @column : tensor<1x4x1xf32>
  %quarter = lipt.constant dense<0.25> : tensor<f32>
  %zero = lipt.constant dense<0.0> : tensor<f32>
  %eps = lipt.constant dense<1.0E-6> : tensor<f32>
  %0 = lipt.reduce sum %x axes [1] {keep_dims = false} : tensor<2x4x3xf32>
  %1 = lipt.mul %x, %x : tensor<2x4x3xf32>, tensor<2x4x3xf32>
  %2 = lipt.reduce sum %1 axes [1] {keep_dims = false} : tensor<2x4x3xf32>
  %3 = lipt.mul %0, %quarter : tensor<2x3xf32>, tensor<f32>
  %4 = lipt.mul %2, %quarter : tensor<2x3xf32>, tensor<f32>
  %5 = lipt.mul %3, %3 : tensor<2x3xf32>, tensor<2x3xf32>
  %6 = lipt.sub %4, %5 : tensor<2x3xf32>, tensor<2x3xf32>
  %7 = lipt.maximum %zero, %6 : tensor<f32>, tensor<2x3xf32>
  %8 = lipt.reshape %7 : tensor<2x3xf32> -> tensor<2x1x3xf32>
  %9 = lipt.add %8, %eps : tensor<2x1x3xf32>, tensor<f32>
  %10 = lipt.sqrt %9 : tensor<2x1x3xf32>
  %11 = lipt.reciprocal %10 : tensor<2x1x3xf32>
  %12 = lipt.mul %11, %g : tensor<2x1x3xf32>, tensor<1x4x1xf32>
  %13 = lipt.reshape %3 : tensor<2x3xf32> -> tensor<2x1x3xf32>
  %14 = lipt.expand %13 : tensor<2x1x3xf32> -> tensor<2x4x3xf32>
  %15 = lipt.sub %x, %14 : tensor<2x4x3xf32>, tensor<2x4x3xf32>
  %16 = lipt.mul %15, %12 : tensor<2x4x3xf32>, tensor<2x4x3xf32>
  return %16 : tensor<2x4x3xf32>
}

// CHECK-LABEL: func.func @rms_norm
// CHECK: %[[G:.*]] = lipt.reshape %{{.*}} : tensor<1x1x4xf32> -> tensor<4xf32>
// CHECK: lipt.rms_norm %arg0 gain %[[G]] : tensor<4xf32> {axis = 2 : i64, epsilon = 9.99999974E-6 : f32}
// CHECK-NEXT: return
func.func @rms_norm(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %g = lipt.read_param @leading : tensor<1x1x4xf32>
  %one = lipt.constant dense<1.0> : tensor<f32>
  %eps = lipt.constant dense<9.99999974E-6> : tensor<f32>
  %0 = lipt.mul %x, %x : tensor<2x3x4xf32>, tensor<2x3x4xf32>
  %1 = lipt.reduce mean %0 axes [2] : tensor<2x3x4xf32>
  %2 = lipt.add %1, %eps : tensor<2x3x1xf32>, tensor<f32>
  %3 = lipt.sqrt %2 : tensor<2x3x1xf32>
  %4 = lipt.div %one, %3 : tensor<f32>, tensor<2x3x1xf32>
  %5 = lipt.mul %x, %4 : tensor<2x3x4xf32>, tensor<2x3x1xf32>
  %6 = lipt.mul %g, %5 : tensor<1x1x4xf32>, tensor<2x3x4xf32>
  return %6 : tensor<2x3x4xf32>
}

// Near misses.

// The deviation and its root over different axes.
// CHECK-LABEL: func.func @two_axes
// CHECK-NOT: lipt.layer_norm
// CHECK: return
func.func @two_axes(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %eps = lipt.constant dense<1.0E-5> : tensor<f32>
  %0 = lipt.reduce mean %x axes [1] : tensor<4x4xf32>
  %1 = lipt.sub %x, %0 : tensor<4x4xf32>, tensor<4x1xf32>
  %2 = lipt.mul %1, %1 : tensor<4x4xf32>, tensor<4x4xf32>
  %3 = lipt.reduce mean %2 axes [0] : tensor<4x4xf32>
  %4 = lipt.add %3, %eps : tensor<1x4xf32>, tensor<f32>
  %5 = lipt.sqrt %4 : tensor<1x4xf32>
  %6 = lipt.div %1, %5 : tensor<4x4xf32>, tensor<1x4xf32>
  return %6 : tensor<4x4xf32>
}

// The means of the rows are subtracted from the columns.
// CHECK-LABEL: func.func @crossed
// CHECK-NOT: lipt.layer_norm
// CHECK: return
func.func @crossed(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %eps = lipt.constant dense<1.0E-5> : tensor<f32>
  %0 = lipt.reduce mean %x axes [1] {keep_dims = false} : tensor<4x4xf32>
  %1 = lipt.sub %x, %0 : tensor<4x4xf32>, tensor<4xf32>
  %2 = lipt.mul %1, %1 : tensor<4x4xf32>, tensor<4x4xf32>
  %3 = lipt.reduce mean %2 axes [1] : tensor<4x4xf32>
  %4 = lipt.add %3, %eps : tensor<4x1xf32>, tensor<f32>
  %5 = lipt.sqrt %4 : tensor<4x1xf32>
  %6 = lipt.div %1, %5 : tensor<4x4xf32>, tensor<4x1xf32>
  return %6 : tensor<4x4xf32>
}

// The unbiased variance divides by n - 1.
// CHECK-LABEL: func.func @unbiased
// CHECK-NOT: lipt.layer_norm
// CHECK: return
func.func @unbiased(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %three = lipt.constant dense<3.0> : tensor<f32>
  %eps = lipt.constant dense<1.0E-5> : tensor<f32>
  %0 = lipt.reduce mean %x axes [1] : tensor<2x4xf32>
  %1 = lipt.sub %x, %0 : tensor<2x4xf32>, tensor<2x1xf32>
  %2 = lipt.mul %1, %1 : tensor<2x4xf32>, tensor<2x4xf32>
  %3 = lipt.reduce sum %2 axes [1] : tensor<2x4xf32>
  %4 = lipt.div %3, %three : tensor<2x1xf32>, tensor<f32>
  %5 = lipt.add %4, %eps : tensor<2x1xf32>, tensor<f32>
  %6 = lipt.sqrt %5 : tensor<2x1xf32>
  %7 = lipt.div %1, %6 : tensor<2x4xf32>, tensor<2x1xf32>
  return %7 : tensor<2x4xf32>
}

// x, not x - mean, over the root of the variance.
// CHECK-LABEL: func.func @not_centred
// CHECK-NOT: {{layer|rms}}_norm
// CHECK: return
func.func @not_centred(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %eps = lipt.constant dense<1.0E-5> : tensor<f32>
  %0 = lipt.reduce mean %x axes [1] : tensor<2x4xf32>
  %1 = lipt.sub %x, %0 : tensor<2x4xf32>, tensor<2x1xf32>
  %2 = lipt.mul %1, %1 : tensor<2x4xf32>, tensor<2x4xf32>
  %3 = lipt.reduce mean %2 axes [1] : tensor<2x4xf32>
  %4 = lipt.add %3, %eps : tensor<2x1xf32>, tensor<f32>
  %5 = lipt.sqrt %4 : tensor<2x1xf32>
  %6 = lipt.div %x, %5 : tensor<2x4xf32>, tensor<2x1xf32>
  return %6 : tensor<2x4xf32>
}

// Without epsilon there is no Lipschitz constant to gain.
// CHECK-LABEL: func.func @no_epsilon
// CHECK-NOT: lipt.rms_norm
// CHECK: return
func.func @no_epsilon(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = lipt.mul %x, %x : tensor<2x4xf32>, tensor<2x4xf32>
  %1 = lipt.reduce mean %0 axes [1] : tensor<2x4xf32>
  %2 = lipt.sqrt %1 : tensor<2x1xf32>
  %3 = lipt.div %x, %2 : tensor<2x4xf32>, tensor<2x1xf32>
  return %3 : tensor<2x4xf32>
}

// What is added varies with the position: it is no bias of the norm layer.
// CHECK-LABEL: func.func @positions
// CHECK: %[[Z:.*]] = lipt.rms_norm %arg0 {axis = 2 : i64
// CHECK-NEXT: lipt.add %[[Z]], %{{.*}} : tensor<2x3x4xf32>, tensor<3x4xf32>
func.func @positions(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %p = lipt.read_param @table : tensor<3x4xf32>
  %eps = lipt.constant dense<1.0E-5> : tensor<f32>
  %0 = lipt.mul %x, %x : tensor<2x3x4xf32>, tensor<2x3x4xf32>
  %1 = lipt.reduce mean %0 axes [2] : tensor<2x3x4xf32>
  %2 = lipt.add %1, %eps : tensor<2x3x1xf32>, tensor<f32>
  %3 = lipt.sqrt %2 : tensor<2x3x1xf32>
  %4 = lipt.div %x, %3 : tensor<2x3x4xf32>, tensor<2x3x1xf32>
  %5 = lipt.add %4, %p : tensor<2x3x4xf32>, tensor<3x4xf32>
  return %5 : tensor<2x3x4xf32>
}

// A third as float32 stores it makes no mean of three.
// CHECK-LABEL: func.func @rounded_count
// CHECK-NOT: lipt.rms_norm
// CHECK: return
func.func @rounded_count(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %third = lipt.constant dense<0.333333343> : tensor<f32>
  %eps = lipt.constant dense<1.0E-5> : tensor<f32>
  %0 = lipt.mul %x, %x : tensor<2x3xf32>, tensor<2x3xf32>
  %1 = lipt.reduce sum %0 axes [1] : tensor<2x3xf32>
  %2 = lipt.mul %1, %third : tensor<2x1xf32>, tensor<f32>
  %3 = lipt.add %2, %eps : tensor<2x1xf32>, tensor<f32>
  %4 = lipt.sqrt %3 : tensor<2x1xf32>
  %5 = lipt.div %x, %4 : tensor<2x3xf32>, tensor<2x1xf32>
  return %5 : tensor<2x3xf32>
}
