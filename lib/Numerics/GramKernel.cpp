//===- GramKernel.cpp - Blocked kernels on an upper triangle --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A is cut into slabs of at most slabRows rows; a slab is packed into panels of
// P columns (P = one vector), entry (k, lane) of panel p at p*rows*P + k*P +
// lane. One packed copy serves both sides of A^T A: a tile has P rows (one
// panel, broadcast) and 3P columns (three panels, as vectors).
//
//===----------------------------------------------------------------------===//

#include "GramKernel.h"

#include "Parallel.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <vector>

#define LIPT_INLINE inline __attribute__((always_inline))

namespace lipt {

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

static constexpr size_t cacheLine = 64;

static int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

static double *allocateDoubles(int64_t count) {
  return static_cast<double *>(::operator new[](size_t(count) * sizeof(double),
                                                std::align_val_t(cacheLine)));
}

void SymmetricBuffer::Release::operator()(double *memory) const {
  ::operator delete[](memory, std::align_val_t(cacheLine));
}

SymmetricBuffer::SymmetricBuffer(int64_t order)
    : size(order), rowStride(roundUp(order, tileMultiple)) {
  int64_t rows = rowStride;
  // Rows at multiples of 512 bytes would fall into few sets of the cache.
  if (rowStride % 64 == 0)
    rowStride += cacheLine / sizeof(double);
  data.reset(allocateDoubles(rows * rowStride));
  std::memset(data.get(), 0, size_t(rows * rowStride) * sizeof(double));
}

void SymmetricBuffer::copyUpperFrom(const SymmetricBuffer &other) {
  for (int64_t i = 0; i < size; ++i)
    std::copy(other.row(i) + i, other.row(i) + size, row(i) + i);
}

//===----------------------------------------------------------------------===//
// Kernels, written once for a vector of P doubles
//===----------------------------------------------------------------------===//

namespace {
template <int P> struct Vector {
  typedef double Type __attribute__((vector_size(P * sizeof(double))));
  /// For memory that is only aligned to a double.
  typedef double Unaligned
      __attribute__((vector_size(P * sizeof(double)), aligned(8)));
};

/// Columns of a tile in vectors.
constexpr int tileVectors = 3;

/// C (P x 3P, rows `stride` apart) += or -= A^T B over `depth` rows; `a` is one
/// packed panel, `b` three neighbours.
template <int P>
LIPT_INLINE void updateTile(int64_t depth, const double *a, const double *b,
                            double *c, int64_t stride, bool subtract) {
  using V = typename Vector<P>::Type;
  using U = typename Vector<P>::Unaligned;
  V sum[P][tileVectors] = {};
  for (int i = 0; i < P; ++i)
    for (int v = 0; v < tileVectors; ++v)
      __builtin_prefetch(c + i * stride + v * P, 1);
  const double *b0 = b, *b1 = b + depth * P, *b2 = b + 2 * depth * P;
  for (int64_t k = 0; k < depth; ++k) {
    V x0 = *reinterpret_cast<const V *>(b0 + k * P);
    V x1 = *reinterpret_cast<const V *>(b1 + k * P);
    V x2 = *reinterpret_cast<const V *>(b2 + k * P);
#pragma clang loop unroll(full)
    for (int i = 0; i < P; ++i) {
      V factor = V{} + a[k * P + i];
      sum[i][0] += factor * x0;
      sum[i][1] += factor * x1;
      sum[i][2] += factor * x2;
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < P; ++i)
    for (int v = 0; v < tileVectors; ++v) {
      U *target = reinterpret_cast<U *>(c + i * stride + v * P);
      *target = subtract ? *target - sum[i][v] : *target + sum[i][v];
    }
}

/// All tiles of the columns [colBegin, colEnd) with rows from rowBegin down to
/// the diagonal. `packed` starts with the panel of column rowBegin.
template <int P>
LIPT_INLINE void updateStripe(int64_t depth, const double *packed,
                              int64_t rowBegin, int64_t colBegin,
                              int64_t colEnd, double *c, int64_t stride,
                              bool subtract) {
  for (int64_t col = colBegin; col < colEnd; col += tileVectors * P)
    for (int64_t row = rowBegin; row < col + tileVectors * P; row += P)
      updateTile<P>(depth, packed + (row - rowBegin) * depth,
                    packed + (col - rowBegin) * depth, c + row * stride + col,
                    stride, subtract);
}

/// C (rows x cols, dense) += A^T B for packed panels of both sides; tiles that
/// reach over an edge go through a tile on the stack.
template <int P>
LIPT_INLINE void updateRectangle(int64_t depth, const double *a,
                                 const double *b, int64_t rows, int64_t cols,
                                 double *c, int64_t stride) {
  constexpr int64_t width = tileVectors * P;
  for (int64_t col = 0; col < cols; col += width)
    for (int64_t row = 0; row < rows; row += P) {
      double *target = c + row * stride + col;
      if (row + P <= rows && col + width <= cols) {
        updateTile<P>(depth, a + row * depth, b + col * depth, target, stride,
                      false);
        continue;
      }
      double tile[P * width] = {};
      updateTile<P>(depth, a + row * depth, b + col * depth, tile, width,
                    false);
      for (int64_t i = 0; i < std::min<int64_t>(P, rows - row); ++i)
        for (int64_t j = 0; j < std::min(width, cols - col); ++j)
          target[i * stride + j] += tile[i * width + j];
    }
}

/// Substitution for the 3P columns from `col` on.
template <int P>
LIPT_INLINE void solveColumns(double *matrix, int64_t stride, int64_t begin,
                              int64_t end, int64_t col) {
  using V = typename Vector<P>::Type;
  using U = typename Vector<P>::Unaligned;
  for (int64_t k = begin; k < end; ++k) {
    double *target = matrix + k * stride + col;
    V rest[tileVectors];
    for (int v = 0; v < tileVectors; ++v)
      rest[v] = *reinterpret_cast<const U *>(target + v * P);
    for (int64_t i = begin; i < k; ++i) {
      V factor = V{} + matrix[i * stride + k];
      const double *solved = matrix + i * stride + col;
      for (int v = 0; v < tileVectors; ++v)
        rest[v] -= factor * *reinterpret_cast<const U *>(solved + v * P);
    }
    V pivot = V{} + matrix[k * stride + k];
    for (int v = 0; v < tileVectors; ++v)
      *reinterpret_cast<U *>(target + v * P) = rest[v] / pivot;
  }
}

/// y[j] += row[j] * factor and returns the sum of row[j] * x[j], begin <= j <
/// end.
template <int P>
LIPT_INLINE double multiplyRow(const double *row, const double *x, double *y,
                               double factor, int64_t begin, int64_t end) {
  using V = typename Vector<P>::Type;
  using U = typename Vector<P>::Unaligned;
  V sum0 = {}, sum1 = {};
  int64_t j = begin;
  for (; j + 2 * P <= end; j += 2 * P) {
    V r0 = *reinterpret_cast<const U *>(row + j);
    V r1 = *reinterpret_cast<const U *>(row + j + P);
    sum0 += r0 * *reinterpret_cast<const U *>(x + j);
    sum1 += r1 * *reinterpret_cast<const U *>(x + j + P);
    *reinterpret_cast<U *>(y + j) += r0 * factor;
    *reinterpret_cast<U *>(y + j + P) += r1 * factor;
  }
  sum0 += sum1;
  double total = 0;
  for (int l = 0; l < P; ++l)
    total += sum0[l];
  for (; j < end; ++j) {
    total += row[j] * x[j];
    y[j] += row[j] * factor;
  }
  return total;
}

/// One set of kernels for one vector width.
struct KernelTable {
  int64_t panel;
  void (*stripe)(int64_t, const double *, int64_t, int64_t, int64_t, double *,
                 int64_t, bool);
  void (*rectangle)(int64_t, const double *, const double *, int64_t, int64_t,
                    double *, int64_t);
  void (*solve)(double *, int64_t, int64_t, int64_t, int64_t);
  double (*multiply)(const double *, const double *, double *, double, int64_t,
                     int64_t);
};
} // namespace

// Functions of one instruction set; the templates are inlined into them.
#define LIPT_KERNELS(NAME, P, TARGET)                                          \
  TARGET static void stripe##NAME(                                             \
      int64_t depth, const double *packed, int64_t rowBegin, int64_t colBegin, \
      int64_t colEnd, double *c, int64_t stride, bool subtract) {              \
    updateStripe<P>(depth, packed, rowBegin, colBegin, colEnd, c, stride,      \
                    subtract);                                                 \
  }                                                                            \
  TARGET static void rectangle##NAME(                                          \
      int64_t depth, const double *a, const double *b, int64_t rows,           \
      int64_t cols, double *c, int64_t stride) {                               \
    updateRectangle<P>(depth, a, b, rows, cols, c, stride);                    \
  }                                                                            \
  TARGET static void solve##NAME(double *matrix, int64_t stride,               \
                                 int64_t begin, int64_t end, int64_t col) {    \
    solveColumns<P>(matrix, stride, begin, end, col);                          \
  }                                                                            \
  TARGET static double multiply##NAME(const double *row, const double *x,      \
                                      double *y, double factor, int64_t begin, \
                                      int64_t end) {                           \
    return multiplyRow<P>(row, x, y, factor, begin, end);                      \
  }                                                                            \
  static constexpr KernelTable table##NAME = {                                 \
      P, stripe##NAME, rectangle##NAME, solve##NAME, multiply##NAME};

