//===- Interpreter.cpp - Evaluate a network operation by operation --------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Reference/Interpreter.h"

#include "Evaluation.h"
#include "lipt/Dialect/Lipt/IR/Axes.h"

using namespace mlir;

namespace lipt::reference {

std::optional<ElementType> toElementType(Type type) {
  if (type.isF32())
    return ElementType::Float32;
  if (type.isF64())
    return ElementType::Float64;
  if (type.isF16())
    return ElementType::Float16;
  if (type.isBF16())
    return ElementType::BFloat16;
  if (isa<Float8E4M3FNType>(type))
    return ElementType::Float8E4M3FN;
  if (isa<Float8E4M3FNUZType>(type))
    return ElementType::Float8E4M3FNUZ;
  if (isa<Float8E5M2Type>(type))
    return ElementType::Float8E5M2;
  if (isa<Float8E5M2FNUZType>(type))
    return ElementType::Float8E5M2FNUZ;
  auto integer = dyn_cast<IntegerType>(type);
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

std::optional<Shape> bindShape(Type type, const SizeBindings &sizes) {
  auto tensorType = dyn_cast<RankedTensorType>(type);
  if (!tensorType)
    return std::nullopt;
  if (tensorType.hasStaticShape())
    return Shape(tensorType.getShape().begin(), tensorType.getShape().end());
  Shape shape;
  for (const Axis &axis : getAxes(type)) {
    std::optional<int64_t> size = axis.size.bind(sizes).getStatic();
    if (!size || *size < 0)
      return std::nullopt;
    shape.push_back(*size);
  }
  return shape;
}

/// Products of matrices stay real even where both operands are constants.
static bool isMatrixProduct(Operation *op) {
  return isa<LinearOp, MatmulOp>(op);
}

Interpreter::Interpreter(func::FuncOp function, const WeightArchive *weights,
                         EvaluationOptions options)
    : function(function), weights(weights), options(options) {
  if (function.isExternal())
    return;
  varying.insert_range(function.getArguments());
  for (Operation &op : function.front()) {
    bool varies = isMatrixProduct(&op);
    for (Value operand : op.getOperands())
      varies |= varying.contains(operand);
    if (varies)
      varying.insert_range(op.getResults());
  }
}

LogicalResult Interpreter::bindSizes(Value value, const Tensor &tensor,
                                     SizeBindings &sizes) {
  auto fail = [&](const Twine &what) {
    InFlightDiagnostic diagnostic = function.emitError();
    if (auto argument = dyn_cast<BlockArgument>(value))
      diagnostic << "argument " << argument.getArgNumber();
    else
      diagnostic << "a given value";
    diagnostic << " of type " << value.getType() << " " << what;
    return failure();
  };
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return fail("is not a tensor");
  std::optional<ElementType> elementType = toElementType(type.getElementType());
  if (!elementType)
    return fail("has an unsupported element type");
  // Floating point of another width converts; kinds must agree.
  bool sameKind = *elementType == tensor.getType() ||
                  (isFloat(*elementType) && tensor.isFloat());
  if (!sameKind)
    return fail(Twine("was given ") +
                llvm::StringRef(toString(tensor.getType())) + " data");
  if (type.getRank() != tensor.getRank())
    return fail("was given a tensor of rank " + Twine(tensor.getRank()));
  if (!isWithin(tensor.getShape(), options.elementLimit))
    return fail("was given more than " + Twine(options.elementLimit) +
                " entries");
  Axes axes = getAxes(type);
  for (auto [index, axis] : llvm::enumerate(axes)) {
    int64_t actual = tensor.getShape()[index];
    SymbolicSize bound = axis.size.bind(sizes);
    std::vector<std::string> symbols = bound.getSymbols();
    if (symbols.size() == 1 && bound == SymbolicSize::symbol(symbols.front()))
      sizes[symbols.front()] = actual;
    else if (std::optional<int64_t> size = bound.getStatic();
             size && *size != actual)
      return fail("was given size " + Twine(actual) + " on axis " +
                  Twine(index) + ", expected " + Twine(*size));
  }
  return success();
}

/// True if floating point of this operation's own types needs double.
static bool hasDoubleType(Operation *op) {
  auto isDouble = [](Type type) { return getElementTypeOrSelf(type).isF64(); };
  return llvm::any_of(op->getOperandTypes(), isDouble) ||
         llvm::any_of(op->getResultTypes(), isDouble);
}

LogicalResult Interpreter::evaluateOperation(Operation *op, ValueMap &values,
                                             const SizeBindings &sizes) {
  const Kernel *kernel = KernelTable::get().find(op);
  if (!kernel) {
    if (auto opaque = dyn_cast<OpaqueOp>(op))
      return op->emitError() << "the interpreter does not know the operator '"
                             << opaque.getOperatorType() << "' of domain '"
                             << opaque.getOpDomain() << "'";
    return op->emitError() << "'" << op->getName()
                           << "' has no reference semantics";
  }
  bool real = options.precision == Precision::Double &&
              op->getNumResults() > 0 && isVarying(op->getResult(0));
  bool wide = real || hasDoubleType(op);

  // Operands come in the storage in which the operation computes.
  llvm::SmallVector<const Tensor *, 6> operands;
  std::vector<Tensor> converted;
  converted.reserve(op->getNumOperands());
  for (Value operand : op->getOperands()) {
    auto found = values.find(operand);
    Tensor *tensor = nullptr;
    if (found != values.end())
      tensor = &found->second;
    else if (auto kept = constants.find(operand); kept != constants.end())
      tensor = &kept->second;
    if (!tensor)
      return op->emitError("reads a value that was not computed");
    if (tensor->isFloat() && tensor->isWide() != wide) {
      bool keep = options.keepConstants && wide && !isVarying(operand);
      if (keep) {
        // A constant that real arithmetic uses once is used so every time.
        *tensor = tensor->toWide();
        operands.push_back(tensor);
      } else {
        converted.push_back(wide ? tensor->toWide() : tensor->toNarrow());
        operands.push_back(&converted.back());
      }
    } else {
      operands.push_back(tensor);
    }
  }

  Evaluation evaluation(op, operands, weights, sizes, options, real, wide);
  try {
    if (failed((*kernel)(evaluation)))
      return failure();
  } catch (const std::bad_variant_access &) {
    // Kernels ask for the storage that a valid operation has.
    return op->emitOpError("mixes element types that it is not defined for");
  } catch (const std::bad_alloc &) {
    return op->emitOpError("needs more memory than there is");
  }
  std::vector<Tensor> results = evaluation.takeResults();
  for (auto [value, tensor] : llvm::zip(op->getResults(), results)) {
    if (!real)
      tensor.roundEntries();
    bool keep = options.keepConstants && !isVarying(value);
    (keep ? constants : values).insert_or_assign(value, std::move(tensor));
  }
  return success();
}

FailureOr<ValueMap> Interpreter::evaluate(const ValueMap &given,
                                          llvm::ArrayRef<Value> wanted,
                                          const SizeBindings &sizes,
                                          bool keepAll) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitError("has no body of one block to evaluate");

  // What is needed, backwards from the wanted values; and how often.
  llvm::DenseMap<Value, int64_t> uses;
  llvm::SmallVector<Value> pending(wanted);
  llvm::DenseSet<Operation *> needed;
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    ++uses[value];
    if (given.contains(value) || constants.contains(value))
      continue;
    Operation *op = value.getDefiningOp();
    if (!op)
      return function.emitError("argument ")
             << cast<BlockArgument>(value).getArgNumber()
             << " is needed but was not given";
    if (needed.insert(op).second)
      pending.append(op->operand_begin(), op->operand_end());
  }

