//===- Convolution.cpp - Types of convolutions and pools ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceHelpers.h"

using namespace lipt;
using namespace lipt::inference;
using mlir::emitOptionalError;
using mlir::failed;
using mlir::failure;
using mlir::success;

namespace {

/// The windows along one spatial axis.
struct Window {
  int64_t kernel, stride, dilation, padBegin, padEnd;

  /// Entries from the first to the last tap.
  SymbolicSize extent() const {
    return SymbolicSize(dilation) * (SymbolicSize(kernel) - 1) + 1;
  }
};

} // namespace

static int64_t floorDivide(int64_t a, int64_t positive) {
  return a / positive - (a % positive < 0);
}
static int64_t ceilDivide(int64_t a, int64_t positive) {
  return a / positive + (a % positive > 0);
}

/// Lists with one entry per spatial axis (two for pads), within their ranges.
static llvm::LogicalResult
makeWindows(OptionalLocation location, llvm::ArrayRef<int64_t> kernel,
            llvm::ArrayRef<int64_t> strides, llvm::ArrayRef<int64_t> dilations,
            llvm::ArrayRef<int64_t> pads, size_t spatialRank,
            llvm::SmallVectorImpl<Window> &windows) {
  if (failed(checkLength(location, "kernel", kernel, spatialRank)) ||
      failed(checkLength(location, "strides", strides, spatialRank)) ||
      failed(checkLength(location, "dilations", dilations, spatialRank)) ||
      failed(checkLength(location, "pads", pads, 2 * spatialRank)))
    return failure();
  for (size_t i = 0; i < spatialRank; ++i) {
    Window window{kernel[i], strides[i], dilations[i], pads[i],
                  pads[spatialRank + i]};
    if (window.kernel < 1 || window.stride < 1 || window.dilation < 1)
      return emitOptionalError(
          location, "kernel, strides and dilations have to be positive");
    if (window.padBegin < 0 || window.padEnd < 0)
      return emitOptionalError(location, "pads must not be negative");
    windows.push_back(window);
  }
  return success();
}

