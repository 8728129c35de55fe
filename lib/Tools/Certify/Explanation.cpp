//===- Explanation.cpp - Where a bound comes from ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Explanation.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Format.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace lipt;

double ExplainedBlock::getGrowth() const {
  return after.estimatedLog10() - before.estimatedLog10();
}

/// Marks the tensors on some path from origin to output.
static std::vector<bool>
findTensorsOnPaths(const std::vector<ExplainedTensor> &tensors,
                   const llvm::StringMap<size_t> &index, size_t output) {
  std::vector<bool> reached(tensors.size(), false), onPath(reached);
  for (size_t i = 0; i < tensors.size(); ++i)
    reached[i] =
        i == 0 || llvm::any_of(tensors[i].inputs, [&](const auto &in) {
          auto it = index.find(in);
          return it != index.end() && it->second < i && reached[it->second];
        });
  onPath[output] = reached[output];
  for (size_t i = output + 1; i-- > 0;) {
    if (!onPath[i])
      continue;
    for (const std::string &input : tensors[i].inputs)
      if (auto it = index.find(input);
          it != index.end() && it->second < i && reached[it->second])
        onPath[it->second] = true;
  }
  return onPath;
}

std::vector<ExplainedBlock>
lipt::explainBlocks(const std::vector<ExplainedTensor> &tensors,
                    const std::string &origin, const std::string &output) {
  std::vector<ExplainedBlock> blocks;
  llvm::StringMap<size_t> index;
  for (auto [position, tensor] : llvm::enumerate(tensors))
    index[tensor.name] = position;
  if (tensors.empty() || tensors.front().name != origin ||
      !index.contains(output))
    return blocks;
  size_t last = index[output];
  std::vector<bool> onPath = findTensorsOnPaths(tensors, index, last);

  // Position p is an articulation if no edge jumps over it.
  std::vector<int64_t> jumps(tensors.size() + 1, 0);
  for (size_t i = 0; i <= last; ++i) {
    if (!onPath[i])
      continue;
    for (const std::string &input : tensors[i].inputs) {
      auto it = index.find(input);
      if (it == index.end() || !onPath[it->second])
        continue;
      ++jumps[it->second + 1];
      --jumps[i];
    }
  }
  std::partial_sum(jumps.begin(), jumps.end(), jumps.begin());

  size_t start = 0;
  std::vector<std::string> rules;
  for (size_t i = 1; i <= last; ++i) {
    if (!onPath[i])
      continue;
    for (const std::string &rule : tensors[i].rules)
      if (!llvm::is_contained(rules, rule))
        rules.push_back(rule);
    if (jumps[i] != 0 && i != last)
      continue;
    const UpperBound &before = tensors[start].lipschitz;
    const UpperBound &after = tensors[i].lipschitz;
    bool changesNothing =
        std::abs(after.estimatedLog10() - before.estimatedLog10()) < 1e-9;
    if (changesNothing && i != last)
      continue;
    llvm::erase_if(rules, [&](const std::string &rule) {
      return rule == "B-shape" && rules.size() > 1;
    });
    blocks.push_back(
        {tensors[i].location.empty() ? tensors[i].name : tensors[i].location,
         llvm::join(rules, " "), before, after});
    rules.clear();
    start = i;
  }
  return blocks;
}

/// A factor as people read it: 12.3, 4.56e+10; to the nearest, not a bound.
static std::string formatFactor(double log10Value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (std::isnan(log10Value) || std::isinf(log10Value)) {
    os << "-";
  } else if (std::abs(log10Value) < 5) {
    os << llvm::format("%.4g", std::pow(10.0, log10Value));
  } else {
    double exponent = std::floor(log10Value);
    os << llvm::format("%.2fe%+03d", std::pow(10.0, log10Value - exponent),
                       static_cast<int>(exponent));
  }
  return text;
}

static std::string shorten(llvm::StringRef text, size_t width) {
  if (text.size() <= width)
    return text.str();
  // The end of a node's path says more than its beginning.
  return "..." + text.take_back(width - 3).str();
}

void lipt::printExplanation(llvm::raw_ostream &os,
                            const std::vector<ExplainedBlock> &blocks) {
  constexpr int titleWidth = 36, ruleWidth = 18;
  os << llvm::left_justify("block", titleWidth) << "  "
     << llvm::right_justify("factor", 9) << "  "
     << llvm::right_justify("bound so far", 12) << "  rules\n";
  for (const ExplainedBlock &block : blocks)
    os << llvm::left_justify(shorten(block.title, titleWidth), titleWidth)
       << "  " << llvm::right_justify(formatFactor(block.getGrowth()), 9)
       << "  " << llvm::right_justify(block.after.toDecimal(4), 12) << "  "
       << (block.rules.size() <= ruleWidth
               ? block.rules
               : block.rules.substr(0, ruleWidth - 2) + "..")
       << "\n";

  std::vector<const ExplainedBlock *> largest;
  double total = 0;
  for (const ExplainedBlock &block : blocks)
    if (double growth = block.getGrowth();
        std::isfinite(growth) && growth > 0) {
      largest.push_back(&block);
      total += growth;
    }
  llvm::stable_sort(largest, [](const auto *a, const auto *b) {
    return a->getGrowth() > b->getGrowth();
  });
  if (largest.empty()) {
    os << "No block enlarges the bound.\n";
    return;
  }
  largest.resize(std::min<size_t>(largest.size(), 3));
  os << "The growth comes most from";
  for (auto [position, block] : llvm::enumerate(largest))
    os << (position ? "," : "") << "\n  " << shorten(block->title, 60) << " ("
       << llvm::format("%.0f", 100 * block->getGrowth() / total)
       << " % of the orders of magnitude)";
  os << ".\n";
}
