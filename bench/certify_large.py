# ===- certify_large.py - Time and memory of a 124M-parameter certificate ---===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Makes a GPT-2-sized ONNX model (12 layers, width 768, a 50257-token head
tied to nothing, external data, random Gaussian weights) in a temporary folder
and prints time and peak resident memory of lipt-certify and lipt-check, with
the ratio to the allowance 1.5 x file size + 300 MB.

The graph starts at embeddings [batch, tokens, width]; --tied starts at token
ids and shares the embedding table with the head, as GPT-2 does.
"""

import argparse
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[1]


class Writer:
    """Builds the graph; float weights go straight to the external file."""

    def __init__(self, data_file, seed):
        self.data = data_file
        self.random = np.random.default_rng(seed)
        self.nodes, self.initializers, self.count = [], [], 0

    def external(self, name, array):
        """Append an array to the data file, aligned to a page."""
        offset = -(-self.data.tell() // 4096) * 4096
        self.data.seek(offset)
        raw = np.ascontiguousarray(array, np.float32)
        self.data.write(raw.tobytes())
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT,
                             dims=array.shape,
                             data_location=TensorProto.EXTERNAL)
        for key, value in (("location", pathlib.Path(self.data.name).name),
                           ("offset", offset), ("length", raw.nbytes)):
            tensor.external_data.add(key=key, value=str(value))
        self.initializers.append(tensor)
        return name

    def weight(self, name, *shape):
        """N(0, 1/rows): spectral norms near 2."""
        return self.external(name, self.random.standard_normal(
            shape, np.float32) / np.float32(np.sqrt(shape[0])))

    def vector(self, name, size, value):
        return self.external(name, value + 0.02
                             * self.random.standard_normal(size, np.float32))

    def integers(self, *values):
        name = f"shape{len(self.initializers)}"
        self.initializers.append(onnx.numpy_helper.from_array(
            np.array(values, np.int64), name))
        return name

    def scalar(self, value):
        name = f"scalar{len(self.initializers)}"
        self.initializers.append(onnx.numpy_helper.from_array(
            np.float32(value), name))
        return name

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        name = f"{kind.lower()}_{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name,
                                           **attributes))
        return name

    def linear(self, x, name, inputs, outputs):
        y = self.op("MatMul", x, self.weight(f"{name}.weight", inputs,
                                             outputs))
        return self.op("Add", y, self.vector(f"{name}.bias", outputs, 0))

    def layer_norm(self, x, name, width):
        return self.op("LayerNormalization", x,
                       self.vector(f"{name}.weight", width, 1),
                       self.vector(f"{name}.bias", width, 0),
                       axis=-1, epsilon=1e-5)


def attention(w, x, name, width, heads, tokens, mask):
    """GPT-2's: one matrix for q, k, v, a causal mask, softmax."""
    head_width = width // heads
    fused = w.linear(x, f"{name}.c_attn", width, 3 * width)
    parts = [f"{name}.{part}" for part in "qkv"]
    w.nodes.append(helper.make_node(
        "Split", [fused, w.integers(width, width, width)], parts, axis=-1,
        name=f"{name}.split"))
    shape = w.integers(0, 0, heads, head_width)
    q, k, v = (w.op("Reshape", part, shape) for part in parts)
    q = w.op("Transpose", q, perm=[0, 2, 1, 3])
    k = w.op("Transpose", k, perm=[0, 2, 3, 1])
    v = w.op("Transpose", v, perm=[0, 2, 1, 3])
    logits = w.op("Mul", w.op("MatMul", q, k), w.scalar(head_width ** -0.5))
    weights = w.op("Softmax", w.op("Add", logits, mask), axis=-1)
    y = w.op("Transpose", w.op("MatMul", weights, v), perm=[0, 2, 1, 3])
    y = w.op("Reshape", y, w.integers(0, 0, width))
    return w.linear(y, f"{name}.c_proj", width, width)


def mlp(w, x, name, width):
    y = w.linear(x, f"{name}.c_fc", width, 4 * width)
    y = w.op("Gelu", y, approximate="tanh")
    return w.linear(y, f"{name}.c_proj", 4 * width, width)


