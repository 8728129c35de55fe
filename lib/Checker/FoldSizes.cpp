//===- FoldSizes.cpp - Lengths: shapes, slices and integer vectors of sizes
//--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FoldArithmetic.h"

#include "lipt/Checker/Rejection.h"

#include <algorithm>

using namespace lipt::checker;

std::optional<std::vector<Size>>
lipt::checker::broadcastShapes(const std::vector<Size> &a,
                               const std::vector<Size> &b) {
  const auto &longer = a.size() >= b.size() ? a : b;
  const auto &shorter = a.size() >= b.size() ? b : a;
  std::vector<Size> result = longer;
  size_t shift = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    Size &own = result[i + shift];
    const Size &other = shorter[i];
    if (own == other || other.isOne())
      continue;
    if (own.isOne())
      own = other;
    else
      return std::nullopt;
  }
  return result;
}

std::optional<SliceRange> lipt::checker::resolveSlice(const Size &length,
                                                      const Size &start,
                                                      const Size &end,
                                                      int64_t step) {
  if (step == 0 || step == INT64_MIN)
    return std::nullopt;
  auto extent = length.constant(), from = start.constant(), to = end.constant();
  if (extent && from && to) {
    int64_t n = *extent;
    int64_t s = *from < 0 ? std::max(*from, -2 * n - 1) + n : *from;
    int64_t e = *to < 0 ? std::max(*to, -2 * n - 1) + n : *to;
    SliceRange range;
    range.step = step;
    if (step > 0) {
      s = std::clamp<int64_t>(s, 0, n);
      e = std::clamp<int64_t>(e, 0, n);
      range.length = e > s ? (e - s - 1) / step + 1 : 0;
    } else {
      s = std::clamp<int64_t>(s, -1, n - 1);
      e = std::clamp<int64_t>(e, -1, n - 1);
      range.length = s > e ? (s - e - 1) / -step + 1 : 0;
    }
    range.start = s;
    return range;
  }
  // Symbols: whole axis, a constant prefix cut off, or [0, end) with end a
  // known part of the axis. Exporters write 10^9 or 2^31 − 1 for "to the end".
  constexpr int64_t longestSymbol = 1000000000;
  if (step != 1)
    return std::nullopt;
  SliceRange range;
  range.start = start;
  if (from && *from < 0)
    range.start = length + start;
  if (range.start.sign() == -1 || !range.start.sign())
    return std::nullopt;
  Size stop = end;
  if (to && *to < 0)
    stop = length + end;
  else if ((to && *to >= longestSymbol) || (end - length).sign() == 1 ||
           (end - length).sign() == 0)
    stop = length;
  auto rest = (length - stop).sign(), size = (stop - range.start).sign();
  if (!rest || *rest < 0 || !size || *size < 0)
    return std::nullopt;
  range.length = stop - range.start;
  return range;
}

std::optional<std::vector<std::pair<int64_t, SliceRange>>>
lipt::checker::sliceParameters(const Node &node,
                               const std::vector<const Constant *> &inputs,
                               const std::vector<Size> &shape) {
  int64_t rank = static_cast<int64_t>(shape.size());
  std::vector<Size> starts, ends;
  std::vector<int64_t> axes, steps;
  if (node.opset >= 10) {
    if (inputs.size() < 3 || !inputs[1] || !inputs[2])
      return std::nullopt;
    auto s = inputs[1]->sizes(), e = inputs[2]->sizes();
    if (!s || !e)
      return std::nullopt;
    starts = *s;
    ends = *e;
    for (size_t index : {3, 4})
      if (node.input(index).size()) {
        auto values = index < inputs.size() && inputs[index]
                          ? inputs[index]->integers()
                          : std::nullopt;
        if (!values)
          return std::nullopt;
        (index == 3 ? axes : steps) = *values;
      }
  } else {
    auto s = node.integers("starts"), e = node.integers("ends");
    if (!s || !e)
      return std::nullopt;
    starts.assign(s->begin(), s->end());
    ends.assign(e->begin(), e->end());
    if (auto given = node.integers("axes"))
      axes = *given;
  }
  if (axes.empty())
    for (size_t i = 0; i < starts.size(); ++i)
      axes.push_back(static_cast<int64_t>(i));
  if (steps.empty())
    steps.assign(starts.size(), 1);
  if (starts.size() != ends.size() || starts.size() != axes.size() ||
      starts.size() != steps.size())
    return std::nullopt;
  std::vector<std::pair<int64_t, SliceRange>> ranges;
  for (size_t i = 0; i < starts.size(); ++i) {
    int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank)
      return std::nullopt;
    for (const auto &[other, range] : ranges)
      if (other == axis)
        return std::nullopt;
    auto range = resolveSlice(shape[axis], starts[i], ends[i], steps[i]);
    if (!range)
      return std::nullopt;
    ranges.push_back({axis, *range});
  }
  return ranges;
}

