// RUN: lipt-opt %s --lipt-raise-patterns | FileCheck %s

lipt.param @bias source "model::bias" : tensor<4x3x3xf32>
lipt.param @keep source "model::keep" : tensor<3x3xi1>

// CHECK-LABEL: func.func @trilu
// CHECK-NEXT: lipt.attention %arg0, %arg1, %arg2 {causal, key_transposed, scale = 1.000000e+00 : f64}
// CHECK-NEXT: return
func.func @trilu(%q: tensor<1x4x3x2xf32>, %k: tensor<1x4x2x3xf32>, %v: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %one = lipt.splat 1.0 : f32 -> tensor<3x3xf32>
  %zero = lipt.constant dense<0.0> : tensor<f32>
  %low = lipt.constant dense<0xFF800000> : tensor<f32>
  %t = lipt.trilu %one : tensor<3x3xf32>
  %e = lipt.equal %t, %zero : tensor<3x3xf32>, tensor<f32>
  %m = lipt.where %e, %low, %zero : tensor<3x3xi1>, tensor<f32>, tensor<f32>
  %0 = lipt.matmul %q, %k : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %1 = lipt.add %0, %m : tensor<1x4x3x3xf32>, tensor<3x3xf32>
  %2 = lipt.softmax %1 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %3 = lipt.matmul %2, %v : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %3 : tensor<1x4x3x2xf32>
}

// Positions compared, for any length.
// CHECK-LABEL: func.func @positions
// CHECK-NEXT: lipt.attention %arg0, %arg1, %arg2 {causal, key_transposed, scale = 1.000000e+00 : f64}
// CHECK-NEXT: return
func.func @positions(%q: tensor<1x4x?x2xf32, #lipt.axes<[<batch>, <head>, <token, "T">, <feature>]>>, %k: tensor<1x4x2x?xf32, #lipt.axes<[<batch>, <head>, <feature>, <token, "T">]>>, %v: tensor<1x4x?x2xf32, #lipt.axes<[<batch>, <head>, <token, "T">, <feature>]>>) -> tensor<1x4x?x2xf32, #lipt.axes<[<batch>, <head>, <token, "T">, <feature>]>> {
  %low = lipt.constant dense<0xFF800000> : tensor<f32>
  %j = lipt.iota : tensor<?xi64, #lipt.axes<[<unknown, "T">]>>
  %i = lipt.reshape %j : tensor<?xi64, #lipt.axes<[<unknown, "T">]>> -> tensor<?x1xi64, #lipt.axes<[<unknown, "T">, <unknown>]>>
  %keep = lipt.less_or_equal %j, %i : tensor<?xi64, #lipt.axes<[<unknown, "T">]>>, tensor<?x1xi64, #lipt.axes<[<unknown, "T">, <unknown>]>>
  %0 = lipt.matmul %q, %k : tensor<1x4x?x2xf32, #lipt.axes<[<batch>, <head>, <token, "T">, <feature>]>>, tensor<1x4x2x?xf32, #lipt.axes<[<batch>, <head>, <feature>, <token, "T">]>>
  %1 = lipt.where %keep, %0, %low : tensor<?x?xi1, #lipt.axes<[<unknown, "T">, <unknown, "T">]>>, tensor<1x4x?x?xf32, #lipt.axes<[<batch>, <head>, <token, "T">, <token, "T">]>>, tensor<f32>
  %2 = lipt.softmax %1 {axis = 3 : i64} : tensor<1x4x?x?xf32, #lipt.axes<[<batch>, <head>, <token, "T">, <token, "T">]>>
  %3 = lipt.matmul %2, %v : tensor<1x4x?x?xf32, #lipt.axes<[<batch>, <head>, <token, "T">, <token, "T">]>>, tensor<1x4x?x2xf32, #lipt.axes<[<batch>, <head>, <token, "T">, <feature>]>>
  return %3 : tensor<1x4x?x2xf32, #lipt.axes<[<batch>, <head>, <token, "T">, <feature>]>>
}

// A literal triangle, and a bias per head under it.
// CHECK-LABEL: func.func @literal
// CHECK: %[[B:.*]] = lipt.read_param @bias
// CHECK-NEXT: lipt.attention %arg0, %arg1, %arg2 mask %[[B]] : tensor<4x3x3xf32> {causal, key_transposed, scale = 1.000000e+00 : f64}
// CHECK-NEXT: return
func.func @literal(%q: tensor<1x4x3x2xf32>, %k: tensor<1x4x2x3xf32>, %v: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %b = lipt.read_param @bias : tensor<4x3x3xf32>
  %drop = lipt.constant dense<[[false, true, true], [false, false, true], [false, false, false]]> : tensor<3x3xi1>
  %low = lipt.constant dense<0xFF800000> : tensor<f32>
  %0 = lipt.matmul %q, %k : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %1 = lipt.add %b, %0 : tensor<4x3x3xf32>, tensor<1x4x3x3xf32>
  %2 = lipt.where %drop, %low, %1 : tensor<3x3xi1>, tensor<f32>, tensor<1x4x3x3xf32>
  %3 = lipt.softmax %2 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %4 = lipt.matmul %3, %v : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %4 : tensor<1x4x3x2xf32>
}

// A stored condition is not known here: it stays a mask.
// CHECK-LABEL: func.func @stored
// CHECK: %[[K:.*]] = lipt.read_param @keep
// CHECK: %[[N:.*]] = lipt.not %[[K]] : tensor<3x3xi1>
// CHECK: lipt.attention %arg0, %arg1, %arg2 mask %[[N]] : tensor<3x3xi1> {key_transposed, mask_kind = #lipt<mask boolean>, scale = 1.000000e+00 : f64}
func.func @stored(%q: tensor<1x4x3x2xf32>, %k: tensor<1x4x2x3xf32>, %v: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %drop = lipt.read_param @keep : tensor<3x3xi1>
  %low = lipt.constant dense<0xFF800000> : tensor<f32>
  %0 = lipt.matmul %q, %k : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %1 = lipt.where %drop, %low, %0 : tensor<3x3xi1>, tensor<f32>, tensor<1x4x3x3xf32>
  %2 = lipt.softmax %1 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %3 = lipt.matmul %2, %v : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %3 : tensor<1x4x3x2xf32>
}

