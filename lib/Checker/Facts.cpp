//===- Facts.cpp - Facts about tensors and their closure ------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/Facts.h"

#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <cmath>

using namespace lipt::checker;

Range Range::everywhere(Interval interval) {
  Range range;
  range.entries = {interval};
  return range;
}

Interval Range::hull() const {
  Interval all = entries.at(0);
  for (const Interval &entry : entries)
    all = checker::hull(all, entry);
  return all;
}

Interval Range::at(std::optional<int64_t> k, int64_t i) const {
  if (!axis)
    return entries[0];
  return axis == k ? entries.at(i) : hull();
}

Facts Facts::fixed() {
  Facts facts;
  facts.lipL2 = facts.lipLinf = facts.lipToken = Extended::zero();
  return facts;
}

Layout Layout::of(const Graph &graph, const std::string &tensor) {
  Layout layout;
  layout.shape = graph.shape(tensor);
  layout.roles = graph.info(tensor).roles;
  layout.counts = graph.counts(tensor);
  return layout;
}

Extended lipt::checker::rangeNorm(const Range &range, const Layout &layout,
                                  bool whole, bool halfWidths) {
  std::optional<int64_t> count =
      whole ? layout.counts.all : layout.counts.width;
  if (!count)
    return Extended::unbounded();
  auto bound = [&](const Interval &entry) {
    return Extended::fromDouble(halfWidths ? entry.radiusUp() : entry.absMax());
  };
  bool widthAxis = range.axis && !isPosition(layout.roles[*range.axis]);
  if (range.axis && (whole || widthAxis)) {
    int64_t length = static_cast<int64_t>(range.entries.size());
    if (length == 0)
      return Extended::zero();
    // Plain doubles where they cannot overflow: one rounding per entry would
    // cost more than the claims leave room for on long axes.
    long double sum = 0;
    bool plain = true;
    for (const Interval &entry : range.entries) {
      double b = halfWidths ? entry.radiusUp() : entry.absMax();
      plain = plain && b < 0x1p400 && (b == 0 || b > 0x1p-400);
      sum += static_cast<long double>(b) * b;
    }
    Extended squares;
    if (plain) {
      // 64-bit significands: relative error (n+1) 2^-64, below n 2^-60.
      double rounded = static_cast<double>(sum);
      squares = Extended::fromDouble(
          up(up(rounded * (1 + static_cast<double>(length) * 0x1p-60))));
    } else {
      squares = Extended::zero();
      for (const Interval &entry : range.entries)
        squares += bound(entry).squared();
    }
    return (squares * Extended::fromInteger(*count / length)).sqrt();
  }
  Extended largest = Extended::zero();
  // A position axis: the worst position; for the spread, whose centre is one
  // vector for all positions, the hull.
  if (halfWidths || !range.axis)
    largest = bound(range.hull());
  else
    for (const Interval &entry : range.entries)
      largest = max(largest, bound(entry));
  return sqrtOfIntegerUp(*count) * largest;
}

void lipt::checker::close(Facts &facts, const Layout &layout) {
  auto root = [](const std::optional<int64_t> &count) {
    return count ? sqrtOfIntegerUp(*count) : Extended::unbounded();
  };
  Extended all = root(layout.counts.all);
  Extended positions = root(layout.counts.positions);
  Extended width = root(layout.counts.width);
  auto lower = [](Extended &fact, const Extended &bound, bool &changed) {
    if (bound < fact) {
      fact = bound;
      changed = true;
    }
  };
  // Zero times an unknown count is still zero.
  auto times = [](const Extended &fact, const Extended &factor) {
    return fact.isZero() ? fact : fact * factor;
  };
  bool changed = true;
  for (int round = 0; round < 3 && changed; ++round) {
    changed = false;
    lower(facts.lipToken, facts.lipL2, changed);
    lower(facts.lipLinf, facts.lipToken, changed);
    lower(facts.lipL2, times(facts.lipLinf, all), changed);
    lower(facts.lipL2, times(facts.lipToken, positions), changed);
    lower(facts.lipToken, times(facts.lipLinf, width), changed);
    lower(facts.radiusToken, facts.radiusL2, changed);
    lower(facts.radiusL2, times(facts.radiusToken, positions), changed);
    if (facts.range) {
      lower(facts.radiusToken, rangeNorm(*facts.range, layout, false), changed);
      lower(facts.radiusL2, rangeNorm(*facts.range, layout, true), changed);
      lower(facts.spread, rangeNorm(*facts.range, layout, false, true),
            changed);
    }
    lower(facts.spread, facts.radiusToken, changed);
    double entry = facts.radiusToken.toDoubleUp();
    if (std::isfinite(entry)) {
      Interval ball = Interval::symmetric(entry);
      if (!facts.range) {
        facts.range = Range::everywhere(ball);
        changed = true;
      }
      for (Interval &known : facts.range->entries) {
        auto met = intersect(known, ball);
        if (!met || *met == known)
          continue; // an empty meet: the facts contradict, keep the claim
        known = *met;
        changed = true;
      }
    }
  }
}

Facts lipt::checker::combine(const Facts &earlier, const Facts &later) {
  Facts facts;
  facts.lipL2 = min(earlier.lipL2, later.lipL2);
  facts.lipLinf = min(earlier.lipLinf, later.lipLinf);
  facts.lipToken = min(earlier.lipToken, later.lipToken);
  facts.radiusL2 = min(earlier.radiusL2, later.radiusL2);
  facts.radiusToken = min(earlier.radiusToken, later.radiusToken);
  facts.spread = min(earlier.spread, later.spread);
  facts.range = later.range ? later.range : earlier.range;
  if (!earlier.range || !later.range)
    return facts;
  const Range &a = *earlier.range, &b = *later.range;
  if (a.axis && b.axis && a.axis != b.axis)
    return facts;
  Range met = a.axis ? a : b;
  for (size_t i = 0; i < met.entries.size(); ++i) {
    auto common = intersect(a.at(met.axis, i), b.at(met.axis, i));
    met.entries[i] = common ? *common : b.at(met.axis, i);
  }
  facts.range = met;
  return facts;
}

std::optional<std::string> lipt::checker::firstUnproved(const Facts &recomputed,
                                                        const Facts &claimed) {
  auto compare = [](const char *name, const Extended &own,
                    const Extended &claim) -> std::optional<std::string> {
    if (own <= claim)
      return std::nullopt;
    return std::string(name) + " is claimed to be at most " +
           claim.toDecimalUp(12) + ", recomputed " + own.toDecimalUp(12);
  };
  const std::pair<const char *, Extended Facts::*> fields[] = {
      {"lip.l2", &Facts::lipL2},
      {"lip.linf", &Facts::lipLinf},
      {"lip.token", &Facts::lipToken},
      {"radius.l2", &Facts::radiusL2},
      {"radius.token", &Facts::radiusToken},
      {"radius.spread", &Facts::spread}};
  for (const auto &[name, field] : fields)
    if (auto fault = compare(name, recomputed.*field, claimed.*field))
      return fault;
  if (!claimed.range)
    return std::nullopt;
  for (size_t i = 0; i < claimed.range->entries.size(); ++i) {
    Interval own = recomputed.range
                       ? recomputed.range->at(claimed.range->axis, i)
                       : Interval::unknown();
    const Interval &claim = claimed.range->entries[i];
    if (!claim.contains(own))
      return detail::concatenate("range[", i, "] is claimed to be [", claim.lo,
                                 ", ", claim.hi, "], recomputed [", own.lo,
                                 ", ", own.hi, "]");
  }
  return std::nullopt;
}
