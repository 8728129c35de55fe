//===- ConstantEvaluator.cpp - Values of constant expressions ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Certificate/ConstantEvaluator.h"

#include "ConstantOps.h"

#include <algorithm>
#include <cmath>

using namespace lipt;

/// 1 GB of doubles: beyond any constant that is not a plain weight matrix.
static constexpr int64_t maxEntries = int64_t(1) << 27;
static constexpr size_t keptEntries = size_t(1) << 16;
static constexpr unsigned maxDepth = 2000;

std::optional<int64_t> lipt::countEntries(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(count, size, &count) ||
        count > (int64_t(1) << 40))
      return std::nullopt;
  return count;
}

bool lipt::isFloat(ElementType type) {
  switch (type) {
  case ElementType::Float32:
  case ElementType::Float64:
  case ElementType::Float16:
  case ElementType::BFloat16:
  case ElementType::Float8E4M3FN:
  case ElementType::Float8E4M3FNUZ:
  case ElementType::Float8E5M2:
  case ElementType::Float8E5M2FNUZ:
    return true;
  default:
    return false;
  }
}

/// Rounds to `precision` significant bits with least exponent `minExponent` (of
/// the last bit of a subnormal), ties to even; overflow goes to infinity.
static double roundToPrecision(double value, int precision, int minExponent,
                               double largest) {
  if (value == 0 || !std::isfinite(value))
    return value;
  int exponent = std::max(std::ilogb(value) - precision + 1, minExponent);
  double rounded =
      std::ldexp(std::nearbyint(std::ldexp(value, -exponent)), exponent);
  return std::abs(rounded) > largest
             ? std::copysign(std::numeric_limits<double>::infinity(), value)
             : rounded;
}

double lipt::roundTo(ElementType type, double value, bool &fits) {
  auto integer = [&](double lo, double hi) {
    fits = fits && value >= lo && value <= hi;
    return std::trunc(value);
  };
  switch (type) {
  case ElementType::Float64:
    return value;
  case ElementType::Float32:
    return double(float(value));
  case ElementType::Float16:
    return roundToPrecision(value, 11, -24, 65504);
  case ElementType::BFloat16:
    return roundToPrecision(value, 8, -133, 0x1.FEp127);
  case ElementType::Bool:
    return value != 0;
  case ElementType::Int8:
    return integer(-128, 127);
  case ElementType::UInt8:
    return integer(0, 255);
  case ElementType::Int16:
    return integer(-32768, 32767);
  case ElementType::UInt16:
    return integer(0, 65535);
  case ElementType::Int32:
    return integer(-0x1p31, 0x1p31 - 1);
  case ElementType::UInt32:
    return integer(0, 0x1p32 - 1);
  case ElementType::Int64:
    return integer(-0x1p53, 0x1p53);
  case ElementType::UInt64:
    return integer(0, 0x1p53);
  default:
    // Sub-byte and 8-bit floats are storage: nothing computes in them.
    fits = false;
    return value;
  }
}

ConstantEvaluator::Result ConstantEvaluator::fail(std::string message) {
  if (error.empty())
    error = std::move(message);
  return nullptr;
}

ConstantEvaluator::Result
ConstantEvaluator::evaluate(const ConstantRef &expression) {
  if (!expression)
    return fail("a constant is missing");
  if (auto found = kept.find(expression.get()); found != kept.end())
    return found->second;
  if (auto found = alive.find(expression.get()); found != alive.end())
    if (Result result = found->second.lock())
      return result;
  if (depth >= maxDepth)
    return fail("a constant subgraph is deeper than " +
                std::to_string(maxDepth) + " operations");
  ++depth;
  Result result = compute(*expression);
  --depth;
  if (!result)
    return nullptr;
  pinned.push_back(expression);
  if (result->values.size() <= keptEntries)
    kept[expression.get()] = result;
  else
    alive[expression.get()] = result;
  return result;
}

ConstantEvaluator::Result
ConstantEvaluator::evaluateExact(const ConstantRef &expression) {
  Result result = evaluate(expression);
  if (!result)
    return nullptr;
  if (result->ulps != 0)
    return fail("a constant is only known up to rounding");
  if (!std::ranges::all_of(result->values,
                           [](double value) { return std::isfinite(value); }))
    return fail("a constant is not finite");
  return result;
}

