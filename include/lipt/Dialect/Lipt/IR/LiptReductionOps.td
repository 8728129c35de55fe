//===- LiptReductionOps.td - Reductions and scans ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

def Lipt_ReduceOp : Lipt_LayerOp<"reduce"> {
  let summary = "Reduce over axes";
  let description = "Bounds: (B-red), (B-red2), (B-lse) by kind.";
  let arguments = (ins Lipt_ReductionKindAttr:$kind, Lipt_Tensor:$input,
      DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "true">:$keep_dims);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$kind $input `axes` $axes attr-dict `:` type($input)";
}

def Lipt_CumSumOp : Lipt_UnaryOp<"cumsum"> {
  let summary = "Running sum along an axis";
  let description = "Bounds: (B-red2).";
  let arguments = (ins Lipt_Tensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let hasVerifier = 1;
}

def Lipt_TriluOp : Lipt_UnaryOp<"trilu"> {
  let summary = "Keep the upper or lower triangle of the last two axes";
  let description = "Keeps j - i >= k if `upper`, else j - i <= k. Bounds: (B-trilu).";
  let arguments = (ins Lipt_Tensor:$input, DefaultValuedAttr<I64Attr, "0">:$k, UnitAttr:$upper);
  let hasVerifier = 1;
}
