//===- LiptNormalizationOps.td - Normalisations and caps ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

class Lipt_NormalizationOp<string mnemonic, list<Trait> traits = []>
    : Lipt_Op<mnemonic, traits # [Pure, AllTypesMatch<["input", "result"]>]> {
  let results = (outs Lipt_Tensor:$result);
  let hasVerifier = 1;
}

def Lipt_BatchNormOp : Lipt_NormalizationOp<"batch_norm"> {
  let summary = "Batch normalisation with stored statistics, channels on axis 1";
  let description = "`scale * (x - mean) / sqrt(variance + epsilon) + bias`. Bounds: (B-bn).";
  let arguments = (ins Lipt_Tensor:$input, Lipt_Tensor:$scale,
      Lipt_Tensor:$bias, Lipt_Tensor:$mean, Lipt_Tensor:$variance,
      F32Attr:$epsilon);
  let assemblyFormat = [{
    $input `,` $scale `,` $bias `,` $mean `,` $variance attr-dict `:` type($input)
    `,` type($scale) `,` type($bias) `,` type($mean) `,` type($variance)
  }];
}

def Lipt_LayerNormOp : Lipt_NormalizationOp<"layer_norm", [AttrSizedOperandSegments]> {
  let summary = "Layer normalisation over the axes from `axis` on";
  let description = [{
    `gain * (x - mean) / sqrt(var + epsilon) + bias`. With `axes` (increasing;
    `axis` is the first of them) exactly these are normalised; gain and bias
    then broadcast to the input's shape with 1 for every other axis.
    Bounds: (B-ln).
  }];
  let arguments = (ins Lipt_Tensor:$input, Optional<Lipt_Tensor>:$gain,
      Optional<Lipt_Tensor>:$bias, I64Attr:$axis, F32Attr:$epsilon,
      OptionalAttr<DenseI64ArrayAttr>:$axes);
  let assemblyFormat = [{
    $input (`gain` $gain^ `:` type($gain))? (`bias` $bias^ `:` type($bias))?
    attr-dict `:` type($input)
  }];
}

def Lipt_RmsNormOp : Lipt_NormalizationOp<"rms_norm"> {
  let summary = "Root-mean-square normalisation over the axes from `axis` on";
  let description = [{
    `gain * x / sqrt(mean(x^2) + epsilon)`; `axes` as in `lipt.layer_norm`.
    Bounds: (B-rms).
  }];
  let arguments = (ins Lipt_Tensor:$input, Optional<Lipt_Tensor>:$gain,
      I64Attr:$axis, F32Attr:$epsilon,
      OptionalAttr<DenseI64ArrayAttr>:$axes);
  let assemblyFormat = [{
    $input (`gain` $gain^ `:` type($gain))? attr-dict `:` type($input)
  }];
}

def Lipt_GroupNormOp : Lipt_NormalizationOp<"group_norm", [AttrSizedOperandSegments]> {
  let summary = "Normalise groups of channels, channels on axis 1";
  let description = "Instance normalisation has one channel a group. Bounds: (B-gn).";
  let arguments = (ins Lipt_Tensor:$input, Optional<Lipt_Tensor>:$gain,
      Optional<Lipt_Tensor>:$bias, Lipt_PositiveAttr:$groups, F32Attr:$epsilon);
  let assemblyFormat = [{
    $input (`gain` $gain^ `:` type($gain))? (`bias` $bias^ `:` type($bias))?
    attr-dict `:` type($input)
  }];
}

def Lipt_LpNormOp : Lipt_NormalizationOp<"lp_norm"> {
  let summary = "Divide by the Lp norm along an axis";
  let description = "Not Lipschitz at 0: (B-lpn) is unbounded.";
  let arguments = (ins Lipt_Tensor:$input, I64Attr:$axis,
                       DefaultValuedAttr<I64Attr, "2">:$p);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def Lipt_RmsCapOp : Lipt_NormalizationOp<"rms_cap"> {
  let summary = "Project each token onto the ball of RMS `radius`";
  let description = "`x * min(1, radius / RMS(x))` over the last axis. Bounds: (B-cap).";
  let arguments = (ins Lipt_Tensor:$input, F32Attr:$radius);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def Lipt_SoftmaxOp : Lipt_NormalizationOp<"softmax"> {
  let summary = "Softmax along an axis";
  let description = [{
    `flatten`: opsets below 13 normalise all axes from `axis` on together.
    Bounds: (B-softmax).
  }];
  let arguments = (ins Lipt_Tensor:$input, I64Attr:$axis, UnitAttr:$flatten);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}
def Lipt_LogSoftmaxOp : Lipt_NormalizationOp<"log_softmax"> {
  let summary = "Logarithm of softmax along an axis";
  let description = "Bounds: (B-logsoftmax).";
  let arguments = (ins Lipt_Tensor:$input, I64Attr:$axis, UnitAttr:$flatten);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}
