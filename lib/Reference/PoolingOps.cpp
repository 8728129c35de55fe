//===- PoolingOps.cpp - Averages, maxima and norms over windows -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pooling.h"

#include "Evaluation.h"

#include <cmath>

using namespace mlir;

namespace lipt::reference {

template <typename Op>
static std::optional<WindowGrid> makeGrid(Op op, const Shape &input,
                                          const Shape &result) {
  if (input.size() < 2 || result.size() != input.size() ||
      input[0] != result[0] || input[1] != result[1])
    return std::nullopt;
  std::optional<WindowGrid> grid =
      WindowGrid::make(llvm::ArrayRef(input).drop_front(2), op.getKernel(),
                       op.getStrides(), op.getDilations(), op.getPads());
  if (grid) // places outside count as padding: any number of windows is safe
    grid->windows.assign(result.begin() + 2, result.end());
  return grid;
}

std::optional<WindowGrid> gridOf(Operation *op, const Shape &input,
                                 const Shape &result) {
  if (auto pool = dyn_cast<AveragePoolOp>(op))
    return makeGrid(pool, input, result);
  if (auto pool = dyn_cast<MaxPoolOp>(op))
    return makeGrid(pool, input, result);
  if (auto pool = dyn_cast<LpPoolOp>(op))
    return makeGrid(pool, input, result);
  // Global pooling: one window that covers everything.
  if (input.size() < 2 || result.size() != input.size())
    return std::nullopt;
  llvm::SmallVector<int64_t> ones(input.size() - 2, 1);
  llvm::SmallVector<int64_t> zeros(2 * ones.size(), 0);
  llvm::ArrayRef<int64_t> sizes = llvm::ArrayRef(input).drop_front(2);
  std::optional<WindowGrid> grid =
      WindowGrid::make(sizes, sizes, ones, ones, zeros);
  if (grid)
    grid->windows.assign(ones.begin(), ones.end());
  return grid;
}

int64_t averageDivisor(Operation *op, const WindowGrid &grid,
                       const Shape &window, llvm::ArrayRef<int64_t> places) {
  auto pool = dyn_cast<AveragePoolOp>(op);
  int64_t count = 0;
  if (!pool || !pool.getCountIncludePad()) {
    for (int64_t place : places)
      count += place >= 0;
    return std::max<int64_t>(1, count);
  }
  // Stated padding counts; what lies beyond it (ceil_mode) does not.
  count = 1;
  for (size_t i = 0; i < window.size(); ++i) {
    int64_t inside = 0;
    for (int64_t k = 0; k < grid.kernel[i]; ++k) {
      int64_t at = window[i] * grid.strides[i] + k * grid.dilations[i];
      inside += at < grid.padBegins[i] + grid.sizes[i] + grid.padEnds[i];
    }
    count *= inside;
  }
  return std::max<int64_t>(1, count);
}

/// Calls `compute(window, places, channel offsets)` for each window and writes
/// what it returns.
template <typename T, typename Compute>
static LogicalResult poolWindows(Evaluation &e, Compute compute) {
  const Tensor &input = e.getOperand(0);
  Tensor *result = e.makeTypedResult();
  if (!result)
    return failure();
  std::optional<WindowGrid> grid =
      gridOf(e.getOperation(), input.getShape(), result->getShape());
  if (!grid)
    return e.emitError() << "has shapes and attributes that do not fit";
  auto from = input.values<T>();
  auto to = result->values<T>();
  if (to.empty())
    return success();
  int64_t images = input.getShape()[0] * input.getShape()[1];
  int64_t placeCount = *countElements(grid->sizes);
  int64_t positions = grid->positions();
  Shape window(grid->windows.size(), 0);
  std::vector<int64_t> places;
  int64_t position = 0;
  do {
    grid->collect(window, places);
    int64_t divisor = averageDivisor(e.getOperation(), *grid, window, places);
    for (int64_t image = 0; image < images; ++image)
      to[image * positions + position] =
          compute(from.data() + image * placeCount, places, divisor);
    ++position;
  } while (nextIndex(window, grid->windows));
  return success();
}

template <typename T>
static T averageOf(const T *from, llvm::ArrayRef<int64_t> places,
                   int64_t divisor) {
  double sum = 0;
  for (int64_t place : places)
    sum += place >= 0 ? from[place] : T(0);
  return static_cast<T>(sum / static_cast<double>(divisor));
}

template <typename T>
static T largestOf(const T *from, llvm::ArrayRef<int64_t> places, int64_t) {
  T largest = std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity()
                                          : std::numeric_limits<T>::lowest();
  for (int64_t place : places)
    if (place >= 0 && (from[place] > largest || from[place] != from[place]))
      largest = from[place];
  return largest;
}

template <typename T>
static T normOf(const T *from, llvm::ArrayRef<int64_t> places, double p) {
  double sum = 0;
  for (int64_t place : places)
    if (place >= 0)
      sum += std::pow(std::abs(static_cast<double>(from[place])), p);
  return static_cast<T>(std::pow(sum, 1 / p));
}

template <typename Op> static void addAverage(KernelTable &table) {
  table.add<Op>([](Op, Evaluation &e) {
    return e.withReal(
        [&]<typename T>(T) { return poolWindows<T>(e, averageOf<T>); });
  });
}

template <typename Op> static void addMaximum(KernelTable &table) {
  table.add<Op>([](Op, Evaluation &e) {
    if (!e.getOperand(0).isFloat())
      return poolWindows<int64_t>(e, largestOf<int64_t>);
    return e.withReal(
        [&]<typename T>(T) { return poolWindows<T>(e, largestOf<T>); });
  });
}

template <typename Op> static void addNorm(KernelTable &table) {
  table.add<Op>([](Op op, Evaluation &e) -> LogicalResult {
    double p = static_cast<double>(op.getP());
    if (op.getP() < 1)
      return op.emitOpError("needs p >= 1");
    return e.withReal([&]<typename T>(T) {
      return poolWindows<T>(e, [=](const T *from, auto &places, int64_t) {
        return normOf(from, places, p);
      });
    });
  });
}

void addPoolingKernels(KernelTable &table) {
  addAverage<AveragePoolOp>(table);
  addAverage<GlobalAveragePoolOp>(table);
  addMaximum<MaxPoolOp>(table);
  addMaximum<GlobalMaxPoolOp>(table);
  addNorm<LpPoolOp>(table);
  addNorm<GlobalLpPoolOp>(table);
}

} // namespace lipt::reference
