//===- Convolution.cpp - Rules B-conv, B-convT and the pools ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rules.h"

#include "lipt/Numerics/ConvolutionNorm.h"
#include "lipt/Numerics/IntervalImage.h"

#include <algorithm>
#include <cmath>

using namespace lipt;

namespace {
/// The kernel with the per-channel scales after it multiplied in.
struct FoldedKernel {
  std::shared_ptr<const void> owner;
  MatrixView view;
  double relativeError = 0; ///< of every entry
  IntervalVector bias;      ///< per output channel
};
} // namespace

/// Scale and shift of the chain y = scale * (conv + bias) + shift.
static std::optional<FoldedKernel> foldKernel(const ConvStep &step,
                                              int64_t rows, int64_t cols,
                                              int64_t outputs,
                                              StepContext &context) {
  std::optional<MatrixStorage> stored = context.matrix(step.weight, rows, cols);
  if (!stored)
    return std::nullopt;
  if (stored->ulps != 0 || step.scales.size() != step.shifts.size()) {
    context.explain("a convolution's kernel is not stored exactly");
    return std::nullopt;
  }
  FoldedKernel folded{stored->owner, stored->view, 0, {}};
  folded.bias.assign(size_t(outputs), Interval::point(0));
  auto interval = [](const ConstantVector &vector, int64_t i) {
    return widen(Interval::point(vector.values[size_t(i)]),
                 UpperBound::fromDouble(vector.errorOf(size_t(i))));
  };
  if (step.bias) {
    std::optional<ConstantVector> bias = context.vector(step.bias, outputs);
    if (!bias)
      return std::nullopt;
    for (int64_t i = 0; i != outputs; ++i)
      folded.bias[i] = interval(*bias, i);
  }
  std::vector<double> factor(size_t(outputs), 1);
  bool scaled = false;
  for (size_t k = 0; k != step.scales.size(); ++k) {
    if (step.scales[k]) {
      std::optional<ConstantVector> scale =
          context.vector(step.scales[k], outputs);
      if (!scale)
        return std::nullopt;
      double relative = 0;
      for (int64_t i = 0; i != outputs; ++i) {
        double value = scale->values[i], error = scale->errorOf(size_t(i));
        factor[i] *= value;
        if (error != 0)
          relative =
              std::max(relative, value == 0 ? 1 : error / std::abs(value));
        // Below this the relative error of a product is not 2^-53.
        if (factor[i] != 0 && std::abs(factor[i]) < 0x1p-500)
          return std::nullopt;
        folded.bias[i] = multiply(folded.bias[i], interval(*scale, i));
      }
      if (!(relative < 1e-6))
        return std::nullopt;
      folded.relativeError += 1.01 * (relative + 2 * 0x1p-53);
      scaled = true;
    }
    if (step.shifts[k]) {
      std::optional<ConstantVector> shift =
          context.vector(step.shifts[k], outputs);
      if (!shift)
        return std::nullopt;
      for (int64_t i = 0; i != outputs; ++i)
        folded.bias[i] = add(folded.bias[i], interval(*shift, i));
    }
  }
  if (!scaled)
    return folded;
  folded.relativeError += 1.01 * 0x1p-53; // the product with the kernel
  auto copy = std::make_shared<Matrix>(folded.view);
  int64_t taps = 1, perGroup = outputs / step.groups;
  for (size_t i = 2; i < step.weight->shape.size(); ++i)
    taps *= step.weight->shape[i];
  for (int64_t i = 0; i != rows; ++i)
    for (int64_t j = 0; j != cols; ++j) {
      // Conv: rows are output channels; ConvTranspose: columns are.
      int64_t channel =
          step.transposed ? i / (rows / step.groups) * perGroup + j / taps : i;
      (*copy)(i, j) *= factor[size_t(channel)];
    }
  folded.view = copy->view();
  folded.owner = copy;
  return folded;
}

