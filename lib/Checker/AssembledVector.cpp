//===- AssembledVector.cpp - Vectors with rounding errors -----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compensated.h"
#include "lipt/Checker/Matrix.h"
#include "lipt/Checker/Rounding.h"
#include <algorithm>
#include <cmath>

using namespace lipt::checker;

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// Entry i of a result that lies in `range`, stored as the value closest to
/// what was computed and the distance to the farther end.
static void setEntry(AssembledVector &result, int64_t i, const Interval &range,
                     double computed) {
  if (!std::isfinite(range.lo) || !std::isfinite(range.hi) ||
      !std::isfinite(computed)) {
    result.value[i] = 0.0;
    result.error[i] = infinity;
    return;
  }
  result.value[i] = computed;
  result.error[i] =
      std::max({0.0, addUp(range.hi, -computed), addUp(computed, -range.lo)});
}

/// Entrywise combination; vectors of different lengths give infinite errors.
template <typename Ranges, typename Values>
static AssembledVector combine(const AssembledVector &a,
                               const AssembledVector &b, Ranges ranges,
                               Values values) {
  AssembledVector result = AssembledVector::zeros(a.size());
  for (int64_t i = 0; i < a.size(); ++i) {
    if (a.size() != b.size())
      result.error[i] = infinity;
    else
      setEntry(result, i, ranges(a.entry(i), b.entry(i)),
               values(a.value[i], b.value[i]));
  }
  return result;
}

AssembledVector lipt::checker::add(const AssembledVector &a,
                                   const AssembledVector &b) {
  return combine(
      a, b, [](const Interval &x, const Interval &y) { return x + y; },
      [](double x, double y) { return x + y; });
}

AssembledVector lipt::checker::subtract(const AssembledVector &a,
                                        const AssembledVector &b) {
  return combine(
      a, b, [](const Interval &x, const Interval &y) { return x - y; },
      [](double x, double y) { return x - y; });
}

AssembledVector lipt::checker::multiply(const AssembledVector &a,
                                        const AssembledVector &b) {
  return combine(
      a, b, [](const Interval &x, const Interval &y) { return x * y; },
      [](double x, double y) { return x * y; });
}

AssembledVector lipt::checker::scaleBy(const AssembledVector &a,
                                       double factor) {
  return multiply(a,
                  AssembledVector(std::vector<double>(a.value.size(), factor)));
}

AssembledVector lipt::checker::reciprocalSqrt(const AssembledVector &a,
                                              double shift) {
  AssembledVector result = AssembledVector::zeros(a.size());
  for (int64_t i = 0; i < a.size(); ++i)
    setEntry(result, i,
             Interval::point(1.0) / sqrt(a.entry(i) + Interval::point(shift)),
             1.0 / std::sqrt(a.value[i] + shift));
  return result;
}

AssembledVector lipt::checker::reciprocal(const AssembledVector &a) {
  AssembledVector result = AssembledVector::zeros(a.size());
  for (int64_t i = 0; i < a.size(); ++i)
    setEntry(result, i, Interval::point(1.0) / a.entry(i), 1.0 / a.value[i]);
  return result;
}

AssembledVector lipt::checker::select(const AssembledVector &a,
                                      std::span<const int64_t> indices) {
  AssembledVector result =
      AssembledVector::zeros(static_cast<int64_t>(indices.size()));
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= a.size()) {
      result.error[i] = infinity;
      continue;
    }
    result.value[i] = a.value[indices[i]];
    result.error[i] = a.error[indices[i]];
  }
  return result;
}

AssembledVector
lipt::checker::concatenate(std::span<const AssembledVector> parts) {
  AssembledVector result;
  for (const AssembledVector &part : parts) {
    result.value.insert(result.value.end(), part.value.begin(),
                        part.value.end());
    result.error.insert(result.error.end(), part.error.begin(),
                        part.error.end());
  }
  return result;
}

namespace {
/// A dot product with a bound of its rounding error. Products with zero are
/// exact and leave no trace, so a zero stays a zero.
class DotBounds {
public:
  void add(double a, double b) {
    if (a == 0.0 || b == 0.0)
      return;
    ++terms;
    dot.addProduct(a, b);
    absolute.add(std::abs(a * b));
  }
  double value() const { return dot.value(); }
  /// +infinity if a term is not finite or the sum overflowed.
  double error() const {
    if (terms == 0.0)
      return 0.0;
    return dotErrorUp(value(), positiveSumUp(absolute, terms), terms);
  }

private:
  CompensatedSum dot;
  CompensatedSum absolute;
  double terms = 0.0;
};
} // namespace

AssembledVector lipt::checker::product(const Assembled &matrix,
                                       const AssembledVector &x) {
  const Matrix &a = matrix.value;
  AssembledVector result = AssembledVector::zeros(a.rows);
  if (a.cols != x.size()) {
    std::fill(result.error.begin(), result.error.end(), infinity);
    return result;
  }
  // An entry moves by at most (matrix error) · ‖x‖.
  double common =
      matrix.isExact() ? 0.0 : (matrix.error * norm2Up(x)).toDoubleUp();
  for (int64_t i = 0; i < a.rows; ++i) {
    DotBounds dot;
    CompensatedSum carried;
    for (int64_t j = 0; j < a.cols; ++j) {
      double entry = a.at(i, j);
      if (entry == 0.0)
        continue;
      dot.add(entry, x.value[j]);
      carried.addProduct(std::abs(entry), x.error[j]);
    }
    double value = dot.value();
    double error = dot.error();
    if (carried.value() != 0.0)
      error = up(error +
                 positiveProductSumUp(carried, static_cast<double>(a.cols)));
    if (common != 0.0)
      error = up(error + common);
    result.value[i] = std::isfinite(value) ? value : 0.0;
    result.error[i] = std::isfinite(error) ? error : infinity;
  }
  return result;
}

std::vector<Interval>
lipt::checker::affineRange(const Assembled &matrix, const AssembledVector &b,
                           std::span<const Interval> box) {
  const Matrix &a = matrix.value;
  std::vector<Interval> result(a.rows, Interval::unknown());
  if (static_cast<int64_t>(box.size()) != a.cols ||
      (b.size() != 0 && b.size() != a.rows))
    return result;

  double common = 0.0;
  if (!matrix.isExact()) {
    std::vector<double> largest(box.size());
    std::transform(box.begin(), box.end(), largest.begin(),
                   [](const Interval &entry) { return entry.absMax(); });
    common = (matrix.error * norm2Up(largest)).toDoubleUp();
  }
  for (int64_t i = 0; i < a.rows; ++i) {
    // Each end is a dot product of the row with a corner of the box.
    DotBounds lower, upper;
    for (int64_t j = 0; j < a.cols; ++j) {
      double entry = a.at(i, j);
      if (entry == 0.0)
        continue;
      lower.add(entry, entry > 0.0 ? box[j].lo : box[j].hi);
      upper.add(entry, entry > 0.0 ? box[j].hi : box[j].lo);
    }
    Interval range;
    double lowerError = lower.error(), upperError = upper.error();
    if (common != 0.0) {
      lowerError = up(lowerError + common);
      upperError = up(upperError + common);
    }
    if (lowerError < infinity)
      range.lo = addDown(lower.value(), -lowerError);
    if (upperError < infinity)
      range.hi = addUp(upper.value(), upperError);
    result[i] = b.size() != 0 ? range + b.entry(i) : range;
  }
  return result;
}
