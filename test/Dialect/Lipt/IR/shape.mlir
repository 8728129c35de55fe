// Operations that move entries: inferred shapes, roles that travel along.
// RUN: lipt-opt %s --verify-roundtrip | FileCheck %s

!x = tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>

// CHECK-LABEL: func.func @reshapes
func.func @reshapes(%x: !x) -> (
    tensor<?x64xf32, #lipt.axes<[<batch, "16*N">, <feature>]>>,
    tensor<?x16x4x16xf32, #lipt.axes<[<batch, "N">, <token>, <head>, <feature>]>>,
    tensor<?x1024xf32, #lipt.axes<[<batch, "N">, <feature>]>>,
    tensor<?x1x16x64xf32, #lipt.axes<[<batch, "N">, <unknown>, <token>, <feature>]>>) {
  // CHECK: lipt.reshape %arg0 : {{.*}} -> tensor<?x64xf32
  %0 = lipt.reshape %x : !x -> tensor<?x64xf32, #lipt.axes<[<batch, "16*N">, <feature>]>>
  // Width axes may be told apart: heads, features.
  %1 = lipt.reshape %x : !x -> tensor<?x16x4x16xf32, #lipt.axes<[<batch, "N">, <token>, <head>, <feature>]>>
  // Tokens and features together are a vector.
  %2 = lipt.reshape %x : !x -> tensor<?x1024xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %3 = lipt.reshape %x : !x -> tensor<?x1x16x64xf32, #lipt.axes<[<batch, "N">, <unknown>, <token>, <feature>]>>
  return %0, %1, %2, %3 :
    tensor<?x64xf32, #lipt.axes<[<batch, "16*N">, <feature>]>>,
    tensor<?x16x4x16xf32, #lipt.axes<[<batch, "N">, <token>, <head>, <feature>]>>,
    tensor<?x1024xf32, #lipt.axes<[<batch, "N">, <feature>]>>,
    tensor<?x1x16x64xf32, #lipt.axes<[<batch, "N">, <unknown>, <token>, <feature>]>>
}

// CHECK-LABEL: func.func @moves
func.func @moves(%x: !x) -> (
    tensor<64x?x16xf32, #lipt.axes<[<feature>, <batch, "N">, <token>]>>,
    tensor<?x8x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>,
    tensor<?x32x64xf32, #lipt.axes<[<batch, "2*N">, <token>, <feature>]>>,
    tensor<?x16x1xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>) {
  // CHECK: lipt.transpose %arg0 [2, 0, 1]
  %0 = lipt.transpose %x [2, 0, 1] : !x
  // CHECK: lipt.slice %arg0 starts [0, 15, 0] steps [1, -2, 1]
  %1 = lipt.slice %x starts [0, 15, 0] steps [1, -2, 1] : !x -> tensor<?x8x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
  // CHECK: lipt.concat %arg0, %arg0 {axis = 1 : i64}
  %2 = lipt.concat %x, %x {axis = 1 : i64} : !x, !x
  // CHECK: lipt.tile %{{.*}} [2, 1, 1]
  %3 = lipt.tile %2 [2, 1, 1] : tensor<?x32x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
  // CHECK: %{{.*}}:3 = lipt.split %arg0 [60, 1, 3] {axis = 2 : i64}
  %4:3 = lipt.split %x [60, 1, 3] {axis = 2 : i64} : !x
  return %0, %1, %3, %4#1 :
    tensor<64x?x16xf32, #lipt.axes<[<feature>, <batch, "N">, <token>]>>,
    tensor<?x8x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>,
    tensor<?x32x64xf32, #lipt.axes<[<batch, "2*N">, <token>, <feature>]>>,
    tensor<?x16x1xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
}

// A class token in front makes T+1 tokens.
// CHECK-LABEL: func.func @class_token
func.func @class_token(
    %x: tensor<1x?x4xf32, #lipt.axes<[<batch>, <token, "T">, <feature>]>>, %c: tensor<1x1x4xf32>)
    -> tensor<1x?x4xf32, #lipt.axes<[<batch>, <token, "T+1">, <feature>]>> {
  %0 = lipt.concat %c, %x {axis = 1 : i64} : tensor<1x1x4xf32>, tensor<1x?x4xf32, #lipt.axes<[<batch>, <token, "T">, <feature>]>>
  return %0 : tensor<1x?x4xf32, #lipt.axes<[<batch>, <token, "T+1">, <feature>]>>
}

