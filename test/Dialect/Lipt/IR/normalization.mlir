// RUN: lipt-opt %s --verify-roundtrip | FileCheck %s

!x = tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
!image = tensor<?x6x8x8xf32, #lipt.axes<[<batch, "N">, <feature>, <spatial>, <spatial>]>>

// CHECK-LABEL: func.func @tokens
func.func @tokens(%x: !x, %g: tensor<64xf32>) -> !x {
  // CHECK: lipt.layer_norm %arg0 gain %arg1 : tensor<64xf32> bias %arg1 : tensor<64xf32> {axis = 2 : i64, epsilon = 9.99999974E-6 : f32}
  %0 = lipt.layer_norm %x gain %g : tensor<64xf32> bias %g : tensor<64xf32> {axis = 2 : i64, epsilon = 1.0e-5 : f32} : !x
  // CHECK: lipt.layer_norm %{{[0-9]+}} {axis = 1 : i64
  %1 = lipt.layer_norm %0 {axis = 1 : i64, epsilon = 1.0e-5 : f32} : !x
  // CHECK: lipt.layer_norm %{{[0-9]+}} bias %arg1 : tensor<64xf32> {axis = 2 : i64
  %2 = lipt.layer_norm %1 bias %g : tensor<64xf32> {axis = 2 : i64, epsilon = 1.0e-5 : f32} : !x
  // CHECK: lipt.rms_norm %{{[0-9]+}} gain %arg1 : tensor<64xf32>
  %3 = lipt.rms_norm %2 gain %g : tensor<64xf32> {axis = 2 : i64, epsilon = 0.0 : f32} : !x
  // CHECK: lipt.lp_norm %{{[0-9]+}} {axis = 2 : i64, p = 1 : i64}
  %4 = lipt.lp_norm %3 {axis = 2 : i64, p = 1 : i64} : !x
  // CHECK: lipt.rms_cap %{{[0-9]+}} {radius = 1.000000e+00 : f32}
  %5 = lipt.rms_cap %4 {radius = 1.0 : f32} : !x
  // CHECK: lipt.softmax %{{[0-9]+}} {axis = 2 : i64}
  %6 = lipt.softmax %5 {axis = 2 : i64} : !x
  // CHECK: lipt.softmax %{{[0-9]+}} {axis = 1 : i64, flatten}
  %7 = lipt.softmax %6 {axis = 1 : i64, flatten} : !x
  // CHECK: lipt.log_softmax
  %8 = lipt.log_softmax %7 {axis = 2 : i64} : !x
  return %8 : !x
}

// CHECK-LABEL: func.func @channels
func.func @channels(%x: !image, %c: tensor<6xf32>) -> !image {
  // CHECK: lipt.batch_norm %arg0, %arg1, %arg1, %arg1, %arg1 {epsilon =
  %0 = lipt.batch_norm %x, %c, %c, %c, %c {epsilon = 1.0e-5 : f32}
    : !image, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>, tensor<6xf32>
  // CHECK: lipt.group_norm %{{[0-9]+}} gain %arg1 : tensor<6xf32> bias %arg1 : tensor<6xf32> {epsilon = {{.*}}, groups = 3 : i64}
  %1 = lipt.group_norm %0 gain %c : tensor<6xf32> bias %c : tensor<6xf32> {groups = 3 : i64, epsilon = 1.0e-5 : f32} : !image
  // CHECK: lipt.group_norm %{{[0-9]+}} {epsilon
  %2 = lipt.group_norm %1 {groups = 6 : i64, epsilon = 1.0e-5 : f32} : !image
  return %2 : !image
}
