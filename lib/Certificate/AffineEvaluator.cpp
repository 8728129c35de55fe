//===- AffineEvaluator.cpp - Matrices of per-position affine maps ---*- C++
//-*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Certificate/AffineEvaluator.h"

#include <algorithm>
#include <cmath>

using namespace lipt;

/// 1 GB of doubles.
static constexpr int64_t maxDenseEntries = int64_t(1) << 27;
static constexpr unsigned maxDepth = 1000;

/// Adds up what rounding lost: products through their exact residual (fma), so
/// that float32 times float32, which double holds, loses nothing.
namespace {
class LossCounter {
public:
  /// a * b rounded to nearest.
  double product(double a, double b) {
    double result = a * b;
    // The residual is a double unless the product is near underflow.
    add(std::fma(a, b, -result));
    if (std::abs(result) < 0x1p-900 && a != 0 && b != 0)
      add(0x1p-1000);
    return result;
  }
  double quotient(double a, double b) {
    double result = a / b;
    add(std::abs(result) * 0x1p-53 + (result == 0 || a == 0 ? 0 : 0x1p-1074));
    if (a != 0 && std::abs(result) < 0x1p-900)
      add(0x1p-1000);
    return result;
  }
  double sum(double a, double b) {
    double result = a + b;
    add(std::abs(result) * 0x1p-53); // also for subnormals: then it is exact
    return result;
  }
  void add(double loss) { total += std::abs(loss), ++terms; }
  /// Upper bound of the sum of all losses, hence of the Frobenius norm.
  UpperBound bound() const {
    if (total == 0)
      return UpperBound::zero();
    return UpperBound::fromDouble(total) *
           UpperBound::fromDouble(1 + 4 * double(terms) * 0x1p-53) *
           UpperBound::fromDouble(1 + 0x1p-50);
  }

private:
  double total = 0;
  uint64_t terms = 0;
};
} // namespace

std::nullopt_t AffineEvaluator::fail(std::string message) {
  if (error.empty())
    error = std::move(message);
  return std::nullopt;
}

/// Copies a view into an assembled matrix with the same error.
static AssembledMatrix assembled(const AffineMatrix &matrix) {
  AssembledMatrix result = AssembledMatrix::fromView(matrix.view);
  result.error = result.error + matrix.error;
  return result;
}

std::optional<AffineMatrix> lipt::toDense(const AffineMatrix &matrix) {
  if (!matrix.sparse)
    return matrix;
  int64_t count;
  if (__builtin_mul_overflow(matrix.rows, matrix.cols, &count) ||
      count > maxDenseEntries)
    return std::nullopt;
  AssembledMatrix result{Matrix(matrix.rows, matrix.cols), UpperBound::zero()};
  LossCounter loss;
  for (int64_t i = 0; i != matrix.rows; ++i) {
    if (matrix.columns[i] < 0)
      continue;
    result.approx(i, matrix.columns[i]) = matrix.values[i];
    if (!matrix.valueErrors.empty())
      loss.add(matrix.valueErrors[i]);
  }
  result.error = loss.bound();
  return AffineMatrix::dense(std::move(result));
}

std::optional<AffineMap> AffineEvaluator::evaluate(const AffineRef &expression,
                                                   int64_t width) {
  error.clear();
  inputWidth = width;
  if (width < 0 || width > maxDenseEntries)
    return fail("an affine map has an input of unusable width");
  if (!expression) {
    AffineMap map{AffineMatrix::identity(width), {}, UpperBound::zero()};
    map.bias.assign(size_t(width), 0);
    return map;
  }
  std::optional<AffineMap> map = compute(*expression, 0);
  if (!map)
    return fail(constants.getError().empty() ? "an affine map is malformed"
                                             : constants.getError());
  if (map->matrix.cols != width || map->matrix.rows != expression->width)
    return fail("an affine map has another width than its tensors");
  return map;
}

