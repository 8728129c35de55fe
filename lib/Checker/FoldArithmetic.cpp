//===- FoldArithmetic.cpp - Arithmetic on constants -----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FoldArithmetic.h"

#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

/// Row-major positions of a tensor of `stored` shape while counting through a
/// broadcast result of `shape`.
class BroadcastWalk {
public:
  BroadcastWalk(const std::vector<int64_t> &stored,
                const std::vector<int64_t> &shape) {
    std::vector<int64_t> own = rowMajorStrides(stored);
    strides.assign(shape.size(), 0);
    size_t shift = shape.size() - stored.size();
    for (size_t i = 0; i < stored.size(); ++i)
      strides[i + shift] = stored[i] == 1 ? 0 : own[i];
    extents = shape;
    counter.assign(shape.size(), 0);
  }
  int64_t position() const { return offset; }
  void advance() {
    for (size_t i = extents.size(); i-- > 0;) {
      offset += strides[i];
      if (++counter[i] < extents[i])
        return;
      offset -= strides[i] * extents[i];
      counter[i] = 0;
    }
  }

private:
  std::vector<int64_t> strides, extents, counter;
  int64_t offset = 0;
};

std::optional<std::vector<int64_t>>
broadcastStored(const std::vector<const Constant *> &inputs) {
  std::vector<int64_t> result;
  for (const Constant *input : inputs) {
    std::vector<int64_t> shape = input->value->shape;
    if (shape.size() > result.size())
      result.insert(result.begin(), shape.size() - result.size(), 1);
    size_t shift = result.size() - shape.size();
    for (size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] == 1)
        continue;
      if (result[i + shift] != 1 && result[i + shift] != shape[i])
        return std::nullopt;
      result[i + shift] = shape[i];
    }
  }
  if (elementCount(result) > maximalFoldedCount)
    return std::nullopt;
  return result;
}

std::optional<std::vector<Size>>
broadcastLogical(const std::vector<const Constant *> &inputs) {
  std::vector<Size> shape;
  for (const Constant *input : inputs) {
    auto merged = broadcastShapes(shape, input->shape);
    if (!merged)
      return std::nullopt;
    shape = *merged;
  }
  return shape;
}

double largestMagnitude(const Tensor &tensor) {
  double largest = 0;
  int64_t n = tensor.count();
  for (int64_t i = 0; i < n; ++i)
    largest = std::max(largest, std::fabs(tensor.real(i)));
  return largest;
}

/// `count` units in the last place of `type` at `magnitude`.
double ulps(ElementType type, double magnitude, double count) {
  double unit = std::ldexp(std::fabs(magnitude), 1 - precisionOf(type));
  return count * std::max(unit, smallestOf(type));
}

std::optional<int64_t> integerPower(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return std::nullopt;
  int64_t result = 1;
  for (int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(result, base, &result))
      return std::nullopt;
    if (i > 64 && (result == 0 || result == 1))
      return result == 0 ? 0 : 1;
    if (i > 128)
      return std::nullopt;
  }
  return result;
}

int64_t wrapAdd(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) + uint64_t(b));
}
int64_t wrapSubtract(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) - uint64_t(b));
}
int64_t wrapMultiply(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) * uint64_t(b));
}

std::optional<int64_t> integerOperation(const std::string &op, int64_t a,
                                        int64_t b) {
  if (op == "Add" || op == "Sum")
    return wrapAdd(a, b);
  if (op == "Sub")
    return wrapSubtract(a, b);
  if (op == "Mul")
    return wrapMultiply(a, b);
  if (op == "Div")
    return b == 0 || b == -1
               ? (b ? std::optional(wrapSubtract(0, a)) : std::nullopt)
               : std::optional(a / b);
  if (op == "Min")
    return std::min(a, b);
  if (op == "Max")
    return std::max(a, b);
  if (op == "Pow")
    return integerPower(a, b);
  return std::nullopt;
}

