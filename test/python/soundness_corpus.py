# ===- soundness_corpus.py - Cases that refute tempting bounds --------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""The soundness corpus of docs/Bounds.md as ONNX models: for each a ratio that
is attained, which the certified bound may not fall below, and where a rule is
exact or has a closed form, a value that it may not exceed.

Among them the counterexamples to the published multi-head attention constant
(mha_counterexample.json) and to the bound without the rotary correction; their
attained ratios are computed again here, in PyTorch, before they are used.
"""

import dataclasses
import json
import math
import pathlib
import re
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import harness

ROOM = 1 + 1e-6  # what a certificate may add to a closed form
HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass
class Case:
    """`attained` <= certified <= `most` (None: no upper limit known)."""
    name: str
    model: onnx.ModelProto
    attained: float
    most: float = None
    options: tuple = ()
    published: float = None  # what --published-formula should show


def model(nodes, constants, shape, output, opset=23):
    """A model from (operator, inputs, output, attributes) tuples."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [out], **attributes)
         for kind, inputs, out, attributes in nodes], "case",
        [value("x", TensorProto.FLOAT, shape)],
        [value("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(np.asarray(array), name)
         for name, array in constants.items()])
    result = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(result, full_check=True)
    return result


def one(kind, shape, output, opset=23, constants=None, **attributes):
    constants = constants or {}
    return model([(kind, ["x", *constants], "y", attributes)], constants,
                 shape, output, opset)


def single(array):
    return np.asarray(array, np.float32)


# ---- attention --------------------------------------------------------------

MAX_RMS = ("--input-norm=max-rms", "--output-norm=max-rms")


