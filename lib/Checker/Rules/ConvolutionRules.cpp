//===- ConvolutionRules.cpp - Convolutions: B-conv, B-convT ---------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Windows.h"
#include "ConvolutionMatch.h"
#include "RuleTable.h"
#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

/// The constant as one number per channel (axis 1 of `rank` axes).
static AssembledVector perChannel(const Constant &constant, int64_t rank,
                                  int64_t channels) {
  if (!constant.value || static_cast<int64_t>(constant.shape.size()) > rank)
    reject("a constant after a convolution has no known value");
  const Tensor &stored = *constant.value;
  int64_t shift = rank - stored.rank();
  for (int64_t i = 0; i < stored.rank(); ++i)
    if (stored.shape[i] != 1 && i + shift != 1)
      reject("a constant after a convolution is not one number per channel");
  int64_t count = stored.count();
  if (count != 1 && count != channels)
    reject("a constant after a convolution does not fit its channels");
  std::vector<double> values;
  for (int64_t c = 0; c < channels; ++c)
    values.push_back(stored.real(count == 1 ? 0 : c));
  AssembledVector vector(std::move(values));
  for (double &error : vector.error)
    error = constant.error;
  return vector;
}

static ConvolutionMatch matchNode(const Graph &graph, const Node &node) {
  ConvolutionMatch match;
  match.nodes.insert(graph.indexOf(node));
  const Constant *weight = graph.constant(node.input(1));
  if (!weight || !weight->value || weight->error != 0)
    reject("the kernel of '", node.name(), "' is not a known constant");
  auto tensor = weight->materialized();
  const auto &shape = graph.shape(node.inputs[0]);
  auto window = windowOf(node, shape, &weight->shape);
  if (!tensor || !window || !window->padsKnown)
    reject("the attributes of '", node.name(), "' are not understood");
  match.source = graph.canonical(node.inputs[0]);
  ConvolutionGeometry &geometry = match.geometry;
  geometry.transposed = node.is("ConvTranspose");
  geometry.groups = node.integer("group", 1);
  auto channels = shape[1].constant();
  if (geometry.groups < 1 || geometry.groups > tensor->shape[0] || !channels)
    reject("the channels of '", node.name(), "' do not fit its groups");
  geometry.inputChannels = *channels;
  geometry.outputChannels = geometry.transposed
                                ? tensor->shape[1] * geometry.groups
                                : tensor->shape[0];
  geometry.kernel = window->kernel;
  geometry.strides = window->strides;
  geometry.dilations = window->dilations;
  geometry.padsBegin = window->padsBegin;
  geometry.padsEnd = window->padsEnd;
  geometry.outputPadding = window->outputPadding;
  bool known = true;
  for (size_t i = 2; i < shape.size(); ++i) {
    auto length = shape[i].constant();
    known = known && length;
    geometry.inputSizes.push_back(length.value_or(0));
  }
  if (!known)
    geometry.inputSizes.clear();
  for (int64_t i = 0; i < window->rank(); ++i)
    match.padded =
        match.padded || window->padsBegin[i] > 0 || window->padsEnd[i] > 0;
  if (auto fault = geometryFault(geometry))
    reject("'", node.name(), "': ", *fault);
  int64_t stored = tensor->count() / std::max<int64_t>(1, tensor->shape[0]);
  if (tensor->shape[0] != geometry.kernelRows() ||
      stored != geometry.kernelCols())
    reject("the kernel of '", node.name(), "' does not fit its channels");
  Matrix kernel(geometry.kernelRows(), geometry.kernelCols());
  kernel.data = tensor->reals();
  match.kernel = exactMatrix(std::move(kernel));
  match.bias = AssembledVector::zeros(geometry.outputChannels);
  if (!node.input(2).empty()) {
    const Constant *bias = graph.constant(node.input(2));
    auto values = bias ? bias->materialized() : std::nullopt;
    if (!values || values->count() != geometry.outputChannels || bias->error)
      reject("the bias of '", node.name(), "' is not a known constant");
    match.bias = AssembledVector(values->reals());
  }
  return match;
}

ConvolutionMatch lipt::checker::matchConvolution(const Graph &graph,
                                                 const std::string &tensor) {
  // From the tensor back to the convolution, then forward again.
  std::vector<const Node *> after;
  const Node *node = graph.producer(graph.canonical(tensor));
  while (node && !node->is("Conv") && !node->is("ConvTranspose")) {
    bool arithmetic = node->is("Mul") || node->is("Add") || node->is("Sub") ||
                      node->is("Div");
    if ((!arithmetic && !node->is("BatchNormalization")) || after.size() > 16)
      break;
    std::string next = node->inputs[0];
    if (arithmetic) {
      auto split = splitConstant(graph, *node);
      if (!split || graph.shape(split->varying) != graph.shape(node->name()))
        break;
      next = split->varying;
    }
    after.push_back(node);
    node = graph.producer(graph.canonical(next));
  }
  if (!node || (!node->is("Conv") && !node->is("ConvTranspose")))
    reject("'", tensor, "' is not the output of a convolution");
  ConvolutionMatch match = matchNode(graph, *node);
  int64_t channels = match.geometry.outputChannels;
  int64_t rank = graph.rank(node->name());
  for (auto next = after.rbegin(); next != after.rend(); ++next) {
    const Node &step = **next;
    match.nodes.insert(graph.indexOf(step));
    std::optional<AssembledVector> scale, shift;
    if (step.is("BatchNormalization")) {
      auto fold = foldBatchNorm(graph, step);
      if (!fold || fold->scale.size() != channels)
        reject("'", step.name(), "' is not an inference batch norm");
      scale = fold->scale;
      shift = fold->shift;
    } else {
      auto split = splitConstant(graph, step);
      AssembledVector values = perChannel(*split->constant, rank, channels);
      if (step.is("Mul"))
        scale = values;
      else if (step.is("Div") && !split->constantFirst)
        scale = reciprocal(values);
      else if (step.is("Add"))
        shift = values;
      else if (step.is("Sub") && !split->constantFirst)
        shift = scaleBy(values, -1);
      else
        reject("'", step.name(), "' is not fused into its convolution");
    }
    if (scale) {
      match.kernel = scaleOutputChannels(match.geometry, match.kernel, *scale);
      match.bias = multiply(match.bias, *scale);
    }
    if (shift)
      match.bias = add(match.bias, *shift);
  }
  return match;
}