// A finite filler is not -inf, whatever the condition.
// CHECK-LABEL: func.func @filled
// CHECK: %[[D:.*]] = lipt.constant
// CHECK-NEXT: lipt.attention %arg0, %arg1, %arg2 mask %[[D]] : tensor<3x3xi1> {key_transposed, mask_fill = -1.000000e+04 : f32, mask_kind = #lipt<mask fill>, scale = 1.000000e+00 : f64}
func.func @filled(%q: tensor<1x4x3x2xf32>, %k: tensor<1x4x2x3xf32>, %v: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %drop = lipt.constant dense<[[false, true, true], [false, false, true], [false, false, false]]> : tensor<3x3xi1>
  %low = lipt.constant dense<-1.0e4> : tensor<f32>
  %0 = lipt.matmul %q, %k : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %1 = lipt.where %drop, %low, %0 : tensor<3x3xi1>, tensor<f32>, tensor<1x4x3x3xf32>
  %2 = lipt.softmax %1 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %3 = lipt.matmul %2, %v : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %3 : tensor<1x4x3x2xf32>
}

// Near misses of a causal mask: the diagonal is dropped, or one more key kept.
// CHECK-LABEL: func.func @strict
// CHECK: lipt.less
// CHECK-NOT: causal
// CHECK: return
func.func @strict(%q: tensor<1x4x3x2xf32>, %k: tensor<1x4x2x3xf32>, %v: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %low = lipt.constant dense<0xFF800000> : tensor<f32>
  %j = lipt.iota : tensor<3xi64>
  %i = lipt.reshape %j : tensor<3xi64> -> tensor<3x1xi64>
  %keep = lipt.less %j, %i : tensor<3xi64>, tensor<3x1xi64>
  %0 = lipt.matmul %q, %k : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %1 = lipt.where %keep, %0, %low : tensor<3x3xi1>, tensor<1x4x3x3xf32>, tensor<f32>
  %2 = lipt.softmax %1 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %3 = lipt.matmul %2, %v : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %3 : tensor<1x4x3x2xf32>
}

// CHECK-LABEL: func.func @one_more
// CHECK: lipt.trilu
// CHECK-NOT: causal
// CHECK: return
func.func @one_more(%q: tensor<1x4x3x2xf32>, %k: tensor<1x4x2x3xf32>, %v: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %one = lipt.splat 1.0 : f32 -> tensor<3x3xf32>
  %zero = lipt.constant dense<0.0> : tensor<f32>
  %low = lipt.constant dense<0xFF800000> : tensor<f32>
  %t = lipt.trilu %one {k = 1 : i64} : tensor<3x3xf32>
  %e = lipt.equal %t, %zero : tensor<3x3xf32>, tensor<f32>
  %m = lipt.where %e, %low, %zero : tensor<3x3xi1>, tensor<f32>, tensor<f32>
  %0 = lipt.matmul %q, %k : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %1 = lipt.add %0, %m : tensor<1x4x3x3xf32>, tensor<3x3xf32>
  %2 = lipt.softmax %1 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %3 = lipt.matmul %2, %v : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %3 : tensor<1x4x3x2xf32>
}

// Keys before the query are dropped.
// CHECK-LABEL: func.func @upper
// CHECK: lipt.not
// CHECK-NOT: causal
// CHECK: return
func.func @upper(%q: tensor<1x4x3x2xf32>, %k: tensor<1x4x2x3xf32>, %v: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %low = lipt.constant dense<0xFF800000> : tensor<f32>
  %j = lipt.iota : tensor<3xi64>
  %i = lipt.reshape %j : tensor<3xi64> -> tensor<3x1xi64>
  %drop = lipt.less %j, %i : tensor<3xi64>, tensor<3x1xi64>
  %0 = lipt.matmul %q, %k : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %1 = lipt.where %drop, %low, %0 : tensor<3x3xi1>, tensor<f32>, tensor<1x4x3x3xf32>
  %2 = lipt.softmax %1 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %3 = lipt.matmul %2, %v : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %3 : tensor<1x4x3x2xf32>
}

// What a fill replaces includes what was masked before: two masks at once.
// CHECK-LABEL: func.func @fill_over_mask
// CHECK-NOT: lipt.attention
// CHECK: return
func.func @fill_over_mask(%q: tensor<1x4x3x2xf32>, %k: tensor<1x4x2x3xf32>, %v: tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32> {
  %drop = lipt.read_param @keep : tensor<3x3xi1>
  %b = lipt.read_param @bias : tensor<4x3x3xf32>
  %low = lipt.constant dense<-1.0e4> : tensor<f32>
  %0 = lipt.matmul %q, %k : tensor<1x4x3x2xf32>, tensor<1x4x2x3xf32>
  %1 = lipt.add %0, %b : tensor<1x4x3x3xf32>, tensor<4x3x3xf32>
  %2 = lipt.where %drop, %low, %1 : tensor<3x3xi1>, tensor<f32>, tensor<1x4x3x3xf32>
  %3 = lipt.softmax %2 {axis = 3 : i64} : tensor<1x4x3x3xf32>
  %4 = lipt.matmul %3, %v : tensor<1x4x3x3xf32>, tensor<1x4x3x2xf32>
  return %4 : tensor<1x4x3x2xf32>
}