// CHECK-LABEL: func.func @padding
func.func @padding(%x: tensor<2x3xf32>) -> tensor<4x2xf32> {
  // CHECK: lipt.pad %arg0 [1, 0, 1, -1] {value = 1.000000e+00 : f32}
  %0 = lipt.pad %x [1, 0, 1, -1] {value = 1.0 : f32} : tensor<2x3xf32>
  // CHECK: lipt.pad %{{.*}} [0, 1, 0, 0] {mode = #lipt<pad_mode reflect>}
  %1 = lipt.pad %0 [0, 1, 0, 0] {mode = #lipt<pad_mode reflect>} : tensor<4x2xf32>
  // CHECK: lipt.pad %{{.*}} {mode = #lipt<pad_mode edge>}
  %2 = lipt.pad %1 [0, 0, 0, 1] {mode = #lipt<pad_mode edge>} : tensor<4x3xf32>
  // CHECK: lipt.pad %{{.*}} {mode = #lipt<pad_mode wrap>}
  %3 = lipt.pad %2 [0, 0, 0, -2] {mode = #lipt<pad_mode wrap>} : tensor<4x4xf32>
  return %3 : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @expansion
func.func @expansion(%x: tensor<1x3xf32>) -> tensor<?x5x3xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>> {
  // CHECK: lipt.expand %arg0 : tensor<1x3xf32> -> tensor<?x5x3xf32
  %0 = lipt.expand %x : tensor<1x3xf32> -> tensor<?x5x3xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
  return %0 : tensor<?x5x3xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
}

// CHECK-LABEL: func.func @gathers
func.func @gathers(%x: !x, %i: tensor<5xi64>, %scalar: tensor<i64>,
    %e: tensor<?x16x2xi64, #lipt.axes<[<batch, "N">, <unknown>, <unknown>]>>) -> (
    tensor<?x5x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>,
    tensor<?x64xf32, #lipt.axes<[<batch, "N">, <feature>]>>,
    tensor<?x16x2xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>) {
  // CHECK: lipt.gather %arg0, %arg1 {axis = 1 : i64}
  %0 = lipt.gather %x, %i {axis = 1 : i64} : !x, tensor<5xi64>
  // CHECK: lipt.gather %arg0, %arg2 {axis = 1 : i64}
  %1 = lipt.gather %x, %scalar {axis = 1 : i64} : !x, tensor<i64>
  // CHECK: lipt.gather_elements %arg0, %arg3 {axis = 2 : i64}
  %2 = lipt.gather_elements %x, %e {axis = 2 : i64} : !x, tensor<?x16x2xi64, #lipt.axes<[<batch, "N">, <unknown>, <unknown>]>>
  return %0, %1, %2 :
    tensor<?x5x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>,
    tensor<?x64xf32, #lipt.axes<[<batch, "N">, <feature>]>>,
    tensor<?x16x2xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
}

// CHECK-LABEL: func.func @reductions
func.func @reductions(%x: !x) -> (
    tensor<?x64xf32, #lipt.axes<[<batch, "N">, <feature>]>>,
    tensor<?x1x1xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>, !x) {
  // CHECK: lipt.reduce mean %arg0 axes [1] {keep_dims = false}
  %0 = lipt.reduce mean %x axes [1] {keep_dims = false} : !x
  // CHECK: lipt.reduce log_sum_exp %arg0 axes [2, 1] : tensor
  %1 = lipt.reduce log_sum_exp %x axes [2, 1] : !x
  // CHECK: lipt.cumsum %arg0 {axis = 1 : i64, reverse}
  %2 = lipt.cumsum %x {axis = 1 : i64, reverse} : !x
  // CHECK: lipt.trilu %{{.*}} {k = -1 : i64, upper}
  %3 = lipt.trilu %2 {k = -1 : i64, upper} : !x
  return %0, %1, %3 :
    tensor<?x64xf32, #lipt.axes<[<batch, "N">, <feature>]>>,
    tensor<?x1x1xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>, !x
}
