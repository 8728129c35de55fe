//===- NetworkMap.cpp - A network as a map between vectors ----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NetworkMap.h"

#include "lipt/Dialect/Lipt/IR/Axes.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "lipt/Reference/Vjp.h"

#include <cmath>

using namespace mlir;

namespace lipt::attack {

using reference::Shape;
using reference::Tensor;
using Reason = std::optional<std::string>;

static bool isFloatTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<FloatType>(type.getElementType());
}

Reason NetworkMap::findValues(const AttackQuestion &question) {
  func::FuncOp function = interpreter->getFunction();
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return "the network has no body";
  auto findNamed = [&](llvm::StringRef name) -> Value {
    for (BlockArgument argument : function.getArguments())
      if (getTensorName(argument) == name)
        return argument;
    for (Operation &op : function.front())
      for (Value result : op.getResults())
        if (getTensorName(result) == name)
          return result;
    return Value();
  };
  if (!question.origin.empty()) {
    origin = findNamed(question.origin);
  } else {
    for (BlockArgument argument : function.getArguments())
      if (!origin && isFloatTensor(argument))
        origin = argument;
  }
  auto results = function.front().getTerminator()->getOperands();
  if (question.output.empty()) {
    if (!results.empty())
      output = results.front();
  } else {
    // A result first: its name may have moved to another value in the body.
    for (auto [number, value] : llvm::enumerate(results))
      if (auto name =
              function.getResultAttrOfType<StringAttr>(number, "lipt.name"))
        if (name.getValue() == question.output)
          output = value;
    if (!output)
      output = findNamed(question.output);
  }
  if (!origin || !isFloatTensor(origin))
    return "no floating-point tensor to start from";
  if (!output || !isFloatTensor(output))
    return "no floating-point output";
  return std::nullopt;
}

/// A small size for a symbol, by what its axis counts.
static int64_t defaultSize(AxisRole role) {
  switch (role) {
  case AxisRole::Batch:
    return 1;
  case AxisRole::Token:
    return 6;
  case AxisRole::Spatial:
    return 8;
  default:
    return 4;
  }
}

Reason NetworkMap::fixInputs(const AttackQuestion &question) {
  sizes = question.sizes;
  llvm::SmallVector<Value> values(interpreter->getFunction().getArguments());
  values.push_back(origin);
  for (Value value : values)
    for (const Axis &axis : getAxes(value.getType()))
      for (const std::string &symbol : axis.size.getSymbols())
        sizes.try_emplace(symbol, defaultSize(axis.role));
  for (BlockArgument argument : interpreter->getFunction().getArguments()) {
    if (argument == origin)
      continue;
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    std::optional<Shape> shape = reference::bindShape(type, sizes);
    auto element =
        type ? reference::toElementType(type.getElementType()) : std::nullopt;
    if (!shape || !element || !reference::isWithin(*shape, 1 << 24))
      return "an input has no usable size";
    Tensor tensor(*element, *shape);
    auto domain = question.otherInputs.find(getTensorName(argument).str());
    bool bounded = domain != question.otherInputs.end();
    // Ones select and mask nothing; zero is an index of every table.
    double value = tensor.getType() == ElementType::Bool ? 1.0 : 0.0;
    if (bounded && domain->second.kind == AttackDomain::Kind::Box)
      value = (domain->second.low + domain->second.high) / 2;
    for (int64_t i = 0; i < tensor.getElementCount(); ++i)
      tensor.set(i, std::isfinite(value) ? value : 0.0);
    fixed.try_emplace(argument, std::move(tensor));
  }
  return std::nullopt;
}

Reason NetworkMap::setNorms(const AttackQuestion &question) {
  index = question.outputIndex;
  minus = question.minusIndex;
  AttackNorm kinds[2] = {question.inputNorm, question.outputNorm};
  Value values[2] = {origin, output};
  for (int side = 0; side < 2; ++side) {
    std::optional<Shape> shape =
        reference::bindShape(values[side].getType(), sizes);
    if (!shape || !reference::isWithin(*shape, 1 << 24) ||
        *reference::countElements(*shape) == 0)
      return "the origin or the output has no usable size";
    (side == 0 ? inputShape : outputShape) = *shape;
    llvm::SmallVector<bool> isPosition;
    for (const Axis &axis : getAxes(values[side].getType()))
      isPosition.push_back(axis.isPosition());
    if (side == 1 && index) {
      if (shape->empty() || *index < 0 || *index >= shape->back() ||
          minus.value_or(0) < 0 || minus.value_or(0) >= shape->back())
        return "the output has no such entry";
      shape->pop_back();
      isPosition.pop_back();
    }
    norms[side].emplace(kinds[side], *shape, isPosition);
  }
  inputSize = *reference::countElements(inputShape);
  return std::nullopt;
}

