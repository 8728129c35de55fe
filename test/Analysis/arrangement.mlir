// RUN: lipt-opt %s --split-input-file --lipt-print-bound-plan -o /dev/null | FileCheck %s

// x - transpose(x) over two position axes is no affine map of x at one
// position: multiplied out it would have the matrix 0, although its constant
// is 2.

// CHECK-LABEL: plan x
// CHECK: B-add [d] (t, x)
// CHECK-NOT: B-lin [t, d
// CHECK: y = B-lin [y] (d)
// CHECK-NOT: y =
module {
  lipt.param @w source "m::w" : tensor<3x3xf32>
  func.func @main(%x: tensor<4x4x3xf32, #lipt.axes<[<batch>, <token>, <feature>]>> {lipt.name = "x"})
      -> (tensor<4x4x3xf32, #lipt.axes<[<token>, <batch>, <feature>]>> {lipt.name = "y"}) {
    %t = lipt.transpose %x [1, 0, 2] {onnx.outputs = ["t"]} : tensor<4x4x3xf32, #lipt.axes<[<batch>, <token>, <feature>]>>
    %d = lipt.sub %t, %x {onnx.outputs = ["d"]} : tensor<4x4x3xf32, #lipt.axes<[<token>, <batch>, <feature>]>>, tensor<4x4x3xf32, #lipt.axes<[<batch>, <token>, <feature>]>>
    %w = lipt.read_param @w : tensor<3x3xf32>
    %y = lipt.linear %d, %w {onnx.outputs = ["y"]} : tensor<4x4x3xf32, #lipt.axes<[<token>, <batch>, <feature>]>>, tensor<3x3xf32>
    return %y : tensor<4x4x3xf32, #lipt.axes<[<token>, <batch>, <feature>]>>
  }
}

// -----

// The same with two halves of the positions: x[:2] - x[2:].

// CHECK-LABEL: plan x
// CHECK: d = B-add [d] (a, b)
// CHECK-NOT: B-lin [{{.*}}a, {{.*}}b
// CHECK: y = B-lin [y] (d)
// CHECK-NOT: y =
module {
  lipt.param @w source "m::w" : tensor<3x3xf32>
  func.func @main(%x: tensor<4x3xf32, #lipt.axes<[<token>, <feature>]>> {lipt.name = "x"})
      -> (tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>> {lipt.name = "y"}) {
    %a = lipt.slice %x starts [0, 0] steps [1, 1] {onnx.outputs = ["a"]} : tensor<4x3xf32, #lipt.axes<[<token>, <feature>]>> -> tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>
    %b = lipt.slice %x starts [2, 0] steps [1, 1] {onnx.outputs = ["b"]} : tensor<4x3xf32, #lipt.axes<[<token>, <feature>]>> -> tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>
    %d = lipt.sub %a, %b {onnx.outputs = ["d"]} : tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>, tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>
    %w = lipt.read_param @w : tensor<3x3xf32>
    %y = lipt.linear %d, %w {onnx.outputs = ["y"]} : tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>, tensor<3x3xf32>
    return %y : tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>
  }
}