def attention_model(tokens, heads, head_width, scale, factor=1 / 3,
                    causal=True, weights=None, rotary_step=None, biases=None,
                    kv_heads=None):
    """softmax attention on [1,T,D]; weights default to identities.

    scale multiplies q·k. `rotary_step`: angle per position of 2-d heads.
    """
    width = heads * head_width
    kv_heads = kv_heads or heads
    weights, biases = weights or {}, biases or {}
    c, nodes = {}, []

    def project(part, count):
        source = "x"
        default = np.eye(width)[:, :count * head_width]
        matrix = single(weights.get(part, default))
        c[f"w{part}"] = matrix
        nodes.append(("MatMul", [source, f"w{part}"], f"{part}0", {}))
        last = f"{part}0"
        if part in biases:
            c[f"b{part}"] = single(biases[part])
            nodes.append(("Add", [last, f"b{part}"], f"{part}1", {}))
            last = f"{part}1"
        c[f"s{part}"] = np.array([0, 0, count, head_width], np.int64)
        nodes.append(("Reshape", [last, f"s{part}"], f"{part}2", {}))
        nodes.append(("Transpose", [f"{part}2"], f"{part}3",
                      {"perm": [0, 2, 1, 3]}))
        return f"{part}3"

    q, k = project("q", heads), project("k", kv_heads)
    v = project("v", kv_heads)
    if kv_heads < heads:
        # Repeat each key/value head for its group of query heads.
        c["index"] = np.repeat(np.arange(kv_heads), heads // kv_heads)
        for part in "kv":
            nodes.append(("Gather", [f"{part}3", "index"], f"{part}4",
                          {"axis": 1}))
        k, v = "k4", "v4"
    if rotary_step is not None:
        angle = rotary_step * np.arange(tokens)[None, :, None]
        c["cos"], c["sin"] = single(np.cos(angle)), single(np.sin(angle))
        for part, name in (("q", q), ("k", k)):
            nodes.append(("RotaryEmbedding", [name, "cos", "sin"],
                          f"{part}5", {}))
        q, k = "q5", "k5"
    nodes.append(("Transpose", [k], "kt", {"perm": [0, 1, 3, 2]}))
    nodes.append(("MatMul", [q, "kt"], "l0", {}))
    c["scale"] = single(scale)
    nodes.append(("Mul", ["l0", "scale"], "l1", {}))
    last = "l1"
    if causal:
        c["mask"] = single(np.triu(np.full((tokens, tokens), -np.inf), 1))
        nodes.append(("Add", ["l1", "mask"], "l2", {}))
        last = "l2"
    nodes.append(("Softmax", [last], "p", {"axis": -1}))
    nodes.append(("MatMul", ["p", v], "a0", {}))
    nodes.append(("Transpose", ["a0"], "a1", {"perm": [0, 2, 1, 3]}))
    c["so"] = np.array([0, 0, width], np.int64)
    nodes.append(("Reshape", ["a1", "so"], "a2", {}))
    c["wo"] = single(weights.get("o", np.eye(width)))
    nodes.append(("MatMul", ["a2", "wo"], "a3", {}))
    c["factor"] = single(factor)
    nodes.append(("Mul", ["a3", "factor"], "y", {}))
    shape = [1, tokens, width]
    return model(nodes, c, shape, shape)


def attained_in_max_rms(graph, point, direction=None):
    """max-token-RMS ratio at a point, in float64: for a given direction by
    finite differences, else the best direction of the last token's row."""
    import torch
    import attack
    import torch_interpreter
    function = torch_interpreter.Function(graph)
    x = torch.as_tensor(np.asarray(point)).double().reshape(1, -1,
                                                            function.shape[-1])
    width = function.shape[-1]
    if direction is None:
        rows = torch.func.jacrev(
            lambda z: function(z.reshape(x.shape))[0, -1])(x.reshape(-1))
        _, best = attack.direction_max_rms(rows[None], width, width, 30)
        direction = best[0].reshape(x.shape)
    d = torch.as_tensor(np.asarray(direction)).double().reshape(x.shape)
    h = 1e-5 / d.abs().max()
    change = (function(x + h * d) - function(x - h * d))[0, -1]
    return (change.norm() / (2 * h * d[0].norm(dim=-1).max())).item()


def multi_head_cases():
    """Identity weights: Theorem A gives (sqrt(H+k²)+k)/3 with k = s·H; the
    released code claims 1 (times the growth of its own norm estimates)."""
    for entry in json.loads((HERE / "mha_counterexample.json").read_text()):
        heads, width, scale = entry["H"], entry["d"], entry["s"]
        graph = attention_model(len(entry["X"]), heads, width, scale / width)
        attained = attained_in_max_rms(graph, entry["X"], entry["dX"])
        assert abs(3 * attained / entry["ratio"] - 1) < 1e-3, attained
        kappa = scale * heads
        yield Case(f"published constant, H={heads} d={width} s={scale:g}",
                   graph, attained, (math.sqrt(heads + kappa ** 2) + kappa)
                   / 3 * ROOM, MAX_RMS + ("--input-ball=1",),
                   entry["repo_formula"] / 3)


def rotary_case():
    """n=801 tokens ±(√2,0), keys turned by 0.001875 j: √2+1 is exceeded."""
    tokens, step = 801, 0.001875
    graph = attention_model(tokens, 1, 2, 0.5, factor=1.0, rotary_step=step)
    points = np.zeros((tokens, 2))
    points[:400, 0], points[400:800, 0] = -math.sqrt(2), math.sqrt(2)
    # 2-d heads, s=1: logits q·k/d; the last query's angle after its turn.
    angle = 0.7490625 + math.pi / 2 - step * 800
    points[800] = math.sqrt(2) * np.array([math.cos(angle), math.sin(angle)])
    attained = max(attained_in_max_rms(graph, points), 0)
    assert attained > 2.55, attained
    # rho is 1 up to the rounding of the stored table.
    return Case("rotary embedding", graph, attained, 3 * (1 + 1e-5),
                MAX_RMS + ("--input-ball=1",))


def other_attention_cases():
    ball = MAX_RMS + ("--input-ball=1",)
    random = np.random.default_rng(5)

    def searched(name, graph, radius, options=ball, most=None, samples=200):
        """Attained at random points of the unit max-token-RMS ball."""
        shape = [d.dim_value
                 for d in graph.graph.input[0].type.tensor_type.shape.dim]
        best = 0.0
        for _ in range(samples):
            points = random.standard_normal(shape[1:])
            points *= radius * math.sqrt(shape[2]) / np.linalg.norm(
                points, axis=-1, keepdims=True) * 0.999
            best = max(best, attained_in_max_rms(graph, points))
        return Case(name, graph, best, most, options)

    yield searched("zero query matrix, large query bias",
                   attention_model(2, 1, 2, 0.5, 1.0, False,
                                   {"q": np.zeros((2, 2))},
                                   biases={"q": [100.0, 100.0]}), 1)
    yield searched("one key/value head for four",
                   attention_model(4, 4, 1, 1.0, 1.0, True, kv_heads=1), 1)
    yield searched("negative logit scale",
                   attention_model(4, 2, 2, -0.7, 1.0, False), 1)
    yield searched("one token", attention_model(1, 2, 2, 0.5, 1.0), 1)
    yield searched("large scale, six heads",
                   attention_model(5, 6, 1, 24.0, 1.0), 1, samples=40)
    narrow = {part: random.standard_normal((8, 8)) for part in "qkvo"}
    yield searched("random weights", attention_model(
        4, 4, 2, 0.5, 1.0, False, narrow), 1)
    # n=1, H=4, d=1, W_o = I, every W_v^h = e_1ᵀ: gain 2 in l2.
    values = np.zeros((4, 4))
    values[0] = 1
    yield Case("one value for every head, l2",
               attention_model(1, 4, 1, 1.0, 1.0, weights={"v": values}),
               2.0, None, ("--input-ball=2",))


# ---- convolutions, pools, norms, activations --------------------------------

def pool_case(name, kind, size, attained, most=None, **attributes):
    kernel = attributes["kernel_shape"][0]
    dilation = attributes.get("dilations", [1])[0]
    stride, pad = attributes["strides"][0], attributes["pads"][0]
    rank = len(attributes["kernel_shape"])
    out = (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    return Case(name, one(kind, [1, 1] + [size] * rank,
                          [1, 1] + [out] * rank, **attributes),
                attained, most)


def convolution_cases():
    kernel = single([[[[0.1]]]])
    yield Case("convolution 1x1 of 0.1",
               one("Conv", [1, 1, 4, 4], [1, 1, 4, 4],
                   constants={"w": kernel}),
               float(np.float32(0.1)), float(np.float32(0.1)) * ROOM)
    random = np.random.default_rng(3)
    for stride, dilation in ((1, 1), (2, 2), (1, 2), (2, 3)):
        weight = single(random.standard_normal((2, 2, 3)))
        size = 9
        out = (size + 2 - 2 * dilation - 1) // stride + 1
        matrix = np.zeros((2, out, 2, size))
        for y in range(out):
            for tap in range(3):
                place = y * stride - 1 + tap * dilation
                if 0 <= place < size:
                    matrix[:, y, :, place] += weight[:, :, tap]
        truth = np.linalg.norm(matrix.reshape(2 * out, -1), 2)
        yield Case(f"convolution stride {stride} dilation {dilation}",
                   one("Conv", [1, 2, size], [1, 2, out],
                       constants={"w": weight}, strides=[stride],
                       dilations=[dilation], pads=[1, 1]),
                   truth * (1 - 1e-13), truth * ROOM)


def pool_cases():
    yield pool_case("average pool that excludes padding", "AveragePool", 3,
                    1.0281, kernel_shape=[3], strides=[1], pads=[1, 1],
                    count_include_pad=0)
    yield pool_case("max pool 3x3 stride 1", "MaxPool", 9, 3, 3 * ROOM,
                    kernel_shape=[3, 3], strides=[1, 1], pads=[0] * 4)
    yield pool_case("max pool 3x3 stride 2", "MaxPool", 9, 2, 2 * ROOM,
                    kernel_shape=[3, 3], strides=[2, 2], pads=[0] * 4)
    yield pool_case("max pool 2x2 stride 2 dilation 2", "MaxPool", 9, 2,
                    2 * ROOM, kernel_shape=[2, 2], strides=[2, 2],
                    dilations=[2, 2], pads=[0] * 4)


def norm_cases():
    """Constants that a rounded epsilon or a norm conversion would miss."""
    eps = float(np.float32(1e-6))
    gain = single(np.ones(8))
    yield Case("RMSNorm with the stored epsilon",
               one("RMSNormalization", [1, 8], [1, 8],
                   constants={"g": gain}, axis=-1, epsilon=1e-6),
               (1 - 1e-14) / math.sqrt(eps), ROOM / math.sqrt(eps))
    linf = ("--input-norm=linf", "--output-norm=linf")
    wide = single(np.ones(768))
    yield Case("LayerNorm 768 in linf",
               one("LayerNormalization", [1, 768], [1, 768],
                   constants={"g": wide}, axis=-1, epsilon=1.0), 5.7410,
               None, linf)
    yield Case("RMSNorm 768 in linf",
               one("RMSNormalization", [1, 768], [1, 768],
                   constants={"g": wide}, axis=-1, epsilon=1.0), 5.7289,
               None, linf)


def activation_cases():
    yield Case("log-softmax of 100", one("LogSoftmax", [1, 100], [1, 100],
                                         axis=-1), 10 * (1 - 1e-12),
               10 * ROOM)
    yield Case("softmax", one("Softmax", [1, 6], [1, 6], axis=-1), 0.5,
               0.5 * ROOM)
    yield Case("ELU with alpha -5", one("Elu", [1, 3], [1, 3], alpha=-5.0),
               5, 5 * ROOM)
    yield Case("GELU", one("Gelu", [1, 3], [1, 3]), 1.1289041451851547,
               1.1289041451851548 * ROOM)
    yield Case("GELU tanh", one("Gelu", [1, 3], [1, 3], approximate="tanh"),
               1.1289930686587717, 1.128994)
    yield Case("SiLU of any slope",
               one("Swish", [1, 3], [1, 3], 24, alpha=1.702),
               1.0998393201288669, 1.0998393201288669 * ROOM)
    yield Case("Mish", one("Mish", [1, 3], [1, 3]), 1.0884981612517278,
               1.0884981612517279 * ROOM)
    alpha = float(np.float32(0.2))
    yield Case("HardSigmoid's stored default",
               one("HardSigmoid", [1, 3], [1, 3]), alpha * (1 - 1e-7),
               alpha * ROOM)


def linear(matrix, double=False):
    """x -> W x as MatMul with Wᵀ, in float32 or float64."""
    matrix = np.asarray(matrix, np.float64 if double else np.float32)
    kind = TensorProto.DOUBLE if double else TensorProto.FLOAT
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "linear",
        [value("x", kind, [1, matrix.shape[1]])],
        [value("y", kind, [1, matrix.shape[0]])],
        [numpy_helper.from_array(np.ascontiguousarray(matrix.T), "w")])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def matrix_cases():
    small = float(np.float32(1e-5))
    yield Case("weight 1e-5", linear([[small]]), small, small * ROOM)
    yield Case("zero matrix", linear(np.zeros((3, 4))), 0.0, 0.0)
    random = np.random.default_rng(11)
    orthogonal = np.linalg.qr(random.standard_normal((24, 24)))[0]
    stored = single(orthogonal).astype(np.float64)
    truth = np.linalg.norm(stored, 2)
    yield Case("orthogonal", linear(stored), truth * (1 - 1e-14),
               truth * ROOM)
    # The top singular vector is orthogonal to ones and to e_1.
    u = np.array([0, 1, -1, 0]) / math.sqrt(2)
    matrix = single(np.eye(4) + 3 * np.outer(u, u)).astype(np.float64)
    truth = np.linalg.norm(matrix, 2)
    yield Case("hidden top singular vector", linear(matrix),
               truth * (1 - 1e-14), truth * ROOM)
    for exponent in (-500, -537.6, 500):
        value = 2.0 ** exponent
        truth = 10 * value
        yield Case(f"10x10 of 2^{exponent}",
                   linear(np.full((10, 10), value), True),
                   truth * (1 - 1e-14), truth * ROOM)
    yield Case("4x3 of 2^-268.9", linear(np.full((4, 3), 2.0 ** -268.9),
                                         True),
               math.sqrt(12) * 2.0 ** -268.9 * (1 - 1e-14),
               math.sqrt(12) * 2.0 ** -268.9 * ROOM)


def growth_case():
    """Squared ReLU after relu(x)+5 on abs(x) <= 1: slope 2·6 at the end."""
    nodes = [("Gemm", ["x", "w", "b"], "a", {}), ("Relu", ["a"], "r", {}),
             ("Mul", ["r", "r"], "y", {})]
    constants = {"w": single([[1.0]]), "b": single([5.0])}
    return Case("growth with a bias", model(nodes, constants, [1, 1], [1, 1]),
                12 * (1 - 1e-12), 12 * ROOM, ("--input-box=-1,1",))


def glu_case():
    """Width 64, u = (100, 0, …): the entry bound, not the RMS, counts."""
    graph = helper.make_graph(
        [helper.make_node("Split", ["x", "s"], ["u", "v"], axis=1),
         helper.make_node("Sigmoid", ["v"], ["g"]),
         helper.make_node("Mul", ["u", "g"], ["y"])], "glu",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])],
        [numpy_helper.from_array(np.array([64, 64]), "s")])
    return Case("GLU of width 64", helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10),
        25 * (1 - 1e-12), None, ("--input-ball=100",))


