//===- AttentionMatch.cpp - Matching attention cores ----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMatch.h"

#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

/// The operand of a node that multiplies or divides by one known number.
struct ScalarFactor {
  std::string operand;
  Extended magnitude;
  bool negative;
};

std::optional<ScalarFactor> scalarFactor(const Graph &graph, const Node &node) {
  if (!node.is("Mul") && !node.is("Div"))
    return std::nullopt;
  auto split = splitConstant(graph, node);
  if (!split || (node.is("Div") && split->constantFirst) ||
      graph.shape(split->varying) != graph.shape(node.name()))
    return std::nullopt;
  auto value = split->constant->uniformReal();
  if (!value || !std::isfinite(*value) || split->constant->error >= 0x1p-10)
    return std::nullopt;
  double low = std::fabs(*value) - split->constant->error;
  Extended magnitude = Extended::fromDouble(std::fabs(*value)) +
                       Extended::fromDouble(split->constant->error);
  if (node.is("Div")) {
    if (!(low > 0) || split->constant->error != 0)
      return std::nullopt;
    magnitude = Extended::one() / low;
  }
  return ScalarFactor{split->varying, magnitude, *value < 0};
}

/// Swaps the last two axes and leaves the others.
bool isLastTwoSwap(const Graph &graph, const Node &node) {
  auto permutation = node.integers("perm");
  int64_t rank = graph.rank(node.name());
  if (!permutation || rank < 2)
    return false;
  for (int64_t i = 0; i < rank; ++i) {
    int64_t wanted = i < rank - 2 ? i : 2 * rank - 3 - i;
    if ((*permutation)[i] != wanted)
      return false;
  }
  return true;
}

/// [b, kv, T, d] repeated to [b, kv·g, T, d], each head g times in a row:
/// Reshape(Expand(Unsqueeze)) with the new axis right behind the heads. Returns
/// the tensor before.
std::optional<std::string> repeatedHeads(const Graph &graph,
                                         const std::string &tensor,
                                         const std::set<std::string> &stops,
                                         std::set<int64_t> &nodes) {
  const Node *reshape = producerOf(graph, tensor, "Reshape");
  const Node *expand =
      reshape ? producerOf(graph, reshape->inputs[0], "Expand") : nullptr;
  if (reshape && !expand) // of an axis of length 1 Tile is the same
    expand = producerOf(graph, reshape->inputs[0], "Tile");
  if (!expand)
    return std::nullopt;
  std::string inner = graph.canonical(expand->inputs[0]);
  const Node *insert = graph.producer(inner);
  if (!insert || !(insert->is("Unsqueeze") || insert->is("Reshape")) ||
      stops.count(inner) || stops.count(graph.canonical(reshape->inputs[0])))
    return std::nullopt;
  const auto &out = graph.shape(tensor), &wide = graph.shape(expand->name()),
             &narrow = graph.shape(inner),
             &from = graph.shape(insert->inputs[0]);
  size_t rank = from.size();
  if (rank < 3 || out.size() != rank || wide.size() != rank + 1 ||
      narrow.size() != rank + 1)
    return std::nullopt;
  size_t head = rank - 3;
  for (size_t i = 0; i < rank; ++i) {
    size_t moved = i <= head ? i : i + 1;
    if (narrow[moved] != from[i] || wide[moved] != from[i] ||
        out[i] != (i == head ? from[i] * wide[head + 1] : from[i]))
      return std::nullopt;
  }
  if (!narrow[head + 1].isOne())
    return std::nullopt;
  for (const Node *node : {reshape, expand, insert})
    nodes.insert(graph.indexOf(*node));
  return graph.canonical(insert->inputs[0]);
}

