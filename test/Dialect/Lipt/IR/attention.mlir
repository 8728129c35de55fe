// RUN: lipt-opt %s --verify-roundtrip | FileCheck %s

!q = tensor<?x8x?x32xf32, #lipt.axes<[<batch, "N">, <head>, <token, "T">, <feature>]>>
!k = tensor<?x2x?x32xf32, #lipt.axes<[<batch, "N">, <head>, <token, "S">, <feature>]>>
!v = tensor<?x2x?x48xf32, #lipt.axes<[<batch, "N">, <head>, <token, "S">, <feature>]>>
!o = tensor<?x8x?x48xf32, #lipt.axes<[<batch, "N">, <head>, <token, "T">, <feature>]>>

// CHECK-LABEL: func.func @split_heads
func.func @split_heads(%q: !q, %k: !k, %v: !v,
    %bool: tensor<?x?xi1, #lipt.axes<[<token, "T">, <token, "S">]>>,
    %float: tensor<?x1x1x?xf32, #lipt.axes<[<batch, "N">, <head>, <token>, <token, "S">]>>) -> (!o, !o, !o, !o) {
  // CHECK: lipt.attention %arg0, %arg1, %arg2 {causal, scale = 1.250000e-01 : f64} :
  %0 = lipt.attention %q, %k, %v {scale = 0.125 : f64, causal} : !q, !k, !v
  // CHECK: lipt.attention %arg0, %arg1, %arg2 mask %arg4 : {{.*}} {scale = 1.250000e-01 : f64, softcap = 3.000000e+01 : f32}
  %1 = lipt.attention %q, %k, %v mask %float : tensor<?x1x1x?xf32, #lipt.axes<[<batch, "N">, <head>, <token>, <token, "S">]>>
    {scale = 0.125 : f64, softcap = 30.0 : f32} : !q, !k, !v
  // CHECK: mask_kind = #lipt<mask boolean>
  %2 = lipt.attention %q, %k, %v mask %bool : tensor<?x?xi1, #lipt.axes<[<token, "T">, <token, "S">]>>
    {scale = 0.125 : f64, mask_kind = #lipt<mask boolean>} : !q, !k, !v
  // CHECK: mask_fill = -1.000000e+09 : f32, mask_kind = #lipt<mask fill>
  %3 = lipt.attention %q, %k, %v mask %bool : tensor<?x?xi1, #lipt.axes<[<token, "T">, <token, "S">]>>
    {scale = 0.125 : f64, mask_kind = #lipt<mask fill>, mask_fill = -1.0e9 : f32} : !q, !k, !v
  return %0, %1, %2, %3 : !o, !o, !o, !o
}

!packed = tensor<?x?x256xf32, #lipt.axes<[<batch, "N">, <token, "T">, <feature>]>>
!shared = tensor<?x?x64xf32, #lipt.axes<[<batch, "N">, <token, "T">, <feature>]>>

// CHECK-LABEL: func.func @packed_heads
func.func @packed_heads(%q: !packed, %k: !shared) -> !packed {
  // CHECK: lipt.attention %arg0, %arg1, %arg1 {packed_heads = array<i64: 8, 2>, scale =
  %0 = lipt.attention %q, %k, %k {scale = 0.125 : f64, packed_heads = array<i64: 8, 2>} : !packed, !shared, !shared
  return %0 : !packed
}

// CHECK-LABEL: func.func @rotary
func.func @rotary(%q: !q, %packed: !packed,
    %half: tensor<?x16xf32, #lipt.axes<[<token, "T">, <feature>]>>,
    %part: tensor<?x4xf32, #lipt.axes<[<token, "T">, <feature>]>>) -> (!q, !q, !packed) {
  // CHECK: lipt.rotary %arg0, %arg2, %arg2 :
  %0 = lipt.rotary %q, %half, %half
    : !q, tensor<?x16xf32, #lipt.axes<[<token, "T">, <feature>]>>, tensor<?x16xf32, #lipt.axes<[<token, "T">, <feature>]>>
  // CHECK: lipt.rotary %{{.*}} {full_table, interleaved, rotary_dim = 4 : i64}
  %1 = lipt.rotary %0, %part, %part {interleaved, full_table, rotary_dim = 4 : i64}
    : !q, tensor<?x4xf32, #lipt.axes<[<token, "T">, <feature>]>>, tensor<?x4xf32, #lipt.axes<[<token, "T">, <feature>]>>
  // CHECK: lipt.rotary %{{.*}} {packed_heads = 8 : i64}
  %2 = lipt.rotary %packed, %half, %half {packed_heads = 8 : i64}
    : !packed, tensor<?x16xf32, #lipt.axes<[<token, "T">, <feature>]>>, tensor<?x16xf32, #lipt.axes<[<token, "T">, <feature>]>>
  return %0, %1, %2 : !q, !q, !packed
}