std::optional<double> realOperation(const std::string &op, double a, double b) {
  if (op == "Add" || op == "Sum")
    return a + b;
  if (op == "Sub")
    return a - b;
  if (op == "Mul")
    return a * b;
  if (op == "Div")
    return a / b;
  if (op == "Min")
    return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
  if (op == "Max")
    return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
  if (op == "Pow")
    return std::pow(a, b);
  return std::nullopt;
}

/// The error of an arithmetic result from those of its operands, the result's
/// own rounding included once an operand is not exact.
std::optional<double> resultError(const std::string &op, const Constant &a,
                                  const Constant &b, const Tensor &result) {
  if (a.error == 0 && b.error == 0 && op != "Pow")
    return 0.0;
  double magnitude = largestMagnitude(result);
  double rounding = ulps(result.type, magnitude, op == "Pow" ? 4 : 1);
  if (!std::isfinite(magnitude))
    return std::nullopt;
  if (op == "Add" || op == "Sub" || op == "Sum")
    return up(up(a.error + b.error) + rounding);
  if (op == "Min" || op == "Max")
    return std::max(a.error, b.error);
  if (op == "Mul") {
    double left = up(largestMagnitude(*a.value) + a.error);
    double right = up(largestMagnitude(*b.value));
    return up(up(up(left * b.error) + up(right * a.error)) + rounding);
  }
  if (op == "Div" && b.error == 0) {
    double smallest = HUGE_VAL;
    int64_t n = b.value->count();
    for (int64_t i = 0; i < n; ++i)
      smallest = std::min(smallest, std::fabs(b.value->real(i)));
    if (smallest == 0)
      return std::nullopt;
    return up(up(a.error / smallest) + rounding);
  }
  if (op == "Pow" && a.error == 0 && b.error == 0)
    return rounding;
  return std::nullopt;
}

std::optional<Constant> foldBinary(const std::string &op, const Constant &a,
                                   const Constant &b) {
  auto stored = broadcastStored({&a, &b});
  auto shape = broadcastLogical({&a, &b});
  if (!stored || !shape)
    return std::nullopt;
  int64_t count = elementCount(*stored);
  ElementType type = a.value->type;
  BroadcastWalk left(a.value->shape, *stored), right(b.value->shape, *stored);
  Constant result;
  result.shape = *shape;
  if (isFloat(type)) {
    std::vector<double> values(count);
    for (int64_t i = 0; i < count; ++i, left.advance(), right.advance()) {
      auto value = realOperation(op, a.value->real(left.position()),
                                 b.value->real(right.position()));
      if (!value)
        return std::nullopt;
      values[i] = *value;
    }
    result.value = Tensor::fromReals(type, *stored, values);
    auto error = resultError(op, a, b, *result.value);
    if (!error)
      return std::nullopt;
    result.error = *error;
    return result;
  }
  if (!isInteger(b.value->type) || type == ElementType::UInt64)
    return std::nullopt;
  std::vector<int64_t> values(count);
  for (int64_t i = 0; i < count; ++i, left.advance(), right.advance()) {
    auto value = integerOperation(op, a.value->integer(left.position()),
                                  b.value->integer(right.position()));
    if (!value)
      return std::nullopt;
    values[i] = *value;
  }
  result.value = Tensor::fromIntegers(type, *stored, values);
  return result;
}

