// What type inference and verifiers reject, each with one diagnostic.
// RUN: lipt-opt %s --split-input-file --verify-diagnostics

func.func @f(%x: tensor<2xf32>, %y: tensor<3xf32>) {
  // expected-error @+1 {{shapes [2] and [3] do not broadcast}}
  %0 = lipt.add %x, %y : tensor<2xf32>, tensor<3xf32>
  return
}

// -----

func.func @f(%x: tensor<2xf32>, %y: tensor<2xi64>) {
  // expected-error @+1 {{operands have different element types: 'f32' and 'i64'}}
  %0 = lipt.mul %x, %y : tensor<2xf32>, tensor<2xi64>
  return
}

// -----

func.func @f(%x: tensor<?xf32, #lipt.axes<[<batch, "N">]>>, %y: tensor<?xf32, #lipt.axes<[<batch, "M">]>>) {
  // expected-error @+1 {{shapes [batch N] and [batch M] do not broadcast}}
  %0 = lipt.sub %x, %y : tensor<?xf32, #lipt.axes<[<batch, "N">]>>, tensor<?xf32, #lipt.axes<[<batch, "M">]>>
  return
}

// -----

func.func @f(%x: tensor<2xf32>, %p: tensor<2xf32>) {
  // expected-error @+1 {{the condition has entries of type 'f32', expected i1}}
  %0 = lipt.where %p, %x, %x : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  return
}

// -----

func.func @f(%x: tensor<2xf32>, %s: tensor<2x2xf32>) {
  // expected-error @+1 {{'slope' of shape [2, 2] does not broadcast to [2]}}
  %0 = lipt.prelu %x, %s : tensor<2xf32>, tensor<2x2xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>, %w: tensor<3x2xf32>) {
  // expected-error @+1 {{expected an input of rank 1 or more and a weight of rank 2}}
  %0 = lipt.linear %x, %w : tensor<f32>, tensor<3x2xf32>
  return
}

// -----

func.func @f(%x: tensor<4xf32>, %w: tensor<3x2xf32>) {
  // expected-error @+1 {{the input's last axis has the size 4, the weight expects 2}}
  %0 = lipt.linear %x, %w : tensor<4xf32>, tensor<3x2xf32>
  return
}

// -----

func.func @f(%x: tensor<2xf32>, %w: tensor<3x2xf32>, %b: tensor<2xf32>) {
  // expected-error @+1 {{'bias' of shape [2] does not broadcast to [feature 3]}}
  %0 = lipt.linear %x, %w bias %b : tensor<2xf32> : tensor<2xf32>, tensor<3x2xf32>
  return
}

// -----