  ValueMap values;
  for (const auto &[value, tensor] : given)
    if (uses.contains(value)) {
      std::optional<ElementType> type =
          toElementType(getElementTypeOrSelf(value.getType()));
      bool real = options.precision == Precision::Double;
      bool fits = type == tensor.getType() &&
                  (!tensor.isFloat() || tensor.isWide() == real);
      values.try_emplace(
          value,
          fits ? tensor : tensor.castTo(type.value_or(tensor.getType()), real));
    }
  for (Operation &op : function.front()) {
    if (!needed.contains(&op))
      continue;
    if (failed(evaluateOperation(&op, values, sizes)))
      return failure();
    if (keepAll)
      continue;
    for (Value operand : op.getOperands())
      if (--uses[operand] == 0)
        values.erase(operand);
  }
  for (Value value : wanted)
    if (auto kept = constants.find(value); kept != constants.end())
      values.try_emplace(value, kept->second);
  return values;
}

FailureOr<std::vector<Tensor>>
Interpreter::evaluate(std::vector<Tensor> arguments) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitError("has no body of one block to evaluate");
  if (arguments.size() != function.getNumArguments())
    return function.emitError("takes ")
           << function.getNumArguments() << " inputs, but " << arguments.size()
           << " were given";
  SizeBindings sizes;
  // A size such as 2*T may come before T: bind twice, then all are checked.
  for (int round = 0; round < 2; ++round)
    for (auto [value, tensor] : llvm::zip(function.getArguments(), arguments))
      if (failed(bindSizes(value, tensor, sizes)))
        return failure();
  ValueMap given;
  for (auto [value, tensor] : llvm::zip(function.getArguments(), arguments))
    given.try_emplace(value, std::move(tensor));
  auto terminator = dyn_cast<func::ReturnOp>(function.front().getTerminator());
  if (!terminator)
    return function.emitError("does not end in a return");
  llvm::SmallVector<Value> wanted(terminator.getOperands());
  FailureOr<ValueMap> values = evaluate(given, wanted, sizes);
  if (failed(values))
    return failure();
  std::vector<Tensor> results;
  for (Value value : wanted)
    results.push_back(values->at(value));
  return results;
}

} // namespace lipt::reference
