//===- Normalization.cpp - Operands of normalisations ------*- C++ -*-===//
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

// Results have the operand's type by a trait; what remains are the operands
// beside it and the attributes.

/// A gain or bias has the input's element type and broadcasts to `target`.
static llvm::LogicalResult checkFactor(OptionalLocation location,
                                       llvm::StringRef name, mlir::Value factor,
                                       mlir::Value input,
                                       llvm::ArrayRef<Axis> target) {
  if (!factor)
    return success();
  if (failed(checkSameElementType(location, elementType(input),
                                  elementType(factor))))
    return failure();
  return checkBroadcastsTo(location, name, getAxes(factor.getType()), target);
}

/// A tensor of one entry a channel (axis 1 of the input).
static llvm::LogicalResult checkPerChannel(OptionalLocation location,
                                           llvm::StringRef name,
                                           mlir::Value value,
                                           mlir::Value input) {
  if (!value)
    return success();
  Axes axes = getAxes(value.getType());
  Axes inputAxes = getAxes(input.getType());
  if (inputAxes.size() < 2)
    return emitOptionalError(location, "expected an input of rank 2 or more");
  if (axes.size() != 1 || axes[0].size != inputAxes[1].size)
    return emitOptionalError(location, "expected '", name, "' of shape [",
                             inputAxes[1].size.toString(), "], got ",
                             toString(axes));
  return checkSameElementType(location, elementType(input), elementType(value));
}

/// A negative epsilon, or NaN, would make the bounds (B-bn), (B-ln)
/// meaningless.
static llvm::LogicalResult checkEpsilon(OptionalLocation location,
                                        const llvm::APFloat &epsilon) {
  if (epsilon.isFinite() && (!epsilon.isNegative() || epsilon.isZero()))
    return success();
  return emitOptionalError(location,
                           "'epsilon' has to be finite and not negative");
}

llvm::LogicalResult BatchNormOp::verify() {
  if (failed(checkEpsilon(getLoc(), getEpsilon())))
    return failure();
  const std::pair<llvm::StringRef, mlir::Value> operands[] = {
      {"scale", getScale()},
      {"bias", getBias()},
      {"mean", getMean()},
      {"variance", getVariance()}};
  for (auto [name, value] : operands)
    if (failed(checkPerChannel(getLoc(), name, value, getInput())))
      return failure();
  return success();
}

/// The shape that gain and bias of a norm layer broadcast to: the axes from
/// `axis` on, or the input's with 1 in place of those that are not `listed`.
static mlir::FailureOr<Axes>
getFactorTarget(OptionalLocation location, mlir::Value input, int64_t axis,
                std::optional<llvm::ArrayRef<int64_t>> listed) {
  Axes inputAxes = lipt::getAxes(input.getType());
  if (failed(checkAxis(location, axis, inputAxes.size())))
    return failure();
  if (!listed)
    return Axes(llvm::drop_begin(inputAxes, axis));
  if (listed->empty() || listed->front() != axis)
    return emitOptionalError(location, "'axes' has to begin with 'axis'");
  Axes target(inputAxes.size(), Axis{1});
  int64_t previous = -1;
  for (int64_t normalized : *listed) {
    if (failed(checkAxis(location, normalized, inputAxes.size())))
      return failure();
    if (normalized <= previous)
      return emitOptionalError(location, "'axes' has to increase");
    previous = normalized;
    target[normalized] = inputAxes[normalized];
  }
  return target;
}

llvm::LogicalResult LayerNormOp::verify() {
  mlir::FailureOr<Axes> normalized =
      getFactorTarget(getLoc(), getInput(), getAxis(), getAxes());
  if (failed(checkEpsilon(getLoc(), getEpsilon())) || failed(normalized))
    return failure();
  return mlir::LogicalResult::success(
      mlir::succeeded(
          checkFactor(getLoc(), "gain", getGain(), getInput(), *normalized)) &&
      mlir::succeeded(
          checkFactor(getLoc(), "bias", getBias(), getInput(), *normalized)));
}

llvm::LogicalResult RmsNormOp::verify() {
  mlir::FailureOr<Axes> normalized =
      getFactorTarget(getLoc(), getInput(), getAxis(), getAxes());
  if (failed(checkEpsilon(getLoc(), getEpsilon())) || failed(normalized))
    return failure();
  return checkFactor(getLoc(), "gain", getGain(), getInput(), *normalized);
}

llvm::LogicalResult GroupNormOp::verify() {
  Axes axes = getAxes(getInput().getType());
  if (failed(checkEpsilon(getLoc(), getEpsilon())))
    return failure();
  if (axes.size() < 2)
    return emitOpError("expected an input of rank 2 or more");
  if (!axes[1].size.dividedBy(getGroups()))
    return emitOpError() << getGroups() << " groups do not divide "
                         << axes[1].size.toString() << " channels";
  if (failed(checkPerChannel(getLoc(), "gain", getGain(), getInput())))
    return failure();
  return checkPerChannel(getLoc(), "bias", getBias(), getInput());
}

llvm::LogicalResult LpNormOp::verify() {
  if (getP() != 1 && getP() != 2)
    return emitOpError("'p' has to be 1 or 2");
  return checkAxis(getLoc(), getAxis(), getInput().getType().getRank());
}

llvm::LogicalResult RmsCapOp::verify() {
  if (getInput().getType().getRank() < 1)
    return emitOpError("expected an input of rank 1 or more");
  const llvm::APFloat &radius = getRadius();
  if (!radius.isFinite() || radius.isNegative() || radius.isZero())
    return emitOpError("'radius' has to be positive and finite");
  return success();
}

llvm::LogicalResult SoftmaxOp::verify() {
  return checkAxis(getLoc(), getAxis(), getInput().getType().getRank());
}

llvm::LogicalResult LogSoftmaxOp::verify() {
  return checkAxis(getLoc(), getAxis(), getInput().getType().getRank());
}