func.func @f(%x: tensor<4x3xf32>, %y: tensor<4x3xf32>) {
  // expected-error @+1 {{cannot contract an axis of size 3 with one of size 4}}
  %0 = lipt.matmul %x, %y : tensor<4x3xf32>, tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>) {
  // expected-error @+1 {{expected operands of rank 1 or more}}
  %0 = lipt.matmul %x, %x : tensor<f32>, tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{'strides' has 2 entries, expected 1}}
  %0 = lipt.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{kernel, strides and dilations have to be positive}}
  %0 = lipt.conv %x, %w {strides = array<i64: 0>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{pads must not be negative}}
  %0 = lipt.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: -1, 0>} : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{a window of 15 entries does not fit an axis of size 8 with its pads}}
  %0 = lipt.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 7>, pads = array<i64: 0, 0>} : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{the size of result axis 2 does not fit into 64 bits}}
  %0 = lipt.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 9223372036854775807>, pads = array<i64: 0, 0>} : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{the size of result axis 2 does not fit into 64 bits}}
  %0 = lipt.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 9223372036854775807, 9223372036854775807>} : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x5x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{does not fit an input with 5 channels}}
  %0 = lipt.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : tensor<1x5x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{attribute 'groups' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = lipt.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, groups = 0 : i64} : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x1x3xf32>) {
  // expected-error @+1 {{in 3 groups does not fit an input with 3 channels}}
  %0 = lipt.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, groups = 3 : i64} : tensor<1x3x8xf32>, tensor<4x1x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{expected an input and a weight of one rank, 3 or more, got ranks 3 and 4}}
  %0 = lipt.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : tensor<1x3x8xf32>, tensor<4x3x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x?xf32, #lipt.axes<[<batch>, <feature>, <spatial, "L">]>>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{the number of windows at stride 2 along an axis of size L is no polynomial in its symbols}}
  %0 = lipt.conv %x, %w {strides = array<i64: 2>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : tensor<1x3x?xf32, #lipt.axes<[<batch>, <feature>, <spatial, "L">]>>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{'lipt.conv' op requires attribute 'dilations'}}
  %0 = lipt.conv %x, %w : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{attribute 'strides' failed to satisfy constraint}}
  %0 = lipt.conv %x, %w {strides = 1 : i64} : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<3x4x3xf32>) {
  // expected-error @+1 {{expected one below the stride or the dilation}}
  %0 = lipt.conv_transpose %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, output_padding = array<i64: 1>} : tensor<1x3x8xf32>, tensor<3x4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<3x4x3xf32>) {
  // expected-error @+1 {{result axis 2 would have the size -2}}
  %0 = lipt.conv_transpose %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 6, 6>, output_padding = array<i64: 0>} : tensor<1x3x8xf32>, tensor<3x4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{does not fit an input with 3 channels}}
  %0 = lipt.conv_transpose %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, output_padding = array<i64: 0>} : tensor<1x3x8xf32>, tensor<4x3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>) {
  // expected-error @+1 {{kernel, strides and dilations have to be positive}}
  %0 = lipt.max_pool %x {kernel = array<i64: 0>, strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : tensor<1x3x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>) {
  // expected-error @+1 {{pads have to be smaller than the window of 2 entries}}
  %0 = lipt.max_pool %x {kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 2, 0>} : tensor<1x3x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>) {
  // expected-error @+1 {{'kernel' has 2 entries, expected 1}}
  %0 = lipt.max_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : tensor<1x3x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2xf32>) {
  // expected-error @+1 {{expected an input of rank 3 or more}}
  %0 = lipt.max_pool %x {kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : tensor<2xf32>
  return
}

// -----

func.func @f(%x: tensor<2xf32>) {
  // expected-error @+1 {{expected an input of rank 2 or more}}
  %0 = lipt.global_max_pool %x : tensor<2xf32>
  return
}

// -----

func.func @f(%t: tensor<5x4xf32>, %i: tensor<2xf32>) {
  // expected-error @+1 {{indices have entries of type 'f32', expected integers}}
  %0 = lipt.embedding %t, %i : tensor<5x4xf32>, tensor<2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{axis 2 is not an axis of a tensor of rank 2 (axes count from 0)}}
  %0 = lipt.layer_norm %x {axis = 2 : i64, epsilon = 1.0e-5 : f32} : tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{axis -1 is not an axis of a tensor of rank 2 (axes count from 0)}}
  %0 = lipt.rms_norm %x {axis = -1 : i64, epsilon = 1.0e-5 : f32} : tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{'epsilon' has to be finite and not negative}}
  %0 = lipt.rms_norm %x {axis = 1 : i64, epsilon = -1.0e-5 : f32} : tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{'epsilon' has to be finite and not negative}}
  %0 = lipt.rms_norm %x {axis = 1 : i64, epsilon = 0x7FC00000 : f32} : tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %g: tensor<2xf32>) {
  // expected-error @+1 {{'gain' of shape [2] does not broadcast to [4]}}
  %0 = lipt.layer_norm %x gain %g : tensor<2xf32> {axis = 1 : i64, epsilon = 0.0 : f32} : tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{3 groups do not divide 4 channels}}
  %0 = lipt.group_norm %x {groups = 3 : i64, epsilon = 0.0 : f32} : tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{attribute 'groups' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = lipt.group_norm %x {groups = 0 : i64, epsilon = 0.0 : f32} : tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>, %c: tensor<2xf32>) {
  // expected-error @+1 {{expected 'scale' of shape [4], got [2]}}
  %0 = lipt.batch_norm %x, %c, %c, %c, %c {epsilon = 0.0 : f32} : tensor<2x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{'p' has to be 1 or 2}}
  %0 = lipt.lp_norm %x {axis = 1 : i64, p = 3 : i64} : tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{'radius' has to be positive and finite}}
  %0 = lipt.rms_cap %x {radius = 0.0 : f32} : tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>) {
  // expected-error @+1 {{axis 0 is not an axis of a tensor of rank 0}}
  %0 = lipt.softmax %x {axis = 0 : i64} : tensor<f32>
  return
}

// -----

