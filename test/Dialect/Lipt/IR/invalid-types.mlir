// Encodings and parameters that say something impossible.
// RUN: lipt-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{a tensor of rank 2 has an encoding with 1 axes}}
func.func @rank(%x: tensor<2x3xf32, #lipt.axes<[<batch>]>>) { return }

// -----

// expected-error @+1 {{axis 0 is dynamic but its encoding names no size}}
func.func @unnamed(%x: tensor<?xf32, #lipt.axes<[<batch>]>>) { return }

// -----

// expected-error @+1 {{axis 0 has the size 2 and the symbolic size "N"}}
func.func @both(%x: tensor<2xf32, #lipt.axes<[<batch, "N">]>>) { return }

// -----

// expected-error @+1 {{the size "N+" of an axis is not a polynomial in symbols}}
func.func @syntax(%x: tensor<?xf32, #lipt.axes<[<batch, "N+">]>>) { return }

// -----

// expected-error @+1 {{the size "99999999999999999999*N" of an axis is not a polynomial}}
func.func @overflow(%x: tensor<?xf32, #lipt.axes<[<batch, "99999999999999999999*N">]>>) { return }

// -----

// expected-error @+1 {{the size "7" of an axis has no symbol}}
func.func @static(%x: tensor<?xf32, #lipt.axes<[<batch, "7">]>>) { return }

// -----

// expected-error @+1 {{the size "1+N" of an axis is written "N+1"}}
func.func @canonical(%x: tensor<?xf32, #lipt.axes<[<batch, "1+N">]>>) { return }

// -----

func.func @no_size(%x: tensor<?xf32>) {
  // expected-error @+1 {{must be ranked tensor with a static or symbolic size for every axis}}
  %0 = lipt.relu %x : tensor<?xf32>
  return
}

// -----

func.func @no_size_inferred(%x: tensor<?xf32>) {
  // expected-error @+1 {{is not a ranked tensor with a static or symbolic size for every axis}}
  %0 = lipt.add %x, %x : tensor<?xf32>, tensor<?xf32>
  return
}

// -----

// expected-error @+1 {{'sha256' has to be empty or 64 lower-case hexadecimal digits}}
lipt.weights @model file "m.onnx" sha256 "ABC"

// -----

// expected-error @+1 {{source "weight" is not of the form "scope::key"}}
lipt.param @w source "weight" : tensor<2xf32>

// -----

// expected-error @+1 {{is not a ranked tensor of static shape}}
lipt.param @w source "m::weight" : tensor<?xf32, #lipt.axes<[<batch, "N">]>>

// -----

func.func private @model()
// expected-error @+1 {{names a symbol that is no 'lipt.weights'}}
lipt.param @w source "model::weight" : tensor<2xf32>

// -----

func.func @f() {
  // expected-error @+1 {{@f is not a 'lipt.param'}}
  %0 = lipt.read_param @f : tensor<2xf32>
  return
}

// -----

lipt.param @w source "m::weight" : tensor<2xf32>
func.func @f() {
  // expected-error @+1 {{reads @w as 'tensor<3xf32>', but it is declared as 'tensor<2xf32>'}}
  %0 = lipt.read_param @w : tensor<3xf32>
  return
}

// -----

func.func @large() {
  // expected-error @+1 {{expected at most 1 kB of integers or floats}}
  %0 = lipt.constant dense<0.0> : tensor<257xf32>
  return
}

// -----

func.func @sparse() {
  // expected-error @+1 {{expected a dense attribute}}
  %0 = lipt.constant sparse<0, 1.0> : tensor<4xf32>
  return
}

// -----

func.func @splat() {
  // expected-error @+1 {{a value of type 'f64' does not fit entries of type 'f32'}}
  %0 = lipt.splat 1.0 : f64 -> tensor<4xf32>
  return
}

// -----

func.func @iota() {
  // expected-error @+1 {{expected a result of rank 1}}
  %0 = lipt.iota : tensor<4x4xi64>
  return
}

// -----

func.func @iota_overflow() {
  // expected-error @+1 {{the last entry does not fit into 64 bits}}
  %0 = lipt.iota {step = 9223372036854775807 : i64} : tensor<4xi64>
  return
}
