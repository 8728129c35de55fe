//===- Parallel.cpp - Work spread over threads ----------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace lipt {

unsigned effectiveThreads(unsigned requested) {
  constexpr unsigned most = 256;
  if (requested == 0)
    requested = std::thread::hardware_concurrency();
  return std::clamp(requested, 1u, most);
}

void parallelFor(unsigned threads, int64_t count,
                 const std::function<void(int64_t)> &body) {
  if (threads <= 1 || count <= 1) {
    for (int64_t i = 0; i < count; ++i)
      body(i);
    return;
  }
  std::atomic<int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failureMutex;
  auto work = [&] {
    try {
      for (int64_t i; (i = next.fetch_add(1)) < count;)
        body(i);
    } catch (...) {
      next = count;
      std::lock_guard<std::mutex> lock(failureMutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> workers;
  int64_t extra = std::min<int64_t>(threads, count) - 1;
  // Where no more threads can be had, those there are do all the work.
  try {
    for (int64_t t = 0; t < extra; ++t)
      workers.emplace_back(work);
  } catch (const std::system_error &) {
  }
  work();
  for (std::thread &worker : workers)
    worker.join();
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace lipt