def all_cases():
    for group in (multi_head_cases(), [rotary_case()],
                  other_attention_cases(), convolution_cases(), pool_cases(),
                  norm_cases(), activation_cases(), matrix_cases(),
                  [growth_case(), glu_case()]):
        yield from group


UNBOUNDED = [
    ("thresholded ReLU",
     lambda: one("ThresholdedRelu", [1, 3], [1, 3], alpha=1.0), ()),
    ("sign", lambda: one("Sign", [1, 3], [1, 3]), ()),
    ("round", lambda: one("Round", [1, 3], [1, 3]), ()),
    ("hardmax", lambda: one("Hardmax", [1, 3], [1, 3]), ()),
    ("cast to half", lambda: model(
        [("Cast", ["x"], "h", {"to": TensorProto.FLOAT16}),
         ("Cast", ["h"], "y", {"to": TensorProto.FLOAT})], {}, [1, 3],
        [1, 3]), ()),
    ("reciprocal of an interval with zero",
     lambda: one("Reciprocal", [1, 3], [1, 3]), ("--input-box=-1,1",)),
    ("square root from zero",
     lambda: one("Sqrt", [1, 3], [1, 3]), ("--input-box=0,1",)),
    ("exponential without a domain", lambda: one("Exp", [1, 3], [1, 3]), ()),
    ("norm without epsilon",
     lambda: one("LpNormalization", [1, 3], [1, 3], axis=-1, p=2), ()),
    ("product without a domain", lambda: model(
        [("Mul", ["x", "x"], "y", {})], {}, [1, 3], [1, 3]), ()),
    ("attention without a domain",
     lambda: attention_model(3, 1, 2, 0.5), MAX_RMS),
    ("selection by the input", lambda: model(
        [("Less", ["x", "zero"], "c", {}),
         ("Where", ["c", "one", "x"], "y", {})],
        {"zero": single(0), "one": single(1)}, [1, 3], [1, 3]), ()),
]


