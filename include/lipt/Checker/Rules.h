//===- Rules.h - The rules of docs/Certificate.md, one function each --*- C++
//-*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_RULES_H
#define LIPT_CHECKER_RULES_H

#include "lipt/Checker/AffineMap.h"
#include "lipt/Checker/Certificate.h"
#include "lipt/Checker/Facts.h"
#include "lipt/Checker/Graph.h"

#include <map>
#include <set>
#include <string>

namespace lipt::checker {

/// What is established so far: facts in force by canonical tensor name,
/// verified norms by canonical key.
struct Established {
  std::map<std::string, Facts> facts;
  std::map<std::string, Extended> norms;
};

/// Canonical key of `affine(out<-in)` rows [r0, r1), columns [c0, c1); -1, -1
/// for all.
struct AffineKey {
  std::string out;
  AffineSource in;
  int64_t rowBegin = -1, rowEnd = -1, colBegin = -1, colEnd = -1;
  std::string text() const;
};

/// What a rule sees of the checker while it recomputes one step.
class RuleContext {
public:
  RuleContext(const Graph &graph, AffineMaps &maps,
              const Established &established, const Step &step);

  const Graph &graph;
  AffineMaps &maps;
  const Step &step;
  const std::string tensor; // canonical
  const Layout layout;      // of the tensor
  /// question.select, for B-row.
  std::optional<int64_t> selectIndex, selectMinus;

  /// The node that produces the tensor; rejects for graph inputs.
  const Node &node() const;
  /// Rejects unless the node has one of these types.
  const Node &node(std::initializer_list<const char *> types) const;
  /// Facts in force of a tensor that the step lists among its inputs.
  const Facts &input(const std::string &name) const;
  /// A role's canonical tensor; rejects if the step does not name it.
  std::string role(const char *name) const;
  /// Marks nodes as part of the step.
  void cover(const Node &node);
  void cover(const std::set<int64_t> &nodes);
  const std::set<int64_t> &covered() const { return coveredNodes; }

  /// The verified norm under a key, if the certificate has it.
  std::optional<Extended> claimedNorm(const std::string &key) const;
  /// ‖affine(out<-in)‖ (or rows/columns of it): the verified norm, else the
  /// cheap one.
  Extended affineNorm(const AffineKey &key, const Assembled &matrix) const;
  Extended affineNorm(const std::string &out, const AffineSource &in);

private:
  const Established &established;
  std::set<int64_t> coveredNodes;
};

using Rule = Facts (*)(RuleContext &);
/// The rule of that label, null if there is none.
Rule findRule(const std::string &label);

/// fact × factor; a zero stays zero whatever the factor.
Extended times(const Extended &fact, const Extended &factor);
/// All Lipschitz constants × `factor` (ℓ∞ × `linf`).
Facts scaledLips(const Facts &facts, const Extended &factor,
                 const Extended &linf);
Facts scaledLips(const Facts &facts, const Extended &factor);
/// √(larger/smaller) for two products of lengths; unbounded if not known, one
/// if not larger.
Extended rootRatio(const std::vector<Size> &larger,
                   const std::vector<Size> &smaller);
/// Facts of an operand broadcast to the tensor of `to`: lips and radii with
/// √copies, the range moved to its new axis. `from` is the operand's layout.
Facts broadcastFacts(const Facts &facts, const Layout &from, const Layout &to);
/// Facts of a constant: lip 0, radii and range of its entries.
Facts constantFacts(const Constant &constant, const Layout &layout);
/// Facts of rows of a constant matrix, whichever are picked: lip 0, the largest
/// row norm, the range per column (the last axis of `layout`).
Facts tableFacts(const Constant &table, const Layout &layout);
/// Facts of the source of a shape-preserving composite, in the roles of the
/// tensor.
Facts sourceInput(RuleContext &context, const std::string &name);
/// Facts of an operand of the node: constant or in force, broadcast to the
/// tensor's layout.
Facts operandFacts(RuleContext &context, const std::string &name);
/// The range mapped entry by entry.
template <typename Function>
std::optional<Range> mapRange(const std::optional<Range> &range,
                              Function function) {
  if (!range)
    return std::nullopt;
  Range result = *range;
  for (Interval &entry : result.entries)
    entry = function(entry);
  return result;
}

/// Rebuilds the matrix that `key` names and verifies its claimed norm; returns
/// the canonical key. Rejects if anything fails. `ovMatrix` resolves ov(t).
std::string verifyMatrix(const Graph &graph, AffineMaps &maps,
                         const Certificate &certificate,
                         const ClaimedMatrix &matrix);

} // namespace lipt::checker

#endif // LIPT_CHECKER_RULES_H