ConstantEvaluator::Result
ConstantEvaluator::compute(const ConstantExpr &expression) {
  using Kind = ConstantExpr::Kind;
  std::optional<int64_t> count = countEntries(expression.shape);
  if (!count || *count > maxEntries)
    return fail("a constant has more than " + std::to_string(maxEntries) +
                " entries or a negative size");
  auto result = std::make_shared<ConstantTensor>();
  result->type = expression.type;
  result->shape = expression.shape;

  if (expression.kind == Kind::Key) {
    const StoredTensor *stored = archive.find(expression.key);
    if (!stored)
      return fail("the weights have no tensor '" + expression.key + "'");
    if (stored->getElementCount() != *count || stored->type != expression.type)
      return fail("tensor '" + expression.key +
                  "' has another shape or type than the graph says");
    result->values = stored->toDoubles();
    return result;
  }
  if (expression.kind == Kind::Dense || expression.kind == Kind::Splat ||
      expression.kind == Kind::Iota) {
    const std::vector<double> &values = expression.values;
    if (expression.kind == Kind::Dense) {
      if (int64_t(values.size()) != *count)
        return fail("a dense constant has the wrong number of entries");
      result->values = values;
    } else if (expression.kind == Kind::Splat) {
      if (values.empty())
        return fail("a splat constant has no value");
      result->values.assign(size_t(*count), values[0]);
    } else {
      if (values.size() < 2)
        return fail("a range constant lacks start or step");
      bool fits = true;
      result->values.resize(size_t(*count));
      for (int64_t i = 0; i != *count; ++i)
        result->values[i] =
            roundTo(expression.type, values[0] + values[1] * double(i), fits);
      if (!fits)
        return fail("a range constant leaves its type");
    }
    return result;
  }

  std::vector<Result> operands;
  for (const ConstantRef &operand : expression.operands) {
    operands.push_back(evaluate(operand));
    if (!operands.back())
      return nullptr;
  }
  std::string message;
  bool done =
      expression.kind == Kind::Elementwise || expression.kind == Kind::Cast
          ? constant_ops::elementwise(expression, operands, *result, message)
      : expression.kind == Kind::Reduce
          ? constant_ops::reduce(expression, operands, *result, message)
          : constant_ops::rearrange(expression, operands, *result, message);
  if (!done)
    return fail(std::move(message));
  return result;
}

//===----------------------------------------------------------------------===//
// Matrices as views
//===----------------------------------------------------------------------===//

static bool isContiguous(const MatrixView &view) {
  return view.getColStride() == 1 && view.getRowStride() == view.cols();
}

/// The view whose columns are the last axis, if the tensor lies in the archive
/// in a form that strides describe.
std::optional<MatrixStorage>
ConstantEvaluator::storedView(const ConstantRef &expression, unsigned depth) {
  using Kind = ConstantExpr::Kind;
  if (!expression || depth > maxDepth)
    return std::nullopt;
  std::optional<int64_t> count = countEntries(expression->shape);
  const std::vector<int64_t> &shape = expression->shape;
  if (!count || *count == 0)
    return std::nullopt;
  int64_t cols = shape.empty() ? 1 : shape.back();

  if (expression->kind == Kind::Key) {
    const StoredTensor *stored = archive.find(expression->key);
    if (!stored || stored->getElementCount() != *count ||
        stored->type != expression->type || !stored->data)
      return std::nullopt;
    uintptr_t address = reinterpret_cast<uintptr_t>(stored->data);
    MatrixStorage storage;
    storage.type = stored->type;
    if (stored->type == ElementType::Float32 && address % alignof(float) == 0)
      storage.view = MatrixView(reinterpret_cast<const float *>(stored->data),
                                *count / cols, cols);
    else if (stored->type == ElementType::Float64 &&
             address % alignof(double) == 0)
      storage.view = MatrixView(reinterpret_cast<const double *>(stored->data),
                                *count / cols, cols);
    else if (isFloat(stored->type) && stored->type != ElementType::Float64) {
      // Misaligned, or a narrow float: every such value is a float32.
      auto copy = std::make_shared<std::vector<float>>(size_t(*count));
      for (int64_t i = 0; i != *count; ++i)
        (*copy)[i] = float(stored->getAsDouble(i));
      storage.view = MatrixView(copy->data(), *count / cols, cols);
      storage.owner = std::move(copy);
    } else
      return std::nullopt;
    return storage;
  }
  if (expression->operands.size() != 1)
    return std::nullopt;
  const ConstantRef &operand = expression->operands[0];
  std::optional<MatrixStorage> inner = storedView(operand, depth + 1);
  if (!inner)
    return std::nullopt;
  MatrixView view = inner->view;
  const std::vector<int64_t> &innerShape = operand->shape;
  switch (expression->kind) {
  case Kind::Reshape: {
    if (!isContiguous(view) || view.rows() * view.cols() != *count)
      return std::nullopt;
    inner->view = view.getElement() == MatrixView::Element::F32
                      ? MatrixView(view.f32(), *count / cols, cols)
                      : MatrixView(view.f64(), *count / cols, cols);
    return inner;
  }
  case Kind::Transpose:
    if (innerShape.size() != 2 ||
        expression->integers != std::vector<int64_t>{1, 0} ||
        shape.size() != 2 || shape[0] != innerShape[1])
      return std::nullopt;
    inner->view = view.transposed();
    return inner;
  case Kind::Slice: {
    const std::vector<int64_t> &integers = expression->integers;
    if (innerShape.size() != 2 || shape.size() != 2 || integers.size() != 4 ||
        integers[2] != 1 || integers[3] != 1 || integers[0] < 0 ||
        integers[1] < 0 || integers[0] > innerShape[0] - shape[0] ||
        integers[1] > innerShape[1] - shape[1])
      return std::nullopt;
    inner->view = view.slice(integers[0], integers[1], shape[0], shape[1]);
    return inner;
  }
  default:
    return std::nullopt;
  }
}

