//===- Activation.cpp - Activation functions written out ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Exporters group the factors of x * 0.5 * (1 + erf(x / sqrt 2)) in every
// order. So the expression is multiplied out: a polynomial in x and one
// function T of a polynomial in x says what it computes, whatever the order.
//
//===----------------------------------------------------------------------===//

#include "Raiser.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <map>
#include <numbers>

using namespace mlir;

namespace lipt::raise {

namespace {

/// Coefficients by (degree of x, degree of T).
using Polynomial = std::map<std::pair<int, int>, double>;

/// The function T of a polynomial in x.
enum class Atom {
  None,
  Erf,
  Tanh,
  Sigmoid,
  TanhOfSoftplus,
  Relu,
  HardSigmoid,
  Clip
};

class Expansion {
public:
  Expansion(Value base, Raiser &raiser) : base(base), raiser(raiser) {}

  /// The value as a polynomial in x = `base` and T, entry by entry.
  std::optional<Polynomial> expand(Value value, unsigned depth = 0);

  Atom atom = Atom::None;
  Operation *atomOperation = nullptr;
  Polynomial argument; ///< of T, in x

private:
  std::optional<Polynomial> compute(Value value, unsigned depth);
  std::optional<Polynomial> expandAtom(Operation *op, unsigned depth);
  std::optional<Polynomial> getPower(Value value, Value exponent,
                                     unsigned depth);

