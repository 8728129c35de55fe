//===- ModelFile.h - The ONNX file as the checker reads it -----*- C++ -*--===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_CHECKER_MODELFILE_H
#define LIPT_CHECKER_MODELFILE_H

#include "lipt/Checker/Tensor.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lipt::checker {

/// An attribute of a node. Exactly one of the fields is meaningful.
struct Attribute {
  enum class Kind { Int, Float, String, Ints, Floats, Strings, Tensor, Other };
  Kind kind = Kind::Other;
  int64_t integer = 0;
  float real = 0;
  std::string string;
  std::vector<int64_t> integers;
  std::vector<float> reals;
  std::vector<std::string> strings;
  Tensor tensor;
};

/// One node; "" in inputs or outputs is an omitted optional one.
struct Node {
  std::string opType;
  std::string domain; // "" for ai.onnx
  int64_t opset = 0;  // of its domain, as imported where the node stands
  std::vector<std::string> inputs, outputs;
  std::map<std::string, Attribute> attributes;
  bool hasSubgraph = false;

  /// The node's name in certificates: its first output.
  const std::string &name() const;
  bool is(const char *type) const { return domain.empty() && opType == type; }
  /// Input `index` or "".
  const std::string &input(size_t index) const;
  const Attribute *attribute(const std::string &key) const;
  int64_t integer(const std::string &key, int64_t fallback) const;
  double real(const std::string &key, double fallback) const;
  std::string string(const std::string &key, const std::string &fallback) const;
  std::optional<std::vector<int64_t>> integers(const std::string &key) const;
};

/// A graph input with its declared type. A dimension is a length, a symbol,
/// or (both empty) unnamed.
struct GraphInput {
  struct Dimension {
    std::optional<int64_t> length;
    std::string symbol;
  };
  std::string name;
  ElementType type = ElementType::Undefined;
  bool hasShape = false;
  std::vector<Dimension> shape;
};

/// An initializer or the tensor of a Constant node, as hashed in certificates.
struct StoredTensor {
  std::string name;
  bool isInitializer = true;
  Tensor value;
};

/// A model with its local functions inlined (inner names `call/inner`), nodes
/// in topological order, every name defined once.
struct Model {
  std::string sha256; // of the file
  std::vector<Node> nodes;
  std::vector<StoredTensor> stored; // file order
  std::map<std::string, Tensor> initializers;
  std::vector<GraphInput> inputs; // without initializers
  std::vector<std::string> outputs;
};

/// Reads an ONNX file (at most 2 GiB; external data only from regular files
/// inside the file's directory). Throws UnreadableModel.
Model readModel(const std::string &path);

/// Lower-case hexadecimal SHA-256.
std::string sha256(const void *bytes, size_t count);

} // namespace lipt::checker

#endif // LIPT_CHECKER_MODELFILE_H
