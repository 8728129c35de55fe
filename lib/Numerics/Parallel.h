//===- Parallel.h - Work spread over threads --------------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_NUMERICS_PARALLEL_H
#define LIPT_NUMERICS_PARALLEL_H

#include <cstdint>
#include <functional>

namespace lipt {

/// The number of workers that `requested` asks for; 0 means the machine's.
unsigned effectiveThreads(unsigned requested);

/// Calls body(i) for 0 <= i < count from up to `threads` threads, indices in
/// increasing order of start, and returns when all are done. An exception of a
/// body ends the loop early and is thrown again here.
void parallelFor(unsigned threads, int64_t count,
                 const std::function<void(int64_t)> &body);

} // namespace lipt

#endif // LIPT_NUMERICS_PARALLEL_H
