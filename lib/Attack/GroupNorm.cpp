//===- GroupNorm.cpp - The norms of questions, in one form ----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupNorm.h"

#include "llvm/ADT/StringSwitch.h"

#include <cmath>

namespace lipt {

std::optional<AttackNorm> parseAttackNorm(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<AttackNorm>>(name)
      .Case("l2", AttackNorm::L2)
      .Case("linf", AttackNorm::LInf)
      .Case("rms", AttackNorm::Rms)
      .Case("max-rms", AttackNorm::MaxRms)
      .Default(std::nullopt);
}

namespace attack {

GroupNorm::GroupNorm(AttackNorm norm, const reference::Shape &shape,
                     llvm::ArrayRef<bool> isPosition) {
  int64_t count = *reference::countElements(shape);
  groupOf.assign(count, 0);
  if (norm == AttackNorm::LInf) {
    groups = count;
    for (int64_t i = 0; i < count; ++i)
      groupOf[i] = static_cast<int32_t>(i);
  } else if (norm == AttackNorm::MaxRms) {
    for (size_t axis = 0; axis < shape.size(); ++axis)
      groups *= isPosition[axis] ? shape[axis] : 1;
    reference::Shape strides = reference::stridesOf(shape);
    for (int64_t i = 0; i < count; ++i)
      for (size_t axis = 0; axis < shape.size(); ++axis)
        if (isPosition[axis])
          groupOf[i] = static_cast<int32_t>(groupOf[i] * shape[axis] +
                                            i / strides[axis] % shape[axis]);
  }
  if (norm == AttackNorm::Rms || norm == AttackNorm::MaxRms)
    scale = std::sqrt(static_cast<double>(count) /
                      static_cast<double>(std::max<int64_t>(1, groups)));
}

std::vector<double> GroupNorm::groupNorms(const Vector &v) const {
  // Scaled by the largest entry, so that squares neither overflow nor vanish.
  double largest = 0;
  for (double entry : v)
    largest = std::max(largest, std::abs(entry));
  std::vector<double> norms(groups, 0.0);
  if (largest == 0 || !std::isfinite(largest)) {
    std::fill(norms.begin(), norms.end(), largest);
    return norms;
  }
  for (size_t i = 0; i < v.size(); ++i)
    norms[groupOf[i]] += v[i] / largest * (v[i] / largest);
  for (double &norm : norms)
    norm = std::sqrt(norm) * largest / scale;
  return norms;
}

double GroupNorm::of(const Vector &v) const {
  double largest = 0;
  for (double norm : groupNorms(v))
    largest = std::max(largest, norm);
  return largest;
}

Vector GroupNorm::normingFunctional(const Vector &u) const {
  std::vector<double> norms = groupNorms(u);
  auto largest = std::max_element(norms.begin(), norms.end());
  Vector w(u.size(), 0.0);
  if (norms.empty() || *largest == 0)
    return w;
  int32_t group = static_cast<int32_t>(largest - norms.begin());
  for (size_t i = 0; i < u.size(); ++i)
    if (groupOf[i] == group)
      w[i] = u[i] / (*largest * scale * scale);
  return w;
}

Vector GroupNorm::steepest(const Vector &z, const Vector &otherwise) const {
  std::vector<double> norms = groupNorms(z), others = groupNorms(otherwise);
  Vector v(z.size());
  for (size_t i = 0; i < z.size(); ++i) {
    int32_t group = groupOf[i];
    if (norms[group] > 0)
      v[i] = z[i] / norms[group];
    else if (others[group] > 0)
      v[i] = otherwise[i] / others[group];
  }
  return v;
}

void GroupNorm::shrink(Vector &v, double radius) const {
  std::vector<double> norms = groupNorms(v);
  for (size_t i = 0; i < v.size(); ++i)
    if (norms[groupOf[i]] > radius)
      v[i] *= radius / norms[groupOf[i]];
}

} // namespace attack
} // namespace lipt
