//===- Raiser.h - What all raising patterns share ----------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_TRANSFORMS_RAISE_RAISER_H
#define LIPT_LIB_TRANSFORMS_RAISE_RAISER_H

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace lipt::raise {

/// One sweep of patterns over a function. Operations are only added: the
/// caller removes dead ones after the sweep, since facts are kept by value.
class Raiser {
public:
  explicit Raiser(mlir::func::FuncOp function) : function(function) {}

  using Pattern = bool (*)(mlir::Operation *root, Raiser &raiser);
  /// Tries the patterns, in order, on every live operation, users before the
  /// operations that they use: so the largest form is seen first.
  void sweep(llvm::ArrayRef<Pattern> patterns);

  /// True if the value depends on no function argument.
  bool isConstant(mlir::Value value);
  /// The number that every entry of a constant has, as executed (each
  /// operation rounded to its element type); nothing if they differ or are not
  /// in the IR.
  std::optional<double> getScalar(mlir::Value value);

  /// A new operation before `root`, or null where it would not verify.
  template <typename OpType, typename... Arguments>
  OpType create(mlir::Operation *root, Arguments &&...arguments) {
    mlir::OpBuilder builder(root);
    Silence silence(root->getContext());
    if constexpr (OpType::template hasTrait<
                      mlir::InferTypeOpInterface::Trait>()) {
      mlir::FailureOr<OpType> op = createInferred<OpType>(
          builder, root->getLoc(), std::forward<Arguments>(arguments)...);
      return mlir::failed(op) ? OpType() : *op;
    } else {
      return OpType::create(builder, root->getLoc(),
                            std::forward<Arguments>(arguments)...);
    }
  }

  /// Lets `raised` stand for `root`, whose value it computes from `sources`
  /// and constants. Otherwise erases it and returns false: if it does not
  /// verify, has other sizes or element type than `root`, or `root` depends on
  /// anything but the sources.
  bool replace(mlir::Operation *root, mlir::Operation *raised,
               llvm::ArrayRef<mlir::Value> sources);

private:
  /// Drops diagnostics: that a form does not fit an operation is no error.
  struct Silence : mlir::ScopedDiagnosticHandler {
    explicit Silence(mlir::MLIRContext *context)
        : ScopedDiagnosticHandler(
              context, [](mlir::Diagnostic &) { return mlir::success(); }) {}
  };

  /// The operations between the sources and `root` that depend on inputs, in
  /// block order; nothing if one leads past the sources.
  std::optional<llvm::SmallVector<mlir::Operation *>>
  collectCovered(mlir::Operation *root, llvm::ArrayRef<mlir::Value> sources);
  /// Infers the types of everything that reads `value` again.
  void refreshUsers(mlir::Value value);
  std::optional<double> computeScalar(mlir::Value value, unsigned depth);

  mlir::func::FuncOp function;
  llvm::DenseMap<mlir::Value, bool> constantness;
  llvm::DenseMap<mlir::Value, std::optional<double>> scalars;
  llvm::DenseSet<mlir::Operation *> live;
};

/// The sizes of a value's axes.
llvm::SmallVector<SymbolicSize> getSizes(mlir::Value value);
bool haveEqualSizes(mlir::Value lhs, mlir::Value rhs);
SymbolicSize getCount(llvm::ArrayRef<SymbolicSize> sizes);
/// The sizes with 1 in place of the given axes.
llvm::SmallVector<SymbolicSize> reduceSizes(llvm::ArrayRef<SymbolicSize> sizes,
                                            llvm::ArrayRef<int64_t> axes);
/// True if `value` has these sizes after 1s are put in front of them: then it
/// broadcasts axis by axis to any tensor of these sizes with wider axes.
bool hasPaddedSizes(mlir::Value value, llvm::ArrayRef<SymbolicSize> sizes);
/// True if every entry of `value` is shared by all entries of `x` along `axes`:
/// it has size 1 there, or is a broadcast of such a value.
bool isConstantAlong(mlir::Value value, mlir::Value x,
                     llvm::ArrayRef<int64_t> axes);

/// |a - b| <= 1e-6 |b|: the same constant, up to its storage as float32.
bool isNear(double a, double b);
/// True if `value` is exactly 1/count: the rounded one makes no mean.
bool isReciprocal(double value, int64_t count);

bool raiseLinearBias(mlir::Operation *root, Raiser &raiser);
bool raiseNormalization(mlir::Operation *root, Raiser &raiser);
bool raiseActivation(mlir::Operation *root, Raiser &raiser);
bool raiseSoftmax(mlir::Operation *root, Raiser &raiser);
bool raiseRotary(mlir::Operation *root, Raiser &raiser);
/// After raiseRotary: some features rotated, the rest as they are.
bool raisePartialRotary(mlir::Operation *root, Raiser &raiser);
bool raiseAttention(mlir::Operation *root, Raiser &raiser);

} // namespace lipt::raise

#endif // LIPT_LIB_TRANSFORMS_RAISE_RAISER_H
