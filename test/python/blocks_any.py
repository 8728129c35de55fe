# ===- blocks_any.py - Random networks: blocks of any shape ----------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===-----------------------------------------------------------------------===#
"""Blocks that work on values of any shape: activations, products and sums of
branches, reductions, norms over the last axis, shape operators. A block takes
the graph and a value (name, shape) and returns a value."""

import math

import numpy as np

from graph_builder import affine_like


def unary(kind, opset=18, **attributes):
    def block(g, x):
        g.at_least(opset)
        return g.op(kind, [x], x[1], **attributes)
    return block


def softcap(g, x):
    cap = g.constant(1.5)
    inner = g.op("Tanh", [g.op("Div", [x, cap], x[1])], x[1])
    return g.op("Mul", [inner, cap], x[1])


def squared_relu(g, x):
    g.box()
    y = g.op("Relu", [x], x[1])
    return g.op("Mul", [y, y], x[1]) if g.choose(True, False) \
        else g.op("Pow", [y, g.constant(2.0)], x[1])


def silu(g, x):
    return g.op("Mul", [x, g.op("Sigmoid", [x], x[1])], x[1])


def gelu_erf_spelled(g, x):
    y = g.op("Erf", [g.op("Div", [x, g.constant(math.sqrt(2))], x[1])], x[1])
    y = g.op("Add", [y, g.constant(1.0)], x[1])
    return g.op("Mul", [g.op("Mul", [x, y], x[1]), g.constant(0.5)], x[1])


def gelu_tanh_spelled(g, x):
    cube = g.op("Pow", [x, g.constant(3.0)], x[1])
    y = g.op("Add", [x, g.op("Mul", [cube, g.constant(0.044715)], x[1])],
             x[1])
    y = g.op("Tanh", [g.op("Mul", [y, g.constant(math.sqrt(2 / math.pi))],
                           x[1])], x[1])
    y = g.op("Add", [y, g.constant(1.0)], x[1])
    half = g.op("Mul", [x, g.constant(0.5)], x[1])
    return g.op("Mul", [half, y], x[1])


def mish_spelled(g, x):
    y = g.op("Tanh", [g.op("Softplus", [x], x[1])], x[1])
    return g.op("Mul", [x, y], x[1])


def clip(g, x, low=-0.7, high=0.9):
    return g.op("Clip", [x, g.constant(low), g.constant(high)], x[1])


def positive(g, x):
    return clip(g, x, 0.5, 2.0)


def on_positive(kind):
    def block(g, x):
        return g.op(kind, [positive(g, x)], x[1])
    return block


def exponential(g, x):
    return g.op("Exp", [clip(g, x, -2.0, 1.5)], x[1])


def exponential_box(g, x):
    g.box()
    return g.op("Exp", [x], x[1])


def power(exponent, guarded):
    def block(g, x):
        if guarded:
            x = positive(g, x)
        else:
            g.box()
        return g.op("Pow", [x, g.constant(exponent)], x[1])
    return block


def mul_branches(g, x):
    g.box()
    a = g.op("Tanh", [x], x[1])
    return g.op("Mul", [a, affine_like(g, x)], x[1])


def div_branches(g, x):
    g.box()
    below = g.op("Add", [g.op("Sigmoid", [affine_like(g, x)], x[1]),
                         g.constant(0.5)], x[1])
    return g.op("Div", [x, below], x[1])


def two_branches(kind):
    def block(g, x):
        return g.op(kind, [x, affine_like(g, x)], x[1])
    return block


def three_branches(kind):
    def block(g, x):
        return g.op(kind, [x, affine_like(g, x), g.op("Relu", [x], x[1])],
                    x[1])
    return block


def residual_mix(g, x):
    y = g.op("Relu", [affine_like(g, x)], x[1])
    return g.op("Add", [g.op("Mul", [x, g.constant(0.75)], x[1]),
                        g.op("Mul", [y, g.constant(0.25)], x[1])], x[1])


def where_mask(g, x):
    mask = g.constant(g.random.random(x[1][1:]) < 0.5, np.bool_)
    return g.op("Where", [mask, x, affine_like(g, x)], x[1])


