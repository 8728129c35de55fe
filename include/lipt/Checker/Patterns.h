//===- Patterns.h - Composite forms spelled out in nodes -------*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_PATTERNS_H
#define LIPT_CHECKER_PATTERNS_H

#include "lipt/Checker/Graph.h"
#include "lipt/Checker/Matrix.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace lipt::checker {

/// y = gain·z + bias, z = (x − mean)/√(var + eps) (layer) or
/// x/√(mean(x²) + eps) over `axes` of x.
struct NormalizationMatch {
  bool centred = false; // LayerNorm
  std::string source;   // canonical x
  std::vector<int64_t> axes;
  double epsilon = 0;
  /// Constants broadcast against the output, "" if absent.
  std::string gain, bias;
  /// One gain and bias per channel and group statistics: Group-, Instance-
  /// Norm (`axes` then means "within a group", `groups` per sample).
  bool grouped = false;
  int64_t groups = 1;
  std::set<int64_t> nodes;
};
/// The LayerNorm or RMSNorm (node or composite) that produces `tensor`.
std::optional<NormalizationMatch> matchNormalization(const Graph &graph,
                                                     const std::string &tensor);

/// Softmax over `axis` of `source`: node, or Exp(x − m)/ΣExp(x − m) with m
/// constant along the axis.
struct SoftmaxMatch {
  std::string source; // canonical
  /// Axes that one distribution spans (several for a flattening opset < 13).
  std::vector<int64_t> axes;
  std::set<int64_t> nodes;
  /// Exactly Exp/ΣExp: an empty row (all −inf) would be NaN, as in the node.
  bool composite = false;
};
std::optional<SoftmaxMatch> matchSoftmax(const Graph &graph,
                                         const std::string &tensor);

/// An inference BatchNormalization as y = scale·x + shift per channel.
struct BatchNormFold {
  AssembledVector scale, shift;
};
/// Nothing if in training mode, with unknown values or var + eps <= 0.
std::optional<BatchNormFold> foldBatchNorm(const Graph &graph,
                                           const Node &node);

/// The two operands of a binary node, split into the varying one and the
/// constant one; nothing unless exactly one is constant with a value.
struct ConstantOperand {
  std::string varying; // canonical
  const Constant *constant;
  bool constantFirst;
};
std::optional<ConstantOperand> splitConstant(const Graph &graph,
                                             const Node &node);

/// The producer of the canonical tensor if it is of type `opType`.
const Node *producerOf(const Graph &graph, const std::string &tensor,
                       const char *opType);

/// Statistics of the rows of a tensor of `shape`: one number for every index of
/// the axes that are not in `axes`, broadcast back by Reshape, Squeeze,
/// Unsqueeze and Expand nodes.
class RowStatistics {
public:
  RowStatistics(const Graph &graph, const std::vector<Size> &shape,
                const std::vector<int64_t> &axes);
  /// `tensor`, broadcast against `shape`, has one entry per row, in row order:
  /// length 1 (or no axis) along `axes`, the full length elsewhere.
  bool isColumn(const std::string &tensor) const;
  /// Row-major entries are those of the rows in order.
  bool isFlat(const std::string &tensor) const;
  /// The operand of an elementwise node with the result `result`: may it stand
  /// there for its row's number?
  bool joins(const std::string &operand, const std::string &result) const;
  /// The statistic that `operand` of `result` repeats, broadcasts looked
  /// through and added to `nodes`; nothing if it could be another row's.
  std::optional<std::string> operand(const std::string &operand,
                                     const std::string &result,
                                     std::set<int64_t> &nodes) const;

private:
  const Graph &graph;
  std::vector<Size> shape;
  std::vector<int64_t> axes;
  Size rows;
};

} // namespace lipt::checker

#endif // LIPT_CHECKER_PATTERNS_H
