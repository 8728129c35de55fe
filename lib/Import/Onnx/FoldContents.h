//===- FoldContents.h - Evaluation of shape code -------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_IMPORT_ONNX_FOLDCONTENTS_H
#define LIPT_LIB_IMPORT_ONNX_FOLDCONTENTS_H

#include "Importer.h"

namespace lipt::onnx_import {

using Contents = llvm::ArrayRef<const Content *>;
/// The output's content, or nothing if it cannot be known (or the node is not
/// valid, which the converter will diagnose).
using Folder = std::optional<Content> (*)(NodeImporter &, Contents);
using Folders = llvm::StringMap<Folder>;

/// Entrywise functions; symbols stay where the result is a polynomial.
void addArithmeticFolders(Folders &folders);

/// Calls `visit` with the offsets in each operand (broadcast to `shape`).
void forEachBroadcast(
    llvm::ArrayRef<int64_t> shape, Contents operands,
    llvm::function_ref<void(llvm::ArrayRef<int64_t> offsets)> visit);
/// The numpy broadcast of the operands' shapes, if it may be a content.
std::optional<llvm::SmallVector<int64_t>> broadcastShapes(Contents operands);

} // namespace lipt::onnx_import

#endif // LIPT_LIB_IMPORT_ONNX_FOLDCONTENTS_H
