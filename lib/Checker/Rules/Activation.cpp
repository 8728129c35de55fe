//===- Activation.cpp - Activation functions and their constants ----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Activation.h"

#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

constexpr double infinity = HUGE_VAL;

Extended absolute(double value) {
  return Extended::fromDouble(std::fabs(value));
}

/// The value widened by a relative error of `units` u.
Interval around(double value, double units) {
  double margin = up(std::fabs(value) * units * unitRoundoff) + 0x1p-1060;
  auto interval = Interval::make(dn(value - margin), up(value + margin));
  return interval ? *interval : Interval::unknown();
}

/// Image of an interval under a continuous function that falls to `minimum`
/// (reached within `place`) and rises afterwards, tends to 0 at −∞ and to +∞.
Interval valleyImage(const Interval &x, const Interval &place, double minimum,
                     const std::function<Interval(double)> &value) {
  Interval result;
  Interval left = std::isinf(x.lo) ? Interval::point(0) : value(x.lo);
  Interval right = std::isinf(x.hi) ? Interval::unknown() : value(x.hi);
  result = hull(left, right);
  if (x.lo <= place.hi && x.hi >= place.lo)
    result.lo = std::min(result.lo, minimum);
  result.lo = std::max(result.lo, minimum);
  return result;
}

Activation monotone(std::function<Interval(const Interval &)> image) {
  Activation activation;
  activation.image = std::move(image);
  return activation;
}

/// x for x >= 0, below it the negative part's image.
Interval pieces(const Interval &x,
                const std::function<Interval(const Interval &)> &negative) {
  if (x.lo >= 0)
    return x;
  Interval below = negative({x.lo, std::min(x.hi, 0.0)});
  return x.hi <= 0 ? below : hull(below, {0, x.hi});
}

/// e^x − 1 for x <= 0.
Interval exponentialMinusOne(const Interval &x) {
  Interval lo =
      std::isinf(x.lo) ? Interval::point(-1) : around(std::expm1(x.lo), 16);
  Interval hi = around(std::expm1(x.hi), 16);
  return {std::max(lo.lo, -1.0), std::min(hi.hi, 0.0)};
}

Activation leaky(double least, double most, bool uniform) {
  Activation activation = monotone([=](const Interval &x) {
    return pieces(x, [=](const Interval &below) {
      return below * Interval{least, most};
    });
  });
  activation.slope = max(Extended::one(), max(absolute(least), absolute(most)));
  activation.growth = activation.slope;
  activation.uniform = uniform;
  return activation;
}

Activation clipped(double low, double high) {
  Activation activation = monotone([=](const Interval &x) -> Interval {
    return {std::clamp(x.lo, low, high), std::clamp(x.hi, low, high)};
  });
  activation.offset = absolute(std::clamp(0.0, low, high));
  return activation;
}

/// Sine or cosine: the hull of the ends and of every crest between them. The
/// crests are searched in a slightly larger interval.
Interval waveImage(const Interval &x, bool sine) {
  if (!(x.hi - x.lo < 6.25) || !(std::fabs(x.lo) < 0x1p20))
    return {-1, 1};
  auto end = [&](double v) {
    Interval value = around(sine ? std::sin(v) : std::cos(v), 16);
    return Interval{std::max(value.lo, -1.0), std::min(value.hi, 1.0)};
  };
  Interval image = hull(end(x.lo), end(x.hi));
  constexpr double pi = 0x1.921fb54442d18p+1;
  double shift = sine ? 0.5 : 0.0;
  for (double k = std::ceil(x.lo / pi - shift - 0x1p-30);
       k <= x.hi / pi - shift + 0x1p-30; ++k)
    image = hull(image, Interval::point(std::fmod(k, 2) == 0 ? 1 : -1));
  return image;
}

} // namespace

Activation lipt::checker::geluErf() {
  Activation activation;
  activation.slope = Extended::fromDouble(0x1.20ffdcafe39a8p+0);
  activation.image = [](const Interval &x) {
    return valleyImage(x, {-0x1.80ead197f00b6p-1, -0x1.80ead197f00b2p-1},
                       -0x1.5c19dd4b1a3fcp-3, [](double v) {
                         // x/2·erfc(−x/√2): no cancellation for x < 0. The
                         // argument's rounding grows by 2t².
                         double t = -v * 0x1.6a09e667f3bcdp-1;
                         return around(0.5 * v * std::erfc(t),
                                       24 + (t > 0 ? 8 * t * t : 8));
                       });
  };
  return activation;
}

