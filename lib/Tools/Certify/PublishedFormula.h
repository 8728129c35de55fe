//===- PublishedFormula.h - What the paper would claim --------*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_TOOLS_CERTIFY_PUBLISHEDFORMULA_H
#define LIPT_LIB_TOOLS_CERTIFY_PUBLISHEDFORMULA_H

#include "lipt/Certificate/Evaluate.h"
#include "llvm/Support/raw_ostream.h"

namespace lipt {

/// Prints, for every self-attention block, the constant that the formula of
/// arXiv 2507.13338 (released code) gives beside the proved one. The formula
/// is refuted for several heads (docs/Bounds.md 2.4): it is shown, never used.
void printPublishedFormula(llvm::raw_ostream &os,
                           const Evaluation &evaluation);

} // namespace lipt

#endif // LIPT_LIB_TOOLS_CERTIFY_PUBLISHEDFORMULA_H
