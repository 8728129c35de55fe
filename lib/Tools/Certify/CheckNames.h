//===- CheckNames.h - Command-line names must exist in the model ----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_TOOLS_CERTIFY_CHECKNAMES_H
#define LIPT_LIB_TOOLS_CERTIFY_CHECKNAMES_H

#include "lipt/Tools/Certify.h"
#include "mlir/IR/BuiltinOps.h"

namespace lipt {

class OnnxModelFile;

/// Rejects options about inputs, symbolic sizes or output entries that the
/// model does not have: ignoring a misspelt domain would answer another
/// question than the one that was asked. `file` is null for a description.
/// False after one diagnostic.
bool checkNames(const CertifyOptions &options, mlir::ModuleOp module,
                const OnnxModelFile *file);

} // namespace lipt

#endif // LIPT_LIB_TOOLS_CERTIFY_CHECKNAMES_H
