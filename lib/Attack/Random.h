//===- Random.h - The same random numbers everywhere -------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_ATTACK_RANDOM_H
#define LIPT_LIB_ATTACK_RANDOM_H

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>

namespace lipt::attack {

/// Numbers that a seed determines on every machine: the standard fixes the
/// engine, but not its distributions.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(engine() >> 11) * 0x1p-53; }
  /// Normal with variance 1 (Box and Muller).
  double normal() {
    double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

private:
  std::mt19937_64 engine;
};

} // namespace lipt::attack

#endif // LIPT_LIB_ATTACK_RANDOM_H