def where_selected(g, x):
    """A mask computed from constants by comparisons and logic."""
    places = g.constant(np.arange(x[1][-1]), np.float32)
    shape = (x[1][-1],)
    less = g.op("Less", [places, g.constant(2.0)], shape)
    greater = g.op("Greater", [places, g.constant(2.5)], shape)
    equal = g.op("Equal", [places, g.constant(1.0)], shape)
    mask = g.op("Or", [g.op("And", [less, g.op("Not", [equal], shape)],
                            shape), greater], shape)
    return g.op("Where", [mask, x, g.op("Neg", [affine_like(g, x)], x[1])],
                x[1])


def prelu(g, x):
    return g.op("PRelu", [x, g.uniform(-0.5, 1.5, x[1][1],
                                       *[1] * (len(x[1]) - 2))], x[1])


def softmax_of(kind, axis=-1):
    def block(g, x):
        return g.op(kind, [x], x[1], axis=axis % len(x[1]))
    return block


def scaled_softmax(g, x):
    y = g.op("Mul", [x, g.constant(3.0)], x[1])
    return g.op("Softmax", [y], x[1], axis=len(x[1]) - 1)


def reduction(kind, needs_box=False, guarded=False):
    """x * const + reduce(x) over the last or the last two axes."""
    def block(g, x):
        if needs_box:
            g.box()
        y = positive(g, x) if guarded else x
        axes = [len(x[1]) - 1] if len(x[1]) < 3 or g.choose(True, False) \
            else [1, len(x[1]) - 1]
        shape = [1 if i in axes else s for i, s in enumerate(x[1])]
        reduced = g.op(kind, [y, g.integers(axes)], shape, keepdims=1)
        return g.op("Add", [x, reduced], x[1])
    return block


def layer_norm(g, x):
    width = x[1][-1]
    return g.op("LayerNormalization",
                [x, g.uniform(0.5, 1.5, width), g.normal(width, scale=0.1)],
                x[1], axis=-1, epsilon=float(g.choose(1e-5, 1e-2, 1.0)))


def rms_norm(g, x):
    g.at_least(23)
    return g.op("RMSNormalization", [x, g.uniform(0.5, 1.5, x[1][-1])], x[1],
                axis=-1, epsilon=float(g.choose(1e-5, 1e-2, 1.0)))


def norm_spelled(centred):
    """LayerNorm or RMSNorm from ReduceMean, Pow, Sqrt, Div."""
    def block(g, x):
        axes, reduced = g.integers([-1]), (*x[1][:-1], 1)
        if centred:
            mean = g.op("ReduceMean", [x, axes], reduced, keepdims=1)
            x = g.op("Sub", [x, mean], x[1])
        square = g.op("Pow", [x, g.constant(2.0)], x[1])
        mean = g.op("ReduceMean", [square, axes], reduced, keepdims=1)
        root = g.op("Sqrt", [g.op("Add", [mean, g.constant(1e-2)],
                                  reduced)], reduced)
        y = g.op("Div", [x, root], x[1])
        return g.op("Mul", [y, g.uniform(0.5, 1.5, x[1][-1])], x[1])
    return block


def cumulative_sum(g, x):
    return g.op("CumSum", [x, g.integers(len(x[1]) - 1)], x[1])


def top_k(g, x):
    k = x[1][-1] // 2 + 1
    shape = (*x[1][:-1], k)
    return g.op("TopK", [x, g.integers([k])], [shape, shape], outputs=2,
                axis=-1, largest=int(g.choose(0, 1)))[0]


def concat_split(g, x):
    width = x[1][-1]
    left = width // 2
    axis = len(x[1]) - 1
    a, b = g.op("Split", [x, g.integers([left, width - left])],
                [(*x[1][:-1], left), (*x[1][:-1], width - left)],
                outputs=2, axis=axis)
    return g.op("Concat", [g.op("Tanh", [b], b[1]), a,
                           g.op("Relu", [a], a[1])],
                (*x[1][:-1], width + left), axis=axis)


def slice_block(g, x):
    width, axis = x[1][-1], len(x[1]) - 1
    steps = int(g.choose(1, 2))
    size = len(range(1, width, steps))
    y = g.op("Slice", [x, g.integers([1]), g.integers([width]),
                       g.integers([axis]), g.integers([steps])],
             (*x[1][:-1], size))
    return y


