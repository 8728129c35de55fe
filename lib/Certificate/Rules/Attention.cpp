//===- Attention.cpp - Theorems A, A-R, A-G, A-X, B and rule B-op ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything is in l2 per token (docs/Bounds.md 2.4). Head h maps a source
// vector x to W_q^h x + b_q^h and so on; sigma is the absolute scale of the
// logits; Omega = norm([M_1 ... M_H]) with M_h = W_o^h W_v^h.
//
//===----------------------------------------------------------------------===//

#include "RotaryNorm.h"
#include "Rules.h"

#include <algorithm>
#include <cmath>

using namespace lipt;

/// Largest [M_1 ... M_H] that is assembled: 64 MB of doubles.
static constexpr int64_t maxJointEntries = int64_t(1) << 23;

namespace {
/// One of the projections with the norms of its heads' rows.
struct Projection {
  AffineMap map; ///< dense
  std::string key;
  UpperBound norm;                    ///< of all heads stacked
  std::vector<UpperBound> headNorms;  ///< W^h
  std::vector<UpperBound> headBiases; ///< b^h
  UpperBound bias;                    ///< b, all heads
  UpperBound largestHead;

  /// max over heads of norm(W^h) r + norm(b^h): sup of a head's vector.
  UpperBound headRadius(const UpperBound &r) const {
    UpperBound most = UpperBound::zero();
    for (size_t h = 0; h != headNorms.size(); ++h)
      most = max(most, headNorms[h] * r + headBiases[h]);
    return most;
  }
};

/// Everything the theorems read.
struct AttentionNorms {
  Projection q, k, v;
  UpperBound omega, omegaVal;
  UpperBound outBias; ///< norm(W_o b_v + b_o)
  UpperBound sigma;   ///< times rho^2 with a rotary embedding
};
} // namespace

static std::string sliceKey(const std::string &key, int64_t begin,
                            int64_t end) {
  return key + "[" + std::to_string(begin) + ":" + std::to_string(end) + ",:]";
}

static std::optional<Projection>
project(const std::string &name, const AffineRef &expression,
        const std::string &source,
        const std::optional<LinStep::Normalized> &normalized, int64_t heads,
        int64_t headWidth, bool perHead, StepContext &context) {
  std::optional<int64_t> width = widthOf(context.axes(source));
  if (!width) {
    context.explain("the width of an attention's source is not known");
    return std::nullopt;
  }
  std::optional<AffineMap> map = context.map(expression, *width);
  std::optional<AffineMatrix> dense;
  if (map)
    dense = toDense(map->matrix);
  int64_t rows;
  if (!dense || __builtin_mul_overflow(heads, headWidth, &rows) ||
      dense->rows != rows) {
    context.explain("a projection's width is not heads times head width");
    return std::nullopt;
  }
  Projection result;
  result.map = std::move(*map);
  result.map.matrix = std::move(*dense);
  const AffineMatrix &matrix = result.map.matrix;
  result.key = affineKey(name, sourceName(source, normalized));
  result.norm = context.norm(result.key, matrix);
  result.bias = result.map.biasNorm();
  result.largestHead = UpperBound::zero();
  for (int64_t h = 0; h != heads; ++h) {
    int64_t begin = h * headWidth, end = begin + headWidth;
    UpperBound norm =
        heads == 1 || !perHead
            ? result.norm
            : context.norm(sliceKey(result.key, begin, end),
                           matrix.slice(begin, 0, headWidth, matrix.cols));
    result.headNorms.push_back(min(norm, result.norm));
    result.largestHead = max(result.largestHead, result.headNorms.back());
    result.headBiases.push_back(
        vectorNorm2(std::span<const double>(result.map.bias)
                        .subspan(size_t(begin), size_t(headWidth))) +
        result.map.biasError);
  }
  return result;
}

/// The assembled form of rows of a dense matrix.
static AssembledMatrix rowsOf(const AffineMatrix &matrix, int64_t begin,
                              int64_t count) {
  AssembledMatrix part = AssembledMatrix::fromView(
      matrix.view.slice(begin, 0, count, matrix.cols));
  part.error = part.error + matrix.error;
  return part;
}