LIPT_KERNELS(Portable, 2, )
#ifdef __x86_64__
LIPT_KERNELS(Avx2, 4, __attribute__((target("avx2,fma"))))
LIPT_KERNELS(Avx512, 8,
             __attribute__((target("avx512f,fma"), min_vector_width(512))))
#endif

static const KernelTable *supportedTable(KernelVersion version) {
  switch (version) {
  case KernelVersion::Portable:
    return &tablePortable;
#ifdef __x86_64__
  case KernelVersion::Avx512:
    return __builtin_cpu_supports("avx512f") ? &tableAvx512 : nullptr;
  case KernelVersion::Avx2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
               ? &tableAvx2
               : nullptr;
#else
  case KernelVersion::Avx512:
  case KernelVersion::Avx2:
    return nullptr;
#endif
  }
  return nullptr;
}

static const KernelTable *bestTable() {
  for (KernelVersion version : {KernelVersion::Avx512, KernelVersion::Avx2})
    if (const KernelTable *table = supportedTable(version))
      return table;
  return &tablePortable;
}

static std::atomic<const KernelTable *> chosenTable{nullptr};

static const KernelTable &kernels() {
  const KernelTable *table = chosenTable.load(std::memory_order_relaxed);
  if (!table)
    chosenTable = table = bestTable();
  return *table;
}