/// The geometry as ONNX describes the node itself.
static std::optional<ConvolutionGeometry> readGeometry(const ConvStep &step,
                                                       StepContext &context) {
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  const std::vector<int64_t> shape =
      step.weight ? step.weight->shape : std::vector<int64_t>();
  size_t rank = shape.size() < 2 ? 0 : shape.size() - 2;
  if (shape.size() < 3 || in.size() != shape.size() ||
      out.size() != shape.size() || step.strides.size() != rank ||
      step.dilations.size() != rank || step.pads.size() != 2 * rank ||
      step.groups < 1 || shape[0] < 1 || shape[1] < 1) {
    context.explain("a convolution's attributes do not fit its operands");
    return std::nullopt;
  }
  ConvolutionGeometry geometry;
  geometry.groups = step.groups;
  geometry.inChannels = step.transposed ? shape[0] : shape[1] * step.groups;
  geometry.outChannels = step.transposed ? shape[1] * step.groups : shape[0];
  for (size_t i = 0; i != rank; ++i) {
    ConvolutionAxis axis;
    axis.input = staticSize(in[i + 2]).value_or(0);
    axis.output = staticSize(out[i + 2]).value_or(0);
    axis.kernel = shape[i + 2];
    axis.stride = step.strides[i];
    axis.dilation = step.dilations[i];
    axis.padBegin = step.pads[i];
    axis.padEnd = step.pads[rank + i];
    if (axis.kernel < 1 || axis.stride < 1 || axis.dilation < 1) {
      context.explain("a convolution's attributes are not positive");
      return std::nullopt;
    }
    geometry.axes.push_back(axis);
  }
  return geometry;
}

/// Largest claimed norm of the groups' unfolded kernels; keys unfold(t,k) or
/// unfold(t,k,g).
static UpperBound adoptUnfolding(const ConvolutionCertificate &certificate,
                                 const UpperBound &error,
                                 StepContext &context) {
  UpperBound largest = UpperBound::zero();
  std::string stem = "unfold(" + context.step.tensor + "," +
                     std::to_string(certificate.unfolding);
  for (size_t g = 0; g != certificate.witnesses.size(); ++g) {
    std::string key = certificate.witnesses.size() == 1
                          ? stem + ")"
                          : stem + "," + std::to_string(g) + ")";
    largest = max(largest, context.adopt(key, certificate.witnesses[g], error));
  }
  return largest;
}

/// l2 -> l2 bound from claimed norms, as whoever checks it forms it.
static UpperBound convolutionNorm(const FoldedKernel &kernel,
                                  const ConvolutionGeometry &geometry,
                                  const ConvStep &step, StepContext &context) {
  ConvolutionOptions options;
  options.spectral = context.spectralOptions();
  options.relativeEntryError = kernel.relativeError;
  ConvolutionCertificate certificate =
      certifyConvolution(kernel.view, geometry, options);
  // A folded kernel differs from the exact one by this at most.
  UpperBound lost = UpperBound::fromDouble(kernel.relativeError);
  bool exact = kernel.relativeError == 0;
  switch (certificate.method) {
  case ConvolutionMethod::Zero:
  case ConvolutionMethod::RootK1KInf:
    break;
  case ConvolutionMethod::Explicit: {
    if (certificate.witnesses.size() != 1)
      break;
    SpectralCertificate witness = certificate.witnesses[0];
    // The certificate is of the adjoint's matrix where it is a ConvTranspose.
    if (step.transposed)
      witness.transposed = !witness.transposed;
    UpperBound error =
        exact ? UpperBound::zero()
              : lost * convolutionRootK1KInf(kernel.view, geometry);
    return context.adopt("conv(" + context.step.tensor + ")", witness, error);
  }
  case ConvolutionMethod::Unfolding: {
    if (certificate.witnesses.empty())
      break;
    UpperBound error =
        exact ? UpperBound::zero() : lost * cheapNorms(kernel.view).frobenius;
    return unfoldingFactor(geometry, certificate.unfolding) *
           adoptUnfolding(certificate, error, context);
  }
  }
  return certificate.norm;
}

/// Whether the width vector of a position is exactly its channels.
static bool channelsAreWidth(const std::vector<PlanAxis> &axes) {
  for (size_t i = 0; i != axes.size(); ++i)
    if (axes[i].isPosition() == (i == 1) && staticSize(axes[i]) != 1)
      return false;
  return true;
}

/// One interval a channel; the hull where the range lies along another axis.
static std::optional<IntervalVector>
channelIntervals(const std::optional<EntryRange> &range, int64_t channels) {
  if (!range)
    return std::nullopt;
  if (range->axis == std::optional<int64_t>(1) &&
      int64_t(range->entries.size()) == channels)
    return range->entries;
  return IntervalVector(size_t(channels), range->hull());
}

/// sup of the l2 norm of one patch: taps of the input at one output position.
static UpperBound patchNorm(const Facts &x, const ConvolutionGeometry &geometry,
                            const std::vector<PlanAxis> &in) {
  UpperBound taps = UpperBound::sqrtOf(uint64_t(geometry.taps()));
  UpperBound patch = x.radiusL2;
  if (channelsAreWidth(in))
    patch = min(patch, taps * x.radiusToken);
  if (std::optional<IntervalVector> channels =
          channelIntervals(x.range, geometry.inChannels))
    patch = min(patch, taps * norm2Bound(*channels));
  return patch;
}

