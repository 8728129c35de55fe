//===- Windows.cpp - Windows, pads and splits as nodes state them ---------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"

#include <algorithm>

using namespace lipt::checker;

std::optional<Window>
lipt::checker::windowOf(const Node &node, const std::vector<Size> &input,
                        const std::vector<Size> *kernelShape) {
  if (input.size() < 3)
    return std::nullopt;
  size_t rank = input.size() - 2;
  Window window;
  if (auto given = node.integers("kernel_shape")) {
    window.kernel = *given;
  } else if (kernelShape) {
    for (size_t i = 2; i < kernelShape->size(); ++i)
      window.kernel.push_back((*kernelShape)[i].constant().value_or(0));
  }
  window.strides =
      node.integers("strides").value_or(std::vector<int64_t>(rank, 1));
  window.dilations =
      node.integers("dilations").value_or(std::vector<int64_t>(rank, 1));
  window.outputPadding =
      node.integers("output_padding").value_or(std::vector<int64_t>(rank, 0));
  window.ceil = node.integer("ceil_mode", 0) != 0;
  std::vector<int64_t> pads =
      node.integers("pads").value_or(std::vector<int64_t>(2 * rank, 0));
  if (window.kernel.size() != rank || window.strides.size() != rank ||
      window.dilations.size() != rank || pads.size() != 2 * rank ||
      window.outputPadding.size() != rank)
    return std::nullopt;
  constexpr int64_t limit = 1 << 20;
  for (size_t i = 0; i < rank; ++i) {
    if (kernelShape && (kernelShape->size() != rank + 2 ||
                        (*kernelShape)[i + 2] != Size(window.kernel[i])))
      return std::nullopt;
    for (int64_t value :
         {window.kernel[i], window.strides[i], window.dilations[i]})
      if (value < 1 || value > limit)
        return std::nullopt;
    for (int64_t value : {pads[i], pads[i + rank], window.outputPadding[i]})
      if (value < 0 || value > limit)
        return std::nullopt;
  }
  window.padsBegin.assign(pads.begin(), pads.begin() + rank);
  window.padsEnd.assign(pads.begin() + rank, pads.end());
  std::string mode = node.string("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode.empty())
    return window;
  std::fill(window.padsBegin.begin(), window.padsBegin.end(), 0);
  window.padsEnd = window.padsBegin;
  if (mode == "VALID")
    return window;
  if ((mode != "SAME_UPPER" && mode != "SAME_LOWER") ||
      node.is("ConvTranspose"))
    return std::nullopt;
  for (size_t i = 0; i < rank; ++i) {
    auto length = input[i + 2].constant();
    int64_t reach = (window.kernel[i] - 1) * window.dilations[i] + 1;
    int64_t total;
    if (window.strides[i] == 1) {
      total = reach - 1;
    } else if (length) {
      int64_t outputs = (*length + window.strides[i] - 1) / window.strides[i];
      total = std::max<int64_t>(0, (outputs - 1) * window.strides[i] + reach -
                                       *length);
    } else {
      window.padsKnown = false;
      continue;
    }
    int64_t less = total / 2;
    window.padsBegin[i] = mode == "SAME_UPPER" ? less : total - less;
    window.padsEnd[i] = total - window.padsBegin[i];
  }
  return window;
}

std::optional<std::vector<Size>>
lipt::checker::windowOutputShape(const Node &node,
                                 const std::vector<Size> &input,
                                 const std::vector<Size> *kernelShape) {
  bool convolution = node.is("Conv") || node.is("ConvTranspose");
  if (convolution && !kernelShape)
    return std::nullopt;
  auto window = windowOf(node, input, convolution ? kernelShape : nullptr);
  if (!window)
    return std::nullopt;
  std::vector<Size> shape = {input[0], input[1]};
  if (node.is("Conv"))
    shape[1] = (*kernelShape)[0];
  if (node.is("ConvTranspose")) {
    if (node.attribute("output_shape"))
      return std::nullopt;
    shape[1] = (*kernelShape)[1] * Size(node.integer("group", 1));
  }
  bool same = node.string("auto_pad", "NOTSET").rfind("SAME", 0) == 0;
  for (int64_t i = 0; i < window->rank(); ++i) {
    int64_t stride = window->strides[i];
    int64_t reach = (window->kernel[i] - 1) * window->dilations[i] + 1;
    int64_t pads = window->padsBegin[i] + window->padsEnd[i];
    const Size &length = input[i + 2];
    if (node.is("ConvTranspose")) {
      shape.push_back((length - Size(1)) * Size(stride) +
                      Size(reach - pads + window->outputPadding[i]));
      continue;
    }
    if (same) {
      shape.push_back((length + Size(stride - 1)).floorDividedBy(stride));
      continue;
    }
    Size span = length + Size(pads - reach);
    Size count =
        (window->ceil ? span + Size(stride - 1) : span).floorDividedBy(stride) +
        Size(1);
    // With ceil_mode no window may start in the end padding.
    if (window->ceil && count.constant() && length.constant() &&
        (*count.constant() - 1) * stride >=
            *length.constant() + window->padsBegin[i])
      count = count - Size(1);
    if (count.constant() && *count.constant() < 1)
      return std::nullopt;
    shape.push_back(count);
  }
  return shape;
}

std::optional<std::vector<std::pair<int64_t, int64_t>>>
lipt::checker::padAmounts(const Node &node,
                          const std::vector<const Constant *> &inputs,
                          int64_t rank) {
  std::optional<std::vector<int64_t>> pads = node.integers("pads");
  if (!pads && inputs.size() > 1 && inputs[1])
    pads = inputs[1]->integers();
  if (!pads)
    return std::nullopt;
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < rank; ++i)
    axes.push_back(i);
  if (!node.input(3).empty()) {
    auto given =
        inputs.size() > 3 && inputs[3] ? inputs[3]->integers() : std::nullopt;
    if (!given)
      return std::nullopt;
    axes = *given;
  }
  if (pads->size() != 2 * axes.size())
    return std::nullopt;
  std::vector<std::pair<int64_t, int64_t>> result(rank, {0, 0});
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank)
      return std::nullopt;
    result[axis] = {(*pads)[i], (*pads)[i + axes.size()]};
    if (std::max(std::abs(double(result[axis].first)),
                 std::abs(double(result[axis].second))) > 0x1p40)
      return std::nullopt;
  }
  return result;
}

