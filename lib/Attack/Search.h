//===- Search.h - Search for two points far apart in value -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_ATTACK_SEARCH_H
#define LIPT_LIB_ATTACK_SEARCH_H

#include "NetworkMap.h"
#include "Random.h"

namespace lipt::attack {

/// The points that a search may use: a centred ball in some group norm, and a
/// box.
struct Region {
  std::optional<GroupNorm> ballNorm;
  double radius = std::numeric_limits<double>::infinity();
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();

  /// Moves a point in (the box, then the ball, then the box again).
  void project(Vector &x) const;
  bool contains(const Vector &x) const;
};

/// A pair of points with its confirmed ratio.
struct Pair {
  double ratio = 0;
  Vector x, y;
};

/// Power iteration on Jacobian products at many points, ascent of the local
/// ratio, and honest difference quotients of what that finds.
class Search {
public:
  Search(NetworkMap &map, Region region, uint64_t seed, double workLimit)
      : map(map), region(std::move(region)), random(seed), workLeft(workLimit) {
  }

  Pair run(int64_t starts);

private:
  /// A point and the direction in which f grows fastest there.
  struct Local {
    Vector x, direction, functional;
    double slope = 0;
  };

  Vector samplePoint(int64_t number);
  Vector sampleDirection();
  Vector evaluate(const Vector &x);
  Vector pullBack(const Vector &x, const Vector &w,
                  double *magnitude = nullptr);
  bool hasWork() const { return workLeft > 0; }

  /// `rounds` steps of the power method for norms p -> q at local.x.
  bool iterate(Local &local, int rounds);
  /// Moves local.x uphill while that raises the slope.
  void ascend(Local &local, int rounds);
  /// The gradient by x of ⟨functional, J(x) direction⟩, by a difference of
  /// pulled-back functionals (second derivatives are symmetric).
  Vector slopeGradient(const Local &local);
  /// Difference quotients around local.x; keeps the best pair.
  void confirm(const Local &local);
  /// The ratio of a pair, rounded down; 0 if it cannot be confirmed.
  double ratioOf(const Vector &x, const Vector &y);

  NetworkMap &map;
  Region region;
  Random random;
  double workLeft;
  Pair best;
};

} // namespace lipt::attack

#endif // LIPT_LIB_ATTACK_SEARCH_H