def gather_block(g, x):
    axis = len(x[1]) - 1
    index = g.random.integers(0, x[1][-1], 5)
    return g.op("Gather", [x, g.integers(index)], (*x[1][:-1], 5), axis=axis)


def gather_elements(g, x):
    index = g.random.integers(0, x[1][-1], x[1])
    return g.op("GatherElements", [x, g.integers(index)], x[1],
                axis=len(x[1]) - 1)


def tile(g, x):
    repeats = [1] * (len(x[1]) - 1) + [2]
    return g.op("Tile", [x, g.integers(repeats)],
                (*x[1][:-1], 2 * x[1][-1]))


def expand_add(g, x):
    """[..., n] -> [..., 2, n] by Unsqueeze and Expand, then a product with a
    constant and a sum."""
    rank = len(x[1])
    shape = (*x[1][:-1], 1, x[1][-1])
    y = g.op("Unsqueeze", [x, g.integers([rank - 1])], shape)
    wide = (*x[1][:-1], 2, x[1][-1])
    y = g.op("Expand", [y, g.integers(wide)], wide)
    y = g.op("Mul", [y, g.uniform(-1, 1, 2, x[1][-1])], wide)
    return g.op("ReduceSum", [y, g.integers([rank - 1])], x[1], keepdims=0)


def pad_block(mode):
    def block(g, x):
        rank = len(x[1])
        pads = [0] * (rank - 1) + [1] + [0] * (rank - 1) + [2]
        inputs = [x, g.integers(pads)]
        if mode == "constant":
            inputs.append(g.constant(0.3))
        return g.op("Pad", inputs, (*x[1][:-1], x[1][-1] + 3), mode=mode)
    return block


def reshape_transpose(g, x):
    """Flatten, transpose as a matrix, back."""
    total, last = math.prod(x[1]), x[1][-1]
    y = g.op("Reshape", [x, g.integers([total // last, last])],
             (total // last, last))
    y = g.op("Transpose", [y], (last, total // last), perm=[1, 0])
    return g.op("Reshape", [y, g.integers(x[1])], x[1])


def squeeze_family(g, x):
    y = g.op("Unsqueeze", [x, g.integers([0])], (1, *x[1]))
    return g.op("Squeeze", [y, g.integers([0])], x[1])


def trilu(g, x):
    if len(x[1]) == 2:
        n = x[1][1]
        y = g.op("Expand", [x, g.integers([n, n])], (n, n))
        y = g.op("Trilu", [y], (n, n), upper=int(g.choose(0, 1)))
        return g.op("ReduceMean", [y, g.integers([0])], x[1], keepdims=1)
    return g.op("Trilu", [x, g.integers(0)], x[1], upper=int(g.choose(0, 1)))


def glu(gate):
    """(W_u x) * act(W_v x)"""
    def block(g, x):
        g.box()
        width, hidden = x[1][-1], x[1][-1] + 2
        shape = (*x[1][:-1], hidden)
        u = g.op("MatMul", [x, g.normal(width, hidden,
                                        scale=width ** -0.5)], shape)
        v = g.op("MatMul", [x, g.normal(width, hidden,
                                        scale=width ** -0.5)], shape)
        v = {"silu": silu, "gelu": gelu_erf_spelled,
             "sigmoid": unary("Sigmoid")}[gate](g, v)
        y = g.op("Mul", [u, v], shape)
        return g.op("MatMul", [y, g.normal(hidden, width,
                                           scale=hidden ** -0.5)], x[1])
    return block


def bilinear(g, x):
    """x xᵀ per batch slice: MatMul of two values."""
    g.box()
    rank = len(x[1])
    if rank == 2:
        n = x[1][1]
        x = g.op("Reshape", [x, g.integers([1, n // 2, 2])], (1, n // 2, 2)) \
            if n % 2 == 0 else g.op("Unsqueeze", [x, g.integers([2])],
                                    (1, n, 1))
        rank = 3
    perm = [*range(rank - 2), rank - 1, rank - 2]
    swapped = (*x[1][:-2], x[1][-1], x[1][-2])
    y = g.op("Transpose", [x], swapped, perm=perm)
    return g.op("MatMul", [x, y], (*x[1][:-1], x[1][-2]))


def dropout(g, x):
    return g.op("Dropout", [g.op("Identity", [x], x[1])], x[1])
