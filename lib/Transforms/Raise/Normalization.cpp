//===- Normalization.cpp - Layer and RMS normalisation -----*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Given x and the axes A, every value of the form is one of a few quantities:
// the mean, a deviation, the inverse of its root and so on. They are derived
// from x upwards; the root has to be the normalised x with gain and bias.
//
// Shapes: a value is *full* (the sizes of x), *kept* (those with 1 along A;
// leading 1s may be missing, so that it broadcasts to x entry by group) or, for
// quantities of a group, *compact*: any shape with as many entries as there are
// groups. Compact ones are in the row-major order of the groups, since only
// reductions over A, reshapes and entrywise operations make them.
//
//===----------------------------------------------------------------------===//

#include "Raiser.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace lipt::raise {

namespace {

enum class Kind {
  Unknown,
  Scalar,  ///< a constant with one value
  Factor,  ///< another constant
  Input,   ///< x
  Square,  ///< x^2
  Centred, ///< x - mean
  CentredSquare,
  Mean,
  MeanSquare, ///< mean of x^2
  SquaredMean,
  Variance,
  Spread,        ///< variance or mean square, plus epsilon
  InverseSpread, ///< 1 / Spread
  Root,          ///< sqrt(Spread)
  InverseRoot,
  Normalized
};

struct Quantity {
  Kind kind = Kind::Unknown;
  bool centred = false; ///< of Spread and what follows
  bool summed = false;  ///< a sum instead of the mean
  double scalar = 0;    ///< Scalar: its value; from Spread on: epsilon
  Value gain, bias;     ///< constants applied so far

  Quantity(Kind kind = Kind::Unknown, bool summed = false, double scalar = 0)
      : kind(kind), summed(summed), scalar(scalar) {}

  /// One number a group.
  bool isStatistic() const {
    return kind >= Kind::Mean && kind <= Kind::InverseRoot && !gain;
  }
};

class Derivation {
public:
  Derivation(Value x, ArrayRef<int64_t> axes, Raiser &raiser)
      : x(x), axes(axes), raiser(raiser), full(getSizes(x)),
        kept(reduceSizes(full, axes)) {}

  Quantity derive(Value value, unsigned depth = 0);

private:
  Quantity compute(Value value, unsigned depth);
  Quantity deriveReduction(ReduceOp reduce, unsigned depth);
  Quantity deriveProduct(Operation *op, unsigned depth);
  Quantity deriveSum(Operation *op, unsigned depth);
  Quantity deriveExpand(ExpandOp expand, unsigned depth);

  bool isFull(Value value) { return getSizes(value) == full; }
  bool isKept(Value value) { return hasPaddedSizes(value, kept); }
  /// True if an entrywise operation combines entries of the same group.
  bool isAligned(Operation *op);
  /// True for a constant that varies along the normalised axes alone.
  bool isFactor(Value value);
  /// True if the factor meets the entries of x in the result.
  bool meetsFactor(Operation *op, unsigned operand);

  Value x;
  ArrayRef<int64_t> axes;
  Raiser &raiser;
  SmallVector<SymbolicSize> full, kept;
  llvm::DenseMap<Value, Quantity> known;
};

} // namespace

bool Derivation::isAligned(Operation *op) {
  Value lhs = op->getOperand(0), rhs = op->getOperand(1);
  Value result = op->getResult(0);
  if (haveEqualSizes(lhs, rhs))
    return haveEqualSizes(lhs, result);
  for (auto [constant, other] : {std::pair(lhs, rhs), std::pair(rhs, lhs)})
    if (raiser.isConstant(constant) && raiser.getScalar(constant))
      return haveEqualSizes(other, result);
  return isFull(result) &&
         ((isFull(lhs) && isKept(rhs)) || (isKept(lhs) && isFull(rhs)));
}

bool Derivation::isFactor(Value value) {
  SmallVector<SymbolicSize> sizes = getSizes(value);
  if (sizes.size() > full.size())
    return false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    size_t axis = full.size() - sizes.size() + i;
    if (sizes[i] != 1 &&
        (sizes[i] != full[axis] || !llvm::is_contained(axes, int64_t(axis))))
      return false;
  }
  return true;
}

bool Derivation::meetsFactor(Operation *op, unsigned operand) {
  Value other = op->getOperand(1 - operand);
  return isFactor(op->getOperand(operand)) && isFull(op->getResult(0)) &&
         (isFull(other) || isKept(other));
}

Quantity Derivation::derive(Value value, unsigned depth) {
  if (value == x)
    return {Kind::Input};
  if (auto found = known.find(value); found != known.end())
    return found->second;
  constexpr unsigned mostDepth = 32;
  Quantity result = depth < mostDepth ? compute(value, depth) : Quantity();
  known[value] = result;
  return result;
}

