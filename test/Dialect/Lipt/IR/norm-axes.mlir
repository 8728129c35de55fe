// RUN: lipt-opt %s --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: lipt.layer_norm %arg0 gain %arg1 : tensor<1x3x1xf32> {axes = array<i64: 1>, axis = 1 : i64, epsilon = 9.99999974E-6 : f32} : tensor<2x3x4xf32>
func.func @middle(%x: tensor<2x3x4xf32>, %g: tensor<1x3x1xf32>) -> tensor<2x3x4xf32> {
  %0 = lipt.layer_norm %x gain %g : tensor<1x3x1xf32> {axes = array<i64: 1>, axis = 1 : i64, epsilon = 9.99999974E-6 : f32} : tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// CHECK: lipt.attention %arg0, %arg1, %arg2 {key_transposed, scale = 1.000000e+00 : f64}
func.func @key_transposed(%q: tensor<1x2x3x4xf32>, %k: tensor<1x2x4x5xf32>, %v: tensor<1x2x5x6xf32>) -> tensor<1x2x3x6xf32, #lipt.axes<[<unknown>, <head>, <unknown>, <feature>]>> {
  %0 = lipt.attention %q, %k, %v {key_transposed, scale = 1.0 : f64} : tensor<1x2x3x4xf32>, tensor<1x2x4x5xf32>, tensor<1x2x5x6xf32>
  return %0 : tensor<1x2x3x6xf32, #lipt.axes<[<unknown>, <head>, <unknown>, <feature>]>>
}

// -----

func.func @varies_elsewhere(%x: tensor<2x3x4xf32>, %g: tensor<3x4xf32>) -> tensor<2x3x4xf32> {
  // expected-error @+1 {{gain}}
  %0 = lipt.layer_norm %x gain %g : tensor<3x4xf32> {axes = array<i64: 1>, axis = 1 : i64, epsilon = 1.0E-5 : f32} : tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// -----

func.func @wrong_start(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  // expected-error @+1 {{'axes' has to begin with 'axis'}}
  %0 = lipt.rms_norm %x {axes = array<i64: 0, 1>, axis = 1 : i64, epsilon = 1.0E-5 : f32} : tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// -----

func.func @decreases(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  // expected-error @+1 {{'axes' has to increase}}
  %0 = lipt.rms_norm %x {axes = array<i64: 1, 0>, axis = 1 : i64, epsilon = 1.0E-5 : f32} : tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// -----

func.func @outside(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  // expected-error @+1 {{axis}}
  %0 = lipt.rms_norm %x {axes = array<i64: 1, 3>, axis = 1 : i64, epsilon = 1.0E-5 : f32} : tensor<2x3x4xf32>
  return %0 : tensor<2x3x4xf32>
}

// -----

func.func @key_not_transposed(%q: tensor<1x2x3x4xf32>, %k: tensor<1x2x5x4xf32>, %v: tensor<1x2x5x6xf32>) -> tensor<1x2x3x6xf32> {
  // expected-error @+1 {{differ}}
  %0 = lipt.attention %q, %k, %v {key_transposed, scale = 1.0 : f64} : tensor<1x2x3x4xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x6xf32>
  return %0 : tensor<1x2x3x6xf32>
}
