//===- Search.cpp - Search for two points far apart in value --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Search.h"

#include <cmath>

namespace lipt::attack {

static Vector combine(const Vector &x, double factor, const Vector &v) {
  Vector result = x;
  for (size_t i = 0; i < x.size(); ++i)
    result[i] += factor * v[i];
  return result;
}

static Vector difference(const Vector &x, const Vector &y) {
  return combine(x, -1, y);
}

static double dot(const Vector &x, const Vector &y) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i)
    sum += x[i] * y[i];
  return sum;
}

static bool isZero(const Vector &v) {
  return std::all_of(v.begin(), v.end(), [](double e) { return e == 0; });
}

void Region::project(Vector &x) const {
  auto clamp = [&] {
    for (double &entry : x)
      entry = std::min(std::max(entry, low), high);
  };
  clamp();
  if (!ballNorm)
    return;
  // A little less than the radius: norms are computed with rounding.
  ballNorm->shrink(x, radius * (1 - 0x1p-40));
  clamp();
}

bool Region::contains(const Vector &x) const {
  for (double entry : x)
    if (!(entry >= low && entry <= high))
      return false;
  return !ballNorm || ballNorm->of(x) <= radius * (1 - 0x1p-42);
}

Vector Search::evaluate(const Vector &x) {
  workLeft -= map.work();
  return map.evaluate(x);
}

Vector Search::pullBack(const Vector &x, const Vector &w, double *magnitude) {
  workLeft -= 3 * map.work();
  return map.pullBack(x, w, magnitude);
}

Vector Search::sampleDirection() {
  Vector v(map.inputCount());
  for (double &entry : v)
    entry = random.normal();
  return map.inputNorm().steepest(v, v);
}

/// The point nearest to 0 and the centre first; then points of many sizes
/// around them, of which some differ in few entries (images are mostly dark)
/// and some sit in corners.
Vector Search::samplePoint(int64_t number) {
  Vector x(map.inputCount(), 0.0);
  bool box = std::isfinite(region.low) && std::isfinite(region.high);
  bool fromCentre = number % 2 == 1;
  if (box && fromCentre)
    std::fill(x.begin(), x.end(), (region.low + region.high) / 2);
  region.project(x);
  if (number < 2)
    return x;
  double density = number % 4 < 2 ? 1.0 : std::exp2(-5 * random.uniform());
  double size = std::exp2(-4 * random.uniform());
  if (!region.ballNorm && !box)
    size = std::exp2(8 * random.uniform() - 5);
  Vector change(x.size(), 0.0);
  for (double &entry : change) {
    double value = box ? 2 * random.uniform() - 1 : random.normal();
    if (number % 3 == 2)
      value = value < 0 ? -1 : 1;
    if (random.uniform() < density)
      entry = value * (box ? region.high - region.low : 1);
  }
  double norm = region.ballNorm && !box ? region.ballNorm->of(change) : 0;
  double unit = norm > 0 ? region.radius / norm : 1;
  x = combine(x, size * unit, change);
  region.project(x);
  return x;
}

/// A step length for derivatives at x: small against x, large against rounding.
static double probeStep(const GroupNorm &norm, const Vector &x) {
  return 1e-5 * std::max(1.0, norm.of(x));
}

bool Search::iterate(Local &local, int rounds) {
  const GroupNorm &in = map.inputNorm(), &out = map.outputNorm();
  for (int round = 0; round < rounds && hasWork(); ++round) {
    double step = probeStep(in, local.x);
    Vector above = evaluate(combine(local.x, step, local.direction));
    Vector below = evaluate(combine(local.x, -step, local.direction));
    if (above.empty() || below.empty())
      return false;
    Vector change = difference(above, below);
    if (isZero(change))
      return false;
    local.functional = out.normingFunctional(change);
    Vector gradient = pullBack(local.x, local.functional);
    if (gradient.empty())
      return false;
    Vector direction = in.steepest(gradient, local.direction);
    double slope = dot(gradient, direction);
    bool settled = slope <= local.slope * (1 + 1e-6);
    if (slope > local.slope) {
      local.slope = slope;
      local.direction = std::move(direction);
    }
    if (settled)
      break;
  }
  return local.slope > 0;
}

