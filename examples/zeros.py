# ===- zeros.py - A .npy file of zeros --------------------------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""zeros.py SIZE...: writes float32 zeros of this shape to standard output, in
numpy's format, without numpy."""

import math
import struct
import sys

shape = tuple(int(size) for size in sys.argv[1:])
header = str({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
header += b" " * ((-len(header) - 11) % 64) + b"\n"
sys.stdout.buffer.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
                        + header + bytes(4 * math.prod(shape)))
