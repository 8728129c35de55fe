//===- Activation.cpp - Rules B-act, B-exp, B-pow ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"

#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace lipt;

/// Longest range whose entries go through a transcendental function one by one.
static constexpr size_t maxTranscendentalLength = 512;

namespace {
/// What bounds.md 2.1 says of one activation.
struct Activation {
  UpperBound slope;  ///< sup abs(f')
  UpperBound growth; ///< abs(f(x)) <= offset + growth * abs(x)
  UpperBound offset = UpperBound::zero(); ///< abs(f(0)), rounded up
  std::function<Interval(const Interval &)> image;
};
} // namespace

static double parameter(const ActivationStep &step, const char *name,
                        double otherwise) {
  auto found = step.parameters.find(name);
  return found == step.parameters.end() ? otherwise : found->second;
}

/// The least interval for a function with one minimum whose image is not among
/// the kit's: x * g(x) forms bounded through their factors.
static Interval hardSwishImage(const Interval &x) {
  // x * clip(x/6 + 1/2, 0, 1): decreasing to -3/8 at -3/2, then increasing;
  // 0 up to -3, x from 3 on.
  auto at = [](double v) {
    if (v <= -3)
      return Interval::point(0);
    if (v >= 3)
      return Interval::point(v);
    Interval p = Interval::point(v);
    return multiply(p, divide(add(p, Interval::point(3)), Interval::point(6)));
  };
  Interval image = hull(at(x.lo), at(x.hi));
  if (x.lo <= -1.5 && x.hi >= -1.5)
    image.lo = -0.375;
  if (x.lo < -3 && x.hi > -1.5)
    image.hi = std::max(image.hi, 0.0);
  image.hi = std::max(image.hi, x.lo <= -3 ? 0.0 : image.hi);
  return image;
}

/// Slope of the tanh form of GELU for the constants as stored: it depends only
/// on rho = cubic (bounds.md 2.1), whose relative distance from 0.044715 is
/// taken, factor times sqrt(2/pi) likewise.
static std::optional<UpperBound> geluTanhSlope(double cubic, double factor) {
  // x/2 (1 + tanh(c1 x + c2 x^3)), c1 = factor, c2 = factor * cubic:
  // rho = c2 / c1^3 after substituting c1 x, so rho = cubic / factor^2.
  double exact = 0.044715 * std::numbers::pi / 2;
  double rho = cubic / (factor * factor);
  double relative = std::abs(rho / exact - 1);
  if (!(relative <= 0.09))
    return std::nullopt;
  if (relative <= 0.99e-6)
    return UpperBound::fromDouble(1.1289931);
  // abs(ln(rho/rho0)) <= 1.1 * relative for relative <= 0.09.
  return UpperBound::fromDouble(1.128993069 + 1e-12) +
         UpperBound::fromDouble(0.0275 * 1.001) *
             UpperBound::fromDouble(relative + 1e-12);
}

/// Relative distance of the two constants from the exact ones, rounded up.
static double geluTanhError(double cubic, double factor) {
  double exact = std::sqrt(2 / std::numbers::pi);
  return (std::abs(cubic / 0.044715 - 1) + std::abs(factor / exact - 1)) *
             (1 + 0x1p-40) +
         0x1p-50;
}

