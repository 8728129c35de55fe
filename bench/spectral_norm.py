#!/usr/bin/env python3
"""Time verified spectral norms against numpy's unverified ones.

Makes the 73 weight matrices of a 12-layer, 768-wide transformer with a
50304-token head (random, fp32), times numpy.linalg.svd(compute_uv=False) on
them and the certifier (build/bench/spectral_norm) in the same run on the same
cores, and prints both times and their ratio. Then it certifies one matrix of
each shape and an orthogonal one again and prints how far each certified norm
lies above the float64 value.

  bench/spectral_norm.py [--build=build] [--threads=N] [--layers=12]
"""
import argparse
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np


def make_matrices(layers, width, tokens, seed):
    """Shapes as stored: query, key, value, output, up, down; then the head."""
    rng = np.random.default_rng(seed)
    shapes = [(width, width)] * 4 + [(4 * width, width), (width, 4 * width)]
    shapes = shapes * layers + [(tokens, width)]
    return [rng.standard_normal(s, dtype=np.float32) * np.float32(0.02)
            for s in shapes]


def certify(program, matrices, threads):
    """Seconds and certified norms, both from the program's own output."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        for matrix in matrices:
            file.write(struct.pack("<qq", *matrix.shape))
            file.write(matrix.tobytes())
        file.flush()
        command = [str(program), file.name] + ([str(threads)] if threads else [])
        output = subprocess.run(command, check=True, capture_output=True,
                                text=True).stdout.split("\n")
    norms = []
    for line in output[1:]:
        if line:
            mantissa, exponent = line.split()
            norms.append(float.fromhex(mantissa) * 2.0 ** int(exponent))
    return float(output[0]), norms


def true_norm(matrix):
    """Largest singular value from the float64 Gram matrix: 1e-13 or better."""
    wide = matrix.shape[0] < matrix.shape[1]
    tall = (matrix.T if wide else matrix).astype(np.float64)
    return float(np.sqrt(np.linalg.eigvalsh(tall.T @ tall)[-1]))


def samples(matrices, width):
    """One matrix of each shape, and an orthogonal one."""
    by_shape = {matrix.shape: matrix for matrix in matrices}
    for shape, matrix in by_shape.items():
        yield f"gaussian {shape[0]}x{shape[1]}", matrix
    gaussian = np.random.default_rng(2).standard_normal((width, width))
    orthogonal = np.linalg.qr(gaussian)[0].astype(np.float32)
    yield f"orthogonal {width}x{width}", orthogonal


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--tokens", type=int, default=50304)
    options = parser.parse_args()
    program = pathlib.Path(options.build) / "bench" / "spectral_norm"
    if not program.exists():
        sys.exit(f"{program} does not exist: build the target spectral_norm")

    matrices = make_matrices(options.layers, options.width, options.tokens, 1)
    start = time.perf_counter()
    plain = [float(np.linalg.svd(m, compute_uv=False)[0]) for m in matrices]
    numpy_seconds = time.perf_counter() - start
    seconds, norms = certify(program, matrices, options.threads)

    below = sum(n < p * (1 - 1e-4) for n, p in zip(norms, plain))

    flops = sum(max(m.shape) * min(m.shape) ** 2 + min(m.shape) ** 3 / 3
                for m in matrices)
    print(f"matrices                  {len(matrices)}")
    print(f"numpy svd fp32            {numpy_seconds:.3f} s")
    print(f"lipt certified            {seconds:.3f} s"
          f"  ({flops / seconds / 1e9:.1f} GFLOP/s of Gram and Cholesky)")
    print(f"certified/numpy time      {seconds / numpy_seconds:.3f}")
    for name, matrix in samples(matrices, options.width):
        norm = certify(program, [matrix], options.threads)[1][0]
        true = true_norm(matrix)
        print(f"certified/true - 1        {norm / true - 1:.2e}  {name}")
        # The float64 value itself is right to some 1e-13.
        below += norm < true * (1 - 1e-12)
    if below:
        sys.exit(f"{below} certified norms are below the true ones")


if __name__ == "__main__":
    main()
