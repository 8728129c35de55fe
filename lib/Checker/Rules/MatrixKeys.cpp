//===- MatrixKeys.cpp - Keys of matrices and their verification -----------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMatch.h"
#include "ConvolutionMatch.h"
#include "RuleTable.h"
#include "lipt/Checker/Rejection.h"

#include <charconv>
#include <numeric>

using namespace lipt::checker;

std::string AffineKey::text() const {
  std::string text = "affine(" + out + "<-" + in.text() + ")";
  if (rowBegin >= 0)
    text +=
        "[" + std::to_string(rowBegin) + ":" + std::to_string(rowEnd) + ",:]";
  if (colBegin >= 0)
    text +=
        "[:," + std::to_string(colBegin) + ":" + std::to_string(colEnd) + "]";
  return text;
}

namespace {

std::optional<int64_t> parseInteger(const std::string &text) {
  int64_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    return std::nullopt;
  return value;
}

/// "a:b" as a half-open interval.
std::optional<std::pair<int64_t, int64_t>> parseSpan(const std::string &text) {
  size_t colon = text.find(':');
  if (colon == std::string::npos)
    return std::nullopt;
  auto begin = parseInteger(text.substr(0, colon));
  auto end = parseInteger(text.substr(colon + 1));
  if (!begin || !end || *begin >= *end)
    return std::nullopt;
  return std::pair{*begin, *end};
}

/// Splits "name(argument)suffix".
bool splitCall(const std::string &key, const std::string &name,
               std::string &argument, std::string &suffix) {
  if (key.compare(0, name.size() + 1, name + "(") != 0)
    return false;
  size_t close = key.rfind(')');
  if (close == std::string::npos || close < name.size() + 1)
    return false;
  argument = key.substr(name.size() + 1, close - name.size() - 1);
  suffix = key.substr(close + 1);
  return true;
}

std::optional<AffineKey> parseAffine(const Graph &graph, const AffineMaps &maps,
                                     const std::string &key) {
  std::string argument, suffix;
  if (!splitCall(key, "affine", argument, suffix))
    return std::nullopt;
  // Tensor names are arbitrary: the arrow that separates two known ones.
  for (size_t arrow = argument.find("<-"); arrow != std::string::npos;
       arrow = argument.find("<-", arrow + 1)) {
    std::string out = argument.substr(0, arrow);
    std::string in = argument.substr(arrow + 2);
    bool normalized = in.compare(0, 5, "norm(") == 0 && in.back() == ')' &&
                      graph.contains(in.substr(5, in.size() - 6));
    if (!graph.contains(out) || (!graph.contains(in) && !normalized))
      continue;
    AffineKey parsed;
    parsed.out = graph.canonical(out);
    parsed.in = maps.source(in);
    if (suffix.empty())
      return parsed;
    if (suffix.front() != '[' || suffix.back() != ']')
      return std::nullopt;
    std::string inside = suffix.substr(1, suffix.size() - 2);
    size_t comma = inside.find(',');
    if (comma == std::string::npos)
      return std::nullopt;
    std::string rows = inside.substr(0, comma), cols = inside.substr(comma + 1);
    if (rows != ":") {
      auto span = parseSpan(rows);
      if (!span)
        return std::nullopt;
      std::tie(parsed.rowBegin, parsed.rowEnd) = *span;
    }
    if (cols != ":") {
      auto span = parseSpan(cols);
      if (!span)
        return std::nullopt;
      std::tie(parsed.colBegin, parsed.colEnd) = *span;
    }
    return parsed;
  }
  return std::nullopt;
}

/// affine(out<-in) or affine(out<-in)[k] for the matrix of a contracted axis
/// (B-lin-any): out is a product of in with a constant and no per-position
/// affine map of it.
std::optional<std::pair<std::string, int64_t>>
parseContracted(const Graph &graph, AffineMaps &maps, const std::string &key) {
  size_t open =
      key.size() > 2 && key.back() == ']' ? key.rfind('[') : std::string::npos;
  std::string plain = key;
  int64_t slice = 0;
  bool sliced = false;
  if (open != std::string::npos)
    if (auto number =
            parseInteger(key.substr(open + 1, key.size() - open - 2))) {
      slice = *number;
      sliced = true;
      plain = key.substr(0, open);
    }
  auto affine = parseAffine(graph, maps, plain);
  if (!affine || affine->rowBegin >= 0 || affine->colBegin >= 0 ||
      affine->in.normalized)
    return std::nullopt;
  const Node *node = graph.producer(affine->out);
  if (!node || !(node->is("MatMul") || node->is("Gemm")) ||
      node->inputs.size() < 2)
    return std::nullopt;
  bool left = graph.isConstant(node->inputs[0]);
  if (left == graph.isConstant(node->inputs[1]) ||
      graph.canonical(node->inputs[left ? 1 : 0]) != affine->in.tensor)
    return std::nullopt;
  if (!sliced)
    try {
      maps.get(affine->out, affine->in);
      return std::nullopt; // the ordinary affine map
    } catch (const Rejection &) {
    }
  return std::pair{affine->out, slice};
}

Assembled cut(const Assembled &matrix, const AffineKey &key) {
  Assembled result = matrix;
  auto indices = [](int64_t begin, int64_t end, int64_t limit) {
    if (end > limit)
      reject("the key selects beyond the matrix");
    std::vector<int64_t> list(end - begin);
    std::iota(list.begin(), list.end(), begin);
    return list;
  };
  if (key.rowBegin >= 0)
    result = selectRows(result,
                        indices(key.rowBegin, key.rowEnd, result.value.rows));
  if (key.colBegin >= 0)
    result = selectColumns(
        result, indices(key.colBegin, key.colEnd, result.value.cols));
  return result;
}

void compare(const std::optional<Extended> &norm, const std::string &reason,
             const Extended &claimed) {
  if (!norm)
    reject(reason);
  if (!(*norm <= claimed))
    reject("the norm is claimed to be at most ", claimed.toDecimalUp(12),
           ", recomputed ", norm->toDecimalUp(12));
}

} // namespace

