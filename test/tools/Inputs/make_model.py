# ===- make_model.py - Small models for the tests of the tools --------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Writes one of the models below: make_model.py NAME FILE"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "examples"))
from model_file import (encode_onnx, integer, message, node,  # noqa: E402
                        random_matrix, random_vector, value_info)

VECTOR = {"x": ["batch", 8]}, {"y": ["batch", 4]}


def perceptron(nodes_between=(), hidden="h", opset=17):
    """x -> Gemm -> (nodes_between) -> Gemm -> y."""
    return encode_onnx(
        [node("Gemm", ["x", "w1", "b1"], ["h"], "first", transB=1),
         *nodes_between,
         node("Gemm", [hidden, "w2", "b2"], ["y"], "second", transB=1)],
        {"w1": random_matrix(1, 16, 8), "b1": random_vector(2, 16, .1),
         "w2": random_matrix(3, 4, 16), "b2": random_vector(4, 4, .1)},
        *VECTOR, opset=opset)


def between(operator, **attributes):
    return perceptron([node(operator, ["h"], ["a"], "middle", **attributes)],
                      "a")


def entrywise(operator, weights=None, **options):
    """y = operator(x [, w]) on vectors of 4."""
    tensors = {} if weights is None else {"w": weights}
    return encode_onnx([node(operator, ["x", *tensors], ["y"], "only")],
                       tensors, {"x": ["batch", 4]}, {"y": ["batch", 4]},
                       **options)


def residual():
    return encode_onnx(
        [node("MatMul", ["x", "w1"], ["h"], "up"),
         node("Sigmoid", ["h"], ["s"], "squash"),
         node("MatMul", ["s", "w2"], ["m"], "down"),
         node("Add", ["x", "m"], ["y"], "sum")],
        {"w1": random_matrix(5, 6, 9), "w2": random_matrix(6, 9, 6)},
        {"x": ["batch", 6]}, {"y": ["batch", 6]})


def convolution():
    kernel = [[[random_vector(100 + 10 * o + 3 * i + r, 3) for r in range(3)]
               for i in range(2)] for o in range(4)]
    return encode_onnx(
        [node("Conv", ["x", "k", "b"], ["c"], "conv", pads=[1, 1, 1, 1],
              strides=[2, 2]),
         node("Relu", ["c"], ["r"], "act"),
         node("MaxPool", ["r"], ["p"], "pool", kernel_shape=[2, 2]),
         node("Flatten", ["p"], ["f"], "flatten"),
         node("Gemm", ["f", "w"], ["y"], "head")],
        {"k": kernel, "b": random_vector(8, 4), "w": random_matrix(9, 36, 5)},
        {"x": [1, 2, 8, 8]}, {"y": [1, 5]})


def layer_norm():
    return encode_onnx(
        [node("LayerNormalization", ["x", "g", "b"], ["n"], "norm",
              epsilon=1e-2),
         node("MatMul", ["n", "w"], ["y"], "out")],
        {"g": random_vector(11, 8), "b": random_vector(12, 8),
         "w": random_matrix(13, 8, 8)},
        {"x": ["batch", "token", 8]}, {"y": ["batch", "token", 8]})


def attention():
    names = ["wq", "wk", "wv", "wo"]
    return encode_onnx(
        [node("MatMul", ["x", "wq"], ["q"], "query"),
         node("MatMul", ["x", "wk"], ["k"], "key"),
         node("MatMul", ["x", "wv"], ["v"], "value"),
         node("Attention", ["q", "k", "v"], ["a"], "attention", q_num_heads=2,
              kv_num_heads=2, is_causal=1),
         node("MatMul", ["a", "wo"], ["o"], "out"),
         node("Add", ["x", "o"], ["y"], "residual")],
        {name: random_matrix(20 + i, 8, 8) for i, name in enumerate(names)},
        {"x": ["batch", "token", 8]}, {"y": ["batch", "token", 8]}, opset=23)


def declared(sizes):
    """An initializer that claims `sizes` but holds one float."""
    tensor = (b"".join(integer(1, size) for size in sizes) + integer(2, 1)
              + message(8, "w") + message(9, b"\0\0\x80\x3f"))
    graph = (message(1, node("MatMul", ["x", "w"], ["y"], "only"))
             + message(2, "main") + message(5, tensor)
             + message(11, value_info("x", ["batch", 4]))
             + message(12, value_info("y", ["batch", 4])))
    return (integer(1, 8) + message(7, graph)
            + message(8, message(1, "") + integer(2, 17)))


def external(location):
    """An initializer that lies in another file."""
    def entry(key, value):
        return message(13, message(1, key) + message(2, value))
    tensor = (integer(1, 4) + integer(1, 4) + integer(2, 1) + message(8, "w")
              + entry("location", location) + entry("length", "64")
              + integer(14, 1))
    graph = (message(1, node("MatMul", ["x", "w"], ["y"], "only"))
             + message(2, "main") + message(5, tensor)
             + message(11, value_info("x", ["batch", 4]))
             + message(12, value_info("y", ["batch", 4])))
    return (integer(1, 8) + message(7, graph)
            + message(8, message(1, "") + integer(2, 17)))


def cycle():
    return encode_onnx(
        [node("Add", ["x", "b"], ["a"], "one"),
         node("Relu", ["a"], ["b"], "two"), node("Relu", ["b"], ["y"], "out")],
        {}, {"x": ["batch", 4]}, {"y": ["batch", 4]})


SQUARE = random_matrix(30, 4, 4)
MODELS = {
    "perceptron": lambda: between("Relu"),
    "residual": residual,
    "convolution": convolution,
    "layer-norm": layer_norm,
    "attention": attention,
    "double": lambda: entrywise("Mul", [2.0]),
    # Valid, without a bound.
    "floor": lambda: between("Floor"),
    "exp": lambda: between("Exp"),
    # Not valid.
    "unknown-operator": lambda: between("Frobnicate"),
    "future-opset": lambda: perceptron([node("Relu", ["h"], ["a"])], "a", 99),
    "undefined-input": lambda: perceptron(hidden="nowhere"),
    "not-a-number": lambda: entrywise("MatMul", [[float("nan")] * 4] * 4),
    "infinite": lambda: entrywise("Add", [float("inf")]),
    "huge": lambda: declared([1 << 62, 1 << 62]),
    "negative": lambda: declared([-4, 4]),
    "too-short": lambda: declared([4, 4]),
    "cycle": cycle,
    "external-absolute": lambda: external("/etc/hostname"),
    "external-parent": lambda: external("../weights.bin"),
    "external-missing": lambda: external("weights.bin"),
    "lstm": lambda: encode_onnx(
        [node("LSTM", ["x", "w", "r"], ["y"], "cell", hidden_size=2)],
        {"w": [random_matrix(40, 8, 3)], "r": [random_matrix(41, 8, 2)]},
        {"x": ["time", "batch", 3]}, {"y": ["time", 1, "batch", 2]}),
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in MODELS:
        sys.exit(f"{__doc__}\nmodels: {', '.join(MODELS)}")
    pathlib.Path(sys.argv[2]).write_bytes(MODELS[sys.argv[1]]())


if __name__ == "__main__":
    main()