Facts rules::evaluate(const ConvStep &step, StepContext &context) {
  const Facts &x = context.facts(step.source);
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  std::optional<ConvolutionGeometry> own = readGeometry(step, context);
  if (!own)
    return {};
  // A ConvTranspose is the adjoint of a Conv with the stored kernel.
  ConvolutionGeometry geometry = step.transposed ? adjointGeometry(*own) : *own;
  int64_t rows = step.weight->shape[0];
  int64_t cols = *countEntries(step.weight->shape) / rows;
  std::optional<FoldedKernel> kernel =
      foldKernel(step, rows, cols, own->outChannels, context);
  if (!kernel)
    return {};
  if (std::optional<std::string> problem = geometry.verify(kernel->view)) {
    context.explain("convolution: " + *problem);
    return {};
  }
  UpperBound norm = convolutionNorm(*kernel, geometry, step, context);
  UpperBound inexact = UpperBound::fromDouble(1 + 2 * kernel->relativeError);
  UpperBound rowSum =
      (step.transposed ? adjointConvolutionNormInf(kernel->view, geometry)
                       : convolutionNormInf(kernel->view, geometry)) *
      inexact;
  UpperBound bias = norm2Bound(kernel->bias);

  Facts y;
  y.lipL2 = norm * x.lipL2;
  y.lipLInf = rowSum * x.lipLInf;
  // The bias stands once at every position of the output.
  SymbolicSize positions = 1;
  for (size_t i = 0; i != out.size(); ++i)
    if (i != 1)
      positions = positions * out[i].size;
  std::optional<int64_t> count =
      positions.isValid() ? positions.getStatic() : std::nullopt;
  UpperBound root = count && *count >= 0 ? UpperBound::sqrtOf(uint64_t(*count))
                                         : UpperBound::unbounded();
  y.radiusL2 =
      bias.isZero() ? norm * x.radiusL2 : norm * x.radiusL2 + bias * root;
  if (step.transposed)
    return y;

  UpperBound patch = patchNorm(x, geometry, in);
  if (channelsAreWidth(out) && !patch.isUnbounded()) {
    UpperBound largest = UpperBound::zero();
    int64_t perGroup = rows / step.groups;
    UpperBound lost = UpperBound::fromDouble(kernel->relativeError);
    for (int64_t g = 0; g != step.groups; ++g) {
      AffineMatrix part;
      part.rows = perGroup;
      part.cols = cols;
      part.view = kernel->view.slice(g * perGroup, 0, perGroup, cols);
      part.owner = kernel->owner;
      if (kernel->relativeError != 0)
        part.error = lost * cheapNorms(part.view).frobenius;
      std::string key = "unfold(" + context.step.tensor + ",0";
      if (step.groups != 1)
        key += "," + std::to_string(g);
      largest = max(largest, context.norm(key + ")", part));
    }
    y.radiusToken = largest * patch + bias;
  }
  std::optional<IntervalVector> channels =
      channelIntervals(x.range, own->inChannels);
  if (channels) {
    IntervalVector image =
        convolutionImage(kernel->view, geometry, {}, *channels);
    UpperBound reach = rowSum * maxAbsBound(*channels);
    UpperBound room =
        reach * UpperBound::fromDouble(2 * kernel->relativeError + 0x1p-40);
    if (int64_t(image.size()) == own->outChannels) {
      for (int64_t i = 0; i != own->outChannels; ++i)
        image[i] = widen(add(image[i], kernel->bias[i]), room);
      y.range = EntryRange{image, 1};
    }
  }
  return y;
}

/// The spatial axes of a pool; a global one has one window a channel.
static std::optional<std::vector<PoolAxis>>
poolAxes(const PoolStep &step, const std::vector<PlanAxis> &in,
         const std::vector<PlanAxis> &out) {
  size_t rank = step.kernel.size();
  if (in.size() != rank + 2 || out.size() != rank + 2 ||
      step.strides.size() != rank || step.dilations.size() != rank ||
      step.pads.size() != 2 * rank)
    return std::nullopt;
  std::vector<PoolAxis> axes;
  for (size_t i = 0; i != rank; ++i) {
    PoolAxis axis;
    axis.input = staticSize(in[i + 2]).value_or(0);
    axis.output = staticSize(out[i + 2]).value_or(0);
    axis.kernel = step.kernel[i];
    axis.stride = step.strides[i];
    axis.dilation = step.dilations[i];
    axis.padBegin = step.pads[i];
    axis.padEnd = step.pads[rank + i];
    if (axis.kernel < 1 || axis.stride < 1 || axis.dilation < 1)
      return std::nullopt;
    axes.push_back(axis);
  }
  return axes;
}

