//===- StepContext.h - What a rule may read ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_CERTIFICATE_STEPCONTEXT_H
#define LIPT_LIB_CERTIFICATE_STEPCONTEXT_H

#include "lipt/Certificate/AffineEvaluator.h"
#include "lipt/Certificate/Facts.h"
#include "lipt/Certificate/MatrixStore.h"

#include <functional>
#include <set>

namespace lipt {

using FactsTable = std::map<std::string, Facts>;

/// A constant operand as the element-wise rules see it, broadcast to the
/// output's shape.
struct ConstantOperand {
  UpperBound maxAbs, normL2, normToken;
  bool variesOverPositions = false;
  EntryRange range;
};

/// One step's surroundings. Nothing here fails: what is missing is unbounded,
/// and explain() keeps the first reason.
class StepContext {
public:
  StepContext(const Plan &plan, const PlanStep &step, const FactsTable &facts,
              ConstantEvaluator &constants, MatrixStore &matrices)
      : plan(plan), step(step), factsTable(facts), constants(constants),
        affine(constants), matrices(matrices) {}

  const Plan &plan;
  const PlanStep &step;

  /// The facts in force; all unbounded for a tensor without facts.
  const Facts &facts(const std::string &tensor) const;
  /// Empty for a tensor that the plan does not describe.
  const std::vector<PlanAxis> &axes(const std::string &tensor) const;
  const std::vector<PlanAxis> &outputAxes() const { return axes(step.tensor); }
  /// The facts of `tensor` repeated along the axes of the output that it is
  /// broadcast to (section 5.2, "Copies"), closure included.
  Facts broadcast(const std::string &tensor) const;

  /// Nothing, with a reason, where the constant is not computable.
  std::optional<ConstantOperand> constant(const ConstantRef &expression);
  /// All entries, exact and finite.
  ConstantEvaluator::Result exact(const ConstantRef &expression);
  /// The tensor with whatever is known of it; it may hold infinities.
  ConstantEvaluator::Result computed(const ConstantRef &expression);
  std::optional<ConstantVector> vector(const ConstantRef &expression,
                                       int64_t count);
  std::optional<MatrixStorage> matrix(const ConstantRef &expression,
                                      int64_t rows, int64_t cols);
  std::optional<AffineMap> map(const AffineRef &expression, int64_t width);

  /// Claimed norm of a matrix; the key goes to the step's `matrices` where a
  /// witness exists.
  UpperBound norm(const std::string &key, const AffineMatrix &matrix);
  UpperBound adopt(const std::string &key,
                   const SpectralCertificate &certificate,
                   const UpperBound &error);
  const SpectralOptions &spectralOptions() const {
    return matrices.getOptions();
  }

  void explain(const std::string &reason);
  const std::string &getReason() const { return reason; }
  const std::set<std::string> &getUsedMatrices() const { return used; }

private:
  const FactsTable &factsTable;
  ConstantEvaluator &constants;
  AffineEvaluator affine;
  MatrixStore &matrices;
  std::set<std::string> used;
  std::string reason;
};

// Shared helpers of the rules.

std::optional<int64_t> staticSize(const PlanAxis &axis);
/// Static width (product of the width axes), if it is known.
std::optional<int64_t> widthOf(const std::vector<PlanAxis> &axes);
/// All lips (and, by `radius`, all radii and the spread) times a factor; the
/// range is dropped.
Facts scaleLips(const Facts &facts, const UpperBound &factor);
/// Applies a function to every interval of a range.
std::optional<EntryRange>
mapRange(const std::optional<EntryRange> &range,
         const std::function<Interval(const Interval &)> &function);
/// Combines two ranges entry by entry; of different axes the second's (a width
/// axis by preference) is taken as its hull.
std::optional<EntryRange>
combineRanges(const std::optional<EntryRange> &a,
              const std::optional<EntryRange> &b,
              const std::function<Interval(const Interval &, const Interval &)>
                  &function);
/// One interval for every entry of the width vector (row-major over the width
/// axes); nothing where the width is unknown or there is no range.
std::optional<IntervalVector>
widthIntervals(const std::optional<EntryRange> &range,
               const std::vector<PlanAxis> &axes);
/// The range along the last width axis from intervals of the width vector.
std::optional<EntryRange> rangeFromWidth(const IntervalVector &intervals,
                                         const std::vector<PlanAxis> &axes);
/// "affine(out<-in)".
std::string affineKey(const std::string &out, const std::string &in);
/// The name of a linear map's input in keys: norm(t) for a normalised one.
std::string sourceName(const std::string &source,
                       const std::optional<LinStep::Normalized> &normalized);
/// Facts of a linear map's input: those of the tensor, or of the normalised
/// vector inside its norm layer (5.2, B-lin).
Facts sourceFacts(StepContext &context, const std::string &source,
                  const std::optional<LinStep::Normalized> &normalized);
/// C(N) of bounds.md 2.3: linf -> linf constant of the normalisation of N
/// entries relative to 1/sqrt(eps), rounded up.
UpperBound normalizationInfFactor(int64_t count, bool centered);

} // namespace lipt

#endif // LIPT_LIB_CERTIFICATE_STEPCONTEXT_H
