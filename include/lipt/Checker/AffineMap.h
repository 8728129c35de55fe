//===- AffineMap.h - Per-position affine maps between tensors --*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_AFFINEMAP_H
#define LIPT_CHECKER_AFFINEMAP_H

#include "lipt/Checker/Graph.h"
#include "lipt/Checker/Matrix.h"

#include <memory>
#include <mutex>
#include <set>

namespace lipt::checker {

/// Where the entries of one axis of a tensor inside an affine walk come from.
/// A position axis is a product of pieces of the source's position axes; a
/// width axis has no pieces.
struct AxisOrigin {
  /// A piece: `extent` indices of axis `axis` of the source, `stride` apart.
  struct Piece {
    int64_t axis;
    Size stride, extent;
    bool operator==(const Piece &other) const = default;
  };
  bool position = false;
  std::vector<Piece> pieces; // outermost first
  bool operator==(const AxisOrigin &other) const = default;
};

/// out = A·in + b at every position with the same A, b (every position of out
/// from one of in, no two from the same): width vectors are
/// flattened row-major over the width axes in axis order. A is
/// width(out) x width(in).
struct AffineMap {
  Assembled matrix;
  AssembledVector offset;
  bool isIdentity = false; // then `matrix` is empty: the identity
  /// Where `matrix` is a diagonal one, its entries: a product with it rounds
  /// each entry once, not k times.
  std::shared_ptr<const AssembledVector> diagonal;
  int64_t inputWidth = 0;
  std::vector<AxisOrigin> axes; // of `out`
  /// Selections of positions on the way (the first token, say): two branches
  /// meet the same positions only if these agree too.
  std::vector<std::string> selected;
  /// Non-transparent, non-constant nodes that were walked through.
  std::set<int64_t> nodes;

  int64_t rows() const { return isIdentity ? inputWidth : matrix.value.rows; }
  /// The matrix, spelled out.
  Assembled spelled() const;
};

/// The source of a walk: a tensor, or `norm(t)`, the normalised vector inside
/// the LayerNorm or RMSNorm whose output is t (docs/Certificate.md §5.1).
struct AffineSource {
  std::string tensor; // canonical
  bool normalized = false;

  std::string text() const {
    return normalized ? "norm(" + tensor + ")" : tensor;
  }
};

/// Finds and assembles affine(out<-in); shared by all threads.
class AffineMaps {
public:
  explicit AffineMaps(const Graph &graph) : graph(graph) {}

  AffineSource source(const std::string &text) const;
  /// Rejects if `out` is not per-position affine in `in`.
  std::shared_ptr<const AffineMap> get(const std::string &out,
                                       const AffineSource &in);

private:
  const Graph &graph;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const AffineMap>> known;
};

} // namespace lipt::checker

#endif // LIPT_CHECKER_AFFINEMAP_H