std::optional<Constant> foldComparison(const std::string &op, const Constant &a,
                                       const Constant &b) {
  auto stored = broadcastStored({&a, &b});
  auto shape = broadcastLogical({&a, &b});
  if (!stored || !shape || a.error != 0 || b.error != 0)
    return std::nullopt;
  bool integers = isInteger(a.value->type);
  int64_t count = elementCount(*stored);
  std::vector<int64_t> values(count);
  BroadcastWalk left(a.value->shape, *stored), right(b.value->shape, *stored);
  auto decide = [&](auto x, auto y) -> std::optional<bool> {
    if (op == "Equal")
      return x == y;
    if (op == "Less")
      return x < y;
    if (op == "LessOrEqual")
      return x <= y;
    if (op == "Greater")
      return x > y;
    if (op == "GreaterOrEqual")
      return x >= y;
    if (op == "And")
      return x != 0 && y != 0;
    if (op == "Or")
      return x != 0 || y != 0;
    if (op == "Xor")
      return (x != 0) != (y != 0);
    return std::nullopt;
  };
  for (int64_t i = 0; i < count; ++i, left.advance(), right.advance()) {
    auto value = integers ? decide(a.value->integer(left.position()),
                                   b.value->integer(right.position()))
                          : decide(a.value->real(left.position()),
                                   b.value->real(right.position()));
    if (!value)
      return std::nullopt;
    values[i] = *value;
  }
  Constant result;
  result.shape = *shape;
  result.value = Tensor::fromIntegers(ElementType::Bool, *stored, values);
  return result;
}

std::optional<Constant> foldUnary(const Node &node, const Constant &x) {
  const std::string &op = node.opType;
  ElementType type = x.value->type;
  int64_t count = x.value->count();
  if (count > maximalFoldedCount)
    return std::nullopt;
  Constant result = x;
  if (op == "Identity" || op == "Dropout")
    return result;
  if (isInteger(type)) {
    if (op != "Neg" && op != "Abs" && op != "Not" && op != "Sign")
      return std::nullopt;
    std::vector<int64_t> values(count);
    for (int64_t i = 0; i < count; ++i) {
      int64_t v = x.value->integer(i);
      values[i] = op == "Not"    ? v == 0
                  : op == "Neg"  ? wrapSubtract(0, v)
                  : op == "Sign" ? (v > 0) - (v < 0)
                  : v < 0        ? wrapSubtract(0, v)
                                 : v;
    }
    result.value = Tensor::fromIntegers(type, x.value->shape, values);
    return result;
  }
  double transcendental = 0; // ulps of the result
  double slope = 1;          // |f'| where the input's error matters
  double (*function)(double) = nullptr;
  if (op == "Neg")
    function = [](double v) { return -v; };
  else if (op == "Abs")
    function = [](double v) { return std::fabs(v); };
  else if (op == "Sqrt")
    function = [](double v) { return std::sqrt(v); };
  else if (op == "Reciprocal")
    function = [](double v) { return 1.0 / v; };
  else if (op == "Floor")
    function = [](double v) { return std::floor(v); };
  else if (op == "Ceil")
    function = [](double v) { return std::ceil(v); };
  else if (op == "Sin" || op == "Cos") {
    function = op == "Sin" ? +[](double v) { return std::sin(v); }
                           : +[](double v) { return std::cos(v); };
    transcendental = 4;
  } else if (op == "Exp" || op == "Log") {
    function = op == "Exp" ? +[](double v) { return std::exp(v); }
                           : +[](double v) { return std::log(v); };
    transcendental = 4;
  } else {
    return std::nullopt;
  }
  bool exactOnly = op == "Sqrt" || op == "Reciprocal" || op == "Floor" ||
                   op == "Ceil" || op == "Log" || op == "Exp";
  if (x.error != 0 && exactOnly)
    return std::nullopt;
  std::vector<double> values(count);
  for (int64_t i = 0; i < count; ++i)
    values[i] = function(x.value->real(i));
  result.value = Tensor::fromReals(type, x.value->shape, values);
  if (transcendental != 0)
    result.error =
        up(up(slope * x.error) +
           ulps(type, largestMagnitude(*result.value), transcendental));
  return std::isfinite(result.error) ? std::optional(result) : std::nullopt;
}

