//===- LiptActivationOps.td - Entrywise functions of one tensor ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

def Lipt_ReluOp : Lipt_UnaryOp<"relu"> {
  let summary = "max(x, 0)";
  let description = "Bounds: (B-act).";
}

def Lipt_MishOp : Lipt_UnaryOp<"mish"> {
  let summary = "x * tanh(softplus(x))";
  let description = "Bounds: (B-act).";
}

def Lipt_HardSwishOp : Lipt_UnaryOp<"hard_swish"> {
  let summary = "x * max(0, min(1, x/6 + 1/2))";
  let description = "Bounds: (B-act).";
}

def Lipt_SigmoidOp : Lipt_UnaryOp<"sigmoid"> {
  let summary = "1 / (1 + exp(-x))";
  let description = "Bounds: (B-act).";
}

def Lipt_TanhOp : Lipt_UnaryOp<"tanh"> {
  let summary = "tanh(x)";
  let description = "Bounds: (B-act).";
}

def Lipt_SoftsignOp : Lipt_UnaryOp<"softsign"> {
  let summary = "x / (1 + |x|)";
  let description = "Bounds: (B-act).";
}

def Lipt_ErfOp : Lipt_UnaryOp<"erf"> {
  let summary = "erf(x)";
  let description = "Bounds: (B-act).";
}

def Lipt_AbsOp : Lipt_UnaryOp<"abs"> {
  let summary = "|x|";
  let description = "Bounds: (B-act).";
}

def Lipt_SquaredReluOp : Lipt_UnaryOp<"squared_relu"> {
  let summary = "max(x, 0)^2";
  let description = "Bounds: (B-act).";
}

def Lipt_NegOp : Lipt_UnaryOp<"neg"> {
  let summary = "-x";
  let description = "Bounds: (B-act).";
}

def Lipt_SinOp : Lipt_UnaryOp<"sin"> {
  let summary = "sin(x)";
  let description = "Bounds: (B-act).";
}

def Lipt_CosOp : Lipt_UnaryOp<"cos"> {
  let summary = "cos(x)";
  let description = "Bounds: (B-act).";
}

def Lipt_AtanOp : Lipt_UnaryOp<"atan"> {
  let summary = "arctan(x)";
  let description = "Bounds: (B-act).";
}

def Lipt_LeakyReluOp : Lipt_UnaryOp<"leaky_relu"> {
  let summary = "x for x >= 0, alpha * x below";
  let description = "Bounds: (B-act).";
  let arguments = (ins Lipt_Tensor:$input, F32Attr:$alpha);
}

def Lipt_EluOp : Lipt_UnaryOp<"elu"> {
  let summary = "x for x > 0, alpha * (exp(x) - 1) below";
  let description = "Bounds: (B-act).";
  let arguments = (ins Lipt_Tensor:$input, F32Attr:$alpha);
}

def Lipt_SeluOp : Lipt_UnaryOp<"selu"> {
  let summary = "gamma * x for x > 0, gamma * alpha * (exp(x) - 1) below";
  let description = "Bounds: (B-act).";
  let arguments = (ins Lipt_Tensor:$input, F32Attr:$alpha, F32Attr:$gamma);
}

def Lipt_CeluOp : Lipt_UnaryOp<"celu"> {
  let summary = "max(0, x) + min(0, alpha * (exp(x / alpha) - 1))";
  let description = "Bounds: (B-act).";
  let arguments = (ins Lipt_Tensor:$input, F32Attr:$alpha);
}

def Lipt_GeluOp : Lipt_UnaryOp<"gelu"> {
  let summary = "x times the normal distribution function, or its tanh form";
  let description = [{
    `x/2 * (1 + erf(factor * x))`, or for the tanh form
    `x/2 * (1 + tanh(factor * (x + cubic * x^3)))`. The constants are stated where
    a graph spells them out; else they are 1/sqrt(2), and sqrt(2/pi) and 0.044715.
    Bounds: (B-act).
  }];
  let arguments = (ins Lipt_Tensor:$input, DefaultValuedAttr<Lipt_GeluFormAttr, "::lipt::GeluForm::Erf">:$form,
      OptionalAttr<F64Attr>:$factor, OptionalAttr<F64Attr>:$cubic);
}

