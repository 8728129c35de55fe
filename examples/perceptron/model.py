# ===- model.py - A two-layer classifier of eight measurements --------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""model.py FILE [ACTIVATION]: 8 inputs, 32 hidden units, 4 logits.

The weights are random numbers of a fixed seed. ACTIVATION is an ONNX operator,
Relu unless given.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from model_file import (node, random_matrix, random_vector,  # noqa: E402
                        save_onnx)

activation = sys.argv[2] if len(sys.argv) > 2 else "Relu"
save_onnx(
    sys.argv[1],
    [node("Gemm", ["x", "w1", "b1"], ["hidden"], "first", transB=1),
     node(activation, ["hidden"], ["active"], "activation"),
     node("Gemm", ["active", "w2", "b2"], ["logits"], "second", transB=1)],
    {"w1": random_matrix(1, 32, 8), "b1": random_vector(2, 32, 0.1),
     "w2": random_matrix(3, 4, 32), "b2": random_vector(4, 4, 0.1)},
    inputs={"x": ["batch", 8]}, outputs={"logits": ["batch", 4]})
