//===- LiptElementwiseOps.td - Entrywise functions of several tensors ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

def Lipt_AddOp : Lipt_BinaryOp<"add", [Commutative]> {
  let summary = "Entrywise sum, broadcast";
  let description = "Bounds: (B-add).";
}

def Lipt_SubOp : Lipt_BinaryOp<"sub"> {
  let summary = "Entrywise difference, broadcast";
  let description = "Bounds: (B-add).";
}

def Lipt_MulOp : Lipt_BinaryOp<"mul", [Commutative]> {
  let summary = "Entrywise product, broadcast";
  let description = "Bounds: (B-mul).";
}

def Lipt_DivOp : Lipt_BinaryOp<"div"> {
  let summary = "Entrywise quotient, broadcast";
  let description = "Bounds: (B-div).";
}

def Lipt_MinimumOp : Lipt_BinaryOp<"minimum", [Commutative]> {
  let summary = "Entrywise smaller entry, broadcast";
  let description = "Bounds: (B-minmax).";
}

def Lipt_MaximumOp : Lipt_BinaryOp<"maximum", [Commutative]> {
  let summary = "Entrywise larger entry, broadcast";
  let description = "Bounds: (B-minmax).";
}

def Lipt_PowOp : Lipt_BinaryOp<"pow"> {
  let summary = "Entrywise lhs to the power rhs, broadcast";
  let description = "Bounds: (B-pow).";
}

def Lipt_ModOp : Lipt_BinaryOp<"mod"> {
  let summary = "Entrywise remainder with the divisor's sign; `fmod`: with the dividend's, broadcast";
  let description = "Bounds: (B-jump).";
  let arguments = (ins Lipt_Tensor:$lhs, Lipt_Tensor:$rhs, UnitAttr:$fmod);
}

def Lipt_AndOp : Lipt_BinaryOp<"and", [Commutative]> {
  let summary = "Entrywise logical and, broadcast";
  let description = "Bounds: (B-jump).";
}

def Lipt_OrOp : Lipt_BinaryOp<"or", [Commutative]> {
  let summary = "Entrywise logical or, broadcast";
  let description = "Bounds: (B-jump).";
}

def Lipt_XorOp : Lipt_BinaryOp<"xor", [Commutative]> {
  let summary = "Entrywise logical exclusive or, broadcast";
  let description = "Bounds: (B-jump).";
}

def Lipt_EqualOp : Lipt_CompareOp<"equal", [Commutative]> {
  let summary = "Entrywise lhs == rhs as i1, broadcast";
  let description = "Bounds: (B-jump).";
}

def Lipt_LessOp : Lipt_CompareOp<"less"> {
  let summary = "Entrywise lhs < rhs as i1, broadcast";
  let description = "Bounds: (B-jump).";
}

def Lipt_LessOrEqualOp : Lipt_CompareOp<"less_or_equal"> {
  let summary = "Entrywise lhs <= rhs as i1, broadcast";
  let description = "Bounds: (B-jump).";
}

def Lipt_GreaterOp : Lipt_CompareOp<"greater"> {
  let summary = "Entrywise lhs > rhs as i1, broadcast";
  let description = "Bounds: (B-jump).";
}

def Lipt_GreaterOrEqualOp : Lipt_CompareOp<"greater_or_equal"> {
  let summary = "Entrywise lhs >= rhs as i1, broadcast";
  let description = "Bounds: (B-jump).";
}

def Lipt_WhereOp : Lipt_LayerOp<"where"> {
  let summary = "Select entries by a condition, broadcast";
  let description = "Bounds: (B-where) for a condition that does not depend on the input.";
  let arguments = (ins Lipt_Tensor:$condition, Lipt_Tensor:$on_true,
                       Lipt_Tensor:$on_false);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = [{
    $condition `,` $on_true `,` $on_false attr-dict `:` type($condition) `,`
    type($on_true) `,` type($on_false)
  }];
}

class Lipt_VariadicOp<string mnemonic> : Lipt_LayerOp<mnemonic> {
  let description = "Bounds: (B-add).";
  let arguments = (ins Variadic<Lipt_Tensor>:$inputs);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$inputs attr-dict `:` type($inputs)";
}
def Lipt_SumOp : Lipt_VariadicOp<"sum"> { let summary = "Entrywise sum of all operands, broadcast"; }
def Lipt_MeanOp : Lipt_VariadicOp<"mean"> { let summary = "Entrywise mean of all operands, broadcast"; }

def Lipt_CastOp : Lipt_ShapedOp<"cast"> {
  let summary = "Convert the element type";
  let description = [{
    Widening float conversions are the identity (B-shape); others jump (B-jump).
  }];
  let arguments = (ins Lipt_Tensor:$input);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}