Quantity Derivation::compute(Value value, unsigned depth) {
  if (raiser.isConstant(value)) {
    if (std::optional<double> scalar = raiser.getScalar(value))
      return {Kind::Scalar, false, *scalar};
    return {Kind::Factor};
  }
  Operation *op = value.getDefiningOp();
  if (!op)
    return {};
  auto first = [&] { return derive(op->getOperand(0), depth + 1); };
  auto become = [](Quantity quantity, Kind from, Kind to) {
    bool fits = quantity.kind == from && !quantity.gain;
    quantity.kind = fits ? to : Kind::Unknown;
    return quantity;
  };
  return llvm::TypeSwitch<Operation *, Quantity>(op)
      .Case([&](ReduceOp reduce) { return deriveReduction(reduce, depth); })
      .Case([&](ReshapeOp) {
        Quantity quantity = first();
        return quantity.isStatistic() && !isFull(op->getOperand(0))
                   ? quantity
                   : Quantity();
      })
      .Case([&](ExpandOp expand) { return deriveExpand(expand, depth); })
      .Case([&](SqrtOp) {
        Quantity quantity = first();
        return quantity.kind == Kind::InverseSpread
                   ? become(quantity, Kind::InverseSpread, Kind::InverseRoot)
                   : become(quantity, Kind::Spread, Kind::Root);
      })
      .Case([&](ReciprocalOp) {
        Quantity quantity = first();
        return quantity.kind == Kind::Spread
                   ? become(quantity, Kind::Spread, Kind::InverseSpread)
                   : become(quantity, Kind::Root, Kind::InverseRoot);
      })
      // A variance is not negative: rounding alone makes this differ.
      .Case([&](ReluOp) {
        return become(first(), Kind::Variance, Kind::Variance);
      })
      .Case<MulOp, DivOp, PowOp>([&](auto) { return deriveProduct(op, depth); })
      .Case<AddOp, SubOp, MaximumOp>([&](auto) { return deriveSum(op, depth); })
      .Default([](Operation *) { return Quantity(); });
}

Quantity Derivation::deriveReduction(ReduceOp reduce, unsigned depth) {
  if (reduce.getAxes() != axes || !isFull(reduce.getInput()))
    return {};
  Quantity quantity = derive(reduce.getInput(), depth + 1);
  ReductionKind kind = reduce.getKind();
  if (kind == ReductionKind::SumSquare) {
    if (quantity.kind == Kind::Input)
      quantity.kind = Kind::Square;
    else if (quantity.kind == Kind::Centred)
      quantity.kind = Kind::CentredSquare;
    else
      return {};
    kind = ReductionKind::Sum;
  }
  if (kind != ReductionKind::Mean && kind != ReductionKind::Sum)
    return {};
  bool summed = kind == ReductionKind::Sum;
  switch (quantity.kind) {
  case Kind::Input:
    return {Kind::Mean, summed};
  case Kind::Square:
    return {Kind::MeanSquare, summed};
  case Kind::CentredSquare:
    return {Kind::Variance, summed};
  default:
    return {};
  }
}

Quantity Derivation::deriveExpand(ExpandOp expand, unsigned depth) {
  Quantity quantity = derive(expand.getInput(), depth + 1);
  bool addsNone =
      getCount(getSizes(expand.getInput())) == getCount(getSizes(expand));
  bool spreads = isKept(expand.getInput()) && isFull(expand);
  return quantity.isStatistic() && (addsNone || spreads) ? quantity
                                                         : Quantity();
}

/// True if the scalar turns a sum over the groups into their mean.
static bool dividesByCount(double scalar, bool isDivision,
                           const SymbolicSize &total,
                           const SymbolicSize &groups) {
  std::optional<SymbolicSize> quotient = total.dividedBy(groups);
  std::optional<int64_t> count =
      quotient ? quotient->getStatic() : std::nullopt;
  if (!count || *count < 1)
    return false;
  return isDivision ? scalar == static_cast<double>(*count)
                    : isReciprocal(scalar, *count);
}