/// Multiplications of one operation, from the shapes of its tensors; entrywise
/// work and each operation's own overhead are counted in the same unit.
static double workOf(Operation *op, const reference::ValueMap &values) {
  double results = 0, contracted = 16;
  for (Value result : op->getResults())
    if (auto found = values.find(result); found != values.end())
      results += static_cast<double>(found->second.getElementCount());
  auto sizeOf = [&](Value value, unsigned fromEnd) -> double {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || type.getRank() < fromEnd)
      return 1;
    int64_t size = type.getDimSize(type.getRank() - fromEnd);
    return size < 0 ? 1 : static_cast<double>(size);
  };
  if (auto linear = dyn_cast<LinearOp>(op))
    contracted = sizeOf(linear.getInput(), 1);
  else if (auto product = dyn_cast<MatmulOp>(op))
    contracted = sizeOf(product.getLhs(), 1);
  else if (isa<ConvOp, ConvTransposeOp>(op)) {
    // Entries of one filter.
    auto weight = cast<RankedTensorType>(op->getOperand(1).getType());
    if (weight.hasStaticShape() && weight.getDimSize(0) > 0)
      contracted =
          static_cast<double>(weight.getNumElements() / weight.getDimSize(0));
  } else if (auto attention = dyn_cast<AttentionOp>(op))
    contracted = 2 * sizeOf(attention.getKey(), 2) + 16;
  constexpr double overhead = 4000;
  return results * contracted + overhead;
}

Reason NetworkMap::set(func::FuncOp function, const WeightArchive *archive,
                       const AttackQuestion &question) {
  weights = archive;
  reference::EvaluationOptions options;
  options.precision = reference::Precision::Double;
  options.keepConstants = true;
  options.elementLimit = int64_t(1) << 26;
  interpreter.emplace(function, archive, options);
  for (auto step :
       {&NetworkMap::findValues, &NetworkMap::fixInputs, &NetworkMap::setNorms})
    if (Reason reason = (this->*step)(question))
      return reason;
  FailureOr<reference::ValueMap> values = run(Vector(inputSize, 0.0), true);
  if (failed(values))
    return "the network cannot be evaluated";
  for (Operation &op : function.front())
    workEstimate += workOf(&op, *values);
  return std::nullopt;
}

Tensor NetworkMap::toTensor(const Vector &x) const {
  Tensor tensor(ElementType::Float64, inputShape);
  std::copy(x.begin(), x.end(), tensor.values<double>().begin());
  return tensor;
}

FailureOr<reference::ValueMap> NetworkMap::run(const Vector &x, bool keepAll) {
  reference::ValueMap given = fixed;
  given.insert_or_assign(origin, toTensor(x));
  return interpreter->evaluate(given, {output}, sizes, keepAll);
}

Vector NetworkMap::select(const Tensor &tensor) const {
  auto entries = tensor.values<double>();
  if (!index)
    return Vector(entries.begin(), entries.end());
  int64_t width = outputShape.back();
  Vector selected;
  for (size_t begin = 0; begin < entries.size(); begin += width)
    selected.push_back(entries[begin + *index] -
                       (minus ? entries[begin + *minus] : 0.0));
  return selected;
}

Vector NetworkMap::evaluate(const Vector &x) {
  FailureOr<reference::ValueMap> values = run(x, false);
  if (failed(values))
    return {};
  const Tensor &tensor = values->at(output);
  Vector result = select(tensor.isWide() ? tensor : tensor.toWide());
  for (double entry : result)
    if (!std::isfinite(entry))
      return {};
  return result;
}

Vector NetworkMap::pullBack(const Vector &x, const Vector &w,
                            double *magnitude) {
  FailureOr<reference::ValueMap> values = run(x, true);
  if (failed(values))
    return {};
  Vector expanded = w;
  if (index) {
    int64_t width = outputShape.back();
    expanded.assign(w.size() * width, 0.0);
    for (size_t i = 0; i < w.size(); ++i) {
      expanded[i * width + *index] += w[i];
      if (minus)
        expanded[i * width + *minus] -= w[i];
    }
  }
  std::optional<reference::PulledBack> result =
      reference::pullBack(*interpreter, *values, origin, output, expanded);
  if (!result)
    return {};
  for (double entry : result->gradient)
    if (!std::isfinite(entry))
      return {};
  if (magnitude)
    *magnitude = result->magnitude;
  return std::move(result->gradient);
}

std::optional<NetworkMap::TableRange> NetworkMap::getTableRange() {
  auto embedding = origin.getDefiningOp<EmbeddingOp>();
  if (!embedding || interpreter->isVarying(embedding.getTable()))
    return std::nullopt;
  FailureOr<reference::ValueMap> values = interpreter->evaluate(
      reference::ValueMap(), {embedding.getTable()}, sizes);
  if (failed(values))
    return std::nullopt;
  const Tensor &table = values->at(embedding.getTable());
  if (table.getRank() != 2 || table.getElementCount() == 0)
    return std::nullopt;
  int64_t width = table.getShape()[1];
  TableRange range{0, table.getAsDouble(0), table.getAsDouble(0)};
  for (int64_t row = 0; row < table.getShape()[0]; ++row) {
    double square = 0;
    for (int64_t i = 0; i < width; ++i) {
      double entry = table.getAsDouble(row * width + i);
      square += entry * entry;
      range.low = std::min(range.low, entry);
      range.high = std::max(range.high, entry);
    }
    range.rowNorm = std::max(range.rowNorm, std::sqrt(square));
  }
  return range;
}

} // namespace lipt::attack
