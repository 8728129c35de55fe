//===- LiptParamOps.td - Weights by name and small constants ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/OpAsmInterface.td"

def Lipt_WeightsOp : Lipt_Op<"weights", [Symbol]> {
  let summary = "Bind a scope of parameter sources to a file";
  let description = [{
    `file` is the weights file's name beside the `.mlir` file (an ONNX model or
    a safetensors file); `sha256` its hash in hexadecimal, empty if not known.
    Example: `lipt.weights @model file "m.onnx" sha256 "…"`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$file, StrAttr:$sha256);
  let assemblyFormat = "$sym_name `file` $file `sha256` $sha256 attr-dict";
  let hasVerifier = 1;
}

def Lipt_ParamOp : Lipt_Op<"param", [Symbol,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Declare one named tensor of the weights";
  let description = [{
    `source` is `scope::key`: the scope is a `lipt.weights` symbol, the key an
    ONNX tensor name (initializer, or a Constant node's output) or a safetensors
    name, verbatim. The numbers never enter the IR.
    Example: `lipt.param @w source "model::fc.weight" : tensor<10x784xf32>`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$source, TypeAttr:$type);
  let assemblyFormat = "$sym_name `source` $source `:` $type attr-dict";
  let hasVerifier = 1;
}

def Lipt_ReadParamOp : Lipt_Op<"read_param", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Make a parameter a value";
  let arguments = (ins FlatSymbolRefAttr:$param);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$param attr-dict `:` type($result)";
}

def Lipt_ConstantOp : Lipt_Op<"constant", [Pure, ConstantLike,
    AllTypesMatch<["value", "result"]>]> {
  let summary = "A constant tensor of at most 1 kB";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Lipt_SplatOp : Lipt_ShapedOp<"splat"> {
  let summary = "A tensor with one value everywhere";
  let description = [{
    `value` is a scalar attribute of the element type; the shape may be symbolic.
    Example: `lipt.splat 1.0 : f32 -> tensor<?x4xf32, …>`
  }];
  let arguments = (ins TypedAttrInterface:$value);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$value `->` type($result) attr-dict";
}

def Lipt_IotaOp : Lipt_ShapedOp<"iota"> {
  let summary = "Count along the only axis: start + step * i";
  let arguments = (ins DefaultValuedAttr<I64Attr, "0">:$start,
                       DefaultValuedAttr<I64Attr, "1">:$step);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Lipt_OpaqueOp : Lipt_Op<"opaque", [Pure]> {
  let summary = "An ONNX operator without a model operation of its own";
  let description = [{
    Kept so that the rest of the graph can be read, printed and exported. It has
    no bound rule: whatever depends on it is unbounded, and the answer names it.
  }];
  let arguments = (ins StrAttr:$op_domain, StrAttr:$operator_type,
                       Variadic<AnyType>:$inputs, DictionaryAttr:$operator_attributes);
  let results = (outs Variadic<Lipt_Tensor>:$outputs);
  let assemblyFormat = [{
    $op_domain $operator_type `(` $inputs `)` $operator_attributes attr-dict `:`
    functional-type($inputs, $outputs)
  }];
}
