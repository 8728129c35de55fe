//===- AffineMap.cpp - Per-position affine maps between tensors -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Checker/AffineMap.h"

#include "AffineWalk.h"
#include "lipt/Checker/Patterns.h"
#include "lipt/Checker/Rejection.h"
#include "lipt/Checker/Rounding.h"

#include <algorithm>
#include <numeric>

using namespace lipt::checker;

Assembled AffineMap::spelled() const {
  return isIdentity ? identity(inputWidth) : matrix;
}

AffineSource AffineMaps::source(const std::string &text) const {
  AffineSource source;
  if (text.size() > 6 && text.compare(0, 5, "norm(") == 0 &&
      text.back() == ')' && !graph.contains(text)) {
    source.normalized = true;
    source.tensor = text.substr(5, text.size() - 6);
  } else {
    source.tensor = text;
  }
  graph.info(source.tensor); // rejects unknown names
  source.tensor = graph.canonical(source.tensor);
  return source;
}

std::shared_ptr<const AffineMap> AffineMaps::get(const std::string &out,
                                                 const AffineSource &in) {
  std::string key = graph.canonical(out) + "\n" + in.text();
  {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = known.find(key);
    if (found != known.end())
      return found->second;
  }
  auto map = std::make_shared<AffineMap>(AffineWalk(graph, in).walk(out));
  // The walk's position axes must be the ones that facts refer to.
  const auto &shape = graph.shape(out);
  const auto &roles = graph.info(out).roles;
  for (size_t i = 0; i < shape.size(); ++i)
    if (!shape[i].isOne() && map->axes[i].position != isPosition(roles[i]))
      reject("'", out, "' mixes position and width axes of '", in.tensor, "'");
  std::lock_guard<std::mutex> lock(mutex);
  return known.emplace(key, map).first->second;
}

AffineWalk::AffineWalk(const Graph &graph, AffineSource source)
    : graph(graph), source(std::move(source)) {}

AffineMap AffineWalk::walk(const std::string &out) { return *visit(out); }

/// The pieces of a source's own axes.
static std::vector<AxisOrigin> ownAxes(const Graph &graph,
                                       const std::string &tensor) {
  const auto &shape = graph.shape(tensor);
  const auto &roles = graph.info(tensor).roles;
  std::vector<AxisOrigin> axes(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) {
    axes[i].position = isPosition(roles.at(i)) && !shape[i].isOne();
    if (axes[i].position)
      axes[i].pieces = {{static_cast<int64_t>(i), Size(1), shape[i]}};
  }
  return axes;
}

AffineWalk::Map AffineWalk::visit(const std::string &name) {
  const std::string &tensor = graph.canonical(name);
  auto found = visited.find(tensor);
  if (found != visited.end()) {
    if (!found->second)
      reject("'", tensor, "' is not per-position affine in '", source.text(),
             "'");
    return found->second;
  }
  visited[tensor] = nullptr;
  if (++depth > 1000)
    reject("an affine chain is longer than 1000 nodes");
  Map map = tensor == source.tensor ? start() : step(tensor);
  --depth;
  return visited[tensor] = map;
}

AffineWalk::Map AffineWalk::start() {
  auto map = std::make_shared<AffineMap>();
  map->inputWidth = graph.width(source.tensor);
  map->axes = ownAxes(graph, source.tensor);
  map->isIdentity = true;
  map->offset = AssembledVector::zeros(map->inputWidth);
  if (!source.normalized)
    return map;
  auto match = matchNormalization(graph, source.tensor);
  if (!match || match->grouped)
    reject("'", source.tensor, "' is not the output of a layer norm");
  const auto &shape = graph.shape(source.tensor);
  for (size_t i = 0; i < shape.size(); ++i) {
    bool normalized = std::find(match->axes.begin(), match->axes.end(),
                                int64_t(i)) != match->axes.end();
    if (!shape[i].isOne() && normalized == map->axes[i].position)
      reject("norm(", source.tensor,
             "): the normalised axes are not the width axes");
  }
  if (!match->gain.empty()) {
    AssembledVector gain =
        widthVector(*graph.constant(match->gain), shape, map->axes);
    map->matrix = scaleRows(identity(map->inputWidth), gain);
    map->diagonal = std::make_shared<AssembledVector>(gain);
    map->isIdentity = false;
  }
  if (!match->bias.empty())
    map->offset = widthVector(*graph.constant(match->bias), shape, map->axes);
  return map;
}

AffineWalk::Map AffineWalk::step(const std::string &tensor) {
  const Node *node = graph.producer(tensor);
  if (!node || !node->domain.empty())
    fail(tensor);
  AffineMap map;
  const std::string &op = node->opType;
  if (op == "MatMul")
    map = matMul(*node);
  else if (op == "Gemm")
    map = gemm(*node);
  else if (op == "Add" || op == "Sub" || op == "Mul" || op == "Div")
    map = arithmetic(*node);
  else if (op == "Neg")
    map = negate(*visit(node->inputs[0]));
  else if (op == "BatchNormalization")
    map = batchNorm(*node);
  else if (op == "Reshape" || op == "Flatten" || op == "Squeeze" ||
           op == "Unsqueeze")
    map = reshape(*node);
  else if (op == "Transpose")
    map = transposeAxes(*node);
  else if (op == "Slice" || op == "Split" || op == "Gather")
    map = select(*node, tensor);
  else if (op == "Concat")
    map = concat(*node);
  else
    fail(tensor);
  map.nodes.insert(graph.indexOf(*node));
  return std::make_shared<AffineMap>(std::move(map));
}

void AffineWalk::fail(const std::string &tensor) const {
  const Node *node = graph.producer(tensor);
  reject("'", tensor, "' (", node ? node->opType : "graph input",
         ") is not per-position affine in '", source.text(), "'");
}

AssembledVector
AffineWalk::widthVector(const Constant &constant,
                        const std::vector<Size> &shape,
                        const std::vector<AxisOrigin> &axes) const {
  if (!constant.value || constant.shape.size() > shape.size() ||
      bitsOf(constant.value->type) == 0)
    reject("a constant in an affine chain has no known value");
  const Tensor &stored = *constant.value;
  std::vector<int64_t> strides = rowMajorStrides(stored.shape);
  size_t shift = shape.size() - stored.shape.size();
  std::vector<int64_t> extents, steps;
  for (size_t i = 0; i < shape.size(); ++i) {
    bool varies = i >= shift && stored.shape[i - shift] != 1;
    if (axes[i].position) {
      if (varies)
        reject("a constant in an affine chain varies along positions");
      continue;
    }
    auto extent = shape[i].constant();
    if (!extent)
      reject("a width axis has a symbolic length");
    if (varies && stored.shape[i - shift] != *extent)
      reject("a constant in an affine chain does not fit");
    extents.push_back(*extent);
    steps.push_back(varies ? strides[i - shift] : 0);
  }
  int64_t count = elementCount(extents);
  std::vector<double> values(count);
  std::vector<int64_t> counter(extents.size(), 0);
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    values[i] = stored.real(offset);
    for (size_t k = extents.size(); k-- > 0;) {
      offset += steps[k];
      if (++counter[k] < extents[k])
        break;
      offset -= steps[k] * extents[k];
      counter[k] = 0;
    }
  }
  AssembledVector vector(std::move(values));
  for (double &error : vector.error)
    error = up(error + constant.error);
  return vector;
}
