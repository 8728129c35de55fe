#!/usr/bin/env python3
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes certificates for feed-forward ONNX models, independently of lipt.

The bound is the plain product of norms: per affine chain ‖A‖ (numpy's SVD plus
room), per convolution √m_h m_w ‖K_(out×rest)‖, per activation its slope. Used
as the checker's test oracle: the checker must accept what is written here, and
must refuse it once any number is lowered.

  checker_certificates.py MODEL.onnx OUT.lipcert [--linf]
"""
import hashlib
import json
import math
import sys

import numpy as np
import onnx
from onnx import numpy_helper

ROOM = 1e-9  # relative room of every claim


def pair(value):
    """A BOUND that is at least `value` with room."""
    if value == 0:
        return {"m": "0x0p+0", "e": 0}
    m, e = math.frexp(value * (1 + ROOM))
    return {"m": (m * 2).hex(), "e": e - 1}


def cholesky(matrix):
    """A `matrices` entry without its key: the witness of ‖matrix‖₂."""
    matrix = np.asarray(matrix, dtype=np.float64)
    norm = np.linalg.norm(matrix, 2)
    exponent = math.frexp(np.abs(matrix).max())[1]
    theta = math.ldexp(norm, -exponent) ** 2
    return {"method": "cholesky", "transposed": bool(matrix.shape[0] < matrix.shape[1]),
            "exponent": exponent, "tau": (theta * (1 + ROOM)).hex(), "norm": pair(norm)}, norm * (1 + 2 * ROOM)


class Writer:
    def __init__(self, path):
        self.bytes = open(path, "rb").read()
        self.model = onnx.load(path)
        graph = self.model.graph
        self.constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self.inputs = [i for i in graph.input if i.name not in self.constants]
        self.steps, self.matrices = [], []
        self.facts = {}
        self.producers = {o: n for n in graph.node for o in n.output}

    def attribute(self, node, name, default):
        for a in node.attribute:
            if a.name == name:
                return onnx.helper.get_attribute_value(a)
        return default

    def header(self):
        stored = [{"name": t.name, "type": onnx.helper.tensor_dtype_to_np_dtype(t.data_type).name,
                   "shape": list(t.dims), "sha256": hashlib.sha256(numpy_helper.to_array(t).tobytes()).hexdigest()}
                  for t in self.model.graph.initializer]
        source = self.inputs[0]
        axes = ["batch"] + ["feature"] * (len(source.type.tensor_type.shape.dim) - 1)
        if any(n.op_type == "Conv" and source.name in n.input for n in self.model.graph.node):
            axes = ["batch", "feature"] + ["spatial"] * (len(axes) - 2)
        if len(axes) == 1:
            axes = ["feature"]
        return stored, source.name, axes

    def step(self, tensor, rule, nodes, inputs, facts, **rest):
        facts["linf"] = min(facts["linf"], facts["l2"])  # what the closure knows
        self.facts[tensor] = facts
        self.steps.append({"tensor": tensor, "rule": rule, "nodes": nodes, "inputs": inputs,
                           "facts": {"lip": {k: pair(v) for k, v in facts.items()}}, **rest})
        for k in facts:  # the claim, with its room, is what later steps use
            facts[k] *= 1 + 2 * ROOM

    def weight(self, node):
        """(matrix out×in, varying operand) of a MatMul or Gemm."""
        w = self.constants[node.input[1]].astype(np.float64)
        if node.op_type == "Gemm" and self.attribute(node, "transB", 0):
            return w
        return w.T

    def affine(self, node):
        """One MatMul or Gemm with the additions that follow."""
        source, matrix, nodes = node.input[0], self.weight(node), [node.output[0]]
        last = node
        while True:
            users = [n for n in self.model.graph.node if last.output[0] in n.input]
            if len(users) == 1 and users[0].op_type == "Add" and any(i in self.constants for i in users[0].input):
                last = users[0]
                nodes.append(last.output[0])
            else:
                break
        tensor = last.output[0]
        key = f"affine({tensor}<-{source})"
        witness, norm = cholesky(matrix)
        self.matrices.append({"key": key, **witness})
        x = self.facts[source]
        facts = {"l2": x["l2"] * norm, "linf": x["linf"] * np.abs(matrix).sum(1).max()}
        self.step(tensor, "B-lin", nodes, [source], facts, roles={"source": source}, matrices=[key])
        return last

    def convolution(self, node):
        source, tensor = node.input[0], node.output[0]
        kernel = self.constants[node.input[1]].astype(np.float64)
        strides = self.attribute(node, "strides", [1] * (kernel.ndim - 2))
        dilations = self.attribute(node, "dilations", [1] * (kernel.ndim - 2))
        share = 1
        for k, s, d in zip(kernel.shape[2:], strides, dilations):
            share *= -(-k * math.gcd(d, s) // s)
        witness, norm = cholesky(kernel.reshape(kernel.shape[0], -1))
        key = f"unfold({tensor},0)"
        self.matrices.append({"key": key, **witness})
        x = self.facts[source]
        facts = {"l2": x["l2"] * norm * math.sqrt(share),
                 "linf": x["linf"] * np.abs(kernel).reshape(kernel.shape[0], -1).sum(1).max()}
        self.step(tensor, "B-conv", [tensor], [source], facts, matrices=[key])

    def entrywise(self, node, rule, slope, linf=None):
        source, tensor = node.input[0], node.output[0]
        x = self.facts[source]
        self.step(tensor, rule, [tensor], [source],
                  {"l2": x["l2"] * slope, "linf": x["linf"] * (slope if linf is None else linf)})

    def write(self, out, linf=False):
        stored, origin, axes = self.header()
        self.facts[origin] = {"l2": 1.0, "linf": 1.0}
        if linf:
            size = np.prod([d.dim_value for d in self.inputs[0].type.tensor_type.shape.dim])
            self.facts[origin]["l2"] = math.sqrt(size)
        done = set()
        for node in self.model.graph.node:
            if node.op_type == "Constant" or node.output[0] in done:
                continue
            if node.op_type in ("MatMul", "Gemm"):
                last = self.affine(node)
                done.update(s for s in self.steps[-1]["nodes"])
            elif node.op_type == "Conv":
                self.convolution(node)
            elif node.op_type == "MaxPool":
                share = 1
                k = self.attribute(node, "kernel_shape", [])
                for kernel, stride in zip(k, self.attribute(node, "strides", [1] * len(k))):
                    share *= -(-kernel // stride)
                self.entrywise(node, "B-maxpool", math.sqrt(share), 1.0)
            elif node.op_type in ("Flatten", "Reshape"):
                self.entrywise(node, "B-shape", 1.0)
            elif node.op_type in ("Add", "Sub") and any(i in self.constants for i in node.input):
                self.entrywise(node, "B-add", 1.0)
            elif node.op_type == "Add":
                a, b = (self.facts[i] for i in node.input)
                self.step(node.output[0], "B-add", [node.output[0]], list(node.input),
                          {k: a[k] + b[k] for k in a})
            elif node.op_type == "Div":
                self.entrywise(node, "B-div", 1 / np.abs(self.constants[node.input[1]]).min())
            elif node.op_type in ("Relu", "Tanh", "Sigmoid"):
                self.entrywise(node, "B-act", 0.25 if node.op_type == "Sigmoid" else 1.0)
            else:
                raise SystemExit(f"no rule for {node.op_type}")
        output = self.model.graph.output[0].name
        norm = "linf" if linf else "l2"
        certificate = {
            "format": "lipcert", "version": 1, "tool": "checker_certificates", "semantics": "real",
            "model": {"file": "model.onnx", "sha256": hashlib.sha256(self.bytes).hexdigest(), "initializers": stored},
            "sizes": {},
            "inputs": [{"name": origin, "axes": axes, "status": "varying"}],
            "question": {"origin": origin, "input_norm": norm, "output": output, "output_norm": norm,
                         "domain": {"kind": "global"}},
            "matrices": self.matrices, "steps": self.steps,
            "claim": {"lipschitz": pair(self.facts[output][norm])}}
        with open(out, "w") as file:
            json.dump(certificate, file, indent=1)


if __name__ == "__main__":
    Writer(sys.argv[1]).write(sys.argv[2], "--linf" in sys.argv[3:])