/// Reshape(Transpose(Reshape(x))) that swaps the last two axes with the leading
/// ones merged in between. Returns x.
std::optional<std::string> flattenedSwap(const Graph &graph,
                                         const std::string &tensor,
                                         std::set<int64_t> &nodes) {
  const Node *split = producerOf(graph, tensor, "Reshape");
  const Node *swap =
      split ? producerOf(graph, split->inputs[0], "Transpose") : nullptr;
  const Node *merge =
      swap ? producerOf(graph, swap->inputs[0], "Reshape") : nullptr;
  if (!merge || !isLastTwoSwap(graph, *swap))
    return std::nullopt;
  std::vector<Size> in = graph.shape(merge->inputs[0]),
                    merged = graph.shape(merge->name()),
                    out = graph.shape(tensor);
  if (in.size() < 2 || merged.size() < 2 || out.size() != in.size())
    return std::nullopt;
  std::swap(out[out.size() - 1], out[out.size() - 2]);
  if (in != out || merged.back() != in.back() ||
      merged[merged.size() - 2] != in[in.size() - 2])
    return std::nullopt;
  for (const Node *node : {split, swap, merge})
    nodes.insert(graph.indexOf(*node));
  return graph.canonical(merge->inputs[0]);
}

/// Follows one operand back. Factors of values are no part of the theorems.
AttentionOperand follow(const Graph &graph, const std::string &start,
                        bool isValue, const std::set<std::string> &stops) {
  AttentionOperand operand;
  AttentionOperand::Stage stage;
  stage.tensor = graph.canonical(start);
  for (int i = 0; i < 16; ++i) {
    operand.stages.push_back(stage);
    const Node *node = graph.producer(stage.tensor);
    if (!node || stops.count(stage.tensor))
      break;
    if (auto factor = scalarFactor(graph, *node); factor && !isValue) {
      stage.nodes.insert(graph.indexOf(*node));
      stage.tensor = factor->operand;
      stage.scale = stage.scale * factor->magnitude;
      continue;
    }
    if (node->is("Transpose") && isLastTwoSwap(graph, *node)) {
      stage.nodes.insert(graph.indexOf(*node));
      stage.tensor = graph.canonical(node->inputs[0]);
      continue;
    }
    if (auto before = flattenedSwap(graph, stage.tensor, stage.nodes)) {
      stage.tensor = *before;
      continue;
    }
    if (auto before = repeatedHeads(graph, stage.tensor, stops, stage.nodes)) {
      stage.tensor = *before;
      continue;
    }
    if (!isValue)
      if (auto rotary = matchRotary(graph, stage.tensor)) {
        stage.nodes.insert(rotary->nodes.begin(), rotary->nodes.end());
        stage.tensor = rotary->source;
        stage.rotation = stage.rotation * rotary->norm;
        stage.rotationLinf = stage.rotationLinf * rotary->rowSum;
        operand.rotary = true;
        continue;
      }
    break;
  }
  return operand;
}

/// Number of heads of a base tensor: its width axes are (heads, width) in that
/// order, or the width alone.
int64_t headsOf(const Graph &graph, const std::string &tensor,
                int64_t headWidth) {
  int64_t width = graph.width(tensor);
  if (headWidth < 1 || width % headWidth != 0)
    reject("'", tensor, "' does not consist of heads of width ", headWidth);
  const auto &shape = graph.shape(tensor);
  const auto &roles = graph.info(tensor).roles;
  std::vector<Size> widths;
  for (size_t i = 0; i < shape.size(); ++i)
    if (!isPosition(roles[i]) && !shape[i].isOne())
      widths.push_back(shape[i]);
  int64_t heads = width / headWidth;
  // (heads…, head width); an Attention node of rank 3 keeps all in one axis.
  bool fits =
      widths == std::vector<Size>{Size(width)} ||
      (headWidth == 1 ? heads == width
                      : !widths.empty() && widths.back() == Size(headWidth));
  if (!fits)
    reject("the width axes of '", tensor, "' are not (heads, head width)");
  return heads;
}

