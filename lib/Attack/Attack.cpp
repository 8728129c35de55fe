//===- Attack.cpp - Search for a large attained ratio ---------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Attack/Attack.h"

#include "Search.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"

#include <cmath>

using namespace mlir;

namespace lipt {

using attack::NetworkMap;
using attack::Region;

/// Entries of all parameters that the module declares.
static int64_t countParameters(func::FuncOp function) {
  int64_t count = 0;
  auto module = function->getParentOfType<ModuleOp>();
  if (!module)
    return 0;
  for (ParamOp param : module.getOps<ParamOp>())
    if (auto type = dyn_cast<RankedTensorType>(param.getType());
        type && type.hasStaticShape())
      count += type.getNumElements();
  return count;
}

/// The domain as a region; a reason if it has no point.
static std::optional<std::string>
makeRegion(NetworkMap &map, const AttackDomain &domain, Region &region) {
  switch (domain.kind) {
  case AttackDomain::Kind::Global:
    return std::nullopt;
  case AttackDomain::Kind::Ball:
    region.ballNorm = map.inputNorm();
    region.radius = domain.radius;
    break;
  case AttackDomain::Kind::Box:
    region.low = domain.low;
    region.high = domain.high;
    break;
  case AttackDomain::Kind::Embedding: {
    std::optional<NetworkMap::TableRange> range = map.getTableRange();
    if (!range)
      return "the origin is not an embedding with a constant table";
    reference::Shape shape =
        map.toTensor(attack::Vector(map.inputCount())).getShape();
    // Every axis but the last counts positions: each holds one row.
    llvm::SmallVector<bool> isPosition(shape.size(), true);
    isPosition.back() = false;
    region.ballNorm.emplace(AttackNorm::MaxRms, shape, isPosition);
    region.radius =
        range->rowNorm / std::sqrt(static_cast<double>(shape.back()));
    region.low = range->low;
    region.high = range->high;
    break;
  }
  }
  if (!(region.low <= region.high) || !(region.radius > 0))
    return "the domain has no inner point";
  return std::nullopt;
}

AttackResult attackLipschitz(func::FuncOp function,
                             const WeightArchive *weights,
                             const AttackQuestion &question) {
  AttackResult result;
  // A failed evaluation is a reason, not an error of the caller's.
  ScopedDiagnosticHandler quiet(function.getContext(),
                                [](Diagnostic &) { return success(); });
  if (countParameters(function) > question.parameterLimit) {
    result.skipped = "the network has too many parameters for a search";
    return result;
  }
  NetworkMap map;
  Region region;
  std::optional<std::string> reason = map.set(function, weights, question);
  if (!reason)
    reason = makeRegion(map, question.domain, region);
  if (reason) {
    result.skipped = *reason;
    return result;
  }
  // What plain loops reach on one core of a common machine, in a second.
  double workLimit = question.timeLimitSeconds * 8e8;
  // One start takes some twenty evaluations; it is made if at all bearable.
  double oneStart = 20 * map.work();
  if (oneStart > 6 * workLimit) {
    result.skipped = "the network is too large for a search";
    return result;
  }
  workLimit = std::max(workLimit, oneStart);
  attack::Search search(map, region, question.seed, workLimit);
  attack::Pair best = search.run(question.steps);
  result.ratio = best.ratio;
  if (best.ratio > 0) {
    result.x = map.toTensor(best.x);
    result.y = map.toTensor(best.y);
  } else {
    result.skipped = "the search found no two points with different values";
  }
  return result;
}

} // namespace lipt
