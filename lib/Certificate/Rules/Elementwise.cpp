//===- Elementwise.cpp - Rules B-add, B-mul, B-div, B-minmax, B-where ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"

#include <algorithm>
#include <cmath>

using namespace lipt;

/// Products of a size and a constant; a constant of exact zero stays zero even
/// where the size is unknown, because nothing moves.
static UpperBound moved(const UpperBound &size, const UpperBound &lip) {
  return lip.isZero() ? lip : size * lip;
}

Facts rules::evaluate(const AddStep &step, StepContext &context) {
  // B-add: sum of c_i x_i + sum of d_j k_j, all over `divisor`.
  Facts y;
  y.lipL2 = y.lipLInf = y.lipToken = UpperBound::zero();
  y.radiusL2 = y.radiusToken = y.spread = UpperBound::zero();
  y.range = EntryRange{{Interval::point(0)}, std::nullopt};
  if (step.factors.size() != step.sources.size() ||
      step.constantFactors.size() != step.constants.size() ||
      step.divisor < 1) {
    context.explain("a sum lacks factors");
    return {};
  }
  auto sum = [](const Interval &a, const Interval &b) { return add(a, b); };
  for (size_t i = 0; i != step.sources.size(); ++i) {
    Facts x = context.broadcast(step.sources[i]);
    double factor = step.factors[i];
    UpperBound c = UpperBound::fromDouble(std::abs(factor));
    y.lipL2 += c * x.lipL2;
    y.lipLInf += c * x.lipLInf;
    y.lipToken += c * x.lipToken;
    y.radiusL2 += c * x.radiusL2;
    y.radiusToken += c * x.radiusToken;
    y.spread += c * x.spread;
    std::optional<EntryRange> range =
        mapRange(x.range, [factor](const Interval &v) {
          return factor == 1 ? v : scale(v, factor);
        });
    y.range = combineRanges(y.range, range, sum);
  }
  for (size_t i = 0; i != step.constants.size(); ++i) {
    std::optional<ConstantOperand> k = context.constant(step.constants[i]);
    double factor = step.constantFactors[i];
    UpperBound c = UpperBound::fromDouble(std::abs(factor));
    if (!k) {
      // The Lipschitz constants do not depend on the constant's value.
      y.radiusL2 = y.radiusToken = y.spread = UpperBound::unbounded();
      y.range.reset();
      continue;
    }
    y.radiusL2 += c * k->normL2;
    y.radiusToken += c * k->normToken;
    if (k->variesOverPositions)
      y.spread += c * k->normToken;
    y.range =
        combineRanges(y.range,
                      mapRange(k->range,
                               [factor](const Interval &v) {
                                 return factor == 1 ? v : scale(v, factor);
                               }),
                      sum);
  }
  if (step.divisor != 1) {
    UpperBound share = UpperBound::fromRatio(1, uint64_t(step.divisor));
    Interval divisor = Interval::point(double(step.divisor));
    for (UpperBound *field : {&y.lipL2, &y.lipLInf, &y.lipToken, &y.radiusL2,
                              &y.radiusToken, &y.spread})
      *field = *field * share;
    y.range = mapRange(y.range,
                       [&](const Interval &v) { return divide(v, divisor); });
  }
  return y;
}

Facts rules::evaluate(const MulStep &step, StepContext &context) {
  // B-mul.
  auto product = [](const Interval &a, const Interval &b) {
    return multiply(a, b);
  };
  Facts a = context.broadcast(step.lhs);
  if (step.constant) {
    std::optional<ConstantOperand> k = context.constant(step.constant);
    if (!k)
      return {};
    Facts y = scaleLips(a, k->maxAbs);
    y.radiusL2 = a.radiusL2 * k->maxAbs;
    y.radiusToken = a.radiusToken * k->maxAbs;
    if (!k->variesOverPositions)
      y.spread = a.spread * k->maxAbs;
    y.range = combineRanges(a.range, k->range, product);
    return y;
  }
  // d(ab) = b da + a db with the *entry* bounds of b and a.
  Facts b = context.broadcast(step.rhs);
  UpperBound boundA = a.entryBound(), boundB = b.entryBound();
  Facts y;
  y.lipL2 = moved(boundB, a.lipL2) + moved(boundA, b.lipL2);
  y.lipLInf = moved(boundB, a.lipLInf) + moved(boundA, b.lipLInf);
  y.lipToken = moved(boundB, a.lipToken) + moved(boundA, b.lipToken);
  y.radiusL2 = min(boundA * b.radiusL2, boundB * a.radiusL2);
  y.radiusToken = min(boundA * b.radiusToken, boundB * a.radiusToken);
  y.range = step.lhs == step.rhs
                ? mapRange(a.range, [](const Interval &v) { return square(v); })
                : combineRanges(a.range, b.range, product);
  if (y.isUnbounded())
    context.explain("a product of two varying tensors needs bounds of their "
                    "entries; a norm layer, a cap or an input box gives them");
  return y;
}

