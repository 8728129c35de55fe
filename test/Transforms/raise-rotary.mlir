// RUN: lipt-opt %s --lipt-raise-patterns | FileCheck %s

lipt.param @c source "model::c" : tensor<3x2xf32>
lipt.param @s source "model::s" : tensor<3x2xf32>
lipt.param @c4 source "model::c4" : tensor<3x4xf32>
lipt.param @s4 source "model::s4" : tensor<3x4xf32>

// CHECK-LABEL: func.func @halves
// CHECK: %[[C:.*]] = lipt.read_param @c
// CHECK: %[[S:.*]] = lipt.read_param @s
// CHECK: lipt.rotary %arg0, %[[C]], %[[S]] {onnx.nodes = ["x1", "a", "b", "first", "d", "e", "second", "y"], onnx.outputs = ["y"]} : tensor<2x3x4xf32>
// CHECK-NEXT: return
func.func @halves(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %c = lipt.read_param @c : tensor<3x2xf32>
  %s = lipt.read_param @s : tensor<3x2xf32>
  %0:2 = lipt.split %x [2, 2] {axis = 2 : i64, onnx.outputs = ["x1", "x2"]} : tensor<2x3x4xf32>
  %1 = lipt.mul %0#0, %c {onnx.outputs = ["a"]} : tensor<2x3x2xf32>, tensor<3x2xf32>
  %2 = lipt.mul %0#1, %s {onnx.outputs = ["b"]} : tensor<2x3x2xf32>, tensor<3x2xf32>
  %3 = lipt.sub %1, %2 {onnx.outputs = ["first"]} : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %4 = lipt.mul %s, %0#0 {onnx.outputs = ["d"]} : tensor<3x2xf32>, tensor<2x3x2xf32>
  %5 = lipt.mul %0#1, %c {onnx.outputs = ["e"]} : tensor<2x3x2xf32>, tensor<3x2xf32>
  %6 = lipt.add %4, %5 {onnx.outputs = ["second"]} : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %7 = lipt.concat %3, %6 {axis = 2 : i64, onnx.outputs = ["y"]} : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  return %7 : tensor<2x3x4xf32>
}