/// Omega, and the norm of W_o b_v + b_o.
static bool readOutput(const AttentionStep &step, AttentionNorms &norms,
                       StepContext &context) {
  UpperBound rootHeads = UpperBound::sqrtOf(uint64_t(step.heads));
  int64_t group = step.heads / step.kvHeads, width = step.valueWidth;
  const AffineMap &values = norms.v.map;
  // b_v of every query head: groups share the key-value head's.
  std::vector<Interval> bias;
  for (int64_t h = 0; h != step.heads; ++h)
    for (int64_t i = 0; i != width; ++i)
      bias.push_back(
          widen(Interval::point(values.bias[size_t(h / group * width + i)]),
                values.biasError));

  if (!step.mapOut) {
    // W_o is the identity: [M_1 ... M_H] is block-diagonal.
    norms.omega = norms.v.largestHead;
    norms.omegaVal = rootHeads * norms.omega;
    norms.outBias = norm2Bound(bias);
    return true;
  }
  std::optional<AffineMap> out = context.map(step.mapOut, step.heads * width);
  std::optional<AffineMatrix> dense;
  if (out)
    dense = toDense(out->matrix);
  if (!dense) {
    context.explain("an attention's output projection is not computable");
    return false;
  }
  out->matrix = std::move(*dense);
  UpperBound outNorm =
      context.norm(affineKey(context.step.tensor, step.attention), out->matrix);
  norms.outBias = norm2Bound(imageOf(*out, bias, UpperBound::unbounded()));
  norms.omega = outNorm * norms.v.largestHead;

  int64_t source = values.matrix.cols, entries;
  if (!__builtin_mul_overflow(step.heads * out->matrix.rows, source,
                              &entries) &&
      entries <= maxJointEntries) {
    AssembledMatrix wo = AssembledMatrix::fromView(out->matrix.view);
    wo.error = wo.error + out->matrix.error;
    std::vector<AssembledMatrix> blocks;
    for (int64_t h = 0; h != step.heads; ++h)
      blocks.push_back(product(wo.slice(0, h * width, wo.rows(), width),
                               rowsOf(values.matrix, h / group * width, width),
                               context.spectralOptions()));
    AffineMatrix joint = AffineMatrix::dense(hstack(blocks));
    blocks.clear();
    norms.omega = min(norms.omega,
                      context.norm("ov(" + context.step.tensor + ")", joint));
  }
  norms.omegaVal = rootHeads * norms.omega;
  return true;
}

/// Whether every query sees a key. An additive mask hides a key by -inf, a
/// boolean one by false.
static bool rowsNeverEmpty(const AttentionStep &step, StepContext &context) {
  if (!step.mask)
    return true;
  ConstantEvaluator::Result mask = context.computed(step.mask);
  if (!mask || mask->ulps == ConstantEvaluator::unknownUlps ||
      mask->shape.empty()) {
    context.explain("an attention mask is not computable: it must be constant");
    return false;
  }
  size_t cols = size_t(mask->shape.back());
  size_t rows =
      mask->shape.size() < 2 ? 1 : size_t(mask->shape[mask->shape.size() - 2]);
  if (cols == 0)
    return false;
  for (size_t base = 0, row = 0; base + cols <= mask->values.size();
       base += cols, ++row) {
    // With a causal structure only the keys up to the query's own place; a row
    // that is broadcast over queries must show the first key.
    size_t limit = !step.causal ? cols
                   : rows > 1   ? std::min(row % rows + 1, cols)
                                : 1;
    bool seen = false;
    for (size_t j = 0; j != limit; ++j) {
      double value = mask->values[base + j];
      if (std::isnan(value) ||
          value == std::numeric_limits<double>::infinity()) {
        context.explain("an attention mask has entries that are not numbers");
        return false;
      }
      seen |= step.maskBoolean ? value != 0
                               : value > -std::numeric_limits<double>::max();
    }
    if (!seen && !step.finiteFill) {
      context.explain("an attention mask hides every key from a query, whose "
                      "softmax is then not a number");
      return false;
    }
  }
  return true;
}

static bool hasRotary(const AttentionStep &step) {
  return step.rotaryCos || step.rotarySin;
}

