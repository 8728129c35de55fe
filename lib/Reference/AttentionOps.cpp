//===- AttentionOps.cpp - Attention and rotary embeddings -----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Attention.h"

#include "Broadcast.h"
#include "Evaluation.h"
#include "MatrixProduct.h"

#include <cmath>

using namespace mlir;

namespace lipt::reference {

/// One operand as [batch..., heads, tokens, width] over its own memory.
static bool layOut(const Shape &shape, int64_t packedHeads, bool packed,
                   HeadLayout &layout) {
  if (packed) {
    if (shape.size() != 3 || packedHeads < 1 || shape[2] % packedHeads)
      return false;
    layout = {shape[0],
              packedHeads,
              shape[1],
              shape[2] / packedHeads,
              shape[1] * shape[2],
              shape[2] / packedHeads,
              shape[2]};
    return true;
  }
  if (shape.size() < 3)
    return false;
  size_t rank = shape.size();
  int64_t batch = 1;
  for (size_t i = 0; i + 3 < rank; ++i)
    batch *= shape[i];
  int64_t tokens = shape[rank - 2], width = shape[rank - 1];
  layout = {batch,
            shape[rank - 3],
            tokens,
            width,
            shape[rank - 3] * tokens * width,
            tokens * width,
            width};
  return true;
}

std::optional<AttentionShape>
attentionShapeOf(AttentionOp op, const Shape &query, const Shape &key,
                 const Shape &value, const Shape &result) {
  AttentionShape shape;
  bool packed = op.getPackedHeads().has_value();
  int64_t heads = 0, keyHeads = 0;
  if (packed) {
    if (op.getPackedHeads()->size() != 2)
      return std::nullopt;
    heads = (*op.getPackedHeads())[0];
    keyHeads = (*op.getPackedHeads())[1];
  }
  Shape straightKey = key;
  if (op.getKeyTransposed() && key.size() >= 2)
    std::swap(straightKey[key.size() - 1], straightKey[key.size() - 2]);
  if (!layOut(query, heads, packed, shape.query) ||
      !layOut(straightKey, keyHeads, packed, shape.key) ||
      !layOut(value, keyHeads, packed, shape.value) ||
      !layOut(result, heads, packed, shape.result))
    return std::nullopt;
  if (op.getKeyTransposed()) {
    shape.key.headStride = shape.key.width * shape.key.tokens;
    shape.key.tokenStride = 1;
    shape.key.widthStride = shape.key.tokens;
  }
  const HeadLayout &q = shape.query, &k = shape.key, &v = shape.value,
                   &y = shape.result;
  bool fits = q.batch == k.batch && q.batch == v.batch && q.batch == y.batch &&
              q.width == k.width && k.tokens == v.tokens &&
              k.heads == v.heads && y.heads == q.heads &&
              y.tokens == q.tokens && y.width == v.width && k.heads > 0 &&
              q.heads > 0;
  if (!fits)
    return std::nullopt;
  shape.logits =
      packed ? Shape{q.batch, q.heads} : Shape(query.begin(), query.end() - 2);
  shape.logits.push_back(q.tokens);
  shape.logits.push_back(k.tokens);
  return shape;
}

template <typename T>
void computeLogits(AttentionOp op, const AttentionShape &shape, const T *query,
                   const T *key, std::span<T> logits) {
  int64_t nq = shape.query.tokens, nk = shape.key.tokens;
  double scale = op.getScale().convertToDouble();
  double cap = op.getSoftcap().convertToDouble();
  for (int64_t i = 0; i < shape.query.batch * shape.query.heads; ++i) {
    int64_t b = i / shape.query.heads, h = i % shape.query.heads;
    T *to = logits.data() + i * nq * nk;
    std::fill_n(to, nq * nk, T(0));
    addProduct(Matrix<T>::rowMajor(to, nq, nk), shape.query.matrix(query, b, h),
               shape.key.matrix(key, b, shape.keyHead(h)).transposed());
    for (int64_t j = 0; j < nq * nk; ++j) {
      double logit = to[j] * scale;
      to[j] = static_cast<T>(cap > 0 ? cap * std::tanh(logit / cap) : logit);
    }
  }
}

template <typename T>
void attentionLogits(AttentionOp op, const AttentionShape &shape,
                     const T *query, const T *key, const Tensor *mask,
                     std::span<T> logits, std::vector<uint8_t> &passes) {
  int64_t nq = shape.query.tokens, nk = shape.key.tokens;
  passes.assign(logits.size(), 1);
  computeLogits(op, shape, query, key, logits);
  constexpr T excluded = -std::numeric_limits<T>::infinity();
  if (mask) {
    std::array<Shape, 1> strides = {
        broadcastStrides(mask->getShape(), shape.logits)};
    T fill = op.getMaskFill().convertToFloat();
    forEachIndex(shape.logits, strides, [&](int64_t i, auto &offsets) {
      if (op.getMaskKind() == MaskKind::Additive) {
        logits[i] += static_cast<T>(mask->getAsDouble(offsets[0]));
        return;
      }
      bool marked = mask->getAsInteger(offsets[0]) != 0;
      if (marked == (op.getMaskKind() == MaskKind::Fill)) {
        logits[i] = op.getMaskKind() == MaskKind::Fill ? fill : excluded;
        passes[i] = 0;
      }
    });
  }
  if (op.getCausal())
    for (int64_t i = 0; i < static_cast<int64_t>(logits.size()); ++i)
      if (i % nk > i / nk % nq) {
        logits[i] = excluded;
        passes[i] = 0;
      }
}

template <typename T> void softmaxRows(std::span<T> rows, int64_t width) {
  for (size_t begin = 0; begin < rows.size(); begin += width) {
    T *row = rows.data() + begin;
    T largest = *std::max_element(row, row + width);
    // ONNX: a query that may look at nothing gets nothing.
    if (largest == -std::numeric_limits<T>::infinity()) {
      std::fill_n(row, width, T(0));
      continue;
    }
    double sum = 0;
    for (int64_t i = 0; i < width; ++i)
      sum += std::exp(static_cast<double>(row[i]) - largest);
    for (int64_t i = 0; i < width; ++i)
      row[i] =
          static_cast<T>(std::exp(static_cast<double>(row[i]) - largest) / sum);
  }
}

template void computeLogits(AttentionOp, const AttentionShape &, const float *,
                            const float *, std::span<float>);
template void computeLogits(AttentionOp, const AttentionShape &, const double *,
                            const double *, std::span<double>);
template void attentionLogits(AttentionOp, const AttentionShape &,
                              const float *, const float *, const Tensor *,
                              std::span<float>, std::vector<uint8_t> &);
template void attentionLogits(AttentionOp, const AttentionShape &,
                              const double *, const double *, const Tensor *,
                              std::span<double>, std::vector<uint8_t> &);
template void softmaxRows(std::span<float>, int64_t);
template void softmaxRows(std::span<double>, int64_t);

static LogicalResult attend(AttentionOp op, Evaluation &e) {
  const Tensor &query = e[op.getQuery()], &key = e[op.getKey()],
               &value = e[op.getValue()];
  const Tensor *mask = e.find(op.getMask());
  Tensor *result = e.makeTypedResult();
  if (!result)
    return failure();
  std::optional<AttentionShape> shape =
      attentionShapeOf(op, query.getShape(), key.getShape(), value.getShape(),
                       result->getShape());
  if (!shape || !isWithin(shape->logits, int64_t(1) << 30))
    return op.emitOpError("has operands whose shapes do not fit");
  if (mask && (!canBroadcast(mask->getShape(), shape->logits) ||
               (op.getMaskKind() != MaskKind::Additive && mask->isFloat())))
    return op.emitOpError("has a mask that does not fit its logits");
  int64_t nq = shape->query.tokens, nk = shape->key.tokens;
  if (nk == 0)
    return success();
  return e.withReal([&]<typename T>(T) {
    std::vector<T> weights(*countElements(shape->logits));
    std::vector<uint8_t> passes;
    attentionLogits<T>(op, *shape, query.values<T>().data(),
                       key.values<T>().data(), mask, weights, passes);
    softmaxRows(std::span<T>(weights), nk);
    for (int64_t i = 0; i < shape->query.batch * shape->query.heads; ++i) {
      int64_t b = i / shape->query.heads, h = i % shape->query.heads;
      addProduct(
          shape->result.matrix(result->values<T>().data(), b, h),
          Matrix<const T>::rowMajor(weights.data() + i * nq * nk, nq, nk),
          shape->value.matrix(value.values<T>().data(), b, shape->keyHead(h)));
    }
    return success();
  });
}

std::optional<RotaryShape> rotaryShapeOf(RotaryOp op, const Shape &input,
                                         const Shape &cos, const Shape &sin) {
  RotaryShape shape;
  int64_t packed = op.getPackedHeads();
  if (input.size() < 2 || packed < 0 || (packed > 0 && input.size() != 3))
    return std::nullopt;
  shape.heads = std::max<int64_t>(1, packed);
  if (input.back() % shape.heads)
    return std::nullopt;
  shape.width = input.back() / shape.heads;
  shape.rotated = op.getRotaryDim() ? op.getRotaryDim() : shape.width;
  if (shape.rotated < 2 || shape.rotated > shape.width || shape.rotated % 2)
    return std::nullopt;
  shape.rows = Shape(input.begin(), input.end() - 1);
  Shape table = shape.rows;
  table.push_back(op.getFullTable() ? shape.rotated : shape.rotated / 2);
  if (!canBroadcast(cos, table) || !canBroadcast(sin, table))
    return std::nullopt;
  shape.cosStrides = broadcastStrides(cos, table);
  shape.sinStrides = broadcastStrides(sin, table);
  return shape;
}

template <typename T>
void rotate(RotaryOp op, const RotaryShape &shape, const T *from, const T *cos,
            const T *sin, T *to, bool adjoint) {
  int64_t half = shape.rotated / 2, lastCos = shape.cosStrides.back(),
          lastSin = shape.sinStrides.back();
  std::array<Shape, 2> strides = {shape.cosStrides, shape.sinStrides};
  for (Shape &walk : strides)
    walk.pop_back();
  forEachIndex(shape.rows, strides, [&](int64_t row, auto &offsets) {
    for (int64_t head = 0; head < shape.heads; ++head) {
      const T *x = from + (row * shape.heads + head) * shape.width;
      T *y = to + (row * shape.heads + head) * shape.width;
      std::copy(x + shape.rotated, x + shape.width, y + shape.rotated);
      for (int64_t i = 0; i < half; ++i) {
        int64_t first = op.getInterleaved() ? 2 * i : i;
        int64_t second = op.getInterleaved() ? 2 * i + 1 : i + half;
        // A half table serves both features of a pair.
        int64_t low = op.getFullTable() ? first : i;
        int64_t high = op.getFullTable() ? second : i;
        T cosLow = cos[offsets[0] + low * lastCos],
          cosHigh = cos[offsets[0] + high * lastCos],
          sinLow = sin[offsets[1] + low * lastSin],
          sinHigh = sin[offsets[1] + high * lastSin];
        T a = x[first], b = x[second];
        y[first] = adjoint ? a * cosLow + b * sinHigh : a * cosLow - b * sinLow;
        y[second] =
            adjoint ? b * cosHigh - a * sinLow : b * cosHigh + a * sinHigh;
      }
    }
  });
}

template void rotate(RotaryOp, const RotaryShape &, const float *,
                     const float *, const float *, float *, bool);
template void rotate(RotaryOp, const RotaryShape &, const double *,
                     const double *, const double *, double *, bool);

static LogicalResult evaluateRotary(RotaryOp op, Evaluation &e) {
  const Tensor &input = e[op.getInput()], &cos = e[op.getCos()],
               &sin = e[op.getSin()];
  std::optional<RotaryShape> shape =
      rotaryShapeOf(op, input.getShape(), cos.getShape(), sin.getShape());
  if (!shape)
    return op.emitOpError("has a table that does not fit its input");
  Tensor *result = e.makeResult(input.getShape());
  if (!result)
    return failure();
  return e.withReal([&]<typename T>(T) {
    rotate<T>(op, *shape, input.values<T>().data(), cos.values<T>().data(),
              sin.values<T>().data(), result->values<T>().data(), false);
    return success();
  });
}

void addAttentionKernels(KernelTable &table) {
  table.add<AttentionOp>(attend);
  table.add<RotaryOp>(evaluateRotary);
}

} // namespace lipt::reference
