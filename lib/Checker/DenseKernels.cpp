//===- DenseKernels.cpp - Blocked products and Cholesky factors -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DenseKernels.h"
#include <algorithm>
#include <cmath>
#include <exception>
#include <thread>
#include <vector>

using namespace lipt::checker;

//===----------------------------------------------------------------------===//
// Register tiles, one version for each vector width
//===----------------------------------------------------------------------===//

#if defined(__x86_64__)
#define LIPT_TARGET(features) __attribute__((target(features)))
#endif
#define LIPT_INLINE inline __attribute__((always_inline))

template <int Width> struct VectorOf {
  typedef double Type __attribute__((vector_size(Width * 8), aligned(8)));
};

/// c (Width × 3·Width) += or -= Σ_k rows[k]ᵀ cols[k]; both panels have one
/// group of 3·Width entries per k.
template <int Width>
static LIPT_INLINE void multiplyTile(const double *rows, const double *cols,
                                     int64_t depth, double *c, int64_t ldc,
                                     bool subtract) {
  using Vector = typename VectorOf<Width>::Type;
  constexpr int stride = 3 * Width;
  Vector sums[Width][3] = {};
  for (int64_t k = 0; k < depth; ++k, rows += stride, cols += stride) {
    const Vector *col = reinterpret_cast<const Vector *>(cols);
    Vector c0 = col[0], c1 = col[1], c2 = col[2];
#pragma clang loop unroll(full)
    for (int i = 0; i < Width; ++i) {
      double r = rows[i];
      sums[i][0] += r * c0;
      sums[i][1] += r * c1;
      sums[i][2] += r * c2;
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < Width; ++i) {
    Vector *out = reinterpret_cast<Vector *>(c + i * ldc);
    for (int j = 0; j < 3; ++j)
      out[j] = subtract ? out[j] - sums[i][j] : out[j] + sums[i][j];
  }
}

/// Solves Uᵀ X = B in place for `tileWidth` columns of B, U the factored
/// `size` × `size` upper block: x_i = (b_i − Σ_{k<i} u_ki x_k) / u_ii.
template <int Width>
static LIPT_INLINE void solveStrip(const double *u, double *b, int64_t ld,
                                   int64_t size) {
  using Vector = typename VectorOf<Width>::Type;
  constexpr int count = tileWidth / Width;
  constexpr int step = count < 4 ? count : 3;
  for (int first = 0; first < count; first += step)
    for (int64_t i = 0; i < size; ++i) {
      Vector *target = reinterpret_cast<Vector *>(b + i * ld) + first;
      Vector x[step];
      for (int v = 0; v < step; ++v)
        x[v] = target[v];
      for (int64_t k = 0; k < i; ++k) {
        double factor = u[k * ld + i];
        const Vector *solved =
            reinterpret_cast<const Vector *>(b + k * ld) + first;
        for (int v = 0; v < step; ++v)
          x[v] -= factor * solved[v];
      }
      double pivot = u[i * ld + i];
      for (int v = 0; v < step; ++v)
        target[v] = x[v] / pivot;
    }
}

namespace {
struct Kernels {
  int64_t width;
  void (*multiply)(const double *rows, const double *cols, int64_t depth,
                   double *c, int64_t ldc, bool subtract);
  void (*solve)(const double *u, double *b, int64_t ld, int64_t size);
};
} // namespace

static void multiplyPortable(const double *rows, const double *cols,
                             int64_t depth, double *c, int64_t ldc,
                             bool subtract) {
  multiplyTile<2>(rows, cols, depth, c, ldc, subtract);
}

static void solvePortable(const double *u, double *b, int64_t ld,
                          int64_t size) {
  solveStrip<2>(u, b, ld, size);
}

#ifdef LIPT_TARGET
LIPT_TARGET("avx2,fma")
static void multiplyAvx2(const double *rows, const double *cols, int64_t depth,
                         double *c, int64_t ldc, bool subtract) {
  multiplyTile<4>(rows, cols, depth, c, ldc, subtract);
}

LIPT_TARGET("avx2,fma")
static void solveAvx2(const double *u, double *b, int64_t ld, int64_t size) {
  solveStrip<4>(u, b, ld, size);
}

LIPT_TARGET("avx512f,avx512vl,avx512dq,avx512bw,fma")
static void multiplyAvx512(const double *rows, const double *cols,
                           int64_t depth, double *c, int64_t ldc,
                           bool subtract) {
  multiplyTile<8>(rows, cols, depth, c, ldc, subtract);
}

LIPT_TARGET("avx512f,avx512vl,avx512dq,avx512bw,fma")
static void solveAvx512(const double *u, double *b, int64_t ld, int64_t size) {
  solveStrip<8>(u, b, ld, size);
}
#endif

static Kernels chooseKernels() {
#ifdef LIPT_TARGET
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    return {8, multiplyAvx512, solveAvx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {4, multiplyAvx2, solveAvx2};
#endif
  return {2, multiplyPortable, solvePortable};
}

static const Kernels &kernels() {
  static const Kernels chosen = chooseKernels();
  return chosen;
}

/// Runs work(t) for t < threads, in this thread where no more can be had.
template <typename Work> static void runThreads(unsigned threads, Work work) {
  std::vector<std::thread> started;
  started.reserve(threads);
  unsigned next = 1;
  try {
    for (; next < threads; ++next)
      started.emplace_back(work, next);
  } catch (const std::exception &) {
    for (unsigned t = next; t < threads; ++t)
      work(t);
  }
  work(0u);
  for (std::thread &thread : started)
    thread.join();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Rows [k, k + depth) of the view, as groups of `group` columns:
/// packed[g][row][column in group], zero beyond the last column.
template <typename Element>
static void packRows(const ScaledView &view, int64_t k, int64_t depth,
                     int64_t group, double *packed) {
  const MatrixSource &source = view.source;
  const Element *data =
      static_cast<const Element *>(source.data) + k * source.rowStride;
  double first = view.first, second = view.second;
  for (int64_t begin = 0; begin < source.cols; begin += group) {
    int64_t count = std::min(group, source.cols - begin);
    for (int64_t row = 0; row < depth; ++row, packed += group) {
      const Element *from =
          data + row * source.rowStride + begin * source.colStride;
      for (int64_t j = 0; j < count; ++j)
        packed[j] =
            static_cast<double>(from[j * source.colStride]) * first * second;
      std::fill(packed + count, packed + group, 0.0);
    }
  }
}

static void pack(const ScaledView &view, int64_t k, int64_t depth,
                 int64_t group, double *packed) {
  if (view.source.type == MatrixSource::Type::Float)
    packRows<float>(view, k, depth, group, packed);
  else
    packRows<double>(view, k, depth, group, packed);
}

/// Rows of one packed block: a group of them stays in the first-level cache.
static constexpr int64_t blockDepth = 128;

void lipt::checker::accumulateProduct(double *c, int64_t ldc,
                                      const ScaledView &left,
                                      const ScaledView &right,
                                      const ProductOptions &options) {
  const Kernels &kernel = kernels();
  int64_t width = kernel.width, group = 3 * width;
  int64_t depth = left.source.rows;
  int64_t m = left.source.cols, n = right.source.cols;
  int64_t columnGroups = (n + group - 1) / group;
  int64_t rowPanels = (m + width - 1) / width;
  bool same = options.upperOnly;

  // Each thread packs for itself and owns every threads-th column group: no
  // barriers, and the result does not depend on the number of threads.
  double work = static_cast<double>(m) * n * depth;
  unsigned threads = work < 4e6 ? 1 : std::clamp(options.threads, 1u, 16u);
  int64_t block = std::min(blockDepth, depth);
  int64_t leftGroups = same ? 0 : (m + group - 1) / group;
  std::vector<std::vector<double>> rightBuffers(threads), leftBuffers(threads);
  for (unsigned t = 0; t < threads; ++t) {
    rightBuffers[t].resize(columnGroups * group * block);
    leftBuffers[t].resize(leftGroups * group * block);
  }
  auto run = [&](unsigned thread) {
    std::vector<double> &rightPacked = rightBuffers[thread];
    std::vector<double> &leftPacked = leftBuffers[thread];
    const std::vector<double> &rowsPacked = same ? rightPacked : leftPacked;
    for (int64_t k = 0; k < depth; k += block) {
      int64_t rows = std::min(block, depth - k);
      pack(right, k, rows, group, rightPacked.data());
      if (!same)
        pack(left, k, rows, group, leftPacked.data());
      for (int64_t g = thread; g < columnGroups; g += threads)
        for (int64_t panel = 0; panel < rowPanels; ++panel) {
          if (options.upperOnly && panel * width >= (g + 1) * group)
            break;
          const double *panelRows =
              rowsPacked.data() + panel / 3 * rows * group + panel % 3 * width;
          kernel.multiply(panelRows, rightPacked.data() + g * rows * group,
                          rows, c + panel * width * ldc + g * group, ldc,
                          options.subtract);
        }
    }
  };
  runThreads(threads, run);
}

//===----------------------------------------------------------------------===//
// Cholesky
//===----------------------------------------------------------------------===//

/// The diagonal block, textbook form: r_ij = (a_ij − Σ r_ki r_kj) / r_ii.
static bool factorDiagonalBlock(double *a, int64_t ld, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    double *row = a + i * ld;
    for (int64_t k = 0; k < i; ++k) {
      const double *solved = a + k * ld;
      double factor = solved[i];
      for (int64_t j = i; j < size; ++j)
        row[j] -= factor * solved[j];
    }
    double s = row[i];
    if (!(s > 0.0) || !std::isfinite(s))
      return false;
    double pivot = std::sqrt(s);
    row[i] = pivot;
    for (int64_t j = i + 1; j < size; ++j)
      row[j] /= pivot;
  }
  return true;
}

bool lipt::checker::choleskyCompletes(double *a, int64_t n, unsigned threads) {
  // A multiple of tileWidth, so that trailing blocks stay aligned to tiles.
  constexpr int64_t block = 3 * tileWidth;
  const int64_t ld = padded(n);
  const Kernels &kernel = kernels();
  for (int64_t k = 0; k < n; k += block) {
    int64_t size = std::min(block, n - k);
    double *diagonal = a + k * ld + k;
    if (!factorDiagonalBlock(diagonal, ld, size))
      return false;
    int64_t rest = ld - k - block; // padded columns to the right
    if (rest <= 0)
      break;
    int64_t strips = rest / tileWidth;
    unsigned used = rest * block < 100'000 ? 1 : std::clamp(threads, 1u, 16u);
    runThreads(used, [&](unsigned thread) {
      for (int64_t strip = thread; strip < strips; strip += used)
        kernel.solve(diagonal, diagonal + block + strip * tileWidth, ld, size);
    });
    MatrixSource solved;
    solved.data = diagonal + block;
    solved.rows = size;
    solved.cols = rest;
    solved.rowStride = ld;
    ScaledView view(solved, 0);
    accumulateProduct(diagonal + block * ld + block, ld, view, view,
                      {.upperOnly = true, .subtract = true, .threads = used});
  }
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i; j < n; ++j)
      if (!std::isfinite(a[i * ld + j]))
        return false;
  return true;
}