/// sigma, the absolute logit scale, times rho^2.
static UpperBound logitScale(const AttentionStep &step,
                             const rules::RotaryNorm &rotary) {
  UpperBound sigma = UpperBound::one();
  for (double factor : step.scales)
    sigma = sigma * UpperBound::fromDouble(std::abs(factor));
  return hasRotary(step) ? sigma * rotary.l2 * rotary.l2 : sigma;
}

static std::optional<uint64_t> positiveCount(const SymbolicSize &size) {
  std::optional<int64_t> count =
      size.isValid() ? size.getStatic() : std::nullopt;
  return count && *count > 0 ? std::optional(uint64_t(*count)) : std::nullopt;
}

static UpperBound root(const UpperBound &value) { return value.sqrt(); }

/// lip.token and lip.l2 of self-attention with one bilinear form (Theorem A,
/// Theorem B), with a rotary embedding (A-R), or with bent logits (A-G).
static void selfAttention(const AttentionStep &step, const std::string &rule,
                          const AttentionNorms &norms, const Facts &x,
                          Facts &y) {
  UpperBound heads = UpperBound::fromInteger(uint64_t(step.heads));
  UpperBound r = x.radiusToken, spread = x.spread, sigma = norms.sigma;
  const Projection &q = norms.q, &k = norms.k;
  std::optional<uint64_t> queries = positiveCount(step.queryCount);
  UpperBound n =
      queries ? UpperBound::fromInteger(*queries) : UpperBound::unbounded();

  if (rule == "A-G") {
    // Per head G_K = sigma norm(W_k)(norm(W_q) r + norm(b_q)), G_Q likewise;
    // Omega (sqrt(sum (1 + r_v G_K)^2) + r_v sqrt(sum G_Q^2)).
    UpperBound valueKey = UpperBound::zero(), query = UpperBound::zero();
    int64_t group = step.heads / step.kvHeads;
    for (int64_t h = 0; h != step.heads; ++h) {
      size_t kv = size_t(h / group), own = size_t(h);
      UpperBound gk =
          sigma * k.headNorms[kv] * (q.headNorms[own] * r + q.headBiases[own]);
      UpperBound gq =
          sigma * q.headNorms[own] * (k.headNorms[kv] * r + k.headBiases[kv]);
      valueKey = hypot(valueKey, UpperBound::one() + spread * gk);
      query = hypot(query, gq);
    }
    y.lipToken = norms.omega * (valueKey + spread * query) * x.lipToken;
    return;
  }

  UpperBound kappaK = sigma * spread * k.largestHead * (q.norm * r + q.bias);
  UpperBound kappaQ = sigma * spread * q.norm;
  if (rule == "A") {
    // b_k cancels: the covariance of points in a ball of radius r_v.
    kappaQ = kappaQ * spread * k.largestHead;
    y.lipToken =
        norms.omega * (root(heads + kappaK * kappaK) + kappaQ) * x.lipToken;
    y.lipL2 = norms.omega * (root(heads * n + n * kappaK * kappaK) + kappaQ) *
              x.lipL2;
  } else {
    kappaQ = kappaQ * k.headRadius(r);
    y.lipToken = norms.omega * (root(heads) + kappaK + kappaQ) * x.lipToken;
    y.lipL2 =
        norms.omega * (root(heads * n) + root(n) * kappaK + kappaQ) * x.lipL2;
  }
}

/// Theorem A-X: K and V from another source than Q, or from two.
static void crossAttention(const AttentionStep &step,
                           const AttentionNorms &norms, const Facts &xq,
                           const Facts &xk, const Facts &xv, bool sharedKV,
                           Facts &y) {
  UpperBound heads = UpperBound::fromInteger(uint64_t(step.heads));
  UpperBound sigma = norms.sigma;
  const Projection &q = norms.q, &k = norms.k;
  bool rotary = hasRotary(step);
  UpperBound queryReach = q.norm * xq.radiusToken + q.bias;
  UpperBound kappaK = sigma * xv.spread * k.largestHead * queryReach;
  UpperBound kappaQ =
      sigma * xv.spread * q.norm *
      (rotary ? k.headRadius(xk.radiusToken) : xk.spread * k.largestHead);
  if (sharedKV) {
    UpperBound both =
        rotary ? root(heads) + kappaK : root(heads + kappaK * kappaK);
    y.lipToken = norms.omega * (both * xk.lipToken + kappaQ * xq.lipToken);
  } else {
    y.lipToken = norms.omega * (root(heads) * xv.lipToken +
                                kappaK * xk.lipToken + kappaQ * xq.lipToken);
  }
}

