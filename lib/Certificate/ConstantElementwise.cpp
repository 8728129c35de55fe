//===- ConstantElementwise.cpp - Entry-wise functions and reductions of
// constants ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values are computed in double and rounded once to the node's type. For +, -,
// *, / and sqrt of types up to float32 that is the correctly rounded result (53
// >= 2 * 24 + 2 bits); transcendental functions count 4 ulps.
//
//===----------------------------------------------------------------------===//

#include "ConstantOps.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

using namespace lipt;

static constexpr unsigned unknownUlps = ConstantEvaluator::unknownUlps;
/// Beyond this an error is not worth tracking in units of the last place.
static constexpr unsigned maxTrackedUlps = 1u << 20;

std::vector<int64_t> constant_ops::stridesOf(const std::vector<int64_t> &shape,
                                             bool broadcast) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- != 0;) {
    strides[i] = broadcast && shape[i] == 1 ? 0 : stride;
    stride *= shape[i];
  }
  return strides;
}

namespace {

/// How the error of operands carries over.
enum class ErrorRule {
  Exact,      ///< selects or negates: the larger error stays
  Relative,   ///< product, quotient, root: relative errors add
  SameSign,   ///< sum: relative errors stay while no cancellation occurs
  Library,    ///< correctly rounded up to 4 ulps, exact argument needed
  Comparison, ///< exact arguments needed, exact result
};

struct Function {
  unsigned arity;
  ErrorRule rule;
  std::function<double(const double *)> evaluate;
};

} // namespace

static double remainder(const double *x, bool truncate) {
  if (x[1] == 0)
    return std::numeric_limits<double>::quiet_NaN();
  double value = std::fmod(x[0], x[1]);
  return !truncate && value != 0 && (value < 0) != (x[1] < 0) ? value + x[1]
                                                              : value;
}

static const std::map<std::string, Function> &functions() {
  using R = ErrorRule;
  using P = const double *;
  static const std::map<std::string, Function> table = {
      {"add", {2, R::SameSign, [](P x) { return x[0] + x[1]; }}},
      {"sub", {2, R::SameSign, [](P x) { return x[0] - x[1]; }}},
      {"mul", {2, R::Relative, [](P x) { return x[0] * x[1]; }}},
      {"div", {2, R::Relative, [](P x) { return x[0] / x[1]; }}},
      {"reciprocal", {1, R::Relative, [](P x) { return 1 / x[0]; }}},
      {"sqrt", {1, R::Relative, [](P x) { return std::sqrt(x[0]); }}},
      {"neg", {1, R::Exact, [](P x) { return -x[0]; }}},
      {"abs", {1, R::Exact, [](P x) { return std::abs(x[0]); }}},
      {"relu", {1, R::Exact, [](P x) { return std::max(x[0], 0.0); }}},
      {"identity", {1, R::Exact, [](P x) { return x[0]; }}},
      {"minimum", {2, R::Exact, [](P x) { return std::min(x[0], x[1]); }}},
      {"maximum", {2, R::Exact, [](P x) { return std::max(x[0], x[1]); }}},
      {"where", {3, R::Exact, [](P x) { return x[0] != 0 ? x[1] : x[2]; }}},
      {"pow", {2, R::Library, [](P x) { return std::pow(x[0], x[1]); }}},
      {"exp", {1, R::Library, [](P x) { return std::exp(x[0]); }}},
      {"log", {1, R::Library, [](P x) { return std::log(x[0]); }}},
      {"sin", {1, R::Library, [](P x) { return std::sin(x[0]); }}},
      {"cos", {1, R::Library, [](P x) { return std::cos(x[0]); }}},
      {"tanh", {1, R::Library, [](P x) { return std::tanh(x[0]); }}},
      {"atan", {1, R::Library, [](P x) { return std::atan(x[0]); }}},
      {"erf", {1, R::Library, [](P x) { return std::erf(x[0]); }}},
      {"sigmoid",
       {1, R::Library, [](P x) { return 1 / (1 + std::exp(-x[0])); }}},
      {"floor", {1, R::Comparison, [](P x) { return std::floor(x[0]); }}},
      {"ceil", {1, R::Comparison, [](P x) { return std::ceil(x[0]); }}},
      {"round", {1, R::Comparison, [](P x) { return std::nearbyint(x[0]); }}},
      {"sign",
       {1, R::Comparison, [](P x) { return double((x[0] > 0) - (x[0] < 0)); }}},
      {"mod", {2, R::Comparison, [](P x) { return remainder(x, false); }}},
      {"fmod", {2, R::Comparison, [](P x) { return remainder(x, true); }}},
      {"equal", {2, R::Comparison, [](P x) { return double(x[0] == x[1]); }}},
      {"less", {2, R::Comparison, [](P x) { return double(x[0] < x[1]); }}},
      {"greater", {2, R::Comparison, [](P x) { return double(x[0] > x[1]); }}},
      {"less_equal",
       {2, R::Comparison, [](P x) { return double(x[0] <= x[1]); }}},
      {"greater_equal",
       {2, R::Comparison, [](P x) { return double(x[0] >= x[1]); }}},
      {"and", {2, R::Comparison, [](P x) { return double(x[0] && x[1]); }}},
      {"or", {2, R::Comparison, [](P x) { return double(x[0] || x[1]); }}},
      {"xor", {2, R::Comparison, [](P x) { return double(!x[0] != !x[1]); }}},
      {"not", {1, R::Comparison, [](P x) { return double(!x[0]); }}},
      {"is_nan", {1, R::Comparison, [](P x) { return double(x[0] != x[0]); }}},
  };
  return table;
}

