//===- AffineWalk.h - Per-position affine maps found in the IR -*- C++ -*- ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_ANALYSIS_AFFINEWALK_H
#define LIPT_ANALYSIS_AFFINEWALK_H

#include "lipt/Analysis/ConstantLowering.h"
#include "lipt/Certificate/AffineMap.h"
#include "lipt/Dialect/Lipt/IR/Axes.h"

namespace lipt {

/// A value as an affine image, position by position, of an earlier value
/// (affine(out<-in) of docs/Certificate.md 5.1).
struct AffineImage {
  AffineRef map;
  mlir::Value source;
  /// The source is the normalised vector inside the norm layer that defines
  /// `source`, before its gain and bias: norm(source).
  bool normalized = false;
  /// How the positions are reordered or selected on the way: images of one
  /// source stand at the same positions only if their arrangements are equal.
  std::string arrangement;
  /// Matrices, scalings and sums on the way: a map with fewer than two gains
  /// nothing over the single operation's rule.
  unsigned factors = 0;

  /// The same source, seen at the same positions.
  bool isAlignedWith(const AffineImage &other) const {
    return source == other.source && normalized == other.normalized &&
           arrangement == other.arrangement;
  }
};

/// Walks back from values through operations that keep positions apart.
class AffineWalk {
public:
  explicit AffineWalk(ConstantLowering &constants) : constants(constants) {}

  /// The farthest source from which `value` is affine (at worst itself).
  const AffineImage &walk(mlir::Value value);
  /// One operation's map from its only varying operand, if it is affine.
  std::optional<AffineImage> step(mlir::Value value);

private:
  AffineImage compute(mlir::Value value);
  /// The entries of a constant as a vector over the width axes of `axes`; null
  /// if it varies along position axes.
  ConstantRef asWidthVector(mlir::Value constant, llvm::ArrayRef<Axis> axes);

  ConstantLowering &constants;
  llvm::DenseMap<mlir::Value, AffineImage> images;
};

/// The product of the width axes, if static.
std::optional<int64_t> getWidth(llvm::ArrayRef<Axis> axes);
/// True if reshaping groups position axes with position axes only and width
/// axes with width axes only (axes of size 1 are neutral).
bool reshapeKeepsPositions(llvm::ArrayRef<Axis> from, llvm::ArrayRef<Axis> to);

} // namespace lipt

#endif // LIPT_ANALYSIS_AFFINEWALK_H