std::optional<AffineMap> AffineEvaluator::compute(const AffineExpr &expression,
                                                  unsigned depth) {
  using Kind = AffineExpr::Kind;
  if (depth > maxDepth || expression.width < 0 ||
      expression.width > maxDenseEntries)
    return fail("an affine map is too deep or too wide");
  if (expression.kind == Kind::Identity) {
    if (expression.width != inputWidth)
      return fail("an affine map has another width than its input");
    AffineMap map{AffineMatrix::identity(inputWidth), {}, UpperBound::zero()};
    map.bias.assign(size_t(inputWidth), 0);
    return map;
  }
  std::vector<AffineMap> maps;
  for (const AffineRef &operand : expression.operands) {
    std::optional<AffineMap> map;
    if (operand)
      map = compute(*operand, depth + 1);
    if (!map)
      return std::nullopt;
    maps.push_back(std::move(*map));
  }
  if (maps.empty())
    return fail("an affine map lacks an operand");
  if (expression.kind == Kind::Stack)
    return stacked(std::move(maps));
  if (expression.kind == Kind::Sum)
    return summed(expression, std::move(maps));
  if (maps.size() != 1)
    return fail("an affine map has too many operands");
  switch (expression.kind) {
  case Kind::Linear:
    return linear(expression, std::move(maps[0]));
  case Kind::Scale:
  case Kind::Divide:
    return scaled(expression, std::move(maps[0]));
  case Kind::Add:
    return shifted(expression, std::move(maps[0]));
  case Kind::Select:
    return selected(expression, std::move(maps[0]));
  default:
    return fail("an affine map is malformed");
  }
}

/// Largest relative error of entries known up to `ulps` units.
static UpperBound relativeError(const MatrixStorage &storage) {
  int bits = storage.type == ElementType::Float64    ? 52
             : storage.type == ElementType::Float32  ? 23
             : storage.type == ElementType::Float16  ? 10
             : storage.type == ElementType::BFloat16 ? 7
                                                     : 0;
  return UpperBound::fromInteger(storage.ulps).scaledByPowerOfTwo(-bits);
}

