# ===- model.py - A causal attention block without a norm layer -------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""model.py FILE: y = x/2 + W_o attention(W_q x, W_k x, W_v x)/2, two heads.

The length is symbolic. The weights are random numbers of a fixed seed.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from model_file import node, random_matrix, save_onnx  # noqa: E402

WIDTH = 16
save_onnx(
    sys.argv[1],
    [node("MatMul", ["x", "wq"], ["q"], "query"),
     node("MatMul", ["x", "wk"], ["k"], "key"),
     node("MatMul", ["x", "wv"], ["v"], "value"),
     node("Attention", ["q", "k", "v"], ["mixed"], "attention",
          q_num_heads=2, kv_num_heads=2, is_causal=1),
     node("MatMul", ["mixed", "wo"], ["out"], "out"),
     node("Add", ["x", "out"], ["sum"], "residual"),
     node("Mul", ["sum", "half"], ["y"], "average")],
    {"half": [0.5], **{f"w{name}": random_matrix(seed, WIDTH, WIDTH, 0.5)
                       for seed, name in enumerate("qkvo")}},
    inputs={"x": ["batch", "tokens", WIDTH]},
    outputs={"y": ["batch", "tokens", WIDTH]}, opset=23)
