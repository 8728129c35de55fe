//===- LiptOpBase.td - Base classes of lipt operations ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_DIALECT_LIPT_OP_BASE_TD
#define LIPT_DIALECT_LIPT_OP_BASE_TD

include "lipt/Dialect/Lipt/IR/LiptAttrs.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Lipt_Op<string mnemonic, list<Trait> traits = []>
    : Op<Lipt_Dialect, mnemonic, traits>;

/// A pure tensor operation whose result types follow from its operands and
/// attributes (lib/Dialect/Lipt/IR/Inference, one file a family).
class Lipt_LayerOp<string mnemonic, list<Trait> traits = []>
    : Lipt_Op<mnemonic, traits # [Pure,
        DeclareOpInterfaceMethods<InferTypeOpInterface>]>;

/// The same for an operation whose result type is stated (its target shape).
class Lipt_ShapedOp<string mnemonic, list<Trait> traits = []>
    : Lipt_Op<mnemonic, traits # [Pure]> {
  let hasVerifier = 1;
}

/// An entrywise function of one tensor: the result has the operand's type.
class Lipt_UnaryOp<string mnemonic, list<Trait> traits = []>
    : Lipt_Op<mnemonic, traits # [Pure, SameOperandsAndResultType]> {
  let arguments = (ins AnyRankedTensor:$input);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

/// An entrywise function of two tensors with numpy broadcasting.
class Lipt_BinaryOp<string mnemonic, list<Trait> traits = []>
    : Lipt_LayerOp<mnemonic, traits> {
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)
  }];
}

/// An entrywise predicate of two tensors: the result is a tensor of i1.
class Lipt_CompareOp<string mnemonic, list<Trait> traits = []>
    : Lipt_BinaryOp<mnemonic, traits>;

#endif // LIPT_DIALECT_LIPT_OP_BASE_TD