std::optional<AffineMap> AffineEvaluator::linear(const AffineExpr &expression,
                                                 AffineMap map) {
  int64_t blocks = expression.blocks, inner = map.matrix.rows;
  if (blocks < 1 || inner % blocks != 0 || expression.width % blocks != 0 ||
      !std::isfinite(expression.alpha))
    return fail("a linear map does not fit its operand");
  int64_t out = expression.width / blocks, in = inner / blocks;
  std::optional<MatrixStorage> storage =
      expression.transposed ? constants.matrix(expression.constant, in, out)
                            : constants.matrix(expression.constant, out, in);
  if (!storage)
    return std::nullopt;
  MatrixView weight =
      expression.transposed ? storage->view.transposed() : storage->view;
  double alpha = expression.alpha;
  UpperBound weightError = UpperBound::zero();
  CheapNorms norms;
  bool hasBias = std::ranges::any_of(map.bias, [](double b) { return b != 0; });
  if (storage->ulps != 0 || hasBias || !map.biasError.isZero())
    norms = cheapNorms(weight);
  if (storage->ulps != 0)
    weightError = norms.frobenius * relativeError(*storage);

  AffineMap result;
  result.bias.assign(size_t(expression.width), 0);
  if (hasBias || !map.biasError.isZero()) {
    // alpha M b: a dot product of n terms loses n u sum abs(M_ij b_j).
    for (int64_t i = 0; i != expression.width; ++i) {
      const double *from = map.bias.data() + i / out * in;
      double sum = 0;
      for (int64_t j = 0; j != in; ++j)
        sum += weight(i % out, j) * from[j];
      result.bias[i] = alpha * sum;
    }
    UpperBound norm = vectorNorm2(std::span<const double>(map.bias));
    UpperBound factor = UpperBound::fromDouble(std::abs(alpha));
    UpperBound frobenius =
        norms.frobenius * UpperBound::sqrtOf(uint64_t(blocks));
    result.biasError =
        factor * (frobenius * map.biasError +
                  (norm + map.biasError) *
                      (weightError * UpperBound::sqrtOf(uint64_t(blocks)) +
                       frobenius * UpperBound::fromInteger(uint64_t(in) + 4)
                                       .scaledByPowerOfTwo(-52))) +
        UpperBound::fromDouble(double(expression.width) * double(in + 1) *
                               0x1p-1000);
  }

  if (map.matrix.isIdentity() && blocks == 1 && alpha == 1) {
    result.matrix.rows = out;
    result.matrix.cols = in;
    result.matrix.view = weight;
    result.matrix.owner = storage->owner;
    result.matrix.error = weightError;
    return result;
  }
  int64_t cols = map.matrix.cols, count;
  if (__builtin_mul_overflow(expression.width, cols, &count) ||
      count > maxDenseEntries)
    return fail("a matrix assembled from several constants is too large");

  if (map.matrix.sparse) {
    AssembledMatrix product{Matrix(expression.width, cols), UpperBound::zero()};
    LossCounter loss;
    std::vector<double> row(static_cast<size_t>(in));
    UpperBound inherited = UpperBound::zero();
    // Coefficients alpha * v of the operand's rows.
    std::vector<double> coefficients(static_cast<size_t>(inner));
    std::vector<double> errors(static_cast<size_t>(inner));
    double largest = 0;
    for (int64_t j = 0; j != inner; ++j) {
      LossCounter own;
      coefficients[j] = own.product(alpha, map.matrix.values[j]);
      if (!map.matrix.valueErrors.empty())
        own.add(std::abs(alpha) * map.matrix.valueErrors[j] * (1 + 0x1p-50));
      errors[j] = own.bound().toDoubleUp();
      largest = std::max(largest, std::abs(coefficients[j]));
    }
    for (int64_t i = 0; i != expression.width; ++i) {
      weight.loadRow(i % out, 0, in, row.data());
      for (int64_t j = 0; j != in; ++j) {
        int64_t from = i / out * in + j, column = map.matrix.columns[from];
        if (column < 0 || row[j] == 0)
          continue;
        double term = loss.product(row[j], coefficients[from]);
        if (errors[from] != 0)
          loss.add(std::abs(row[j]) * errors[from] * (1 + 0x1p-50));
        double &entry = product.approx(i, column);
        entry = entry == 0 ? term : loss.sum(entry, term);
      }
    }
    inherited = weightError * UpperBound::fromDouble(largest) *
                UpperBound::sqrtOf(uint64_t(blocks)) *
                UpperBound::sqrtOf(uint64_t(inner));
    product.error = loss.bound() + inherited;
    result.matrix = AffineMatrix::dense(std::move(product));
    return result;
  }

  AssembledMatrix left = AssembledMatrix::fromView(weight);
  left.error = left.error + weightError;
  AssembledMatrix right = assembled(map.matrix);
  AssembledMatrix joint;
  if (blocks == 1) {
    joint = product(left, right);
  } else {
    std::vector<AssembledMatrix> parts;
    for (int64_t b = 0; b != blocks; ++b)
      parts.push_back(product(left, right.slice(b * in, 0, in, cols)));
    joint = vstack(parts);
  }
  result.matrix =
      AffineMatrix::dense(alpha == 1 ? std::move(joint) : scale(joint, alpha));
  return result;
}

