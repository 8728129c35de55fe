//===- GroupNorm.h - The norms of questions, in one form ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_ATTACK_GROUPNORM_H
#define LIPT_LIB_ATTACK_GROUPNORM_H

#include "lipt/Attack/Attack.h"

namespace lipt::attack {

using Vector = std::vector<double>;

/// Every norm of a question is max over groups of entries of ‖v_g‖₂ / scale:
/// l2 has one group, linf one an entry, max-rms one a position; rms and max-rms
/// divide by the root of a group's size.
class GroupNorm {
public:
  /// `axes` with static sizes equal to `shape`.
  GroupNorm(AttackNorm norm, const reference::Shape &shape,
            llvm::ArrayRef<bool> isPosition);

  double of(const Vector &v) const;
  /// w with ⟨w, u⟩ = ‖u‖ and ⟨w, y⟩ <= ‖y‖ for every y: from the largest group.
  Vector normingFunctional(const Vector &u) const;
  /// The v of norm 1 that maximises ⟨v, z⟩; where z is 0, `otherwise`'s group.
  Vector steepest(const Vector &z, const Vector &otherwise) const;
  /// Shrinks every group to norm at most `radius`.
  void shrink(Vector &v, double radius) const;
  int64_t groupCount() const { return groups; }

private:
  std::vector<double> groupNorms(const Vector &v) const;

  std::vector<int32_t> groupOf;
  int64_t groups = 1;
  double scale = 1;
};

} // namespace lipt::attack

#endif // LIPT_LIB_ATTACK_GROUPNORM_H
