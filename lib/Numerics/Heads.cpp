//===- Heads.cpp - Joint norms of heads that read different tokens --------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Omega(phi) = sup over norm(z_h) <= 1 of norm(sum_h phi_h M_h z_h)
//            = max over unit w of sum_h phi_h norm(M_h^T w)
//           <= sqrt(sum t) * norm([phi_1 M_1/sqrt(t_1) ... ])
//
// for any t > 0 (Cauchy-Schwarz). The t that makes it small is looked for
// without proof.
//
//===----------------------------------------------------------------------===//

#include "GramKernel.h"
#include "Lanczos.h"
#include "Parallel.h"
#include "lipt/Numerics/Products.h"
#include "lipt/Support/Rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lipt {

static double weightOf(std::span<const double> phi, size_t head) {
  return phi.empty() ? 1 : std::fabs(phi[head]);
}

UpperBound headsBound(std::span<const AssembledMatrix> blocks,
                      std::span<const double> phi, std::span<const double> t,
                      const SpectralOptions &options) {
  if (blocks.empty())
    return UpperBound::zero();
  if (t.size() != blocks.size() || (!phi.empty() && phi.size() != t.size()))
    return UpperBound::unbounded();
  UpperBound sum = UpperBound::zero();
  std::vector<AssembledMatrix> scaled;
  for (size_t h = 0; h < blocks.size(); ++h) {
    double weight = weightOf(phi, h);
    if (!(t[h] > 0) || !std::isfinite(t[h]) || !std::isfinite(weight))
      return UpperBound::unbounded();
    sum += UpperBound::fromDouble(t[h]);
    // A larger factor gives a larger norm, so rounding it up is enough.
    double factor = weight == 0 ? 0 : up(weight / dn(std::sqrt(t[h])));
    scaled.push_back(scale(blocks[h], factor));
  }
  return sum.sqrt() * hstack(scaled).normBound(options);
}

/// Makes the largest share 1; a head that nothing needs keeps a small one.
static void normalizeShares(std::vector<double> &t) {
  double largest = *std::max_element(t.begin(), t.end());
  for (double &share : t)
    share = largest > 0 && std::isfinite(largest)
                ? std::max(share / largest, 1e-3)
                : 1;
}

static double sumOf(const std::vector<double> &t) {
  double sum = 0;
  for (double share : t)
    sum += share;
  return sum;
}

/// Minimises sum t * lambda_max(sum phi_h^2/t_h M_h M_h^T), which is convex in
/// t, from t_h = phi_h * norm(M_h): there it is at most the square of sum phi_h
/// norm(M_h), so that the result is never worse than head by head.
static std::vector<double> chooseShares(std::span<const AssembledMatrix> blocks,
                                        std::span<const double> phi,
                                        unsigned threads) {
  constexpr int iterations = 12;
  constexpr int64_t lanczosSteps = 60;
  int64_t n = blocks.front().rows();
  std::vector<SymmetricBuffer> grams;
  std::vector<double> t;
  for (size_t h = 0; h < blocks.size(); ++h) {
    grams.emplace_back(n);
    addGram(grams.back(), blocks[h].approx.view().transposed(), 0, threads);
    double square =
        estimateLargestEigenvalue(grams.back(), 1, lanczosSteps).value;
    t.push_back(weightOf(phi, h) * std::sqrt(std::max(square, 0.0)));
  }
  normalizeShares(t);
  SymmetricBuffer joint(n);
  std::vector<double> w, image(n), best = t, target = t;
  double bestValue = std::numeric_limits<double>::infinity(), step = 0.5;
  for (int round = 0; round < iterations; ++round) {
    for (int64_t i = 0; i < n; ++i)
      std::fill(joint.row(i) + i, joint.row(i) + n, 0.0);
    for (size_t h = 0; h < grams.size(); ++h) {
      double factor = weightOf(phi, h) * weightOf(phi, h) / t[h];
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = i; j < n; ++j)
          joint.row(i)[j] += factor * grams[h].row(i)[j];
    }
    double value =
        sumOf(t) * estimateLargestEigenvalue(joint, 1, lanczosSteps, &w).value;
    if (value < bestValue) {
      bestValue = value;
      best = t;
      // The optimum for this w is t_h = phi_h * norm(M_h^T w).
      for (size_t h = 0; h < grams.size(); ++h) {
        multiplySymmetric(grams[h], w.data(), image.data());
        double squares = 0;
        for (int64_t i = 0; i < n; ++i)
          squares += w[i] * image[i];
        target[h] = weightOf(phi, h) * std::sqrt(std::max(squares, 0.0));
      }
    } else {
      step /= 2;
    }
    // Part of the way only, since w moves with t.
    for (size_t h = 0; h < grams.size(); ++h)
      t[h] = std::pow(best[h], 1 - step) * std::pow(target[h], step);
    normalizeShares(t);
  }
  return best;
}

HeadsCertificate certifyHeads(std::span<const AssembledMatrix> blocks,
                              std::span<const double> phi,
                              const SpectralOptions &options) {
  HeadsCertificate certificate;
  certificate.t.assign(blocks.size(), 1);
  bool usable = !blocks.empty() && (phi.empty() || phi.size() == blocks.size());
  for (const AssembledMatrix &block : blocks)
    usable &= block.rows() == blocks.front().rows() && block.rows() > 0 &&
              block.rows() <= options.maxOrder &&
              cheapNorms(block.approx).finite;
  if (usable)
    certificate.t =
        chooseShares(blocks, phi, effectiveThreads(options.threads));
  certificate.norm = headsBound(blocks, phi, certificate.t, options);
  return certificate;
}

} // namespace lipt
