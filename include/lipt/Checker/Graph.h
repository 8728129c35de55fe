//===- Graph.h - The model's graph with shapes, constants and roles --*- C++
//-*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_GRAPH_H
#define LIPT_CHECKER_GRAPH_H

#include "lipt/Checker/ConstantFolding.h"
#include "lipt/Checker/ModelFile.h"
#include "lipt/Checker/Size.h"

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace lipt::checker {

/// What an axis counts. Batch, Token and Spatial axes are *position* axes, the
/// others *width* axes.
enum class Role { Batch, Token, Spatial, Feature, Head, Unknown };

inline bool isPosition(Role role) { return role <= Role::Spatial; }
std::optional<Role> parseRole(const std::string &text);

struct TensorInfo {
  ElementType type = ElementType::Undefined;
  /// Absent where shape inference found none.
  std::optional<std::vector<Size>> shape;
  /// One per axis where the shape is known.
  std::vector<Role> roles;
  /// Index of the producing node, -1 for graph inputs and initializers.
  int64_t producer = -1;
  /// The value depends on no graph input's value (shapes excepted).
  bool isConstant = false;
  /// Its value, where it could be evaluated.
  std::optional<Constant> constant;
  bool dependsOnOrigin = false;
};

/// Lengths of the three products that facts are scaled by: absent where a
/// symbol stays free.
struct Counts {
  std::optional<int64_t> all, positions, width;
};

class Graph {
public:
  /// Infers shapes and folds constants. `sizes` binds symbolic sizes.
  Graph(Model model, std::map<std::string, int64_t> sizes);

  const Model &model() const { return modelData; }
  const std::vector<Node> &nodes() const { return modelData.nodes; }

  /// Propagates the roles given for the graph inputs and what depends on the
  /// origin. Call once, before the queries below.
  void assignRoles(const std::map<std::string, std::vector<Role>> &inputRoles,
                   const std::string &origin);

  bool contains(const std::string &name) const { return infos.count(name); }
  /// Rejects if there is no such tensor.
  const TensorInfo &info(const std::string &name) const;
  /// Rejects if its shape is unknown.
  const std::vector<Size> &shape(const std::string &name) const;
  int64_t rank(const std::string &name) const;
  /// The node that produces the tensor, null for inputs and initializers.
  const Node *producer(const std::string &name) const;
  int64_t indexOf(const Node &node) const { return &node - nodes().data(); }

  /// The constant value of a tensor, null if it has none (or is "").
  const Constant *constant(const std::string &name) const;
  bool isConstant(const std::string &name) const;
  /// The constants among the inputs of a node, null for the others.
  std::vector<const Constant *> constantInputs(const Node &node) const;

  /// Identity, Dropout, casts to the same or a wider float type, reshapes and
  /// expansions to the shape that is there.
  bool isTransparent(const Node &node) const;
  /// The tensor that `name` stands for once transparent nodes are skipped.
  const std::string &canonical(const std::string &name) const;

  Counts counts(const std::string &name) const;
  /// Product of the width axes' lengths; rejects if a symbol stays free.
  int64_t width(const std::string &name) const;
  /// Nodes that read a tensor (transparent readers are looked through).
  const std::vector<int64_t> &readers(const std::string &canonicalName) const;

private:
  void inferNode(const Node &node, int64_t index);

  Model modelData;
  std::unordered_map<std::string, TensorInfo> infos;
  std::unordered_map<std::string, std::string> canonicalNames;
  std::unordered_map<std::string, std::vector<int64_t>> readerIndices;
};

/// Shapes and element types of a node's outputs. An entry without shape is
/// unknown. Defined in ShapeInference.cpp.
struct InferredOutput {
  ElementType type = ElementType::Undefined;
  std::optional<std::vector<Size>> shape;
};
std::vector<InferredOutput>
inferShapes(const Node &node, const std::vector<const TensorInfo *> &inputs);

/// Roles of a node's output `index`. Defined in RolePropagation.cpp.
std::vector<Role> inferRoles(const Graph &graph, const Node &node,
                             const TensorInfo &output);

} // namespace lipt::checker

#endif // LIPT_CHECKER_GRAPH_H