/// t·tanh(l/t): the operand and slope of a soft cap.
std::optional<std::pair<std::string, Extended>>
softCap(const Graph &graph, const std::string &tensor,
        std::set<int64_t> &nodes) {
  const Node *outer = graph.producer(tensor);
  auto amplitude = outer ? scalarFactor(graph, *outer) : std::nullopt;
  const Node *tanh =
      amplitude ? producerOf(graph, amplitude->operand, "Tanh") : nullptr;
  const Node *inner =
      tanh ? graph.producer(graph.canonical(tanh->inputs[0])) : nullptr;
  auto slope = inner ? scalarFactor(graph, *inner) : std::nullopt;
  if (!slope)
    return std::nullopt;
  for (const Node *node : {outer, tanh, inner})
    nodes.insert(graph.indexOf(*node));
  return std::pair{slope->operand, amplitude->magnitude * slope->magnitude};
}

/// From the softmax's source back to MatMul(Q, Kᵀ).
const Node &followLogits(const Graph &graph, std::string tensor,
                         AttentionMatch &match) {
  MaskRows mask(graph, graph.shape(tensor));
  for (int i = 0; i < 32; ++i) {
    tensor = graph.canonical(tensor);
    const Node *node = graph.producer(tensor);
    if (!node)
      break;
    if (node->is("MatMul")) {
      mask.finish();
      match.nodes.insert(graph.indexOf(*node));
      return *node;
    }
    if (auto capped = softCap(graph, tensor, match.nodes)) {
      match.scale = match.scale * capped->second;
      match.bent = true;
      tensor = capped->first;
      continue;
    }
    if (auto factor = scalarFactor(graph, *node)) {
      // A negative factor behind a −inf mask would make it +inf; it stands
      // behind the mask only if the mask is met later on this walk.
      if (factor->negative || factor->magnitude.isZero())
        reject("the logits are scaled by a negative number or zero");
      match.scale = match.scale * factor->magnitude;
      match.nodes.insert(graph.indexOf(*node));
      tensor = factor->operand;
      continue;
    }
    if ((node->is("Add") || node->is("Sub")) && node->inputs.size() == 2) {
      bool first = graph.isConstant(node->inputs[0]);
      bool second = graph.isConstant(node->inputs[1]);
      if (first == second || (node->is("Sub") && first))
        reject("a summand of the logits depends on graph inputs");
      const std::string &varying = node->inputs[first ? 1 : 0];
      if (graph.shape(varying) != graph.shape(tensor) || node->is("Sub"))
        reject("the mask of '", tensor, "' is not understood");
      mask.add(node->inputs[first ? 0 : 1]);
      match.nodes.insert(graph.indexOf(*node));
      tensor = varying;
      continue;
    }
    if (node->is("Where")) {
      bool first = graph.isConstant(node->inputs[1]);
      bool second = graph.isConstant(node->inputs[2]);
      if (first == second || !graph.isConstant(node->inputs[0]))
        reject("the mask of '", tensor, "' depends on graph inputs");
      const std::string &varying = node->inputs[first ? 2 : 1];
      const Constant *fill = graph.constant(node->inputs[first ? 1 : 2]);
      auto value = fill ? fill->uniformReal() : std::nullopt;
      if (!value || graph.shape(varying) != graph.shape(tensor))
        reject("the fill of '", tensor, "' is not a known number");
      if (*value == -HUGE_VAL)
        mask.keepWhere(node->inputs[0], !first);
      else if (std::isfinite(*value))
        match.bent = true;
      else
        reject("the fill of '", tensor, "' is not a number");
      match.nodes.insert(graph.indexOf(*node));
      tensor = varying;
      continue;
    }
    break;
  }
  reject("no product of queries and keys leads to '", tensor, "'");
}

