// Linear layers, convolutions, pools, embeddings: inferred shapes and roles.
// Sizes of convolutions and pools are those that ONNX Runtime computes.
// RUN: lipt-opt %s --verify-roundtrip | FileCheck %s

!x = tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
!y = tensor<?x16x10xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
!image = tensor<?x3x32x32xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>

// CHECK-LABEL: func.func @linear
func.func @linear(%x: !x, %w: tensor<10x64xf32>, %v: tensor<64x10xf32>, %b: tensor<10xf32>) -> (!y, !y) {
  // CHECK: lipt.linear %arg0, %arg1 bias %arg3 : tensor<10xf32> {alpha = 5.000000e-01 : f32} :
  %0 = lipt.linear %x, %w bias %b : tensor<10xf32> {alpha = 0.5 : f32} : !x, tensor<10x64xf32>
  // CHECK: lipt.linear %arg0, %arg2 {transpose_weight} :
  %1 = lipt.linear %x, %v {transpose_weight} : !x, tensor<64x10xf32>
  return %0, %1 : !y, !y
}

// A vector operand loses its axis; batches broadcast; columns of a plain matrix
// are features; scores have the roles of both sequences.
// CHECK-LABEL: func.func @matmul
func.func @matmul(
    %q: tensor<?x4x?x8xf32, #lipt.axes<[<batch, "N">, <head>, <token, "T">, <feature>]>>,
    %k: tensor<?x4x8x?xf32, #lipt.axes<[<batch, "N">, <head>, <feature>, <token, "S">]>>,
    %x: !x, %w: tensor<64x10xf32>, %v: tensor<64xf32>)
    -> (tensor<?x4x?x?xf32, #lipt.axes<[<batch, "N">, <head>, <token, "T">, <token, "S">]>>,
        !y, tensor<?x16xf32, #lipt.axes<[<batch, "N">, <token>]>>, tensor<f32>) {
  // CHECK: lipt.matmul
  %0 = lipt.matmul %q, %k
    : tensor<?x4x?x8xf32, #lipt.axes<[<batch, "N">, <head>, <token, "T">, <feature>]>>,
      tensor<?x4x8x?xf32, #lipt.axes<[<batch, "N">, <head>, <feature>, <token, "S">]>>
  %1 = lipt.matmul %x, %w : !x, tensor<64x10xf32>
  %2 = lipt.matmul %x, %v : !x, tensor<64xf32>
  %3 = lipt.matmul %v, %v : tensor<64xf32>, tensor<64xf32>
  return %0, %1, %2, %3
    : tensor<?x4x?x?xf32, #lipt.axes<[<batch, "N">, <head>, <token, "T">, <token, "S">]>>,
      !y, tensor<?x16xf32, #lipt.axes<[<batch, "N">, <token>]>>, tensor<f32>
}

// CHECK-LABEL: func.func @convolutions
func.func @convolutions(%x: !image, %w: tensor<6x3x3x3xf32>, %g: tensor<9x1x3x3xf32>,
                        %t: tensor<3x2x4x4xf32>, %b: tensor<6xf32>)
    -> (tensor<?x6x16x15xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>,
        tensor<?x9x30x30xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>,
        tensor<?x2x65x64xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>) {
  // CHECK: lipt.conv %arg0, %arg1 bias %arg4 : tensor<6xf32>
  %0 = lipt.conv %x, %w bias %b : tensor<6xf32>
    {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 0, 1, 0>}
    : !image, tensor<6x3x3x3xf32>
  // CHECK: lipt.conv %arg0, %arg2 {{.*}}groups = 3
  %1 = lipt.conv %x, %g
    {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 3 : i64}
    : !image, tensor<9x1x3x3xf32>
  // CHECK: lipt.conv_transpose
  %2 = lipt.conv_transpose %x, %t
    {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>,
     output_padding = array<i64: 1, 0>}
    : !image, tensor<3x2x4x4xf32>
  return %0, %1, %2
    : tensor<?x6x16x15xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>,
      tensor<?x9x30x30xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>,
      tensor<?x2x65x64xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>
}

// A symbolic length that the stride divides stays exact.
// CHECK-LABEL: func.func @symbolic_convolution
func.func @symbolic_convolution(
    %x: tensor<1x2x?xf32, #lipt.axes<[<batch>, <feature>, <spatial, "4*L+3">]>>, %w: tensor<5x2x3xf32>)
    -> tensor<1x5x?xf32, #lipt.axes<[<batch>, <feature>, <spatial, "2*L+1">]>> {
  %0 = lipt.conv %x, %w {strides = array<i64: 2>, dilations = array<i64: 1>, pads = array<i64: 0, 0>}
    : tensor<1x2x?xf32, #lipt.axes<[<batch>, <feature>, <spatial, "4*L+3">]>>, tensor<5x2x3xf32>
  return %0 : tensor<1x5x?xf32, #lipt.axes<[<batch>, <feature>, <spatial, "2*L+1">]>>
}

// CHECK-LABEL: func.func @pools
func.func @pools(%x: !image)
    -> (tensor<?x3x16x16xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>,
        tensor<?x3x15x15xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>,
        tensor<?x3x11x11xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>) {
  // CHECK: lipt.max_pool %arg0 {ceil_mode = true
  %0 = lipt.max_pool %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>,
                         pads = array<i64: 0, 0, 0, 0>, ceil_mode = true} : !image
  // CHECK: lipt.average_pool
  %1 = lipt.average_pool %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>,
                         pads = array<i64: 0, 0, 0, 0>, count_include_pad = true} : !image
  // The last of 12 windows would start in the padding: left out.
  // CHECK: lipt.lp_pool
  %2 = lipt.lp_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 3, 3>, dilations = array<i64: 1, 1>,
                         pads = array<i64: 0, 0, 1, 1>, ceil_mode = true, p = 1 : i64} : !image
  return %0, %1, %2
    : tensor<?x3x16x16xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>,
      tensor<?x3x15x15xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>,
      tensor<?x3x11x11xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>
}

!pooled = tensor<?x3x1x1xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>

// CHECK-LABEL: func.func @global_pools
func.func @global_pools(%x: !image) -> (!pooled, !pooled, !pooled) {
  // CHECK: lipt.global_average_pool
  %0 = lipt.global_average_pool %x : !image
  // CHECK: lipt.global_max_pool
  %1 = lipt.global_max_pool %x : !image
  // CHECK: lipt.global_lp_pool
  %2 = lipt.global_lp_pool %x {p = 3 : i64} : !image
  return %0, %1, %2 : !pooled, !pooled, !pooled
}

// CHECK-LABEL: func.func @embedding
func.func @embedding(%t: tensor<50x8xf32>, %i: tensor<?x?xi64, #lipt.axes<[<batch, "N">, <token, "T">]>>)
    -> tensor<?x?x8xf32, #lipt.axes<[<batch, "N">, <token, "T">, <feature>]>> {
  // CHECK: lipt.embedding
  %0 = lipt.embedding %t, %i : tensor<50x8xf32>, tensor<?x?xi64, #lipt.axes<[<batch, "N">, <token, "T">]>>
  return %0 : tensor<?x?x8xf32, #lipt.axes<[<batch, "N">, <token, "T">, <feature>]>>
}