func.func @f(%q: tensor<8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>) {
  // expected-error @+1 {{expected 'query' of rank 3 or more, got rank 1}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64} : tensor<8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<1x4x5x7xf32>, %v: tensor<1x4x5x8xf32>) {
  // expected-error @+1 {{query and key widths differ: 8 and 7}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64} : tensor<1x4x5x8xf32>, tensor<1x4x5x7xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x6x8xf32>) {
  // expected-error @+1 {{key and value lengths differ: 5 and 6}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64} : tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x6x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<1x3x5x8xf32>, %v: tensor<1x3x5x8xf32>) {
  // expected-error @+1 {{4 query heads cannot share 3 key heads}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64} : tensor<1x4x5x8xf32>, tensor<1x3x5x8xf32>, tensor<1x3x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<2x4x5x8xf32>, %v: tensor<1x4x5x8xf32>) {
  // expected-error @+1 {{batch sizes differ: 1 and 2}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64} : tensor<1x4x5x8xf32>, tensor<2x4x5x8xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<4x5x8xf32>, %v: tensor<1x4x5x8xf32>) {
  // expected-error @+1 {{query, key and value have different ranks}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64} : tensor<1x4x5x8xf32>, tensor<4x5x8xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>) {
  // expected-error @+1 {{'scale' has to be finite}}
  %0 = lipt.attention %q, %k, %v {scale = 0x7FF0000000000000 : f64} : tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>) {
  // expected-error @+1 {{'softcap' has to be finite and not negative}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64, softcap = -1.0 : f32} : tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>, %m: tensor<4x5xf32>) {
  // expected-error @+1 {{does not broadcast to [1, 4, 5, 5]}}
  %0 = lipt.attention %q, %k, %v mask %m : tensor<4x5xf32> {scale = 1.0 : f64} : tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>, %m: tensor<5x5xf32>) {
  // expected-error @+1 {{a mask of kind boolean has entries of type 'f32', expected i1}}
  %0 = lipt.attention %q, %k, %v mask %m : tensor<5x5xf32> {scale = 1.0 : f64, mask_kind = #lipt<mask boolean>} : tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>) {
  // expected-error @+1 {{'packed_heads' has to be positive}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64, packed_heads = array<i64: 0, 1>} : tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x4x5x8xf32>, %k: tensor<1x4x5x8xf32>, %v: tensor<1x4x5x8xf32>) {
  // expected-error @+1 {{'packed_heads' has 1 entries, expected 2}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64, packed_heads = array<i64: 2>} : tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x5x8xf32>, %k: tensor<1x5x8xf32>, %v: tensor<1x5x8xf32>) {
  // expected-error @+1 {{an axis of size 8 of 'query' does not hold 3 heads}}
  %0 = lipt.attention %q, %k, %v {scale = 1.0 : f64, packed_heads = array<i64: 3, 1>} : tensor<1x5x8xf32>, tensor<1x5x8xf32>, tensor<1x5x8xf32>
  return
}

// -----

func.func @f(%x: tensor<5x7xf32>, %t: tensor<5x4xf32>) {
  // expected-error @+1 {{cannot rotate 7 of 7 features}}
  %0 = lipt.rotary %x, %t, %t  : tensor<5x7xf32>, tensor<5x4xf32>, tensor<5x4xf32>
  return
}

// -----

func.func @f(%x: tensor<5x8xf32>, %t: tensor<5x4xf32>) {
  // expected-error @+1 {{cannot rotate 10 of 8 features}}
  %0 = lipt.rotary %x, %t, %t {rotary_dim = 10 : i64} : tensor<5x8xf32>, tensor<5x4xf32>, tensor<5x4xf32>
  return
}

// -----

func.func @f(%x: tensor<5x8xf32>, %t: tensor<5x4xf32>) {
  // expected-error @+1 {{cannot rotate -2 of 8 features}}
  %0 = lipt.rotary %x, %t, %t {rotary_dim = -2 : i64} : tensor<5x8xf32>, tensor<5x4xf32>, tensor<5x4xf32>
  return
}

// -----

func.func @f(%x: tensor<5x8xf32>, %t: tensor<5x3xf32>) {
  // expected-error @+1 {{'cos' of shape [5, 3] does not broadcast to [5, 4]}}
  %0 = lipt.rotary %x, %t, %t  : tensor<5x8xf32>, tensor<5x3xf32>, tensor<5x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 0 appears twice in 'permutation'}}
  %0 = lipt.transpose %x [0, 0] : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 2 is not an axis of a tensor of rank 2}}
  %0 = lipt.transpose %x [0, 2] : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'permutation' has 1 entries, expected 2}}
  %0 = lipt.transpose %x [0] : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %y: tensor<3x2xf32>) {
  // expected-error @+1 {{axis 1 has the size 3 in one operand and 2 in another}}
  %0 = lipt.concat %x, %y {axis = 0 : i64} : tensor<2x3xf32>, tensor<3x2xf32>
  return
}

// -----