AttentionMatch matchComposite(const Graph &graph, const std::string &y,
                              const Node &product,
                              const std::set<std::string> &stops) {
  AttentionMatch match;
  match.nodes.insert(graph.indexOf(product));
  std::string weights = graph.canonical(product.inputs[0]);
  // Where(IsNaN(P), 0, P) is P: its rows are never empty.
  if (const Node *where = producerOf(graph, weights, "Where")) {
    const Node *isNaN = producerOf(graph, where->inputs[0], "IsNaN");
    std::string inner = graph.canonical(where->inputs[2]);
    if (isNaN && graph.canonical(isNaN->inputs[0]) == inner &&
        graph.isConstant(where->inputs[1])) {
      match.nodes.insert(graph.indexOf(*where));
      match.nodes.insert(graph.indexOf(*isNaN));
      weights = inner;
    }
  }
  auto softmax = matchSoftmax(graph, weights);
  int64_t rank = graph.rank(weights);
  if (!softmax || softmax->axes != std::vector<int64_t>{rank - 1})
    reject("'", weights, "' is not a softmax along its last axis");
  match.nodes.insert(softmax->nodes.begin(), softmax->nodes.end());
  const Node &scores = followLogits(graph, softmax->source, match);
  for (const std::string &name :
       {scores.inputs[0], scores.inputs[1], product.inputs[1]})
    if (graph.isConstant(name))
      reject("a constant takes part in the attention of '", y, "'");
  const auto &queries = graph.shape(scores.inputs[0]);
  const auto &keys = graph.shape(scores.inputs[1]);
  const auto &values = graph.shape(product.inputs[1]);
  if (queries.size() < 2 || queries.size() != keys.size() ||
      queries.size() != values.size() ||
      graph.shape(weights) != graph.shape(scores.name()))
    reject("the operands of the attention of '", y, "' differ in rank");
  for (size_t i = 0; i + 2 < queries.size(); ++i)
    if (queries[i] != keys[i] || queries[i] != values[i])
      reject("the operands of the attention of '", y,
             "' differ in their leading axes");
  auto width = queries.back().constant();
  if (!width)
    reject("the head width of '", y, "' is not known");
  match.headWidth = *width;
  match.q = follow(graph, scores.inputs[0], false, stops);
  match.k = follow(graph, scores.inputs[1], false, stops);
  match.v = follow(graph, product.inputs[1], true, stops);
  return match;
}

AttentionMatch matchNode(const Graph &graph, const std::string &y,
                         const Node &node, const std::set<std::string> &stops) {
  AttentionMatch match;
  match.nodes.insert(graph.indexOf(node));
  if (y != node.outputs[0])
    reject("only the first output of Attention is covered");
  // No broadcasting of keys and values over the batch.
  const auto &first = graph.shape(node.inputs[0]);
  for (int i = 1; i < 3; ++i)
    if (graph.shape(node.input(i)).size() != first.size() || first.empty() ||
        graph.shape(node.input(i))[0] != first[0])
      reject("the operands of '", y, "' differ in their batch axis");
  for (size_t i = 4; i < node.inputs.size(); ++i)
    if (!node.inputs[i].empty())
      reject("'", y, "': past keys and values have no declared radii");
  const auto &queries = graph.shape(node.inputs[0]);
  Size width = queries.back();
  if (queries.size() == 3) {
    auto each = width.dividedBy(Size(node.integer("q_num_heads", 0)));
    if (!each)
      reject("'", y, "' does not state its heads");
    width = *each;
  }
  auto headWidth = width.constant();
  if (!headWidth || *headWidth < 1)
    reject("the head width of '", y, "' is not known");
  match.headWidth = *headWidth;
  double scale = node.real("scale", 0);
  if (scale < 0)
    reject("the scale of '", y, "' is negative");
  match.scale = scale > 0 ? Extended::fromDouble(scale)
                          : reciprocalSqrtUp(static_cast<double>(*headWidth));
  match.bent = node.real("softcap", 0) > 0;
  const auto &keys = graph.shape(node.inputs[1]);
  Size tokens = queries[queries.size() - 2], seen = keys[keys.size() - 2];
  std::vector<Size> logits = {tokens, seen};
  const std::string &bias = node.input(3);
  if (!bias.empty() && graph.info(bias).shape)
    logits.insert(logits.begin(), graph.shape(bias).begin(),
                  graph.shape(bias).end() -
                      std::min<size_t>(2, graph.shape(bias).size()));
  MaskRows mask(graph, logits);
  if (node.integer("is_causal", 0) != 0)
    mask.causal();
  if (!bias.empty()) {
    if (!graph.isConstant(bias))
      reject("the mask of '", y, "' depends on graph inputs");
    if (graph.info(bias).type == ElementType::Bool)
      mask.keepWhere(bias, true);
    else
      mask.add(bias);
  }
  mask.finish();
  match.q = follow(graph, node.inputs[0], false, stops);
  match.k = follow(graph, node.inputs[1], false, stops);
  match.v = follow(graph, node.inputs[2], true, stops);
  return match;
}

} // namespace

