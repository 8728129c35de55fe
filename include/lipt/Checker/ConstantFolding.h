//===- ConstantFolding.h - Values that no graph input decides --*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_CONSTANTFOLDING_H
#define LIPT_CHECKER_CONSTANTFOLDING_H

#include "lipt/Checker/ModelFile.h"
#include "lipt/Checker/Size.h"
#include "lipt/Checker/Tensor.h"

#include <optional>
#include <vector>

namespace lipt::checker {

/// The value of a tensor that does not depend on the value of any graph input.
/// Either numbers (`value`), or, for integer tensors of rank at most one that
/// hold lengths, polynomials (`entries`).
struct Constant {
  /// Logical shape.
  std::vector<Size> shape;
  /// Numbers; stored extent 1 along an axis of another logical length means
  /// that the value does not vary along that axis.
  std::optional<Tensor> value;
  /// Entries of a rank-0 or rank-1 integer tensor, where `value` is absent.
  std::optional<std::vector<Size>> entries;
  /// Every true entry is within this of the stored one (nonzero behind Sin,
  /// Cos, Exp, Pow, float sums and products of constant matrices).
  double error = 0;

  static Constant fromTensor(Tensor tensor);
  static Constant fromEntries(std::vector<Size> entries, bool scalar);
  /// Entries of an integer tensor of rank at most one, if this is one.
  std::optional<std::vector<Size>> sizes() const;
  /// The same as plain integers.
  std::optional<std::vector<int64_t>> integers() const;
  /// The single number of a one-element (or uniformly stored) constant.
  std::optional<double> uniformReal() const;
  /// The value with every axis stored in full; nothing if a length is a
  /// symbol, if there are no numbers, or above 2^28 elements.
  std::optional<Tensor> materialized() const;
};

/// Evaluates one node on constants, each operation rounded to nearest in its
/// element type. Absent optional inputs are null. Nothing if the operation is
/// not evaluated (its results are then constants of unknown value).
std::optional<std::vector<Constant>>
foldNode(const Node &node, const std::vector<const Constant *> &inputs);

/// NumPy broadcasting of shapes; nothing if they do not fit or it is not known
/// whether they fit.
std::optional<std::vector<Size>> broadcastShapes(const std::vector<Size> &a,
                                                 const std::vector<Size> &b);

/// Slice parameters (ONNX rules for negative and out-of-range values) of one
/// axis: start, end and step resolved against `length`, and the result's
/// length. Nothing for a zero step or what symbols leave open.
struct SliceRange {
  Size start, length;
  int64_t step = 1;
};
std::optional<SliceRange> resolveSlice(const Size &length, const Size &start,
                                       const Size &end, int64_t step);

/// Starts, ends, axes and steps of a Slice node of any opset, resolved for an
/// input of `shape`: one entry per sliced axis.
std::optional<std::vector<std::pair<int64_t, SliceRange>>>
sliceParameters(const Node &node, const std::vector<const Constant *> &inputs,
                const std::vector<Size> &shape);

/// Axes of two shapes of equal product, grouped as finely as the lengths
/// allow; axes of length 1 belong to no group. Nothing if symbols leave it
/// open.
struct AxisGroup {
  std::vector<int64_t> from, to;
};
std::optional<std::vector<AxisGroup>> groupAxes(const std::vector<Size> &from,
                                                const std::vector<Size> &to);

/// The target shape of a Reshape.
std::optional<std::vector<Size>> reshapedShape(const std::vector<Size> &from,
                                               const std::vector<Size> &to,
                                               bool allowZero);

/// `axes` as attribute or as input `index`, made nonnegative for `rank` and
/// sorted; an empty list if absent. Nothing if unknown or out of range.
std::optional<std::vector<int64_t>>
axesOf(const Node &node, const std::vector<const Constant *> &inputs,
       size_t index, int64_t rank);

} // namespace lipt::checker

#endif // LIPT_CHECKER_CONSTANTFOLDING_H
