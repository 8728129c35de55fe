//===- AttentionRules.cpp - Attention: A, A-R, A-G, A-X, B-op -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMatch.h"
#include "RuleTable.h"
#include "SourceFacts.h"
#include "lipt/Checker/Rejection.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

namespace {

/// affine(operand<-source) with what the theorems ask of it.
struct Projection {
  std::shared_ptr<const AffineMap> map;
  AffineSource source;
  std::string tensor;
  int64_t heads = 1;
  Extended norm;                  // of all heads stacked
  std::vector<Extended> headNorm; // of every own head
  Extended bias;                  // all heads stacked
  std::vector<Extended> headBias;

  Extended largestHead() const {
    return *std::max_element(headNorm.begin(), headNorm.end());
  }
};

/// Tensors whose affine map from the source is the same matrix: reshaped,
/// transposed or with a constant added. Keys may name any of them.
std::vector<std::string> aliases(const RuleContext &context,
                                 const std::string &tensor) {
  const Graph &graph = context.graph;
  std::vector<std::string> names = {tensor};
  // Downwards towards the source…
  for (std::string next = tensor; names.size() < 8;) {
    const Node *node = graph.producer(next);
    if (!node)
      break;
    if (node->is("Add") || node->is("Sub")) {
      bool first = graph.isConstant(node->inputs[0]);
      if (first == graph.isConstant(node->inputs[1]))
        break;
      next = graph.canonical(node->inputs[first ? 1 : 0]);
    } else if (node->is("Reshape") || node->is("Transpose") ||
               node->is("Squeeze") || node->is("Unsqueeze") ||
               node->is("Flatten")) {
      next = graph.canonical(node->inputs[0]);
    } else {
      break;
    }
    names.push_back(next);
  }
  // … and upwards through what reads it.
  for (std::string next = tensor; names.size() < 16;) {
    std::string found;
    for (int64_t reader : graph.readers(next)) {
      const Node &node = graph.nodes()[reader];
      if (node.is("Reshape") || node.is("Transpose"))
        found = node.name();
    }
    if (found.empty())
      break;
    names.push_back(next = found);
  }
  return names;
}

Projection project(RuleContext &context, const std::string &tensor,
                   const AffineSource &source, int64_t heads) {
  Projection projection;
  projection.source = source;
  projection.tensor = tensor;
  projection.heads = heads;
  projection.map = context.maps.get(tensor, source);
  context.cover(projection.map->nodes);
  Assembled matrix = projection.map->spelled();
  int64_t each = matrix.value.rows / heads;
  std::string reason;
  auto cheap = [&](const Assembled &part) {
    return normOf(part, nullptr, reason).value_or(Extended());
  };
  projection.norm = cheap(matrix);
  for (int64_t h = 0; h < heads; ++h)
    projection.headNorm.push_back(
        heads == 1 ? projection.norm : cheap(headRows(matrix, h, heads)));
  for (const std::string &name : aliases(context, tensor)) {
    std::vector<std::pair<AffineKey, Extended *>> wanted;
    wanted.push_back({{name, source}, &projection.norm});
    for (int64_t h = 0; h < heads; ++h)
      wanted.push_back(
          {{name, source, h * each, (h + 1) * each}, &projection.headNorm[h]});
    std::optional<bool> same;
    for (auto &[key, target] : wanted) {
      auto claimed = context.claimedNorm(key.text());
      if (!claimed)
        continue;
      if (!same)
        same = name == tensor ||
               context.maps.get(name, source)->spelled().value.data ==
                   matrix.value.data;
      if (*same)
        *target = min(*target, *claimed);
    }
  }
  for (Extended &norm : projection.headNorm)
    norm = min(norm, projection.norm);
  projection.bias = norm2Up(projection.map->offset);
  for (int64_t h = 0; h < heads; ++h) {
    std::vector<int64_t> rows(each);
    for (int64_t i = 0; i < each; ++i)
      rows[i] = h * each + i;
    projection.headBias.push_back(
        norm2Up(select(projection.map->offset, rows)));
  }
  return projection;
}

/// Batch and token axes of keys and values are the same tokens of their
/// source, in the same order (heads in between).
void compareTokens(const RuleContext &context, const Projection &k,
                   const Projection &v) {
  auto positions = [&](const Projection &projection) {
    std::vector<AxisOrigin> axes;
    for (const AxisOrigin &axis : projection.map->axes)
      if (axis.position)
        axes.push_back(axis);
    return axes;
  };
  if (positions(k) != positions(v) || k.map->selected != v.map->selected)
    reject("queries, keys and values of '", context.tensor,
           "' do not come from the same tokens");
}

/// Everything that the closed forms share.
struct Setting {
  AttentionMatch match;
  Projection q, k, v;
  SourceFacts sourceQ, sourceK, sourceV;
  Extended omega, omegaValue; // Ω, Ω_val
  Assembled output;           // W_o
  AssembledVector shift;      // W_o b_v + b_o
  std::optional<int64_t> queries;
  bool oneSource = true;
};

Setting settle(RuleContext &context) {
  Setting setting;
  std::string y = context.role("attention");
  auto source = [&](const char *own) {
    std::string name = context.step.role(own);
    if (name.empty())
      name = context.step.role("source");
    if (name.empty())
      reject("the role 'source' is missing");
    return context.maps.source(name);
  };
  AffineSource q = source("source_q"), k = source("source_k"),
               v = source("source_v");
  std::set<std::string> stops = {q.tensor, k.tensor, v.tensor};
  for (const char *role : {"q", "k", "v"})
    if (!context.step.role(role).empty())
      stops.insert(context.role(role));
  setting.match = matchAttention(context.graph, y, stops);
  const AttentionMatch &match = setting.match;
  context.cover(match.nodes);
  for (const AttentionOperand *operand : {&match.q, &match.k, &match.v})
    context.cover(operand->base().nodes);
  setting.oneSource = q.text() == k.text() && k.text() == v.text();
  setting.sourceQ = sourceFacts(context, q);
  setting.sourceK = sourceFacts(context, k);
  setting.sourceV = sourceFacts(context, v);
  setting.q = project(context, match.q.base().tensor, q, match.heads);
  setting.k = project(context, match.k.base().tensor, k, match.keyHeads);
  setting.v = project(context, match.v.base().tensor, v, match.keyHeads);
  if (k.text() == v.text())
    compareTokens(context, setting.k, setting.v);
  if (setting.oneSource)
    compareTokens(context, setting.q, setting.v);
  // W_o and b_o.
  auto map = context.maps.get(context.tensor, context.maps.source(y));
  context.cover(map->nodes);
  setting.output = map->spelled();
  Extended outputNorm =
      context.affineNorm(context.tensor, context.maps.source(y));
  int64_t each = setting.v.map->rows() / match.keyHeads;
  if (setting.output.value.cols != each * match.heads)
    reject("the output projection of '", context.tensor,
           "' does not fit the heads");
  setting.omega = times(outputNorm, setting.v.largestHead());
  if (auto joint = context.claimedNorm("ov(" + context.tensor + ")"))
    setting.omega = min(setting.omega, *joint);
  Extended roots = sqrtOfIntegerUp(match.heads);
  setting.omegaValue = times(setting.omega, roots);
  // Σ_h ‖W_o^h‖‖W_v^h‖ where the certificate knows the heads of W_o.
  AffineSource attention = context.maps.source(y);
  Extended separate = Extended::zero();
  for (int64_t h = 0; h < match.heads; ++h) {
    auto head = context.claimedNorm(
        AffineKey{context.tensor, attention, -1, -1, h * each, (h + 1) * each}
            .text());
    separate +=
        head ? times(*head,
                     setting.v.headNorm[h / (match.heads / match.keyHeads)])
             : Extended::unbounded();
  }
  setting.omegaValue = min(setting.omegaValue, separate);
  // Y holds every query head: repeat the value bias over its group.
  int64_t group = match.heads / match.keyHeads;
  std::vector<int64_t> repeated;
  for (int64_t h = 0; h < match.heads; ++h)
    for (int64_t i = 0; i < each; ++i)
      repeated.push_back(h / group * each + i);
  setting.shift =
      add(product(setting.output, select(setting.v.map->offset, repeated)),
          map->offset);
  const auto &shape = context.graph.shape(match.q.base().tensor);
  for (size_t i = 0; i < shape.size(); ++i)
    if (setting.q.map->axes[i].position)
      setting.queries = shape[i].constant(); // the innermost one: tokens
  return setting;
}

Extended spreadOf(const SourceFacts &source) {
  return min(source.facts.spread, source.facts.radiusToken);
}

/// Growth, common to A and A-R (and A-G with rows that sum to one).
void addGrowth(RuleContext &context, const Setting &setting, Facts &facts) {
  Extended shift = norm2Up(setting.shift);
  facts.radiusToken =
      times(setting.omegaValue, setting.sourceV.facts.radiusToken) + shift;
  facts.spread = times(setting.omegaValue, spreadOf(setting.sourceV));
  if (context.layout.counts.positions)
    facts.radiusL2 =
        facts.radiusToken * sqrtOfIntegerUp(*context.layout.counts.positions);
}

/// A-∞: max_e Σ_h ‖row e of M_h‖₁ (1 + σ r∞ (2 r∞ N_h + ‖W_k^{hT} b_q^h‖₁)).
Extended selfAttentionLinf(const Setting &setting) {
  const Facts &x = setting.sourceV.facts;
  double reach = x.range ? x.range->hull().absMax() : HUGE_VAL;
  if (!std::isfinite(reach))
    return Extended::unbounded();
  Extended radius = Extended::fromDouble(reach);
  const AttentionMatch &match = setting.match;
  int64_t group = match.heads / match.keyHeads;
  Assembled q = setting.q.map->spelled(), k = setting.k.map->spelled();
  Assembled joint =
      valueOutputMatrix(match, setting.output, setting.v.map->spelled());
  int64_t width = setting.v.map->inputWidth;
  if (double(width) * width * match.headWidth * match.heads > 0x1p36)
    return Extended::unbounded();
  std::vector<Extended> factors;
  for (int64_t h = 0; h < match.heads; ++h) {
    Assembled qh = headRows(q, h, match.heads),
              kh = headRows(k, h / group, match.keyHeads);
    Assembled form = product(transpose(qh), kh, 1);
    Extended sum = Extended::zero();
    for (int64_t i = 0; i < form.value.rows; ++i) {
      std::vector<int64_t> row = {i};
      sum += maxRowAbsSumUp(selectRows(form, row));
    }
    std::vector<int64_t> rows(match.headWidth);
    for (int64_t i = 0; i < match.headWidth; ++i)
      rows[i] = h * match.headWidth + i;
    AssembledVector turned =
        product(transpose(kh), select(setting.q.map->offset, rows));
    Extended bias = Extended::zero();
    for (int64_t i = 0; i < turned.size(); ++i)
      bias += Extended::fromDouble(turned.entry(i).absMax());
    factors.push_back(Extended::one() +
                      match.sigma() * radius *
                          (Extended::fromInteger(2) * radius * sum + bias));
  }
  Extended largest = Extended::zero();
  for (int64_t e = 0; e < joint.value.rows; ++e) {
    Extended total = Extended::zero();
    for (int64_t h = 0; h < match.heads; ++h) {
      std::vector<int64_t> row = {e}, columns(width);
      for (int64_t i = 0; i < width; ++i)
        columns[i] = h * width + i;
      total += maxRowAbsSumUp(selectColumns(selectRows(joint, row), columns)) *
               factors[h];
    }
    largest = max(largest, total);
  }
  return largest;
}

Extended countOf(const std::optional<int64_t> &count) {
  return count ? Extended::fromInteger(*count) : Extended::unbounded();
}

/// Theorems A and A-R, their F-norm forms (B) and A-∞.
Facts selfAttention(RuleContext &context) {
  Setting setting = settle(context);
  const AttentionMatch &match = setting.match;
  bool rotary = context.step.rule == "A-R";
  if (match.bent)
    reject("a finite fill or soft cap needs the rule A-G");
  if (match.rotary() != rotary)
    reject("rotary embeddings need the rule A-R, others A");
  if (!setting.oneSource)
    reject("different sources need the rule A-X");
  Extended r = setting.sourceQ.facts.radiusToken,
           spread = spreadOf(setting.sourceQ);
  Extended heads = Extended::fromInteger(match.heads);
  Extended sigma = match.sigma() * match.rotation();
  Extended mk = setting.k.largestHead();
  Extended query = times(setting.q.norm, r) + setting.q.bias;
  Extended kappaK = times(times(sigma * mk, spread), query);
  Extended n = countOf(setting.queries);
  Facts facts;
  Extended token, whole;
  if (!rotary) {
    Extended kappaQ = times(times(sigma * setting.q.norm * mk, spread), spread);
    token = (heads + kappaK.squared()).sqrt() + kappaQ;
    whole = (n * (heads + kappaK.squared())).sqrt() + kappaQ;
    facts.lipLinf =
        times(setting.sourceQ.facts.lipLinf, selfAttentionLinf(setting));
  } else {
    Extended keys = Extended::zero();
    for (int64_t h = 0; h < match.keyHeads; ++h)
      keys = max(keys, times(setting.k.headNorm[h], r) + setting.k.headBias[h]);
    Extended kappaQ = times(sigma * setting.q.norm, spread) * keys;
    token = heads.sqrt() + kappaK + kappaQ;
    whole = (heads * n).sqrt() + n.sqrt() * kappaK + kappaQ;
  }
  facts.lipToken = times(setting.sourceQ.facts.lipToken, setting.omega * token);
  facts.lipL2 = times(setting.sourceQ.facts.lipL2, setting.omega * whole);
  addGrowth(context, setting, facts);
  return facts;
}

/// Theorem A-G: bounds of the logits' slopes head by head.
Facts bentAttention(RuleContext &context) {
  Setting setting = settle(context);
  const AttentionMatch &match = setting.match;
  if (!setting.oneSource)
    reject("A-G needs one source");
  Extended r = setting.sourceQ.facts.radiusToken,
           spread = spreadOf(setting.sourceQ);
  Extended sigma = match.sigma() * match.rotation();
  int64_t group = match.heads / match.keyHeads;
  Extended keys = Extended::zero(), queries = Extended::zero();
  for (int64_t h = 0; h < match.heads; ++h) {
    const Extended &q = setting.q.headNorm[h],
                   &k = setting.k.headNorm[h / group];
    Extended slopeK = sigma * k * (times(q, r) + setting.q.headBias[h]);
    Extended slopeQ = sigma * q * (times(k, r) + setting.k.headBias[h / group]);
    keys += (Extended::one() + times(slopeK, spread)).squared();
    queries += slopeQ.squared();
  }
  Extended token = keys.sqrt() + times(queries.sqrt(), spread);
  Facts facts;
  facts.lipToken = times(setting.sourceQ.facts.lipToken, setting.omega * token);
  addGrowth(context, setting, facts);
  return facts;
}

/// Theorem A-X: queries from another source than keys and values, or three.
Facts crossAttention(RuleContext &context) {
  Setting setting = settle(context);
  const AttentionMatch &match = setting.match;
  if (match.bent)
    reject("a finite fill or soft cap needs the rule A-G");
  bool shared = setting.k.source.text() == setting.v.source.text();
  Extended rq = setting.sourceQ.facts.radiusToken,
           rk = setting.sourceK.facts.radiusToken,
           spreadK = spreadOf(setting.sourceK),
           spreadV = spreadOf(setting.sourceV);
  Extended sigma = match.sigma() * match.rotation();
  Extended heads = Extended::fromInteger(match.heads);
  Extended mk = setting.k.largestHead();
  Extended query = times(setting.q.norm, rq) + setting.q.bias;
  Extended kappaK = times(times(sigma * mk, spreadV), query), kappaQ;
  if (match.rotary()) {
    Extended keys = Extended::zero();
    for (int64_t h = 0; h < match.keyHeads; ++h)
      keys =
          max(keys, times(setting.k.headNorm[h], rk) + setting.k.headBias[h]);
    kappaQ = times(sigma * setting.q.norm, spreadV) * keys;
  } else {
    kappaQ = times(times(sigma * setting.q.norm * mk, spreadV), spreadK);
  }
  const Extended &lipQ = setting.sourceQ.facts.lipToken,
                 &lipK = setting.sourceK.facts.lipToken,
                 &lipV = setting.sourceV.facts.lipToken;
  Extended values = times(lipQ, kappaQ);
  if (shared && !match.rotary())
    values += times(lipK, (heads + kappaK.squared()).sqrt());
  else if (shared)
    values += times(lipK, heads.sqrt() + kappaK);
  else
    values += times(lipV, heads.sqrt()) + times(lipK, kappaK);
  Facts facts;
  facts.lipToken = times(values, setting.omega);
  addGrowth(context, setting, facts);
  return facts;
}

/// Scale and rotation between the tensor that a role names and the product.
const AttentionOperand::Stage &stageOf(RuleContext &context,
                                       const AttentionOperand &operand,
                                       const char *role) {
  std::string tensor = context.role(role);
  for (const auto &stage : operand.stages)
    if (stage.tensor == tensor)
      return stage;
  reject("the role '", role, "' is no operand of the attention");
}

/// B-op: only the facts of Q, K and V.
Facts operatorRule(RuleContext &context) {
  std::string y = context.step.role("attention");
  if (!y.empty() && context.graph.canonical(y) != context.tensor)
    reject("B-op is about the attention's own output");
  AttentionMatch match = matchAttention(context.graph, context.tensor);
  context.cover(match.nodes);
  const auto &stageQ = stageOf(context, match.q, "q"),
             &stageK = stageOf(context, match.k, "k"),
             &stageV = stageOf(context, match.v, "v");
  for (const auto *stage : {&stageQ, &stageK, &stageV})
    context.cover(stage->nodes);
  // A token of Y is one query's heads: batch and query axes are positions.
  if (context.graph.width(context.tensor) !=
      context.graph.width(match.v.base().tensor) / match.keyHeads * match.heads)
    reject("the width axes of '", context.tensor, "' are not its heads");
  const Facts &q = context.input(stageQ.tensor),
              &k = context.input(stageK.tensor),
              &v = context.input(stageV.tensor);
  Extended sigma = match.scale * stageQ.scale * stageK.scale * stageQ.rotation *
                   stageK.rotation;
  Extended boundQ = q.radiusToken, boundK = k.radiusToken,
           boundV = min(v.spread, v.radiusToken);
  Extended heads = sqrtOfIntegerUp(match.heads);
  Facts facts;
  facts.lipToken = times(v.lipToken, heads) +
                   sigma * (times(times(boundV, boundK), q.lipToken) +
                            times(times(boundV, boundQ), k.lipToken));
  // F norm: columns of P sum to at most the number of queries.
  const auto &shape = context.graph.shape(match.q.base().tensor);
  const auto &roles = context.graph.info(match.q.base().tensor).roles;
  std::optional<int64_t> queries;
  for (size_t i = 0; i < shape.size(); ++i)
    if (isPosition(roles[i]))
      queries = shape[i].constant();
  Extended shared =
      (Extended::fromInteger(match.heads / match.keyHeads) * countOf(queries))
          .sqrt();
  facts.lipL2 =
      times(v.lipL2 + sigma * times(times(boundV, boundQ), k.lipL2), shared) +
      sigma * times(times(boundV, boundK), q.lipL2);
  if (q.range && k.range && v.range) {
    Extended width = Extended::fromInteger(match.headWidth);
    auto entry = [](const Facts &x) {
      return Extended::fromDouble(x.range->hull().absMax());
    };
    Extended half = Extended::zero();
    for (const Interval &interval : v.range->entries)
      half = max(half, Extended::fromDouble(interval.radiusUp()));
    if (v.range->axis &&
        isPosition(context.graph.info(stageV.tensor).roles[*v.range->axis]))
      half = Extended::fromDouble(v.range->hull().radiusUp());
    Extended turned = match.scale * stageQ.scale * stageK.scale *
                      stageQ.rotationLinf * stageK.rotationLinf;
    facts.lipLinf = v.lipLinf + turned * half *
                                    (times(width * entry(k), q.lipLinf) +
                                     times(width * entry(q), k.lipLinf));
  }
  facts.radiusToken = times(v.radiusToken, heads);
  facts.spread = times(v.spread, heads);
  if (v.range)
    facts.range = Range::everywhere(v.range->hull());
  return facts;
}

} // namespace

RuleList lipt::checker::attentionRules() {
  return {{"A", selfAttention},   {"A-R", selfAttention},
          {"A-G", bentAttention}, {"A-X", crossAttention},
          {"B-op", operatorRule}, {"B-rope", rotaryRule()}};
}