// The other direction: the sine is negated.
// CHECK-LABEL: func.func @halves_backwards
// CHECK: %[[S:.*]] = lipt.read_param @s
// CHECK: %[[N:.*]] = lipt.neg %[[S]] : tensor<3x2xf32>
// CHECK: lipt.rotary %arg0, %{{.*}}, %[[N]] : tensor<2x3x4xf32>
func.func @halves_backwards(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %c = lipt.read_param @c : tensor<3x2xf32>
  %s = lipt.read_param @s : tensor<3x2xf32>
  %x1 = lipt.slice %x starts [0, 0, 0] steps [1, 1, 1] : tensor<2x3x4xf32> -> tensor<2x3x2xf32>
  %x2 = lipt.slice %x starts [0, 0, 2] steps [1, 1, 1] : tensor<2x3x4xf32> -> tensor<2x3x2xf32>
  %1 = lipt.mul %x1, %c : tensor<2x3x2xf32>, tensor<3x2xf32>
  %2 = lipt.mul %x2, %s : tensor<2x3x2xf32>, tensor<3x2xf32>
  %3 = lipt.add %1, %2 : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %4 = lipt.mul %x2, %c : tensor<2x3x2xf32>, tensor<3x2xf32>
  %5 = lipt.mul %x1, %s : tensor<2x3x2xf32>, tensor<3x2xf32>
  %6 = lipt.sub %4, %5 : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %7 = lipt.concat %3, %6 {axis = 2 : i64} : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  return %7 : tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @half_turn
// CHECK: %[[C:.*]] = lipt.read_param @c4
// CHECK: %[[S:.*]] = lipt.read_param @s4
// CHECK: lipt.rotary %arg0, %[[C]], %[[S]] {full_table} : tensor<2x3x4xf32>
// CHECK-NEXT: return
func.func @half_turn(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %c = lipt.read_param @c4 : tensor<3x4xf32>
  %s = lipt.read_param @s4 : tensor<3x4xf32>
  %0 = lipt.mul %x, %c : tensor<2x3x4xf32>, tensor<3x4xf32>
  %x1 = lipt.slice %x starts [0, 0, 0] steps [1, 1, 1] : tensor<2x3x4xf32> -> tensor<2x3x2xf32>
  %x2 = lipt.slice %x starts [0, 0, 2] steps [1, 1, 1] : tensor<2x3x4xf32> -> tensor<2x3x2xf32>
  %1 = lipt.neg %x2 : tensor<2x3x2xf32>
  %2 = lipt.concat %1, %x1 {axis = 2 : i64} : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %3 = lipt.mul %2, %s : tensor<2x3x4xf32>, tensor<3x4xf32>
  %4 = lipt.add %0, %3 : tensor<2x3x4xf32>, tensor<2x3x4xf32>
  return %4 : tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @interleaved
// CHECK: lipt.rotary %arg0, %{{.*}}, %{{.*}} {interleaved} : tensor<2x3x4xf32>
// CHECK-NEXT: return
func.func @interleaved(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %c = lipt.read_param @c : tensor<3x2xf32>
  %s = lipt.read_param @s : tensor<3x2xf32>
  %p = lipt.reshape %x : tensor<2x3x4xf32> -> tensor<2x3x2x2xf32>
  %0:2 = lipt.split %p [1, 1] {axis = 3 : i64} : tensor<2x3x2x2xf32>
  %x1 = lipt.reshape %0#0 : tensor<2x3x2x1xf32> -> tensor<2x3x2xf32>
  %x2 = lipt.reshape %0#1 : tensor<2x3x2x1xf32> -> tensor<2x3x2xf32>
  %1 = lipt.mul %x1, %c : tensor<2x3x2xf32>, tensor<3x2xf32>
  %2 = lipt.mul %x2, %s : tensor<2x3x2xf32>, tensor<3x2xf32>
  %3 = lipt.sub %1, %2 : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %4 = lipt.mul %x2, %c : tensor<2x3x2xf32>, tensor<3x2xf32>
  %5 = lipt.mul %x1, %s : tensor<2x3x2xf32>, tensor<3x2xf32>
  %6 = lipt.add %4, %5 : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %7 = lipt.reshape %3 : tensor<2x3x2xf32> -> tensor<2x3x2x1xf32>
  %8 = lipt.reshape %6 : tensor<2x3x2xf32> -> tensor<2x3x2x1xf32>
  %9 = lipt.concat %7, %8 {axis = 3 : i64} : tensor<2x3x2x1xf32>, tensor<2x3x2x1xf32>
  %10 = lipt.reshape %9 : tensor<2x3x2x2xf32> -> tensor<2x3x4xf32>
  return %10 : tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @partial
// CHECK: lipt.rotary %arg0, %{{.*}}, %{{.*}} {full_table, rotary_dim = 4 : i64} : tensor<2x3x6xf32>
// CHECK-NEXT: return
func.func @partial(%x: tensor<2x3x6xf32>) -> tensor<2x3x6xf32> {
  %c = lipt.read_param @c4 : tensor<3x4xf32>
  %s = lipt.read_param @s4 : tensor<3x4xf32>
  %r:2 = lipt.split %x [4, 2] {axis = 2 : i64} : tensor<2x3x6xf32>
  %0 = lipt.mul %r#0, %c : tensor<2x3x4xf32>, tensor<3x4xf32>
  %h:2 = lipt.split %r#0 [2, 2] {axis = 2 : i64} : tensor<2x3x4xf32>
  %1 = lipt.neg %h#1 : tensor<2x3x2xf32>
  %2 = lipt.concat %1, %h#0 {axis = 2 : i64} : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %3 = lipt.mul %2, %s : tensor<2x3x4xf32>, tensor<3x4xf32>
  %4 = lipt.add %0, %3 : tensor<2x3x4xf32>, tensor<2x3x4xf32>
  %5 = lipt.concat %4, %r#1 {axis = 2 : i64} : tensor<2x3x4xf32>, tensor<2x3x2xf32>
  return %5 : tensor<2x3x6xf32>
}

// Near misses.

// Both halves get the same sign: no rotation; as two tables it is one of the
// general form, whose halves differ.
// CHECK-LABEL: func.func @reflection
// CHECK: lipt.concat
// CHECK: %[[N:.*]] = lipt.neg
// CHECK: %[[S:.*]] = lipt.concat %[[N]], %{{.*}} {axis = 1 : i64} : tensor<3x2xf32>, tensor<3x2xf32>
// CHECK: lipt.rotary %arg0, %{{.*}}, %[[S]] {full_table}
func.func @reflection(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %c = lipt.read_param @c : tensor<3x2xf32>
  %s = lipt.read_param @s : tensor<3x2xf32>
  %0:2 = lipt.split %x [2, 2] {axis = 2 : i64} : tensor<2x3x4xf32>
  %1 = lipt.mul %0#0, %c : tensor<2x3x2xf32>, tensor<3x2xf32>
  %2 = lipt.mul %0#1, %s : tensor<2x3x2xf32>, tensor<3x2xf32>
  %3 = lipt.add %1, %2 : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %4 = lipt.mul %0#0, %s : tensor<2x3x2xf32>, tensor<3x2xf32>
  %5 = lipt.mul %0#1, %c : tensor<2x3x2xf32>, tensor<3x2xf32>
  %6 = lipt.add %4, %5 : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %7 = lipt.concat %3, %6 {axis = 2 : i64} : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  return %7 : tensor<2x3x4xf32>
}

// Quarters, not halves.
// CHECK-LABEL: func.func @overlapping
// CHECK-NOT: lipt.rotary
// CHECK: return
func.func @overlapping(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %c = lipt.read_param @c : tensor<3x2xf32>
  %s = lipt.read_param @s : tensor<3x2xf32>
  %x1 = lipt.slice %x starts [0, 0, 0] steps [1, 1, 1] : tensor<2x3x4xf32> -> tensor<2x3x2xf32>
  %x2 = lipt.slice %x starts [0, 0, 1] steps [1, 1, 1] : tensor<2x3x4xf32> -> tensor<2x3x2xf32>
  %1 = lipt.mul %x1, %c : tensor<2x3x2xf32>, tensor<3x2xf32>
  %2 = lipt.mul %x2, %s : tensor<2x3x2xf32>, tensor<3x2xf32>
  %3 = lipt.sub %1, %2 : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %4 = lipt.mul %x2, %c : tensor<2x3x2xf32>, tensor<3x2xf32>
  %5 = lipt.mul %x1, %s : tensor<2x3x2xf32>, tensor<3x2xf32>
  %6 = lipt.add %4, %5 : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %7 = lipt.concat %3, %6 {axis = 2 : i64} : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  return %7 : tensor<2x3x4xf32>
}

// A table that depends on an input.
// CHECK-LABEL: func.func @varying_table
// CHECK-NOT: lipt.rotary
// CHECK: return
func.func @varying_table(%x: tensor<2x3x4xf32>, %s: tensor<3x4xf32>) -> tensor<2x3x4xf32> {
  %c = lipt.read_param @c4 : tensor<3x4xf32>
  %0 = lipt.mul %x, %c : tensor<2x3x4xf32>, tensor<3x4xf32>
  %h:2 = lipt.split %x [2, 2] {axis = 2 : i64} : tensor<2x3x4xf32>
  %1 = lipt.neg %h#1 : tensor<2x3x2xf32>
  %2 = lipt.concat %1, %h#0 {axis = 2 : i64} : tensor<2x3x2xf32>, tensor<2x3x2xf32>
  %3 = lipt.mul %2, %s : tensor<2x3x4xf32>, tensor<3x4xf32>
  %4 = lipt.add %0, %3 : tensor<2x3x4xf32>, tensor<2x3x4xf32>
  return %4 : tensor<2x3x4xf32>
}
