#!/usr/bin/env python3
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Accepts independently written certificates, refuses every mutation of them.

Small networks are built here, their certificates by checker_certificates.py;
then each claimed number is lowered by 1e-6, hashes, names, roles, labels and
the order of steps are changed, and files are cut and filled with rubbish.
"""
import argparse
import copy
import json
import math
import os
import random
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import checker_certificates

failures = []


def check(tool, certificate, model):
    run = subprocess.run([tool, certificate, model], capture_output=True, text=True, errors="replace", timeout=120)
    return run.returncode, (run.stdout + run.stderr).strip()


def expect(name, found, wanted, text):
    if found not in wanted:
        failures.append(name)
        print(f"FAILED {name}: exit code {found}, expected {wanted}: {text}")


def weights(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def perceptron(rng):
    nodes = [helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], transB=1), helper.make_node("Relu", ["h"], ["r"]),
             helper.make_node("MatMul", ["r", "w2"], ["m"]), helper.make_node("Add", ["m", "b2"], ["y"])]
    tensors = {"w1": weights(rng, 7, 5), "b1": weights(rng, 7), "w2": weights(rng, 7, 3), "b2": weights(rng, 3)}
    return nodes, tensors, [2, 5], [2, 3]


def convolutional(rng):
    nodes = [helper.make_node("Conv", ["x", "k", "b"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
             helper.make_node("Relu", ["c"], ["r"]),
             helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[1, 1]),
             helper.make_node("Flatten", ["p"], ["f"]), helper.make_node("Gemm", ["f", "w"], ["y"])]
    tensors = {"k": weights(rng, 4, 2, 3, 3), "b": weights(rng, 4), "w": weights(rng, 36, 6)}
    return nodes, tensors, [1, 2, 8, 8], [1, 6]


def residual(rng):
    nodes = [helper.make_node("MatMul", ["x", "w1"], ["h"]), helper.make_node("Sigmoid", ["h"], ["s"]),
             helper.make_node("MatMul", ["s", "w2"], ["m"]), helper.make_node("Add", ["x", "m"], ["y"])]
    return nodes, {"w1": weights(rng, 6, 9), "w2": weights(rng, 9, 6)}, [3, 6], [3, 6]


def save(path, network):
    nodes, tensors, inputs, outputs = network
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, inputs)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, outputs)],
                              [numpy_helper.from_array(v, k) for k, v in tensors.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    onnx.save(model, path)


def bounds(value, path=()):
    """Paths of every BOUND in a certificate."""
    if isinstance(value, dict):
        if set(value) == {"m", "e"}:
            yield path
            return
        for key, item in value.items():
            yield from bounds(item, path + (key,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from bounds(item, path + (index,))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def lowered(bound, factor):
    m, e = math.frexp(math.ldexp(float.fromhex(bound["m"]), bound["e"]) * factor)
    return {"m": (m * 2).hex(), "e": e - 1}


def mutations(certificate):
    for path in bounds(certificate):
        changed = copy.deepcopy(certificate)
        at(changed, path[:-1])[path[-1]] = lowered(at(certificate, path), 1 - 1e-6)
        yield "lower " + "/".join(map(str, path)), changed
        changed = copy.deepcopy(certificate)
        at(changed, path[:-1])[path[-1]] = {"m": "0x0p+0", "e": 0}
        yield "zero " + "/".join(map(str, path)), changed
    for index in range(len(certificate["steps"])):
        changed = copy.deepcopy(certificate)
        del changed["steps"][index]
        yield f"drop step {index}", changed
        changed = copy.deepcopy(certificate)
        changed["steps"][index]["rule"] = "B-softmax"
        yield f"label of step {index}", changed
        changed = copy.deepcopy(certificate)
        changed["steps"][index]["nodes"] = changed["steps"][index]["nodes"][:-1]
        yield f"nodes of step {index}", changed
        changed = copy.deepcopy(certificate)
        changed["steps"][index]["inputs"] = []
        yield f"inputs of step {index}", changed
    changed = copy.deepcopy(certificate)
    changed["steps"].reverse()
    yield "reverse the steps", changed
    changed = copy.deepcopy(certificate)
    changed["steps"].append(changed["steps"].pop(0))
    yield "first step last", changed
    for index in range(len(certificate["matrices"])):
        changed = copy.deepcopy(certificate)
        tau = float.fromhex(changed["matrices"][index]["tau"])
        changed["matrices"][index]["tau"] = (tau * (1 - 1e-6)).hex()
        yield f"tau {index}", changed
        changed = copy.deepcopy(certificate)
        changed["matrices"][index]["key"] = "affine(y<-nothing)"
        yield f"key {index}", changed
    for index in range(len(certificate["model"]["initializers"])):
        changed = copy.deepcopy(certificate)
        digest = changed["model"]["initializers"][index]["sha256"]
        changed["model"]["initializers"][index]["sha256"] = digest[:-1] + ("0" if digest[-1] != "0" else "1")
        yield f"hash of initializer {index}", changed
        changed = copy.deepcopy(certificate)
        del changed["model"]["initializers"][index]
        yield f"drop initializer {index}", changed
    for path, value in [(("model", "sha256"), "0" * 64), (("format",), "lipcert2"), (("version",), 2),
                        (("semantics",), "fp32"), (("unknown",), 1), (("question", "output"), "h"),
                        (("question", "origin"), "w1"), (("question", "input_norm"), "l1"),
                        (("inputs", 0, "axes"), ["batch"]), (("inputs", 0, "status"), "fixed"),
                        (("sizes",), {"n": 3}), (("claim", "lipschitz"), {"m": "nan", "e": 0}),
                        (("claim", "lipschitz"), {"m": "0x1.8p+1", "e": 0}), (("claim", "lipschitz"), 3.0),
                        (("steps",), {}), (("claim",), None)]:
        changed = copy.deepcopy(certificate)
        at(changed, path[:-1])[path[-1]] = value
        yield f"{'/'.join(map(str, path))} = {value}", changed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    tool = os.path.join(parser.parse_args().bin, "lipt-check")
    rng = np.random.default_rng(7)
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        path, file = os.path.join(folder, "m.onnx"), os.path.join(folder, "m.lipcert")
        for network in (perceptron, convolutional, residual):
            for linf in (False, True):
                save(path, network(rng))
                checker_certificates.Writer(path).write(file, linf)
                name = network.__name__ + (" linf" if linf else " l2")
                code, text = check(tool, file, path)
                expect(name, code, {0}, text)
                done += 1
                if linf:
                    continue
                with open(file) as handle:
                    certificate = json.load(handle)
                for what, changed in mutations(certificate):
                    with open(file, "w") as handle:
                        json.dump(changed, handle)
                    code, text = check(tool, file, path)
                    expect(f"{name}: {what}", code, {2}, text)
                    done += 1
        # Hostile files: cut, flipped and random bytes. No exit code but 0 (an
        # untouched byte), 1 and 2.
        save(path, perceptron(rng))
        checker_certificates.Writer(path).write(file)
        good = {suffix: open(os.path.join(folder, "m" + suffix), "rb").read() for suffix in (".onnx", ".lipcert")}
        random.seed(5)
        for trial in range(150):
            suffix = random.choice([".onnx", ".lipcert"])
            data = bytearray(good[suffix])
            kind = trial % 3
            if kind == 0:
                data = data[:random.randrange(len(data))]
            elif kind == 1:
                for _ in range(random.randrange(1, 8)):
                    data[random.randrange(len(data))] = random.randrange(256)
            else:
                begin = random.randrange(len(data))
                data[begin:begin + 16] = random.randbytes(16)
            for other in good:
                with open(os.path.join(folder, "m" + other), "wb") as handle:
                    handle.write(data if other == suffix else good[other])
            code, text = check(tool, file, path)
            # A changed model has another hash; a changed certificate may at
            # best have changed nothing that matters.
            expect(f"rubbish {trial} in {suffix}", code, {1, 2} if suffix == ".onnx" else {0, 2}, text)
            done += 1
        code, text = check(tool, os.path.join(folder, "none"), path)
        expect("missing certificate", code, {1}, text)
    print(f"{done - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
