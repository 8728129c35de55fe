//===- Attention.h - Parts of attention, for its value and gradient -*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_ATTENTION_H
#define LIPT_LIB_REFERENCE_ATTENTION_H

#include "MatrixProduct.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Reference/Tensor.h"

namespace lipt::reference {

/// Where the [tokens, width] matrix of each batch entry and head lies.
struct HeadLayout {
  int64_t batch = 0, heads = 0, tokens = 0, width = 0;
  /// Entries from one batch entry, head, token, feature to the next.
  int64_t batchStride = 0, headStride = 0, tokenStride = 0, widthStride = 1;

  template <typename T>
  Matrix<T> matrix(T *data, int64_t b, int64_t head) const {
    return {data + b * batchStride + head * headStride, tokens, width,
            tokenStride, widthStride};
  }
  template <typename T>
  Matrix<const T> matrix(const T *data, int64_t b, int64_t head) const {
    return {data + b * batchStride + head * headStride, tokens, width,
            tokenStride, widthStride};
  }
};

struct AttentionShape {
  HeadLayout query, key, value, result;
  /// [batch..., heads, query tokens, key tokens]
  Shape logits;
  int64_t keyHead(int64_t head) const { return head * key.heads / query.heads; }
};

/// The layout of an attention with operands of these shapes; nothing if they
/// do not fit.
std::optional<AttentionShape>
attentionShapeOf(AttentionOp op, const Shape &query, const Shape &key,
                 const Shape &value, const Shape &result);

/// The scaled and capped logits before any mask.
template <typename T>
void computeLogits(AttentionOp op, const AttentionShape &shape, const T *query,
                   const T *key, std::span<T> logits);

/// The masked logits. `passes` tells which of them depend on q and k.
template <typename T>
void attentionLogits(AttentionOp op, const AttentionShape &shape,
                     const T *query, const T *key, const Tensor *mask,
                     std::span<T> logits, std::vector<uint8_t> &passes);

/// Softmax in place of rows of `width` > 0 entries; rows of -inf become zeros.
template <typename T> void softmaxRows(std::span<T> rows, int64_t width);

struct RotaryShape {
  /// The input's axes but the last, and how the tables walk along them and
  /// along the table's own last axis.
  Shape rows, cosStrides, sinStrides;
  int64_t heads = 1, width = 0, rotated = 0;
};

std::optional<RotaryShape> rotaryShapeOf(RotaryOp op, const Shape &input,
                                         const Shape &cos, const Shape &sin);

/// Rotates, or applies the transposed map.
template <typename T>
void rotate(RotaryOp op, const RotaryShape &shape, const T *from, const T *cos,
            const T *sin, T *to, bool adjoint);

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_ATTENTION_H