namespace {

/// Norm of unfolding `which`, the maximum over groups.
Extended unfoldedNorm(RuleContext &context, const ConvolutionMatch &match,
                      int which) {
  Extended largest = Extended::zero();
  std::string key = "unfold(" + context.tensor + "," + std::to_string(which);
  for (int64_t group = 0; group < match.geometry.groups; ++group) {
    auto claimed =
        match.geometry.groups == 1
            ? context.claimedNorm(key + ",0)")
            : context.claimedNorm(key + "," + std::to_string(group) + ")");
    std::string reason;
    largest = max(
        largest,
        claimed ? *claimed
                : normOf(unfolding(match.geometry, match.kernel, which, group),
                         nullptr, reason)
                      .value_or(Extended()));
  }
  return largest;
}

/// The range of every output channel over all positions: interval arithmetic
/// over channels and taps, with 0 where a window meets padding (or, for
/// ConvTranspose, where taps miss).
Range channelRange(const ConvolutionMatch &match, const Facts &x) {
  const ConvolutionGeometry &geometry = match.geometry;
  int64_t taps = geometry.taps();
  int64_t own = geometry.inputChannels / geometry.groups;
  int64_t perGroup = geometry.outputChannels / geometry.groups;
  bool zero = match.padded || geometry.transposed;
  Range range;
  range.axis = 1;
  for (int64_t group = 0; group < geometry.groups; ++group) {
    std::vector<Interval> box;
    for (int64_t c = 0; c < own; ++c) {
      Interval entry = Interval::unknown();
      if (x.range)
        entry = x.range->axis == 1 ? x.range->at(1, group * own + c)
                                   : x.range->hull();
      if (zero)
        entry = hull(entry, Interval::point(0));
      box.insert(box.end(), taps, entry);
    }
    Assembled rows;
    if (geometry.transposed) {
      // Unfolding 1 is (output channel) x (input channel, taps).
      rows = unfolding(geometry, match.kernel, 1, group);
    } else {
      std::vector<int64_t> indices;
      for (int64_t c = 0; c < perGroup; ++c)
        indices.push_back(group * perGroup + c);
      rows = selectRows(match.kernel, indices);
    }
    std::vector<int64_t> channels;
    for (int64_t c = 0; c < perGroup; ++c)
      channels.push_back(group * perGroup + c);
    auto entries = affineRange(rows, select(match.bias, channels), box);
    range.entries.insert(range.entries.end(), entries.begin(), entries.end());
  }
  return range;
}

Facts convolution(RuleContext &context) {
  ConvolutionMatch match = matchConvolution(context.graph, context.tensor);
  bool transposed = match.geometry.transposed;
  if (transposed != (context.step.rule == "B-convT"))
    reject("'", context.tensor, "' needs the rule ",
           transposed ? "B-convT" : "B-conv");
  context.cover(match.nodes);
  const Facts &x = context.input(match.source);
  Layout from = Layout::of(context.graph, match.source);
  const ConvolutionGeometry &geometry = match.geometry;

  ConvolutionSums sums = convolutionSums(geometry, match.kernel);
  Extended norm = sums.geometricMean();
  Extended patchNorm; // norm of the unfolding whose columns are patches
  int whichPatch = transposed ? 1 : 0;
  for (int which = 0; which < 4; ++which) {
    Extended unfolded = unfoldedNorm(context, match, which);
    if (which == whichPatch)
      patchNorm = unfolded;
    norm = min(norm, unfolded * unfoldingFactor(geometry, which));
  }
  if (auto claimed = context.claimedNorm("conv(" + context.tensor + ")"))
    norm = min(norm, *claimed);
  Facts facts = scaledLips(x, norm, sums.output);
  facts.lipToken = Extended::unbounded();
  Extended bias = norm2Up(match.bias);
  auto positions = context.layout.counts.all;
  Extended copies = positions && geometry.outputChannels > 0
                        ? sqrtOfIntegerUp(*positions / geometry.outputChannels)
                        : Extended::unbounded();
  facts.radiusL2 = times(x.radiusL2, norm) + times(bias, copies);
  // Per position: the vector of channels is the kernel matrix times the patch.
  if (!isPosition(from.roles[1]) && context.layout.roles[0] == Role::Batch) {
    Extended taps = sqrtOfIntegerUp(geometry.taps());
    Extended patch = min(times(x.radiusToken, taps), x.radiusL2);
    if (x.range) {
      Extended squares = Extended::zero();
      for (int64_t c = 0; c < geometry.inputChannels; ++c) {
        double b =
            (x.range->axis == 1 ? x.range->at(1, c) : x.range->hull()).absMax();
        squares += Extended::fromDouble(b).squared();
      }
      patch = min(patch, squares.sqrt() * taps);
    }
    facts.lipToken = times(times(x.lipToken, taps), patchNorm);
    facts.radiusToken = times(patch, patchNorm) + bias;
  }
  facts.range = channelRange(match, x);
  return facts;
}

} // namespace

RuleList lipt::checker::convolutionRules() {
  return {{"B-conv", convolution}, {"B-convT", convolution}};
}
