//===- LipschitzOpInterface.cpp - Operations with bound rules ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Interfaces/LipschitzOpInterface.h"

#include "lipt/Interfaces/LipschitzOpInterface.cpp.inc"