std::optional<Constant> foldCast(const Constant &x, ElementType to) {
  if (x.value->type == to)
    return x;
  int64_t count = x.value->count();
  Constant result = x;
  if (bitsOf(to) == 0 || count > maximalFoldedCount)
    return std::nullopt;
  if (isFloat(to)) {
    result.value = Tensor::fromReals(to, x.value->shape, x.value->reals());
    if (x.error != 0)
      result.error = up(x.error + ulps(to, largestMagnitude(*result.value), 1));
    return result;
  }
  if (x.error != 0)
    return std::nullopt;
  std::vector<int64_t> values(count);
  for (int64_t i = 0; i < count; ++i) {
    if (isInteger(x.value->type)) {
      values[i] = x.value->integer(i);
      continue;
    }
    double v = x.value->real(i);
    if (to == ElementType::Bool)
      values[i] = v != 0;
    else if (std::fabs(v) < 0x1p62)
      values[i] = static_cast<int64_t>(v);
    else
      return std::nullopt;
  }
  result.value = Tensor::fromIntegers(to, x.value->shape, values);
  return result;
}

std::optional<Constant> foldWhere(const Constant &condition, const Constant &a,
                                  const Constant &b) {
  std::vector<const Constant *> all = {&condition, &a, &b};
  auto stored = broadcastStored(all);
  auto shape = broadcastLogical(all);
  if (!stored || !shape || a.value->type != b.value->type)
    return std::nullopt;
  int64_t count = elementCount(*stored);
  BroadcastWalk c(condition.value->shape, *stored);
  BroadcastWalk left(a.value->shape, *stored), right(b.value->shape, *stored);
  Constant result;
  result.shape = *shape;
  result.error = std::max(a.error, b.error);
  bool floats = isFloat(a.value->type);
  std::vector<double> reals(floats ? count : 0);
  std::vector<int64_t> integers(floats ? 0 : count);
  for (int64_t i = 0; i < count;
       ++i, c.advance(), left.advance(), right.advance()) {
    bool first = condition.value->integer(c.position()) != 0;
    const Tensor &from = first ? *a.value : *b.value;
    int64_t position = first ? left.position() : right.position();
    if (floats)
      reals[i] = from.real(position);
    else
      integers[i] = from.integer(position);
  }
  result.value = floats
                     ? Tensor::fromReals(a.value->type, *stored, reals)
                     : Tensor::fromIntegers(a.value->type, *stored, integers);
  return result;
}

std::optional<Constant>
foldReduction(const Node &node, const std::vector<const Constant *> &inputs) {
  auto tensor = inputs[0]->materialized();
  if (!tensor)
    return std::nullopt;
  auto axes = axesOf(node, inputs, 1, tensor->rank());
  if (!axes)
    return std::nullopt;
  bool integers = isInteger(tensor->type);
  if (axes->empty()) {
    if (node.integer("noop_with_empty_axes", 0) && node.inputs.size() > 1)
      return *inputs[0];
    for (int64_t i = 0; i < tensor->rank(); ++i)
      axes->push_back(i);
  }
  const std::string &op = node.opType;
  bool known = op == "ReduceMax" || op == "ReduceMin" ||
               ((op == "ReduceSum" || op == "ReduceProd") && integers);
  if (!known || (!integers && inputs[0]->error != 0))
    return std::nullopt;
  std::vector<int64_t> kept = tensor->shape, squeezed;
  for (int64_t axis : *axes)
    kept[axis] = 1;
  for (int64_t i = 0; i < tensor->rank(); ++i)
    if (std::find(axes->begin(), axes->end(), i) == axes->end())
      squeezed.push_back(tensor->shape[i]);
  int64_t count = tensor->count();
  std::vector<double> reals(elementCount(kept));
  std::vector<int64_t> whole(elementCount(kept));
  std::vector<bool> started(whole.size(), false);
  BroadcastWalk target(kept, tensor->shape);
  for (int64_t i = 0; i < count; ++i, target.advance()) {
    int64_t t = target.position();
    if (integers) {
      int64_t v = tensor->integer(i);
      whole[t] = !started[t]          ? v
                 : op == "ReduceSum"  ? wrapAdd(whole[t], v)
                 : op == "ReduceProd" ? wrapMultiply(whole[t], v)
                 : op == "ReduceMax"  ? std::max(whole[t], v)
                                      : std::min(whole[t], v);
    } else {
      double v = tensor->real(i);
      reals[t] = !started[t]         ? v
                 : op == "ReduceMax" ? std::max(reals[t], v)
                                     : std::min(reals[t], v);
    }
    started[t] = true;
  }
  if (std::find(started.begin(), started.end(), false) != started.end())
    return std::nullopt;
  auto shape = node.integer("keepdims", 1) ? kept : squeezed;
  return Constant::fromTensor(
      integers ? Tensor::fromIntegers(tensor->type, shape, whole)
               : Tensor::fromReals(tensor->type, shape, reals));
}

