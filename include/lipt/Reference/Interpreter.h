//===- Interpreter.h - Evaluate a network operation by operation -*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_REFERENCE_INTERPRETER_H
#define LIPT_REFERENCE_INTERPRETER_H

#include "lipt/Reference/Tensor.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

#include <map>
#include <string>

namespace lipt::reference {

enum class Precision {
  /// Every operation in its own element type: float32 in float, float64 in
  /// double, narrower types in float and rounded after each operation.
  Native,
  /// Real arithmetic, approximated in double. Operations of constants alone
  /// still round to their own type, as docs/Certificate.md section 1 defines
  /// the network; only matrix products of constants are not rounded.
  Double
};

struct EvaluationOptions {
  Precision precision = Precision::Native;
  /// No result may have more entries than this.
  int64_t elementLimit = int64_t(1) << 30;
  /// Keep constants from one evaluation to the next (memory for time).
  bool keepConstants = false;
};

/// The element type of a tensor; nothing for types outside ElementType.
std::optional<ElementType> toElementType(mlir::Type type);

/// The numbers of the model's symbolic sizes.
using SizeBindings = std::map<std::string, int64_t>;

/// The static shape of a tensor type under bindings; nothing if a size stays
/// symbolic or is negative.
std::optional<Shape> bindShape(mlir::Type type, const SizeBindings &sizes);

/// Values of one evaluation.
using ValueMap = llvm::DenseMap<mlir::Value, Tensor>;

/// Evaluates one function of lipt operations. Every failure is one diagnostic
/// at the operation or function that causes it; no input can crash it.
class Interpreter {
public:
  /// `weights` may be null if the function reads no parameter; it and the
  /// function outlive the interpreter.
  Interpreter(mlir::func::FuncOp function, const WeightArchive *weights,
              EvaluationOptions options = {});

  /// The results for all arguments, in order. Symbolic sizes are bound from
  /// the arguments' shapes.
  mlir::FailureOr<std::vector<Tensor>> evaluate(std::vector<Tensor> arguments);

  /// Computes `wanted` from `given` values (arguments or inner values), which
  /// need not contain arguments that `wanted` does not depend on. With
  /// `keepAll` the map also keeps everything computed on the way.
  mlir::FailureOr<ValueMap> evaluate(const ValueMap &given,
                                     llvm::ArrayRef<mlir::Value> wanted,
                                     const SizeBindings &sizes,
                                     bool keepAll = false);

  /// Checks a value against its type (element type, rank, static sizes) and
  /// adds the symbols that its shape determines. A diagnostic on a mismatch.
  llvm::LogicalResult bindSizes(mlir::Value value, const Tensor &tensor,
                                SizeBindings &sizes);

  /// True if the value depends on an argument, or on a matrix product of
  /// constants, which real arithmetic does not round.
  bool isVarying(mlir::Value value) const { return varying.contains(value); }
  mlir::func::FuncOp getFunction() const { return function; }
  const EvaluationOptions &getOptions() const { return options; }
  /// The constants kept so far (only with keepConstants).
  const ValueMap &getConstants() const { return constants; }

private:
  llvm::LogicalResult evaluateOperation(mlir::Operation *op, ValueMap &values,
                                        const SizeBindings &sizes);

  mlir::func::FuncOp function;
  const WeightArchive *weights;
  EvaluationOptions options;
  llvm::DenseSet<mlir::Value> varying;
  ValueMap constants;
};

} // namespace lipt::reference

#endif // LIPT_REFERENCE_INTERPRETER_H
