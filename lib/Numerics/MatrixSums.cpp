//===- MatrixSums.cpp - Sums of absolute values and squares ---------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatrixSums.h"

#include "Parallel.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace lipt {

namespace {
/// Lanes of the fixed summation order; one AVX-512 vector.
constexpr int64_t lanes = 8;
/// Rows of one unit of parallel work. Part of the summation order, so that
/// results do not depend on the number of threads.
constexpr int64_t chunkRows = 1024;

/// The view whose rows run along memory.
MatrixView alongMemory(const MatrixView &matrix, bool &swapped) {
  swapped =
      std::llabs(matrix.getRowStride()) < std::llabs(matrix.getColStride());
  return swapped ? matrix.transposed() : matrix;
}

struct Lanes {
  double lane[lanes] = {};
  double sum() const {
    double total = 0;
    for (double x : lane)
      total += x;
    return total;
  }
};
} // namespace

PowerOfTwoScale::PowerOfTwoScale(int64_t exponent) {
  int64_t half = exponent < 0 ? -exponent / 2 : 0;
  first = std::ldexp(1.0, int(-exponent - half));
  second = std::ldexp(1.0, int(half));
}

LargestEntry largestEntry(const MatrixView &matrix, unsigned threads) {
  bool swapped;
  MatrixView view = alongMemory(matrix, swapped);
  int64_t cols = view.cols();
  int64_t chunks = (view.rows() + chunkRows - 1) / chunkRows;
  std::vector<LargestEntry> parts(chunks);
  parallelFor(threads, chunks, [&](int64_t chunk) {
    std::vector<double> row((cols + lanes - 1) / lanes * lanes);
    // Zero times an entry is NaN exactly for infinities and NaN.
    Lanes largest, poison;
    int64_t end = std::min(view.rows(), (chunk + 1) * chunkRows);
    for (int64_t i = chunk * chunkRows; i < end; ++i) {
      view.loadRow(i, 0, cols, row.data());
      for (size_t j = 0; j < row.size(); j += lanes)
        for (int64_t l = 0; l < lanes; ++l) {
          double x = std::fabs(row[j + l]);
          largest.lane[l] = x > largest.lane[l] ? x : largest.lane[l];
          poison.lane[l] += x * 0;
        }
    }
    for (double x : largest.lane)
      parts[chunk].value = std::max(parts[chunk].value, x);
    parts[chunk].finite = poison.sum() == 0;
  });
  LargestEntry result;
  for (const LargestEntry &part : parts) {
    result.value = std::max(result.value, part.value);
    result.finite &= part.finite;
  }
  return result;
}

int64_t scaleExponentOf(double largest) {
  int exponent = 0;
  std::frexp(largest, &exponent);
  return exponent;
}

UpperBound underflowBound(const UpperBound &count) {
  return count.scaledByPowerOfTwo(-1074);
}

UpperBound sumUpperBound(double computed, int64_t count) {
  return UpperBound::fromDouble(computed) *
         UpperBound::fromDouble(1 + 2 * double(count) * unitRoundoff);
}

UpperBound productSumUpperBound(double computed, int64_t count) {
  return UpperBound::fromDouble(computed) *
             UpperBound::fromDouble(1 + 2 * double(count + 1) * unitRoundoff) +
         underflowBound(UpperBound::fromInteger(uint64_t(count)));
}

namespace {
/// What one chunk of rows contributes.
struct PartialSums {
  double maxRow = 0, maxRowSquares = 0, squares = 0;
  std::vector<double> columns, columnSquares;
};
} // namespace

MatrixSums matrixSums(const MatrixView &matrix, int64_t exponent,
                      unsigned threads) {
  bool swapped;
  MatrixView view = alongMemory(matrix, swapped);
  PowerOfTwoScale scale(exponent);
  int64_t rows = view.rows(), cols = view.cols();
  int64_t padded = (cols + lanes - 1) / lanes * lanes;
  int64_t chunks = (rows + chunkRows - 1) / chunkRows;
  std::vector<PartialSums> parts(chunks);
  parallelFor(threads, chunks, [&](int64_t chunk) {
    PartialSums &part = parts[chunk];
    part.columns.resize(padded);
    part.columnSquares.resize(padded);
    std::vector<double> row(padded);
    double *columns = part.columns.data();
    double *columnSquares = part.columnSquares.data();
    int64_t end = std::min(rows, (chunk + 1) * chunkRows);
    for (int64_t i = chunk * chunkRows; i < end; ++i) {
      view.loadRow(i, 0, cols, row.data());
      Lanes sums, squares;
      for (int64_t j = 0; j < padded; j += lanes)
        for (int64_t l = 0; l < lanes; ++l) {
          double x = std::fabs(scale(row[j + l]));
          sums.lane[l] += x;
          squares.lane[l] += x * x;
          columns[j + l] += x;
          columnSquares[j + l] += x * x;
        }
      double rowSquares = squares.sum();
      part.maxRow = std::max(part.maxRow, sums.sum());
      part.maxRowSquares = std::max(part.maxRowSquares, rowSquares);
      part.squares += rowSquares;
    }
  });
  double maxRow = 0, maxRowSquares = 0, squares = 0;
  std::vector<double> columns(padded), columnSquares(padded);
  for (const PartialSums &part : parts) {
    maxRow = std::max(maxRow, part.maxRow);
    maxRowSquares = std::max(maxRowSquares, part.maxRowSquares);
    squares += part.squares;
    for (int64_t j = 0; j < padded; ++j) {
      columns[j] += part.columns[j];
      columnSquares[j] += part.columnSquares[j];
    }
  }
  double maxCol = 0, maxColSquares = 0;
  for (int64_t j = 0; j < padded; ++j) {
    maxCol = std::max(maxCol, columns[j]);
    maxColSquares = std::max(maxColSquares, columnSquares[j]);
  }
  // Scaling entries into the subnormal range loses at most 2^-1075 of each; the
  // padding adds exact zeros, which do not count as terms.
  MatrixSums result;
  auto lost = [](int64_t count) {
    return underflowBound(UpperBound::fromInteger(uint64_t(count)));
  };
  result.maxRowSum = sumUpperBound(maxRow, cols) + lost(cols);
  result.maxColSum = sumUpperBound(maxCol, rows) + lost(rows);
  result.maxRowSquares = productSumUpperBound(maxRowSquares, cols);
  result.maxColSquares = productSumUpperBound(maxColSquares, rows);
  result.squares = productSumUpperBound(squares, rows * cols);
  if (swapped) {
    std::swap(result.maxRowSum, result.maxColSum);
    std::swap(result.maxRowSquares, result.maxColSquares);
  }
  return result;
}

} // namespace lipt