bool selectKernels(KernelVersion version) {
  const KernelTable *table = supportedTable(version);
  if (table)
    chosenTable = table;
  return table;
}

//===----------------------------------------------------------------------===//
// Packing and loops
//===----------------------------------------------------------------------===//

namespace {
/// Rows of a packed slab: 8 * 24 columns of it fit into a first-level cache,
/// all columns of a usual matrix into a second-level one.
constexpr int64_t slabRows = 192;
/// Columns of one unit of parallel work, a multiple of tileMultiple.
constexpr int64_t stripeCols = 192;

class PackBuffer {
public:
  double *reserve(int64_t count) {
    if (count > int64_t(capacity)) {
      memory.reset(allocateDoubles(count));
      capacity = count;
    }
    return memory.get();
  }

private:
  struct Release {
    void operator()(double *p) const {
      ::operator delete[](p, std::align_val_t(cacheLine));
    }
  };
  std::unique_ptr<double[], Release> memory;
  int64_t capacity = 0;
};

/// Packs rows [row, row + depth) and the columns [0, padded), those from
/// `cols` on as zeros.
template <typename T>
void packSlab(const T *data, int64_t rowStride, int64_t colStride,
              const PowerOfTwoScale &scale, int64_t row, int64_t depth,
              int64_t cols, int64_t padded, int64_t panel, double *dest) {
  const T *slab = data + row * rowStride;
  for (int64_t col = 0; col < padded; col += panel, dest += depth * panel) {
    int64_t used = std::clamp<int64_t>(cols - col, 0, panel);
    const T *source = slab + col * colStride;
    if (used == panel && colStride == 1) {
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t lane = 0; lane < panel; ++lane)
          dest[k * panel + lane] = scale(source[k * rowStride + lane]);
      continue;
    }
    for (int64_t lane = 0; lane < used; ++lane)
      for (int64_t k = 0; k < depth; ++k)
        dest[k * panel + lane] =
            scale(source[k * rowStride + lane * colStride]);
    for (int64_t lane = used; lane < panel; ++lane)
      for (int64_t k = 0; k < depth; ++k)
        dest[k * panel + lane] = 0;
  }
}

void packView(const MatrixView &view, const PowerOfTwoScale &scale, int64_t row,
              int64_t depth, int64_t cols, int64_t padded, int64_t panel,
              double *dest) {
  if (view.getElement() == MatrixView::Element::F32)
    packSlab(view.f32(), view.getRowStride(), view.getColStride(), scale, row,
             depth, cols, padded, panel, dest);
  else
    packSlab(view.f64(), view.getRowStride(), view.getColStride(), scale, row,
             depth, cols, padded, panel, dest);
}
} // namespace

