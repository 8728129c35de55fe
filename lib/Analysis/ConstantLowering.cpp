//===- ConstantLowering.cpp - Constant values as expressions ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Analysis/ConstantLowering.h"

#include "lipt/Dialect/Lipt/IR/Axes.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace lipt;
using namespace mlir;

std::optional<ElementType> lipt::getElementType(Type type) {
  if (type.isF32())
    return ElementType::Float32;
  if (type.isF64())
    return ElementType::Float64;
  if (type.isF16())
    return ElementType::Float16;
  if (type.isBF16())
    return ElementType::BFloat16;
  if (llvm::isa<Float8E4M3FNType>(type))
    return ElementType::Float8E4M3FN;
  if (llvm::isa<Float8E4M3FNUZType>(type))
    return ElementType::Float8E4M3FNUZ;
  if (llvm::isa<Float8E5M2Type>(type))
    return ElementType::Float8E5M2;
  if (llvm::isa<Float8E5M2FNUZType>(type))
    return ElementType::Float8E5M2FNUZ;
  auto integer = llvm::dyn_cast<IntegerType>(type);
  if (!integer)
    return std::nullopt;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return ElementType::Bool;
  case 4:
    return isUnsigned ? ElementType::UInt4 : ElementType::Int4;
  case 8:
    return isUnsigned ? ElementType::UInt8 : ElementType::Int8;
  case 16:
    return isUnsigned ? ElementType::UInt16 : ElementType::Int16;
  case 32:
    return isUnsigned ? ElementType::UInt32 : ElementType::Int32;
  case 64:
    return isUnsigned ? ElementType::UInt64 : ElementType::Int64;
  default:
    return std::nullopt;
  }
}

std::pair<ConstantRef, ConstantRef>
lipt::makeBatchNormVectors(ConstantRef gain, ConstantRef bias, ConstantRef mean,
                           ConstantRef variance, double epsilon) {
  if (!gain || !bias || !mean || !variance)
    return {};
  auto scale = std::make_shared<ConstantExpr>();
  scale->kind = ConstantExpr::Kind::Elementwise;
  scale->key = "batch_norm_scale";
  scale->type = gain->type;
  scale->shape = gain->shape;
  scale->values = {epsilon};
  auto shift = std::make_shared<ConstantExpr>(*scale);
  scale->operands = {gain, variance};
  shift->key = "batch_norm_shift";
  shift->operands = {gain, bias, mean, variance};
  return {scale, shift};
}

bool lipt::isSameConstant(const ConstantRef &a, const ConstantRef &b) {
  if (a == b)
    return true;
  if (!a || !b)
    return false;
  return a->kind == b->kind && a->type == b->type && a->shape == b->shape &&
         a->key == b->key && a->integers == b->integers &&
         a->values == b->values &&
         llvm::equal(a->operands, b->operands, isSameConstant);
}

bool lipt::isWideningFloatCast(Operation *op) {
  auto from = llvm::dyn_cast<FloatType>(
      getElementTypeOrSelf(op->getOperand(0).getType()));
  auto to = llvm::dyn_cast<FloatType>(
      getElementTypeOrSelf(op->getResult(0).getType()));
  if (!from || !to)
    return false;
  if (from == to)
    return true;
  const llvm::fltSemantics &a = from.getFloatSemantics();
  const llvm::fltSemantics &b = to.getFloatSemantics();
  return APFloat::isRepresentableBy(a, b);
}

bool ConstantLowering::isConstant(Value value) {
  // Iterative depth-first search: chains of thousands of operations occur.
  SmallVector<Value> stack{value};
  while (!stack.empty()) {
    Value top = stack.back();
    if (constantness.contains(top)) {
      stack.pop_back();
      continue;
    }
    Operation *op = top.getDefiningOp();
    if (!op) {
      constantness[top] = false;
      stack.pop_back();
      continue;
    }
    bool known = true, constant = true;
    for (Value operand : op->getOperands()) {
      auto it = constantness.find(operand);
      if (it == constantness.end()) {
        stack.push_back(operand);
        known = false;
      } else {
        constant &= it->second;
      }
    }
    if (!known)
      continue;
    for (Value result : op->getResults())
      constantness[result] = constant;
    stack.pop_back();
  }
  return constantness.lookup(value);
}

/// The literal entries of an elements attribute, as doubles.
static bool readElements(ElementsAttr elements, std::vector<double> &values) {
  Type type = elements.getElementType();
  if (llvm::isa<FloatType>(type)) {
    auto range = elements.tryGetValues<APFloat>();
    if (!range)
      return false;
    for (APFloat entry : *range) {
      bool losesInfo = false;
      entry.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                    &losesInfo);
      values.push_back(entry.convertToDouble());
    }
    return true;
  }
  auto range = elements.tryGetValues<APInt>();
  if (!range)
    return false;
  bool isUnsigned = type.isUnsignedInteger() || type.isInteger(1);
  for (const APInt &entry : *range)
    values.push_back(isUnsigned ? static_cast<double>(entry.getZExtValue())
                                : static_cast<double>(entry.getSExtValue()));
  return true;
}

std::optional<double> ConstantLowering::getLiteralScalar(Value value) {
  ConstantRef expr = isConstant(value) ? lower(value) : nullptr;
  while (expr && (expr->kind == ConstantExpr::Kind::Reshape ||
                  expr->kind == ConstantExpr::Kind::Expand))
    expr = expr->operands.front();
  if (!expr || expr->values.size() != 1 ||
      (expr->kind != ConstantExpr::Kind::Dense &&
       expr->kind != ConstantExpr::Kind::Splat))
    return std::nullopt;
  return expr->values.front();
}

