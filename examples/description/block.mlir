// Two residual blocks, y = x/2 + W2 relu(W1 x)/2, as a description: the numbers
// stand in a safetensors file, by name.
!wide = tensor<?x32xf32, #lipt.axes<[<batch, "n">, <feature>]>>
!narrow = tensor<?x8xf32, #lipt.axes<[<batch, "n">, <feature>]>>

lipt.weights @weights file "weights.safetensors" sha256 ""
lipt.param @up0 source "weights::blocks.0.up" : tensor<32x8xf32>
lipt.param @down0 source "weights::blocks.0.down" : tensor<8x32xf32>
lipt.param @up1 source "weights::blocks.1.up" : tensor<32x8xf32>
lipt.param @down1 source "weights::blocks.1.down" : tensor<8x32xf32>

func.func @main(%x: !narrow {lipt.name = "x"}) -> (!narrow {lipt.name = "y"}) {
  %half = lipt.constant dense<0.5> : tensor<1xf32>

  %up0 = lipt.read_param @up0 : tensor<32x8xf32>
  %down0 = lipt.read_param @down0 : tensor<8x32xf32>
  %h0 = lipt.linear %x, %up0 : !narrow, tensor<32x8xf32>
  %a0 = lipt.relu %h0 : !wide
  %m0 = lipt.linear %a0, %down0 : !wide, tensor<8x32xf32>
  %s0 = lipt.add %x, %m0 : !narrow, !narrow
  %y0 = lipt.mul %s0, %half : !narrow, tensor<1xf32>

  %up1 = lipt.read_param @up1 : tensor<32x8xf32>
  %down1 = lipt.read_param @down1 : tensor<8x32xf32>
  %h1 = lipt.linear %y0, %up1 : !narrow, tensor<32x8xf32>
  %a1 = lipt.relu %h1 : !wide
  %m1 = lipt.linear %a1, %down1 : !wide, tensor<8x32xf32>
  %s1 = lipt.add %y0, %m1 : !narrow, !narrow
  %y1 = lipt.mul %s1, %half : !narrow, tensor<1xf32>
  return %y1 : !narrow
}