static std::optional<Activation> describe(const ActivationStep &step,
                                          StepContext &context) {
  const std::string &form = step.form;
  UpperBound one = UpperBound::one(), zero = UpperBound::zero();
  auto constant = [](double value) { return UpperBound::fromDouble(value); };
  auto magnitude = [&](double value) { return constant(std::abs(value)); };

  if (form == "relu")
    return Activation{one, one, zero, reluImage};
  if (form == "abs")
    return Activation{one, one, zero, absImage};
  if (form == "neg")
    return Activation{one, one, zero,
                      [](const Interval &x) { return negate(x); }};
  if (form == "tanh")
    return Activation{one, one, zero, tanhImage};
  if (form == "atan")
    return Activation{one, one, zero, atanImage};
  if (form == "sin")
    return Activation{one, one, zero, sinImage};
  if (form == "cos")
    return Activation{one, zero, one, cosImage};
  if (form == "sigmoid")
    return Activation{constant(0.25), constant(0.25), constant(0.5),
                      sigmoidImage};
  if (form == "erf")
    return Activation{constant(0x1.20dd750429b6ep+0),
                      constant(0x1.20dd750429b6ep+0), zero, erfImage};
  // The forms theta(x) x with theta in [0, 1] grow by at most 1.
  if (form == "gelu-erf") {
    // The slope is the same for every factor k > 0 of erf; the image is
    // g(x / s) s with s = 1 / (k sqrt 2).
    double factor = parameter(step, "factor", std::numbers::sqrt2 / 2);
    if (!(factor > 0) || !std::isfinite(factor))
      return std::nullopt;
    double stretch = std::numbers::sqrt2 / 2 / factor;
    bool stored = step.parameters.count("factor") != 0;
    auto image = [stored, stretch](const Interval &x) {
      if (!stored)
        return geluImage(x);
      // A few roundings more than whoever reads the constant may make.
      Interval s =
          Interval::of(stretch * (1 - 0x1p-49), stretch * (1 + 0x1p-49));
      return multiply(geluImage(divide(x, s)), s);
    };
    return Activation{constant(0x1.20ffdcafe39a8p+0), one, zero, image};
  }
  if (form == "gelu-tanh") {
    double cubic = parameter(step, "cubic", 0.044715);
    double factor = parameter(step, "factor", std::sqrt(2 / std::numbers::pi));
    bool stored = step.parameters.count("cubic") != 0 ||
                  step.parameters.count("factor") != 0;
    std::optional<UpperBound> slope =
        stored ? geluTanhSlope(cubic, factor)
               : std::optional(constant(0x1.2105b0934cd3ep+0));
    if (!slope) {
      context.explain("the constants of a tanh-GELU are too far from 0.044715 "
                      "and sqrt(2/pi)");
      return std::nullopt;
    }
    // The stored constants move the image a little; far ones leave only that
    // the value is theta(x) x with theta in [0, 1].
    double error = geluTanhError(cubic, factor);
    auto image = [stored, error](const Interval &x) {
      if (!stored)
        return geluTanhImage(x);
      if (error <= 0.01)
        return geluTanhImage(x, error);
      return Interval::of(std::min(x.lo, 0.0), std::max(x.hi, 0.0));
    };
    return Activation{*slope, one, zero, image};
  }
  if (form == "silu") {
    // x sigmoid(beta x) = silu(beta x) / beta: the slope does not depend on
    // beta.
    double beta = parameter(step, "alpha", parameter(step, "beta", 1));
    if (!std::isfinite(beta) || beta == 0)
      return std::nullopt;
    auto image = [beta](const Interval &x) {
      if (beta == 1)
        return siluImage(x);
      return divide(siluImage(scale(x, beta)), Interval::point(beta));
    };
    return Activation{constant(0x1.198f11d6cef09p+0), one, zero, image};
  }
  if (form == "mish")
    return Activation{constant(0x1.16a7d0c455120p+0), one, zero, mishImage};
  if (form == "softplus")
    return Activation{one, one, constant(0x1.62e42fefa39f0p-1), softplusImage};
  if (form == "softsign")
    return Activation{
        one, one, zero, [](const Interval &x) {
          // x / (1 + abs(x)) is increasing.
          auto at = [](double v) {
            Interval p = Interval::point(v);
            return divide(p, add(Interval::point(1), absImage(p)));
          };
          double lo = std::isfinite(x.lo) ? at(x.lo).lo : -1;
          double hi = std::isfinite(x.hi) ? at(x.hi).hi : 1;
          return Interval::of(std::max(lo, -1.0), std::min(hi, 1.0));
        }};
  if (form == "leaky_relu" || form == "thresholded_relu") {
    bool leaky = form == "leaky_relu";
    double alpha = parameter(step, "alpha", leaky ? 0.01 : 1.0);
    if (!leaky && alpha != 0) {
      context.explain("thresholded relu jumps at its threshold; alpha = 0 does "
                      "not");
      return std::nullopt;
    }
    if (!leaky)
      return Activation{one, one, zero, reluImage};
    UpperBound slope = max(one, magnitude(alpha));
    return Activation{
        slope, slope, zero, [alpha](const Interval &x) {
          Interval below = scale(
              Interval::of(std::min(x.lo, 0.0), std::min(x.hi, 0.0)), alpha);
          Interval image = below;
          if (x.hi > 0)
            image = hull(x.lo < 0 ? hull(below, Interval::point(0))
                                  : Interval::point(x.hi),
                         Interval::of(std::max(x.lo, 0.0), x.hi));
          return image;
        }};
  }
  if (form == "prelu") {
    ConstantEvaluator::Result slopes = context.exact(step.slope);
    if (!slopes)
      return std::nullopt;
    double largest = 1, least = 1;
    for (double value : slopes->values) {
      largest = std::max(largest, std::abs(value));
      least = std::min(least, value);
    }
    UpperBound slope = constant(largest);
    return Activation{
        slope, slope, zero, [largest, least](const Interval &x) {
          // Every branch a x lies between the extreme slopes.
          return hull(
              Interval::of(std::min(x.lo, 0.0), 0),
              multiply(Interval::of(std::min(x.lo, 0.0), std::max(x.hi, 0.0)),
                       Interval::of(std::min(least, 0.0), largest)));
        }};
  }
  if (form == "elu" || form == "selu" || form == "celu") {
    double alpha = parameter(step, "alpha",
                             form == "selu" ? 1.67326319217681884765625 : 1.0);
    double gamma = form == "selu"
                       ? parameter(step, "gamma", 1.05070102214813232421875)
                       : 1.0;
    if (!std::isfinite(alpha) || !std::isfinite(gamma))
      return std::nullopt;
    if (form == "celu") {
      if (!(alpha > 0)) {
        context.explain("celu with alpha <= 0 has no Lipschitz constant");
        return std::nullopt;
      }
      return Activation{one, one, zero, [alpha](const Interval &x) {
                          double lo = std::max(x.lo, -alpha);
                          return Interval::of(std::min(lo, 0.0),
                                              std::max(x.hi, 0.0));
                        }};
    }
    // SELU of ONNX: gamma (alpha e^x - alpha) below zero, gamma x above.
    UpperBound slope = magnitude(gamma) * max(one, magnitude(alpha));
    auto image = [alpha, gamma](const Interval &x) {
      Interval inner =
          alpha >= 0 ? eluImage(x, alpha)
                     : Interval::of(std::min(x.lo, 0.0),
                                    std::max(std::max(x.hi, 0.0), -alpha));
      return scale(inner, gamma);
    };
    return Activation{slope, slope, zero, image};
  }
  if (form == "hard_swish")
    return Activation{constant(1.5), constant(1.5), zero, hardSwishImage};
  if (form == "hard_sigmoid") {
    double alpha = parameter(step, "alpha", double(0.2f));
    double beta = parameter(step, "beta", 0.5);
    if (!std::isfinite(alpha) || !std::isfinite(beta))
      return std::nullopt;
    return Activation{magnitude(alpha), magnitude(alpha),
                      constant(std::min(std::abs(beta), 1.0)),
                      [](const Interval &) { return Interval::of(0, 1); }};
  }
  if (form == "clip") {
    double lo =
        parameter(step, "min", -std::numeric_limits<double>::infinity());
    double hi = parameter(step, "max", std::numeric_limits<double>::infinity());
    if (std::isnan(lo) || std::isnan(hi))
      return std::nullopt;
    // ONNX: min(max(x, lo), hi), also for lo > hi.
    double atZero = std::min(std::max(0.0, lo), hi);
    if (!std::isfinite(atZero))
      return std::nullopt;
    return Activation{one, one, magnitude(atZero), [lo, hi](const Interval &x) {
                        return monotoneImage(x, [lo, hi](double v) {
                          return std::min(std::max(v, lo), hi);
                        });
                      }};
  }
  if (form == "soft_cap") {
    double limit = parameter(step, "limit", 0);
    if (!std::isfinite(limit) || limit == 0)
      return std::nullopt;
    return Activation{
        one, one, zero, [limit](const Interval &x) {
          return scale(tanhImage(divide(x, Interval::point(limit))), limit);
        }};
  }
  if (form == "squared_relu") {
    // x -> max(x, 0)^2 on the input's range: slope twice the upper end.
    const Facts &x = context.facts(step.source);
    Interval hull =
        intersect(x.entryHull(), Interval::symmetric(x.entryBound()));
    if (!(hull.hi < std::numeric_limits<double>::infinity())) {
      context.explain("relu(x)^2 has no Lipschitz constant without a bound of "
                      "its input; a norm layer or a cap before it gives one");
      return std::nullopt;
    }
    UpperBound top = UpperBound::fromDouble(std::max(hull.hi, 0.0));
    return Activation{top * UpperBound::fromInteger(2), top, zero,
                      [](const Interval &x) { return square(reluImage(x)); }};
  }
  context.explain("activation '" + form + "' has no rule");
  return std::nullopt;
}

