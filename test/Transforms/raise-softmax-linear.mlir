// RUN: lipt-opt %s --lipt-raise-patterns | FileCheck %s

lipt.param @w source "model::w" : tensor<4x5xf32>
lipt.param @b source "model::b" : tensor<1x5xf32>
lipt.param @table source "model::table" : tensor<2x5xf32>

// Any shift that is constant along the axis drops out.
// CHECK-LABEL: func.func @softmax
// CHECK: lipt.softmax %arg0 {axis = 1 : i64, onnx.nodes = ["max", "m", "r", "d", "e", "s", "t", "u", "y"], onnx.outputs = ["y"]}
// CHECK-NEXT: return
func.func @softmax(%x: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %low = lipt.constant dense<0xFF800000> : tensor<f32>
  %0 = lipt.reduce max %x axes [1] {keep_dims = false, onnx.outputs = ["max"]} : tensor<3x5xf32>
  %1 = lipt.maximum %low, %0 {onnx.outputs = ["m"]} : tensor<f32>, tensor<3xf32>
  %2 = lipt.reshape %1 {onnx.outputs = ["r"]} : tensor<3xf32> -> tensor<3x1xf32>
  %3 = lipt.sub %x, %2 {onnx.outputs = ["d"]} : tensor<3x5xf32>, tensor<3x1xf32>
  %4 = lipt.exp %3 {onnx.outputs = ["e"]} : tensor<3x5xf32>
  %5 = lipt.reduce sum %4 axes [1] {keep_dims = false, onnx.outputs = ["s"]} : tensor<3x5xf32>
  %6 = lipt.reshape %5 {onnx.outputs = ["t"]} : tensor<3xf32> -> tensor<3x1xf32>
  %7 = lipt.expand %6 {onnx.outputs = ["u"]} : tensor<3x1xf32> -> tensor<3x5xf32>
  %8 = lipt.div %4, %7 {onnx.outputs = ["y"]} : tensor<3x5xf32>, tensor<3x5xf32>
  return %8 : tensor<3x5xf32>
}

// The shift varies along the axis: it belongs to the logits.
// CHECK-LABEL: func.func @logits_with_offset
// CHECK: %[[D:.*]] = lipt.sub %arg0, %arg1
// CHECK-NEXT: lipt.softmax %[[D]] {axis = 1 : i64}
func.func @logits_with_offset(%x: tensor<3x5xf32>, %y: tensor<3x5xf32>) -> tensor<3x5xf32> {
  %0 = lipt.sub %x, %y : tensor<3x5xf32>, tensor<3x5xf32>
  %1 = lipt.exp %0 : tensor<3x5xf32>
  %2 = lipt.reduce sum %1 axes [1] : tensor<3x5xf32>
  %3 = lipt.reciprocal %2 : tensor<3x1xf32>
  %4 = lipt.mul %3, %1 : tensor<3x1xf32>, tensor<3x5xf32>
  return %4 : tensor<3x5xf32>
}

// A shift from elsewhere would be left uncovered.
// CHECK-LABEL: func.func @foreign_shift
// CHECK: %[[D:.*]] = lipt.sub %arg0, %arg1
// CHECK-NEXT: lipt.softmax %[[D]] {axis = 1 : i64}
func.func @foreign_shift(%x: tensor<3x5xf32>, %m: tensor<3x1xf32>) -> tensor<3x5xf32> {
  %0 = lipt.sub %x, %m : tensor<3x5xf32>, tensor<3x1xf32>
  %1 = lipt.exp %0 : tensor<3x5xf32>
  %2 = lipt.reduce sum %1 axes [1] : tensor<3x5xf32>
  %3 = lipt.div %1, %2 : tensor<3x5xf32>, tensor<3x1xf32>
  return %3 : tensor<3x5xf32>
}

// The sums of rows meet columns.
// CHECK-LABEL: func.func @crossed_sums
// CHECK-NOT: lipt.softmax
// CHECK: return
func.func @crossed_sums(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = lipt.exp %x : tensor<4x4xf32>
  %1 = lipt.reduce sum %0 axes [1] {keep_dims = false} : tensor<4x4xf32>
  %2 = lipt.div %0, %1 : tensor<4x4xf32>, tensor<4xf32>
  return %2 : tensor<4x4xf32>
}

// CHECK-LABEL: func.func @linear
// CHECK: lipt.linear %arg0, %{{.*}} bias %{{.*}} : tensor<1x5xf32> {onnx.nodes = ["p", "y"], onnx.outputs = ["y"], transpose_weight}
// CHECK-NEXT: return
func.func @linear(%x: tensor<2x4xf32>) -> tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>> {
  %w = lipt.read_param @w : tensor<4x5xf32>
  %b = lipt.read_param @b : tensor<1x5xf32>
  %0 = lipt.linear %x, %w {onnx.outputs = ["p"], transpose_weight} : tensor<2x4xf32>, tensor<4x5xf32>
  %1 = lipt.add %b, %0 {onnx.outputs = ["y"]} : tensor<1x5xf32>, tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>>
  return %1 : tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>>
}

// CHECK-LABEL: func.func @bias_per_position
// CHECK: lipt.add
func.func @bias_per_position(%x: tensor<2x4xf32>) -> tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>> {
  %w = lipt.read_param @w : tensor<4x5xf32>
  %p = lipt.read_param @table : tensor<2x5xf32>
  %0 = lipt.linear %x, %w {transpose_weight} : tensor<2x4xf32>, tensor<4x5xf32>
  %1 = lipt.add %0, %p : tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>>, tensor<2x5xf32>
  return %1 : tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>>
}

// CHECK-LABEL: func.func @product_read_twice
// CHECK: lipt.add
func.func @product_read_twice(%x: tensor<2x4xf32>) -> (tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>>, tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>>) {
  %w = lipt.read_param @w : tensor<4x5xf32>
  %b = lipt.read_param @b : tensor<1x5xf32>
  %0 = lipt.linear %x, %w {transpose_weight} : tensor<2x4xf32>, tensor<4x5xf32>
  %1 = lipt.add %0, %b : tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>>, tensor<1x5xf32>
  return %0, %1 : tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>>, tensor<2x5xf32, #lipt.axes<[<unknown>, <feature>]>>
}