Vector Search::slopeGradient(const Local &local) {
  double step = probeStep(map.inputNorm(), local.x);
  Vector above =
      pullBack(combine(local.x, step, local.direction), local.functional);
  Vector below =
      pullBack(combine(local.x, -step, local.direction), local.functional);
  if (above.empty() || below.empty())
    return {};
  return difference(above, below);
}

void Search::ascend(Local &local, int rounds) {
  double size = 0.5 * std::max(0.1, map.inputNorm().of(local.x));
  for (int round = 0; round < rounds && hasWork(); ++round) {
    Vector uphill = slopeGradient(local);
    // Piecewise linear networks have no curvature: look around instead.
    bool flat = uphill.empty() ||
                map.inputNorm().of(uphill) < 1e-9 * std::abs(local.slope);
    Vector direction = flat ? sampleDirection()
                            : map.inputNorm().steepest(uphill, local.direction);
    Local next = local;
    next.x = combine(local.x, size, direction);
    region.project(next.x);
    next.slope = 0;
    if (iterate(next, 2) && next.slope > local.slope)
      local = std::move(next);
    else
      size /= flat ? 1.5 : 3;
  }
}

double Search::ratioOf(const Vector &x, const Vector &y) {
  if (!region.contains(x) || !region.contains(y))
    return 0;
  Vector atX = evaluate(x), atY = evaluate(y);
  if (atX.empty() || atY.empty())
    return 0;
  Vector step = difference(x, y), change = difference(atX, atY);
  double distance = map.inputNorm().of(step),
         gain = map.outputNorm().of(change);
  if (!(distance > 0) || !(gain > 0) || gain / distance <= best.ratio)
    return 0;
  // Each evaluation of the functional that norms the difference is off by at
  // most some units of roundoff times the magnitudes on the way; 256 units are
  // generous for the sums inside of one operation.
  Vector w = map.outputNorm().normingFunctional(change);
  double magnitudeX = 0, magnitudeY = 0;
  if (pullBack(x, w, &magnitudeX).empty() ||
      pullBack(y, w, &magnitudeY).empty())
    return 0;
  constexpr double roundoff = 0x1p-53;
  double count = static_cast<double>(step.size() + change.size()) + 16;
  double evaluation = 256 * roundoff * (magnitudeX + magnitudeY);
  double lower = (gain * (1 - count * roundoff) - evaluation) /
                 (distance * (1 + count * roundoff));
  return std::max(0.0, std::nextafter(lower, 0.0));
}

void Search::confirm(const Local &local) {
  double size = std::max(1.0, map.inputNorm().of(local.x));
  if (region.ballNorm || std::isfinite(region.high - region.low))
    size = std::max(1e-3, map.inputNorm().of(local.x));
  for (double step : {1e-2, 1.0, 1e-4, 0.1, 1e-3, 1e-5}) {
    if (!hasWork())
      return;
    Vector x = combine(local.x, size * step, local.direction);
    Vector y = combine(local.x, -size * step, local.direction);
    region.project(x);
    region.project(y);
    double ratio = ratioOf(x, y);
    if (ratio > best.ratio)
      best = {ratio, std::move(x), std::move(y)};
  }
}

Pair Search::run(int64_t starts) {
  Local champion;
  for (int64_t number = 0; number < starts && hasWork(); ++number) {
    Local local;
    local.x = samplePoint(number);
    local.direction = sampleDirection();
    // Where work is scarce, a confirmed pair comes before a better direction.
    int rounds =
        std::clamp(static_cast<int>(workLeft / (40 * map.work())), 1, 8);
    if (!iterate(local, rounds))
      continue;
    if (local.slope > champion.slope)
      champion = local;
    confirm(local);
  }
  // The rest of the work goes into the best point found.
  for (int round = 0; round < 8 && hasWork() && champion.slope > 0; ++round) {
    ascend(champion, 12);
    confirm(champion);
  }
  return best;
}

} // namespace lipt::attack
