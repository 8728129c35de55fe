# ===- graph_builder.py - Building small ONNX graphs -----------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===-----------------------------------------------------------------------===#
"""The graph under construction that the blocks of random networks append to,
and the affine maps that all of them use."""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """A graph under construction; values are (name, shape) pairs."""

    def __init__(self, shape, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers = [], []
        self.opset, self.needs_box = 18, False
        self.input = ("x", tuple(shape))
        self.count = 0

    def fresh(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def constant(self, array, dtype=np.float32):
        name = self.fresh("c")
        self.initializers.append(
            numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def integers(self, values):
        return self.constant(values, np.int64)

    def normal(self, *shape, scale=None):
        """A weight N(0, scale²); scale defaults to 1/sqrt(fan in)."""
        if scale is None:
            scale = 1 / math.sqrt(math.prod(shape[1:]) or 1)
        return self.constant(scale * self.random.standard_normal(shape))

    def uniform(self, low, high, *shape):
        return self.constant(self.random.uniform(low, high, shape))

    def choose(self, *options):
        return options[self.random.integers(len(options))]

    def box(self):
        """The block needs ranges: certify on the box."""
        self.needs_box = True

    def at_least(self, opset):
        self.opset = max(self.opset, opset)

    def op(self, kind, inputs, shape, outputs=1, **attributes):
        """Append a node. `inputs`: values or constants' names; the result's
        shape is given by the caller and checked when the graph is built."""
        names = [i if isinstance(i, str) else i[0] for i in inputs]
        results = [self.fresh("t") for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, results,
                                           **attributes))
        if outputs == 1:
            return results[0], tuple(shape)
        return [(r, tuple(s)) for r, s in zip(results, shape)]

    def model(self, output):
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, "random",
            [value(self.input[0], TensorProto.FLOAT, self.input[1])],
            [value(output[0], TensorProto.FLOAT, output[1])],
            self.initializers)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", self.opset)],
            ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model


# ---- affine maps ------------------------------------------------------------

def affine_like(g, x):
    """An affine map that keeps the shape of x."""
    if len(x[1]) > 3 or (len(x[1]) == 3 and getattr(g, "channels", False)):
        return convolution(g, x, same=True)
    width = x[1][-1]
    if len(x[1]) == 2 and g.choose(True, False):
        return g.op("Gemm", [x, g.normal(width, width),
                             g.normal(width, scale=0.2)], x[1], transB=1,
                    alpha=float(g.choose(1.0, 0.8)))
    y = g.op("MatMul", [x, g.normal(width, width, scale=width ** -0.5)],
             x[1])
    return g.op("Add", [y, g.normal(width, scale=0.2)], x[1])


def matmul_left(g, x):
    """A constant on the left mixes the second last axis."""
    rows = x[1][-2]
    return g.op("MatMul", [g.normal(rows, rows), x], x[1])


def out_size(size, kernel, stride, dilation, pad, ceil=False):
    numerator = size + pad - dilation * (kernel - 1) - 1
    return (-(-numerator // stride) if ceil else numerator // stride) + 1


def convolution(g, x, same=False, stride=1, dilation=1, groups=1, pad=None,
                kernel=3, bias=True):
    """Conv of any rank with square kernels."""
    rank = len(x[1]) - 2
    channels = x[1][1]
    outputs = channels if same or groups > 1 else channels + 1
    if pad is None:
        pad = 1 if same else 0
    if same:
        kernel = 3
    spatial = [out_size(s, kernel, stride, dilation, 2 * pad)
               for s in x[1][2:]]
    inputs = [x, g.normal(outputs, channels // groups, *[kernel] * rank)]
    if bias:
        inputs.append(g.normal(outputs, scale=0.2))
    return g.op("Conv", inputs, (1, outputs, *spatial),
                kernel_shape=[kernel] * rank, strides=[stride] * rank,
                dilations=[dilation] * rank, pads=[pad] * 2 * rank,
                group=groups)