def Lipt_SiluOp : Lipt_UnaryOp<"silu"> {
  let summary = "x * sigmoid(beta * x)";
  let description = "Bounds: (B-act).";
  let arguments = (ins Lipt_Tensor:$input, DefaultValuedAttr<F32Attr, "1.0f">:$beta);
}

def Lipt_HardSigmoidOp : Lipt_UnaryOp<"hard_sigmoid"> {
  let summary = "max(0, min(1, alpha * x + beta))";
  let description = "Bounds: (B-act).";
  let arguments = (ins Lipt_Tensor:$input, F32Attr:$alpha, F32Attr:$beta);
}

def Lipt_SoftplusOp : Lipt_UnaryOp<"softplus"> {
  let summary = "log(1 + exp(x))";
  let description = "Bounds: (B-act).";
}

def Lipt_ClipOp : Lipt_UnaryOp<"clip"> {
  let summary = "min(max(x, min), max); an absent end does not clip";
  let description = "Bounds: (B-act).";
  let arguments = (ins Lipt_Tensor:$input, OptionalAttr<F32Attr>:$min, OptionalAttr<F32Attr>:$max);
}

def Lipt_SoftCapOp : Lipt_UnaryOp<"soft_cap"> {
  let summary = "limit * tanh(x / limit)";
  let description = "Bounds: (B-act).";
  let arguments = (ins Lipt_Tensor:$input, F32Attr:$limit);
}

def Lipt_ThresholdedReluOp : Lipt_UnaryOp<"thresholded_relu"> {
  let summary = "x for x > alpha, else 0";
  let description = "Bounds: (B-jump unless alpha is 0).";
  let arguments = (ins Lipt_Tensor:$input, F32Attr:$alpha);
}

def Lipt_ExpOp : Lipt_UnaryOp<"exp"> {
  let summary = "exp(x)";
  let description = "Bounds: (B-exp, needs a range).";
}

def Lipt_LogOp : Lipt_UnaryOp<"log"> {
  let summary = "log(x)";
  let description = "Bounds: (B-exp, needs a range).";
}

def Lipt_SqrtOp : Lipt_UnaryOp<"sqrt"> {
  let summary = "sqrt(x)";
  let description = "Bounds: (B-exp, needs a range).";
}

def Lipt_ReciprocalOp : Lipt_UnaryOp<"reciprocal"> {
  let summary = "1 / x";
  let description = "Bounds: (B-exp, needs a range).";
}

def Lipt_FloorOp : Lipt_UnaryOp<"floor"> {
  let summary = "the largest integer below x";
  let description = "Bounds: (B-jump).";
}

def Lipt_CeilOp : Lipt_UnaryOp<"ceil"> {
  let summary = "the smallest integer above x";
  let description = "Bounds: (B-jump).";
}

def Lipt_RoundOp : Lipt_UnaryOp<"round"> {
  let summary = "the nearest integer, halves to even";
  let description = "Bounds: (B-jump).";
}

def Lipt_SignOp : Lipt_UnaryOp<"sign"> {
  let summary = "-1, 0 or 1";
  let description = "Bounds: (B-jump).";
}

def Lipt_NotOp : Lipt_UnaryOp<"not"> {
  let summary = "logical negation";
  let description = "Bounds: (B-jump).";
}

def Lipt_PReluOp : Lipt_LayerOp<"prelu"> {
  let summary = "x for x >= 0, slope * x below, slope broadcast";
  let description = "Bounds: (B-act).";
  let arguments = (ins Lipt_Tensor:$input, Lipt_Tensor:$slope);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input `,` $slope attr-dict `:` type($input) `,` type($slope)";
}
