//===- Evaluation.cpp - What the kernel of one operation sees -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluation.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace lipt::reference {

Evaluation::Evaluation(Operation *op, llvm::ArrayRef<const Tensor *> operands,
                       const WeightArchive *weights, const SizeBindings &sizes,
                       const EvaluationOptions &options, bool real, bool wide)
    : op(op), operands(operands), weights(weights), sizes(sizes),
      options(options), real(real), wide(wide), results(op->getNumResults()) {}

const Tensor &Evaluation::operator[](Value operand) const {
  for (auto [index, value] : llvm::enumerate(op->getOperands()))
    if (value == operand)
      return *operands[index];
  llvm_unreachable("kernels ask for operands of their own operation");
}

InFlightDiagnostic Evaluation::emitError() const { return op->emitOpError(); }

static std::string toText(const Shape &shape) {
  std::string text = "[";
  llvm::raw_string_ostream stream(text);
  llvm::interleaveComma(shape, stream);
  return text + "]";
}

std::optional<Shape> Evaluation::getResultShape(unsigned index) const {
  std::optional<Shape> shape = bindShape(op->getResult(index).getType(), sizes);
  if (!shape) {
    emitError() << "has a result whose size does not follow from the inputs' "
                   "shapes: "
                << op->getResult(index).getType();
    return std::nullopt;
  }
  if (!isWithin(*shape, options.elementLimit)) {
    emitError() << "has a result of shape " << toText(*shape) << ", more than "
                << options.elementLimit << " entries";
    return std::nullopt;
  }
  return shape;
}

Tensor *Evaluation::makeResult(const Shape &shape, unsigned index) {
  std::optional<Shape> stated = getResultShape(index);
  if (!stated)
    return nullptr;
  if (*stated != shape) {
    emitError() << "computes shape " << toText(shape)
                << ", its result's type says " << toText(*stated);
    return nullptr;
  }
  Type elementType =
      cast<RankedTensorType>(op->getResult(index).getType()).getElementType();
  std::optional<ElementType> type = toElementType(elementType);
  if (!type) {
    emitError() << "has a result of unsupported element type " << elementType;
    return nullptr;
  }
  results[index] = Tensor(*type, shape, real);
  return &results[index];
}

Tensor *Evaluation::makeTypedResult(unsigned index) {
  std::optional<Shape> shape = getResultShape(index);
  return shape ? makeResult(*shape, index) : nullptr;
}

std::optional<int64_t> normalizeAxis(Evaluation &evaluation, int64_t axis,
                                     int64_t rank) {
  int64_t normalized = axis < 0 ? axis + rank : axis;
  if (normalized >= 0 && normalized < rank)
    return normalized;
  evaluation.emitError() << "has axis " << axis << ", but its operand has rank "
                         << rank;
  return std::nullopt;
}

KernelTable::KernelTable() {
  addParamKernels(*this);
  addLinearKernels(*this);
  addConvolutionKernels(*this);
  addPoolingKernels(*this);
  addNormalizationKernels(*this);
  addAttentionKernels(*this);
  addActivationKernels(*this);
  addElementwiseKernels(*this);
  addReductionKernels(*this);
  addShapeKernels(*this);
}

const Kernel *KernelTable::find(Operation *op) const {
  auto found = kernels.find(op->getName().getStringRef());
  return found == kernels.end() ? nullptr : &found->second;
}

const KernelTable &KernelTable::get() {
  static const KernelTable table;
  return table;
}

} // namespace lipt::reference
