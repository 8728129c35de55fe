//===- ScalarForm.cpp - Scalar functions spelled out in nodes -------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarForm.h"

#include "lipt/Checker/Rejection.h"

#include <cmath>

using namespace lipt::checker;

ScalarForm ScalarForm::source() {
  ScalarForm form;
  form.terms[{{"x", 1}}] = Interval::point(1);
  return form;
}

ScalarForm ScalarForm::constant(const Interval &value) {
  ScalarForm form;
  if (value != Interval::point(0))
    form.terms[{}] = value;
  return form;
}

ScalarForm ScalarForm::operator+(const ScalarForm &other) const {
  ScalarForm sum = *this;
  for (const auto &[monomial, value] : other.terms) {
    auto found = sum.terms.find(monomial);
    if (found == sum.terms.end())
      sum.terms[monomial] = value;
    else
      found->second = found->second + value;
  }
  return sum;
}

ScalarForm ScalarForm::operator*(const ScalarForm &other) const {
  ScalarForm result;
  for (const auto &[left, a] : terms)
    for (const auto &[right, b] : other.terms) {
      Monomial merged = left;
      for (const auto &[name, power] : right)
        merged[name] += power;
      ScalarForm term;
      term.terms[merged] = a * b;
      result = result + term;
    }
  return result;
}

Interval ScalarForm::coefficient(const Monomial &monomial) const {
  auto found = terms.find(monomial);
  return found == terms.end() ? Interval::point(0) : found->second;
}

bool ScalarForm::has(std::initializer_list<Monomial> monomials) const {
  if (terms.size() != monomials.size())
    return false;
  for (const Monomial &monomial : monomials)
    if (!terms.count(monomial))
      return false;
  return true;
}

namespace {

class Expander {
public:
  Expander(const Graph &graph, const std::string &source)
      : graph(graph), source(source) {}

  bool expand(const std::string &name, ScalarForm &form) {
    const std::string tensor = graph.canonical(name);
    if (tensor == source) {
      form = ScalarForm::source();
      return true;
    }
    if (graph.isConstant(tensor)) {
      const Constant *constant = graph.constant(tensor);
      auto value = constant && constant->error == 0 ? constant->uniformReal()
                                                    : std::nullopt;
      if (!value || !std::isfinite(*value))
        return false;
      form = ScalarForm::constant(Interval::point(*value));
      return true;
    }
    auto known = forms.find(tensor);
    if (known != forms.end()) {
      form = known->second;
      return true;
    }
    const Node *node = graph.producer(tensor);
    if (!node || !node->domain.empty() || ++visited > 64 ||
        graph.shape(tensor) != graph.shape(source) || !apply(*node, form) ||
        form.terms.size() > 24)
      return false;
    expression.nodes.insert(graph.indexOf(*node));
    forms[tensor] = form;
    return true;
  }

  ScalarExpression expression;

private:
  ScalarForm atom(const std::string &function, const ScalarForm &argument) {
    for (const auto &[name, known] : expression.atoms)
      if (known.first == function && known.second.terms == argument.terms) {
        ScalarForm form;
        form.terms[{{name, 1}}] = Interval::point(1);
        return form;
      }
    std::string name = function + "#" + std::to_string(expression.atoms.size());
    expression.atoms[name] = {function, argument};
    ScalarForm form;
    form.terms[{{name, 1}}] = Interval::point(1);
    return form;
  }

  /// 1/(1 + exp(−p)) is sigmoid(p); other reciprocals stay atoms.
  ScalarForm reciprocal(const ScalarForm &form) {
    if (form.terms.size() == 1 && form.terms.begin()->first.empty())
      return ScalarForm::constant(Interval::point(1) /
                                  form.terms.begin()->second);
    if (form.terms.size() == 2 && form.coefficient({}) == Interval::point(1))
      for (const auto &[monomial, value] : form.terms)
        if (monomial.size() == 1 && monomial.begin()->second == 1 &&
            value == Interval::point(1)) {
          auto inner = expression.atoms.find(monomial.begin()->first);
          if (inner != expression.atoms.end() && inner->second.first == "exp")
            return atom("sigmoid",
                        inner->second.second *
                            ScalarForm::constant(Interval::point(-1)));
        }
    return atom("reciprocal", form);
  }

