//===- AffineWalk.h - The walk that assembles an affine map ----*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CHECKER_AFFINEWALK_H
#define LIPT_LIB_CHECKER_AFFINEWALK_H

#include "lipt/Checker/AffineMap.h"

namespace lipt::checker {

/// One walk from `out` back to the source. Every step keeps the invariant that
/// a tensor's entry at position p and width index i is Σ_j A_ij in(π(p), j) +
/// b_i with π an injection of positions that `axes` describes, so that two
/// branches may be added exactly if their axes and selections agree.
class AffineWalk {
public:
  AffineWalk(const Graph &graph, AffineSource source);
  AffineMap walk(const std::string &out);

private:
  using Map = std::shared_ptr<const AffineMap>;

  Map visit(const std::string &name);
  Map start();
  Map step(const std::string &tensor);
  [[noreturn]] void fail(const std::string &tensor) const;

  AffineMap matMul(const Node &node);
  AffineMap gemm(const Node &node);
  AffineMap arithmetic(const Node &node);
  AffineMap batchNorm(const Node &node);
  AffineMap reshape(const Node &node);
  AffineMap transposeAxes(const Node &node);
  AffineMap select(const Node &node, const std::string &tensor);
  AffineMap concat(const Node &node);
  AffineMap negate(const AffineMap &map) const;

  /// map followed by the matrix `weight` (inputs x outputs) on the last axis.
  AffineMap applyOnLastAxis(const AffineMap &map,
                            const std::vector<Size> &shape,
                            const Constant &weight, bool transposed,
                            double alpha) const;
  AffineMap scaled(const AffineMap &map, const AssembledVector &scales) const;
  AffineMap rows(const AffineMap &map, const std::vector<int64_t> &rows) const;
  /// The constant over the width axes of a tensor of `shape`, flattened.
  AssembledVector widthVector(const Constant &constant,
                              const std::vector<Size> &shape,
                              const std::vector<AxisOrigin> &axes) const;

  const Graph &graph;
  AffineSource source;
  std::map<std::string, Map> visited;
  int depth = 0;
};

} // namespace lipt::checker

#endif // LIPT_LIB_CHECKER_AFFINEWALK_H
