# ===- invariance.py - Rewrites that may not change a bound -----------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Bounds are invariant under things that do not change the function: another
topological order of the nodes, other names, initializers as Constant nodes,
constants folded by ONNX Runtime, a newer opset, another batch size. Each
variant is certified and compared with the original within 1e-6 relative.

--dry-run makes the variants and compares their outputs in ONNX Runtime.
"""

import pathlib
import random
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import onnx
from onnx import helper

import compare_onnxruntime
import export_networks
import harness
import networks

AGREE = 1e-6


def copy(model):
    return onnx.ModelProto.FromString(model.SerializeToString())


def reordered(model):
    """Another topological order, chosen at random with a fixed seed."""
    result = copy(model)
    graph = result.graph
    shuffle = random.Random(3)
    known = {i.name for i in graph.initializer} \
        | {i.name for i in graph.input} | {""}
    waiting, order = list(graph.node), []
    while waiting:
        ready = [n for n in waiting if all(i in known for i in n.input)]
        node = shuffle.choice(ready)
        order.append(copy_node(node))
        known.update(node.output)
        waiting = [n for n in waiting if n is not node]
    del graph.node[:]
    graph.node.extend(order)
    return result


def copy_node(node):
    return onnx.NodeProto.FromString(node.SerializeToString())


def renamed(model):
    """Every inner tensor and node under another name."""
    result = copy(model)
    graph = result.graph
    outside = {v.name for v in [*graph.input, *graph.output]} | {""}
    names = {}

    def new(name):
        if name in outside:
            return name
        return names.setdefault(name, f"v{len(names)}_{name[-3:]}")

    for index, node in enumerate(graph.node):
        node.name = f"n{index}"
        node.input[:] = [new(i) for i in node.input]
        node.output[:] = [new(o) for o in node.output]
    for initializer in graph.initializer:
        initializer.name = new(initializer.name)
    del graph.value_info[:]
    return result


def as_constants(model):
    """Initializers become Constant nodes in front."""
    result = copy(model)
    graph = result.graph
    inputs = {i.name for i in graph.input}
    nodes = [helper.make_node("Constant", [], [i.name], value=i)
             for i in graph.initializer if i.name not in inputs]
    kept = [i for i in graph.initializer if i.name in inputs]
    rest = [copy_node(n) for n in graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend([*nodes, *rest])
    return result


def folded(model):
    """Constant subgraphs folded by ONNX Runtime's basic level, where that
    stays within standard operators."""
    import onnxruntime
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "m.onnx")
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = \
            onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = path
        options.log_severity_level = 4
        onnxruntime.InferenceSession(model.SerializeToString(), options,
                                     providers=["CPUExecutionProvider"])
        result = onnx.load(path)
    domains = {n.domain for n in result.graph.node}
    if domains - {"", "ai.onnx"}:
        return None
    # Only the standard domain is used; drop the others' imports.
    kept = [o for o in result.opset_import if o.domain in ("", "ai.onnx")]
    del result.opset_import[:]
    result.opset_import.extend(kept)
    return result


def newer_opset(model):
    """Converted by the onnx package to a later opset, where it can."""
    version = next(o.version for o in model.opset_import if o.domain == "")
    for target in (22, 20, 18, 17, 15, 13):
        if target <= version:
            break
        try:
            result = onnx.version_converter.convert_version(model, target)
            onnx.checker.check_model(result)
            return result
        except Exception:  # an operator without an adapter: try a nearer one
            continue
    return None


def other_batch(model):
    """The symbolic batch axis fixed to 3."""
    result = copy(model)
    changed = False
    for value in [*result.graph.input, *result.graph.output]:
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param in ("batch", "batch_size"):
                dimension.dim_value = 3
                changed = True
    del result.graph.value_info[:]
    return result if changed else None


VARIANTS = {"reordered": reordered, "renamed": renamed,
            "constants": as_constants, "folded": folded,
            "newer opset": newer_opset, "batch of 3": other_batch}


def sources(folder):
    """(path, certification options)"""
    result = []
    for network in networks.all_networks():
        for exporter in ("torchscript14", "dynamo23"):
            result.append((export_networks.file_of(folder, network,
                                                   exporter),
                           network.options))
    models = harness.default_models()
    if models:
        result += [(models / "resnet_2b.onnx", []),
                   (models / "eran_sigmoid_6x200.onnx", []),
                   (models / "vit_ibp_3_3_8.onnx", ["--input-box=0,1"])]
    return result


def same_function(model, variant):
    """Largest relative difference of the outputs in ONNX Runtime."""
    a, b = harness.session(model), harness.session(variant)
    inputs = compare_onnxruntime.random_inputs(variant, 0)
    return compare_onnxruntime.largest_error(b.run(None, inputs),
                                             a.run(None, inputs))


def run_source(path, arguments, options, tally):
    model = onnx.load(path)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)

        def bound(file):
            return harness.certify(options.bin, file, folder / "c.lipcert",
                                   arguments)

        if not options.dry_run:
            original = bound(path)
            if not tally.check(path.name, original.finite,
                               f"exit {original.outcome.code}: "
                               f"{original.outcome.diagnostic}"):
                return
        for name, make in VARIANTS.items():
            try:
                variant = make(model)
            except Exception as problem:
                tally.fail(f"{path.name} {name}", f"not made: {problem}")
                continue
            if variant is None:
                continue
            if options.dry_run:
                error = same_function(model, variant)
                tally.check(f"{path.name} {name}", error < 1e-4,
                            f"another function, {error:.1e}")
                continue
            file = folder / "variant.onnx"
            onnx.save(variant, file)
            answer = bound(file)
            if not tally.check(f"{path.name} {name}", answer.finite,
                               f"exit {answer.outcome.code}: "
                               f"{answer.outcome.diagnostic}"):
                continue
            tally.check(f"{path.name} {name} agrees", abs(
                answer.value / original.value - 1) <= AGREE,
                f"{answer.decimal}, the original {original.decimal}")


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("--folder", type=pathlib.Path,
                        default=export_networks.DEFAULT_FOLDER)
    parser.add_argument("--only", default="")
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    if not export_networks.complete(options.folder,
                                    networks.all_networks()):
        export_networks.export_all(options.folder, harness.Tally())
    tally = harness.Tally()
    work = [s for s in sources(options.folder) if options.only in s[0].name]
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda s: run_source(*s, options, tally), work))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
