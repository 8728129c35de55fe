# ===- raise_test.py - Raised models against ONNX Runtime -------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Imports each model, runs lipt-raise-patterns, evaluates the result with
lipt-run and compares it with ONNX Runtime on the original (1e-4 of the largest
output). Models: small graphs written here, each with the operation that has to
appear; the exported networks and the third-party models, in which every
attention has to be raised: none of their softmaxes is followed by a product.
"""

import pathlib
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnx.parser

import compare_onnxruntime
import export_networks
import harness

TOLERANCE = 1e-4
HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'

# name: (graph, {initializer: shape}, operation that has to appear)
GRAPHS = {
    "gelu_erf": ("""g (float[2,4] x) => (float[2,4] y)
        <float r = {1.41421354}, float o = {1.0}, float h = {0.5}> {
        a = Div(x, r) b = Erf(a) c = Add(o, b) d = Mul(h, x) y = Mul(d, c) }""",
                 {}, "gelu"),
    "gelu_tanh": ("""g (float[2,4] x) => (float[2,4] y)
        <float c = {0.044715}, float k = {0.797884583}, float o = {1.0},
         float h = {0.5}, float t = {3.0}> {
        p = Pow(x, t) q = Mul(p, c) s = Add(x, q) u = Mul(s, k) v = Tanh(u)
        w = Add(v, o) z = Mul(x, w) y = Mul(z, h) }""", {}, "gelu"),
    "gelu_sigmoid": ("""g (float[2,4] x) => (float[2,4] y)
        <float c = {0.044715}, float k = {1.595769166}, float o = {1.0}> {
        p = Mul(x, x) q = Mul(p, c) s = Add(o, q) r = Mul(s, x) u = Mul(r, k)
        v = Sigmoid(u) y = Mul(x, v) }""", {}, "gelu"),
    "swish": ("""g (float[2,4] x) => (float[2,4] y) <float b = {1.702}> {
        a = Mul(b, x) s = Sigmoid(a) y = Mul(s, x) }""", {}, "silu"),
    "mish": ("""g (float[2,4] x) => (float[2,4] y) {
        a = Softplus(x) s = Tanh(a) y = Mul(s, x) }""", {}, "mish"),
    "squared_relu": ("""g (float[2,4] x) => (float[2,4] y) {
        r = Relu(x) y = Mul(r, r) }""", {}, "squared_relu"),
    "soft_cap": ("""g (float[2,4] x) => (float[2,4] y) <float c = {3.0}> {
        a = Div(x, c) t = Tanh(a) y = Mul(c, t) }""", {}, "soft_cap"),
    "layer_norm": ("""g (float[2,3,4] x) => (float[2,3,4] y)
        <float two = {2.0}, float eps = {0.00001}> {
        m = ReduceMean <axes = [-1]> (x) c = Sub(x, m) s = Pow(c, two)
        v = ReduceMean <axes = [-1]> (s) e = Add(v, eps) r = Sqrt(e)
        z = Div(c, r) zg = Mul(g, z) y = Add(zg, b) }""",
                   {"g": [4], "b": [4]}, "layer_norm"),
    "layer_norm_last_two": ("""g (float[2,3,4] x) => (float[2,3,4] y)
        <float eps = {0.00001}> {
        m = ReduceMean <axes = [1, 2]> (x) c = Sub(x, m) s = Mul(c, c)
        v = ReduceMean <axes = [1, 2]> (s) e = Add(v, eps) r = Sqrt(e)
        z = Div(c, r) y = Mul(z, g) }""", {"g": [3, 4]}, "layer_norm"),
    "moments_over_the_middle": ("""g (float[2,4,3] x) => (float[2,4,3] y)
        <float quarter = {0.25}, float zero = {0.0}, float eps = {0.000001},
         int64[1] one = {1}, int64[3] shape = {2, 1, 3}> {
        s1 = ReduceSum <keepdims = 0> (x, one) xx = Mul(x, x)
        s2 = ReduceSum <keepdims = 0> (xx, one) m = Mul(s1, quarter)
        e2 = Mul(s2, quarter) mm = Mul(m, m) d = Sub(e2, mm) v = Max(zero, d)
        vr = Reshape(v, shape) ve = Expand(vr, shape) e = Add(ve, eps)
        r = Sqrt(e) i = Reciprocal(r) ig = Mul(i, g) mr = Reshape(m, shape)
        c = Sub(x, mr) z = Mul(c, ig) y = Add(z, b) }""",
                                {"g": [1, 4, 1], "b": [1, 4, 1]},
                                "layer_norm"),
    "rms_norm": ("""g (float[2,3,4] x) => (float[2,3,4] y)
        <float two = {2.0}, float half = {-0.5}, float eps = {0.00001}> {
        s = Pow(x, two) v = ReduceMean <axes = [2]> (s) e = Add(v, eps)
        r = Pow(e, half) z = Mul(x, r) y = Mul(g, z) }""",
                 {"g": [1, 1, 4]}, "rms_norm"),
    "softmax": ("""g (float[3,5] x) => (float[3,5] y)
        <int64[1] one = {1}, int64[2] shape = {3, 1}> {
        m = ReduceMax <axes = [1], keepdims = 0> (x) mr = Reshape(m, shape)
        d = Sub(x, mr) e = Exp(d) s = ReduceSum <keepdims = 1> (e, one)
        y = Div(e, s) }""", {}, "softmax"),
    "rotary_halves": ("""g (float[2,3,4] x) => (float[2,3,4] y) {
        x1, x2 = Split <axis = 2> (x) a = Mul(x1, c) b = Mul(x2, s)
        f = Sub(a, b) d = Mul(x2, c) e = Mul(x1, s) h = Add(d, e)
        y = Concat <axis = 2> (f, h) }""", {"c": [3, 2], "s": [3, 2]},
                      "rotary"),
    "rotary_backwards": ("""g (float[2,3,4] x) => (float[2,3,4] y) {
        x1, x2 = Split <axis = 2> (x) a = Mul(x1, c) b = Mul(x2, s)
        f = Add(a, b) d = Mul(x2, c) e = Mul(x1, s) h = Sub(d, e)
        y = Concat <axis = -1> (f, h) }""", {"c": [3, 2], "s": [3, 2]},
                         "rotary"),
    "rotary_two_tables": ("""g (float[2,3,4] x) => (float[2,3,4] y) {
        x1, x2 = Split <axis = 2> (x) a = Mul(x1, c) b = Mul(x2, s)
        f = Add(a, b) d = Mul(x2, t) e = Mul(x1, s) h = Add(d, e)
        y = Concat <axis = -1> (f, h) }""",
                          {"c": [3, 2], "s": [3, 2], "t": [3, 2]}, "rotary"),
    "rotary_half_turn": ("""g (float[2,3,4] x) => (float[2,3,4] y) {
        x1, x2 = Split <axis = 2> (x) n = Neg(x2) r = Concat <axis = 2> (n, x1)
        a = Mul(x, c) b = Mul(r, s) y = Add(a, b) }""",
                         {"c": [3, 4], "s": [3, 4]}, "rotary"),
    "rotary_interleaved": ("""g (float[2,3,4] x) => (float[2,3,4] y)
        <int64[4] p = {2, 3, 2, 2}, int64[1] last = {3},
         int64[3] whole = {2, 3, 4}> {
        xp = Reshape(x, p) a0, b0 = Split <axis = 3> (xp)
        x1 = Squeeze(a0, last) x2 = Squeeze(b0, last) a = Mul(x1, c)
        b = Mul(x2, s) f = Sub(a, b) d = Mul(x2, c) e = Mul(x1, s)
        h = Add(d, e) fu = Unsqueeze(f, last) hu = Unsqueeze(h, last)
        w = Concat <axis = 3> (fu, hu) y = Reshape(w, whole) }""",
                           {"c": [3, 2], "s": [3, 2]}, "rotary"),
    "rotary_partial": ("""g (float[2,3,6] x) => (float[2,3,6] y)
        <int64[2] cut = {4, 2}> {
        q, k = Split <axis = 2> (x, cut) x1, x2 = Split <axis = 2> (q)
        n = Neg(x2) r = Concat <axis = 2> (n, x1) a = Mul(q, c) b = Mul(r, s)
        o = Add(a, b) y = Concat <axis = 2> (o, k) }""",
                       {"c": [3, 4], "s": [3, 4]}, "rotary"),
    "attention_transposed": ("""g (float[2,3,5,4] x, float[2,5,3,4] k)
        => (float[2,3,5,4] y) <float scale = {2.0}> {
        kt = Transpose <perm = [0, 2, 3, 1]> (k) s = MatMul(x, kt)
        t = Div(s, scale) p = Softmax <axis = -1> (t) y = MatMul(p, x) }""",
                             {}, "attention"),
    "attention_one_head": ("""g (float[2,5,4] x) => (float[2,5,4] y)
        <float q = {0.7}> {
        a = Mul(q, x) kt = Transpose <perm = [0, 2, 1]> (x) s = MatMul(a, kt)
        p = Softmax <axis = -1> (s) y = MatMul(p, x) }""", {}, "attention"),
    "attention_one_head_given_transposed": (
        """g (float[2,5,4] x, float[2,4,5] k) => (float[2,5,4] y) {
        s = MatMul(x, k) p = Softmax <axis = -1> (s) y = MatMul(p, x) }""",
        {}, "attention"),
    "attention_grouped": ("""g (float[1,4,3,2] x, float[1,2,3,2] k)
        => (float[1,4,3,2] y) <int64[5] i = {1, 2, 1, 3, 2},
         int64[5] w = {1, 2, 2, 3, 2}, int64[4] m = {1, 4, 3, 2}> {
        a = Reshape(k, i) b = Expand(a, w) c = Reshape(b, m)
        kt = Transpose <perm = [0, 1, 3, 2]> (c) s = MatMul(x, kt)
        p = Softmax <axis = -1> (s) y = MatMul(p, c) }""", {}, "attention"),
    "attention_stored_mask": ("""g (float[1,2,3,4] x) => (float[1,2,3,4] y)
        <float cap = {2.0}, float low = {-10000.0}> {
        kt = Transpose <perm = [0, 1, 3, 2]> (x) s = MatMul(x, kt)
        u = Div(s, cap) v = Tanh(u) w = Mul(v, cap) t = Where(keep, w, low)
        p = Softmax <axis = -1> (t) y = MatMul(p, x) }""",
                              {"keep": "bool"}, "attention"),
    "attention_causal": ("""g (float[1,2,T,4] x) => (float[1,2,T,4] y)
        <int64 zero = {0}, int64 one = {1}, int64 two = {2},
         int64[1] ax = {1}> {
        shape = Shape(x) t = Gather(shape, two) j = Range(zero, t, one)
        i = Unsqueeze(j, ax) drop = Greater(j, i)
        low = Constant <value_float = -inf> ()
        kt = Transpose <perm = [0, 1, 3, 2]> (x) s = MatMul(x, kt)
        m = Where(drop, low, s) p = Softmax <axis = -1> (m)
        y = MatMul(p, x) }""", {}, "attention"),
}


def build(name):
    """The ONNX model of a graph, with random initializers."""
    text, shapes, _ = GRAPHS[name]
    infinite = "value_float = -inf" in text
    text = text.replace("value_float = -inf", "value_float = -1.0")
    model = onnx.parser.parse_model(HEAD + text)
    if infinite:
        for node in model.graph.node:
            for attribute in node.attribute:
                if attribute.name == "value_float":
                    attribute.f = -np.inf
    generator = np.random.default_rng(len(name))
    for key, shape in shapes.items():
        if shape == "bool":
            value = np.tril(np.ones((3, 3), bool))
        else:
            value = generator.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, key))
    onnx.checker.check_model(model, full_check=True)
    return model


def raise_model(path, folder, options):
    """The raised text beside a copy of its weights; (outcome, path)."""
    shutil.copy(path, folder / path.name)
    imported, raised = folder / "imported.mlir", folder / "raised.mlir"
    outcome = harness.run([options.bin / "lipt-translate", "--import-onnx",
                           path, "-o", imported])
    if outcome.code == 0:
        outcome = harness.run([options.bin / "lipt-opt", imported,
                               "--lipt-raise-patterns", "--cse",
                               "--canonicalize", "-o", raised])
    return outcome, raised


def unraised_attention(text):
    """Products of a softmax in the text: what should be an attention."""
    softmaxes = re.findall(r"(%\w+) = lipt\.softmax", text)
    return [s for s in softmaxes if f"lipt.matmul {s}," in text]


def check_model(path, expected, options, tally):
    """Raise one file and compare; `expected`: an operation or None."""
    name = path.stem
    model = onnx.load(path)
    with tempfile.TemporaryDirectory() as folder:
        outcome, raised = raise_model(path, pathlib.Path(folder), options)
        if outcome.code != 0:
            tally.fail(name, outcome.diagnostic)
            return
        text = raised.read_text()
        if expected:
            tally.check(f"{name} form", f"lipt.{expected} " in text,
                        f"no lipt.{expected}")
        else:
            left = unraised_attention(text)
            tally.check(f"{name} attention", not left,
                        f"{len(left)} attentions are not raised")
        running = harness.session(path)
        worst = 0.0
        for seed in range(options.seeds):
            inputs = compare_onnxruntime.random_inputs(model, seed)
            reference = running.run(None, inputs)
            outcome, actual = harness.run_reference(
                options.bin, raised, inputs, len(reference))
            if actual is None:
                tally.fail(name, outcome.diagnostic)
                return
            worst = max(worst, compare_onnxruntime.largest_error(
                actual, reference))
        tally.check(name, worst <= TOLERANCE,
                    f"differs from ONNX Runtime by {worst:.1e}")
        print(f"{name}: error {worst:.1e}\n", end="", flush=True)


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("--folder", type=pathlib.Path,
                        default=export_networks.DEFAULT_FOLDER,
                        help="folder of the exported networks")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    tally = harness.Tally()
    files = compare_onnxruntime.model_files([], options.folder)
    with tempfile.TemporaryDirectory() as folder, \
            ThreadPoolExecutor(options.jobs) as pool:
        cases = [(path, None) for path in files]
        for name, (_, _, expected) in GRAPHS.items():
            path = pathlib.Path(folder) / f"{name}.onnx"
            onnx.save(build(name), path)
            cases.append((path, expected))
        list(pool.map(lambda case: check_model(*case, options, tally), cases))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