Facts rules::evaluate(const ActivationStep &step, StepContext &context) {
  // B-act: the function acts on every entry alike, so all norms share sup
  // abs(f'); abs(f(x)) <= abs(f(0)) + growth * abs(x) entrywise.
  std::optional<Activation> act = describe(step, context);
  if (!act)
    return {};
  Facts x = context.broadcast(step.source);
  TensorCounts counts = countElements(context.outputAxes());
  Facts y = scaleLips(x, act->slope);
  auto grown = [&](const UpperBound &radius,
                   const std::optional<uint64_t> &count) {
    UpperBound base = act->growth * radius;
    return act->offset.isZero() ? base
                                : base + act->offset * sqrtOfCount(count);
  };
  y.radiusL2 = grown(x.radiusL2, counts.elements);
  y.radiusToken = grown(x.radiusToken, counts.width);
  // Per-channel slopes still act alike at every position; prelu slopes that
  // vary over positions do not.
  if (step.form != "prelu")
    y.spread = x.spread * act->slope;
  EntryRange all{{Interval::unknown()}, std::nullopt};
  std::optional<EntryRange> range = x.range ? x.range : std::optional(all);
  // Transcendental images are evaluated with many digits: a long range is taken
  // as its hull.
  static const std::set<std::string> cheap = {
      "relu", "abs",        "neg",          "leaky_relu",  "prelu",
      "clip", "hard_swish", "hard_sigmoid", "squared_relu"};
  if (range->entries.size() > maxTranscendentalLength &&
      !cheap.count(step.form))
    range = EntryRange{{range->hull()}, std::nullopt};
  y.range = mapRange(range, act->image);
  return y;
}

