//===- Rotary.cpp - Rule B-rope ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RotaryNorm.h"
#include "Rules.h"

#include <cmath>

using namespace lipt;

static int precisionOf(ElementType type) {
  return type == ElementType::Float64    ? 53
         : type == ElementType::Float32  ? 24
         : type == ElementType::Float16  ? 11
         : type == ElementType::BFloat16 ? 8
                                         : 2;
}

/// Whether the two tables are cos and sin of one and the same angle, moved and
/// cast in the same way; `precision` becomes the least one on the way.
static bool sameAngle(const ConstantRef &cosTable, const ConstantRef &sinTable,
                      int &precision, unsigned depth = 0) {
  if (!cosTable || !sinTable || depth > 100 ||
      cosTable->kind != sinTable->kind || cosTable->type != sinTable->type ||
      cosTable->shape != sinTable->shape ||
      cosTable->integers != sinTable->integers ||
      cosTable->operands.size() != sinTable->operands.size() ||
      cosTable->operands.empty())
    return false;
  precision = std::min(precision, precisionOf(cosTable->type));
  using Kind = ConstantExpr::Kind;
  if (cosTable->kind == Kind::Elementwise)
    return cosTable->key == "cos" && sinTable->key == "sin" &&
           cosTable->operands[0] == sinTable->operands[0];
  if (cosTable->kind == Kind::Pad || cosTable->kind == Kind::Trilu ||
      cosTable->kind == Kind::Reduce || cosTable->kind == Kind::Key)
    return false;
  if (cosTable->kind == Kind::Gather) {
    return cosTable->operands.size() == 2 &&
           cosTable->operands[1] == sinTable->operands[1] &&
           sameAngle(cosTable->operands[0], sinTable->operands[0], precision,
                     depth + 1);
  }
  for (size_t i = 0; i != cosTable->operands.size(); ++i)
    if (!sameAngle(cosTable->operands[i], sinTable->operands[i], precision,
                   depth + 1))
      return false;
  return true;
}

/// Tables whose angles are not known exactly: the entries are still cos and sin
/// of the same angle up to 4 ulps and a cast.
static rules::RotaryNorm unknownAngles(const ConstantRef &cosTable,
                                       const ConstantRef &sinTable, bool full,
                                       StepContext &context) {
  int precision = 53;
  if (!sameAngle(cosTable, sinTable, precision)) {
    context.explain("a rotary table is computed in a form that is not cos and "
                    "sin of one angle");
    return {};
  }
  UpperBound root = UpperBound::sqrtOf(2);
  UpperBound near =
      UpperBound::one() +
      UpperBound::fromInteger(16).scaledByPowerOfTwo(1 - precision);
  // Rows of the two halves may belong to different angles in full tables.
  return {full ? near * root : near, near * root};
}

rules::RotaryNorm rules::rotaryNorm(const ConstantRef &cosTable,
                                    const ConstantRef &sinTable,
                                    bool interleaved, bool full, bool partial,
                                    StepContext &context) {
  ConstantEvaluator::Result cosines = context.computed(cosTable);
  ConstantEvaluator::Result sines = context.computed(sinTable);
  RotaryNorm result;
  if (!cosines || !sines)
    return result;
  constexpr unsigned unknown = ConstantEvaluator::unknownUlps;
  if (cosines->ulps == unknown || sines->ulps == unknown) {
    result = unknownAngles(cosTable, sinTable, full, context);
  } else {
    size_t width = cosines->shape.empty() ? 0 : size_t(cosines->shape.back());
    if (cosines->shape != sines->shape || width == 0 ||
        (full && width % 2 != 0)) {
      context.explain("rotary tables have unequal or odd shapes");
      return {};
    }
    double largest = 0, rowSum = 0, entry = 0;
    const std::vector<double> &c = cosines->values, &s = sines->values;
    size_t pairs = full ? width / 2 : width;
    for (size_t base = 0; base + width <= c.size(); base += width)
      for (size_t k = 0; k != pairs; ++k) {
        // The block [[c1, -s1], [s2, c2]] as it is multiplied.
        size_t first = base + (full && interleaved ? 2 * k : k);
        size_t second = !full ? first : interleaved ? first + 1 : first + pairs;
        double c1 = c[first], s1 = s[first], c2 = c[second], s2 = s[second];
        // Its norm: half of norm(c1+c2, s1+s2) + norm(c1-c2, s1-s2).
        double norm =
            (std::hypot(c1 + c2, s1 + s2) + std::hypot(c1 - c2, s1 - s2)) / 2;
        if (!std::isfinite(norm)) {
          context.explain("a rotary table is not finite");
          return {};
        }
        largest = std::max(largest, norm);
        rowSum = std::max(rowSum, std::abs(c1) + std::abs(s1));
        rowSum = std::max(rowSum, std::abs(c2) + std::abs(s2));
        entry = std::max(
            {entry, std::abs(c1), std::abs(s1), std::abs(c2), std::abs(s2)});
      }
    // Fewer than 16 roundings on the way, and the table's own uncertainty: a
    // block moves by at most twice the largest change of an entry.
    UpperBound rounding = UpperBound::fromDouble(1 + 0x1p-48);
    unsigned ulps = std::max(cosines->ulps, sines->ulps);
    UpperBound moved = UpperBound::fromDouble(entry) *
                       UpperBound::fromInteger(2 * uint64_t(ulps))
                           .scaledByPowerOfTwo(1 - precisionOf(cosines->type));
    result.l2 = UpperBound::fromDouble(largest) * rounding + moved;
    result.linf = UpperBound::fromDouble(rowSum) * rounding + moved;
  }
  if (partial) {
    result.l2 = max(result.l2, UpperBound::one());
    result.linf = max(result.linf, UpperBound::one());
  }
  return result;
}

Facts rules::evaluate(const RotaryStep &step, StepContext &context) {
  // B-rope: at each position a block-diagonal matrix of 2x2 blocks. Positions
  // turn differently, so there is no common centre: no spread.
  RotaryNorm rho = rotaryNorm(step.cos, step.sin, step.interleaved, step.full,
                              step.partial, context);
  Facts x = context.broadcast(step.source);
  Facts y = scaleLips(x, rho.l2);
  y.lipLInf = rho.linf * x.lipLInf;
  y.radiusL2 = rho.l2 * x.radiusL2;
  y.radiusToken = rho.l2 * x.radiusToken;
  // Blocks must lie inside one position's vector.
  const std::vector<PlanAxis> &out = context.outputAxes();
  if (out.empty() || (out.back().isPosition() && staticSize(out.back()) != 1))
    y.lipToken = y.radiusToken = UpperBound::unbounded();
  return y;
}
