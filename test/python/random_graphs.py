# ===- random_graphs.py - Random small ONNX networks ------------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""A generator of small ONNX networks over all operators that have a bound.

Three families, by the shape of the input: vectors [1,N], images [1,C,H,W]
(also [1,C,L] and [1,C,D,H,W]) and sequences [1,T,D]. A network is an affine
start, one featured block, one random block and an affine end, sometimes with a
residual mix. A block that has no global constant asks for the box [-1,1].
"""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BOX = (-1.0, 1.0)


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


# ---- blocks on any shape (elementwise) --------------------------------------

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


# ---- images -----------------------------------------------------------------

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


def conv_variant(**options):
    def block(g, x):
        return convolution(g, x, **options)
    return block


def depthwise(g, x):
    return convolution(g, x, same=True, groups=x[1][1])


def conv_transpose(stride=1, dilation=1, pad=0, output_padding=0, groups=1):
    def block(g, x):
        rank, channels, kernel = len(x[1]) - 2, x[1][1], 3
        spatial = [(s - 1) * stride + dilation * (kernel - 1) + 1 - 2 * pad
                   + output_padding for s in x[1][2:]]
        outputs = channels if groups > 1 else channels + 1
        return g.op("ConvTranspose",
                    [x, g.normal(channels, outputs // groups,
                                 *[kernel] * rank),
                     g.normal(outputs, scale=0.2)],
                    (1, outputs, *spatial), kernel_shape=[kernel] * rank,
                    strides=[stride] * rank, dilations=[dilation] * rank,
                    pads=[pad] * 2 * rank, group=groups,
                    output_padding=[output_padding] * rank)
    return block


def pool(kind, kernel=2, stride=2, pad=0, dilation=1, **attributes):
    def block(g, x):
        spatial = [out_size(s, kernel, stride, dilation, 2 * pad)
                   for s in x[1][2:]]
        extra = dict(attributes)
        if dilation > 1:
            extra["dilations"] = [dilation] * 2
        return g.op(kind, [x], (*x[1][:2], *spatial),
                    kernel_shape=[kernel] * 2, strides=[stride] * 2,
                    pads=[pad] * 4, **extra)
    return block


def global_pool(kind, **attributes):
    def block(g, x):
        return g.op(kind, [x], (*x[1][:2], *[1] * (len(x[1]) - 2)),
                    **attributes)
    return block


def batch_norm(g, x):
    c = x[1][1]
    return g.op("BatchNormalization",
                [x, g.uniform(-1.5, 1.5, c), g.normal(c, scale=0.2),
                 g.normal(c, scale=0.2), g.uniform(0.3, 2.0, c)], x[1],
                epsilon=1e-5)


def conv_batch_norm(g, x):
    y = batch_norm(g, convolution(g, x, same=True))
    return g.op("Add", [x, g.op("Relu", [y], y[1])], x[1])


def instance_norm(g, x):
    c = x[1][1]
    return g.op("InstanceNormalization",
                [x, g.uniform(0.5, 1.5, c), g.normal(c, scale=0.2)], x[1],
                epsilon=float(g.choose(1e-5, 1e-2)))


def group_norm(g, x):
    g.at_least(21)
    c = x[1][1]
    return g.op("GroupNormalization",
                [x, g.uniform(0.5, 1.5, c), g.normal(c, scale=0.2)], x[1],
                num_groups=c if c % 2 else 2, epsilon=1e-2)


def resize_nearest(g, x):
    scales = [1.0, 1.0] + [2.0] * (len(x[1]) - 2)
    return g.op("Resize", [x, "", g.constant(scales)],
                (*x[1][:2], *[2 * s for s in x[1][2:]]), mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor")


def depth_to_space(g, x):
    y = g.op("Conv", [x, g.normal(4, x[1][1], 1, 1)], (1, 4, *x[1][2:]),
             kernel_shape=[1, 1])
    return g.op("DepthToSpace", [y], (1, 1, 2 * x[1][2], 2 * x[1][3]),
                blocksize=2)


# ---- sequences --------------------------------------------------------------

def heads_of(g, x, heads):
    """[1,T,H*d] -> [1,H,T,d]"""
    tokens, width = x[1][1], x[1][2]
    y = g.op("Reshape", [x, g.integers([0, 0, heads, width // heads])],
             (1, tokens, heads, width // heads))
    return g.op("Transpose", [y], (1, heads, tokens, width // heads),
                perm=[0, 2, 1, 3])


def projection(g, x, outputs, bias=True):
    width = x[1][2]
    shape = (*x[1][:2], outputs)
    y = g.op("MatMul", [x, g.normal(width, outputs, scale=width ** -0.5)],
             shape)
    return g.op("Add", [y, g.normal(outputs, scale=0.3)], shape) if bias \
        else y


def rotary_tables(g, tokens, half):
    angle = np.arange(tokens)[:, None] * 10.0 ** (-np.arange(half) / half)
    return np.cos(angle), np.sin(angle)


def rotate(g, x):
    """Rotate-half rotary embedding spelled out on [1,H,T,d]."""
    tokens, width = x[1][2], x[1][3]
    cos, sin = rotary_tables(g, tokens, width // 2)
    cos = g.constant(np.concatenate([cos, cos], 1))
    sin = g.constant(np.concatenate([sin, sin], 1))
    half = (*x[1][:3], width // 2)
    axis = g.integers([3])
    low = g.op("Slice", [x, g.integers([0]), g.integers([width // 2]), axis],
               half)
    high = g.op("Slice", [x, g.integers([width // 2]), g.integers([width]),
                          axis], half)
    turned = g.op("Concat", [g.op("Neg", [high], half), low], x[1], axis=3)
    return g.op("Add", [g.op("Mul", [x, cos], x[1]),
                        g.op("Mul", [turned, sin], x[1])], x[1])


def attention_spelled(mask=None, rotary=False, norm=False, scale="logits",
                      bias=True):
    """Softmax(Q Kᵀ) V with heads, mask: None, additive, where or finite."""
    def block(g, x):
        if not norm:
            g.box()
        source = layer_norm(g, x) if norm else x
        tokens, width = x[1][1], x[1][2]
        heads = 2
        q, k, v = (heads_of(g, projection(g, source, width, bias), heads)
                   for _ in range(3))
        if rotary:
            q, k = rotate(g, q), rotate(g, k)
        head_width = width // heads
        if scale == "both":
            root = g.constant(head_width ** -0.25)
            q = g.op("Mul", [q, root], q[1])
            k = g.op("Mul", [k, root], k[1])
        swapped = (1, heads, head_width, tokens)
        logits = g.op("MatMul", [q, g.op("Transpose", [k], swapped,
                                         perm=[0, 1, 3, 2])],
                      (1, heads, tokens, tokens))
        if scale == "logits":
            logits = g.op("Div", [logits, g.constant(head_width ** 0.5)],
                          logits[1])
        causal = np.tril(np.ones((tokens, tokens), bool))
        if mask == "additive":
            fill = np.where(causal, 0.0, -np.inf)
            logits = g.op("Add", [logits, g.constant(fill)], logits[1])
        elif mask in ("where", "finite"):
            fill = g.constant(-np.inf if mask == "where" else -1e4)
            logits = g.op("Where", [g.constant(causal, np.bool_), logits,
                                    fill], logits[1])
        weights = g.op("Softmax", [logits], logits[1], axis=3)
        y = g.op("MatMul", [weights, v], v[1])
        y = g.op("Transpose", [y], (1, tokens, heads, head_width),
                 perm=[0, 2, 1, 3])
        y = g.op("Reshape", [y, g.integers([0, 0, width])], x[1])
        return projection(g, y, width, bias)
    return block


def attention_op(kv_heads=2, causal=0, cap=0.0, mask=False, four=False):
    """The Attention operator, 3-D or 4-D inputs."""
    def block(g, x):
        g.box()
        g.at_least(23)
        tokens, width, heads = x[1][1], x[1][2], 2
        head_width = width // heads
        q = projection(g, x, width)
        k = projection(g, x, kv_heads * head_width)
        v = projection(g, x, kv_heads * head_width)
        attributes = {"is_causal": causal}
        if cap:
            attributes["softcap"] = cap
        shape = x[1]
        if four:
            q = heads_of(g, q, heads)
            k, v = heads_of(g, k, kv_heads), heads_of(g, v, kv_heads)
            shape = q[1]
        else:
            attributes.update(q_num_heads=heads, kv_num_heads=kv_heads)
        inputs = [q, k, v]
        if mask:
            inputs.append(g.constant(g.random.standard_normal(
                (tokens, tokens))))
        y = g.op("Attention", inputs, shape, **attributes)
        if four:
            y = g.op("Transpose", [y], (1, tokens, heads, head_width),
                     perm=[0, 2, 1, 3])
            y = g.op("Reshape", [y, g.integers([0, 0, width])], x[1])
        return projection(g, y, width)
    return block


def rotary_op(interleaved=0, partial=False):
    """RotaryEmbedding on [1,H,T,d] with stored tables."""
    def block(g, x):
        g.at_least(23)
        tokens, width, heads = x[1][1], x[1][2], 1 if partial else 2
        y = heads_of(g, x, heads)
        half = width // heads // 2 // (2 if partial else 1)
        cos, sin = rotary_tables(g, tokens, half)
        attributes = {"rotary_embedding_dim": 2 * half} if partial else {}
        y = g.op("RotaryEmbedding", [y, g.constant(cos[None]),
                                     g.constant(sin[None])], y[1],
                 interleaved=interleaved, **attributes)
        y = g.op("Transpose", [y], (1, tokens, heads, width // heads),
                 perm=[0, 2, 1, 3])
        return g.op("Reshape", [y, g.integers([0, 0, width])], x[1])
    return block


def cross_attention(g, x):
    """Queries from a tanh of x, keys and values from x (no projection)."""
    g.box()
    tokens, width = x[1][1], x[1][2]
    q = projection(g, g.op("Tanh", [x], x[1]), width)
    k = g.op("Transpose", [projection(g, x, width)], (1, width, tokens),
             perm=[0, 2, 1])
    logits = g.op("MatMul", [q, k], (1, tokens, tokens))
    weights = g.op("Softmax", [g.op("Mul", [logits, g.constant(0.3)],
                                    logits[1])], logits[1], axis=2)
    return g.op("MatMul", [weights, g.op("Relu", [projection(g, x, width)],
                                         x[1])], x[1])


def mlp_residual(g, x):
    width = x[1][-1]
    y = projection(g, x, 2 * width)
    g.at_least(20)
    y = g.op("Gelu", [y], y[1])
    return g.op("Add", [x, projection(g, y, width)], x[1])


def token_mean(g, x):
    mean = g.op("ReduceMean", [x, g.integers([1])], (1, 1, x[1][2]),
                keepdims=1)
    return g.op("Sub", [x, mean], x[1])


def token_concat(g, x):
    """A constant class token in front."""
    token = g.normal(1, 1, x[1][2], scale=0.5)
    y = g.op("Concat", [token, x], (1, x[1][1] + 1, x[1][2]), axis=1)
    return g.op("Add", [y, g.normal(x[1][1] + 1, x[1][2], scale=0.3)], y[1])


# ---- the list of features ---------------------------------------------------

ACTIVATIONS = {
    "relu": unary("Relu"), "leaky": unary("LeakyRelu", alpha=0.2),
    "leaky_negative": unary("LeakyRelu", alpha=-1.5), "prelu": prelu,
    "elu": unary("Elu", alpha=1.7), "selu": unary("Selu"),
    "celu": unary("Celu", alpha=0.6),
    "gelu": unary("Gelu", 20), "gelu_tanh": unary("Gelu", 20,
                                                  approximate="tanh"),
    "gelu_erf_spelled": gelu_erf_spelled,
    "gelu_tanh_spelled": gelu_tanh_spelled, "silu": silu,
    "swish": unary("Swish", 24, alpha=1.702), "mish": unary("Mish"),
    "mish_spelled": mish_spelled, "hardswish": unary("HardSwish"),
    "hardsigmoid": unary("HardSigmoid"), "sigmoid": unary("Sigmoid"),
    "tanh": unary("Tanh"), "softplus": unary("Softplus"),
    "softsign": unary("Softsign"), "erf": unary("Erf"), "clip": clip,
    "abs": unary("Abs"), "exp": exponential, "exp_box": exponential_box,
    "log": on_positive("Log"), "sqrt": on_positive("Sqrt"),
    "reciprocal": on_positive("Reciprocal"), "squared_relu": squared_relu,
    "softcap": softcap, "sin": unary("Sin"), "cos": unary("Cos"),
    "neg": unary("Neg"), "thresholded": unary("ThresholdedRelu", alpha=0.0),
    "pow2": power(2.0, False), "pow3": power(3.0, False),
    "pow_half": power(0.5, True), "pow_minus": power(-1.5, True),
}

ELEMENTWISE = {
    "mul_branches": mul_branches, "div_branches": div_branches,
    "add": two_branches("Add"), "sub": two_branches("Sub"),
    "min": two_branches("Min"), "max": three_branches("Max"),
    "sum": three_branches("Sum"), "mean": three_branches("Mean"),
    "residual_mix": residual_mix, "where_mask": where_mask,
    "where_selected": where_selected, "dropout": dropout,
}

SHAPES = {
    "softmax": softmax_of("Softmax"), "scaled_softmax": scaled_softmax,
    "softmax_first": softmax_of("Softmax", 1),
    "log_softmax": softmax_of("LogSoftmax"),
    "reduce_sum": reduction("ReduceSum"),
    "reduce_mean": reduction("ReduceMean"),
    "reduce_max": reduction("ReduceMax"), "reduce_min": reduction("ReduceMin"),
    "reduce_l1": reduction("ReduceL1"), "reduce_l2": reduction("ReduceL2"),
    "reduce_square": reduction("ReduceSumSquare", needs_box=True),
    "reduce_lse": reduction("ReduceLogSumExp"),
    "layer_norm": layer_norm, "rms_norm": rms_norm,
    "layer_norm_spelled": norm_spelled(True),
    "rms_norm_spelled": norm_spelled(False),
    "cumsum": cumulative_sum, "topk": top_k, "concat_split": concat_split,
    "slice": slice_block, "gather": gather_block,
    "gather_elements": gather_elements, "tile": tile, "expand": expand_add,
    "pad_constant": pad_block("constant"), "pad_edge": pad_block("edge"),
    "pad_reflect": pad_block("reflect"), "pad_wrap": pad_block("wrap"),
    "reshape_transpose": reshape_transpose, "squeeze": squeeze_family,
    "trilu": trilu, "swiglu": glu("silu"), "geglu": glu("gelu"),
    "glu": glu("sigmoid"), "bilinear": bilinear,
}

IMAGES = {
    "conv": conv_variant(pad=1), "conv_valid": conv_variant(),
    "conv_stride": conv_variant(stride=2, pad=1),
    "conv_dilation": conv_variant(dilation=2, pad=2),
    "conv_stride_dilation": conv_variant(stride=2, dilation=2, pad=1),
    "conv_groups": conv_variant(groups=2, same=True),
    "conv_1x1": conv_variant(kernel=1), "depthwise": depthwise,
    "conv_transpose": conv_transpose(),
    "conv_transpose_stride": conv_transpose(stride=2, pad=1,
                                            output_padding=1),
    "conv_transpose_groups": conv_transpose(groups=2, dilation=2),
    "max_pool": pool("MaxPool"),
    "max_pool_overlap": pool("MaxPool", 3, 1, 1),
    "max_pool_3_2": pool("MaxPool", 3, 2, 1),
    "max_pool_dilated": pool("MaxPool", 2, 1, 0, 2),
    "average_pool": pool("AveragePool"),
    "average_pool_pads": pool("AveragePool", 3, 1, 1, count_include_pad=1),
    "average_pool_excluded": pool("AveragePool", 3, 2, 1,
                                  count_include_pad=0),
    "lp_pool": pool("LpPool", 2, 1, p=3), "lp1_pool": pool("LpPool", p=1),
    "global_average": global_pool("GlobalAveragePool"),
    "global_max": global_pool("GlobalMaxPool"),
    "global_lp": global_pool("GlobalLpPool", p=2),
    "batch_norm": batch_norm, "conv_batch_norm": conv_batch_norm,
    "instance_norm": instance_norm, "group_norm": group_norm,
    "resize": resize_nearest, "depth_to_space": depth_to_space,
    "image_relu": unary("Relu"), "image_prelu": prelu,
}

SEQUENCES = {
    "attention": attention_spelled(), "attention_norm":
        attention_spelled(norm=True),
    "attention_additive": attention_spelled("additive"),
    "attention_where": attention_spelled("where", norm=True, scale="both"),
    "attention_finite": attention_spelled("finite"),
    "attention_rotary": attention_spelled("where", rotary=True, bias=False),
    "attention_rotary_norm": attention_spelled(rotary=True, norm=True),
    "attention_op": attention_op(), "attention_op_causal":
        attention_op(causal=1),
    "attention_op_grouped": attention_op(kv_heads=1),
    "attention_op_cap": attention_op(cap=2.0),
    "attention_op_mask": attention_op(mask=True, four=True),
    "cross_attention": cross_attention,
    "rotary_op": rotary_op(), "rotary_interleaved": rotary_op(1),
    "rotary_partial": rotary_op(partial=True), "mlp_residual": mlp_residual,
    "token_mean": token_mean, "token_concat": token_concat,
    "matmul_left": matmul_left, "sequence_layer_norm": layer_norm,
    "sequence_rms_norm": rms_norm, "sequence_swiglu": glu("silu"),
    "sequence_bilinear": bilinear, "sequence_softmax": softmax_of("Softmax"),
}

FAMILIES = {
    "vector": {**ACTIVATIONS, **ELEMENTWISE, **SHAPES},
    "image": dict(IMAGES), "sequence": dict(SEQUENCES),
}

# Second blocks, chosen at random after the featured one.
SECOND = {
    "vector": ["relu", "tanh", "gelu", "residual_mix", "add", "softmax",
               "concat_split", "layer_norm", "leaky", "max", "silu", "mean"],
    "image": ["image_relu", "conv", "depthwise", "average_pool", "batch_norm",
              "max_pool", "conv_stride"],
    "sequence": ["mlp_residual", "token_mean", "sequence_layer_norm",
                 "matmul_left", "token_concat", "sequence_softmax"],
}


def apply(g, block, x):
    """A block, with a residual connection now and then where shapes agree."""
    y = block(g, x)
    if y[1] == x[1] and g.random.random() < 0.25:
        y = g.op("Add", [x, y], x[1])
    return y


def mixed(family):
    """Three blocks of the family's second list in a row."""
    def block(g, x):
        for _ in range(3):
            names = SECOND[family]
            name = names[g.random.integers(len(names))]
            if family == "image" and min(x[1][2:]) < 3:
                break
            x = apply(g, FAMILIES[family][name], x)
        return x
    return block