/// Range kept: along an axis that pooling leaves alone, else as its hull.
static std::optional<EntryRange>
poolRange(const std::optional<EntryRange> &range, bool addZero) {
  if (!range)
    return std::nullopt;
  EntryRange result = *range;
  if (range->axis && *range->axis >= 2)
    result = EntryRange{{range->hull()}, std::nullopt};
  if (addZero)
    for (Interval &entry : result.entries)
      entry = hull(entry, Interval::point(0));
  return result;
}

static Facts globalPool(const PoolStep &step, const Facts &x,
                        const std::vector<PlanAxis> &in) {
  // B-gpool over all cells of a channel.
  SymbolicSize size = 1;
  for (size_t i = 2; i < in.size(); ++i)
    size = size * in[i].size;
  std::optional<int64_t> count =
      size.isValid() ? size.getStatic() : std::nullopt;
  bool known = count && *count > 0;
  UpperBound one = UpperBound::one();
  UpperBound root =
      known ? UpperBound::sqrtOf(uint64_t(*count)) : UpperBound::unbounded();
  Facts y;
  if (step.kind == "average") {
    UpperBound factor =
        known ? UpperBound::reciprocalSqrt(double(*count)) : one;
    y.lipL2 = factor * x.lipL2;
    y.lipLInf = x.lipLInf;
    y.radiusL2 = factor * x.radiusL2;
    y.range = poolRange(x.range, false);
  } else if (step.kind == "max") {
    y.lipL2 = x.lipL2;
    y.lipLInf = x.lipLInf;
    y.radiusL2 = x.radiusL2;
    y.range = poolRange(x.range, false);
  } else if (step.p == 1) {
    y.lipL2 = root * x.lipL2;
    y.lipLInf = root * root * x.lipLInf;
    y.radiusL2 = root * x.radiusL2;
  } else {
    // p >= 2: at most the l2 norm in l2, count^(1/p) <= count^(1/2) in linf.
    y.lipL2 = x.lipL2;
    y.lipLInf = root * x.lipLInf;
    y.radiusL2 = x.radiusL2;
  }
  return y;
}

Facts rules::evaluate(const PoolStep &step, StepContext &context) {
  const Facts &x = context.facts(step.source);
  const std::vector<PlanAxis> &in = context.axes(step.source);
  const std::vector<PlanAxis> &out = context.outputAxes();
  if (step.kind != "max" && step.kind != "average" && step.kind != "lp") {
    context.explain("pool '" + step.kind + "' has no rule");
    return {};
  }
  if (step.kind == "lp" && step.p < 1) {
    context.explain("an lp pool with p < 1 has no Lipschitz constant");
    return {};
  }
  if (in.size() < 3)
    return {};
  if (step.kernel.empty())
    return globalPool(step, x, in);
  std::optional<std::vector<PoolAxis>> axes = poolAxes(step, in, out);
  if (!axes) {
    context.explain("a pool's attributes do not fit its operand");
    return {};
  }
  UpperBound one = UpperBound::one();
  UpperBound l2, linf = one;
  bool addZero = false, keepsRange = true;
  if (step.kind == "max") {
    l2 = maxPoolNorm(*axes);
  } else if (step.kind == "average") {
    l2 = averagePoolNorm(*axes, step.countIncludePad);
    addZero = step.countIncludePad;
  } else {
    // B-lppool: kappa^max(0, 1/p - 1/2) sqrt(prod m), kappa^(1/p) in linf;
    // for p >= 2 the root of kappa is an upper bound of the latter.
    int64_t cells = 1;
    for (const PoolAxis &axis : *axes)
      if (__builtin_mul_overflow(cells, axis.kernel, &cells))
        return {};
    UpperBound root = UpperBound::sqrtOf(uint64_t(cells));
    l2 = maxPoolNorm(*axes) * (step.p == 1 ? root : one);
    linf = step.p == 1 ? root * root : root;
    keepsRange = false;
  }
  Facts y;
  y.lipL2 = l2 * x.lipL2;
  y.lipLInf = linf * x.lipLInf;
  y.radiusL2 = l2 * x.radiusL2;
  if (keepsRange)
    y.range = poolRange(x.range, addZero);
  return y;
}
