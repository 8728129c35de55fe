//===- Explanation.h - Where a bound comes from --------------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_TOOLS_CERTIFY_EXPLANATION_H
#define LIPT_LIB_TOOLS_CERTIFY_EXPLANATION_H

#include "lipt/Support/UpperBound.h"

#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace lipt {

/// A tensor on the way from origin to output, in topological order.
struct ExplainedTensor {
  std::string name;
  std::vector<std::string> inputs; ///< of the operation that computes it
  std::vector<std::string> rules;  ///< labels of the steps that bound it
  std::string location;
  UpperBound lipschitz; ///< from the origin, in the displayed norm
};

/// One row: everything between two tensors that all paths go through.
struct ExplainedBlock {
  std::string title;
  std::string rules;
  UpperBound before, after;

  /// log10 of after / before; not a bound.
  double getGrowth() const;
};

/// Cuts the way from `origin` to `output` at the tensors that every path
/// passes (the residual stream of a transformer, each layer of a chain) and
/// joins rows that change nothing to their successor.
std::vector<ExplainedBlock>
explainBlocks(const std::vector<ExplainedTensor> &tensors,
              const std::string &origin, const std::string &output);

/// The table at 80 columns, and one sentence that names the largest factors.
void printExplanation(llvm::raw_ostream &os,
                      const std::vector<ExplainedBlock> &blocks);

} // namespace lipt

#endif // LIPT_LIB_TOOLS_CERTIFY_EXPLANATION_H
