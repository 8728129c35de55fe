//===- Evaluation.h - What the kernel of one operation sees -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_EVALUATION_H
#define LIPT_LIB_REFERENCE_EVALUATION_H

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Reference/Interpreter.h"

#include <cmath>
#include <functional>
#include <numbers>

namespace lipt::reference {

/// One operation during its evaluation: its operands' tensors, and the tensors
/// of its results as the kernel makes them. All floating-point operands have
/// the same storage, that of `isWide()`.
class Evaluation {
public:
  Evaluation(mlir::Operation *op, llvm::ArrayRef<const Tensor *> operands,
             const WeightArchive *weights, const SizeBindings &sizes,
             const EvaluationOptions &options, bool real, bool wide);

  /// The tensor of an operand; the optional form takes an absent operand.
  const Tensor &operator[](mlir::Value operand) const;
  const Tensor *find(mlir::Value operand) const {
    return operand ? &(*this)[operand] : nullptr;
  }
  const Tensor &getOperand(unsigned index) const { return *operands[index]; }
  llvm::ArrayRef<const Tensor *> getOperands() const { return operands; }

  /// Floating point is held as double.
  bool isWide() const { return wide; }
  /// The result stands for a real number: it is not rounded to its type.
  bool isReal() const { return real; }
  const WeightArchive *getWeights() const { return weights; }
  mlir::Operation *getOperation() const { return op; }

  /// The shape of a result's type; nothing, and a diagnostic, if symbols stay
  /// or the tensor would be too large.
  std::optional<Shape> getResultShape(unsigned index = 0) const;

  /// Makes a result of zeros. Null, and a diagnostic, if `shape` is not that
  /// of the result's type or is too large.
  Tensor *makeResult(const Shape &shape, unsigned index = 0);
  /// Makes a result of the shape that its type states.
  Tensor *makeTypedResult(unsigned index = 0);
  std::vector<Tensor> takeResults() { return std::move(results); }

  mlir::InFlightDiagnostic emitError() const;

  /// Calls `function` with a zero of the type in which this operation computes
  /// floating point.
  template <typename Function>
  llvm::LogicalResult withReal(Function &&function) {
    return wide ? function(double(0)) : function(float(0));
  }

private:
  mlir::Operation *op;
  llvm::ArrayRef<const Tensor *> operands;
  const WeightArchive *weights;
  const SizeBindings &sizes;
  const EvaluationOptions &options;
  bool real, wide;
  std::vector<Tensor> results;
};

using Kernel = std::function<llvm::LogicalResult(Evaluation &)>;

/// The kernels by operation. Each family adds its own.
class KernelTable {
public:
  template <typename Op, typename Function> void add(Function function) {
    kernels[Op::getOperationName()] = [function](Evaluation &evaluation) {
      return function(llvm::cast<Op>(evaluation.getOperation()), evaluation);
    };
  }
  /// Null if the operation has no kernel.
  const Kernel *find(mlir::Operation *op) const;
  static const KernelTable &get();

private:
  KernelTable();
  llvm::StringMap<Kernel> kernels;
};

void addParamKernels(KernelTable &table);
void addLinearKernels(KernelTable &table);
void addConvolutionKernels(KernelTable &table);
void addPoolingKernels(KernelTable &table);
void addNormalizationKernels(KernelTable &table);
void addAttentionKernels(KernelTable &table);
void addActivationKernels(KernelTable &table);
void addElementwiseKernels(KernelTable &table);
void addReductionKernels(KernelTable &table);
void addShapeKernels(KernelTable &table);

/// A non-negative axis below `rank`; nothing, and a diagnostic, otherwise.
std::optional<int64_t> normalizeAxis(Evaluation &evaluation, int64_t axis,
                                     int64_t rank);

/// The factor and the cubic coefficient of GELU, stated or the usual ones.
inline std::pair<double, double> geluConstants(GeluOp op) {
  bool isErf = op.getForm() == GeluForm::Erf;
  double factor =
      isErf ? std::numbers::sqrt2 / 2 : std::sqrt(2 * std::numbers::inv_pi);
  double cubic = isErf ? 0 : 0.044715;
  if (op.getFactor())
    factor = op.getFactor()->convertToDouble();
  if (op.getCubic())
    cubic = op.getCubic()->convertToDouble();
  return {factor, cubic};
}

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_EVALUATION_H