std::optional<MatrixStorage>
ConstantEvaluator::matrix(const ConstantRef &expression, int64_t rows,
                          int64_t cols) {
  std::optional<int64_t> count =
      expression ? countEntries(expression->shape) : std::nullopt;
  std::optional<int64_t> wanted = countEntries({rows, cols});
  if (!count || !wanted || *count != *wanted) {
    fail("a weight does not have the shape that the graph says");
    return std::nullopt;
  }
  if (std::optional<MatrixStorage> stored = storedView(expression, 0)) {
    if (stored->view.rows() == rows && stored->view.cols() == cols)
      return stored;
    if (isContiguous(stored->view)) {
      stored->view = stored->view.getElement() == MatrixView::Element::F32
                         ? MatrixView(stored->view.f32(), rows, cols)
                         : MatrixView(stored->view.f64(), rows, cols);
      return stored;
    }
  }
  Result result = evaluate(expression);
  if (!result)
    return std::nullopt;
  if (result->ulps == unknownUlps) {
    fail("a weight is computed from values that are not known exactly");
    return std::nullopt;
  }
  MatrixStorage storage;
  storage.view = MatrixView(result->values.data(), rows, cols);
  storage.type = result->type;
  storage.ulps = result->ulps;
  storage.owner = std::move(result);
  return storage;
}

/// Distance that `ulps` units in the last place of `type` stand for.
static double ulpError(ElementType type, double value, unsigned ulps) {
  int precision = type == ElementType::Float64    ? 53
                  : type == ElementType::Float32  ? 24
                  : type == ElementType::Float16  ? 11
                  : type == ElementType::BFloat16 ? 8
                                                  : 2;
  int least = type == ElementType::Float64 ? -1074 : -149;
  int exponent = value == 0 ? least : std::ilogb(value) - precision + 1;
  return double(ulps) * std::ldexp(1.0, std::max(exponent, least));
}

/// Error of b - mean * gain / sqrt(variance + eps) computed in double: below
/// five roundings of the product and one of the difference.
static double shiftError(double product, double result) {
  return 8 * 0x1p-53 * (std::abs(product) + std::abs(result)) + 0x1p-1000;
}

std::optional<ConstantVector>
ConstantEvaluator::vector(const ConstantRef &expression, int64_t count) {
  Result result = evaluate(expression);
  if (!result || count < 0 || count > maxEntries)
    return std::nullopt;
  ConstantVector vector;
  vector.values = result->values;
  bool isShift = expression->kind == ConstantExpr::Kind::Elementwise &&
                 expression->key == "batch_norm_shift";
  if (isShift) {
    // shift = bias - mean * scale, hence mean * scale = bias - shift.
    Result bias = evaluate(expression->operands[1]);
    if (!bias || bias->values.size() != vector.values.size())
      return std::nullopt;
    for (size_t i = 0; i != vector.values.size(); ++i)
      vector.errors.push_back(
          shiftError(std::abs(bias->values[i]) + std::abs(vector.values[i]),
                     vector.values[i]));
  } else if (result->ulps == unknownUlps) {
    fail("a constant is computed from values that are not known exactly");
    return std::nullopt;
  } else if (result->ulps != 0) {
    for (double value : vector.values)
      vector.errors.push_back(ulpError(result->type, value, result->ulps));
  }
  for (double value : vector.values)
    if (!std::isfinite(value)) {
      fail("a constant is not finite");
      return std::nullopt;
    }
  if (vector.values.size() == 1 && count != 1) {
    vector.values.assign(size_t(count), vector.values[0]);
    if (!vector.errors.empty())
      vector.errors.assign(size_t(count), vector.errors[0]);
  }
  if (int64_t(vector.values.size()) != count) {
    fail("a constant does not have the size that the graph says");
    return std::nullopt;
  }
  return vector;
}
