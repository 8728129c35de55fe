// RUN: lipt-opt %s --verify-roundtrip | FileCheck %s

lipt.weights @model file "m.onnx" sha256 ""
lipt.param @w source "model::fc.weight" : tensor<10x64xf32>
lipt.param @b source "model::fc.bias" : tensor<10xf32>
// CHECK-LABEL: func.func @main
// CHECK: lipt.relu %arg0 : tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
// CHECK: return %{{.*}} : tensor<?x16x10xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
func.func @main(%x: tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>> {lipt.name = "x"}) -> tensor<?x16x10xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>> {
  %w = lipt.read_param @w : tensor<10x64xf32>
  %b = lipt.read_param @b : tensor<10xf32>
  %0 = lipt.relu %x : tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
  %1 = lipt.gelu %0 {form = #lipt<gelu_form tanh>} : tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
  %2 = lipt.linear %1, %w bias %b : tensor<10xf32> : tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>, tensor<10x64xf32>
  return %2 : tensor<?x16x10xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>
}