Facts rules::evaluate(const DomainFunctionStep &step, StepContext &context) {
  // B-exp, B-pow: the slope is taken on the interval of the input; where that
  // reaches a pole or is unknown there is no bound.
  Facts x = context.broadcast(step.source);
  Interval in = intersect(x.entryHull(), Interval::symmetric(x.entryBound()));
  UpperBound slope;
  std::function<Interval(const Interval &)> image;
  auto inverse = [](double positive) {
    return UpperBound::one().dividedBy(positive);
  };
  if (step.form == "exp") {
    slope = expImage(in).absBound();
    image = expImage;
  } else if (step.form == "log" && in.lo > 0) {
    slope = inverse(in.lo);
    image = logImage;
  } else if (step.form == "sqrt" && in.lo > 0) {
    slope = inverse(2 * dn(std::sqrt(in.lo)));
    image = sqrtImage;
  } else if (step.form == "reciprocal" && in.absLowerBound() > 0) {
    slope = inverse(dn(in.absLowerBound() * in.absLowerBound()));
    image = reciprocalImage;
  } else if (step.form == "pow" && std::isfinite(step.exponent)) {
    double p = step.exponent;
    UpperBound bound = in.absBound();
    bool integer = p == std::trunc(p) && p >= 1 && p <= 64;
    if (integer) {
      unsigned n = unsigned(p);
      slope = bound.power(n - 1) * UpperBound::fromInteger(n);
      image = [n](const Interval &v) {
        Interval result = Interval::point(1);
        Interval squared = square(v);
        for (unsigned k = 0; k + 1 < n; k += 2)
          result = multiply(result, squared);
        return n % 2 ? multiply(result, v) : result;
      };
    } else if (p >= 1 && in.lo >= 0) {
      slope = UpperBound::fromDouble(p) *
              powImage(Interval::of(in.hi, in.hi), p - 1).absBound();
      image = [p](const Interval &v) { return powImage(v, p); };
    } else if (p != 0 && p < 1 && in.lo > 0) {
      slope = UpperBound::fromDouble(std::abs(p)) *
              powImage(Interval::of(in.lo, in.lo), p - 1).absBound();
      image = [p](const Interval &v) { return powImage(v, p); };
    }
  }
  if (!image || slope.isUnbounded()) {
    context.explain("'" + step.form +
                    "' needs an interval of its input on which it is smooth; a "
                    "cap or an input box would give one");
    return {};
  }
  Facts y = scaleLips(x, slope);
  y.spread = x.spread * slope;
  y.range = mapRange(x.range, image);
  return y;
}
