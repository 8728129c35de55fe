// RUN: lipt-opt %s --lipt-raise-patterns | FileCheck %s

// Every grouping of x * 0.5 * (1 + erf(x / sqrt 2)) is the same polynomial.

// CHECK-LABEL: func.func @gelu_erf
// CHECK-NEXT: lipt.gelu %arg0 {factor = 0.7071067{{[0-9]+}} : f64, onnx.nodes = ["a", "b", "c", "d", "y"], onnx.outputs = ["y"]} : tensor<2x4xf32>
// CHECK-NEXT: return
func.func @gelu_erf(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %root2 = lipt.constant dense<1.41421354> : tensor<f32>
  %one = lipt.constant dense<1.0> : tensor<f32>
  %half = lipt.constant dense<0.5> : tensor<f32>
  %0 = lipt.div %x, %root2 {onnx.outputs = ["a"]} : tensor<2x4xf32>, tensor<f32>
  %1 = lipt.erf %0 {onnx.outputs = ["b"]} : tensor<2x4xf32>
  %2 = lipt.add %1, %one {onnx.outputs = ["c"]} : tensor<2x4xf32>, tensor<f32>
  %3 = lipt.mul %x, %2 {onnx.outputs = ["d"]} : tensor<2x4xf32>, tensor<2x4xf32>
  %4 = lipt.mul %3, %half {onnx.outputs = ["y"]} : tensor<2x4xf32>, tensor<f32>
  return %4 : tensor<2x4xf32>
}

