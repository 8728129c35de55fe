//===- ConstantEvaluator.h - Values of constant expressions ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Computes constant expressions from the weights, each operation in its own
// element type rounded to nearest. A matrix that is stored as it is used is
// never copied: it stays a view of the archive.
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CERTIFICATE_CONSTANTEVALUATOR_H
#define LIPT_CERTIFICATE_CONSTANTEVALUATOR_H

#include "lipt/Certificate/Constants.h"
#include "lipt/Numerics/MatrixView.h"

#include <limits>
#include <optional>
#include <unordered_map>

namespace lipt {

/// Number of entries of a shape; nothing for a negative or absurd one.
std::optional<int64_t> countEntries(const std::vector<int64_t> &shape);

/// `value` rounded to nearest even in a float type (or to the integer type's
/// range; false in `fits` when it does not fit).
double roundTo(ElementType type, double value, bool &fits);
bool isFloat(ElementType type);

/// A matrix and what keeps its entries alive.
struct MatrixStorage {
  MatrixView view;
  std::shared_ptr<const void> owner; ///< null: the archive
  ElementType type = ElementType::Float32;
  unsigned ulps = 0; ///< as in ConstantTensor
};

/// Entries with what is known of their distance from the exact values.
struct ConstantVector {
  std::vector<double> values;
  std::vector<double> errors; ///< absolute, rounded up; empty: exact

  double errorOf(size_t i) const { return errors.empty() ? 0 : errors[i]; }
};

class ConstantEvaluator {
public:
  /// `ulps` of a tensor whose entries are not known at all (a sine of an angle
  /// that is itself inexact); only its shape and type mean anything.
  static constexpr unsigned unknownUlps = std::numeric_limits<unsigned>::max();

  explicit ConstantEvaluator(const WeightArchive &archive) : archive(archive) {}

  using Result = std::shared_ptr<const ConstantTensor>;
  /// The tensor; null, with getError() set, where it cannot be computed. A
  /// result may have unknownUlps.
  Result evaluate(const ConstantRef &expression);
  /// The tensor if all its entries are exact and finite; else null.
  Result evaluateExact(const ConstantRef &expression);
  /// The entries in row-major order as a matrix: a view of the archive where
  /// they lie there as float32 or float64, a copy otherwise.
  std::optional<MatrixStorage> matrix(const ConstantRef &expression,
                                      int64_t rows, int64_t cols);
  /// All entries with error bounds; also of the scale and shift of a batch
  /// normalisation, whose exact values no type holds. A single entry is
  /// repeated `count` times.
  std::optional<ConstantVector> vector(const ConstantRef &expression,
                                       int64_t count);
  /// First failure since construction, for messages.
  const std::string &getError() const { return error; }
  const WeightArchive &getArchive() const { return archive; }

private:
  Result compute(const ConstantExpr &expression);
  Result fail(std::string message);
  std::optional<MatrixStorage> storedView(const ConstantRef &expression,
                                          unsigned depth);

  const WeightArchive &archive;
  /// Small results stay; large ones only while somebody holds them.
  std::unordered_map<const ConstantExpr *, Result> kept;
  std::unordered_map<const ConstantExpr *, std::weak_ptr<const ConstantTensor>>
      alive;
  std::vector<ConstantRef> pinned; ///< keeps the keys of the maps valid
  std::string error;
  unsigned depth = 0;
};

} // namespace lipt

#endif // LIPT_CERTIFICATE_CONSTANTEVALUATOR_H