void addGram(SymmetricBuffer &result, const MatrixView &view, int64_t exponent,
             unsigned threads) {
  const KernelTable &kernel = kernels();
  PowerOfTwoScale scale(exponent);
  int64_t order = result.order();
  int64_t padded = roundUp(order, tileMultiple);
  int64_t stripes = (padded + stripeCols - 1) / stripeCols;
  if (threads <= 1)
    stripes = 1;
  // The longest stripes (at the right) first, so that threads finish together.
  parallelFor(threads, stripes, [&](int64_t task) {
    int64_t stripe = stripes - 1 - task;
    int64_t colBegin = stripe * stripeCols;
    int64_t colEnd = stripe + 1 == stripes ? padded : (stripe + 1) * stripeCols;
    PackBuffer buffer;
    double *packed = buffer.reserve(colEnd * slabRows);
    for (int64_t row = 0; row < view.rows(); row += slabRows) {
      int64_t depth = std::min(slabRows, view.rows() - row);
      packView(view, scale, row, depth, order, colEnd, kernel.panel, packed);
      kernel.stripe(depth, packed, 0, colBegin, colEnd, result.row(0),
                    result.stride(), false);
    }
  });
}

void multiplyMatrices(Matrix &result, const MatrixView &left,
                      const MatrixView &right, unsigned threads) {
  const KernelTable &kernel = kernels();
  MatrixView leftColumns = left.transposed();
  int64_t rows = left.rows(), cols = right.cols();
  std::fill(result.data(), result.data() + rows * cols, 0.0);
  int64_t paddedRows = roundUp(rows, tileMultiple);
  int64_t stripes = (cols + stripeCols - 1) / stripeCols;
  parallelFor(threads, stripes, [&](int64_t stripe) {
    int64_t begin = stripe * stripeCols;
    int64_t width = std::min(stripeCols, cols - begin);
    int64_t paddedWidth = roundUp(width, tileMultiple);
    MatrixView rightStripe = right.slice(0, begin, right.rows(), width);
    PackBuffer leftBuffer, rightBuffer;
    double *packedLeft = leftBuffer.reserve(paddedRows * slabRows);
    double *packedRight = rightBuffer.reserve(paddedWidth * slabRows);
    for (int64_t k = 0; k < left.cols(); k += slabRows) {
      int64_t depth = std::min(slabRows, left.cols() - k);
      packView(leftColumns, PowerOfTwoScale(), k, depth, rows, paddedRows,
               kernel.panel, packedLeft);
      packView(rightStripe, PowerOfTwoScale(), k, depth, width, paddedWidth,
               kernel.panel, packedRight);
      kernel.rectangle(depth, packedLeft, packedRight, rows, width,
                       result.data() + begin, cols);
    }
  });
}

void subtractPanelGram(SymmetricBuffer &matrix, int64_t begin, int64_t end,
                       unsigned threads) {
  const KernelTable &kernel = kernels();
  int64_t padded = roundUp(matrix.order(), tileMultiple);
  int64_t depth = end - begin;
  if (end >= padded)
    return;
  thread_local PackBuffer buffer;
  double *packed = buffer.reserve((padded - end) * depth);
  packSlab(matrix.row(0) + end, matrix.stride(), 1, PowerOfTwoScale(), begin,
           depth, matrix.order() - end, padded - end, kernel.panel, packed);
  int64_t stripes = (padded - end + stripeCols - 1) / stripeCols;
  parallelFor(threads, stripes, [&](int64_t task) {
    int64_t colBegin = end + (stripes - 1 - task) * stripeCols;
    int64_t colEnd = std::min(padded, colBegin + stripeCols);
    kernel.stripe(depth, packed, end, colBegin, colEnd, matrix.row(0),
                  matrix.stride(), true);
  });
}

void solvePanel(SymmetricBuffer &matrix, int64_t begin, int64_t end,
                unsigned threads) {
  const KernelTable &kernel = kernels();
  int64_t padded = roundUp(matrix.order(), tileMultiple);
  int64_t step = tileVectors * kernel.panel;
  int64_t stripes = (padded - end + stripeCols - 1) / stripeCols;
  parallelFor(threads, stripes, [&](int64_t task) {
    int64_t colBegin = end + task * stripeCols;
    int64_t colEnd = std::min(padded, colBegin + stripeCols);
    for (int64_t col = colBegin; col < colEnd; col += step)
      kernel.solve(matrix.row(0), matrix.stride(), begin, end, col);
  });
}

void multiplySymmetric(const SymmetricBuffer &matrix, const double *x,
                       double *y) {
  const KernelTable &kernel = kernels();
  int64_t order = matrix.order();
  std::fill(y, y + order, 0.0);
  for (int64_t i = 0; i < order; ++i) {
    const double *row = matrix.row(i);
    double sum = kernel.multiply(row, x, y, x[i], i + 1, order);
    y[i] += row[i] * x[i] + sum;
  }
}

} // namespace lipt
