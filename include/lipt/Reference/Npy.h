//===- Npy.h - NumPy array files ---------------------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_REFERENCE_NPY_H
#define LIPT_REFERENCE_NPY_H

#include "lipt/Reference/Tensor.h"

#include <string>

namespace lipt::reference {

/// Reads a `.npy` file of format version 1, 2 or 3: little-endian (or
/// byte-sized) floats, integers and bools, in C or Fortran order. Nothing, and
/// one diagnostic in `error`, for any other file.
std::optional<Tensor> readNpy(const std::string &path, std::string &error);

/// The same for the bytes of such a file.
std::optional<Tensor> parseNpy(std::string_view bytes, std::string &error);

/// Writes version 1.0 in C order. Types that NumPy lacks are widened exactly:
/// bfloat16 and the 8-bit floats to float32, 4-bit integers to 8 bits. Floating
/// point that is held as double is written as float64. False, and a diagnostic,
/// if the file cannot be written.
bool writeNpy(const std::string &path, const Tensor &tensor,
              std::string &error);

} // namespace lipt::reference

#endif // LIPT_REFERENCE_NPY_H