/// floor((input + pads - extent) / stride) + 1, with `ceilMode` the ceiling,
/// less the window that would start after the input and its first padding (as
/// ONNX has it). A symbolic size needs coefficients that the stride divides:
/// then the quotient is a polynomial again.
static mlir::FailureOr<SymbolicSize> countWindows(OptionalLocation location,
                                                  const SymbolicSize &input,
                                                  const Window &window,
                                                  bool ceilMode) {
  SymbolicSize padded = input + window.padBegin;
  SymbolicSize room = padded + window.padEnd - window.extent();
  if (!room.isValid())
    return room;
  std::map<std::string, int64_t> zeros;
  for (const std::string &symbol : room.getSymbols())
    zeros[symbol] = 0;
  SymbolicSize constantPart = room.bind(zeros);
  int64_t constant = *constantPart.getStatic();
  if (room.isStatic() && constant < 0)
    return emitOptionalError(location, "a window of ",
                             window.extent().toString(),
                             " entries does not fit an axis of size ",
                             input.toString(), " with its pads");
  std::optional<SymbolicSize> symbolic =
      (room - constantPart).dividedBy(window.stride);
  if (!symbolic)
    return emitOptionalError(
        location, "the number of windows at stride ", window.stride,
        " along an axis of size ", input.toString(),
        " is no polynomial in its symbols: fix the size of this axis");
  if (!ceilMode)
    return *symbolic + floorDivide(constant, window.stride) + 1;
  SymbolicSize last = *symbolic + ceilDivide(constant, window.stride);
  SymbolicSize beyond = last * window.stride - padded;
  if (beyond.getStatic().value_or(-1) >= 0)
    last = last - 1;
  return last + 1;
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

/// What both directions of convolution share: ranks, element types, windows
/// and groups.
template <typename Adaptor>
static llvm::LogicalResult
checkConvolution(OptionalLocation location, Adaptor adaptor, const Axes &input,
                 const Axes &weight, llvm::SmallVectorImpl<Window> &windows) {
  if (input.size() < 3 || weight.size() != input.size())
    return emitOptionalError(location,
                             "expected an input and a weight of one "
                             "rank, 3 or more, got ranks ",
                             input.size(), " and ", weight.size());
  if (failed(checkSameElementType(location, elementType(adaptor.getInput()),
                                  elementType(adaptor.getWeight()))))
    return failure();
  llvm::SmallVector<int64_t> kernel;
  for (const Axis &axis : llvm::drop_begin(weight, 2)) {
    if (!axis.size.isStatic())
      return emitOptionalError(location, "kernel sizes have to be static");
    kernel.push_back(*axis.size.getStatic());
  }
  return makeWindows(location, kernel, adaptor.getStrides(),
                     adaptor.getDilations(), adaptor.getPads(), kernel.size(),
                     windows);
}

/// [N, channels, spatial...], roles by position, and the bias that fits it.
template <typename Adaptor>
static llvm::LogicalResult
addConvolutionType(OptionalLocation location, Adaptor adaptor, Axes axes,
                   const SymbolicSize &channels, InferredTypes &types) {
  axes[0].role = AxisRole::Batch;
  axes[1] = {channels, AxisRole::Feature};
  for (Axis &axis : llvm::drop_begin(axes, 2))
    axis.role = AxisRole::Spatial;
  mlir::Type element = elementType(adaptor.getInput());
  if (mlir::Value bias = adaptor.getBias()) {
    Axes biasAxes = getAxes(bias.getType());
    if (failed(checkSameElementType(location, element, elementType(bias))))
      return failure();
    if (biasAxes.size() != 1 || biasAxes[0].size != channels)
      return emitOptionalError(location, "expected a bias of shape [",
                               channels.toString(), "], got ",
                               toString(biasAxes));
  }
  return addType(location, axes, element, types);
}

LIPT_INFER(ConvOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  Axes weight = getAxes(adaptor.getWeight().getType());
  llvm::SmallVector<Window> windows;
  if (failed(checkConvolution(location, adaptor, axes, weight, windows)))
    return failure();
  SymbolicSize groups(int64_t(adaptor.getGroups()));
  if (axes[1].size != weight[1].size * groups ||
      !weight[0].size.dividedBy(groups))
    return emitOptionalError(location, "a weight of shape ", toString(weight),
                             " in ", adaptor.getGroups(),
                             " groups does not fit an input with ",
                             axes[1].size.toString(), " channels");
  for (auto [axis, window] : llvm::zip(llvm::drop_begin(axes, 2), windows)) {
    mlir::FailureOr<SymbolicSize> count =
        countWindows(location, axis.size, window, /*ceilMode=*/false);
    if (failed(count))
      return failure();
    axis.size = *count;
  }
  return addConvolutionType(location, adaptor, axes, weight[0].size, types);
}

LIPT_INFER(ConvTransposeOp) {
  Axes axes = getAxes(adaptor.getInput().getType());
  Axes weight = getAxes(adaptor.getWeight().getType());
  llvm::SmallVector<Window> windows;
  if (failed(checkConvolution(location, adaptor, axes, weight, windows)) ||
      failed(checkLength(location, "output_padding", adaptor.getOutputPadding(),
                         windows.size())))
    return failure();
  SymbolicSize groups(int64_t(adaptor.getGroups()));
  if (axes[1].size != weight[0].size || !weight[0].size.dividedBy(groups))
    return emitOptionalError(location, "a weight of shape ", toString(weight),
                             " in ", adaptor.getGroups(),
                             " groups does not fit an input with ",
                             axes[1].size.toString(), " channels");
  for (auto [axis, window, extra] : llvm::zip(
           llvm::drop_begin(axes, 2), windows, adaptor.getOutputPadding())) {
    if (extra < 0 || extra >= std::max(window.stride, window.dilation))
      return emitOptionalError(
          location, "an entry of 'output_padding' is ", extra,
          ", expected one below the stride or the dilation");
    axis.size = SymbolicSize(window.stride) * (axis.size - 1) + extra +
                window.extent() - window.padBegin - window.padEnd;
  }
  return addConvolutionType(location, adaptor, axes, weight[1].size * groups,
                            types);
}

//===----------------------------------------------------------------------===//
// Pools
//===----------------------------------------------------------------------===//

/// Roles stay as they are (B-maxpool, B-avgpool, B-lppool).
template <typename Adaptor>
static llvm::LogicalResult inferPool(OptionalLocation location, Adaptor adaptor,
                                     InferredTypes &types) {
  Axes axes = getAxes(adaptor.getInput().getType());
  if (axes.size() < 3)
    return emitOptionalError(location, "expected an input of rank 3 or more");
  llvm::SmallVector<Window> windows;
  if (failed(makeWindows(location, adaptor.getKernel(), adaptor.getStrides(),
                         adaptor.getDilations(), adaptor.getPads(),
                         axes.size() - 2, windows)))
    return failure();
  for (auto [axis, window] : llvm::zip(llvm::drop_begin(axes, 2), windows)) {
    // No window may lie in the padding altogether.
    std::optional<int64_t> extent = window.extent().getStatic();
    if (extent && std::max(window.padBegin, window.padEnd) >= *extent)
      return emitOptionalError(location,
                               "pads have to be smaller than the "
                               "window of ",
                               *extent, " entries");
    mlir::FailureOr<SymbolicSize> count =
        countWindows(location, axis.size, window, adaptor.getCeilMode());
    if (failed(count))
      return failure();
    axis.size = *count;
  }
  return addType(location, axes, elementType(adaptor.getInput()), types);
}

LIPT_INFER(AveragePoolOp) { return inferPool(location, adaptor, types); }
LIPT_INFER(MaxPoolOp) { return inferPool(location, adaptor, types); }
LIPT_INFER(LpPoolOp) { return inferPool(location, adaptor, types); }

/// Spatial axes shrink to 1.
static llvm::LogicalResult inferGlobalPool(OptionalLocation location,
                                           mlir::Value input,
                                           InferredTypes &types) {
  Axes axes = getAxes(input.getType());
  if (axes.size() < 2)
    return emitOptionalError(location, "expected an input of rank 2 or more");
  for (Axis &axis : llvm::drop_begin(axes, 2))
    axis.size = 1;
  return addType(location, axes, elementType(input), types);
}

LIPT_INFER(GlobalAveragePoolOp) {
  return inferGlobalPool(location, adaptor.getInput(), types);
}
LIPT_INFER(GlobalMaxPoolOp) {
  return inferGlobalPool(location, adaptor.getInput(), types);
}
LIPT_INFER(GlobalLpPoolOp) {
  return inferGlobalPool(location, adaptor.getInput(), types);
}
