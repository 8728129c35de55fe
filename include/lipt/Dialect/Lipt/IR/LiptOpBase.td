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

/// A ranked tensor whose every axis has a size: static, or symbolic through
/// the encoding.
def Lipt_Tensor : Type<And<[IsRankedTensorTypePred,
      CPred<"::lipt::hasKnownAxes($_self)">]>,
    "ranked tensor with a static or symbolic size for every axis",
    "::mlir::RankedTensorType">;

/// An integer that is 1 or more. (Accessors of I64Attr return uint64_t: a
/// negative value would come out as a huge one.)
defvar Lipt_PositiveAttr = ConfinedAttr<I64Attr, [IntPositive]>;

/// Result types follow from operands and attributes. The wrapper checks these
/// first: a parser infers types before any verifier has run.
def Lipt_InferResultTypes : TraitList<[
  DeclareOpInterfaceMethods<InferTypeOpInterface>,
  NativeOpTrait<"InferTypeOpAdaptor", [], [{
    static ::llvm::LogicalResult inferReturnTypes(
        ::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
        Adaptor adaptor,
        ::llvm::SmallVectorImpl<::mlir::Type> &inferredReturnTypes);
  }], [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr attributes,
        ::mlir::OpaqueProperties properties, ::mlir::RegionRange regions,
        ::llvm::SmallVectorImpl<::mlir::Type> &inferredReturnTypes) {
      auto adaptor = ::lipt::detail::makeCheckedAdaptor<$cppClass>(
          context, location, operands, attributes, properties, regions);
      if (::mlir::failed(adaptor))
        return ::mlir::failure();
      return $cppClass::inferReturnTypes(context, location, *adaptor,
                                         inferredReturnTypes);
    }
  }]>]>;

class Lipt_Op<string mnemonic, list<Trait> traits = []>
    : Op<Lipt_Dialect, mnemonic, traits>;

/// A pure tensor operation whose result types follow from its operands and
/// attributes (lib/Dialect/Lipt/IR/Inference, one file a family).
class Lipt_LayerOp<string mnemonic, list<Trait> traits = []>
    : Lipt_Op<mnemonic, traits # [Pure, Lipt_InferResultTypes]>;

/// The same for an operation whose result type is stated (its target shape).
class Lipt_ShapedOp<string mnemonic, list<Trait> traits = []>
    : Lipt_Op<mnemonic, traits # [Pure]> {
  let hasVerifier = 1;
}

/// An entrywise function of one tensor: the result has the operand's type.
class Lipt_UnaryOp<string mnemonic, list<Trait> traits = []>
    : Lipt_Op<mnemonic, traits # [Pure, SameOperandsAndResultType]> {
  let arguments = (ins Lipt_Tensor:$input);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

/// An entrywise function of two tensors with numpy broadcasting.
class Lipt_BinaryOp<string mnemonic, list<Trait> traits = []>
    : Lipt_LayerOp<mnemonic, traits> {
  let arguments = (ins Lipt_Tensor:$lhs, Lipt_Tensor:$rhs);
  let results = (outs Lipt_Tensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)
  }];
}

/// An entrywise predicate of two tensors: the result is a tensor of i1.
class Lipt_CompareOp<string mnemonic, list<Trait> traits = []>
    : Lipt_BinaryOp<mnemonic, traits>;

#endif // LIPT_DIALECT_LIPT_OP_BASE_TD
