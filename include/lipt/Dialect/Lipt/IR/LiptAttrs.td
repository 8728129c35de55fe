//===- LiptAttrs.td - Attributes and enums of the lipt dialect ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_ATTRS_TD
#define LIPT_DIALECT_LIPT_ATTRS_TD

include "lipt/Dialect/Lipt/IR/LiptDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/IR/EnumAttr.td"

class Lipt_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::lipt";
  let genSpecializedAttr = 0;
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

def Lipt_AxisRole : Lipt_Enum<"AxisRole", "what an axis counts", [
  I32EnumAttrCase<"Unknown", 0, "unknown">,
  I32EnumAttrCase<"Batch", 1, "batch">,
  I32EnumAttrCase<"Token", 2, "token">,
  I32EnumAttrCase<"Spatial", 3, "spatial">,
  I32EnumAttrCase<"Feature", 4, "feature">,
  I32EnumAttrCase<"Head", 5, "head">]>;

class Lipt_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Lipt_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Lipt_AxisAttr : Lipt_Attr<"Axis", "axis"> {
  let summary = "Role and symbolic size of one axis";
  let description = [{
    `size` is empty for a static axis; otherwise a polynomial with integer
    coefficients in the model's symbolic sizes, written canonically, such as
    `"N"`, `"2*N*T"`, `"T-1"` (lipt/Support/SymbolicSize.h).
    Batch, token and spatial axes are *position* axes, the others *width* axes.
  }];
  let parameters = (ins EnumParameter<Lipt_AxisRole>:$role,
                        OptionalParameter<"::mlir::StringAttr">:$size);
  let assemblyFormat = "`<` $role (`,` $size^)? `>`";
  let genVerifyDecl = 1;
}

def Lipt_AxesAttr : Lipt_Attr<"Axes", "axes",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "Roles and symbolic sizes of a tensor's axes";
  let description = [{
    The encoding of a tensor type: one `#lipt.axis` per dimension. A dimension
    is dynamic in the type exactly where its axis has a symbolic size.

    Example: `tensor<?x16x64xf32, #lipt.axes<[<batch, "N">, <token>, <feature>]>>`
  }];
  let parameters = (ins ArrayRefParameter<"::lipt::AxisAttr">:$axes);
  let assemblyFormat = "`<` custom<AxisList>($axes) `>`";
}

//===----------------------------------------------------------------------===//
// Enums of operations
//===----------------------------------------------------------------------===//

def Lipt_GeluForm : Lipt_Enum<"GeluForm", "how GELU is computed", [
  I32EnumAttrCase<"Erf", 0, "erf">, I32EnumAttrCase<"Tanh", 1, "tanh">]>;

def Lipt_ReductionKind : Lipt_Enum<"ReductionKind", "what a reduction computes", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">,
  I32EnumAttrCase<"Max", 2, "max">, I32EnumAttrCase<"Min", 3, "min">,
  I32EnumAttrCase<"L1", 4, "l1">, I32EnumAttrCase<"L2", 5, "l2">,
  I32EnumAttrCase<"SumSquare", 6, "sum_square">,
  I32EnumAttrCase<"LogSumExp", 7, "log_sum_exp">,
  I32EnumAttrCase<"LogSum", 8, "log_sum">,
  I32EnumAttrCase<"Prod", 9, "prod">]>;

def Lipt_PadMode : Lipt_Enum<"PadMode", "how padding is filled", [
  I32EnumAttrCase<"Constant", 0, "constant">, I32EnumAttrCase<"Edge", 1, "edge">,
  I32EnumAttrCase<"Reflect", 2, "reflect">, I32EnumAttrCase<"Wrap", 3, "wrap">]>;

def Lipt_MaskKind : Lipt_Enum<"MaskKind", "how an attention mask acts on the logits", [
  I32EnumAttrCase<"Additive", 0, "additive">,
  I32EnumAttrCase<"Boolean", 1, "boolean">,
  I32EnumAttrCase<"Fill", 2, "fill">]>;

class Lipt_EnumAttr<EnumInfo enum, string mnemonic>
    : EnumAttr<Lipt_Dialect, enum, mnemonic> {
  let assemblyFormat = "$value";
}
def Lipt_GeluFormAttr : Lipt_EnumAttr<Lipt_GeluForm, "gelu_form">;
def Lipt_ReductionKindAttr : Lipt_EnumAttr<Lipt_ReductionKind, "reduction">;
def Lipt_PadModeAttr : Lipt_EnumAttr<Lipt_PadMode, "pad_mode">;
def Lipt_MaskKindAttr : Lipt_EnumAttr<Lipt_MaskKind, "mask">;

#endif // LIPT_DIALECT_LIPT_ATTRS_TD
