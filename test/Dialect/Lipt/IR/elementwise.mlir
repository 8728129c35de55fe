// Broadcasting as in numpy, with symbolic sizes; roles come from the larger
// axis. The result types are inferred: `return` states them.
// RUN: lipt-opt %s --verify-roundtrip | FileCheck %s

!x = tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
!p = tensor<?x16x64xi1, #lipt.axes<[<batch, "N">, <token>, <feature>]>>

// CHECK-LABEL: func.func @arithmetic
func.func @arithmetic(%x: !x, %c: tensor<64xf32>) -> !x {
  // CHECK: lipt.add %arg0, %arg1 : tensor<?x16x64xf32, {{.*}}>, tensor<64xf32>
  %0 = lipt.add %x, %c : !x, tensor<64xf32>
  // CHECK: lipt.sub
  %1 = lipt.sub %c, %0 : tensor<64xf32>, !x
  // CHECK: lipt.mul
  %2 = lipt.mul %1, %x : !x, !x
  // CHECK: lipt.div
  %3 = lipt.div %2, %c : !x, tensor<64xf32>
  // CHECK: lipt.minimum
  %4 = lipt.minimum %3, %c : !x, tensor<64xf32>
  // CHECK: lipt.maximum
  %5 = lipt.maximum %4, %c : !x, tensor<64xf32>
  // CHECK: lipt.mod %{{.*}} {fmod}
  %6 = lipt.mod %5, %c {fmod} : !x, tensor<64xf32>
  // CHECK: lipt.residual_mix 5.000000e-01 * %{{.*}} + 1.000000e-01 * %{{.*}} :
  %7 = lipt.residual_mix 0.5 * %x + 0.1 * %6 : !x, !x
  // CHECK: lipt.sum %{{.*}}, %arg0, %arg1
  %8 = lipt.sum %7, %x, %c : !x, !x, tensor<64xf32>
  // CHECK: lipt.mean
  %9 = lipt.mean %8, %x : !x, !x
  return %9 : !x
}

// CHECK-LABEL: func.func @predicates
func.func @predicates(%x: !x, %c: tensor<64xf32>) -> !x {
  // CHECK: lipt.equal
  %0 = lipt.equal %x, %c : !x, tensor<64xf32>
  // CHECK: lipt.less
  %1 = lipt.less %x, %c : !x, tensor<64xf32>
  // CHECK: lipt.less_or_equal
  %2 = lipt.less_or_equal %x, %c : !x, tensor<64xf32>
  // CHECK: lipt.greater
  %3 = lipt.greater %x, %c : !x, tensor<64xf32>
  // CHECK: lipt.greater_or_equal
  %4 = lipt.greater_or_equal %x, %c : !x, tensor<64xf32>
  // CHECK: lipt.and
  %5 = lipt.and %0, %1 : !p, !p
  // CHECK: lipt.or
  %6 = lipt.or %2, %5 : !p, !p
  // CHECK: lipt.xor
  %7 = lipt.xor %6, %3 : !p, !p
  // CHECK: lipt.and
  %8 = lipt.and %7, %4 : !p, !p
  // CHECK: lipt.where %{{.*}}, %arg0, %arg1
  %9 = lipt.where %8, %x, %c : !p, !x, tensor<64xf32>
  return %9 : !x
}

// The exponent may be an integer.
// CHECK-LABEL: func.func @power
func.func @power(%x: !x, %two: tensor<i64>) -> !x {
  // CHECK: lipt.pow
  %0 = lipt.pow %x, %two : !x, tensor<i64>
  return %0 : !x
}

// Two axes of one size: the left role, unless unknown. One axis of size 1:
// the other's role.
// CHECK-LABEL: func.func @roles
func.func @roles(%a: tensor<1x5xf32, #lipt.axes<[<token>, <unknown>]>>,
                 %b: tensor<7x5xf32, #lipt.axes<[<batch>, <feature>]>>)
    -> tensor<7x5xf32, #lipt.axes<[<batch>, <feature>]>> {
  %0 = lipt.add %a, %b : tensor<1x5xf32, #lipt.axes<[<token>, <unknown>]>>,
                         tensor<7x5xf32, #lipt.axes<[<batch>, <feature>]>>
  return %0 : tensor<7x5xf32, #lipt.axes<[<batch>, <feature>]>>
}

// CHECK-LABEL: func.func @casts
func.func @casts(%x: tensor<3xf32>) -> tensor<3xi64> {
  // CHECK: lipt.cast %arg0 : tensor<3xf32> -> tensor<3xf64>
  %0 = lipt.cast %x : tensor<3xf32> -> tensor<3xf64>
  // CHECK: lipt.cast
  %1 = lipt.cast %0 : tensor<3xf64> -> tensor<3xi64>
  return %1 : tensor<3xi64>
}
