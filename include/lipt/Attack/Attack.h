//===- Attack.h - Search for a large attained ratio --------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lower half of the sandwich: two points of the domain whose difference
// quotient is large. What comes out is attained, never an estimate of the bound
// itself, and never feeds one.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_ATTACK_ATTACK_H
#define LIPT_ATTACK_ATTACK_H

#include "lipt/Reference/Interpreter.h"

#include <limits>

namespace lipt {

/// The norms of docs/Certificate.md: `MaxRms` is the largest RMS over the width
/// axes at any index of the position axes, as the tensor's type names them.
enum class AttackNorm { L2, LInf, Rms, MaxRms };

/// "l2", "linf", "rms", "max-rms"; nothing for other names.
std::optional<AttackNorm> parseAttackNorm(llvm::StringRef name);

/// A convex set of inputs: all; the centred ball of `radius` in the question's
/// input norm; every entry in [low, high]; or the smallest centred ball that
/// holds every row of the table of the embedding that makes the origin,
/// together with the range of the table's entries.
struct AttackDomain {
  enum class Kind { Global, Ball, Box, Embedding };
  Kind kind = Kind::Global;
  double radius = std::numeric_limits<double>::infinity();
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

struct AttackQuestion {
  /// The tensor with respect to which the ratio is meant: a floating-point
  /// input or an inner value, by its name (lipt/Dialect/Lipt/IR/Provenance.h).
  /// Empty: the first floating-point input.
  std::string origin;
  /// The output by its name. Empty: the first result.
  std::string output;
  /// One entry of the output's last axis, or a difference of two.
  std::optional<int64_t> outputIndex, minusIndex;

  AttackNorm inputNorm = AttackNorm::L2, outputNorm = AttackNorm::L2;
  AttackDomain domain;
  /// Other inputs are fixed at one point of their domain (l2 balls).
  std::map<std::string, AttackDomain> otherInputs;
  /// Symbolic sizes; those not listed become small numbers by role.
  reference::SizeBindings sizes;

  /// Starting points of the search.
  int64_t steps = 24;
  /// Work is limited to what should take this long; the same question has the
  /// same answer on every machine, however long it takes there.
  double timeLimitSeconds = 2;
  uint64_t seed = 0;
  /// Networks with more parameter entries are not attacked: constants are held
  /// in double.
  int64_t parameterLimit = 16'000'000;
};

struct AttackResult {
  /// ‖f(x) - f(y)‖ / ‖x - y‖ evaluated in double, less an allowance for
  /// rounding; 0 if nothing was found.
  double ratio = 0;
  /// Both points of the origin's domain.
  reference::Tensor x, y;
  /// Why nothing was tried, if so (lower case, no full stop).
  std::string skipped;
};

/// Searches. A network that cannot be evaluated or differentiated gives ratio 0
/// and the reason; diagnostics are not emitted.
AttackResult attackLipschitz(mlir::func::FuncOp function,
                             const WeightArchive *weights,
                             const AttackQuestion &question);

} // namespace lipt

#endif // LIPT_ATTACK_ATTACK_H