std::optional<std::vector<Size>>
lipt::checker::splitLengths(const Node &node,
                            const std::vector<const Constant *> &inputs,
                            const std::vector<Size> &shape) {
  int64_t rank = static_cast<int64_t>(shape.size());
  int64_t axis = node.integer("axis", 0);
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return std::nullopt;
  int64_t parts = static_cast<int64_t>(node.outputs.size());
  std::vector<Size> lengths;
  if (auto given = node.integers("split")) {
    lengths.assign(given->begin(), given->end());
  } else if (!node.input(1).empty()) {
    auto values =
        inputs.size() > 1 && inputs[1] ? inputs[1]->sizes() : std::nullopt;
    if (!values)
      return std::nullopt;
    lengths = *values;
  } else if (auto extent = shape[axis].constant()) {
    int64_t chunk = (*extent + parts - 1) / parts;
    for (int64_t i = 0; i < parts; ++i)
      lengths.push_back(std::clamp(*extent - i * chunk, int64_t(0), chunk));
  } else if (auto each = shape[axis].dividedBy(Size(parts))) {
    lengths.assign(parts, *each);
  }
  Size total;
  for (const Size &length : lengths)
    total = total + length;
  if (static_cast<int64_t>(lengths.size()) != parts || total != shape[axis])
    return std::nullopt;
  return lengths;
}