/// A-inf: largest over output entries e of sum_h norm1(row e of M_h) (1 + sigma
/// r (2 r N_h + norm1(W_k^hT b_q^h))), N_h = sum of abs(W_q^hT W_k^h).
static UpperBound selfAttentionInf(const AttentionStep &step,
                                   const AttentionNorms &norms, const Facts &x,
                                   StepContext &context) {
  UpperBound r = x.entryBound();
  int64_t source = norms.v.map.matrix.cols, group = step.heads / step.kvHeads;
  if (r.isUnbounded() || source > 1024 || x.lipLInf.isUnbounded())
    return UpperBound::unbounded();
  std::optional<AffineMap> out;
  if (step.mapOut) {
    out = context.map(step.mapOut, step.heads * step.valueWidth);
    std::optional<AffineMatrix> dense;
    if (out)
      dense = toDense(out->matrix);
    if (!dense)
      return UpperBound::unbounded();
    out->matrix = std::move(*dense);
  }
  int64_t rows = out ? out->matrix.rows : step.heads * step.valueWidth;
  std::vector<UpperBound> sums(size_t(rows), UpperBound::zero());
  auto absoluteSum = [](const AssembledMatrix &matrix, int64_t row) {
    double sum = 0;
    for (int64_t j = 0; j != matrix.cols(); ++j)
      sum += std::abs(matrix.approx(row, j));
    return UpperBound::fromDouble(sum) * UpperBound::fromDouble(1 + 0x1p-30) +
           matrix.error * UpperBound::sqrtOf(uint64_t(matrix.cols()));
  };
  for (int64_t h = 0; h != step.heads; ++h) {
    int64_t kv = h / group;
    AssembledMatrix wq =
        rowsOf(norms.q.map.matrix, h * step.headWidth, step.headWidth);
    AssembledMatrix wk =
        rowsOf(norms.k.map.matrix, kv * step.headWidth, step.headWidth);
    AssembledMatrix form = product(wq.transposed(), wk);
    UpperBound entries = UpperBound::zero();
    for (int64_t i = 0; i != form.rows(); ++i)
      entries += absoluteSum(form, i);
    // W_k^hT b_q^h, entry by entry.
    UpperBound biasPath = UpperBound::zero();
    std::vector<Interval> bias;
    for (int64_t i = 0; i != step.headWidth; ++i)
      bias.push_back(widen(
          Interval::point(norms.q.map.bias[size_t(h * step.headWidth + i)]),
          norms.q.map.biasError));
    AffineMap transposed;
    transposed.matrix = AffineMatrix::dense(wk.transposed());
    transposed.bias.assign(size_t(transposed.matrix.rows), 0);
    for (const Interval &entry :
         imageOf(transposed, bias, UpperBound::unbounded()))
      biasPath += entry.absBound();
    UpperBound factor =
        UpperBound::one() +
        norms.sigma * r * (UpperBound::fromInteger(2) * r * entries + biasPath);
    AssembledMatrix wv =
        rowsOf(norms.v.map.matrix, kv * step.valueWidth, step.valueWidth);
    if (!out) {
      for (int64_t i = 0; i != step.valueWidth; ++i)
        sums[size_t(h * step.valueWidth + i)] = absoluteSum(wv, i) * factor;
      continue;
    }
    AssembledMatrix wo = AssembledMatrix::fromView(out->matrix.view);
    wo.error = wo.error + out->matrix.error;
    AssembledMatrix joint = product(
        wo.slice(0, h * step.valueWidth, wo.rows(), step.valueWidth), wv);
    for (int64_t i = 0; i != rows; ++i)
      sums[size_t(i)] += absoluteSum(joint, i) * factor;
  }
  UpperBound largest = UpperBound::zero();
  for (const UpperBound &sum : sums)
    largest = max(largest, sum);
  return largest;
}