def make_model(folder, layers, width, heads, vocabulary, tokens, tied, seed):
    """Write model.onnx and model.data; the path and the parameter count."""
    with open(folder / "model.data", "wb") as data:
        w = Writer(data, seed)
        causal = np.triu(np.full((tokens, tokens), -np.inf, np.float32), 1)
        mask = w.external("mask", causal)
        if tied:
            x = w.op("Gather", w.weight("wte", vocabulary, width), "input")
            x = w.op("Add", x, w.weight("wpe", tokens, width))
        else:
            x = "input"
        for layer in range(layers):
            name = f"h.{layer}"
            y = w.layer_norm(x, f"{name}.ln_1", width)
            x = w.op("Add", x, attention(w, y, f"{name}.attn", width, heads,
                                         tokens, mask))
            y = w.layer_norm(x, f"{name}.ln_2", width)
            x = w.op("Add", x, mlp(w, y, f"{name}.mlp", width))
        x = w.layer_norm(x, "ln_f", width)
        head = w.op("Transpose", "wte", perm=[1, 0]) if tied \
            else w.weight("lm_head", width, vocabulary)
        w.nodes.append(helper.make_node("MatMul", [x, head], ["logits"],
                                        name="logits"))
        parameters = sum(int(np.prod(i.dims)) for i in w.initializers
                         if i.data_type == TensorProto.FLOAT
                         and i.name != "mask")
    value = helper.make_tensor_value_info
    start = value("input", TensorProto.INT64, ["batch", tokens]) if tied \
        else value("input", TensorProto.FLOAT, ["batch", tokens, width])
    graph = helper.make_graph(
        w.nodes, "gpt", [start],
        [value("logits", TensorProto.FLOAT, ["batch", tokens, vocabulary])],
        w.initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path = folder / "model.onnx"
    onnx.save(model, path)
    onnx.checker.check_model(str(path), full_check=False)
    return path, parameters


def measured_run(command):
    """(exit code, output, seconds, peak resident bytes) of one program."""
    read_end, write_end = os.pipe()
    start = time.time()
    child = os.fork()
    if child == 0:
        os.dup2(write_end, 1)
        os.close(read_end)
        try:
            os.execv(command[0], command)
        finally:
            os._exit(127)
    os.close(write_end)
    with os.fdopen(read_end) as stream:
        output = stream.read()
    _, status, usage = os.wait4(child, 0)
    return (os.waitstatus_to_exitcode(status), output, time.time() - start,
            usage.ru_maxrss * 1024)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path,
                        default=SOURCE_DIR / "build" / "bin")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--vocabulary", type=int, default=50257)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--tied", action="store_true",
                        help="token ids in, embedding table as the head")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=pathlib.Path,
                        help="write here and keep (default: temporary)")
    parser.add_argument("--make-only", action="store_true")
    options = parser.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return bench(options, folder)
    finally:
        if not options.folder:
            shutil.rmtree(folder)


def make_in_child(options, folder):
    """Make the model in a process of its own: a child's peak memory starts
    at what its parent holds."""
    from multiprocessing import get_context
    with get_context("fork").Pool(1) as pool:
        return pool.apply(make_model, (
            folder, options.layers, options.width, options.heads,
            options.vocabulary, options.tokens, options.tied, options.seed))


def bench(options, folder):
    path, parameters = make_in_child(options, folder)
    size = path.stat().st_size + (folder / "model.data").stat().st_size
    allowance = 1.5 * size + 300e6
    print(f"model: {parameters / 1e6:.1f}M parameters, {size / 1e6:.0f} MB; "
          f"allowance {allowance / 1e6:.0f} MB", flush=True)
    if options.make_only:
        return 0
    failures = 0
    certificate = folder / "model.lipcert"
    steps = [("lipt-certify", [str(path), "--quiet", "-o", str(certificate)],
              r"^certified-lipschitz: .*$"),
             ("lipt-check", [str(certificate), str(path)], r"^verified.*$")]
    passed = 0
    for tool, arguments, expected in steps:
        program = str(options.bin / tool)
        if not os.path.exists(program):
            sys.exit(f"missing tool '{program}' (build it or give --bin=DIR)")
        code, output, seconds, peak = measured_run([program, *arguments])
        found = re.search(expected, output, re.MULTILINE)
        print(f"{tool}: exit {code}, {seconds:.1f} s, peak "
              f"{peak / 1e6:.0f} MB ({peak / allowance:.2f} of the allowance)")
        print(f"  {found.group(0) if found else output.strip()[-200:]}")
        good = code == 0 and found and peak <= allowance
        passed, failures = passed + bool(good), failures + (not good)
    print(f"{passed} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