Quantity Derivation::deriveProduct(Operation *op, unsigned depth) {
  Quantity lhs = derive(op->getOperand(0), depth + 1);
  Quantity rhs = derive(op->getOperand(1), depth + 1);
  bool isDivision = llvm::isa<DivOp>(op);
  bool isAlignedHere = isAligned(op);

  if (llvm::isa<PowOp>(op)) {
    if (rhs.kind != Kind::Scalar || !isAlignedHere || lhs.gain)
      return {};
    if (rhs.scalar == 2)
      rhs = lhs;
    else if (lhs.kind == Kind::Spread && std::abs(rhs.scalar) == 0.5) {
      lhs.kind = rhs.scalar > 0 ? Kind::Root : Kind::InverseRoot;
      return lhs;
    } else
      return {};
  } else if (isDivision) {
    // Division by a root is multiplication by its inverse.
    if (rhs.kind == Kind::Root && !rhs.gain) {
      rhs.kind = Kind::InverseRoot;
      if (lhs.kind == Kind::Scalar)
        return lhs.scalar == 1 && isAlignedHere ? rhs : Quantity();
    } else if (rhs.kind != Kind::Scalar)
      return {};
  }

  if (lhs.kind > rhs.kind) {
    std::swap(lhs, rhs);
  }
  unsigned constantOperand = raiser.isConstant(op->getOperand(0)) ? 0 : 1;
  if (lhs.kind == Kind::Scalar || lhs.kind == Kind::Factor) {
    if (rhs.summed && lhs.kind == Kind::Scalar && isAlignedHere &&
        dividesByCount(lhs.scalar, isDivision, getCount(full),
                       getCount(kept))) {
      rhs.summed = false;
      return rhs;
    }
    // The gain, once.
    bool takesGain = rhs.kind == Kind::Centred ||
                     rhs.kind == Kind::InverseRoot ||
                     rhs.kind == Kind::Normalized;
    if (isDivision || !takesGain || rhs.gain || rhs.bias ||
        !meetsFactor(op, constantOperand))
      return {};
    rhs.gain = op->getOperand(constantOperand);
    return rhs;
  }
  if (!isAlignedHere)
    return {};
  // Squares: both operands are the same value.
  bool isSquare = llvm::isa<PowOp>(op) ||
                  (!isDivision && op->getOperand(0) == op->getOperand(1));
  if (isSquare && !lhs.gain && !lhs.summed) {
    if (lhs.kind == Kind::Input)
      return {Kind::Square};
    if (lhs.kind == Kind::Centred)
      return {Kind::CentredSquare};
    if (lhs.kind == Kind::Mean)
      return {Kind::SquaredMean};
    return {};
  }
  bool isNumerator = lhs.kind == Kind::Centred || lhs.kind == Kind::Input;
  if (!isNumerator || rhs.kind != Kind::InverseRoot ||
      rhs.centred != (lhs.kind == Kind::Centred) || (lhs.gain && rhs.gain) ||
      !isFull(op->getResult(0)))
    return {};
  rhs.kind = Kind::Normalized;
  if (lhs.gain)
    rhs.gain = lhs.gain;
  return rhs;
}

Quantity Derivation::deriveSum(Operation *op, unsigned depth) {
  Quantity lhs = derive(op->getOperand(0), depth + 1);
  Quantity rhs = derive(op->getOperand(1), depth + 1);
  bool isAlignedHere = isAligned(op);
  if (llvm::isa<SubOp>(op)) {
    if (!isAlignedHere || lhs.gain || rhs.gain || lhs.summed || rhs.summed)
      return {};
    if (lhs.kind == Kind::Input && rhs.kind == Kind::Mean &&
        isFull(op->getResult(0)))
      return {Kind::Centred};
    if (lhs.kind == Kind::MeanSquare && rhs.kind == Kind::SquaredMean)
      return {Kind::Variance};
    return {};
  }
  if (lhs.kind > rhs.kind)
    std::swap(lhs, rhs);
  unsigned constantOperand = raiser.isConstant(op->getOperand(0)) ? 0 : 1;
  if (lhs.kind != Kind::Scalar && lhs.kind != Kind::Factor)
    return {};
  bool isScalar = lhs.kind == Kind::Scalar && isAlignedHere;
  if (llvm::isa<MaximumOp>(op))
    return isScalar && lhs.scalar == 0 && rhs.kind == Kind::Variance
               ? rhs
               : Quantity();
  if (rhs.kind == Kind::Normalized) {
    if (rhs.bias || !meetsFactor(op, constantOperand))
      return {};
    rhs.bias = op->getOperand(constantOperand);
    return rhs;
  }
  bool takesEpsilon =
      rhs.kind == Kind::Variance || rhs.kind == Kind::MeanSquare;
  if (!isScalar || !takesEpsilon || rhs.summed || !(lhs.scalar > 0))
    return {};
  rhs.centred = rhs.kind == Kind::Variance;
  rhs.kind = Kind::Spread;
  rhs.scalar = lhs.scalar;
  return rhs;
}

//===----------------------------------------------------------------------===//
// Finding x
//===----------------------------------------------------------------------===//