std::string lipt::checker::contractedKey(const std::string &out,
                                         int64_t slice) {
  return "contracted(" + out + ")[" + std::to_string(slice) + "]";
}

std::string lipt::checker::verifyMatrix(const Graph &graph, AffineMaps &maps,
                                        const Certificate &certificate,
                                        const ClaimedMatrix &matrix) {
  std::string argument, suffix, reason;
  const std::string &key = matrix.key;
  if (auto contracted = parseContracted(graph, maps, key)) {
    auto [out, slice] = *contracted;
    compare(normOf(constantOperandMatrix(graph, out, slice), &matrix.witness,
                   reason, 1),
            reason, matrix.norm);
    return contractedKey(out, slice);
  }
  if (auto affine = parseAffine(graph, maps, key)) {
    auto map = maps.get(affine->out, affine->in);
    compare(normOf(cut(map->spelled(), *affine), &matrix.witness, reason, 1),
            reason, matrix.norm);
    return affine->text();
  }
  if (splitCall(key, "conv", argument, suffix) && suffix.empty() &&
      graph.contains(argument)) {
    ConvolutionMatch match = matchConvolution(graph, argument);
    if (match.geometry.inputSizes.empty())
      reject("the spatial sizes of '", argument, "' are not known");
    compare(verifiedConvolutionNorm(match.geometry, match.kernel,
                                    matrix.witness, reason, 1),
            reason, matrix.norm);
    return "conv(" + graph.canonical(argument) + ")";
  }
  if (splitCall(key, "unfold", argument, suffix) && suffix.empty()) {
    // unfold(t,k) or unfold(t,k,g): numbers from the end, as names may hold
    // commas.
    std::vector<int64_t> numbers;
    std::string name = argument;
    while (numbers.size() < 2 && !graph.contains(name)) {
      size_t comma = name.rfind(',');
      auto number = comma == std::string::npos
                        ? std::nullopt
                        : parseInteger(name.substr(comma + 1));
      if (!number)
        break;
      numbers.insert(numbers.begin(), *number);
      name = name.substr(0, comma);
    }
    if (!graph.contains(name) || numbers.empty() || numbers[0] > 3)
      reject("the key is not understood");
    ConvolutionMatch match = matchConvolution(graph, name);
    int64_t group = numbers.size() > 1 ? numbers[1] : 0;
    if (group >= match.geometry.groups ||
        (numbers.size() == 1 && match.geometry.groups > 1))
      reject("the key's group is not one of ", match.geometry.groups);
    compare(normOf(unfolding(match.geometry, match.kernel,
                             static_cast<int>(numbers[0]), group),
                   &matrix.witness, reason, 1),
            reason, matrix.norm);
    return "unfold(" + graph.canonical(name) + "," +
           std::to_string(numbers[0]) + "," + std::to_string(group) + ")";
  }
  if (splitCall(key, "ov", argument, suffix) && suffix.empty() &&
      graph.contains(argument)) {
    compare(normOf(valueOutputMatrix(graph, maps, certificate, argument),
                   &matrix.witness, reason, 1),
            reason, matrix.norm);
    return "ov(" + graph.canonical(argument) + ")";
  }
  reject("the key is not understood");
}
