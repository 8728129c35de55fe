//===- PoolingOps.cpp - Derivatives of pooling ----------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Pooling.h"
#include "Pullback.h"

#include <cmath>

using namespace mlir;

namespace lipt::reference {

/// `distribute(x, y, places, divisor, cotangent, to)` spreads one window's
/// cotangent over its places.
template <typename Op, typename Distribute>
static bool pullWindows(Op op, Pullback &p, Distribute distribute) {
  auto to = p.add(op.getInput());
  if (to.empty())
    return true;
  auto x = p.values(op.getInput());
  auto y = p.getResult().template values<double>();
  auto from = p.cotangent();
  const Shape &shape = p[op.getInput()].getShape();
  std::optional<WindowGrid> grid = gridOf(op, shape, p.getResult().getShape());
  if (!grid || y.empty())
    return grid.has_value();
  int64_t images = shape[0] * shape[1], positions = grid->positions();
  int64_t placeCount = *countElements(grid->sizes), position = 0;
  Shape window(grid->windows.size(), 0);
  std::vector<int64_t> places;
  do {
    grid->collect(window, places);
    double divisor = averageDivisor(op, *grid, window, places);
    std::erase(places, -1);
    for (int64_t image = 0; image < images; ++image) {
      int64_t at = image * positions + position;
      distribute(x.data() + image * placeCount, y[at], places, divisor,
                 from[at], to.data() + image * placeCount);
    }
    ++position;
  } while (nextIndex(window, grid->windows));
  return true;
}

using Places = std::vector<int64_t>;

static void spreadAverage(const double *, double, const Places &places,
                          double divisor, double cotangent, double *to) {
  for (int64_t place : places)
    to[place] += cotangent / divisor;
}

static void spreadMaximum(const double *x, double y, const Places &places,
                          double, double cotangent, double *to) {
  for (int64_t place : places)
    if (x[place] == y) {
      to[place] += cotangent;
      return;
    }
}

/// d/dx of (Σ|x|^p)^(1/p): sign(x) (|x| / norm)^(p - 1).
static auto spreadNorm(double p) {
  return [p](const double *x, double y, const Places &places, double,
             double cotangent, double *to) {
    for (int64_t place : places)
      if (y > 0)
        to[place] +=
            cotangent *
            std::copysign(std::pow(std::abs(x[place]) / y, p - 1), x[place]);
  };
}

template <typename Op, typename Distribute>
static void addWindows(PullbackTable &table, Distribute distribute) {
  table.add<Op>([distribute](Op op, Pullback &p) {
    return pullWindows(op, p, distribute);
  });
}

void addPoolingPullbacks(PullbackTable &table) {
  addWindows<AveragePoolOp>(table, spreadAverage);
  addWindows<GlobalAveragePoolOp>(table, spreadAverage);
  addWindows<MaxPoolOp>(table, spreadMaximum);
  addWindows<GlobalMaxPoolOp>(table, spreadMaximum);
  table.add<LpPoolOp>([](LpPoolOp op, Pullback &p) {
    return pullWindows(op, p, spreadNorm(static_cast<double>(op.getP())));
  });
  table.add<GlobalLpPoolOp>([](GlobalLpPoolOp op, Pullback &p) {
    return pullWindows(op, p, spreadNorm(static_cast<double>(op.getP())));
  });
}

} // namespace lipt::reference
