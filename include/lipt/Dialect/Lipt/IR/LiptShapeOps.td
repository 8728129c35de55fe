//===- LiptShapeOps.td - Operations that move entries ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

def Lipt_ReshapeOp : Lipt_ShapedOp<"reshape"> {
  let summary = "Give the entries another shape, in row-major order";
  let description = "Also Flatten, Squeeze, Unsqueeze of ONNX. Bounds: (B-shape).";
  let arguments = (ins Lipt_Tensor:$input);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Lipt_TransposeOp : Lipt_LayerOp<"transpose"> {
  let summary = "Permute the axes";
  let description = "Result axis i is input axis `permutation[i]`. Bounds: (B-shape).";
  let arguments = (ins Lipt_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input $permutation attr-dict `:` type($input)";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Lipt_SliceOp : Lipt_ShapedOp<"slice"> {
  let summary = "Take every step-th entry from starts on, along every axis";
  let description = [{
    `result[i...] = input[starts + steps * i ...]`; steps may be negative, starts
    are not. One entry an axis. The result's sizes are those of its type.
    Bounds: (B-slice).
  }];
  let arguments = (ins Lipt_Tensor:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$steps);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = [{
    $input `starts` $starts `steps` $steps attr-dict `:` type($input) `->` type($result)
  }];
}

def Lipt_ConcatOp : Lipt_LayerOp<"concat"> {
  let summary = "Join tensors along an axis";
  let description = "Bounds: (B-concat).";
  let arguments = (ins Variadic<Lipt_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs)";
}

def Lipt_SplitOp : Lipt_LayerOp<"split"> {
  let summary = "Cut a tensor along an axis into parts of the given sizes";
  let description = "Bounds: (B-slice).";
  let arguments = (ins Lipt_Tensor:$input, I64Attr:$axis, DenseI64ArrayAttr:$sizes);
  let results = (outs Variadic<Lipt_Tensor>:$outputs);
  let assemblyFormat = "$input $sizes attr-dict `:` type($input)";
}

def Lipt_PadOp : Lipt_LayerOp<"pad"> {
  let summary = "Pad every axis (negative: crop)";
  let description = "`pads` lists all begins, then all ends. Bounds: (B-pad).";
  let arguments = (ins Lipt_Tensor:$input, DenseI64ArrayAttr:$pads,
      DefaultValuedAttr<Lipt_PadModeAttr, "::lipt::PadMode::Constant">:$mode,
      DefaultValuedAttr<F32Attr, "0.0f">:$value);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input $pads attr-dict `:` type($input)";
}

def Lipt_ExpandOp : Lipt_ShapedOp<"expand"> {
  let summary = "Broadcast to the result's shape";
  let description = "Bounds: (B-tile).";
  let arguments = (ins Lipt_Tensor:$input);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def Lipt_TileOp : Lipt_LayerOp<"tile"> {
  let summary = "Repeat along every axis";
  let description = "Bounds: (B-tile).";
  let arguments = (ins Lipt_Tensor:$input, DenseI64ArrayAttr:$repeats);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input $repeats attr-dict `:` type($input)";
}

def Lipt_GatherOp : Lipt_LayerOp<"gather"> {
  let summary = "Pick slices along an axis by integer indices";
  let description = "Negative indices count from the end. Bounds: (B-gather), (B-embed).";
  let arguments = (ins Lipt_Tensor:$input, Lipt_Tensor:$indices, I64Attr:$axis);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` type($input) `,` type($indices)";
}

def Lipt_GatherElementsOp : Lipt_LayerOp<"gather_elements"> {
  let summary = "Pick entries along an axis by an index tensor";
  let description = "Bounds: (B-gather).";
  let arguments = (ins Lipt_Tensor:$input, Lipt_Tensor:$indices, I64Attr:$axis);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` type($input) `,` type($indices)";
}
