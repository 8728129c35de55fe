// Every activation keeps the type of its input, symbolic sizes and roles
// included, through text and bytecode.
// RUN: lipt-opt %s --verify-roundtrip | FileCheck %s

!t = tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>

// CHECK-LABEL: func.func @without_parameters
func.func @without_parameters(%x: !t) -> !t {
  // CHECK: lipt.relu %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %0 = lipt.relu %x : !t
  // CHECK: lipt.mish %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %1 = lipt.mish %0 : !t
  // CHECK: lipt.hard_swish %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %2 = lipt.hard_swish %1 : !t
  // CHECK: lipt.sigmoid %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %3 = lipt.sigmoid %2 : !t
  // CHECK: lipt.tanh %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %4 = lipt.tanh %3 : !t
  // CHECK: lipt.softsign %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %5 = lipt.softsign %4 : !t
  // CHECK: lipt.erf %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %6 = lipt.erf %5 : !t
  // CHECK: lipt.abs %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %7 = lipt.abs %6 : !t
  // CHECK: lipt.squared_relu %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %8 = lipt.squared_relu %7 : !t
  // CHECK: lipt.neg %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %9 = lipt.neg %8 : !t
  // CHECK: lipt.sin %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %10 = lipt.sin %9 : !t
  // CHECK: lipt.cos %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %11 = lipt.cos %10 : !t
  // CHECK: lipt.atan %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %12 = lipt.atan %11 : !t
  // CHECK: lipt.softplus %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %13 = lipt.softplus %12 : !t
  // CHECK: lipt.exp %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %14 = lipt.exp %13 : !t
  // CHECK: lipt.log %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %15 = lipt.log %14 : !t
  // CHECK: lipt.sqrt %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %16 = lipt.sqrt %15 : !t
  // CHECK: lipt.reciprocal %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %17 = lipt.reciprocal %16 : !t
  // CHECK: lipt.floor %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %18 = lipt.floor %17 : !t
  // CHECK: lipt.ceil %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %19 = lipt.ceil %18 : !t
  // CHECK: lipt.round %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %20 = lipt.round %19 : !t
  // CHECK: lipt.sign %{{.*}} : tensor<?x4xf32, #lipt.axes<[<batch, "N">, <feature>]>>
  %21 = lipt.sign %20 : !t
  return %21 : !t
}

// CHECK-LABEL: func.func @with_parameters
func.func @with_parameters(%x: !t, %slope: tensor<4xf32>) -> !t {
  // CHECK: lipt.leaky_relu %{{.*}} {alpha = 1.000000e-01 : f32}
  %0 = lipt.leaky_relu %x {alpha = 0.1 : f32} : !t
  // CHECK: lipt.elu %{{.*}} {alpha = 1.000000e+00 : f32}
  %1 = lipt.elu %0 {alpha = 1.0 : f32} : !t
  // CHECK: lipt.selu
  %2 = lipt.selu %1 {alpha = 1.67 : f32, gamma = 1.05 : f32} : !t
  // CHECK: lipt.celu
  %3 = lipt.celu %2 {alpha = 1.0 : f32} : !t
  // CHECK: lipt.gelu %{{.*}} {form = #lipt<gelu_form tanh>}
  %4 = lipt.gelu %3 {form = #lipt<gelu_form tanh>} : !t
  // CHECK: lipt.gelu %{{[0-9]+}} : tensor
  %5 = lipt.gelu %4 : !t
  // CHECK: lipt.silu %{{.*}} {beta = 1.702000e+00 : f32}
  %6 = lipt.silu %5 {beta = 1.702 : f32} : !t
  // CHECK: lipt.hard_sigmoid
  %7 = lipt.hard_sigmoid %6 {alpha = 0.2 : f32, beta = 0.5 : f32} : !t
  // CHECK: lipt.clip %{{.*}} {max = 6.000000e+00 : f32}
  %8 = lipt.clip %7 {max = 6.0 : f32} : !t
  // CHECK: lipt.soft_cap
  %9 = lipt.soft_cap %8 {limit = 30.0 : f32} : !t
  // CHECK: lipt.thresholded_relu
  %10 = lipt.thresholded_relu %9 {alpha = 1.0 : f32} : !t
  // CHECK: lipt.prelu %{{.*}}, %arg1 : tensor<?x4xf32, {{.*}}>, tensor<4xf32>
  %11 = lipt.prelu %10, %slope : !t, tensor<4xf32>
  return %11 : !t
}

// CHECK-LABEL: func.func @logical
func.func @logical(%x: tensor<3xi1>) -> tensor<3xi1> {
  // CHECK: lipt.not %arg0 : tensor<3xi1>
  %0 = lipt.not %x : tensor<3xi1>
  return %0 : tensor<3xi1>
}
