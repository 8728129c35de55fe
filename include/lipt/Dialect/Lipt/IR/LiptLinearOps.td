//===- LiptLinearOps.td - Linear layers, convolutions, embeddings ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

def Lipt_LinearOp : Lipt_LayerOp<"linear"> {
  let summary = "Apply a weight matrix to the last dimension";
  let description = [{
    `result[..., j] = alpha * sum_i input[..., i] * W[j, i] + beta * bias[j]`,
    W = `weight` of shape [out, in], or its transpose if `transpose_weight`
    (stored [in, out], as ONNX MatMul has it). Bounds: (B-lin).
  }];
  let arguments = (ins Lipt_Tensor:$input, Lipt_Tensor:$weight,
    Optional<Lipt_Tensor>:$bias, UnitAttr:$transpose_weight,
    DefaultValuedAttr<F32Attr, "1.0f">:$alpha,
    DefaultValuedAttr<F32Attr, "1.0f">:$beta);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^ `:` type($bias))? attr-dict `:` type($input) `,` type($weight)
  }];
}

def Lipt_MatmulOp : Lipt_LayerOp<"matmul"> {
  let summary = "Multiply two tensors as batches of matrices (numpy matmul)";
  let description = "Bounds: (B-lin-any) with one constant operand, (B-mm2) with two varying ones.";
  let arguments = (ins Lipt_Tensor:$lhs, Lipt_Tensor:$rhs);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
}

class Lipt_ConvolutionOp<string mnemonic> : Lipt_LayerOp<mnemonic> {
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^ `:` type($bias))? attr-dict `:` type($input) `,` type($weight)
  }];
}

defvar ConvolutionArguments = (ins Lipt_Tensor:$input, Lipt_Tensor:$weight,
    Optional<Lipt_Tensor>:$bias, DenseI64ArrayAttr:$strides,
    DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pads,
    DefaultValuedAttr<Lipt_PositiveAttr, "1">:$groups);

def Lipt_ConvOp : Lipt_ConvolutionOp<"conv"> {
  let summary = "Convolve: [N, C, spatial...] with [M, C/groups, kernel...]";
  let description = [{
    `pads` lists the begins of all spatial axes, then the ends. Bounds: (B-conv).
  }];
  let arguments = ConvolutionArguments;
}

def Lipt_ConvTransposeOp : Lipt_ConvolutionOp<"conv_transpose"> {
  let summary = "Transposed convolution: [N, C, spatial...] with [C, M/groups, kernel...]";
  let description = "Bounds: (B-convT).";
  let arguments = !con(ConvolutionArguments, (ins DenseI64ArrayAttr:$output_padding));
}

def Lipt_EmbeddingOp : Lipt_LayerOp<"embedding"> {
  let summary = "Look up rows of a table by integer indices";
  let description = [{
    `result[i..., :] = table[indices[i...], :]`. The default question of a token
    model starts at the result of the first one. Bounds: (B-embed).
  }];
  let arguments = (ins Lipt_Tensor:$table, Lipt_Tensor:$indices);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$table `,` $indices attr-dict `:` type($table) `,` type($indices)";
}

def Lipt_ResidualMixOp : Lipt_LayerOp<"residual_mix"> {
  let summary = "Mix a stream with a branch: c1 * stream + c2 * branch";
  let description = [{
    The stored constants are used as they are: 1 - a and a need not sum to 1.
    Bounds: (B-add) with factors, bounds.md 2.5.
  }];
  let arguments = (ins Lipt_Tensor:$stream, Lipt_Tensor:$branch,
                       F32Attr:$stream_factor, F32Attr:$branch_factor);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = [{
    $stream_factor `*` $stream `+` $branch_factor `*` $branch attr-dict `:`
    type($stream) `,` type($branch)
  }];
}

//===----------------------------------------------------------------------===//
// Pooling: [N, C, spatial...]
//===----------------------------------------------------------------------===//

class Lipt_PoolOp<string mnemonic> : Lipt_LayerOp<mnemonic> {
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}
defvar PoolArguments = (ins Lipt_Tensor:$input, DenseI64ArrayAttr:$kernel,
    DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
    DenseI64ArrayAttr:$pads, DefaultValuedAttr<BoolAttr, "false">:$ceil_mode);

def Lipt_AveragePoolOp : Lipt_PoolOp<"average_pool"> {
  let summary = "Average over windows";
  let description = "Bounds: (B-avgpool).";
  let arguments = !con(PoolArguments,
      (ins DefaultValuedAttr<BoolAttr, "false">:$count_include_pad));
}
def Lipt_MaxPoolOp : Lipt_PoolOp<"max_pool"> {
  let summary = "Maximum over windows";
  let description = "Bounds: (B-maxpool).";
  let arguments = PoolArguments;
}
def Lipt_LpPoolOp : Lipt_PoolOp<"lp_pool"> {
  let summary = "Lp norm over windows";
  let description = "Bounds: (B-lppool).";
  let arguments = !con(PoolArguments, (ins DefaultValuedAttr<Lipt_PositiveAttr, "2">:$p));
}

class Lipt_GlobalPoolOp<string mnemonic> : Lipt_LayerOp<mnemonic> {
  let description = "Spatial axes shrink to 1. Bounds: (B-gpool).";
  let arguments = (ins Lipt_Tensor:$input);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}
def Lipt_GlobalAveragePoolOp : Lipt_GlobalPoolOp<"global_average_pool"> {
  let summary = "Average over all spatial axes";
}
def Lipt_GlobalMaxPoolOp : Lipt_GlobalPoolOp<"global_max_pool"> {
  let summary = "Maximum over all spatial axes";
}
def Lipt_GlobalLpPoolOp : Lipt_GlobalPoolOp<"global_lp_pool"> {
  let summary = "Lp norm over all spatial axes";
  let arguments = (ins Lipt_Tensor:$input, DefaultValuedAttr<Lipt_PositiveAttr, "2">:$p);
}
