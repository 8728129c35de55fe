# ===- weights.py - Weights of block.mlir -----------------------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""weights.py FILE: random numbers of a fixed seed under the names of block.mlir,
as a training program would write its checkpoint."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from model_file import random_matrix, save_safetensors  # noqa: E402

save_safetensors(sys.argv[1], {
    f"blocks.{block}.{name}": random_matrix(10 * block + row, row, column)
    for block in range(2)
    for name, row, column in (("up", 32, 8), ("down", 8, 32))})