def has_number_near(text, value):
    return any(abs(float(found) / value - 1) < 1e-2
               for found in re.findall(r"\d+\.\d+(?:e[+-]?\d+)?", text))


def run_case(case, bin_dir, folder, tally):
    path = folder / "case.onnx"
    onnx.save(case.model, path)
    file = folder / "case.lipcert"
    answer = harness.certify(bin_dir, path, file, case.options)
    if not tally.check(f"{case.name}: certified", answer.finite,
                       f"exit {answer.outcome.code}: "
                       f"{answer.outcome.diagnostic}"):
        return
    tally.check(f"{case.name}: sound", answer.value >= case.attained,
                f"UNSOUND: certified {answer.decimal}, attained "
                f"{case.attained:.12g}")
    if case.most is not None:
        tally.check(f"{case.name}: tight", answer.value <= case.most,
                    f"certified {answer.decimal}, at most {case.most:.12g}")
    verified = harness.check(bin_dir, file, path)
    tally.check(f"{case.name}: checked", verified.code == 0,
                f"exit {verified.code}: {verified.diagnostic}")
    if case.published is not None:
        again = harness.certify(bin_dir, path, file,
                                case.options + ("--published-formula",))
        tally.check(f"{case.name}: published formula",
                    again.outcome.code == 0 and has_number_near(
                        again.outcome.stdout, case.published),
                    f"{case.published:.6g} is not on the screen")
    print(f"{case.name:45} attained {case.attained:.8g}, "
          f"certified {answer.decimal}", flush=True)


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--dry-run", action="store_true",
                        help="make the models and attained ratios only")
    options = parser.parse_args()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for case in all_cases():
            if options.only not in case.name:
                continue
            if options.dry_run:
                print(f"{case.name:45} attained {case.attained:.8g}, "
                      f"at most {case.most}")
                tally.check(case.name, case.most is None
                            or case.attained <= case.most,
                            "attained exceeds the closed form")
            else:
                run_case(case, options.bin, folder, tally)
        for name, build, arguments in UNBOUNDED:
            if options.only not in name:
                continue
            path = folder / "unbounded.onnx"
            onnx.save(build(), path)
            if options.dry_run:
                tally.check(name, True)
                continue
            answer = harness.certify(options.bin, path, folder / "u.lipcert",
                                     arguments)
            tally.check(f"{name}: unbounded", answer.outcome.code == 2,
                        f"exit {answer.outcome.code}, {answer.decimal}")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
