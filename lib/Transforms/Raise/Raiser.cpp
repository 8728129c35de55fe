//===- Raiser.cpp - What all raising patterns share --------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Raiser.h"

#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/SetVector.h"

#include <cmath>

using namespace mlir;

namespace lipt::raise {

void Raiser::sweep(ArrayRef<Pattern> patterns) {
  SmallVector<Operation *> operations;
  for (Operation &op : function.getBody().front())
    operations.push_back(&op);
  for (Operation *op : llvm::reverse(operations)) {
    bool isLive = op->getNumResults() == 0 ||
                  llvm::any_of(op->getUsers(), [&](Operation *user) {
                    return live.contains(user);
                  });
    if (!isLive)
      continue;
    if (op->getNumResults() == 1 && !isConstant(op->getResult(0)) &&
        llvm::any_of(patterns,
                     [&](Pattern pattern) { return pattern(op, *this); }))
      continue;
    live.insert(op);
  }
}

bool Raiser::isConstant(Value value) {
  // Depth first without recursion: chains of thousands of operations occur.
  SmallVector<Value> stack{value};
  while (!stack.empty()) {
    Value top = stack.back();
    Operation *op = top.getDefiningOp();
    if (constantness.contains(top) || !op) {
      constantness.try_emplace(top, false);
      stack.pop_back();
      continue;
    }
    bool isKnown = true, isConstant = true;
    for (Value operand : op->getOperands()) {
      auto known = constantness.find(operand);
      if (known == constantness.end()) {
        stack.push_back(operand);
        isKnown = false;
      } else {
        isConstant &= known->second;
      }
    }
    if (!isKnown)
      continue;
    for (Value result : op->getResults())
      constantness[result] = isConstant;
    stack.pop_back();
  }
  return constantness.lookup(value);
}

std::optional<SmallVector<Operation *>>
Raiser::collectCovered(Operation *root, ArrayRef<Value> sources) {
  // Forms have a few dozen operations; a cone without end is no form.
  constexpr size_t mostOperations = 256;
  llvm::SmallSetVector<Operation *, 16> covered;
  covered.insert(root);
  for (size_t i = 0; i < covered.size(); ++i)
    for (Value operand : covered[i]->getOperands()) {
      if (llvm::is_contained(sources, operand) || isConstant(operand))
        continue;
      Operation *op = operand.getDefiningOp();
      if (!op || covered.size() == mostOperations)
        return std::nullopt;
      covered.insert(op);
    }
  SmallVector<Operation *> ordered = covered.takeVector();
  llvm::sort(ordered, [](Operation *lhs, Operation *rhs) {
    return lhs->isBeforeInBlock(rhs);
  });
  return ordered;
}

bool Raiser::replace(Operation *root, Operation *raised,
                     ArrayRef<Value> sources) {
  if (!raised)
    return false;
  Value from = root->getResult(0), to = raised->getResult(0);
  auto covered = collectCovered(root, sources);
  bool fits = covered && haveEqualSizes(from, to) &&
              getElementTypeOrSelf(from) == getElementTypeOrSelf(to);
  if (fits) {
    Silence silence(root->getContext());
    fits = succeeded(mlir::verify(raised, /*verifyRecursively=*/false));
  }
  if (!fits) {
    raised->erase();
    return false;
  }
  SmallVector<StringRef> nodes;
  for (Operation *op : *covered)
    llvm::append_range(nodes, getCoveredNodes(op));
  if (StringRef name = getTensorName(from); !name.empty())
    setProvenance(raised, {name}, nodes);
  from.replaceAllUsesWith(to);
  live.insert(raised);
  if (from.getType() != to.getType())
    refreshUsers(to);
  return true;
}

/// The type of an operation's only result as it follows from its operands, or
/// null if that is not known to differ from the present one.
static SmallVector<Type> inferTypes(Operation *op) {
  SmallVector<Type> types(op->getResultTypes());
  if (auto inference = llvm::dyn_cast<InferTypeOpInterface>(op)) {
    types.clear();
    if (failed(inference.inferReturnTypes(
            op->getContext(), op->getLoc(), op->getOperands(),
            op->getDiscardableAttrDictionary(), op->getPropertiesStorage(),
            op->getRegions(), types)))
      types.assign(op->result_type_begin(), op->result_type_end());
    return types;
  }
  if (op->hasTrait<OpTrait::SameOperandsAndResultType>() ||
      llvm::isa<LayerNormOp, RmsNormOp, BatchNormOp, GroupNormOp, LpNormOp,
                RmsCapOp, SoftmaxOp, LogSoftmaxOp>(op))
    return {op->getOperand(0).getType()};
  if (!llvm::isa<ReshapeOp, ExpandOp, SliceOp, CastOp>(op))
    return types;
  // Stated sizes stay, and so do stated roles that fit.
  Axes input = getAxes(op->getOperand(0).getType());
  Axes stated = getAxes(types.front()), expected = stated;
  if (llvm::isa<ReshapeOp>(op)) {
    expected = reshapeAxes(input, getSizes(op->getResult(0)));
  } else {
    for (auto [from, to] :
         llvm::zip(llvm::reverse(input), llvm::reverse(expected)))
      if (from.size == to.size || llvm::isa<SliceOp>(op))
        to.role = from.role;
  }
  if (!haveEqualSizesAndPositions(expected, stated))
    types.front() =
        makeTensorType(expected, getElementTypeOrSelf(types.front()));
  return types;
}

void Raiser::refreshUsers(Value value) {
  SmallVector<Value> worklist{value};
  while (!worklist.empty()) {
    Value changed = worklist.pop_back_val();
    for (Operation *user : changed.getUsers()) {
      if (llvm::isa<func::ReturnOp>(user)) {
        function.setType(
            FunctionType::get(user->getContext(), function.getArgumentTypes(),
                              SmallVector<Type>(user->getOperandTypes())));
        continue;
      }
      SmallVector<Type> types = inferTypes(user);
      for (auto [result, type] : llvm::zip(user->getResults(), types)) {
        if (!type || result.getType() == type)
          continue;
        result.setType(type);
        worklist.push_back(result);
      }
    }
  }
}

SmallVector<SymbolicSize> getSizes(Value value) {
  SmallVector<SymbolicSize> sizes;
  for (const Axis &axis : getAxes(value.getType()))
    sizes.push_back(axis.size);
  return sizes;
}

bool haveEqualSizes(Value lhs, Value rhs) {
  return getSizes(lhs) == getSizes(rhs);
}

SymbolicSize getCount(ArrayRef<SymbolicSize> sizes) {
  SymbolicSize count = 1;
  for (const SymbolicSize &size : sizes)
    count = count * size;
  return count;
}

SmallVector<SymbolicSize> reduceSizes(ArrayRef<SymbolicSize> sizes,
                                      ArrayRef<int64_t> axes) {
  SmallVector<SymbolicSize> reduced(sizes);
  for (int64_t axis : axes)
    reduced[axis] = 1;
  return reduced;
}

bool hasPaddedSizes(Value value, ArrayRef<SymbolicSize> sizes) {
  SmallVector<SymbolicSize> own = getSizes(value);
  if (own.size() > sizes.size())
    return false;
  size_t padding = sizes.size() - own.size();
  return llvm::all_of(sizes.take_front(padding),
                      [](const SymbolicSize &size) { return size == 1; }) &&
         ArrayRef<SymbolicSize>(own) == sizes.drop_front(padding);
}

bool isConstantAlong(Value value, Value x, ArrayRef<int64_t> axes) {
  SmallVector<SymbolicSize> full = getSizes(x);
  if (auto expand = value.getDefiningOp<ExpandOp>();
      expand && getSizes(value) == full)
    value = expand.getInput();
  return hasPaddedSizes(value, reduceSizes(full, axes));
}

bool isNear(double a, double b) {
  return std::abs(a - b) <= 1e-6 * std::abs(b);
}

bool isReciprocal(double value, int64_t count) {
  auto n = static_cast<double>(count);
  return value * n == 1 && std::fma(value, n, -1.0) == 0;
}

} // namespace lipt::raise