/// What lies between a normalised value and its reductions, root first; stops
/// at reductions.
static void collectReductions(Operation *root, Raiser &raiser,
                              SmallVectorImpl<ReduceOp> &reductions) {
  constexpr size_t mostOperations = 40;
  llvm::SmallSetVector<Operation *, 16> cone;
  cone.insert(root);
  for (size_t i = 0; i < cone.size() && i < mostOperations; ++i) {
    if (auto reduce = llvm::dyn_cast<ReduceOp>(cone[i])) {
      reductions.push_back(reduce);
      continue;
    }
    if (!llvm::isa<AddOp, SubOp, MulOp, DivOp, PowOp, SqrtOp, ReciprocalOp,
                   ReshapeOp, ExpandOp, MaximumOp, ReluOp>(cone[i]))
      continue;
    for (Value operand : cone[i]->getOperands())
      if (Operation *op = operand.getDefiningOp();
          op && !raiser.isConstant(operand))
        cone.insert(op);
  }
}

/// What x may be, given a reduction of its square, of the square of x - mean,
/// or of x itself.
static SmallVector<Value> getCandidates(ReduceOp reduce) {
  SmallVector<Value> candidates{reduce.getInput()};
  Operation *op = reduce.getInput().getDefiningOp();
  if (op && llvm::isa<MulOp, PowOp>(op)) {
    candidates.push_back(op->getOperand(0));
    op = op->getOperand(0).getDefiningOp();
  }
  if (op && llvm::isa<SubOp>(op))
    candidates.push_back(op->getOperand(0));
  return candidates;
}

/// The constant without leading axes of size 1 beyond `rank`, which norm layers
/// over the last axes do not have.
static Value dropLeading(Operation *root, Value constant, size_t rank,
                         Raiser &raiser) {
  Axes axes = constant ? getAxes(constant.getType()) : Axes();
  if (axes.size() <= rank)
    return constant;
  RankedTensorType type =
      makeTensorType(ArrayRef<Axis>(axes).take_back(rank),
                     getElementTypeOrSelf(constant.getType()));
  return raiser.create<ReshapeOp>(root, type, constant);
}

static Operation *createNorm(Operation *root, Value x, ArrayRef<int64_t> axes,
                             const Quantity &norm, Raiser &raiser) {
  auto epsilon = static_cast<float>(norm.scalar);
  if (static_cast<double>(epsilon) != norm.scalar)
    return nullptr;
  int64_t rank = getSizes(x).size(), first = axes.front();
  OpBuilder builder(root);
  IntegerAttr axis = builder.getI64IntegerAttr(first);
  DenseI64ArrayAttr listed;
  Value gain = norm.gain, bias = norm.bias;
  if (rank - first == static_cast<int64_t>(axes.size())) {
    gain = dropLeading(root, gain, axes.size(), raiser);
    bias = dropLeading(root, bias, axes.size(), raiser);
  } else {
    listed = builder.getDenseI64ArrayAttr(axes);
  }
  FloatAttr stored = builder.getF32FloatAttr(epsilon);
  if (norm.centred)
    return raiser.create<LayerNormOp>(root, x, gain, bias, axis, stored,
                                      listed);
  // RMS normalisation has no bias: the sum stays, its operand is the root.
  return bias ? nullptr
              : raiser.create<RmsNormOp>(root, x, gain, axis, stored, listed)
                    .getOperation();
}

/// Tries the groups of one reduction; `centred` asks for layer normalisation.
static bool raiseWith(ReduceOp reduce, Operation *root, bool centred,
                      Raiser &raiser) {
  SmallVector<int64_t> axes(reduce.getAxes());
  if (axes.empty() || !llvm::is_sorted(axes))
    return false;
  for (Value x : getCandidates(reduce)) {
    if (raiser.isConstant(x) || !haveEqualSizes(x, root->getResult(0)) ||
        !haveEqualSizes(x, reduce.getInput()))
      continue;
    // A group of one entry would make full and kept shapes the same.
    SmallVector<SymbolicSize> sizes = getSizes(x);
    if (sizes == reduceSizes(sizes, axes))
      continue;
    Quantity norm = Derivation(x, axes, raiser).derive(root->getResult(0));
    if (norm.kind == Kind::Normalized && norm.centred == centred &&
        raiser.replace(root, createNorm(root, x, axes, norm, raiser), {x}))
      return true;
  }
  return false;
}

bool raiseNormalization(Operation *root, Raiser &raiser) {
  if (!llvm::isa<AddOp, MulOp, DivOp>(root))
    return false;
  SmallVector<ReduceOp> reductions;
  collectReductions(root, raiser, reductions);
  // Layer normalisation of x is RMS normalisation of x - mean: the former says
  // more.
  for (bool centred : {true, false})
    for (ReduceOp reduce : reductions)
      if (raiseWith(reduce, root, centred, raiser))
        return true;
  return false;
}

} // namespace lipt::raise