/// Product of the position axes other than the token axis.
static SymbolicSize batchOf(const std::vector<PlanAxis> &axes, size_t tokens) {
  SymbolicSize batch = 1;
  for (size_t i = 0; i != axes.size(); ++i)
    if (i != tokens && axes[i].isPosition())
      batch = batch * axes[i].size;
  return batch;
}

/// Whether Q, K, V and the output have tokens on their last axis but one (a
/// transposed key on its last) and exactly the heads' vectors as width, with
/// equal batches: else a token's facts are not those of its heads.
static bool layoutFits(const AttentionStep &step, StepContext &context) {
  const std::vector<PlanAxis> &query = context.axes(step.q);
  auto fits = [&](const std::vector<PlanAxis> &axes, int64_t heads,
                  int64_t width, bool transposed = false) {
    int64_t all;
    if (axes.size() < 2 || query.size() < 2)
      return false;
    size_t tokens = axes.size() - (transposed ? 1 : 2);
    return !__builtin_mul_overflow(heads, width, &all) &&
           widthOf(axes) == all &&
           (axes[tokens].isPosition() || staticSize(axes[tokens]) == 1) &&
           batchOf(axes, tokens) == batchOf(query, query.size() - 2);
  };
  bool all = fits(query, step.heads, step.headWidth) &&
             fits(context.axes(step.k), step.kvHeads, step.headWidth,
                  step.keyTransposed) &&
             fits(context.axes(step.v), step.kvHeads, step.valueWidth) &&
             fits(context.outputAxes(), step.heads, step.valueWidth);
  if (!all)
    context.explain("the axes of an attention's operands are not batch, heads, "
                    "tokens and head width with one batch");
  return all;
}

/// B-op: only the facts of Q, K, V are known. d out = sum p dv + sum p (v -
/// mean) dl, abs(dl) <= sigma (abs(dq k) + abs(q dk)).
static Facts operatorRule(const AttentionStep &step, StepContext &context) {
  const Facts &q = context.facts(step.q), &k = context.facts(step.k);
  const Facts &v = context.facts(step.v);
  rules::RotaryNorm rotary;
  if (hasRotary(step))
    rotary = rules::rotaryNorm(step.rotaryCos, step.rotarySin,
                               step.rotaryInterleaved, step.rotaryFull,
                               step.rotaryPartial, context);
  UpperBound sigma = logitScale(step, rotary);
  UpperBound rootHeads = UpperBound::sqrtOf(uint64_t(step.heads));
  UpperBound reach = sigma * v.spread;
  Facts y;
  y.lipToken = rootHeads * v.lipToken + reach * (k.radiusToken * q.lipToken +
                                                 q.radiusToken * k.lipToken);
  if (std::optional<uint64_t> queries = positiveCount(step.queryCount)) {
    // Every key-value head serves g query heads, each key at most n_q queries.
    UpperBound seen =
        (UpperBound::fromInteger(*queries) *
         UpperBound::fromInteger(uint64_t(step.heads / step.kvHeads)))
            .sqrt();
    y.lipL2 = seen * (v.lipL2 + reach * q.radiusToken * k.lipL2) +
              reach * k.radiusToken * q.lipL2;
  }
  // linf: half the width of a value entry's interval, l1 norms of head vectors.
  UpperBound halfWidth = UpperBound::zero();
  IntervalVector entries =
      v.range ? v.range->entries : IntervalVector{Interval::unknown()};
  for (const Interval &entry : entries) {
    Interval width =
        subtract(Interval::point(entry.hi), Interval::point(entry.lo));
    halfWidth = max(halfWidth, entry.isBounded()
                                   ? width.absBound().scaledByPowerOfTwo(-1)
                                   : UpperBound::unbounded());
  }
  UpperBound headWidth = UpperBound::fromInteger(uint64_t(step.headWidth));
  UpperBound plain = UpperBound::one();
  for (double factor : step.scales)
    plain = plain * UpperBound::fromDouble(std::abs(factor));
  if (hasRotary(step))
    plain = plain * rotary.linf * rotary.linf;
  y.lipLInf =
      v.lipLInf + plain * halfWidth * headWidth *
                      (k.entryBound() * q.lipLInf + q.entryBound() * k.lipLInf);
  y.radiusToken = rootHeads * v.radiusToken;
  y.spread = rootHeads * v.spread;
  y.range = EntryRange{{v.entryHull()}, std::nullopt};
  return y;
}