std::optional<std::vector<AxisGroup>>
lipt::checker::groupAxes(const std::vector<Size> &from,
                         const std::vector<Size> &to) {
  std::vector<AxisGroup> groups;
  size_t i = 0, j = 0;
  auto skipOnes = [&] {
    while (i < from.size() && from[i].isOne())
      ++i;
    while (j < to.size() && to[j].isOne())
      ++j;
  };
  for (skipOnes(); i < from.size() && j < to.size(); skipOnes()) {
    AxisGroup group;
    group.from.push_back(static_cast<int64_t>(i));
    group.to.push_back(static_cast<int64_t>(j));
    Size left = from[i++], right = to[j++];
    while (left != right) {
      skipOnes();
      // Grow the side that divides the other; where symbols hide which one
      // does, the longer remaining side.
      bool leftDivides = right.dividedBy(left).has_value();
      bool rightDivides = left.dividedBy(right).has_value();
      auto order = (left - right).sign();
      bool growLeft = leftDivides || (!rightDivides && order && *order < 0);
      if (growLeft ? i >= from.size() : j >= to.size())
        return std::nullopt;
      if (growLeft) {
        group.from.push_back(static_cast<int64_t>(i));
        left = left * from[i++];
      } else {
        group.to.push_back(static_cast<int64_t>(j));
        right = right * to[j++];
      }
    }
    groups.push_back(group);
  }
  skipOnes();
  if (i < from.size() || j < to.size())
    return std::nullopt;
  return groups;
}

std::optional<std::vector<Size>>
lipt::checker::reshapedShape(const std::vector<Size> &from,
                             const std::vector<Size> &to, bool allowZero) {
  std::vector<Size> result;
  std::optional<size_t> inferred;
  Size known(1);
  for (size_t i = 0; i < to.size(); ++i) {
    Size extent = to[i];
    if (extent.constant() == -1) {
      if (inferred)
        return std::nullopt;
      inferred = i;
      result.push_back(Size(1));
      continue;
    }
    if (extent.isZero() && !allowZero) {
      if (i >= from.size())
        return std::nullopt;
      extent = from[i];
    }
    result.push_back(extent);
    known = known * extent;
  }
  Size total = product(from);
  if (inferred) {
    auto quotient = total.dividedBy(known);
    if (!quotient)
      return std::nullopt;
    result[*inferred] = *quotient;
  } else if (known != total) {
    return std::nullopt;
  }
  return result;
}

std::optional<std::vector<int64_t>>
lipt::checker::axesOf(const Node &node,
                      const std::vector<const Constant *> &inputs, size_t index,
                      int64_t rank) {
  std::vector<int64_t> axes;
  if (auto given = node.integers("axes")) {
    axes = *given;
  } else if (!node.input(index).empty()) {
    auto values = index < inputs.size() && inputs[index]
                      ? inputs[index]->integers()
                      : std::nullopt;
    if (!values)
      return std::nullopt;
    axes = *values;
  }
  for (int64_t &axis : axes) {
    if (axis < 0)
      axis += rank;
    if (axis < 0 || axis >= rank)
      return std::nullopt;
  }
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    return std::nullopt;
  return axes;
}

