//===- SpelledActivation.cpp - Activations spelled out in nodes -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../ScalarForm.h"
#include "Activation.h"

#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

/// p = k·x with k known; nothing for another polynomial.
std::optional<Interval> slopeOf(const ScalarForm &form) {
  if (!form.has({{{"x", 1}}}))
    return std::nullopt;
  return form.coefficient({{"x", 1}});
}

bool isPoint(const Interval &interval, double value) {
  return interval == Interval::point(value);
}

/// x/2·(1 + E) with E an atom: the coefficients of x and x·E are both 1/2.
bool isHalfGate(const ScalarForm &form, const std::string &atom) {
  ScalarForm::Monomial x = {{"x", 1}}, gated = {{"x", 1}, {atom, 1}};
  return form.has({x, gated}) && isPoint(form.coefficient(x), 0.5) &&
         isPoint(form.coefficient(gated), 0.5);
}

std::optional<std::pair<std::string, Activation>>
recognize(const ScalarExpression &expression) {
  const ScalarForm &form = expression.form;
  using Result = std::optional<std::pair<std::string, Activation>>;
  for (const auto &[name, atom] : expression.atoms) {
    const auto &[function, argument] = atom;
    ScalarForm::Monomial alone = {{name, 1}}, gated = {{"x", 1}, {name, 1}};
    auto k = slopeOf(argument);
    if (function == "erf" && isHalfGate(form, name) && k && k->lo > 0) {
      Activation gelu = geluErf();
      // The exact scale 1/√2 or its roundings keep the standard minimum;
      // others (x/2·(1 + erf(x/c))) scale it by c/√2.
      double factor = up(up(0x1.6a09e667f3bcdp-1 / k->lo));
      auto standard = gelu.image;
      Interval stretch{dn(dn(0x1.6a09e667f3bccp-1 / k->hi)), factor};
      gelu.image = [=](const Interval &x) {
        // f(x) = s·g(x/s) with s = c/√2 in `stretch`.
        return standard(x / stretch) * stretch;
      };
      return Result({"gelu-erf", gelu});
    }
    if (function == "tanh" && isHalfGate(form, name) &&
        argument.has({{{"x", 1}}, {{"x", 3}}}))
      if (auto gelu = geluTanh(argument.coefficient({{"x", 1}}),
                               argument.coefficient({{"x", 3}}), false))
        return Result({"gelu-tanh", *gelu});
    if (function == "sigmoid" && form.has({gated}) &&
        isPoint(form.coefficient(gated), 1) && k && k->lo > 0 && k->lo == k->hi)
      return Result({"silu", silu(k->lo)});
    if (function == "tanh" && form.has({gated}) &&
        isPoint(form.coefficient(gated), 1)) {
      // x·tanh(softplus(x))
      for (const auto &[innerName, inner] : expression.atoms) {
        auto innerSlope = slopeOf(inner.second);
        if (inner.first == "softplus" && argument.has({{{innerName, 1}}}) &&
            isPoint(argument.coefficient({{innerName, 1}}), 1) && innerSlope &&
            isPoint(*innerSlope, 1))
          return Result({"mish", mish()});
      }
    }
    if (function == "softplus" && form.has({alone}) &&
        isPoint(form.coefficient(alone), 1) && k && isPoint(*k, 1)) {
      Activation activation;
      activation.offset = Extended::fromDouble(0x1.62e42fefa39f0p-1);
      activation.image = [](const Interval &x) { return softplus(x); };
      return Result({"softplus", activation});
    }
    if (function == "relu" && form.has({alone}) &&
        isPoint(form.coefficient(alone), 1) && k && isPoint(*k, 1)) {
      Activation activation;
      activation.image = [](const Interval &x) -> Interval {
        return {std::max(x.lo, 0.0), std::max(x.hi, 0.0)};
      };
      return Result({"relu", activation});
    }
    if (function == "relu6" && form.has({gated})) {
      // x·relu6(x + 3)/6 with the roundings of 1/6: slope 1.5 at most up to
      // their relative error.
      Interval weight = scale(form.coefficient(gated), 6);
      bool argumentFits = argument.has({{}, {{"x", 1}}});
      Interval shift = argument.coefficient({}),
               unit = argument.coefficient({{"x", 1}});
      auto near = [](const Interval &v, double target) {
        return std::fabs(v.lo - target) <= 1e-6 * target &&
               std::fabs(v.hi - target) <= 1e-6 * target;
      };
      if (argumentFits && near(weight, 1) && near(shift, 3) && near(unit, 1)) {
        Activation activation = hardSwish();
        // |f′| <= w(relu6 + |x|·unit)/6 while the gate moves, x in it at most
        // (6 − shift)/unit; f(0) = 0.
        Interval largest = scale(weight, 1.0 / 6) *
                           (Interval::point(6) + (Interval::point(6) - shift));
        double slope = up(up(std::max(largest.hi, 1.5 * weight.hi)));
        activation.slope = activation.growth = Extended::fromDouble(slope);
        auto standard = activation.image;
        if (isPoint(shift, 3) && isPoint(unit, 1))
          activation.image = [=](const Interval &x) {
            return standard(x) * weight;
          };
        else // the gate lies in [0, 6], the valley is no deeper than −0.376
          activation.image = [=](const Interval &x) -> Interval {
            return {x.lo >= 0 ? 0.0 : -0.376,
                    x.hi > 0 ? up(x.hi * weight.hi) : 0.0};
          };
        return Result({"hard-swish", activation});
      }
    }
    if (function == "tanh" && form.has({alone}) && k) {
      // Soft cap a·tanh(k·x).
      Interval amplitude = form.coefficient(alone);
      Activation activation;
      activation.slope = activation.growth =
          Extended::fromDouble(abs(amplitude * *k).absMax());
      activation.image = [amplitude, k = *k](const Interval &x) {
        return amplitude * tanh(k * x);
      };
      return Result({"soft-cap", activation});
    }
  }
  return std::nullopt;
}

} // namespace

std::optional<SpelledActivation>
lipt::checker::spelledActivation(const Graph &graph, const std::string &tensor,
                                 const std::string &source) {
  auto expression = expandScalar(graph, tensor, source);
  if (!expression)
    return std::nullopt;
  auto found = recognize(*expression);
  if (!found)
    return std::nullopt;
  return SpelledActivation{found->first, found->second, expression->nodes};
}