func.func @f() {
  // expected-error @+2 {{expected at least one operand}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "lipt.concat"() {axis = 0 : i64} : () -> tensor<2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{parts of 4 entries in all do not make up an axis of size 3}}
  %0:2 = lipt.split %x [2, 2] {axis = 1 : i64} : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{result axis 1 would have the size -1}}
  %0:2 = lipt.split %x [4, -1] {axis = 1 : i64} : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{result axis 1 would have the size -1}}
  %0 = lipt.pad %x [0, -4, 0, 0] : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{an axis of size 3 cannot be padded by 3 in mode reflect}}
  %0 = lipt.pad %x [0, 3, 0, 0] {mode = #lipt<pad_mode reflect>} : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{the size of result axis 0 does not fit into 64 bits}}
  %0 = lipt.pad %x [9223372036854775807, 0, 9223372036854775807, 0] : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{an entry of 'repeats' is -1, expected none below 0}}
  %0 = lipt.tile %x [1, -1] : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{axis 2 is not an axis of a tensor of rank 2}}
  %0 = lipt.gather %x, %i {axis = 2 : i64} : tensor<2x3xf32>, tensor<2xi64>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %i: tensor<2xi64>) {
  // expected-error @+1 {{indices of rank 1 do not fit an input of rank 2}}
  %0 = lipt.gather_elements %x, %i {axis = 1 : i64} : tensor<2x3xf32>, tensor<2xi64>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %i: tensor<4x1xi64>) {
  // expected-error @+1 {{axis 0 has the size 4 in the indices, more than 2 in the input}}
  %0 = lipt.gather_elements %x, %i {axis = 1 : i64} : tensor<2x3xf32>, tensor<4x1xi64>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 1 is listed twice}}
  %0 = lipt.reduce sum %x axes [1, 1] : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis -1 is not an axis of a tensor of rank 2}}
  %0 = lipt.reduce sum %x axes [-1] : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{axis 2 is not an axis of a tensor of rank 2}}
  %0 = lipt.cumsum %x {axis = 2 : i64} : tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2xf32>) {
  // expected-error @+1 {{expected an input of rank 2 or more}}
  %0 = lipt.trilu %x : tensor<2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{cannot give 6 entries the shape [5] of 5 entries}}
  %0 = lipt.reshape %x : tensor<2x3xf32> -> tensor<5xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{the result has another element type than the input}}
  %0 = lipt.reshape %x : tensor<2x3xf32> -> tensor<6xf64>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>) {
  // expected-error @+1 {{result axes [token 6] do not fit [feature 6], which follow from the input}}
  %0 = lipt.reshape %x : tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>> -> tensor<6xf32, #lipt.axes<[<token>]>>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>) {
  // expected-error @+1 {{result axes [2, 3] do not fit [token 2, feature 3], which follow from the input}}
  %0 = lipt.cast %x : tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>> -> tensor<2x3xf64>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'input' of shape [2, 3] does not broadcast to [4, 3]}}
  %0 = lipt.expand %x : tensor<2x3xf32> -> tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>) {
  // expected-error @+1 {{do not fit [4, token 2, feature 3]}}
  %0 = lipt.expand %x : tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>> -> tensor<4x2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{'starts' has 1 entries, expected 2}}
  %0 = lipt.slice %x starts [0] steps [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{the step along axis 1 is 0}}
  %0 = lipt.slice %x starts [0, 0] steps [1, 0] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{the start along axis 0 is negative}}
  %0 = lipt.slice %x starts [-1, 0] steps [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{entry 3 of axis 1 is outside of its size 3}}
  %0 = lipt.slice %x starts [0, 1] steps [1, 1] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{entry -1 of axis 1 is outside of its size 3}}
  %0 = lipt.slice %x starts [0, 1] steps [1, -1] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{the result has rank 1, the input 2}}
  %0 = lipt.slice %x starts [0, 0] steps [1, 1] : tensor<2x3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{the end along axis 1 does not fit into 64 bits}}
  %0 = lipt.slice %x starts [0, 0] steps [1, 9223372036854775807] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}

// -----

func.func @stated_otherwise(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{inferred type(s) 'tensor<3x2xf32>' are incompatible with return type(s) of operation 'tensor<2x3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "lipt.transpose"(%x) {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

// Roles count: the same sizes with other roles are another type.
func.func @roles_otherwise(%x: tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>) {
  // expected-error @+2 {{are incompatible with return type(s)}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "lipt.transpose"(%x) {permutation = array<i64: 0, 1>} : (tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>) -> tensor<2x3xf32>
  return
}

// -----

func.func @encoding_lost(%x: tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>) {
  // expected-error @+2 {{are incompatible with return type(s)}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = "lipt.relu"(%x) : (tensor<2x3xf32, #lipt.axes<[<token>, <feature>]>>) -> tensor<2x3xf32>
  return
}

// -----

func.func @negative_groups(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{attribute 'groups' failed to satisfy constraint}}
  %0 = lipt.group_norm %x {groups = -1 : i64, epsilon = 0.0 : f32} : tensor<2x4xf32>
  return
}

// -----

func.func @negative_power(%x: tensor<1x3x8xf32>) {
  // expected-error @+1 {{attribute 'p' failed to satisfy constraint}}
  %0 = lipt.global_lp_pool %x {p = -2 : i64} : tensor<1x3x8xf32>
  return
}