/// Error of the result in ulps. k ulps are at most 2k ulps of a value whose
/// mantissa is smaller, hence the factor where relative errors move to another
/// value; one more for the operation's own rounding.
static unsigned resultUlps(ErrorRule rule, constant_ops::Operands operands,
                           const ConstantTensor &result, bool sameSign) {
  unsigned worst = 0, total = 0;
  for (const auto &operand : operands) {
    if (operand->ulps >= maxTrackedUlps)
      return unknownUlps;
    worst = std::max(worst, operand->ulps);
    total += operand->ulps;
  }
  switch (rule) {
  case ErrorRule::Exact:
    return worst;
  case ErrorRule::Relative:
    return worst ? 2 * total + 2 : 0;
  case ErrorRule::SameSign:
    return !worst ? 0 : sameSign ? 2 * worst + 1 : unknownUlps;
  case ErrorRule::Library:
    return worst || !isFloat(result.type) ? unknownUlps : 4;
  case ErrorRule::Comparison:
    return worst ? unknownUlps : 0;
  }
  return unknownUlps;
}

/// True when no entry of the sum (or difference) can cancel.
static bool neverCancels(const ConstantExpr &expression,
                         constant_ops::Operands operands) {
  double sign = expression.key == "sub" ? -1 : 1;
  auto within = [](const ConstantTensor &tensor, double factor) {
    return std::ranges::all_of(
        tensor.values, [&](double value) { return factor * value >= 0; });
  };
  return operands.size() == 2 &&
         ((within(*operands[0], 1) && within(*operands[1], sign)) ||
          (within(*operands[0], -1) && within(*operands[1], -sign)));
}

static bool castTo(const ConstantTensor &source, ConstantTensor &result,
                   std::string &error) {
  if (source.values.size() != size_t(*countEntries(result.shape))) {
    error = "a cast changes the number of entries";
    return false;
  }
  bool fits = true;
  result.values.reserve(source.values.size());
  for (double value : source.values)
    result.values.push_back(roundTo(result.type, value, fits));
  if (!fits) {
    error = "a constant does not fit the type it is cast to";
    return false;
  }
  // Another precision has other ulps: an inexact value is not followed there.
  result.ulps = source.ulps == 0             ? 0
                : source.type == result.type ? source.ulps
                                             : unknownUlps;
  return true;
}

/// Scale g / sqrt(variance + eps) and shift b - mean * g / sqrt(variance +
/// eps) of a batch normalisation, in double: each of the at most six
/// operations adds one unit roundoff of double; the shift's subtraction may
/// cancel, so AffineMap treats it by absolute error.
static bool batchNorm(const ConstantExpr &expression,
                      constant_ops::Operands operands, ConstantTensor &result,
                      std::string &error) {
  bool shift = expression.key == "batch_norm_shift";
  size_t count = size_t(*countEntries(result.shape));
  if (expression.values.empty() || operands.size() != (shift ? 4u : 2u) ||
      !std::ranges::all_of(operands, [&](const auto &operand) {
        return operand->values.size() == count && operand->ulps == 0;
      })) {
    error = "a batch normalisation has operands of unequal sizes";
    return false;
  }
  double epsilon = expression.values[0];
  const std::vector<double> &gain = operands[0]->values;
  const std::vector<double> &variance = operands.back()->values;
  result.type = ElementType::Float64;
  for (size_t i = 0; i != count; ++i) {
    double sum = variance[i] + epsilon;
    if (!(sum > 0) || !(variance[i] >= 0) || !(epsilon >= 0)) {
      error = "a batch normalisation's variance + epsilon is not positive";
      return false;
    }
    double scale = gain[i] / std::sqrt(sum);
    result.values.push_back(shift ? operands[1]->values[i] -
                                        operands[2]->values[i] * scale
                                  : scale);
  }
  // sum, root, quotient: below 3 relative roundings, 4 ulps.
  result.ulps = shift ? unknownUlps : 4;
  return true;
}

