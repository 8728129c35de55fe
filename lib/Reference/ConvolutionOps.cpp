//===- ConvolutionOps.cpp - Convolutions of any rank ----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Broadcast.h"
#include "Convolution.h"
#include "Evaluation.h"
#include "MatrixProduct.h"

using namespace mlir;

namespace lipt::reference {

/// For windows [begin, end) in row-major order, `visit(row, places)` with the
/// row's number from 0.
template <typename Visit>
static void forEachWindow(const WindowGrid &grid, int64_t begin, int64_t end,
                          Visit &&visit) {
  Shape window(grid.windows.size(), 0);
  int64_t rest = begin;
  for (size_t i = window.size(); i-- > 0; rest /= grid.windows[i])
    window[i] = rest % grid.windows[i];
  std::vector<int64_t> places;
  for (int64_t row = 0; row < end - begin; ++row) {
    grid.collect(window, places);
    visit(row, places);
    nextIndex(window, grid.windows);
  }
}

/// Windows handled at once, so that the unfolded input stays in cache.
static int64_t windowBlock(int64_t patch) {
  return std::max<int64_t>(1, 65536 / std::max<int64_t>(1, patch));
}

template <typename T>
void convolve(const ConvolutionShape &shape, const T *input, const T *weight,
              T *result) {
  const WindowGrid &grid = shape.grid;
  int64_t taps = grid.taps(), positions = grid.positions();
  int64_t in = shape.inputChannels / shape.groups;
  int64_t out = shape.outputChannels / shape.groups;
  int64_t places = *countElements(grid.sizes), patch = in * taps;
  int64_t block = windowBlock(patch);
  std::vector<T> unfolded;
  for (int64_t image = 0; image < shape.batch * shape.groups; ++image) {
    const T *from = input + image * in * places;
    T *to = result + image * out * positions;
    const T *kernel = weight + (image % shape.groups) * out * patch;
    for (int64_t begin = 0; begin < positions; begin += block) {
      int64_t end = std::min(begin + block, positions), width = end - begin;
      // unfolded: [in * taps, windows]; padding contributes zeros.
      unfolded.assign(patch * width, T(0));
      forEachWindow(grid, begin, end, [&](int64_t row, auto &window) {
        for (int64_t tap = 0; tap < taps; ++tap)
          if (window[tap] >= 0)
            for (int64_t c = 0; c < in; ++c)
              unfolded[(c * taps + tap) * width + row] =
                  from[c * places + window[tap]];
      });
      addProduct(Matrix<T>{to + begin, out, width, positions, 1},
                 Matrix<const T>::rowMajor(kernel, out, patch),
                 Matrix<const T>::rowMajor(unfolded.data(), patch, width));
    }
  }
}

template <typename T>
void convolveTransposed(const ConvolutionShape &shape, const T *input,
                        const T *weight, T *result) {
  const WindowGrid &grid = shape.grid;
  int64_t taps = grid.taps(), positions = grid.positions();
  int64_t in = shape.inputChannels / shape.groups;
  int64_t out = shape.outputChannels / shape.groups;
  int64_t places = *countElements(grid.sizes), patch = in * taps;
  int64_t block = windowBlock(patch);
  std::vector<T> unfolded;
  for (int64_t image = 0; image < shape.batch * shape.groups; ++image) {
    const T *from = input + image * out * positions;
    T *to = result + image * in * places;
    auto kernel = Matrix<const T>::rowMajor(
        weight + (image % shape.groups) * out * patch, out, patch);
    for (int64_t begin = 0; begin < positions; begin += block) {
      int64_t end = std::min(begin + block, positions), width = end - begin;
      unfolded.assign(patch * width, T(0));
      addProduct(Matrix<T>::rowMajor(unfolded.data(), patch, width),
                 kernel.transposed(),
                 Matrix<const T>{from + begin, out, width, positions, 1});
      forEachWindow(grid, begin, end, [&](int64_t row, auto &window) {
        for (int64_t tap = 0; tap < taps; ++tap)
          if (window[tap] >= 0)
            for (int64_t c = 0; c < in; ++c)
              to[c * places + window[tap]] +=
                  unfolded[(c * taps + tap) * width + row];
      });
    }
  }
}

template void convolve(const ConvolutionShape &, const float *, const float *,
                       float *);
template void convolve(const ConvolutionShape &, const double *, const double *,
                       double *);
template void convolveTransposed(const ConvolutionShape &, const float *,
                                 const float *, float *);
template void convolveTransposed(const ConvolutionShape &, const double *,
                                 const double *, double *);

std::optional<ConvolutionShape> shapeOf(ConvOp op, const Shape &input,
                                        const Shape &weight,
                                        const Shape &result) {
  if (input.size() < 2 || weight.size() != input.size() ||
      result.size() != input.size() || op.getGroups() < 1)
    return std::nullopt;
  llvm::ArrayRef<int64_t> in(input), kernel(weight);
  ConvolutionShape shape;
  shape.batch = input[0];
  shape.inputChannels = input[1];
  shape.outputChannels = weight[0];
  shape.groups = op.getGroups();
  std::optional<WindowGrid> grid =
      WindowGrid::make(in.drop_front(2), kernel.drop_front(2), op.getStrides(),
                       op.getDilations(), op.getPads());
  if (!grid || shape.inputChannels % shape.groups ||
      shape.outputChannels % shape.groups ||
      weight[1] != shape.inputChannels / shape.groups ||
      result[0] != shape.batch || result[1] != shape.outputChannels)
    return std::nullopt;
  grid->windows.assign(result.begin() + 2, result.end());
  for (size_t i = 0; i < grid->windows.size(); ++i) {
    int64_t room = grid->sizes[i] + grid->padBegins[i] + grid->padEnds[i] -
                   grid->extent(i);
    if (room < 0 || grid->windows[i] != room / grid->strides[i] + 1)
      return std::nullopt;
  }
  shape.grid = *grid;
  return shape;
}

/// A transposed convolution is the adjoint of a convolution from its result's
/// places to its input's: channels and sizes swap.
std::optional<ConvolutionShape> shapeOf(ConvTransposeOp op, const Shape &input,
                                        const Shape &weight,
                                        const Shape &result) {
  if (input.size() < 2 || weight.size() != input.size() ||
      result.size() != input.size() || op.getGroups() < 1)
    return std::nullopt;
  llvm::ArrayRef<int64_t> out(result), kernel(weight);
  ConvolutionShape shape;
  shape.batch = input[0];
  shape.inputChannels = result[1];
  shape.outputChannels = input[1];
  shape.groups = op.getGroups();
  std::optional<WindowGrid> grid =
      WindowGrid::make(out.drop_front(2), kernel.drop_front(2), op.getStrides(),
                       op.getDilations(), op.getPads());
  if (!grid || shape.inputChannels % shape.groups ||
      shape.outputChannels % shape.groups || weight[0] != input[1] ||
      weight[1] != shape.inputChannels / shape.groups ||
      result[0] != shape.batch ||
      op.getOutputPadding().size() != grid->kernel.size())
    return std::nullopt;
  grid->windows.assign(input.begin() + 2, input.end());
  for (size_t i = 0; i < grid->windows.size(); ++i)
    if (grid->sizes[i] != grid->strides[i] * (grid->windows[i] - 1) +
                              op.getOutputPadding()[i] + grid->extent(i) -
                              grid->padBegins[i] - grid->padEnds[i])
      return std::nullopt;
  shape.grid = *grid;
  return shape;
}

/// result[n, c, ...] += bias[c].
template <typename T>
static void addBias(std::span<const T> bias, const Shape &shape,
                    std::span<T> result) {
  AxisView view(shape, 1);
  for (int64_t row = 0; row < view.outer * view.size; ++row)
    for (int64_t i = 0; i < view.inner; ++i)
      result[row * view.inner + i] += bias[row % view.size];
}

template <typename Op, typename Compute>
static LogicalResult evaluateConvolution(Op op, Evaluation &e,
                                         Compute compute) {
  const Tensor &input = e[op.getInput()], &weight = e[op.getWeight()];
  const Tensor *bias = e.find(op.getBias());
  Tensor *result = e.makeTypedResult();
  if (!result)
    return failure();
  std::optional<ConvolutionShape> shape =
      shapeOf(op, input.getShape(), weight.getShape(), result->getShape());
  if (!shape)
    return op.emitOpError("has shapes and attributes that do not fit");
  if (bias && bias->getShape() != Shape{result->getShape()[1]})
    return op.emitOpError("has a bias that does not fit its channels");
  return e.withReal([&]<typename T>(T) {
    auto to = result->values<T>();
    compute(*shape, input.values<T>().data(), weight.values<T>().data(),
            to.data());
    if (bias)
      addBias(bias->values<T>(), result->getShape(), to);
    return success();
  });
}

void addConvolutionKernels(KernelTable &table) {
  table.add<ConvOp>([](ConvOp op, Evaluation &e) {
    return evaluateConvolution(
        op, e, [](auto &shape, auto *input, auto *weight, auto *result) {
          convolve(shape, input, weight, result);
        });
  });
  table.add<ConvTransposeOp>([](ConvTransposeOp op, Evaluation &e) {
    return evaluateConvolution(
        op, e, [](auto &shape, auto *input, auto *weight, auto *result) {
          convolveTransposed(shape, input, weight, result);
        });
  });
}

} // namespace lipt::reference
