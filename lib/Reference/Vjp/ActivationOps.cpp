//===- ActivationOps.cpp - Derivatives of entrywise functions -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Broadcast.h"
#include "../Evaluation.h"
#include "Pullback.h"

#include <cmath>
#include <numbers>

using namespace mlir;

namespace lipt::reference {

/// `slope(op)` gives a function (x, y) -> derivative at x, where y = f(x).
template <typename Op, typename Slope>
static void addSlope(PullbackTable &table, Slope slope) {
  table.add<Op>([slope](Op op, Pullback &p) {
    auto derivative = slope(op);
    auto to = p.add(op.getInput());
    auto from = p.cotangent();
    if (to.empty())
      return true;
    auto x = p.values(op.getInput());
    auto y = p.getResult().template values<double>();
    for (size_t i = 0; i < to.size(); ++i)
      if (from[i] != 0)
        to[i] += from[i] * derivative(x[i], y[i]);
    return true;
  });
}

template <typename Op, typename Derivative>
static void addFixed(PullbackTable &table, Derivative derivative) {
  addSlope<Op>(table, [derivative](Op) { return derivative; });
}

template <typename... Ops> static void addSteps(PullbackTable &table) {
  (table.add<Ops>([](Ops, Pullback &) { return true; }), ...);
}

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

static double geluSlope(double x, GeluForm form, double root, double cubic) {
  if (form == GeluForm::Erf) {
    double density = std::exp(-root * root * x * x) * root *
                     std::numbers::inv_sqrtpi_v<double>;
    return (1 + std::erf(root * x)) / 2 + x * density;
  }
  double bent = std::tanh(root * (x + cubic * x * x * x));
  return (1 + bent) / 2 +
         x / 2 * (1 - bent * bent) * root * (1 + 3 * cubic * x * x);
}

static void addSmooth(PullbackTable &table) {
  addFixed<SigmoidOp>(table, [](double, double y) { return y * (1 - y); });
  addFixed<TanhOp>(table, [](double, double y) { return 1 - y * y; });
  addFixed<SoftsignOp>(table, [](double x, double) {
    return 1 / ((1 + std::abs(x)) * (1 + std::abs(x)));
  });
  addFixed<ErfOp>(table, [](double x, double) {
    return 2 * std::numbers::inv_sqrtpi * std::exp(-x * x);
  });
  addFixed<SoftplusOp>(table, [](double x, double) { return sigmoid(x); });
  addFixed<MishOp>(table, [](double x, double) {
    double plus = std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    double bent = std::tanh(plus);
    return bent + x * (1 - bent * bent) * sigmoid(x);
  });
  addFixed<SinOp>(table, [](double x, double) { return std::cos(x); });
  addFixed<CosOp>(table, [](double x, double) { return -std::sin(x); });
  addFixed<AtanOp>(table, [](double x, double) { return 1 / (1 + x * x); });
  addFixed<ExpOp>(table, [](double, double y) { return y; });
  addFixed<LogOp>(table, [](double x, double) { return 1 / x; });
  addFixed<SqrtOp>(table, [](double, double y) { return 0.5 / y; });
  addFixed<ReciprocalOp>(table, [](double, double y) { return -y * y; });
  addFixed<NegOp>(table, [](double, double) { return -1.0; });
  addSlope<GeluOp>(table, [](GeluOp op) {
    auto [factor, cubic] = geluConstants(op);
    return [form = op.getForm(), factor = factor, cubic = cubic](
               double x, double) { return geluSlope(x, form, factor, cubic); };
  });
  addSlope<SiluOp>(table, [](SiluOp op) {
    return [beta = op.getBeta().convertToDouble()](double x, double) {
      double s = sigmoid(beta * x);
      return s + beta * x * s * (1 - s);
    };
  });
  addSlope<SoftCapOp>(table, [](SoftCapOp op) {
    return [limit = op.getLimit().convertToDouble()](double, double y) {
      return 1 - y / limit * (y / limit);
    };
  });
}

static void addKinked(PullbackTable &table) {
  addFixed<ReluOp>(table, [](double x, double) { return x > 0 ? 1.0 : 0.0; });
  addFixed<SquaredReluOp>(table,
                          [](double x, double) { return x > 0 ? 2 * x : 0.0; });
  addFixed<AbsOp>(table, [](double x, double) { return x < 0 ? -1.0 : 1.0; });
  addFixed<HardSwishOp>(table, [](double x, double) {
    return x <= -3 ? 0.0 : x >= 3 ? 1.0 : x / 3 + 0.5;
  });
  addSlope<HardSigmoidOp>(table, [](HardSigmoidOp op) {
    return [alpha = op.getAlpha().convertToDouble()](double, double y) {
      return y > 0 && y < 1 ? alpha : 0.0;
    };
  });
  addSlope<LeakyReluOp>(table, [](LeakyReluOp op) {
    return [alpha = op.getAlpha().convertToDouble()](double x, double) {
      return x < 0 ? alpha : 1.0;
    };
  });
  addSlope<EluOp>(table, [](EluOp op) {
    return [alpha = op.getAlpha().convertToDouble()](double x, double y) {
      return x < 0 ? y + alpha : 1.0;
    };
  });
  addSlope<SeluOp>(table, [](SeluOp op) {
    double alpha = op.getAlpha().convertToDouble();
    double gamma = op.getGamma().convertToDouble();
    return
        [=](double x, double y) { return x < 0 ? y + gamma * alpha : gamma; };
  });
  addSlope<CeluOp>(table, [](CeluOp op) {
    return [alpha = op.getAlpha().convertToDouble()](double x, double) {
      return x < 0 ? std::exp(x / alpha) : 1.0;
    };
  });
  addSlope<ClipOp>(table, [](ClipOp) {
    return [](double x, double y) { return x == y ? 1.0 : 0.0; };
  });
  addSlope<ThresholdedReluOp>(table, [](ThresholdedReluOp op) {
    return [alpha = op.getAlpha().convertToDouble()](double x, double) {
      return x > alpha ? 1.0 : 0.0;
    };
  });
  table.add<PReluOp>([](PReluOp op, Pullback &p) {
    if (!p.add(op.getSlope()).empty())
      return false;
    auto to = p.add(op.getInput());
    auto from = p.cotangent();
    auto x = p.values(op.getInput()), slope = p.values(op.getSlope());
    const Shape &shape = p.getResult().getShape();
    std::array<Shape, 1> strides = {
        broadcastStrides(p[op.getSlope()].getShape(), shape)};
    if (!to.empty())
      forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
        to[i] += from[i] * (x[i] < 0 ? slope[offsets[0]] : 1.0);
      });
    return true;
  });
}

void addActivationPullbacks(PullbackTable &table) {
  addSmooth(table);
  addKinked(table);
  addSteps<FloorOp, CeilOp, RoundOp, SignOp>(table);
}

} // namespace lipt::reference