std::optional<AffineMap> AffineEvaluator::scaled(const AffineExpr &expression,
                                                 AffineMap map) {
  int64_t rows = map.matrix.rows;
  if (rows != expression.width)
    return fail("a scaling does not fit its operand");
  std::optional<ConstantVector> factors =
      constants.vector(expression.constant, rows);
  if (!factors)
    return std::nullopt;
  bool divide = expression.kind == AffineExpr::Kind::Divide;
  if (divide) {
    // An inexact or zero divisor has no useful quotient.
    if (!factors->errors.empty() ||
        std::ranges::any_of(factors->values, [](double v) { return v == 0; }))
      return fail("a division by a constant that may be zero");
  }
  LossCounter biasLoss;
  double largest = 0;
  auto apply = [&](LossCounter &loss, double value, int64_t row) {
    double factor = factors->values[row];
    double result =
        divide ? loss.quotient(value, factor) : loss.product(value, factor);
    if (!factors->errors.empty())
      loss.add(std::abs(value) * factors->errors[row] * (1 + 0x1p-50));
    return result;
  };
  for (int64_t i = 0; i != rows; ++i) {
    double factor =
        divide ? 1 / std::abs(factors->values[i]) * (1 + 0x1p-51)
               : std::abs(factors->values[i]) + factors->errorOf(size_t(i));
    largest = std::max(largest, factor * (1 + 0x1p-51));
    if (map.bias[i] != 0)
      map.bias[i] = apply(biasLoss, map.bias[i], i);
  }
  UpperBound most = UpperBound::fromDouble(largest);
  map.biasError = map.biasError * most + biasLoss.bound();

  if (map.matrix.sparse) {
    std::vector<double> errors(static_cast<size_t>(rows));
    bool exact = true;
    for (int64_t i = 0; i != rows; ++i) {
      LossCounter loss;
      double before = map.matrix.values[i];
      map.matrix.values[i] = apply(loss, before, i);
      if (!map.matrix.valueErrors.empty())
        loss.add(map.matrix.valueErrors[i] * largest * (1 + 0x1p-50));
      errors[i] = loss.bound().toDoubleUp();
      exact &= errors[i] == 0;
    }
    map.matrix.valueErrors = exact ? std::vector<double>() : std::move(errors);
    return map;
  }
  AssembledMatrix result{Matrix(rows, map.matrix.cols), UpperBound::zero()};
  LossCounter loss;
  for (int64_t i = 0; i != rows; ++i) {
    double *row = &result.approx(i, 0);
    map.matrix.view.loadRow(i, 0, map.matrix.cols, row);
    for (int64_t j = 0; j != map.matrix.cols; ++j)
      if (row[j] != 0)
        row[j] = apply(loss, row[j], i);
  }
  result.error = map.matrix.error * most + loss.bound();
  map.matrix = AffineMatrix::dense(std::move(result));
  return map;
}

std::optional<AffineMap> AffineEvaluator::shifted(const AffineExpr &expression,
                                                  AffineMap map) {
  std::optional<ConstantVector> constant =
      constants.vector(expression.constant, map.matrix.rows);
  if (!constant || map.matrix.rows != expression.width)
    return fail("an added constant does not fit its operand");
  LossCounter loss;
  for (int64_t i = 0; i != map.matrix.rows; ++i) {
    double term = loss.product(expression.alpha, constant->values[i]);
    loss.add(std::abs(expression.alpha) * constant->errorOf(size_t(i)) *
             (1 + 0x1p-50));
    map.bias[i] = map.bias[i] == 0 ? term : loss.sum(map.bias[i], term);
  }
  map.biasError = map.biasError + loss.bound();
  return map;
}

std::optional<AffineMap> AffineEvaluator::selected(const AffineExpr &expression,
                                                   AffineMap map) {
  const std::vector<int64_t> &rows = expression.rows;
  if (int64_t(rows.size()) != expression.width || rows.empty())
    return fail("a selection of rows has another width than stated");
  bool consecutive = true;
  for (size_t i = 0; i != rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= map.matrix.rows)
      return fail("a selection of rows is out of range");
    consecutive &= rows[i] == rows[0] + int64_t(i);
  }
  AffineMap result;
  result.biasError = map.biasError;
  for (int64_t row : rows)
    result.bias.push_back(map.bias[row]);
  // A row taken more than once repeats its error.
  if (!map.biasError.isZero() || !map.matrix.error.isZero()) {
    std::vector<int64_t> uses(size_t(map.matrix.rows));
    for (int64_t row : rows)
      ++uses[row];
    UpperBound root =
        UpperBound::sqrtOf(uint64_t(*std::ranges::max_element(uses)));
    result.biasError = map.biasError * root;
    map.matrix.error = map.matrix.error * root;
  }
  if (map.matrix.sparse) {
    result.matrix = map.matrix;
    result.matrix.rows = expression.width;
    result.matrix.columns.clear();
    result.matrix.values.clear();
    result.matrix.valueErrors.clear();
    for (int64_t row : rows) {
      result.matrix.columns.push_back(map.matrix.columns[row]);
      result.matrix.values.push_back(map.matrix.values[row]);
      if (!map.matrix.valueErrors.empty())
        result.matrix.valueErrors.push_back(map.matrix.valueErrors[row]);
    }
    return result;
  }
  if (consecutive) {
    result.matrix =
        map.matrix.slice(rows[0], 0, expression.width, map.matrix.cols);
    return result;
  }
  int64_t count;
  if (__builtin_mul_overflow(expression.width, map.matrix.cols, &count) ||
      count > maxDenseEntries)
    return fail("a selection of rows is too large");
  AssembledMatrix copy{Matrix(expression.width, map.matrix.cols),
                       map.matrix.error};
  for (size_t i = 0; i != rows.size(); ++i)
    map.matrix.view.loadRow(rows[i], 0, map.matrix.cols,
                            &copy.approx(int64_t(i), 0));
  result.matrix = AffineMatrix::dense(std::move(copy));
  return result;
}

