//===- PlanBuilder.h - Hand-made weights and plans for tests ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_TEST_UNIT_CERTIFICATE_PLANBUILDER_H
#define LIPT_TEST_UNIT_CERTIFICATE_PLANBUILDER_H

#include "lipt/Certificate/Certificate.h"
#include "lipt/Certificate/PrintPlan.h"

#include <cstring>
#include <fstream>
#include <functional>
#include <random>

namespace lipt::test {

using Vector = std::vector<double>;

/// Tensors that live in memory; the "file" is whatever the test wrote.
class MemoryArchive : public WeightArchive {
public:
  ConstantRef add(const std::string &name, std::vector<int64_t> shape,
                  const Vector &values) {
    auto floats =
        std::make_unique<std::vector<float>>(values.begin(), values.end());
    StoredTensor tensor;
    tensor.name = name;
    tensor.shape = shape;
    tensor.data = reinterpret_cast<const std::byte *>(floats->data());
    tensor.byteCount = floats->size() * sizeof(float);
    storage.push_back(std::move(floats));
    tensors[name] = tensor;
    keys.push_back(name);
    auto key = std::make_shared<ConstantExpr>();
    key->shape = std::move(shape);
    key->key = name;
    return key;
  }
  const StoredTensor *find(std::string_view key) const override {
    auto found = tensors.find(std::string(key));
    return found == tensors.end() ? nullptr : &found->second;
  }
  const std::vector<std::string> &getKeys() const override { return keys; }
  const std::string &getPath() const override { return path; }

  std::string path;

private:
  std::vector<std::unique_ptr<std::vector<float>>> storage;
  std::map<std::string, StoredTensor> tensors;
  std::vector<std::string> keys;
};

/// Reproducible normal numbers that float32 holds.
class Random {
public:
  explicit Random(unsigned seed) : engine(seed) {}
  double normal(double scale = 1) {
    return double(float(scale * distribution(engine)));
  }
  Vector vector(size_t size, double scale = 1) {
    Vector result(size);
    for (double &entry : result)
      entry = normal(scale);
    return result;
  }

private:
  std::mt19937 engine;
  std::normal_distribution<double> distribution;
};

inline std::vector<PlanAxis>
axes(std::initializer_list<std::pair<int64_t, const char *>> list) {
  std::vector<PlanAxis> result;
  for (auto [size, role] : list)
    result.push_back({SymbolicSize(size), role});
  return result;
}

inline void addTensor(Plan &plan, const std::string &name,
                      std::vector<PlanAxis> tensorAxes) {
  plan.tensors[name] = {name, std::move(tensorAxes)};
}

inline PlanStep &addStep(Plan &plan, const std::string &tensor,
                         const std::string &rule,
                         std::vector<std::string> inputs, StepDetail detail) {
  PlanStep step;
  step.tensor = tensor;
  step.rule = rule;
  step.nodes = {tensor};
  step.inputs = std::move(inputs);
  step.detail = std::move(detail);
  step.location = tensor;
  plan.steps.push_back(std::move(step));
  return plan.steps.back();
}

inline AffineRef identityMap(int64_t width) {
  auto map = std::make_shared<AffineExpr>();
  map->width = width;
  return map;
}

/// W x + b with W stored as [out, in].
inline AffineRef linearMap(ConstantRef weight, ConstantRef bias = nullptr,
                           AffineRef inner = nullptr) {
  auto map = std::make_shared<AffineExpr>();
  map->kind = AffineExpr::Kind::Linear;
  map->width = weight->shape[0];
  map->operands = {inner ? inner : identityMap(weight->shape[1])};
  map->constant = weight;
  if (!bias)
    return map;
  auto sum = std::make_shared<AffineExpr>();
  sum->kind = AffineExpr::Kind::Add;
  sum->width = map->width;
  sum->operands = {map};
  sum->constant = bias;
  return sum;
}

/// Largest ratio norm(f(x + t v) - f(x)) / (t norm(v)) that a gradient-free
/// search finds: random starts, then a power iteration on finite differences.
/// `measure` is the norm of differences on both sides.
inline double attack(const std::function<Vector(const Vector &)> &function,
                     size_t inputs,
                     const std::function<double(const Vector &)> &measureIn,
                     const std::function<double(const Vector &)> &measureOut,
                     const std::function<Vector(Random &)> &sample,
                     unsigned seed, unsigned tries = 300) {
  Random random(seed);
  double best = 0;
  for (unsigned k = 0; k != tries; ++k) {
    Vector x = sample(random), direction = random.vector(inputs);
    if (k % 3 == 1) { // towards another sample
      Vector other = sample(random);
      for (size_t i = 0; i != inputs; ++i)
        direction[i] = other[i] - x[i];
    } else if (k % 3 == 2) { // one coordinate
      std::fill(direction.begin(), direction.end(), 0);
      direction[k % inputs] = 1;
    }
    double scale = k % 3 == 1 ? 1 : 1e-4 / measureIn(direction);
    Vector y = x;
    for (size_t i = 0; i != inputs; ++i) {
      direction[i] *= scale;
      y[i] += direction[i];
    }
    Vector fx = function(x), fy = function(y);
    for (size_t i = 0; i != fx.size(); ++i)
      fy[i] -= fx[i];
    double size = measureIn(direction);
    if (size > 0)
      best = std::max(best, measureOut(fy) / size);
  }
  return best;
}

inline double norm2(const Vector &x) {
  double sum = 0;
  for (double entry : x)
    sum += entry * entry;
  return std::sqrt(sum);
}
inline double normInf(const Vector &x) {
  double most = 0;
  for (double entry : x)
    most = std::max(most, std::abs(entry));
  return most;
}
using MeasuredNorm = std::pair<Norm, double (*)(const Vector &)>;

} // namespace lipt::test

#endif // LIPT_TEST_UNIT_CERTIFICATE_PLANBUILDER_H