  Value base;
  Raiser &raiser;
  llvm::DenseMap<Value, std::optional<Polynomial>> known;
};

} // namespace

static Atom getAtom(Operation *op) {
  return llvm::TypeSwitch<Operation *, Atom>(op)
      .Case([](ErfOp) { return Atom::Erf; })
      .Case([](SigmoidOp) { return Atom::Sigmoid; })
      .Case([](ReluOp) { return Atom::Relu; })
      .Case([](HardSigmoidOp) { return Atom::HardSigmoid; })
      .Case([](ClipOp) { return Atom::Clip; })
      .Case([](TanhOp tanh) {
        return tanh.getInput().getDefiningOp<SoftplusOp>()
                   ? Atom::TanhOfSoftplus
                   : Atom::Tanh;
      })
      .Default([](Operation *) { return Atom::None; });
}

static Value getAtomArgument(Operation *op) {
  return getAtom(op) == Atom::TanhOfSoftplus
             ? op->getOperand(0).getDefiningOp()->getOperand(0)
             : op->getOperand(0);
}

static Polynomial add(Polynomial lhs, const Polynomial &rhs, double sign) {
  for (auto [degrees, coefficient] : rhs) {
    double &sum = lhs[degrees];
    sum += sign * coefficient;
    if (sum == 0)
      lhs.erase(degrees);
  }
  return lhs;
}

static std::optional<Polynomial> multiply(const Polynomial &lhs,
                                          const Polynomial &rhs) {
  constexpr int mostDegree = 4;
  Polynomial product;
  for (auto [left, a] : lhs)
    for (auto [right, b] : rhs) {
      std::pair<int, int> degrees{left.first + right.first,
                                  left.second + right.second};
      if (degrees.first > mostDegree || degrees.second > mostDegree)
        return std::nullopt;
      product[degrees] += a * b;
    }
  return product;
}

std::optional<Polynomial> Expansion::expand(Value value, unsigned depth) {
  if (value == base)
    return Polynomial{{{1, 0}, 1.0}};
  if (auto found = known.find(value); found != known.end())
    return found->second;
  std::optional<Polynomial> result = compute(value, depth);
  known[value] = result;
  return result;
}

std::optional<Polynomial> Expansion::expandAtom(Operation *op, unsigned depth) {
  if (atomOperation && atomOperation != op)
    return std::nullopt;
  std::optional<Polynomial> inner = expand(getAtomArgument(op), depth + 1);
  // T of T is not what this looks for.
  if (!inner ||
      llvm::any_of(*inner, [](auto &term) { return term.first.second != 0; }))
    return std::nullopt;
  atomOperation = op;
  atom = getAtom(op);
  argument = *inner;
  return Polynomial{{{0, 1}, 1.0}};
}

std::optional<Polynomial> Expansion::getPower(Value value, Value exponent,
                                              unsigned depth) {
  std::optional<double> power = raiser.getScalar(exponent);
  if (power != 1 && power != 2 && power != 3)
    return std::nullopt;
  std::optional<Polynomial> factor = expand(value, depth + 1);
  std::optional<Polynomial> product = factor;
  for (int i = 1; product && i < *power; ++i)
    product = multiply(*product, *factor);
  return product;
}

std::optional<Polynomial> Expansion::compute(Value value, unsigned depth) {
  constexpr unsigned mostDepth = 24;
  Operation *op = value.getDefiningOp();
  if (!op || depth == mostDepth)
    return std::nullopt;
  if (raiser.isConstant(value)) {
    std::optional<double> scalar = raiser.getScalar(value);
    if (!scalar || !std::isfinite(*scalar))
      return std::nullopt;
    return *scalar == 0 ? Polynomial() : Polynomial{{{0, 0}, *scalar}};
  }
  // Entry by entry: nothing on the way may broadcast x.
  if (!haveEqualSizes(value, base))
    return std::nullopt;
  if (getAtom(op) != Atom::None)
    return expandAtom(op, depth);
  auto at = [&](unsigned i) { return expand(op->getOperand(i), depth + 1); };
  return llvm::TypeSwitch<Operation *, std::optional<Polynomial>>(op)
      .Case<AddOp, SubOp>([&](auto) -> std::optional<Polynomial> {
        auto lhs = at(0), rhs = lhs ? at(1) : std::nullopt;
        if (!rhs)
          return std::nullopt;
        return add(*lhs, *rhs, llvm::isa<SubOp>(op) ? -1 : 1);
      })
      .Case([&](MulOp) -> std::optional<Polynomial> {
        auto lhs = at(0), rhs = lhs ? at(1) : std::nullopt;
        return rhs ? multiply(*lhs, *rhs) : std::nullopt;
      })
      .Case([&](DivOp div) -> std::optional<Polynomial> {
        auto lhs = at(0);
        std::optional<double> divisor = raiser.isConstant(div.getRhs())
                                            ? raiser.getScalar(div.getRhs())
                                            : std::nullopt;
        if (!lhs || !divisor || *divisor == 0 || !std::isfinite(*divisor))
          return std::nullopt;
        for (auto &[degrees, coefficient] : *lhs)
          coefficient /= *divisor;
        return lhs;
      })
      .Case([&](NegOp) -> std::optional<Polynomial> {
        auto x = at(0);
        return x ? std::optional(add({}, *x, -1)) : std::nullopt;
      })
      .Case([&](PowOp pow) {
        return getPower(pow.getLhs(), pow.getRhs(), depth);
      })
      .Default([](Operation *) { return std::nullopt; });
}

/// k if the polynomial is k x.
static std::optional<double> getSlope(const Polynomial &polynomial) {
  if (polynomial.size() != 1 || polynomial.begin()->first != std::pair(1, 0))
    return std::nullopt;
  return polynomial.begin()->second;
}

/// True if `argument` is factor * sqrt(2/pi) * (x + 0.044715 x^3), with the
/// stored constants near to these.
static bool isTanhArgument(const Polynomial &argument, double factor) {
  auto linear = argument.find({1, 0}), cubic = argument.find({3, 0});
  if (argument.size() != 2 || linear == argument.end() ||
      cubic == argument.end())
    return false;
  return isNear(linear->second, factor * std::sqrt(2 / std::numbers::pi)) &&
         isNear(cubic->second / linear->second, 0.044715);
}

/// GELU with the constants as they are stored.
static GeluOp createGelu(Operation *root, Value base, GeluForm form,
                         double factor, std::optional<double> cubic,
                         Raiser &raiser) {
  OpBuilder builder(root);
  return raiser.create<GeluOp>(
      root, base, GeluFormAttr::get(builder.getContext(), form),
      builder.getF64FloatAttr(factor),
      cubic ? builder.getF64FloatAttr(*cubic) : FloatAttr());
}

static GeluOp createTanhGelu(Operation *root, Value base,
                             const Polynomial &argument, double scale,
                             Raiser &raiser) {
  double linear = argument.at({1, 0});
  return createGelu(root, base, GeluForm::Tanh, linear / scale,
                    argument.at({3, 0}) / linear, raiser);
}

/// The value as a float32 attribute holds it, if it does so exactly.
static std::optional<llvm::APFloat> getFloat(double value) {
  auto rounded = static_cast<float>(value);
  if (!std::isfinite(rounded) || static_cast<double>(rounded) != value)
    return std::nullopt;
  return llvm::APFloat(rounded);
}

/// The operation that the expanded root computes of `base`, or null.
static Operation *createActivation(Operation *root, Value base,
                                   const Polynomial &outer,
                                   const Expansion &expansion, Raiser &raiser) {
  const Polynomial xHalves{{{1, 0}, 0.5}, {{1, 1}, 0.5}};
  const Polynomial xTimesT{{{1, 1}, 1.0}};
  const Polynomial &argument = expansion.argument;
  std::optional<double> slope = getSlope(argument);
  switch (expansion.atom) {
  case Atom::Erf:
    if (outer == xHalves && slope && isNear(*slope, std::numbers::sqrt2 / 2))
      return createGelu(root, base, GeluForm::Erf, *slope, {}, raiser);
    return nullptr;
  case Atom::Tanh:
    if (outer == xHalves && isTanhArgument(argument, 1))
      return createTanhGelu(root, base, argument, 1, raiser);
    // limit * tanh(x / limit); with limit 1 it is tanh.
    if (slope && outer.size() == 1 && outer.begin()->first == std::pair(0, 1)) {
      double limit = outer.begin()->second;
      std::optional<llvm::APFloat> stored = getFloat(limit);
      // A slope above 1 by the rounding of a stored reciprocal is no soft cap.
      if (stored && limit > 0 && limit != 1 &&
          std::abs(*slope * limit - 1) <= 0x1p-52)
        return raiser.create<SoftCapOp>(root, base, *stored);
    }
    return nullptr;
  case Atom::Sigmoid:
    if (outer != xTimesT)
      return nullptr;
    // 0.5 (1 + tanh w) = sigmoid(2 w).
    if (isTanhArgument(argument, 2))
      return createTanhGelu(root, base, argument, 2, raiser);
    if (std::optional<llvm::APFloat> beta =
            slope ? getFloat(*slope) : std::nullopt)
      return raiser.create<SiluOp>(root, base, *beta);
    return nullptr;
  case Atom::TanhOfSoftplus:
    if (outer == xTimesT && slope == 1)
      return raiser.create<MishOp>(root, base);
    return nullptr;
  case Atom::Relu:
    if (outer == Polynomial{{{0, 2}, 1.0}} && slope == 1)
      return raiser.create<SquaredReluOp>(root, base);
    return nullptr;
  case Atom::HardSigmoid: {
    auto gate = llvm::cast<HardSigmoidOp>(expansion.atomOperation);
    if (outer == xTimesT && slope == 1 &&
        gate.getAlpha() == llvm::APFloat(1.0f / 6) &&
        gate.getBeta().convertToDouble() == 0.5)
      return raiser.create<HardSwishOp>(root, base);
    return nullptr;
  }
  case Atom::Clip: {
    auto clip = llvm::cast<ClipOp>(expansion.atomOperation);
    bool isSix = clip.getMin() && clip.getMax() && clip.getMin()->isZero() &&
                 clip.getMax()->convertToDouble() == 6;
    bool isSixth = outer.size() == 1 &&
                   outer.begin()->first == std::pair(1, 1) &&
                   std::abs(6 * outer.begin()->second - 1) <= 0x1p-52;
    if (isSix && isSixth &&
        argument == Polynomial{{{0, 0}, 3.0}, {{1, 0}, 1.0}})
      return raiser.create<HardSwishOp>(root, base);
    return nullptr;
  }
  case Atom::None:
    break;
  }
  return nullptr;
}

/// The varying values that arithmetic and functions T lead to from `root`,
/// nearest first.
static llvm::SmallSetVector<Value, 16>
collectCone(Operation *root, Raiser &raiser, bool &hasAtom) {
  constexpr size_t mostValues = 48;
  llvm::SmallSetVector<Value, 16> cone;
  auto enter = [&](Operation *op) {
    for (Value operand : op->getOperands())
      if (cone.size() < mostValues && !raiser.isConstant(operand))
        cone.insert(operand);
  };
  enter(root);
  for (size_t i = 0; i < cone.size(); ++i) {
    Operation *op = cone[i].getDefiningOp();
    if (!op ||
        !llvm::isa<AddOp, SubOp, MulOp, DivOp, NegOp, PowOp, ErfOp, TanhOp,
                   SigmoidOp, SoftplusOp, ReluOp, HardSigmoidOp, ClipOp>(op))
      continue;
    hasAtom |= getAtom(op) != Atom::None;
    enter(op);
  }
  return cone;
}

bool raiseActivation(Operation *root, Raiser &raiser) {
  if (!llvm::isa<MulOp, DivOp, AddOp, PowOp>(root))
    return false;
  bool hasAtom = false;
  llvm::SmallSetVector<Value, 16> cone = collectCone(root, raiser, hasAtom);
  if (!hasAtom)
    return false;
  for (Value base : cone) {
    if (!haveEqualSizes(base, root->getResult(0)))
      continue;
    Expansion expansion(base, raiser);
    std::optional<Polynomial> outer = expansion.expand(root->getResult(0));
    if (!outer || expansion.atom == Atom::None)
      continue;
    Operation *raised = createActivation(root, base, *outer, expansion, raiser);
    if (raised)
      return raiser.replace(root, raised, {base});
  }
  return false;
}

} // namespace lipt::raise