for _family in FAMILIES:
    for _index in range(5):
        FAMILIES[_family][f"mixed{_index}"] = mixed(_family)


def finish(g, family, x):
    """An affine end of at most 8 outputs; sequences keep their tokens."""
    if family == "sequence" and len(x[1]) == 3:
        return projection(g, x, 3)
    if len(x[1]) > 2:
        x = g.op("Flatten", [x], (1, math.prod(x[1][1:])), axis=1)
    return g.op("Gemm", [x, g.normal(5, x[1][1]), g.normal(5, scale=0.2)],
                (1, 5), transB=1)


class RandomNetwork:
    """A generated model: `box` is its domain, None for all of R^n; `tokens`
    says whether input and output are sequences."""

    def __init__(self, name, family, model, box, tokens):
        self.name, self.family, self.model = name, family, model
        self.box, self.tokens = box, tokens


def generate(family, feature, seed):
    """The network of one featured block; equal arguments, equal bytes."""
    random = np.random.default_rng([seed, 17])
    if family == "vector":
        shape = (1, int(random.integers(4, 9)))
    elif family == "sequence":
        shape = (1, int(random.integers(3, 5)), int(random.choice([4, 8])))
    else:
        shape = (1, 2, 5, 5)
        if feature in ("conv", "conv_stride", "conv_transpose",
                       "conv_batch_norm", "instance_norm", "depthwise"):
            shape = [(1, 2, 5, 5), (1, 2, 7), (1, 2, 3, 3, 3)][seed % 3]
    g = Graph(shape, [seed, 29])
    g.channels = family == "image"
    x = g.input
    blocks = FAMILIES[family]
    if g.random.random() < 0.5:
        x = affine_like(g, x)
    x = apply(g, blocks[feature], x)
    second = SECOND[family][g.random.integers(len(SECOND[family]))]
    smallest = min(x[1][2:], default=1) if family == "image" else 2
    fits = len(x[1]) == len(shape) and (
        family != "image" or (len(shape) == 4 and smallest >= 3))
    if fits and g.random.random() < 0.7:
        x = apply(g, blocks[second], x)
    tokens = family == "sequence" and len(x[1]) == 3
    if g.random.random() < 0.8 or math.prod(x[1]) > 40:
        x = finish(g, family, x)
    return RandomNetwork(f"{family}-{feature}-{seed}", family, g.model(x),
                         BOX if g.needs_box else None, tokens)