// The function T stays for its other reader.
// CHECK-LABEL: func.func @gelu_erf_half_first
// CHECK: %[[ERF:.*]] = lipt.erf
// CHECK: %[[GELU:.*]] = lipt.gelu %arg0 {
// CHECK-NEXT: return %[[GELU]], %[[ERF]]
func.func @gelu_erf_half_first(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %factor = lipt.constant dense<0.707106769> : tensor<1xf32>
  %half = lipt.constant dense<0.5> : tensor<f32>
  %0 = lipt.mul %x, %factor {onnx.outputs = ["a"]} : tensor<4xf32>, tensor<1xf32>
  %1 = lipt.erf %0 {onnx.outputs = ["b"]} : tensor<4xf32>
  %2 = lipt.mul %1, %half {onnx.outputs = ["c"]} : tensor<4xf32>, tensor<f32>
  %3 = lipt.add %2, %half {onnx.outputs = ["d"]} : tensor<4xf32>, tensor<f32>
  %4 = lipt.mul %3, %x {onnx.outputs = ["y"]} : tensor<4xf32>, tensor<4xf32>
  return %4, %1 : tensor<4xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @gelu_tanh
// CHECK-NEXT: lipt.gelu %arg0 {cubic = 0.044714{{[0-9]+}} : f64, factor = 0.79788458{{[0-9]+}} : f64, form = #lipt<gelu_form tanh>}
// CHECK-NEXT: return
func.func @gelu_tanh(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = lipt.constant dense<3.0> : tensor<f32>
  %c = lipt.constant dense<0.044715> : tensor<f32>
  %k = lipt.constant dense<0.797884583> : tensor<f32>
  %one = lipt.constant dense<1.0> : tensor<f32>
  %half = lipt.constant dense<0.5> : tensor<f32>
  %0 = lipt.pow %x, %three : tensor<4xf32>, tensor<f32>
  %1 = lipt.mul %0, %c : tensor<4xf32>, tensor<f32>
  %2 = lipt.add %x, %1 : tensor<4xf32>, tensor<4xf32>
  %3 = lipt.mul %2, %k : tensor<4xf32>, tensor<f32>
  %4 = lipt.tanh %3 : tensor<4xf32>
  %5 = lipt.add %4, %one : tensor<4xf32>, tensor<f32>
  %6 = lipt.mul %x, %half : tensor<4xf32>, tensor<f32>
  %7 = lipt.mul %6, %5 : tensor<4xf32>, tensor<4xf32>
  return %7 : tensor<4xf32>
}

// x (1 + 0.044715 x^2) k inside.
// CHECK-LABEL: func.func @gelu_tanh_factored
// CHECK-NEXT: lipt.gelu %arg0 {cubic = 0.044714{{[0-9]+}} : f64, factor = 0.79788458{{[0-9]+}} : f64, form = #lipt<gelu_form tanh>}
// CHECK-NEXT: return
func.func @gelu_tanh_factored(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = lipt.constant dense<0.044715> : tensor<f32>
  %k = lipt.constant dense<0.797884583> : tensor<f32>
  %one = lipt.constant dense<1.0> : tensor<f32>
  %half = lipt.constant dense<0.5> : tensor<f32>
  %0 = lipt.mul %x, %x : tensor<4xf32>, tensor<4xf32>
  %1 = lipt.mul %0, %c : tensor<4xf32>, tensor<f32>
  %2 = lipt.add %1, %one : tensor<4xf32>, tensor<f32>
  %3 = lipt.mul %x, %k : tensor<4xf32>, tensor<f32>
  %4 = lipt.mul %3, %2 : tensor<4xf32>, tensor<4xf32>
  %5 = lipt.tanh %4 : tensor<4xf32>
  %6 = lipt.add %5, %one : tensor<4xf32>, tensor<f32>
  %7 = lipt.mul %6, %x : tensor<4xf32>, tensor<4xf32>
  %8 = lipt.mul %half, %7 : tensor<f32>, tensor<4xf32>
  return %8 : tensor<4xf32>
}

// CHECK-LABEL: func.func @silu
// CHECK-NEXT: lipt.silu %arg0 : tensor<4xf32>
// CHECK-NEXT: return
func.func @silu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = lipt.sigmoid %x : tensor<4xf32>
  %1 = lipt.mul %0, %x : tensor<4xf32>, tensor<4xf32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func.func @swish
// CHECK-NEXT: lipt.silu %arg0 {beta = 1.702000e+00 : f32}
// CHECK-NEXT: return
func.func @swish(%x: tensor<4xf32>) -> tensor<4xf32> {
  %beta = lipt.constant dense<1.702> : tensor<f32>
  %0 = lipt.mul %x, %beta : tensor<4xf32>, tensor<f32>
  %1 = lipt.sigmoid %0 : tensor<4xf32>
  %2 = lipt.mul %x, %1 : tensor<4xf32>, tensor<4xf32>
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func.func @mish
// CHECK-NEXT: lipt.mish %arg0
// CHECK-NEXT: return
func.func @mish(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = lipt.softplus %x : tensor<4xf32>
  %1 = lipt.tanh %0 : tensor<4xf32>
  %2 = lipt.mul %x, %1 : tensor<4xf32>, tensor<4xf32>
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func.func @soft_cap
// CHECK-NEXT: lipt.soft_cap %arg0 {limit = 3.000000e+01 : f32}
// CHECK-NEXT: return
func.func @soft_cap(%x: tensor<4xf32>) -> tensor<4xf32> {
  %limit = lipt.constant dense<30.0> : tensor<f32>
  %0 = lipt.div %x, %limit : tensor<4xf32>, tensor<f32>
  %1 = lipt.tanh %0 : tensor<4xf32>
  %2 = lipt.mul %1, %limit : tensor<4xf32>, tensor<f32>
  return %2 : tensor<4xf32>
}

// CHECK-LABEL: func.func @squared_relu
// CHECK-NEXT: lipt.squared_relu %arg0
// CHECK-NEXT: return
func.func @squared_relu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %two = lipt.constant dense<2.0> : tensor<f32>
  %0 = lipt.relu %x : tensor<4xf32>
  %1 = lipt.pow %0, %two : tensor<4xf32>, tensor<f32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func.func @hard_swish
// CHECK-NEXT: lipt.hard_swish %arg0
// CHECK-NEXT: return
func.func @hard_swish(%x: tensor<4xf32>) -> tensor<4xf32> {
  %three = lipt.constant dense<3.0> : tensor<f32>
  %six = lipt.constant dense<6.0> : tensor<f32>
  %0 = lipt.add %x, %three : tensor<4xf32>, tensor<f32>
  %1 = lipt.clip %0 {min = 0.0 : f32, max = 6.0 : f32} : tensor<4xf32>
  %2 = lipt.mul %x, %1 : tensor<4xf32>, tensor<4xf32>
  %3 = lipt.div %2, %six : tensor<4xf32>, tensor<f32>
  return %3 : tensor<4xf32>
}

// Near misses.

// CHECK-LABEL: func.func @wrong_scale
// CHECK-NOT: lipt.gelu
// CHECK: return
func.func @wrong_scale(%x: tensor<4xf32>) -> tensor<4xf32> {
  %k = lipt.constant dense<0.7072> : tensor<f32>
  %one = lipt.constant dense<1.0> : tensor<f32>
  %half = lipt.constant dense<0.5> : tensor<f32>
  %0 = lipt.mul %x, %k : tensor<4xf32>, tensor<f32>
  %1 = lipt.erf %0 : tensor<4xf32>
  %2 = lipt.add %1, %one : tensor<4xf32>, tensor<f32>
  %3 = lipt.mul %x, %2 : tensor<4xf32>, tensor<4xf32>
  %4 = lipt.mul %3, %half : tensor<4xf32>, tensor<f32>
  return %4 : tensor<4xf32>
}

// CHECK-LABEL: func.func @wrong_half
// CHECK-NOT: lipt.gelu
// CHECK: return
func.func @wrong_half(%x: tensor<4xf32>) -> tensor<4xf32> {
  %k = lipt.constant dense<0.707106769> : tensor<f32>
  %one = lipt.constant dense<1.0> : tensor<f32>
  %half = lipt.constant dense<0.50000006> : tensor<f32>
  %0 = lipt.mul %x, %k : tensor<4xf32>, tensor<f32>
  %1 = lipt.erf %0 : tensor<4xf32>
  %2 = lipt.add %1, %one : tensor<4xf32>, tensor<f32>
  %3 = lipt.mul %x, %2 : tensor<4xf32>, tensor<4xf32>
  %4 = lipt.mul %3, %half : tensor<4xf32>, tensor<f32>
  return %4 : tensor<4xf32>
}

// CHECK-LABEL: func.func @other_argument
// CHECK-NOT: lipt.silu
// CHECK: return
func.func @other_argument(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = lipt.sigmoid %x : tensor<4xf32>
  %1 = lipt.mul %0, %y : tensor<4xf32>, tensor<4xf32>
  return %1 : tensor<4xf32>
}

// Broadcasting pairs different entries.
// CHECK-LABEL: func.func @broadcast
// CHECK-NOT: lipt.silu
// CHECK: return
func.func @broadcast(%x: tensor<4x1xf32>) -> tensor<4x4xf32> {
  %0 = lipt.sigmoid %x : tensor<4x1xf32>
  %1 = lipt.reshape %0 : tensor<4x1xf32> -> tensor<1x4xf32>
  %2 = lipt.mul %x, %1 : tensor<4x1xf32>, tensor<1x4xf32>
  return %2 : tensor<4x4xf32>
}

// A factor per channel is no number.
// CHECK-LABEL: func.func @vector_constant
// CHECK-NOT: lipt.soft_cap
// CHECK: return
func.func @vector_constant(%x: tensor<2xf32>) -> tensor<2xf32> {
  %limit = lipt.constant dense<[30.0, 31.0]> : tensor<2xf32>
  %0 = lipt.div %x, %limit : tensor<2xf32>, tensor<2xf32>
  %1 = lipt.tanh %0 : tensor<2xf32>
  %2 = lipt.mul %1, %limit : tensor<2xf32>, tensor<2xf32>
  return %2 : tensor<2xf32>
}

// The float32 reciprocal of the limit gives a slope that is not quite 1.
// CHECK-LABEL: func.func @soft_cap_by_reciprocal
// CHECK-NOT: lipt.soft_cap
// CHECK: return
func.func @soft_cap_by_reciprocal(%x: tensor<4xf32>) -> tensor<4xf32> {
  %limit = lipt.constant dense<30.0> : tensor<f32>
  %inverse = lipt.constant dense<0.0333333351> : tensor<f32>
  %0 = lipt.mul %x, %inverse : tensor<4xf32>, tensor<f32>
  %1 = lipt.tanh %0 : tensor<4xf32>
  %2 = lipt.mul %1, %limit : tensor<4xf32>, tensor<f32>
  return %2 : tensor<4xf32>
}
