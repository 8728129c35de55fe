//===- Facts.cpp - Closure, meet and claims of facts ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Certificate/Facts.h"

#include <algorithm>
#include <cmath>

using namespace lipt;

UpperBound Facts::entryBound() const {
  UpperBound bound = min(radiusToken, radiusL2);
  return range ? min(bound, maxAbsBound(range->entries)) : bound;
}

static std::optional<uint64_t> staticCount(const SymbolicSize &size) {
  std::optional<int64_t> value = size.getStatic();
  if (!size.isValid() || !value || *value < 0)
    return std::nullopt;
  return uint64_t(*value);
}

TensorCounts lipt::countElements(const std::vector<PlanAxis> &axes) {
  SymbolicSize elements = 1, positions = 1, width = 1;
  for (const PlanAxis &axis : axes) {
    elements = elements * axis.size;
    (axis.isPosition() ? positions : width) =
        (axis.isPosition() ? positions : width) * axis.size;
  }
  return {staticCount(elements), staticCount(positions), staticCount(width)};
}

UpperBound lipt::sqrtOfCount(const std::optional<uint64_t> &count) {
  return count ? UpperBound::sqrtOf(*count) : UpperBound::unbounded();
}

/// sqrt(sum over the entries of the width axes (or of all axes) of B_i^2):
/// the vector's norm times the root of how often it is repeated.
static UpperBound rangeNorm(const EntryRange &range,
                            const std::optional<uint64_t> &total) {
  if (!total)
    return UpperBound::unbounded();
  if (*total == 0)
    return UpperBound::zero();
  uint64_t length = range.entries.size();
  if (length == 0 || *total % length != 0)
    return UpperBound::unbounded();
  return norm2Bound(range.entries) * UpperBound::sqrtOf(*total / length);
}

/// Half the width of every interval, rounded up.
static IntervalVector halfWidths(const IntervalVector &entries) {
  IntervalVector widths;
  widths.reserve(entries.size());
  for (const Interval &entry : entries) {
    // [-(hi-lo)/2, (hi-lo)/2]: its abs bound is the half width.
    Interval width =
        subtract(Interval::point(entry.hi), Interval::point(entry.lo));
    widths.push_back(entry.isBounded() ? scale(width, 0.5)
                                       : Interval::unknown());
  }
  return widths;
}

static void closeFromRange(Facts &facts, const std::vector<PlanAxis> &axes,
                           const TensorCounts &counts) {
  if (!facts.range)
    return;
  const EntryRange &range = *facts.range;
  bool onPosition = range.axis && *range.axis < int64_t(axes.size()) &&
                    axes[*range.axis].isPosition();
  EntryRange hull{{range.hull()}, std::nullopt};
  const EntryRange &perToken = onPosition ? hull : range;
  facts.radiusToken = min(facts.radiusToken, rangeNorm(perToken, counts.width));
  facts.radiusL2 = min(facts.radiusL2, rangeNorm(range, counts.elements));
  EntryRange half{halfWidths(perToken.entries), perToken.axis};
  facts.spread = min(facts.spread, rangeNorm(half, counts.width));
}

void lipt::applyClosure(Facts &facts, const std::vector<PlanAxis> &axes) {
  TensorCounts counts = countElements(axes);
  UpperBound rootN = sqrtOfCount(counts.elements);
  UpperBound rootP = sqrtOfCount(counts.positions);
  UpperBound rootW = sqrtOfCount(counts.width);
  if (facts.range && facts.range->axis &&
      (*facts.range->axis < 0 || *facts.range->axis >= int64_t(axes.size())))
    facts.range.reset();

  for (int round = 0; round != 3; ++round) {
    facts.lipToken = min(facts.lipToken, facts.lipL2);
    facts.lipLInf = min(facts.lipLInf, facts.lipToken);
    facts.lipToken = min(facts.lipToken, rootW * facts.lipLInf);
    facts.lipL2 =
        min(facts.lipL2, min(rootN * facts.lipLInf, rootP * facts.lipToken));
    facts.radiusToken = min(facts.radiusToken, facts.radiusL2);
    facts.radiusL2 = min(facts.radiusL2, rootP * facts.radiusToken);
    facts.spread = min(facts.spread, facts.radiusToken);
    if (!facts.radiusToken.isUnbounded()) {
      Interval symmetric = Interval::symmetric(facts.radiusToken);
      if (!facts.range)
        facts.range = EntryRange{{symmetric}, std::nullopt};
      else
        for (Interval &entry : facts.range->entries)
          entry = intersect(entry, symmetric);
    }
    closeFromRange(facts, axes, counts);
  }
  if (facts.range &&
      std::ranges::all_of(facts.range->entries, &Interval::isUnknown))
    facts.range.reset();
}

