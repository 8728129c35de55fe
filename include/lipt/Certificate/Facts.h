//===- Facts.h - What is proved about one tensor ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The facts of docs/Certificate.md, section 4, with their closure. An unbounded
// field is an absent one.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_FACTS_H
#define LIPT_CERTIFICATE_FACTS_H

#include "lipt/Certificate/Plan.h"
#include "lipt/Support/Interval.h"
#include "lipt/Support/UpperBound.h"

#include <optional>

namespace lipt {

/// Intervals of the entries: one for every index along `axis`, or a single one
/// for all entries where there is no axis.
struct EntryRange {
  IntervalVector entries;
  std::optional<int64_t> axis;

  Interval hull() const { return hullOf(entries); }
};

/// Upper bounds that hold on the whole domain of the question.
struct Facts {
  /// Lipschitz constants from the origin in the base norm: to l2 of the whole
  /// tensor, to linf, to the largest l2 norm over positions.
  UpperBound lipL2, lipLInf, lipToken;
  /// sup of the l2 norm; of the largest l2 norm over positions; radius of a
  /// ball over the width axes that contains the vectors of all positions.
  UpperBound radiusL2, radiusToken, spread;
  std::optional<EntryRange> range;

  /// No Lipschitz constant is known.
  bool isUnbounded() const {
    return lipL2.isUnbounded() && lipLInf.isUnbounded() &&
           lipToken.isUnbounded();
  }
  /// The hull of the range; unknown without one.
  Interval entryHull() const {
    return range ? range->hull() : Interval::unknown();
  }
  /// Upper bound of abs of every entry, from the range or the radius.
  UpperBound entryBound() const;
};

/// Sizes of a tensor as the closure reads them; absent where a free symbol is
/// part of them.
struct TensorCounts {
  std::optional<uint64_t> elements, positions, width;
};

/// Number of elements, of positions and of entries per position, with the
/// plan's sizes already bound by the caller.
TensorCounts countElements(const std::vector<PlanAxis> &axes);
/// sqrt of a count; unbounded where it is unknown.
UpperBound sqrtOfCount(const std::optional<uint64_t> &count);

/// Tightens every field by the others (at most three rounds).
void applyClosure(Facts &facts, const std::vector<PlanAxis> &axes);
/// Fieldwise minimum. Of two ranges along different axes the newer one stays.
void meet(Facts &facts, const Facts &newer);
/// The values a certificate claims: each with the room of decision D3. Later
/// steps must read these, not the tighter ones they come from.
Facts claimed(const Facts &facts);
/// What a step claims whose rule gave `facts`: the room of ranges is added
/// before the closure, so that norms which follow from a range follow from the
/// claimed one as well, then the closure and the room of everything else.
Facts closeAndClaim(Facts facts, const std::vector<PlanAxis> &axes);
/// A range end moved outward by 2^-40 of the larger end and 2^-1000; exact
/// zeros stay.
Interval claimed(const Interval &interval);

/// Largest row norm and the entries' interval of an embedding table.
struct TableFacts {
  UpperBound maxRowNorm;
  Interval entries;
};

/// Facts of a tensor that ranges over `domain` and is the identity of itself
/// (`varying`) or does not move (lip 0), closure included. `baseNorm` is the
/// question's input norm; the radius of a ball is measured in `domainNorm`.
/// `table`: entries of an embedding, if the domain is one.
Facts originFacts(const std::vector<PlanAxis> &axes, const Domain &domain,
                  Norm domainNorm, Norm baseNorm, bool varying,
                  const TableFacts *table);

} // namespace lipt

#endif // LIPT_CERTIFICATE_FACTS_H