Facts rules::evaluate(const DivStep &step, StepContext &context) {
  // B-div: d(a/b) = da/b - a db/b^2 where abs(b) >= beta > 0 of one sign.
  auto quotient = [](const Interval &a, const Interval &b) {
    return divide(a, b);
  };
  Facts a, b;
  UpperBound boundA;
  double beta = 0;
  if (step.constant) {
    std::optional<ConstantOperand> k = context.constant(step.constant);
    if (!k)
      return {};
    Facts still;
    still.lipL2 = still.lipLInf = still.lipToken = UpperBound::zero();
    still.radiusL2 = k->normL2;
    still.radiusToken = k->normToken;
    still.range = k->range;
    bool left = step.constantOnLeft;
    a = left ? still : context.broadcast(step.lhs);
    b = left ? context.broadcast(step.rhs.empty() ? step.lhs : step.rhs)
             : still;
    // Entries of a constant divisor may have both signs, only not zero.
    if (left) {
      beta = b.entryHull().absLowerBound();
    } else {
      beta = std::numeric_limits<double>::infinity();
      ConstantEvaluator::Result values = context.exact(step.constant);
      if (!values)
        return {};
      for (double value : values->values)
        beta = std::min(beta, std::abs(value));
      if (!std::isfinite(beta))
        beta = 0;
    }
    if (!left && beta > 0) {
      UpperBound factor = UpperBound::one().dividedBy(beta);
      Facts y = scaleLips(a, factor);
      y.radiusL2 = a.radiusL2 * factor;
      y.radiusToken = a.radiusToken * factor;
      if (!k->variesOverPositions)
        y.spread = a.spread * factor;
      y.range = combineRanges(a.range, k->range, quotient);
      return y;
    }
  } else {
    a = context.broadcast(step.lhs);
    b = context.broadcast(step.rhs);
    beta = b.entryHull().absLowerBound();
  }
  if (!(beta > 0)) {
    context.explain("a divisor's interval contains zero; a positive lower "
                    "bound of it would give a bound");
    return {};
  }
  boundA = a.entryBound();
  UpperBound one = UpperBound::one();
  UpperBound inverse = one.dividedBy(beta);
  UpperBound squared = inverse * inverse;
  Facts y;
  auto combine = [&](const UpperBound &la, const UpperBound &lb) {
    return la * inverse + moved(boundA * squared, lb);
  };
  y.lipL2 = combine(a.lipL2, b.lipL2);
  y.lipLInf = combine(a.lipLInf, b.lipLInf);
  y.lipToken = combine(a.lipToken, b.lipToken);
  y.radiusL2 = a.radiusL2 * inverse;
  y.radiusToken = a.radiusToken * inverse;
  y.range = combineRanges(a.range, b.range, quotient);
  return y;
}

/// Facts of a function each of whose entries is, at every point, one entry of
/// one of the operands (or between two): squares of l2 changes add.
static Facts choose(const std::vector<Facts> &operands,
                    const std::vector<ConstantOperand> &constants) {
  Facts y;
  y.lipL2 = y.lipLInf = y.lipToken = UpperBound::zero();
  y.radiusL2 = y.radiusToken = UpperBound::zero();
  for (const Facts &x : operands) {
    y.lipL2 = hypot(y.lipL2, x.lipL2);
    y.lipToken = hypot(y.lipToken, x.lipToken);
    y.lipLInf = max(y.lipLInf, x.lipLInf);
    y.radiusL2 = hypot(y.radiusL2, x.radiusL2);
    y.radiusToken = hypot(y.radiusToken, x.radiusToken);
  }
  for (const ConstantOperand &k : constants) {
    y.radiusL2 = hypot(y.radiusL2, k.normL2);
    y.radiusToken = hypot(y.radiusToken, k.normToken);
  }
  return y;
}

Facts rules::evaluate(const MinMaxStep &step, StepContext &context) {
  // B-minmax.
  std::vector<Facts> operands;
  std::vector<ConstantOperand> constants;
  for (const std::string &source : step.sources)
    operands.push_back(context.broadcast(source));
  bool complete = true;
  for (const ConstantRef &constant : step.constants) {
    std::optional<ConstantOperand> k = context.constant(constant);
    complete &= k.has_value();
    if (k)
      constants.push_back(std::move(*k));
  }
  Facts y = choose(operands, constants);
  if (!complete) {
    y.radiusL2 = y.radiusToken = UpperBound::unbounded();
    return y;
  }
  bool isMaximum = step.maximum;
  auto pick = [isMaximum](const Interval &a, const Interval &b) {
    return isMaximum ? maximum(a, b) : minimum(a, b);
  };
  EntryRange unknown{{Interval::unknown()}, std::nullopt};
  bool first = true;
  auto join = [&](const std::optional<EntryRange> &range) {
    std::optional<EntryRange> own = range ? range : std::optional(unknown);
    y.range = first ? own : combineRanges(y.range, own, pick);
    first = false;
  };
  for (const Facts &x : operands)
    join(x.range);
  for (const ConstantOperand &k : constants)
    join(k.range);
  return y;
}

Facts rules::evaluate(const WhereStep &step, StepContext &context) {
  // B-where: the condition does not depend on the origin.
  std::vector<Facts> operands;
  std::vector<ConstantOperand> constants;
  std::vector<std::optional<EntryRange>> ranges;
  bool complete = true;
  for (const auto &[name, expression] :
       {std::pair(step.onTrue, step.trueConstant),
        std::pair(step.onFalse, step.falseConstant)}) {
    if (!name.empty()) {
      operands.push_back(context.broadcast(name));
      ranges.push_back(operands.back().range);
      continue;
    }
    std::optional<ConstantOperand> k;
    // A fill of minus infinity has no norm but moves nothing.
    k = context.constant(expression);
    complete &= k.has_value();
    ranges.push_back(k ? std::optional(k->range) : std::nullopt);
    if (k)
      constants.push_back(std::move(*k));
  }
  Facts y = choose(operands, constants);
  if (!complete)
    y.radiusL2 = y.radiusToken = UpperBound::unbounded();
  y.range = combineRanges(
      ranges[0], ranges[1],
      [](const Interval &a, const Interval &b) { return hull(a, b); });
  return y;
}