std::optional<AffineMap> AffineEvaluator::stacked(std::vector<AffineMap> maps) {
  AffineMap result;
  result.matrix.cols = maps[0].matrix.cols;
  bool sparse = true, inexact = false;
  for (const AffineMap &map : maps) {
    sparse &= map.matrix.sparse;
    inexact |= !map.matrix.valueErrors.empty();
    result.matrix.rows += map.matrix.rows;
    result.bias.insert(result.bias.end(), map.bias.begin(), map.bias.end());
    result.biasError = hypot(result.biasError, map.biasError);
  }
  if (sparse) {
    result.matrix.sparse = true;
    for (AffineMap &map : maps) {
      AffineMatrix &from = map.matrix, &to = result.matrix;
      to.columns.insert(to.columns.end(), from.columns.begin(),
                        from.columns.end());
      to.values.insert(to.values.end(), from.values.begin(), from.values.end());
      if (inexact && from.valueErrors.empty())
        from.valueErrors.assign(size_t(from.rows), 0);
      to.valueErrors.insert(to.valueErrors.end(), from.valueErrors.begin(),
                            from.valueErrors.end());
    }
    return result;
  }
  std::vector<AssembledMatrix> parts;
  for (const AffineMap &map : maps) {
    std::optional<AffineMatrix> part = toDense(map.matrix);
    if (!part || result.matrix.rows * result.matrix.cols > maxDenseEntries)
      return fail("a stack of matrices is too large");
    parts.push_back(assembled(*part));
  }
  result.matrix = AffineMatrix::dense(vstack(parts));
  return result;
}

std::optional<AffineMap> AffineEvaluator::summed(const AffineExpr &expression,
                                                 std::vector<AffineMap> maps) {
  if (expression.factors.size() != maps.size())
    return fail("a sum of affine maps lacks factors");
  std::optional<AssembledMatrix> sum;
  AffineMap result;
  result.bias.assign(size_t(maps[0].matrix.rows), 0);
  LossCounter loss;
  for (size_t k = 0; k != maps.size(); ++k) {
    double factor = expression.factors[k];
    if (maps[k].matrix.rows != expression.width || !std::isfinite(factor))
      return fail("a sum of affine maps has operands of unequal width");
    result.biasError =
        result.biasError +
        maps[k].biasError * UpperBound::fromDouble(std::abs(factor));
    for (int64_t i = 0; i != expression.width; ++i) {
      double term = loss.product(factor, maps[k].bias[i]);
      result.bias[i] = loss.sum(result.bias[i], term);
    }
    std::optional<AffineMatrix> dense = toDense(maps[k].matrix);
    if (!dense)
      return fail("a sum of affine maps is too large");
    AssembledMatrix term = assembled(*dense);
    sum = sum ? addScaled(1, *sum, factor, term) : scale(term, factor);
  }
  result.biasError = result.biasError + loss.bound();
  result.matrix = AffineMatrix::dense(std::move(*sum));
  return result;
}