void lipt::meet(Facts &facts, const Facts &newer) {
  facts.lipL2 = min(facts.lipL2, newer.lipL2);
  facts.lipLInf = min(facts.lipLInf, newer.lipLInf);
  facts.lipToken = min(facts.lipToken, newer.lipToken);
  facts.radiusL2 = min(facts.radiusL2, newer.radiusL2);
  facts.radiusToken = min(facts.radiusToken, newer.radiusToken);
  facts.spread = min(facts.spread, newer.spread);
  if (!newer.range)
    return;
  // One interval for all entries meets a range along any axis.
  EntryRange other = *newer.range;
  if (facts.range && facts.range->axis != other.axis) {
    if (!facts.range->axis)
      std::swap(*facts.range, other);
    if (!other.axis)
      other.entries.assign(facts.range->entries.size(), other.hull()),
          other.axis = facts.range->axis;
  }
  if (!facts.range || facts.range->axis != other.axis ||
      facts.range->entries.size() != other.entries.size()) {
    facts.range = newer.range;
    return;
  }
  for (size_t i = 0; i != other.entries.size(); ++i)
    facts.range->entries[i] =
        intersect(facts.range->entries[i], other.entries[i]);
}

Interval lipt::claimed(const Interval &interval) {
  double lo = std::abs(interval.lo), hi = std::abs(interval.hi);
  double larger =
      std::max(std::isfinite(lo) ? lo : 0, std::isfinite(hi) ? hi : 0);
  // Near the subnormals two honest roundings differ by more than a relative
  // room.
  UpperBound room = UpperBound::fromDouble(larger).scaledByPowerOfTwo(-40) +
                    UpperBound::fromDouble(0x1p-1000);
  Interval wide = widen(interval, room);
  return {interval.lo == 0 ? 0 : wide.lo, interval.hi == 0 ? 0 : wide.hi};
}

Facts lipt::claimed(const Facts &facts) {
  Facts claim;
  claim.lipL2 = facts.lipL2.withSlack();
  claim.lipLInf = facts.lipLInf.withSlack();
  claim.lipToken = facts.lipToken.withSlack();
  claim.radiusL2 = facts.radiusL2.withSlack();
  claim.radiusToken = facts.radiusToken.withSlack();
  claim.spread = facts.spread.withSlack();
  claim.range = facts.range;
  if (claim.range)
    for (Interval &entry : claim.range->entries)
      entry = claimed(entry);
  return claim;
}

Facts lipt::closeAndClaim(Facts facts, const std::vector<PlanAxis> &axes) {
  if (facts.range)
    for (Interval &entry : facts.range->entries)
      entry = claimed(entry);
  std::optional<EntryRange> before = facts.range;
  applyClosure(facts, axes);
  Facts claim = claimed(facts);
  if (!before || !claim.range || before->axis != claim.range->axis ||
      before->entries.size() != claim.range->entries.size())
    return claim;
  // Ends that the closure left alone have their room already.
  for (size_t i = 0; i != before->entries.size(); ++i) {
    Interval &entry = claim.range->entries[i];
    if (facts.range->entries[i].lo == before->entries[i].lo)
      entry.lo = before->entries[i].lo;
    if (facts.range->entries[i].hi == before->entries[i].hi)
      entry.hi = before->entries[i].hi;
  }
  return claim;
}

/// Radii and range of a domain, before closure.
static void applyDomain(Facts &facts, const Domain &domain, Norm norm,
                        const TensorCounts &counts, const TableFacts *table) {
  UpperBound radius = UpperBound::fromDouble(domain.radius);
  switch (domain.kind) {
  case Domain::Kind::Global:
    return;
  case Domain::Kind::Ball:
    if (norm == Norm::L2)
      facts.radiusL2 = radius;
    else if (norm == Norm::Rms)
      facts.radiusL2 = radius * sqrtOfCount(counts.elements);
    else if (norm == Norm::MaxRms)
      facts.radiusToken = radius * sqrtOfCount(counts.width);
    else
      facts.range = EntryRange{{Interval::symmetric(radius)}, std::nullopt};
    return;
  case Domain::Kind::Box:
    facts.range =
        EntryRange{{Interval::of(domain.lo, domain.hi)}, std::nullopt};
    return;
  case Domain::Kind::OneHot:
    facts.range = EntryRange{{Interval::of(0, 1)}, std::nullopt};
    return;
  case Domain::Kind::Embedding:
    if (table) {
      facts.radiusToken = table->maxRowNorm;
      facts.range = EntryRange{{table->entries}, std::nullopt};
    }
    return;
  }
}

Facts lipt::originFacts(const std::vector<PlanAxis> &axes, const Domain &domain,
                        Norm domainNorm, Norm baseNorm, bool varying,
                        const TableFacts *table) {
  Facts facts;
  if (!varying)
    facts.lipL2 = facts.lipLInf = facts.lipToken = UpperBound::zero();
  else if (baseNorm == Norm::L2 || baseNorm == Norm::Rms)
    facts.lipL2 = facts.lipLInf = facts.lipToken = UpperBound::one();
  else if (baseNorm == Norm::LInf)
    facts.lipLInf = UpperBound::one();
  else
    facts.lipToken = UpperBound::one();
  applyDomain(facts, domain, domainNorm, countElements(axes), table);
  // A row of the table is one position's vector only if every axis but the last
  // is a position axis.
  if (domain.kind == Domain::Kind::Embedding &&
      std::ranges::count_if(
          axes, [](const PlanAxis &axis) { return !axis.isPosition(); }) != 1)
    facts.radiusToken = UpperBound::unbounded();
  applyClosure(facts, axes);
  return facts;
}
