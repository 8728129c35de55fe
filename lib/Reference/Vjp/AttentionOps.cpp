//===- AttentionOps.cpp - Derivatives of attention and rotations ----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Attention.h"

#include "Pullback.h"

using namespace mlir;

namespace lipt::reference {

/// The derivative of softmax and of the logits' scale and cap, in place: from
/// the cotangent of the weights `p` to that of q·k.
static void pullLogits(AttentionOp op, std::span<const double> p,
                       std::span<const double> capped,
                       std::span<const uint8_t> passes, int64_t width,
                       std::span<double> g) {
  double scale = op.getScale().convertToDouble();
  double cap = op.getSoftcap().convertToDouble();
  for (size_t begin = 0; begin < g.size(); begin += width) {
    double mean = 0;
    for (int64_t i = 0; i < width; ++i)
      mean += p[begin + i] * g[begin + i];
    for (int64_t i = 0; i < width; ++i) {
      size_t at = begin + i;
      g[at] = passes[at] ? p[at] * (g[at] - mean) * scale : 0;
      if (cap > 0) {
        double bent = capped[at] / cap; // tanh of the logit over the cap
        g[at] *= 1 - bent * bent;
      }
    }
  }
}

static bool pullAttention(AttentionOp op, Pullback &p) {
  if (!p.add(op.getMask()).empty())
    return false;
  const Tensor &query = p[op.getQuery()], &key = p[op.getKey()],
               &value = p[op.getValue()];
  std::optional<AttentionShape> shape =
      attentionShapeOf(op, query.getShape(), key.getShape(), value.getShape(),
                       p.getResult().getShape());
  if (!shape)
    return false;
  auto q = query.values<double>(), k = key.values<double>(),
       v = value.values<double>();
  int64_t nq = shape->query.tokens, nk = shape->key.tokens;
  std::vector<double> weights(*countElements(shape->logits)), capped;
  std::vector<uint8_t> passes;
  attentionLogits<double>(op, *shape, q.data(), k.data(), p.find(op.getMask()),
                          weights, passes);
  // The cap's slope follows from the capped logits before the mask.
  if (op.getSoftcap().convertToDouble() > 0) {
    capped.resize(weights.size());
    computeLogits<double>(op, *shape, q.data(), k.data(), capped);
  }
  softmaxRows(std::span<double>(weights), nk);

  auto toQuery = p.add(op.getQuery()), toKey = p.add(op.getKey()),
       toValue = p.add(op.getValue());
  auto from = p.cotangent();
  std::vector<double> g(nq * nk);
  using Rows = Matrix<const double>;
  for (int64_t i = 0; i < shape->query.batch * shape->query.heads; ++i) {
    int64_t b = i / shape->query.heads, h = i % shape->query.heads;
    int64_t kv = shape->keyHead(h), begin = i * nq * nk;
    Rows above = shape->result.matrix(from.data(), b, h);
    Rows attended = Rows::rowMajor(weights.data() + begin, nq, nk);
    if (!toValue.empty())
      addProduct(shape->value.matrix(toValue.data(), b, kv),
                 attended.transposed(), above);
    std::fill(g.begin(), g.end(), 0.0);
    addProduct(Matrix<double>::rowMajor(g.data(), nq, nk), above,
               shape->value.matrix(v.data(), b, kv).transposed());
    std::span<const double> bent;
    if (!capped.empty())
      bent = std::span(capped).subspan(begin, nq * nk);
    pullLogits(op, std::span(weights).subspan(begin, nq * nk), bent,
               std::span(passes).subspan(begin, nq * nk), nk, g);
    Rows logits = Rows::rowMajor(g.data(), nq, nk);
    if (!toQuery.empty())
      addProduct(shape->query.matrix(toQuery.data(), b, h), logits,
                 shape->key.matrix(k.data(), b, kv));
    if (!toKey.empty())
      addProduct(shape->key.matrix(toKey.data(), b, kv), logits.transposed(),
                 shape->query.matrix(q.data(), b, h));
  }
  return true;
}

static bool pullRotary(RotaryOp op, Pullback &p) {
  auto to = p.add(op.getInput());
  if (!p.add(op.getCos()).empty() || !p.add(op.getSin()).empty())
    return false;
  const Tensor &cos = p[op.getCos()], &sin = p[op.getSin()];
  std::optional<RotaryShape> shape = rotaryShapeOf(
      op, p[op.getInput()].getShape(), cos.getShape(), sin.getShape());
  if (!shape)
    return false;
  std::vector<double> turned(to.size());
  if (!to.empty())
    rotate<double>(op, *shape, p.cotangent().data(),
                   cos.values<double>().data(), sin.values<double>().data(),
                   turned.data(), true);
  for (size_t i = 0; i < to.size(); ++i)
    to[i] += turned[i];
  return true;
}

void addAttentionPullbacks(PullbackTable &table) {
  table.add<AttentionOp>(pullAttention);
  table.add<RotaryOp>(pullRotary);
}

} // namespace lipt::reference