/// A product of two constant matrices stays a product in real arithmetic: kept
/// in double with an entrywise error, k u Σ|a||b| <= k² u max|a| max|b|.
std::optional<Constant> foldMatMul(const Constant &a, const Constant &b) {
  auto left = a.materialized(), right = b.materialized();
  if (!left || !right || left->rank() != 2 || right->rank() != 2 ||
      left->shape[1] != right->shape[0])
    return std::nullopt;
  int64_t m = left->shape[0], k = left->shape[1], n = right->shape[1];
  if (m * n > maximalFoldedCount || double(m) * k * n > 0x1p36)
    return std::nullopt;
  std::vector<double> x = left->reals(), y = right->reals(), z(m * n, 0.0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < n; ++j)
        z[i * n + j] += x[i * k + p] * y[p * n + j];
  Constant result =
      Constant::fromTensor(Tensor::fromReals(ElementType::Double, {m, n}, z));
  double ma = up(largestMagnitude(*left) + a.error);
  double mb = up(largestMagnitude(*right) + b.error);
  double rounding = up(up(up(double(k) * k * unitRoundoff * ma) * mb) +
                       double(k) * smallestDouble);
  double inherited = up(double(k) * up(up(ma * b.error) + up(mb * a.error)));
  result.error = up(rounding + inherited);
  return std::isfinite(result.error) ? std::optional(result) : std::nullopt;
}

} // namespace

std::optional<Constant>
lipt::checker::foldArithmetic(const Node &node,
                              const std::vector<const Constant *> &inputs) {
  static const std::vector<std::string> binary = {"Add", "Sub", "Mul", "Div",
                                                  "Min", "Max", "Pow", "Sum"};
  static const std::vector<std::string> comparison = {
      "Equal",          "Less", "LessOrEqual", "Greater",
      "GreaterOrEqual", "And",  "Or",          "Xor"};
  for (const Constant *input : inputs)
    if (!input || !input->value || bitsOf(input->value->type) == 0)
      return std::nullopt;
  if (inputs.empty())
    return std::nullopt;
  auto contains = [&](const std::vector<std::string> &list) {
    return std::find(list.begin(), list.end(), node.opType) != list.end();
  };
  if (contains(binary)) {
    // Min, Max and Sum take any number of operands.
    std::optional<Constant> result = *inputs[0];
    for (size_t i = 1; i < inputs.size() && result; ++i)
      result = foldBinary(node.opType, *result, *inputs[i]);
    return result;
  }
  if (contains(comparison) && inputs.size() == 2)
    return foldComparison(node.opType, *inputs[0], *inputs[1]);
  if (node.is("Where") && inputs.size() == 3)
    return foldWhere(*inputs[0], *inputs[1], *inputs[2]);
  if (node.is("Cast"))
    return foldCast(*inputs[0],
                    static_cast<ElementType>(node.integer("to", 0)));
  if (node.is("CastLike") && inputs.size() == 2)
    return foldCast(*inputs[0], inputs[1]->value->type);
  if (node.is("MatMul") && inputs.size() == 2)
    return foldMatMul(*inputs[0], *inputs[1]);
  if (node.opType.rfind("Reduce", 0) == 0)
    return foldReduction(node, inputs);
  if (inputs.size() == 1 || node.is("Dropout"))
    return foldUnary(node, *inputs[0]);
  return std::nullopt;
}
