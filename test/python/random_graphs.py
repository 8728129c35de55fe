# ===- random_graphs.py - Random small ONNX networks -----------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===-----------------------------------------------------------------------===#
"""A generator of small ONNX networks over all operators that have a bound.

Three families, by the shape of the input: vectors [1,N], images [1,C,H,W]
(also [1,C,L] and [1,C,D,H,W]) and sequences [1,T,D]. A network is an affine
start, one featured block, one random block and an affine end, sometimes with a
residual mix. A block that has no global constant asks for the box [-1,1].
"""

import math

import numpy as np

from blocks_any import (
    bilinear, clip, concat_split, cumulative_sum, div_branches, dropout,
    expand_add, exponential, exponential_box, gather_block, gather_elements,
    gelu_erf_spelled, gelu_tanh_spelled, glu, layer_norm, mish_spelled,
    mul_branches, norm_spelled, on_positive, pad_block, power, prelu,
    reduction, reshape_transpose, residual_mix, rms_norm, scaled_softmax, silu,
    slice_block, softcap, softmax_of, squared_relu, squeeze_family,
    three_branches, tile, top_k, trilu, two_branches, unary, where_mask,
    where_selected)
from blocks_image import (
    batch_norm, conv_batch_norm, conv_transpose, conv_variant, depth_to_space,
    depthwise, global_pool, group_norm, instance_norm, pool, resize_nearest)
from blocks_sequence import (
    attention_op, attention_spelled, cross_attention, mlp_residual, projection,
    rotary_op, token_concat, token_mean)
from graph_builder import Graph, affine_like, matmul_left

BOX = (-1.0, 1.0)

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