AttentionMatch
lipt::checker::matchAttention(const Graph &graph, const std::string &name,
                              const std::set<std::string> &stops) {
  const std::string &y = graph.canonical(name);
  const Node *node = graph.producer(y);
  AttentionMatch match;
  if (node && node->is("MatMul"))
    match = matchComposite(graph, y, *node, stops);
  else if (node && node->is("Attention"))
    match = matchNode(graph, y, *node, stops);
  else
    reject("'", y, "' is not the output of an attention");
  match.heads = headsOf(graph, match.q.base().tensor, match.headWidth);
  match.keyHeads = headsOf(graph, match.k.base().tensor, match.headWidth);
  int64_t valueWidth = graph.width(match.v.base().tensor);
  if (match.keyHeads < 1 || match.heads % match.keyHeads != 0 ||
      valueWidth % match.keyHeads != 0)
    reject("the heads of '", y, "' do not fit each other");
  int64_t valueHeads =
      headsOf(graph, match.v.base().tensor, valueWidth / match.keyHeads);
  if (valueHeads != match.keyHeads)
    reject("keys and values of '", y, "' have different heads");
  return match;
}

Assembled lipt::checker::headRows(const Assembled &matrix, int64_t head,
                                  int64_t heads) {
  int64_t each = matrix.value.rows / heads;
  std::vector<int64_t> rows(each);
  for (int64_t i = 0; i < each; ++i)
    rows[i] = head * each + i;
  return selectRows(matrix, rows);
}

Assembled lipt::checker::valueOutputMatrix(const AttentionMatch &match,
                                           const Assembled &output,
                                           const Assembled &value) {
  int64_t each = value.value.rows / match.keyHeads;
  if (output.value.cols != each * match.heads)
    reject("the output projection does not fit the heads");
  int64_t group = match.heads / match.keyHeads;
  std::vector<Assembled> blocks;
  for (int64_t h = 0; h < match.heads; ++h) {
    std::vector<int64_t> columns(each);
    for (int64_t i = 0; i < each; ++i)
      columns[i] = h * each + i;
    blocks.push_back(product(selectColumns(output, columns),
                             headRows(value, h / group, match.keyHeads), 1));
  }
  return horizontalStack(blocks);
}

Assembled lipt::checker::valueOutputMatrix(const Graph &graph, AffineMaps &maps,
                                           const Certificate &certificate,
                                           const std::string &name) {
  const std::string &tensor = graph.canonical(name);
  for (const Step &step : certificate.steps) {
    if (!graph.contains(step.tensor) || step.rule.rfind("A", 0) != 0 ||
        graph.canonical(step.tensor) != tensor)
      continue;
    auto source = [&](const char *own) {
      std::string named = step.role(own);
      return maps.source(named.empty() ? step.role("source") : named);
    };
    AffineSource sourceV = source("source_v");
    std::set<std::string> stops = {source("source_q").tensor,
                                   source("source_k").tensor, sourceV.tensor};
    for (const char *role : {"q", "k", "v"})
      if (!step.role(role).empty())
        stops.insert(graph.canonical(step.role(role)));
    AttentionMatch match = matchAttention(graph, step.role("attention"), stops);
    auto output = maps.get(tensor, maps.source(step.role("attention")));
    auto value = maps.get(match.v.base().tensor, sourceV);
    return valueOutputMatrix(match, output->spelled(), value->spelled());
  }
  reject("no attention step is about '", tensor, "'");
}
