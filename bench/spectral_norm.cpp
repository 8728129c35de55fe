//===- spectral_norm.cpp - Time of certifying stored matrices -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads matrices (int64 rows, int64 cols, then float32 entries row-major, one
// after the other) from the file that is given, certifies them all and prints
// the seconds and then one line "mantissa exponent" for each norm.
// bench/spectral_norm.py makes the file and compares with numpy.
//
//===----------------------------------------------------------------------===//

#include "lipt/Numerics/SpectralNorm.h"
#include "lipt/Support/Rounding.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <vector>

using namespace lipt;

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: spectral_norm FILE [THREADS]\n";
    return 1;
  }
  if (auto problem = checkFloatingPointEnvironment()) {
    std::cerr << *problem << '\n';
    return 1;
  }
  std::ifstream file(argv[1], std::ios::binary);
  std::vector<std::vector<float>> storage;
  std::vector<MatrixView> views;
  int64_t shape[2];
  while (file.read(reinterpret_cast<char *>(shape), sizeof shape)) {
    constexpr int64_t limit = 1 << 20;
    if (shape[0] < 1 || shape[1] < 1 || shape[0] > limit || shape[1] > limit) {
      std::cerr << argv[1] << ": unexpected shape " << shape[0] << "x"
                << shape[1] << '\n';
      return 1;
    }
    std::vector<float> entries(size_t(shape[0]) * size_t(shape[1]));
    if (!file.read(reinterpret_cast<char *>(entries.data()),
                   std::streamsize(entries.size() * sizeof(float)))) {
      std::cerr << argv[1] << ": ends inside a matrix\n";
      return 1;
    }
    storage.push_back(std::move(entries));
    views.emplace_back(storage.back().data(), shape[0], shape[1]);
  }
  if (views.empty()) {
    std::cerr << argv[1] << ": no matrix in it\n";
    return 1;
  }
  SpectralOptions options;
  options.threads = argc == 3 ? unsigned(std::atoi(argv[2])) : 0;
  auto start = std::chrono::steady_clock::now();
  auto certificates = certifySpectralNorms(views, options);
  std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  std::printf("%.6f\n", elapsed.count());
  for (const auto &certificate : certificates) {
    auto [mantissa, exponent] =
        certificate ? certificate->norm.toHex() : std::pair(0.0, int64_t(0));
    std::printf("%a %lld\n", mantissa, static_cast<long long>(exponent));
  }
}