  /// log(1 + exp(p)) is softplus(p).
  ScalarForm logarithm(const ScalarForm &form) {
    if (form.terms.size() == 2 && form.coefficient({}) == Interval::point(1))
      for (const auto &[monomial, value] : form.terms)
        if (monomial.size() == 1 && monomial.begin()->second == 1 &&
            value == Interval::point(1)) {
          auto inner = expression.atoms.find(monomial.begin()->first);
          if (inner != expression.atoms.end() && inner->second.first == "exp")
            return atom("softplus", inner->second.second);
        }
    return atom("log", form);
  }

  bool apply(const Node &node, ScalarForm &form) {
    const std::string &op = node.opType;
    ScalarForm a, b;
    if (node.inputs.empty() || node.outputs.size() != 1 ||
        !expand(node.inputs[0], a))
      return false;
    ScalarForm minus = ScalarForm::constant(Interval::point(-1));
    if (op == "Add" || op == "Sub" || op == "Mul" || op == "Div") {
      if (node.inputs.size() != 2 || !expand(node.inputs[1], b))
        return false;
      form = op == "Add"   ? a + b
             : op == "Sub" ? a + b * minus
             : op == "Mul" ? a * b
                           : a * reciprocal(b);
      return true;
    }
    if (op == "Pow") {
      if (node.inputs.size() != 2 || !expand(node.inputs[1], b) || !b.has({{}}))
        return false;
      double power = b.coefficient({}).lo;
      if (power != 2 && power != 3)
        return false;
      form = a * a;
      if (power == 3)
        form = form * a;
      return true;
    }
    if (op == "Max" || op == "Min") {
      if (node.inputs.size() != 2 || !expand(node.inputs[1], b))
        return false;
      // max(x, 0) only: other clamps are Clip nodes.
      const ScalarForm &other = a.terms.empty() ? b : a;
      if (op == "Min" || (!a.terms.empty() && !b.terms.empty()))
        return false;
      form = atom("relu", other);
      return true;
    }
    if (op == "Clip") {
      auto limit = [&](size_t index, const char *key) -> std::optional<double> {
        if (node.opset < 11)
          return node.attribute(key) ? std::optional(node.real(key, 0))
                                     : std::nullopt;
        const Constant *value = graph.constant(node.input(index));
        return value && value->error == 0 ? value->uniformReal() : std::nullopt;
      };
      auto low = limit(1, "min"), high = limit(2, "max");
      if (low != 0.0 || high != 6.0)
        return false;
      form = atom("relu6", a);
      return true;
    }
    if (node.inputs.size() != 1)
      return false;
    if (op == "Neg") {
      form = a * minus;
      return true;
    }
    if (op == "Reciprocal") {
      form = reciprocal(a);
      return true;
    }
    if (op == "Log") {
      form = logarithm(a);
      return true;
    }
    if (op == "HardSigmoid") {
      // clip(αx + β, 0, 1) = relu6(6αx + 6β)/6 in the form of HardSwish.
      ScalarForm scaled =
          a * ScalarForm::constant(
                  scale(Interval::point(node.real("alpha", 0.2f)), 6)) +
          ScalarForm::constant(
              scale(Interval::point(node.real("beta", 0.5)), 6));
      form = atom("relu6", scaled) *
             ScalarForm::constant(Interval::point(1) / Interval::point(6));
      return true;
    }
    static const std::map<std::string, std::string> functions = {
        {"Erf", "erf"},           {"Tanh", "tanh"}, {"Sigmoid", "sigmoid"},
        {"Softplus", "softplus"}, {"Exp", "exp"},   {"Relu", "relu"}};
    auto found = functions.find(op);
    if (found == functions.end())
      return false;
    form = atom(found->second, a);
    return true;
  }

  const Graph &graph;
  const std::string &source;
  std::map<std::string, ScalarForm> forms;
  int visited = 0;
};

} // namespace

std::optional<ScalarExpression>
lipt::checker::expandScalar(const Graph &graph, const std::string &tensor,
                            const std::string &source) {
  Expander expander(graph, source);
  if (!expander.expand(tensor, expander.expression.form))
    return std::nullopt;
  return expander.expression;
}