std::optional<Constant>
lipt::checker::foldSizes(const Node &node,
                         const std::vector<const Constant *> &inputs) {
  std::vector<std::vector<Size>> values;
  bool scalar = true;
  for (const Constant *input : inputs) {
    auto entries = input ? input->sizes() : std::nullopt;
    if (!entries)
      return std::nullopt;
    values.push_back(*entries);
  }
  if (values.empty())
    return std::nullopt;
  for (const Constant *input : inputs)
    scalar = scalar && input->shape.empty();
  const std::string &op = node.opType;
  if (op == "Identity" ||
      (op == "Cast" &&
       isInteger(static_cast<ElementType>(node.integer("to", 0))) &&
       node.integer("to", 0) != int64_t(ElementType::Bool)))
    return Constant::fromEntries(values[0], scalar);
  if (op == "Concat") {
    std::vector<Size> all;
    for (const auto &part : values)
      all.insert(all.end(), part.begin(), part.end());
    return Constant::fromEntries(all, false);
  }
  if (op == "Gather" && inputs[0]->shape.size() == 1) {
    auto indices = inputs[1]->integers();
    if (!indices)
      return std::nullopt;
    std::vector<Size> picked;
    int64_t n = static_cast<int64_t>(values[0].size());
    for (int64_t index : *indices) {
      if (index < -n || index >= n)
        return std::nullopt;
      picked.push_back(values[0][index < 0 ? index + n : index]);
    }
    return Constant::fromEntries(picked, inputs[1]->shape.empty());
  }
  if (op == "Slice") {
    auto ranges = sliceParameters(node, inputs, inputs[0]->shape);
    if (!ranges || ranges->size() != 1)
      return std::nullopt;
    const SliceRange &range = (*ranges)[0].second;
    auto start = range.start.constant(), length = range.length.constant();
    if (!start || !length)
      return std::nullopt;
    std::vector<Size> picked;
    for (int64_t i = 0; i < *length; ++i)
      picked.push_back(values[0][*start + i * range.step]);
    return Constant::fromEntries(picked, false);
  }
  if (op == "Unsqueeze" && inputs[0]->shape.empty())
    return Constant::fromEntries(values[0], false);
  if (op == "Squeeze" && values[0].size() == 1)
    return Constant::fromEntries(values[0], true);
  if (op == "Reshape" && values.size() == 2 && values[1].size() <= 1)
    return Constant::fromEntries(values[0], values[1].empty());
  if (op == "ReduceProd" && inputs.size() == 1)
    return Constant::fromEntries({product(values[0])},
                                 !node.integer("keepdims", 1));
  static const std::vector<std::string> binary = {"Add",   "Sub", "Mul", "Div",
                                                  "Equal", "Max", "Min"};
  if (op == "Where" && values.size() == 3) {
    size_t n = std::max({values[0].size(), values[1].size(), values[2].size()});
    std::vector<Size> picked;
    for (size_t i = 0; i < n; ++i) {
      auto at = [&](size_t k) -> std::optional<Size> {
        if (values[k].size() != n && values[k].size() != 1)
          return std::nullopt;
        return values[k][values[k].size() == 1 ? 0 : i];
      };
      auto c = at(0), a = at(1), b = at(2);
      if (!c || !a || !b || !c->constant())
        return std::nullopt;
      picked.push_back(c->isZero() ? *b : *a);
    }
    return Constant::fromEntries(picked, scalar);
  }
  if (std::find(binary.begin(), binary.end(), op) == binary.end() ||
      values.size() != 2)
    return std::nullopt;
  size_t n = std::max(values[0].size(), values[1].size());
  std::vector<Size> result;
  for (size_t i = 0; i < n; ++i) {
    if ((values[0].size() != n && values[0].size() != 1) ||
        (values[1].size() != n && values[1].size() != 1))
      return std::nullopt;
    const Size &a = values[0][values[0].size() == 1 ? 0 : i];
    const Size &b = values[1][values[1].size() == 1 ? 0 : i];
    auto difference = (a - b).sign();
    if (op == "Add") {
      result.push_back(a + b);
    } else if (op == "Sub") {
      result.push_back(a - b);
    } else if (op == "Mul") {
      result.push_back(a * b);
    } else if (op == "Div") {
      auto exact = a.dividedBy(b);
      auto divisor = b.constant();
      if (exact)
        result.push_back(*exact);
      else if (divisor && *divisor > 0 && a.sign() == 1)
        result.push_back(a.floorDividedBy(*divisor));
      else
        return std::nullopt;
    } else if (!difference) {
      return std::nullopt;
    } else if (op == "Equal") {
      result.push_back(*difference == 0 ? 1 : 0);
    } else {
      result.push_back((*difference > 0) == (op == "Max") ? a : b);
    }
  }
  return Constant::fromEntries(result, scalar);
}