std::optional<Activation> lipt::checker::geluTanh(Interval c1, Interval c2,
                                                  bool exactConstants) {
  // The derivative depends on ρ = c2/c1³ alone (bounds.md 2.1).
  constexpr double exactRatio = 0x1.1fb20be7a95fbp-4;
  if (!(c1.lo > 0) || !(c2.lo > 0) || std::isinf(c1.hi) || std::isinf(c2.hi))
    return std::nullopt;
  Interval ratio = c2 / (c1 * c1 * c1) / Interval::point(exactRatio);
  if (!(ratio.lo > 0))
    return std::nullopt;
  double deviation = up(std::max(std::fabs(std::log(ratio.lo)),
                                 std::fabs(std::log(ratio.hi))) *
                        (1 + 0x1p-48)) +
                     0x1p-50;
  Activation activation;
  if (!(deviation <= 0.1))
    return std::nullopt;
  // The exact constants' supremum; it grows with ρ, by less than 0.025 per
  // unit of ln ρ. The node's own constants are exact.
  activation.slope = Extended::fromDouble(0x1.2105b0934cd3ep+0);
  if (!exactConstants && ratio.hi > 1)
    activation.slope += Extended::fromDouble(up(0.025 * deviation));
  // In t = c1 x the function is t/2·(1 + tanh(t + ρt³))/c1. Its minimum is no
  // deeper than that of ρ = 0, half the one of SiLU; with the standard ρ it is
  // known, and moves by less than the relative deviation of ρ.
  double inverse = up(1 / c1.lo);
  double minimum = dn(-0x1.1d25cf210482ep-3 * inverse);
  Interval place = scale({-1.5, -0.25}, inverse);
  if (deviation <= 0.999e-6) {
    double stretch = up(0x1.9884533d43651p-1 * inverse);
    minimum = dn(-0x1.5c3e533586d1ap-3 * up(stretch * (1 + deviation)));
    place = scale({-0x1.819p-1, -0x1.80fp-1}, stretch);
  }
  activation.image = [=](const Interval &x) {
    return valleyImage(x, place, minimum, [=](double v) {
      // x/2·(1 + tanh p) = x·sigmoid(2p).
      Interval p = Interval::point(v) * (c1 + c2 * squared(Interval::point(v)));
      return Interval::point(v) * sigmoid(scale(p, 2));
    });
  };
  return activation;
}

Activation lipt::checker::silu(double beta) {
  Activation activation;
  activation.slope = Extended::fromDouble(0x1.198f11d6cef09p+0);
  Interval place = Interval{-0x1.474973c84120cp+0, -0x1.474973c8411fep+0} /
                   Interval::point(beta);
  double minimum =
      (Interval::point(-0x1.1d25cf210482ep-2) / Interval::point(beta)).lo;
  activation.image = [=](const Interval &x) {
    return valleyImage(x, place, minimum, [=](double v) {
      return Interval::point(v) *
             sigmoid(Interval::point(v) * Interval::point(beta));
    });
  };
  return activation;
}

Activation lipt::checker::mish() {
  Activation activation;
  activation.slope = Extended::fromDouble(0x1.16a7d0c455120p+0);
  activation.image = [](const Interval &x) {
    return valleyImage(x, {-0x1.31432c0d12d86p+0, -0x1.31432c0d12d82p+0},
                       -0x1.3c417299f9f85p-2, [](double v) {
                         return Interval::point(v) *
                                tanh(softplus(Interval::point(v)));
                       });
  };
  return activation;
}

Activation lipt::checker::hardSwish() {
  Activation activation;
  activation.slope = activation.growth = Extended::fromDouble(1.5);
  activation.image = [](const Interval &x) {
    return valleyImage(x, Interval::point(-1.5), -0.375, [](double v) {
      if (v <= -3)
        return Interval::point(0);
      if (v >= 3)
        return Interval::point(v);
      return Interval::point(v) * (Interval::point(v) + Interval::point(3)) /
             Interval::point(6);
    });
  };
  return activation;
}

