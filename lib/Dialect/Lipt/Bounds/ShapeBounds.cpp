//===- ShapeBounds.cpp - Operations that move entries ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/Bounds/Models.h"
#include "lipt/Interfaces/LipschitzOpInterface.h"

using namespace lipt;
using namespace mlir;

namespace {

/// (B-shape).
struct ReshapeBounds
    : LipschitzOpInterface::ExternalModel<ReshapeBounds, ReshapeOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    Value input = op->getOperand(0);
    plan.add(op->getResult(0), "B-shape", {input},
             ShapeStep{plan.name(input), {}});
  }
};

struct TransposeBounds
    : LipschitzOpInterface::ExternalModel<TransposeBounds, TransposeOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto transpose = llvm::cast<TransposeOp>(op);
    plan.add(op->getResult(0), "B-shape", {transpose.getInput()},
             ShapeStep{plan.name(transpose.getInput()),
                       {transpose.getPermutation().begin(),
                        transpose.getPermutation().end()}});
  }
};

/// (B-slice): Slice, and each part of Split.
struct SliceBounds : LipschitzOpInterface::ExternalModel<SliceBounds, SliceOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto slice = llvm::cast<SliceOp>(op);
    plan.add(op->getResult(0), "B-slice", {slice.getInput()},
             SliceStep{plan.name(slice.getInput()),
                       {slice.getStarts().begin(), slice.getStarts().end()},
                       {slice.getSteps().begin(), slice.getSteps().end()}});
  }
};

struct SplitBounds : LipschitzOpInterface::ExternalModel<SplitBounds, SplitOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto split = llvm::cast<SplitOp>(op);
    int64_t rank =
        llvm::cast<RankedTensorType>(split.getInput().getType()).getRank();
    int64_t start = 0;
    for (auto [result, size] :
         llvm::zip_equal(split.getOutputs(), split.getSizes())) {
      SliceStep step;
      step.source = plan.name(split.getInput());
      step.starts.assign(rank, 0);
      step.starts[split.getAxis()] = start;
      step.steps.assign(rank, 1);
      start += size;
      plan.add(result, "B-slice", {split.getInput()}, std::move(step));
    }
  }
};

/// (B-concat).
struct ConcatBounds
    : LipschitzOpInterface::ExternalModel<ConcatBounds, ConcatOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto concat = llvm::cast<ConcatOp>(op);
    ConcatStep step;
    step.axis = concat.getAxis();
    SmallVector<Value> inputs;
    for (Value operand : concat.getInputs()) {
      if (plan.hasFacts(operand)) {
        step.sources.push_back(plan.name(operand));
        step.constants.push_back(nullptr);
        inputs.push_back(operand);
        continue;
      }
      ConstantRef constant = plan.constant(operand);
      if (!constant)
        constant = broadcastSource(plan, operand,
                                   getAxes(concat.getResult().getType()));
      if (!constant) {
        plan.unbounded(op, "a constant part with a symbolic size (bind it with "
                           "--shape)");
        return;
      }
      step.sources.emplace_back();
      step.constants.push_back(constant);
    }
    plan.add(op->getResult(0), "B-concat", inputs, std::move(step));
  }

  /// A constant that is one token repeated over symbolic position axes (a class
  /// token expanded to the batch): the token, with sizes 1 on those axes.
  static ConstantRef broadcastSource(BoundPlanBuilder &plan, Value value,
                                     ArrayRef<Axis> resultAxes) {
    Axes axes = getAxes(value.getType());
    Value inner = value;
    // Adding zeros of the batch's size is how some exporters expand.
    if (auto add = value.getDefiningOp<AddOp>()) {
      auto isZero = [](Value v) {
        auto splat = v.getDefiningOp<SplatOp>();
        auto number =
            splat ? llvm::dyn_cast<FloatAttr>(splat.getValue()) : FloatAttr();
        return number && number.getValue().isZero();
      };
      if (isZero(add.getLhs()))
        inner = add.getRhs();
      else if (isZero(add.getRhs()))
        inner = add.getLhs();
    } else if (auto expand = value.getDefiningOp<ExpandOp>()) {
      inner = expand.getInput();
    }
    ConstantRef token = inner == value ? nullptr : plan.constant(inner);
    if (!token || token->shape.size() > axes.size())
      return nullptr;
    auto padded = std::make_shared<ConstantExpr>();
    padded->kind = ConstantExpr::Kind::Reshape;
    padded->type = token->type;
    padded->operands = {token};
    padded->shape.assign(axes.size() - token->shape.size(), 1);
    padded->shape.insert(padded->shape.end(), token->shape.begin(),
                         token->shape.end());
    for (auto [axis, resultAxis, size] :
         llvm::zip_equal(axes, resultAxes, padded->shape))
      if (axis.size.getStatic() != size &&
          !(size == 1 && resultAxis.isPosition()))
        return nullptr;
    return padded;
  }
};

/// (B-pad).
struct PadBounds : LipschitzOpInterface::ExternalModel<PadBounds, PadOp> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto pad = llvm::cast<PadOp>(op);
    plan.add(op->getResult(0), "B-pad", {pad.getInput()},
             PadStep{plan.name(pad.getInput()),
                     stringifyPadMode(pad.getMode()).str(),
                     {pad.getPads().begin(), pad.getPads().end()},
                     pad.getValue().convertToDouble()});
  }
};

/// (B-tile): Expand and Tile.
template <typename OpT>
struct TileBounds : LipschitzOpInterface::ExternalModel<TileBounds<OpT>, OpT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    Value input = op->getOperand(0);
    plan.add(op->getResult(0), "B-tile", {input},
             TileStep{plan.name(input), std::is_same_v<OpT, TileOp>});
  }
};

/// (B-gather) by constant indices.
template <typename OpT>
struct GatherBounds
    : LipschitzOpInterface::ExternalModel<GatherBounds<OpT>, OpT> {
  void appendBounds(Operation *op, BoundPlanBuilder &plan) const {
    auto gather = llvm::cast<OpT>(op);
    ConstantRef indices = plan.isConstant(gather.getIndices())
                              ? plan.constant(gather.getIndices())
                              : nullptr;
    if (!indices) {
      plan.unbounded(op, "an index that depends on an input jumps (B-jump)");
      return;
    }
    plan.add(op->getResult(0), "B-gather", {gather.getInput()},
             GatherStep{plan.name(gather.getInput()), indices,
                        static_cast<int64_t>(gather.getAxis()),
                        std::is_same_v<OpT, GatherElementsOp>});
  }
};

} // namespace

void lipt::attachShapeBounds(MLIRContext &context) {
  ReshapeOp::attachInterface<ReshapeBounds>(context);
  TransposeOp::attachInterface<TransposeBounds>(context);
  SliceOp::attachInterface<SliceBounds>(context);
  SplitOp::attachInterface<SplitBounds>(context);
  ConcatOp::attachInterface<ConcatBounds>(context);
  PadOp::attachInterface<PadBounds>(context);
  ExpandOp::attachInterface<TileBounds<ExpandOp>>(context);
  TileOp::attachInterface<TileBounds<TileOp>>(context);
  GatherOp::attachInterface<GatherBounds<GatherOp>>(context);
  GatherElementsOp::attachInterface<GatherBounds<GatherElementsOp>>(context);
}
