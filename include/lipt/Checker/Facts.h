//===- Facts.h - Facts about tensors and their closure ---------*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_FACTS_H
#define LIPT_CHECKER_FACTS_H

#include "lipt/Checker/Extended.h"
#include "lipt/Checker/Graph.h"
#include "lipt/Checker/Interval.h"

#include <optional>
#include <string>
#include <vector>

namespace lipt::checker {

/// Entry i along `axis` lies in entries[i]; no axis: every entry in entries[0].
struct Range {
  std::optional<int64_t> axis;
  std::vector<Interval> entries;

  static Range everywhere(Interval interval);
  Interval hull() const;
  /// The interval of index i along axis k (the hull along another axis).
  Interval at(std::optional<int64_t> k, int64_t i) const;
};

/// Upper bounds of one tensor, valid on the whole domain (docs/Certificate.md
/// §4). Default: nothing known.
struct Facts {
  Extended lipL2, lipLinf, lipToken;
  Extended radiusL2, radiusToken, spread;
  std::optional<Range> range;

  static Facts fixed(); // lip 0, nothing else
};

/// The axes and counts that facts of one tensor refer to.
struct Layout {
  std::vector<Size> shape;
  std::vector<Role> roles;
  Counts counts;

  static Layout of(const Graph &graph, const std::string &tensor);
};

/// √(Σ B²) over the width axes (`whole` false) or all axes, B the entrywise
/// absolute bound of the range; `halfWidths` takes (hi − lo)/2 instead.
Extended rangeNorm(const Range &range, const Layout &layout, bool whole,
                   bool halfWidths = false);

/// Applies the closure of §4 until nothing changes, at most three rounds.
void close(Facts &facts, const Layout &layout);

/// Fieldwise minimum; of two ranges along different axes `later`'s stays.
Facts combine(const Facts &earlier, const Facts &later);

/// The first field of `claimed` that is not at least the recomputed one, with
/// both values; nothing if all hold.
std::optional<std::string> firstUnproved(const Facts &recomputed,
                                         const Facts &claimed);

} // namespace lipt::checker

#endif // LIPT_CHECKER_FACTS_H