std::optional<Activation> lipt::checker::activationOfNode(const Graph &graph,
                                                          const Node &node) {
  const std::string &op = node.opType;
  if (!node.domain.empty() || node.inputs.empty())
    return std::nullopt;
  // ThresholdedRelu jumps at any threshold but zero.
  if (op == "Relu" || (op == "ThresholdedRelu" && node.real("alpha", 1) == 0))
    return monotone([](const Interval &x) -> Interval {
      return {std::max(x.lo, 0.0), std::max(x.hi, 0.0)};
    });
  if (op == "LeakyRelu") {
    double alpha = node.real("alpha", 0.01);
    return leaky(alpha, alpha, true);
  }
  if (op == "PRelu") {
    const Constant *slope = graph.constant(node.input(1));
    if (!slope || !slope->value || slope->error != 0)
      return std::nullopt;
    double least = infinity, most = -infinity;
    for (double value : slope->value->reals()) {
      if (!std::isfinite(value))
        return std::nullopt;
      least = std::min(least, value);
      most = std::max(most, value);
    }
    if (!(least <= most))
      return std::nullopt;
    // The same function at every position unless the slopes vary along one.
    const TensorInfo &out = graph.info(node.outputs[0]);
    size_t shift = out.roles.size() - slope->value->shape.size();
    bool uniform = out.roles.size() >= slope->value->shape.size();
    for (size_t i = 0; uniform && i < slope->value->shape.size(); ++i)
      uniform =
          slope->value->shape[i] == 1 || !isPosition(out.roles[i + shift]);
    return leaky(least, most, uniform);
  }
  if (op == "Elu" || op == "Selu") {
    bool selu = op == "Selu";
    double alpha = node.real("alpha", selu ? 1.67326319217681884765625 : 1.0);
    double gamma = selu ? node.real("gamma", 1.05070102214813232421875) : 1.0;
    Activation activation = monotone([=](const Interval &x) {
      Interval image = pieces(x, [=](const Interval &below) {
        return scale(exponentialMinusOne(below), alpha);
      });
      return scale(image, gamma);
    });
    activation.slope = absolute(gamma) * max(Extended::one(), absolute(alpha));
    activation.growth = activation.slope;
    return activation;
  }
  if (op == "Celu") {
    double alpha = node.real("alpha", 1.0);
    if (!(alpha > 0))
      return std::nullopt;
    return monotone([=](const Interval &x) {
      return pieces(x, [=](const Interval &below) {
        Interval inner = below / Interval::point(alpha);
        inner.hi = std::min(inner.hi, 0.0);
        return scale(exponentialMinusOne(inner), alpha);
      });
    });
  }
  if (op == "Sigmoid") {
    Activation activation =
        monotone([](const Interval &x) { return sigmoid(x); });
    activation.slope = activation.growth = Extended::fromDouble(0.25);
    activation.offset = Extended::fromDouble(0.5);
    return activation;
  }
  if (op == "HardSigmoid") {
    double alpha = node.real("alpha", 0.2), beta = node.real("beta", 0.5);
    Activation activation = monotone([=](const Interval &x) -> Interval {
      Interval y = scale(x, alpha) + Interval::point(beta);
      return {std::clamp(y.lo, 0.0, 1.0), std::clamp(y.hi, 0.0, 1.0)};
    });
    activation.slope = activation.growth = absolute(alpha);
    activation.offset = absolute(std::clamp(beta, 0.0, 1.0));
    return activation;
  }
  if (op == "Tanh")
    return monotone([](const Interval &x) { return tanh(x); });
  if (op == "Atan")
    return monotone([](const Interval &x) { return atan(x); });
  if (op == "Erf") {
    Activation activation = monotone([](const Interval &x) { return erf(x); });
    activation.slope = activation.growth =
        Extended::fromDouble(0x1.20dd750429b6ep+0);
    return activation;
  }
  if (op == "Softsign")
    return monotone([](const Interval &x) -> Interval {
      auto end = [](double v) {
        return std::isinf(v) ? Interval::point(v > 0 ? 1 : -1)
                             : Interval::point(v) / (Interval::point(1) +
                                                     abs(Interval::point(v)));
      };
      return {end(x.lo).lo, end(x.hi).hi};
    });
  if (op == "Softplus") {
    Activation activation =
        monotone([](const Interval &x) { return softplus(x); });
    activation.offset = Extended::fromDouble(0x1.62e42fefa39f0p-1); // ln 2
    return activation;
  }
  if (op == "Shrink") {
    // Continuous only for bias = λ: the soft shrinkage.
    double edge = node.real("lambd", 0.5), bias = node.real("bias", 0);
    if (edge != bias || !(edge >= 0))
      return std::nullopt;
    return monotone([=](const Interval &x) -> Interval {
      auto end = [&](double v) {
        return std::fabs(v) <= edge
                   ? Interval::point(0)
                   : Interval::point(v) -
                         Interval::point(std::copysign(edge, v));
      };
      return {std::isinf(x.lo) ? x.lo : end(x.lo).lo,
              std::isinf(x.hi) ? x.hi : end(x.hi).hi};
    });
  }
  if (op == "Abs")
    return monotone([](const Interval &x) { return abs(x); });
  if (op == "Neg")
    return monotone([](const Interval &x) { return -x; });
  if (op == "Sin")
    return monotone([](const Interval &x) { return waveImage(x, true); });
  if (op == "Cos") {
    Activation activation =
        monotone([](const Interval &x) { return waveImage(x, false); });
    activation.offset = Extended::one();
    return activation;
  }
  if (op == "HardSwish")
    return hardSwish();
  if (op == "Mish")
    return mish();
  if (op == "Swish") {
    double beta = node.real("alpha", 1.0);
    return beta > 0 ? std::optional(silu(beta)) : std::nullopt;
  }
  if (op == "Gelu") {
    if (node.string("approximate", "none") != "tanh")
      return geluErf();
    // √(2/π) and its product with 0.044715, rounded both ways.
    Interval c1{0x1.9884533d43650p-1, 0x1.9884533d43651p-1};
    return geluTanh(c1, c1 * Interval{dn(0.044715), up(0.044715)}, true);
  }
  if (op == "Clip") {
    auto limit = [&](size_t index, const char *key,
                     double fallback) -> std::optional<double> {
      if (node.opset < 11)
        return node.real(key, fallback);
      if (node.input(index).empty())
        return fallback;
      const Constant *value = graph.constant(node.input(index));
      return value && value->error == 0 ? value->uniformReal() : std::nullopt;
    };
    auto low = limit(1, "min", -infinity), high = limit(2, "max", infinity);
    if (!low || !high || !(*low <= *high))
      return std::nullopt;
    return clipped(*low, *high);
  }
  return std::nullopt;
}