bool constant_ops::elementwise(const ConstantExpr &expression,
                               Operands operands, ConstantTensor &result,
                               std::string &error) {
  if (expression.kind == ConstantExpr::Kind::Cast) {
    if (operands.size() != 1) {
      error = "a cast has not one operand";
      return false;
    }
    return castTo(*operands[0], result, error);
  }
  if (expression.key == "batch_norm_scale" ||
      expression.key == "batch_norm_shift")
    return batchNorm(expression, operands, result, error);
  auto found = functions().find(expression.key);
  if (found == functions().end() || operands.size() != found->second.arity) {
    error = "constant function '" + expression.key + "' is not known";
    return false;
  }
  const Function &function = found->second;
  size_t rank = result.shape.size();
  std::vector<std::vector<int64_t>> strides;
  for (const auto &operand : operands) {
    std::vector<int64_t> own = stridesOf(operand->shape, true);
    if (own.size() > rank) {
      error = "a constant's operand has more axes than the result";
      return false;
    }
    for (size_t i = 0; i != own.size(); ++i) {
      int64_t size = operand->shape[i];
      if (size != 1 && size != result.shape[rank - own.size() + i]) {
        error = "operands of a constant function do not broadcast";
        return false;
      }
    }
    own.insert(own.begin(), rank - own.size(), 0);
    strides.push_back(std::move(own));
  }
  int64_t count = *countEntries(result.shape);
  result.values.resize(size_t(count));
  std::vector<int64_t> index(rank);
  bool fits = true, integer = !isFloat(result.type);
  bool integerDivision =
      integer && expression.key == "div" && result.type != ElementType::Bool;
  double arguments[3];
  for (int64_t flat = 0; flat != count; ++flat) {
    for (size_t k = 0; k != operands.size(); ++k) {
      int64_t offset = 0;
      for (size_t axis = 0; axis != rank; ++axis)
        offset += index[axis] * strides[k][axis];
      arguments[k] = operands[k]->values[offset];
    }
    double value = function.evaluate(arguments);
    if (integerDivision)
      value = std::trunc(value);
    result.values[flat] = roundTo(result.type, value, fits);
    for (size_t axis = rank; axis-- != 0;) {
      if (++index[axis] != result.shape[axis])
        break;
      index[axis] = 0;
    }
  }
  if (!fits) {
    error = "constant function '" + expression.key +
            "' leaves the range of its type";
    return false;
  }
  result.ulps = resultUlps(function.rule, operands, result,
                           neverCancels(expression, operands));
  // Integer powers of integers and the like are exact.
  if (integer && result.ulps == unknownUlps &&
      std::ranges::all_of(operands, [](const auto &o) { return !o->ulps; }) &&
      function.rule == ErrorRule::Library)
    result.ulps = 0;
  return true;
}

bool constant_ops::reduce(const ConstantExpr &expression, Operands operands,
                          ConstantTensor &result, std::string &error) {
  if (operands.size() != 1 || operands[0]->ulps != 0) {
    error = "a reduction of a constant needs one exact operand";
    return false;
  }
  const ConstantTensor &source = *operands[0];
  std::vector<int64_t> keptShape = source.shape;
  int64_t group = 1;
  for (int64_t axis : expression.integers) {
    if (axis < 0 || axis >= int64_t(keptShape.size())) {
      error = "a reduction of a constant has an axis out of range";
      return false;
    }
    group *= keptShape[axis];
    keptShape[axis] = 1;
  }
  if (countEntries(keptShape) != countEntries(result.shape)) {
    error = "a reduction of a constant has another shape than stated";
    return false;
  }
  const std::string &kind = expression.key;
  bool isMax = kind == "max", isMin = kind == "min";
  bool isProduct = kind == "prod", isMean = kind == "mean";
  if (!isMax && !isMin && !isProduct && !isMean && kind != "sum") {
    error = "constant reduction '" + kind + "' is not known";
    return false;
  }
  double start = isMax   ? -std::numeric_limits<double>::infinity()
                 : isMin ? std::numeric_limits<double>::infinity()
                         : double(isProduct);
  result.values.assign(size_t(*countEntries(keptShape)), start);
  std::vector<int64_t> strides = stridesOf(keptShape, true);
  std::vector<int64_t> index(source.shape.size());
  bool fits = true, rounded = false;
  for (double value : source.values) {
    int64_t offset = 0;
    for (size_t axis = 0; axis != index.size(); ++axis)
      offset += index[axis] * strides[axis];
    double &into = result.values[offset];
    if (isMax || isMin) {
      into = isMax ? std::max(into, value) : std::min(into, value);
    } else {
      double exact = isProduct ? into * value : into + value;
      into = roundTo(result.type, exact, fits);
      // Sums of integers of moderate size do not depend on the order.
      rounded |= into != exact || std::abs(exact) > 0x1p53 ||
                 (isFloat(result.type) && exact != std::trunc(exact));
    }
    for (size_t axis = index.size(); axis-- != 0;) {
      if (++index[axis] != source.shape[axis])
        break;
      index[axis] = 0;
    }
  }
  if (isMean)
    for (double &value : result.values)
      value = roundTo(result.type, value / double(group), fits);
  // The order of a rounded sum is not fixed by ONNX.
  result.ulps = rounded ? unknownUlps : 0;
  if (!fits)
    error = "a reduction of a constant leaves the range of its type";
  return fits;
}
