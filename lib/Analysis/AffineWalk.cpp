//===- AffineWalk.cpp - Per-position affine maps found in the IR ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Analysis/AffineWalk.h"

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

using namespace lipt;
using namespace mlir;

/// MLIR has an AffineExpr of its own.
using MapExpr = lipt::AffineExpr;

/// Selections of more rows than this are not worth a map.
static constexpr int64_t maxWidth = int64_t(1) << 20;

std::optional<int64_t> lipt::getWidth(ArrayRef<Axis> axes) {
  SymbolicSize width(1);
  for (const Axis &axis : axes)
    if (!axis.isPosition())
      width = width * axis.size;
  std::optional<int64_t> value = width.getStatic();
  return value && *value > 0 ? value : std::nullopt;
}

bool lipt::reshapeKeepsPositions(ArrayRef<Axis> from, ArrayRef<Axis> to) {
  size_t i = 0, j = 0;
  const SymbolicSize one(1);
  while (i < from.size() || j < to.size()) {
    // Grow the shorter side until both products agree.
    SymbolicSize left(1), right(1);
    bool position = false, width = false;
    auto take = [&](const Axis &axis, SymbolicSize &product) {
      product = product * axis.size;
      if (axis.size == one)
        return;
      (axis.isPosition() ? position : width) = true;
    };
    if (i < from.size())
      take(from[i++], left);
    if (j < to.size())
      take(to[j++], right);
    while (!(left == right)) {
      bool growLeft = right.dividedBy(left).has_value();
      if (growLeft && i < from.size())
        take(from[i++], left);
      else if (left.dividedBy(right) && j < to.size())
        take(to[j++], right);
      else
        return false;
    }
    if (position && width)
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Building maps
//===----------------------------------------------------------------------===//

static AffineRef makeIdentity(int64_t width) {
  auto expr = std::make_shared<MapExpr>();
  expr->width = width;
  return expr;
}

static AffineRef makeUnary(MapExpr::Kind kind, AffineRef operand,
                           ConstantRef constant, double alpha = 1) {
  auto expr = std::make_shared<MapExpr>();
  expr->kind = kind;
  expr->width = operand->width;
  expr->operands = {std::move(operand)};
  expr->constant = std::move(constant);
  expr->alpha = alpha;
  return expr;
}

static AffineRef makeSelect(AffineRef operand, std::vector<int64_t> rows) {
  std::vector<int64_t> all(operand->width);
  std::iota(all.begin(), all.end(), 0);
  if (rows == all)
    return operand;
  auto expr = std::make_shared<MapExpr>();
  expr->kind = MapExpr::Kind::Select;
  expr->width = static_cast<int64_t>(rows.size());
  expr->operands = {std::move(operand)};
  expr->rows = std::move(rows);
  return expr;
}

static AffineRef makeSum(std::vector<AffineRef> operands,
                         std::vector<double> factors) {
  auto expr = std::make_shared<MapExpr>();
  expr->kind = MapExpr::Kind::Sum;
  expr->width = operands.front()->width;
  expr->operands = std::move(operands);
  expr->factors = std::move(factors);
  return expr;
}

static ConstantRef makeReshape(ConstantRef operand, std::vector<int64_t> shape,
                               ConstantExpr::Kind kind) {
  if (operand->shape == shape)
    return operand;
  // A reshape there and back is the constant itself, which keeps what the
  // evaluator knows about its rounding.
  if (kind == ConstantExpr::Kind::Reshape && operand->kind == kind &&
      operand->operands.front()->shape == shape)
    return operand->operands.front();
  auto expr = std::make_shared<ConstantExpr>();
  expr->kind = kind;
  expr->type = operand->type;
  expr->shape = std::move(shape);
  expr->operands = {std::move(operand)};
  return expr;
}

ConstantRef AffineWalk::asWidthVector(Value constant, ArrayRef<Axis> axes) {
  ConstantRef expr = constants.lower(constant);
  std::optional<int64_t> width = getWidth(axes);
  if (!expr || !width || expr->shape.size() > axes.size())
    return nullptr;
  std::vector<int64_t> aligned(axes.size() - expr->shape.size(), 1);
  aligned.insert(aligned.end(), expr->shape.begin(), expr->shape.end());
  std::vector<int64_t> target;
  for (auto [axis, size] : llvm::zip_equal(axes, aligned)) {
    if (axis.isPosition()) {
      if (size != 1)
        return nullptr;
      target.push_back(1);
      continue;
    }
    int64_t axisSize = *axis.size.getStatic();
    if (size != 1 && size != axisSize)
      return nullptr;
    target.push_back(axisSize);
  }
  expr = makeReshape(expr, aligned, ConstantExpr::Kind::Reshape);
  expr = makeReshape(expr, target, ConstantExpr::Kind::Expand);
  return makeReshape(expr, {*width}, ConstantExpr::Kind::Reshape);
}

/// Rows that keep entries `selected` along axis `axis` of the width vector.
static std::optional<std::vector<int64_t>>
selectAlong(ArrayRef<Axis> axes, int64_t axis, ArrayRef<int64_t> selected) {
  int64_t outer = 1, inner = 1, length = *axes[axis].size.getStatic();
  for (auto [index, other] : llvm::enumerate(axes)) {
    if (other.isPosition() || static_cast<int64_t>(index) == axis)
      continue;
    int64_t size = *other.size.getStatic();
    (static_cast<int64_t>(index) < axis ? outer : inner) *= size;
  }
  if (outer * inner > maxWidth / std::max<int64_t>(1, selected.size()))
    return std::nullopt;
  std::vector<int64_t> rows;
  rows.reserve(outer * selected.size() * inner);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t entry : selected)
      for (int64_t i = 0; i < inner; ++i) {
        if (entry < 0 || entry >= length)
          return std::nullopt;
        rows.push_back((o * length + entry) * inner + i);
      }
  return rows;
}

/// The row permutation of a transpose: result width index → operand's.
static std::vector<int64_t> transposeRows(ArrayRef<Axis> input,
                                          ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> strides(input.size(), 0);
  int64_t stride = 1;
  for (int64_t axis = input.size() - 1; axis >= 0; --axis)
    if (!input[axis].isPosition()) {
      strides[axis] = stride;
      stride *= *input[axis].size.getStatic();
    }
  std::vector<int64_t> rows{0};
  for (int64_t axis : permutation) {
    if (input[axis].isPosition())
      continue;
    std::vector<int64_t> next;
    next.reserve(rows.size() * *input[axis].size.getStatic());
    for (int64_t base : rows)
      for (int64_t i = 0; i < *input[axis].size.getStatic(); ++i)
        next.push_back(base + i * strides[axis]);
    rows = std::move(next);
  }
  return rows;
}

/// True if a transpose changes the order of position axes.
static bool reordersPositions(ArrayRef<Axis> input,
                              ArrayRef<int64_t> permutation) {
  const SymbolicSize one(1);
  int64_t last = -1;
  for (int64_t axis : permutation) {
    if (!input[axis].isPosition() || input[axis].size == one)
      continue;
    if (axis < last)
      return true;
    last = axis;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

const AffineImage &AffineWalk::walk(Value value) {
  auto it = images.find(value);
  if (it != images.end())
    return it->second;
  AffineImage image = compute(value);
  return images[value] = std::move(image);
}

std::optional<AffineImage> AffineWalk::step(Value value) {
  // A walk from operands that are their own sources.
  AffineWalk single(constants);
  if (Operation *op = value.getDefiningOp())
    for (Value operand : op->getOperands())
      if (std::optional<int64_t> width = getWidth(getAxes(operand.getType())))
        single.images[operand] = {makeIdentity(*width), operand};
  AffineImage image = single.compute(value);
  if (image.source == value && !image.normalized)
    return std::nullopt;
  return image;
}

AffineImage AffineWalk::compute(Value value) {
  Axes axes = getAxes(value.getType());
  std::optional<int64_t> width = getWidth(axes);
  AffineImage self{width ? makeIdentity(*width) : nullptr, value};
  Operation *op = value.getDefiningOp();
  if (!op || !width || *width > maxWidth)
    return self;
  auto varying = [&](Value operand) { return !constants.isConstant(operand); };
  /// The image of an operand that keeps the result's shape.
  auto imageOf = [&](Value operand) -> std::optional<AffineImage> {
    if (!varying(operand))
      return std::nullopt;
    const AffineImage &image = walk(operand);
    if (!image.map)
      return std::nullopt;
    return image;
  };
  auto sameShape = [&](Value operand) {
    return getAxes(operand.getType()).size() == axes.size() &&
           llvm::all_of(
               llvm::zip(getAxes(operand.getType()), axes), [](auto pair) {
                 return std::get<0>(pair).size == std::get<1>(pair).size;
               });
  };
  auto derive = [&](const AffineImage &from, AffineRef map, unsigned factors) {
    AffineImage image = from;
    image.map = std::move(map);
    image.factors += factors;
    return image;
  };
  auto withVector = [&](Value operand, Value constant, MapExpr::Kind kind,
                        double alpha, unsigned factors) -> AffineImage {
    auto image = imageOf(operand);
    if (!image || !sameShape(operand))
      return self;
    ConstantRef vector = asWidthVector(constant, axes);
    if (!vector)
      return self;
    return derive(*image, makeUnary(kind, image->map, vector, alpha), factors);
  };
  auto sumOf = [&](ArrayRef<Value> operands,
                   ArrayRef<double> factors) -> AffineImage {
    std::vector<AffineRef> maps;
    AffineImage result;
    for (Value operand : operands) {
      auto image = imageOf(operand);
      if (!image || !sameShape(operand))
        return self;
      if (!maps.empty() && !image->isAlignedWith(result))
        return self;
      unsigned factorCount = result.factors + image->factors;
      result = *image;
      result.factors = factorCount;
      maps.push_back(image->map);
    }
    result.map = makeSum(std::move(maps), {factors.begin(), factors.end()});
    ++result.factors;
    return result;
  };
  /// The image after a selection along a position axis.
  auto arranged = [&](AffineImage image, ArrayRef<Axis> inputAxes, int64_t axis,
                      ArrayRef<int64_t> selected,
                      std::string count = "") -> AffineImage {
    llvm::raw_string_ostream os(image.arrangement);
    for (const Axis &inputAxis : inputAxes)
      if (inputAxis.isPosition())
        os << inputAxis.size.toString() << ",";
    os << "@" << axis << ":" << count << "[";
    llvm::interleaveComma(selected, os);
    os << "];";
    return image;
  };
  auto select = [&](Value operand, int64_t axis,
                    ArrayRef<int64_t> selected) -> AffineImage {
    auto image = imageOf(operand);
    Axes inputAxes = getAxes(operand.getType());
    if (!image)
      return self;
    if (inputAxes[axis].isPosition()) {
      // Some of the positions, each once: the same map at each.
      SmallVector<int64_t> sorted(selected);
      llvm::sort(sorted);
      bool distinct =
          std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
      return distinct ? *image : self;
    }
    auto rows = selectAlong(inputAxes, axis, selected);
    if (!rows)
      return self;
    return derive(*image, makeSelect(image->map, std::move(*rows)), 0);
  };

  return llvm::TypeSwitch<Operation *, AffineImage>(op)
      .Case([&](LinearOp linear) -> AffineImage {
        auto image = imageOf(linear.getInput());
        ConstantRef weight = constants.lower(linear.getWeight());
        Axes inputAxes = getAxes(linear.getInput().getType());
        if (!image || !weight || inputAxes.back().isPosition())
          return self;
        auto map = std::make_shared<MapExpr>();
        map->kind = MapExpr::Kind::Linear;
        map->width = *width;
        map->operands = {image->map};
        map->constant = weight;
        map->transposed = linear.getTransposeWeight();
        map->alpha = linear.getAlpha().convertToDouble();
        map->blocks = image->map->width / *inputAxes.back().size.getStatic();
        AffineRef result = map;
        if (Value bias = linear.getBias()) {
          ConstantRef vector = asWidthVector(bias, axes);
          if (!vector)
            return self;
          result = makeUnary(MapExpr::Kind::Add, result, vector,
                             linear.getBeta().convertToDouble());
        }
        return derive(*image, result, 1);
      })
      .Case([&](AddOp add) -> AffineImage {
        if (!varying(add.getLhs()))
          return withVector(add.getRhs(), add.getLhs(), MapExpr::Kind::Add, 1,
                            0);
        if (!varying(add.getRhs()))
          return withVector(add.getLhs(), add.getRhs(), MapExpr::Kind::Add, 1,
                            0);
        return sumOf({add.getLhs(), add.getRhs()}, {1, 1});
      })
      .Case([&](SubOp sub) -> AffineImage {
        if (!varying(sub.getRhs()))
          return withVector(sub.getLhs(), sub.getRhs(), MapExpr::Kind::Add, -1,
                            0);
        if (varying(sub.getLhs()))
          return sumOf({sub.getLhs(), sub.getRhs()}, {1, -1});
        AffineImage negated = sumOf({sub.getRhs()}, {-1});
        ConstantRef vector = asWidthVector(sub.getLhs(), axes);
        if (negated.source == value || !vector)
          return self;
        return derive(negated,
                      makeUnary(MapExpr::Kind::Add, negated.map, vector), 0);
      })
      .Case([&](MulOp mul) -> AffineImage {
        if (!varying(mul.getLhs()))
          return withVector(mul.getRhs(), mul.getLhs(), MapExpr::Kind::Scale, 1,
                            1);
        if (!varying(mul.getRhs()))
          return withVector(mul.getLhs(), mul.getRhs(), MapExpr::Kind::Scale, 1,
                            1);
        return self;
      })
      .Case([&](DivOp div) -> AffineImage {
        if (varying(div.getRhs()))
          return self;
        return withVector(div.getLhs(), div.getRhs(), MapExpr::Kind::Divide, 1,
                          1);
      })
      .Case([&](NegOp neg) { return sumOf({neg.getInput()}, {-1}); })
      .Case([&](ResidualMixOp mix) {
        return sumOf({mix.getStream(), mix.getBranch()},
                     {mix.getStreamFactor().convertToDouble(),
                      mix.getBranchFactor().convertToDouble()});
      })
      .Case([&](SumOp sum) {
        SmallVector<Value> operands(sum.getInputs());
        return sumOf(operands, SmallVector<double>(operands.size(), 1));
      })
      .Case([&](BatchNormOp norm) -> AffineImage {
        auto image = imageOf(norm.getInput());
        if (!image || axes.size() < 2 || axes[1].isPosition())
          return self;
        // Per-channel vectors stand along axis 1 of the width axes.
        double epsilon = norm.getEpsilon().convertToDouble();
        auto [scale, shift] = makeBatchNormVectors(
            constants.lower(norm.getScale()), constants.lower(norm.getBias()),
            constants.lower(norm.getMean()),
            constants.lower(norm.getVariance()), epsilon);
        if (!scale || !shift)
          return self;
        std::vector<int64_t> aligned, target;
        for (auto [index, axis] : llvm::enumerate(axes)) {
          aligned.push_back(index == 1 ? *axis.size.getStatic() : 1);
          target.push_back(axis.isPosition() ? 1 : *axis.size.getStatic());
        }
        auto spread = [&](ConstantRef vector) {
          vector = makeReshape(vector, aligned, ConstantExpr::Kind::Reshape);
          vector = makeReshape(vector, target, ConstantExpr::Kind::Expand);
          return makeReshape(vector, {*width}, ConstantExpr::Kind::Reshape);
        };
        AffineRef map =
            makeUnary(MapExpr::Kind::Scale, image->map, spread(scale));
        map = makeUnary(MapExpr::Kind::Add, map, spread(shift));
        return derive(*image, map, 1);
      })
      .Case<LayerNormOp, RmsNormOp>([&](auto norm) -> AffineImage {
        // norm(value): only if exactly the width axes are normalised.
        int64_t first = norm.getAxis();
        std::optional<ArrayRef<int64_t>> listed = norm.getAxes();
        const SymbolicSize one(1);
        for (auto [index, axis] : llvm::enumerate(axes)) {
          auto number = static_cast<int64_t>(index);
          bool isNormalized =
              listed ? llvm::is_contained(*listed, number) : number >= first;
          if (axis.size != one && axis.isPosition() == isNormalized)
            return self;
        }
        AffineImage image{makeIdentity(*width), value};
        image.normalized = true;
        image.factors = 1;
        if (Value gain = norm.getGain()) {
          ConstantRef vector = asWidthVector(gain, axes);
          if (!vector)
            return self;
          image.map = makeUnary(MapExpr::Kind::Scale, image.map, vector);
        }
        if constexpr (std::is_same_v<decltype(norm), LayerNormOp>)
          if (Value bias = norm.getBias()) {
            ConstantRef vector = asWidthVector(bias, axes);
            if (!vector)
              return self;
            image.map = makeUnary(MapExpr::Kind::Add, image.map, vector);
          }
        return image;
      })
      .Case([&](ReshapeOp reshape) -> AffineImage {
        auto image = imageOf(reshape.getInput());
        if (!image ||
            !reshapeKeepsPositions(getAxes(reshape.getInput().getType()), axes))
          return self;
        return *image;
      })
      .Case([&](TransposeOp transpose) -> AffineImage {
        auto image = imageOf(transpose.getInput());
        if (!image)
          return self;
        Axes inputAxes = getAxes(transpose.getInput().getType());
        if (reordersPositions(inputAxes, transpose.getPermutation()))
          return self;
        return derive(
            *image,
            makeSelect(image->map,
                       transposeRows(inputAxes, transpose.getPermutation())),
            0);
      })
      .Case([&](SliceOp slice) -> AffineImage {
        Axes inputAxes = getAxes(slice.getInput().getType());
        std::optional<int64_t> cut;
        for (auto [index, pair] : llvm::enumerate(llvm::zip(inputAxes, axes))) {
          bool whole = std::get<0>(pair).size == std::get<1>(pair).size &&
                       slice.getStarts()[index] == 0 &&
                       slice.getSteps()[index] == 1;
          if (whole)
            continue;
          if (cut)
            return self;
          cut = index;
        }
        if (!cut) {
          auto image = imageOf(slice.getInput());
          return image ? *image : self;
        }
        if (inputAxes[*cut].isPosition()) {
          // Some of the positions, each once: the same map at each.
          auto image = imageOf(slice.getInput());
          if (!image || slice.getSteps()[*cut] == 0)
            return self;
          return arranged(*image, inputAxes, *cut,
                          {slice.getStarts()[*cut], slice.getSteps()[*cut]},
                          axes[*cut].size.toString());
        }
        SmallVector<int64_t> selected;
        for (int64_t i = 0; i < *axes[*cut].size.getStatic(); ++i)
          selected.push_back(slice.getStarts()[*cut] +
                             i * slice.getSteps()[*cut]);
        return select(slice.getInput(), *cut, selected);
      })
      .Case([&](SplitOp split) -> AffineImage {
        int64_t start = 0;
        unsigned part = llvm::cast<OpResult>(value).getResultNumber();
        for (unsigned i = 0; i < part; ++i)
          start += split.getSizes()[i];
        SmallVector<int64_t> selected(split.getSizes()[part]);
        std::iota(selected.begin(), selected.end(), start);
        return select(split.getInput(), split.getAxis(), selected);
      })
      .Case([&](GatherOp gather) -> AffineImage {
        ConstantRef indices = constants.isConstant(gather.getIndices())
                                  ? constants.lower(gather.getIndices())
                                  : nullptr;
        if (!indices || indices->kind != ConstantExpr::Kind::Dense ||
            !varying(gather.getInput()))
          return self;
        Axes inputAxes = getAxes(gather.getInput().getType());
        std::optional<int64_t> length =
            inputAxes[gather.getAxis()].size.getStatic();
        if (!length)
          return self;
        SmallVector<int64_t> selected;
        for (double entry : indices->values)
          selected.push_back(static_cast<int64_t>(entry) +
                             (entry < 0 ? *length : 0));
        return select(gather.getInput(), gather.getAxis(), selected);
      })
      .Case([&](ConcatOp concat) -> AffineImage {
        int64_t axis = concat.getAxis();
        if (axes[axis].isPosition() || concat.getInputs().empty())
          return self;
        auto stack = std::make_shared<MapExpr>();
        stack->kind = MapExpr::Kind::Stack;
        AffineImage result;
        SmallVector<int64_t> lengths;
        for (Value operand : concat.getInputs()) {
          auto image = imageOf(operand);
          if (!image || (result.source && !image->isAlignedWith(result)))
            return self;
          unsigned factors = result.factors + image->factors;
          result = *image;
          result.factors = factors;
          stack->width += image->map->width;
          stack->operands.push_back(image->map);
          lengths.push_back(*getAxes(operand.getType())[axis].size.getStatic());
        }
        // Stacked parts lie one after the other; the tensor interleaves them
        // inside the axes before the concatenated one.
        int64_t outer = 1, inner = 1;
        for (auto [index, other] : llvm::enumerate(axes))
          if (!other.isPosition() && static_cast<int64_t>(index) != axis)
            (static_cast<int64_t>(index) < axis ? outer : inner) *=
                *other.size.getStatic();
        std::vector<int64_t> rows;
        for (int64_t o = 0; o < outer; ++o) {
          int64_t offset = 0;
          for (int64_t length : lengths) {
            for (int64_t i = 0; i < length * inner; ++i)
              rows.push_back(offset + o * length * inner + i);
            offset += outer * length * inner;
          }
        }
        result.map = makeSelect(stack, std::move(rows));
        return result;
      })
      .Case([&](CastOp cast) -> AffineImage {
        auto image = imageOf(cast.getInput());
        if (!image || !isWideningFloatCast(cast))
          return self;
        return *image;
      })
      .Default([&](Operation *) { return self; });
}
