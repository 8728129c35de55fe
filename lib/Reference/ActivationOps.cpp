//===- ActivationOps.cpp - Entrywise functions of one tensor --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Broadcast.h"
#include "Evaluation.h"

#include <cmath>
#include <numbers>

using namespace mlir;

namespace lipt::reference {

/// Applies `function` to every entry of floating point.
template <typename Function>
static LogicalResult mapReal(Evaluation &e, Function function) {
  const Tensor &input = e.getOperand(0);
  Tensor *result = e.makeResult(input.getShape());
  if (!result)
    return failure();
  if (!input.isFloat())
    return e.emitError() << "is defined for floating point only";
  return e.withReal([&]<typename T>(T) {
    auto from = input.values<T>();
    auto to = result->values<T>();
    for (size_t i = 0; i < to.size(); ++i)
      to[i] = function(from[i]);
    return success();
  });
}

/// The same for operations that integers have too. Integer functions see and
/// return int64.
template <typename Function>
static LogicalResult mapNumbers(Evaluation &e, Function function) {
  const Tensor &input = e.getOperand(0);
  Tensor *result = e.makeResult(input.getShape());
  if (!result)
    return failure();
  input.visit([&]<typename T>(std::span<const T> from) {
    auto to = result->values<T>();
    for (size_t i = 0; i < to.size(); ++i)
      to[i] = static_cast<T>(function(from[i]));
  });
  return success();
}

template <typename T> static T sigmoid(T x) {
  // Neither form overflows in the half that it is used for.
  if (x >= 0)
    return 1 / (1 + std::exp(-x));
  T power = std::exp(x);
  return power / (1 + power);
}

template <typename T> static T softplus(T x) {
  return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
}

template <typename T>
static T gelu(T x, GeluForm form, double factor, double cubic) {
  if (form == GeluForm::Erf)
    return x / 2 * (1 + std::erf(x * T(factor)));
  return x / 2 * (1 + std::tanh(T(factor) * (x + T(cubic) * x * x * x)));
}

/// ONNX's Round: the nearest integer, halves to even.
template <typename T> static T roundHalfToEven(T x) {
  T below = std::floor(x);
  T fraction = x - below;
  if (fraction < T(0.5))
    return std::copysign(below, x);
  if (fraction > T(0.5))
    return std::copysign(below + 1, x);
  return std::copysign(std::fmod(below, T(2)) == 0 ? below : below + 1, x);
}

template <typename Op, typename Function>
static void addReal(KernelTable &table, Function function) {
  table.add<Op>([function](Op op, Evaluation &e) {
    return mapReal(e, [&](auto x) { return function(x); });
  });
}

static void addParameterFree(KernelTable &table) {
  addReal<MishOp>(table, [](auto x) { return x * std::tanh(softplus(x)); });
  addReal<HardSwishOp>(table, []<typename T>(T x) {
    return x * std::max(T(0), std::min(T(1), x / 6 + T(0.5)));
  });
  addReal<SigmoidOp>(table, [](auto x) { return sigmoid(x); });
  addReal<TanhOp>(table, [](auto x) { return std::tanh(x); });
  addReal<SoftsignOp>(table, [](auto x) { return x / (1 + std::abs(x)); });
  addReal<ErfOp>(table, [](auto x) { return std::erf(x); });
  addReal<SinOp>(table, [](auto x) { return std::sin(x); });
  addReal<CosOp>(table, [](auto x) { return std::cos(x); });
  addReal<AtanOp>(table, [](auto x) { return std::atan(x); });
  addReal<SoftplusOp>(table, [](auto x) { return softplus(x); });
  addReal<ExpOp>(table, [](auto x) { return std::exp(x); });
  addReal<LogOp>(table, [](auto x) { return std::log(x); });
  addReal<SqrtOp>(table, [](auto x) { return std::sqrt(x); });
  addReal<ReciprocalOp>(table, [](auto x) { return 1 / x; });
  addReal<FloorOp>(table, [](auto x) { return std::floor(x); });
  addReal<CeilOp>(table, [](auto x) { return std::ceil(x); });
  addReal<RoundOp>(table, [](auto x) { return roundHalfToEven(x); });
}

static void addNumbers(KernelTable &table) {
  // Comparisons are written so that a NaN stays one.
  table.add<ReluOp>([](ReluOp, Evaluation &e) {
    return mapNumbers(e, []<typename T>(T x) { return x < 0 ? T(0) : x; });
  });
  table.add<SquaredReluOp>([](SquaredReluOp, Evaluation &e) {
    return mapReal(e, []<typename T>(T x) { return x < 0 ? T(0) : x * x; });
  });
  table.add<AbsOp>([](AbsOp, Evaluation &e) {
    return mapNumbers(e, []<typename T>(T x) {
      if constexpr (std::is_same_v<T, int64_t>)
        return x < 0 ? static_cast<int64_t>(-static_cast<uint64_t>(x)) : x;
      else if constexpr (std::is_floating_point_v<T>)
        return std::abs(x);
      else
        return x;
    });
  });
  table.add<NegOp>([](NegOp, Evaluation &e) {
    return mapNumbers(e, []<typename T>(T x) {
      if constexpr (std::is_same_v<T, int64_t>)
        return static_cast<int64_t>(-static_cast<uint64_t>(x));
      else
        return -x;
    });
  });
  table.add<SignOp>([](SignOp, Evaluation &e) {
    bool isUnsigned64 = e.getOperand(0).getType() == ElementType::UInt64;
    return mapNumbers(e, [=]<typename T>(T x) -> T {
      if (x == 0 || x != x)
        return x;
      return x > 0 || isUnsigned64 ? T(1) : T(-1);
    });
  });
  table.add<NotOp>([](NotOp op, Evaluation &e) -> LogicalResult {
    if (e.getOperand(0).getType() != ElementType::Bool)
      return op.emitOpError("is defined for i1 only");
    return mapNumbers(e, [](auto x) { return x == 0; });
  });
  table.add<ClipOp>([](ClipOp op, Evaluation &e) {
    std::optional<llvm::APFloat> low = op.getMin(), high = op.getMax();
    return mapNumbers(e, [=]<typename T>(T x) {
      if (low && x < static_cast<T>(low->convertToFloat()))
        x = static_cast<T>(low->convertToFloat());
      if (high && x > static_cast<T>(high->convertToFloat()))
        x = static_cast<T>(high->convertToFloat());
      return x;
    });
  });
}

static void addParameterised(KernelTable &table) {
  table.add<LeakyReluOp>([](LeakyReluOp op, Evaluation &e) {
    float alpha = op.getAlpha().convertToFloat();
    return mapReal(e, [=](auto x) { return x < 0 ? alpha * x : x; });
  });
  table.add<EluOp>([](EluOp op, Evaluation &e) {
    float alpha = op.getAlpha().convertToFloat();
    return mapReal(e,
                   [=](auto x) { return x < 0 ? alpha * std::expm1(x) : x; });
  });
  table.add<SeluOp>([](SeluOp op, Evaluation &e) {
    float alpha = op.getAlpha().convertToFloat();
    float gamma = op.getGamma().convertToFloat();
    return mapReal(e, [=]<typename T>(T x) {
      return gamma * (x < 0 ? alpha * std::expm1(x) : x);
    });
  });
  table.add<CeluOp>([](CeluOp op, Evaluation &e) {
    float alpha = op.getAlpha().convertToFloat();
    return mapReal(e, [=]<typename T>(T x) {
      return std::max(x, T(0)) +
             std::min(T(0), alpha * std::expm1(x / T(alpha)));
    });
  });
  table.add<GeluOp>([](GeluOp op, Evaluation &e) {
    GeluForm form = op.getForm();
    auto [factor, cubic] = geluConstants(op);
    return mapReal(e, [form, factor = factor, cubic = cubic](auto x) {
      return gelu(x, form, factor, cubic);
    });
  });
  table.add<SiluOp>([](SiluOp op, Evaluation &e) {
    float beta = op.getBeta().convertToFloat();
    return mapReal(e, [=](auto x) { return x * sigmoid(beta * x); });
  });
  table.add<HardSigmoidOp>([](HardSigmoidOp op, Evaluation &e) {
    float alpha = op.getAlpha().convertToFloat();
    float beta = op.getBeta().convertToFloat();
    return mapReal(e, [=]<typename T>(T x) {
      return std::max(T(0), std::min(T(1), alpha * x + beta));
    });
  });
  table.add<SoftCapOp>([](SoftCapOp op, Evaluation &e) {
    float limit = op.getLimit().convertToFloat();
    return mapReal(e, [=](auto x) { return limit * std::tanh(x / limit); });
  });
  table.add<ThresholdedReluOp>([](ThresholdedReluOp op, Evaluation &e) {
    float alpha = op.getAlpha().convertToFloat();
    return mapReal(e, [=]<typename T>(T x) { return x > alpha ? x : T(0); });
  });
  table.add<PReluOp>([](PReluOp op, Evaluation &e) -> LogicalResult {
    const Tensor &input = e[op.getInput()], &slope = e[op.getSlope()];
    if (!canBroadcast(slope.getShape(), input.getShape()) ||
        input.isFloat() != slope.isFloat())
      return op.emitOpError("has a slope that does not fit its input");
    Tensor *result = e.makeResult(input.getShape());
    if (!result)
      return failure();
    std::array<Shape, 1> strides = {
        broadcastStrides(slope.getShape(), input.getShape())};
    input.visit([&]<typename T>(std::span<const T> from) {
      auto factors = slope.values<T>();
      auto to = result->values<T>();
      forEachIndex(input.getShape(), strides, [&](int64_t i, auto &offsets) {
        to[i] = from[i] < 0 ? from[i] * factors[offsets[0]] : from[i];
      });
    });
    return success();
  });
}

void addActivationKernels(KernelTable &table) {
  addParameterFree(table);
  addNumbers(table);
  addParameterised(table);
}

} // namespace lipt::reference
