//===- ConstantShapes.cpp - Shape functions on constants ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConstantOps.h"

#include <algorithm>

using namespace lipt;

using Kind = ConstantExpr::Kind;

/// Calls visit(flat, index) for every index of `shape` in row-major order.
template <typename Visit>
static void forEachIndex(const std::vector<int64_t> &shape, Visit visit) {
  int64_t count = *countEntries(shape);
  std::vector<int64_t> index(shape.size());
  for (int64_t flat = 0; flat != count; ++flat) {
    visit(flat, index);
    for (size_t axis = index.size(); axis-- != 0;) {
      if (++index[axis] != shape[axis])
        break;
      index[axis] = 0;
    }
  }
}

static int64_t dot(const std::vector<int64_t> &a,
                   const std::vector<int64_t> &b) {
  int64_t sum = 0;
  for (size_t i = 0; i != a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

static bool transpose(const ConstantExpr &expression,
                      const ConstantTensor &source, ConstantTensor &result) {
  const std::vector<int64_t> &permutation = expression.integers;
  size_t rank = source.shape.size();
  std::vector<int64_t> sorted = permutation;
  std::ranges::sort(sorted);
  for (size_t i = 0; i != sorted.size(); ++i)
    if (sorted[i] != int64_t(i))
      return false;
  if (permutation.size() != rank || result.shape.size() != rank)
    return false;
  std::vector<int64_t> strides = constant_ops::stridesOf(source.shape);
  std::vector<int64_t> moved(rank);
  for (size_t i = 0; i != rank; ++i) {
    if (result.shape[i] != source.shape[permutation[i]])
      return false;
    moved[i] = strides[permutation[i]];
  }
  forEachIndex(result.shape, [&](int64_t flat, const auto &index) {
    result.values[flat] = source.values[dot(index, moved)];
  });
  return true;
}

static bool slice(const ConstantExpr &expression, const ConstantTensor &source,
                  ConstantTensor &result) {
  size_t rank = source.shape.size();
  const std::vector<int64_t> &integers = expression.integers;
  if (integers.size() != 2 * rank || result.shape.size() != rank)
    return false;
  std::vector<int64_t> strides = constant_ops::stridesOf(source.shape);
  int64_t base = 0;
  for (size_t i = 0; i != rank; ++i) {
    int64_t start = integers[i], step = integers[rank + i], last;
    if (result.shape[i] == 0)
      continue;
    if (__builtin_mul_overflow(step, result.shape[i] - 1, &last) ||
        __builtin_add_overflow(start, last, &last) || start < 0 || last < 0 ||
        start >= source.shape[i] || last >= source.shape[i])
      return false;
    base += start * strides[i];
    strides[i] *= step;
  }
  forEachIndex(result.shape, [&](int64_t flat, const auto &index) {
    result.values[flat] = source.values[base + dot(index, strides)];
  });
  return true;
}

static bool concatenate(const ConstantExpr &expression,
                        constant_ops::Operands operands,
                        ConstantTensor &result) {
  size_t rank = result.shape.size();
  if (expression.integers.size() != 1 || expression.integers[0] < 0 ||
      expression.integers[0] >= int64_t(rank))
    return false;
  size_t axis = size_t(expression.integers[0]);
  std::vector<int64_t> strides = constant_ops::stridesOf(result.shape);
  int64_t start = 0;
  for (const auto &operand : operands) {
    if (operand->shape.size() != rank)
      return false;
    for (size_t i = 0; i != rank; ++i)
      if (i == axis ? start + operand->shape[i] > result.shape[i]
                    : operand->shape[i] != result.shape[i])
        return false;
    int64_t base = start * strides[axis];
    forEachIndex(operand->shape, [&](int64_t flat, const auto &index) {
      result.values[base + dot(index, strides)] = operand->values[flat];
    });
    start += operand->shape[axis];
  }
  return start == result.shape[axis];
}

static bool expand(const ConstantTensor &source, ConstantTensor &result) {
  size_t rank = result.shape.size(), own = source.shape.size();
  if (own > rank)
    return false;
  std::vector<int64_t> strides = constant_ops::stridesOf(source.shape, true);
  for (size_t i = 0; i != own; ++i)
    if (source.shape[i] != 1 && source.shape[i] != result.shape[rank - own + i])
      return false;
  strides.insert(strides.begin(), rank - own, 0);
  forEachIndex(result.shape, [&](int64_t flat, const auto &index) {
    result.values[flat] = source.values[dot(index, strides)];
  });
  return true;
}

static bool tile(const ConstantExpr &expression, const ConstantTensor &source,
                 ConstantTensor &result) {
  size_t rank = source.shape.size();
  if (expression.integers.size() != rank || result.shape.size() != rank)
    return false;
  for (size_t i = 0; i != rank; ++i)
    if (expression.integers[i] < 0 ||
        result.shape[i] != source.shape[i] * expression.integers[i])
      return false;
  std::vector<int64_t> strides = constant_ops::stridesOf(source.shape);
  forEachIndex(result.shape, [&](int64_t flat, const auto &index) {
    int64_t offset = 0;
    for (size_t i = 0; i != rank; ++i)
      offset += index[i] % source.shape[i] * strides[i];
    result.values[flat] = source.values[offset];
  });
  return true;
}

static bool gather(const ConstantExpr &expression,
                   constant_ops::Operands operands, ConstantTensor &result) {
  if (operands.size() != 2 || expression.integers.size() != 1)
    return false;
  const ConstantTensor &data = *operands[0], &indices = *operands[1];
  int64_t axis = expression.integers[0];
  if (axis < 0 || axis >= int64_t(data.shape.size()) || indices.ulps != 0)
    return false;
  std::vector<int64_t> shape(data.shape.begin(), data.shape.begin() + axis);
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  shape.insert(shape.end(), data.shape.begin() + axis + 1, data.shape.end());
  if (shape != result.shape)
    return false;
  int64_t inner = 1, outer = 1, length = data.shape[axis];
  for (int64_t i = 0; i != axis; ++i)
    outer *= data.shape[i];
  for (size_t i = size_t(axis) + 1; i != data.shape.size(); ++i)
    inner *= data.shape[i];
  size_t next = 0;
  for (int64_t o = 0; o != outer; ++o)
    for (double value : indices.values) {
      if (!(value >= -double(length) && value < double(length)))
        return false;
      int64_t position = int64_t(value) + (value < 0 ? length : 0);
      const double *from = &data.values[(o * length + position) * inner];
      std::copy(from, from + inner, result.values.begin() + next);
      next += size_t(inner);
    }
  return true;
}

static bool pad(const ConstantExpr &expression, const ConstantTensor &source,
                ConstantTensor &result) {
  size_t rank = source.shape.size();
  const std::vector<int64_t> &pads = expression.integers;
  if (pads.size() != 2 * rank || result.shape.size() != rank ||
      expression.values.empty())
    return false;
  for (size_t i = 0; i != rank; ++i)
    if (pads[i] < 0 || pads[rank + i] < 0 || pads[i] > result.shape[i] ||
        result.shape[i] - pads[i] != source.shape[i] + pads[rank + i])
      return false;
  std::ranges::fill(result.values, expression.values[0]);
  std::vector<int64_t> strides = constant_ops::stridesOf(result.shape);
  int64_t base = 0;
  for (size_t i = 0; i != rank; ++i)
    base += pads[i] * strides[i];
  forEachIndex(source.shape, [&](int64_t flat, const auto &index) {
    result.values[base + dot(index, strides)] = source.values[flat];
  });
  return true;
}

static bool triangle(const ConstantExpr &expression,
                     const ConstantTensor &source, ConstantTensor &result) {
  size_t rank = source.shape.size();
  if (rank < 2 || expression.integers.size() != 2 ||
      source.shape != result.shape)
    return false;
  int64_t diagonal = expression.integers[0];
  bool upper = expression.integers[1] != 0;
  forEachIndex(source.shape, [&](int64_t flat, const auto &index) {
    int64_t offset = index[rank - 1] - index[rank - 2];
    bool keep = upper ? offset >= diagonal : offset <= diagonal;
    result.values[flat] = keep ? source.values[flat] : 0;
  });
  return true;
}

bool constant_ops::rearrange(const ConstantExpr &expression, Operands operands,
                             ConstantTensor &result, std::string &error) {
  error = "a constant's shape function does not fit its operands";
  if (operands.empty())
    return false;
  for (const auto &operand : operands)
    result.ulps = std::max(result.ulps, operand->ulps);
  const ConstantTensor &source = *operands[0];
  result.values.resize(size_t(*countEntries(result.shape)));
  switch (expression.kind) {
  case Kind::Reshape:
    if (source.values.size() != result.values.size())
      return false;
    result.values = source.values;
    return true;
  case Kind::Transpose:
    return transpose(expression, source, result);
  case Kind::Slice:
    return slice(expression, source, result);
  case Kind::Concat:
    return concatenate(expression, operands, result);
  case Kind::Expand:
    return expand(source, result);
  case Kind::Tile:
    return tile(expression, source, result);
  case Kind::Gather:
    return gather(expression, operands, result);
  case Kind::Pad:
    return pad(expression, source, result);
  case Kind::Trilu:
    return triangle(expression, source, result);
  default:
    return false;
  }
}
