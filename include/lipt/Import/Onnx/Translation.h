//===- Translation.h - ONNX import as a translation ----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_IMPORT_ONNX_TRANSLATION_H
#define LIPT_IMPORT_ONNX_TRANSLATION_H

namespace lipt {

/// Registers `--import-onnx` for translation tools.
void registerImportOnnxTranslation();

} // namespace lipt

#endif // LIPT_IMPORT_ONNX_TRANSLATION_H
