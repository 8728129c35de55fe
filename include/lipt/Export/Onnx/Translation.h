//===- Translation.h - ONNX export as a translation ----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_EXPORT_ONNX_TRANSLATION_H
#define LIPT_EXPORT_ONNX_TRANSLATION_H

#include <string>

namespace lipt {

/// Registers `--export-onnx`. `weightsPath` is read when the translation runs:
/// where a tool's `--weights` option is stored.
void registerExportOnnxTranslation(const std::string &weightsPath);

} // namespace lipt

#endif // LIPT_EXPORT_ONNX_TRANSLATION_H
