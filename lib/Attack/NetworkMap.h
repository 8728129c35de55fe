//===- NetworkMap.h - A network as a map between vectors ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_ATTACK_NETWORKMAP_H
#define LIPT_LIB_ATTACK_NETWORKMAP_H

#include "GroupNorm.h"

namespace lipt::attack {

/// The map of a question, from the origin's entries to the output's (or to the
/// selected ones), in double.
class NetworkMap {
public:
  /// Resolves names, sizes and fixed inputs; a reason if that fails.
  std::optional<std::string> set(mlir::func::FuncOp function,
                                 const WeightArchive *weights,
                                 const AttackQuestion &question);

  /// f(x); empty if the evaluation fails or is not finite.
  Vector evaluate(const Vector &x);
  /// Jᵀ w at x, and the magnitude of reference::PulledBack; empty on failure.
  Vector pullBack(const Vector &x, const Vector &w,
                  double *magnitude = nullptr);

  int64_t inputCount() const { return inputSize; }
  const GroupNorm &inputNorm() const { return *norms[0]; }
  const GroupNorm &outputNorm() const { return *norms[1]; }
  /// Rough number of arithmetic operations of one evaluation.
  double work() const { return workEstimate; }
  reference::Tensor toTensor(const Vector &x) const;
  mlir::Value getOrigin() const { return origin; }

  /// What the domain of embeddings is made of: the largest norm of a table's
  /// row and the range of its entries; nothing if the origin is no embedding.
  struct TableRange {
    double rowNorm, low, high;
  };
  std::optional<TableRange> getTableRange();

private:
  std::optional<std::string> findValues(const AttackQuestion &question);
  std::optional<std::string> fixInputs(const AttackQuestion &question);
  std::optional<std::string> setNorms(const AttackQuestion &question);
  mlir::FailureOr<reference::ValueMap> run(const Vector &x, bool keepAll);
  Vector select(const reference::Tensor &output) const;

  std::optional<reference::Interpreter> interpreter;
  const WeightArchive *weights = nullptr;
  mlir::Value origin, output;
  std::optional<int64_t> index, minus;
  reference::SizeBindings sizes;
  reference::ValueMap fixed;
  reference::Shape inputShape, outputShape;
  int64_t inputSize = 0;
  double workEstimate = 0;
  std::optional<GroupNorm> norms[2];
};

} // namespace lipt::attack

#endif // LIPT_LIB_ATTACK_NETWORKMAP_H
