#!/usr/bin/env python3
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Re-checks a small certificate in exact rational arithmetic.

  check_exact.py CERT.lipcert MODEL.onnx

Plain Python (fractions), sharing nothing with lipt-check. Covers feed-forward
networks: B-lin, B-lin-any, B-conv, B-maxpool, B-act (slope at most 1 or 1/4),
B-add, B-mul, B-div, B-shape. Only lip.l2 and lip.linf are recomputed, which is
all that these rules need; radii and ranges are not used, and the claim must be
l2 -> l2 or linf -> linf. Norms are proved by the exact LDL^T factorisation of
norm^2 I - A^T A; no floating-point number is rounded anywhere.
Exit code: 0 verified, 2 rejected, 1 not covered or unreadable.
"""
import hashlib
import itertools
import json
import math
import sys
from fractions import Fraction

import onnx
from onnx import numpy_helper


class Rejected(Exception):
    pass


class NotCovered(Exception):
    pass


def bound(value):
    m = Fraction(*float.fromhex(value["m"]).as_integer_ratio())
    if m != 0 and not 1 <= m < 2:
        raise Rejected("a bound is not canonical")
    return m * Fraction(2) ** value["e"]


def exact(array):
    """Nested lists of Fractions of a float array."""
    return [Fraction(*float(v).as_integer_ratio()) for v in array.reshape(-1)]


def is_positive_semidefinite(matrix):
    """Exact LDL^T without pivoting; a zero pivot needs a zero column."""
    m = [row[:] for row in matrix]
    n = len(m)
    for k in range(n):
        if m[k][k] < 0:
            return False
        if m[k][k] == 0:
            if any(m[i][k] != 0 for i in range(k + 1, n)):
                return False
            continue
        for i in range(k + 1, n):
            factor = m[i][k] / m[k][k]
            if factor:
                for j in range(k + 1, n):
                    m[i][j] -= factor * m[k][j]
    return True


def proves_norm(matrix, norm):
    """norm >= the spectral norm of a matrix (list of rows)."""
    rows, cols = len(matrix), len(matrix[0])
    if rows < cols:
        matrix = [[matrix[i][j] for i in range(rows)] for j in range(cols)]
        rows, cols = cols, rows
    if cols > 96:
        raise NotCovered(f"a matrix of smaller side {cols} takes too long")
    gram = [[sum(matrix[k][i] * matrix[k][j] for k in range(rows)) for j in range(cols)] for i in range(cols)]
    return is_positive_semidefinite([[(norm ** 2 if i == j else 0) - gram[i][j] for j in range(cols)]
                                     for i in range(cols)])


def row_sums(matrix):
    return max(sum(abs(v) for v in row) for row in matrix)


class Checker:
    def __init__(self, certificate, model, raw):
        self.certificate, self.model = certificate, model
        if certificate["model"]["sha256"] != hashlib.sha256(raw).hexdigest():
            raise Rejected("the model's hash differs")
        graph = model.graph
        self.constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        inferred = onnx.shape_inference.infer_shapes(model).graph
        self.shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
                       for v in itertools.chain(inferred.value_info, inferred.input, inferred.output)}
        self.producers = {o: n for n in graph.node for o in n.output}
        self.norms = {m["key"]: bound(m["norm"]) for m in certificate.get("matrices", [])}
        self.facts = {}

    def attribute(self, node, name, default):
        for a in node.attribute:
            if a.name == name:
                return onnx.helper.get_attribute_value(a)
        return default

    def size(self, tensor):
        shape = self.shapes.get(tensor)
        if not shape or 0 in shape:
            raise NotCovered(f"the shape of {tensor} is not fixed")
        return math.prod(shape)

    def varying(self, node):
        names = [i for i in node.input if i and i not in self.constants]
        if len(names) != 1:
            raise NotCovered(f"{node.op_type} of {len(names)} varying tensors")
        return names[0]

    def norm_squared(self, key, matrix):
        """The claimed norm once it is proved, else Frobenius; squared."""
        if key in self.norms:
            if not proves_norm(matrix, self.norms[key]):
                raise Rejected(f"{key}: the norm is not proved")
            return self.norms[key] ** 2
        return sum(v * v for row in matrix for v in row)

    def weight(self, node):
        """Rows: outputs. (alpha included)"""
        left = node.input[0] in self.constants
        w = self.constants[node.input[0 if left else 1]]
        if w.ndim != 2:
            raise NotCovered("a weight that is no matrix")
        flags = ("transA", "transB")
        if node.op_type == "Gemm" and self.attribute(node, flags[0 if left else 1], 0):
            w = w.T
        if not left:
            w = w.T
        alpha = Fraction(*float(self.attribute(node, "alpha", 1.0)).as_integer_ratio())
        values = exact(w)
        return [[alpha * v for v in values[i * w.shape[1]:(i + 1) * w.shape[1]]] for i in range(w.shape[0])]

    def chain(self, tensor, source):
        """The one weight on the way from source to tensor; only constant additions besides."""
        matrix = None
        while tensor != source:
            node = self.producers.get(tensor)
            if node is None or (matrix and node.op_type in ("MatMul", "Gemm")):
                raise NotCovered("an affine chain with several weights")
            if node.op_type in ("MatMul", "Gemm"):
                matrix = self.weight(node)
            elif node.op_type not in ("Add", "Identity", "Flatten"):
                raise NotCovered(f"{node.op_type} in an affine chain")
            tensor = self.varying(node)
        return matrix

    def convolution(self, node, tensor, x):
        kernel = self.constants[node.input[1]]
        if self.attribute(node, "auto_pad", b"NOTSET") != b"NOTSET":
            raise NotCovered("auto_pad")
        rank, groups = kernel.ndim - 2, self.attribute(node, "group", 1)
        values, taps = exact(kernel), math.prod(kernel.shape[2:])
        rows = [values[i * kernel.shape[1] * taps:(i + 1) * kernel.shape[1] * taps] for i in range(kernel.shape[0])]
        strides = self.attribute(node, "strides", [1] * rank)
        dilations = self.attribute(node, "dilations", [1] * rank)
        share = 1
        for k, s, d in zip(kernel.shape[2:], strides, dilations):
            share *= -(-k * math.gcd(d, s) // s)
        candidates = []
        each = len(rows) // groups
        for g in range(groups):
            key = f"unfold({tensor},0)" if groups == 1 else f"unfold({tensor},0,{g})"
            candidates.append(share * self.norm_squared(key, rows[g * each:(g + 1) * each]))
        squared = max(candidates)
        key = f"conv({tensor})"
        if key in self.norms:
            source = self.shapes[node.input[0]]
            pads = self.attribute(node, "pads", [0] * (2 * rank))
            out = self.shapes[tensor]
            cells_in, cells_out = math.prod(source[1:]), math.prod(out[1:])
            if min(cells_in, cells_out) > 96:
                raise NotCovered("an explicit convolution of more than 96 cells")
            matrix = [[Fraction(0)] * cells_in for _ in range(cells_out)]
            own = kernel.shape[1]
            for o, position in enumerate(itertools.product(*map(range, out[1:]))):
                channel, place = position[0], position[1:]
                for c in range(own):
                    for t, tap in enumerate(itertools.product(*map(range, kernel.shape[2:]))):
                        cell = [p * s - b + k * d for p, s, b, k, d in zip(place, strides, pads, tap, dilations)]
                        if all(0 <= i < n for i, n in zip(cell, source[2:])):
                            index = channel // each * own + c
                            for i, n in zip(cell, source[2:]):
                                index = index * n + i
                            matrix[o][index] += rows[channel][c * taps + t]
            squared = min(squared, self.norm_squared(key, matrix))
        return squared, row_sums(rows)

    def step(self, step):
        tensor, rule = step["tensor"], step["rule"]
        node = self.producers.get(tensor)
        if node is None:
            raise Rejected(f"{tensor} is produced by no node")
        squared, linf, inputs = Fraction(1), Fraction(1), None
        if rule == "B-lin":
            source = step["roles"]["source"]
            matrix = self.chain(tensor, source)
            squared = self.norm_squared(f"affine({tensor}<-{source})", matrix)
            linf, inputs = row_sums(matrix), [source]
        elif rule == "B-conv" and node.op_type == "Conv":
            squared, linf = self.convolution(node, tensor, None)
        elif rule == "B-maxpool" and node.op_type == "MaxPool":
            kernel = self.attribute(node, "kernel_shape", [])
            for k, s, d in zip(kernel, self.attribute(node, "strides", [1] * len(kernel)),
                               self.attribute(node, "dilations", [1] * len(kernel))):
                squared *= -(-k * math.gcd(d, s) // s)
        elif rule == "B-act" and node.op_type in ("Relu", "Tanh", "Sigmoid", "Abs", "Neg", "Softplus", "Clip"):
            if node.op_type == "Sigmoid":
                squared, linf = Fraction(1, 16), Fraction(1, 4)
        elif rule == "B-shape" and node.op_type in ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose"):
            pass
        elif rule in ("B-mul", "B-div") and node.op_type in ("Mul", "Div"):
            name = [i for i in node.input if i in self.constants]
            values = [abs(v) for v in exact(self.constants[name[0]])]
            if node.op_type == "Div" and node.input[0] in self.constants:
                raise NotCovered("a constant divided by a tensor")
            linf = max(values) if node.op_type == "Mul" else 1 / min(values)
            squared = linf ** 2
        elif rule == "B-add" and node.op_type in ("Add", "Sub"):
            inputs = [i for i in node.input if i not in self.constants]
        else:
            raise NotCovered(f"the rule {rule} for {node.op_type}")
        inputs = inputs or [self.varying(node)]
        for name in inputs:
            if name not in self.facts:
                raise Rejected(f"{name} has no facts yet")
            if rule == "B-add" and self.size(name) != self.size(tensor):
                raise NotCovered("a broadcast")
        l2 = [self.facts[i][0] for i in inputs]
        claimed = step["facts"].get("lip", {})
        # Exact comparisons of squares; a sum of branches has the factor 1.
        top = sum(v for v in l2) if None not in l2 else None
        own = [self.facts[i][1] for i in inputs]
        sum_linf = sum(own) * linf if None not in own else None
        square = top ** 2 * squared if top is not None else None
        if sum_linf is not None:  # l2 <= sqrt(N) linf
            other = sum_linf ** 2 * self.size(tensor)
            square = other if square is None else min(square, other)
        if "l2" in claimed and (square is None or bound(claimed["l2"]) ** 2 < square):
            raise Rejected(f"{tensor}: lip.l2 is claimed too low")
        if "linf" in claimed and not ((sum_linf is not None and bound(claimed["linf"]) >= sum_linf) or
                                      (square is not None and bound(claimed["linf"]) ** 2 >= square)):
            raise Rejected(f"{tensor}: lip.linf is claimed too low")
        self.facts[tensor] = (bound(claimed["l2"]) if "l2" in claimed else None,
                              bound(claimed["linf"]) if "linf" in claimed else None)

    def run(self):
        question = self.certificate["question"]
        pair = question["input_norm"], question["output_norm"]
        if pair not in (("l2", "l2"), ("linf", "linf")) or question.get("select"):
            raise NotCovered("norms other than l2 -> l2 and linf -> linf")
        # Base linf: l2 <= sqrt(N), as a rational just above the root.
        root = Fraction(math.isqrt(self.size(question["origin"]) << 160) + 1, 1 << 80)
        self.facts[question["origin"]] = (Fraction(1) if pair[0] == "l2" else root, Fraction(1))
        for step in self.certificate["steps"]:
            self.step(step)
        own = self.facts.get(question["output"])
        value = own[0 if pair[0] == "l2" else 1] if own else None
        claim = bound(self.certificate["claim"]["lipschitz"])
        if value is None or claim < value:
            raise Rejected("the claim is too low")
        return claim, pair


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip())
        return 1
    try:
        with open(sys.argv[1]) as file:
            certificate = json.load(file)
        with open(sys.argv[2], "rb") as file:
            raw = file.read()
        claim, pair = Checker(certificate, onnx.load_model_from_string(raw), raw).run()
    except Rejected as reason:
        print(f"rejected: {reason}")
        return 2
    except (NotCovered, OSError) as reason:
        print(f"not covered: {reason}", file=sys.stderr)
        return 1
    except (KeyError, TypeError, ValueError, AttributeError) as reason:
        print(f"rejected: malformed ({reason!r})")
        return 2
    print(f"verified exactly: {float(claim):.9g} {pair[0]} -> {pair[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
