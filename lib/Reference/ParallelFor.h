//===- ParallelFor.h - Split independent work over threads -*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_REFERENCE_PARALLELFOR_H
#define LIPT_LIB_REFERENCE_PARALLELFOR_H

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

namespace lipt::reference {

/// Calls `function(begin, end)` on pieces of [0, count). Pieces are disjoint
/// and each entry's arithmetic stays within one piece, so results do not depend
/// on the number of threads. `work` is the total number of operations: little
/// work stays on the calling thread.
template <typename Function>
void parallelFor(int64_t count, double work, Function &&function) {
  constexpr double workWorthAThread = 2e6;
  int64_t threads = std::min<int64_t>(
      {static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency())),
       count, static_cast<int64_t>(work / workWorthAThread)});
  if (threads <= 1) {
    function(int64_t(0), count);
    return;
  }
  std::vector<std::jthread> pool;
  for (int64_t i = 1; i < threads; ++i)
    pool.emplace_back(
        [&, i] { function(count * i / threads, count * (i + 1) / threads); });
  function(int64_t(0), count / threads);
}

} // namespace lipt::reference

#endif // LIPT_LIB_REFERENCE_PARALLELFOR_H