Facts rules::evaluate(const AttentionStep &step, StepContext &context) {
  if (step.heads < 1 || step.kvHeads < 1 || step.heads % step.kvHeads != 0 ||
      step.headWidth < 1 || step.valueWidth < 1 || step.heads > (1 << 20)) {
    context.explain("an attention has head counts that do not fit");
    return {};
  }
  if (!rowsNeverEmpty(step, context))
    return {};
  const std::string &rule = context.step.rule;
  if (rule == "B-op")
    return layoutFits(step, context) ? operatorRule(step, context) : Facts();
  bool bent = step.softcap > 0 || step.finiteFill;
  bool rotary = hasRotary(step);
  bool known = rule == "A" || rule == "A-R" || rule == "A-G" || rule == "A-X";
  if (!known || (rule == "A" && rotary) || (bent && rule != "A-G")) {
    context.explain("attention rule '" + rule +
                    "' does not cover this form of the logits");
    return {};
  }
  RotaryNorm rho;
  if (rotary)
    rho = rotaryNorm(step.rotaryCos, step.rotarySin, step.rotaryInterleaved,
                     step.rotaryFull, step.rotaryPartial, context);

  AttentionNorms norms;
  norms.sigma = logitScale(step, rho);
  auto nameOf = [&](const std::string &name, const char *role) {
    return name.empty() ? std::string(role) + "(" + step.attention + ")" : name;
  };
  std::optional<Projection> q =
      project(nameOf(step.q, "q"), step.mapQ, step.sourceQ, step.normalizedQ,
              step.heads, step.headWidth, rule == "A-G", context);
  std::optional<Projection> k =
      project(nameOf(step.k, "k"), step.mapK, step.sourceK, step.normalizedK,
              step.kvHeads, step.headWidth, true, context);
  std::optional<Projection> v =
      project(nameOf(step.v, "v"), step.mapV, step.sourceV, step.normalizedV,
              step.kvHeads, step.valueWidth, true, context);
  if (!q || !k || !v)
    return {};
  norms.q = std::move(*q);
  norms.k = std::move(*k);
  norms.v = std::move(*v);
  if (!readOutput(step, norms, context))
    return {};

  Facts xq = sourceFacts(context, step.sourceQ, step.normalizedQ);
  Facts xk = sourceFacts(context, step.sourceK, step.normalizedK);
  Facts xv = sourceFacts(context, step.sourceV, step.normalizedV);
  std::string sourceQ = sourceName(step.sourceQ, step.normalizedQ);
  std::string sourceK = sourceName(step.sourceK, step.normalizedK);
  std::string sourceV = sourceName(step.sourceV, step.normalizedV);
  bool self = sourceQ == sourceK && sourceK == sourceV;

  Facts y;
  // Growth: every head averages vectors of a ball around the common centre.
  y.radiusToken = norms.omegaVal * xv.radiusToken + norms.outBias;
  y.spread = norms.omegaVal * xv.spread;
  if (rule == "A-X") {
    crossAttention(step, norms, xq, xk, xv, sourceK == sourceV, y);
  } else if (!self) {
    context.explain("self-attention needs one source of queries, keys and "
                    "values");
  } else {
    selfAttention(step, rule, norms, xv, y);
    Norm input = context.plan.question.inputNorm;
    Norm output = context.plan.question.outputNorm;
    if (rule == "A" && (input == Norm::LInf || output == Norm::LInf))
      y.lipLInf = selfAttentionInf(step, norms, xv, context) * xv.lipLInf;
  }
  if (xv.radiusToken.isUnbounded() || xq.radiusToken.isUnbounded())
    context.explain("attention on unbounded inputs has no Lipschitz constant; "
                    "a norm layer before it, a cap or --input-ball bounds "
                    "them");
  return y;
}