ConstantRef ConstantLowering::lower(Value value) {
  if (auto it = expressions.find(value); it != expressions.end())
    return it->second;
  ConstantRef result;
  if (auto opResult = llvm::dyn_cast<OpResult>(value))
    result = lowerOperation(opResult.getOwner(), opResult);
  expressions[value] = result;
  return result;
}

ConstantRef ConstantLowering::lowerOperation(Operation *op, OpResult result) {
  auto type = llvm::cast<RankedTensorType>(result.getType());
  std::optional<ElementType> elementType =
      getElementType(type.getElementType());
  if (!elementType || !type.hasStaticShape())
    return nullptr;
  auto expr = std::make_shared<ConstantExpr>();
  expr->type = *elementType;
  expr->shape.assign(type.getShape().begin(), type.getShape().end());
  for (Value operand : op->getOperands()) {
    ConstantRef lowered = lower(operand);
    if (!lowered)
      return nullptr;
    expr->operands.push_back(std::move(lowered));
  }
  using Kind = ConstantExpr::Kind;
  auto set = [&](Kind kind, ArrayRef<int64_t> integers = {}) {
    expr->kind = kind;
    expr->integers.assign(integers.begin(), integers.end());
    return true;
  };
  auto elementwise = [&] {
    expr->kind = Kind::Elementwise;
    expr->key = op->getName().stripDialect().str();
    return true;
  };

  bool known =
      llvm::TypeSwitch<Operation *, bool>(op)
          .Case([&](ReadParamOp read) {
            auto param = SymbolTable::lookupNearestSymbolFrom<ParamOp>(
                op, read.getParamAttr());
            if (!param)
              return false;
            auto [scope, key] = param.getSource().split("::");
            expr->key = (key.empty() ? scope : key).str();
            return set(Kind::Key);
          })
          .Case([&](ConstantOp constant) {
            return set(Kind::Dense) &&
                   readElements(constant.getValue(), expr->values);
          })
          .Case([&](SplatOp splat) {
            if (auto number = llvm::dyn_cast<FloatAttr>(splat.getValue()))
              expr->values = {number.getValueAsDouble()};
            else if (auto integer =
                         llvm::dyn_cast<IntegerAttr>(splat.getValue()))
              expr->values = {
                  static_cast<double>(integer.getValue().getSExtValue())};
            else
              return false;
            return set(Kind::Splat);
          })
          .Case([&](IotaOp iota) {
            expr->values = {static_cast<double>(iota.getStart()),
                            static_cast<double>(iota.getStep())};
            return set(Kind::Iota);
          })
          .Case([&](ReshapeOp) { return set(Kind::Reshape); })
          .Case([&](TransposeOp transpose) {
            return set(Kind::Transpose, transpose.getPermutation());
          })
          .Case([&](SliceOp slice) {
            set(Kind::Slice, slice.getStarts());
            llvm::append_range(expr->integers, slice.getSteps());
            return true;
          })
          .Case([&](SplitOp split) {
            // Part i is a slice that starts where the parts before it end.
            int64_t start = 0;
            for (unsigned i = 0; i < result.getResultNumber(); ++i)
              start += split.getSizes()[i];
            SmallVector<int64_t> starts(type.getRank(), 0);
            starts[split.getAxis()] = start;
            set(Kind::Slice, starts);
            expr->integers.resize(2 * type.getRank(), 1);
            return true;
          })
          .Case([&](ConcatOp concat) {
            return set(Kind::Concat, {static_cast<int64_t>(concat.getAxis())});
          })
          .Case([&](ExpandOp) { return set(Kind::Expand); })
          .Case([&](TileOp tile) { return set(Kind::Tile, tile.getRepeats()); })
          .Case([&](GatherOp gather) {
            return set(Kind::Gather, {static_cast<int64_t>(gather.getAxis())});
          })
          .Case([&](EmbeddingOp) { return set(Kind::Gather, {0}); })
          .Case([&](PadOp pad) {
            expr->values = {pad.getValue().convertToDouble()};
            return pad.getMode() == PadMode::Constant &&
                   set(Kind::Pad, pad.getPads());
          })
          .Case([&](TriluOp trilu) {
            return set(Kind::Trilu, {static_cast<int64_t>(trilu.getK()),
                                     trilu.getUpper() ? 1 : 0});
          })
          .Case([&](CastOp) { return set(Kind::Cast); })
          .Case([&](ReduceOp reduce) {
            expr->key = stringifyReductionKind(reduce.getKind()).str();
            return set(Kind::Reduce, reduce.getAxes());
          })
          .Case<AddOp, SubOp, MulOp, DivOp, MinimumOp, MaximumOp, PowOp, AndOp,
                OrOp, XorOp, EqualOp, LessOp, LessOrEqualOp, GreaterOp,
                GreaterOrEqualOp, WhereOp, NegOp, AbsOp, SqrtOp, ReciprocalOp,
                ExpOp, LogOp, SinOp, CosOp, NotOp, FloorOp, CeilOp, TanhOp>(
              [&](auto) { return elementwise(); })
          .Default([](Operation *) { return false; });
  return known ? ConstantRef(expr) : nullptr;
}
