//===- Constants.h - Lazy constant tensors ----------------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Weights and what a graph computes from them, as expressions over archive
// keys: the plan names them, the evaluator computes them when a rule asks.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_CONSTANTS_H
#define LIPT_CERTIFICATE_CONSTANTS_H

#include "lipt/Support/WeightArchive.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lipt {

struct ConstantExpr;
using ConstantRef = std::shared_ptr<const ConstantExpr>;

/// One node of a constant expression. Semantics are those of the lipt
/// operation of the same name (and so of ONNX); arithmetic is executed in the
/// node's own element type, each operation rounded to nearest
/// (docs/Certificate.md, section 1).
struct ConstantExpr {
  enum class Kind {
    Key,         ///< the stored tensor `key`
    Dense,       ///< `values` in row-major order
    Splat,       ///< values[0] everywhere
    Iota,        ///< values[0] + values[1] * i along the only axis
    Reshape,     ///< row-major, to `shape`
    Transpose,   ///< permutation in `integers`
    Slice,       ///< starts then steps in `integers`, sizes from `shape`
    Concat,      ///< along integers[0]
    Expand,      ///< broadcast to `shape`
    Tile,        ///< repeats in `integers`
    Gather,      ///< operands {data, indices}, axis integers[0]
    Pad,         ///< pads in `integers`, fill values[0]
    Trilu,       ///< integers = {k, upper}
    Cast,        ///< to `type`
    Elementwise, ///< function `key` ("add", "sqrt", "where", ...), broadcast
    Reduce       ///< function `key` ("sum", ...), axes in `integers`, keep dims
  };
  Kind kind = Kind::Key;
  ElementType type = ElementType::Float32;
  std::vector<int64_t> shape;
  std::string key;
  std::vector<int64_t> integers;
  std::vector<double> values;
  std::vector<ConstantRef> operands;
};

/// A computed constant: values as doubles (every float type up to double and
/// integers below 2^53 exactly), row-major.
struct ConstantTensor {
  ElementType type = ElementType::Float32;
  std::vector<int64_t> shape;
  std::vector<double> values;
  /// Each value is known up to this many units in the last place of its type
  /// (0: exactly; Sin, Cos, Exp and the like add 4).
  unsigned ulps = 0;
};

} // namespace lipt

#endif // LIPT_CERTIFICATE_CONSTANTS_H
