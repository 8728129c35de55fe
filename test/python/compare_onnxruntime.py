# ===- compare_onnxruntime.py - Reference interpreter against ONNX Runtime -===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""For each model: lipt-run's outputs against ONNX Runtime's on random inputs
(several seeds, and images in [0,1]), 1e-4 of the largest output; then the same
for the model that went through import, lipt-opt and export. Models: files or
folders; without any, the exported networks and the third-party models.

--dry-run compares ONNX Runtime with itself (optimised and not), which tests
the inputs and the tolerance without any tool.
"""

import pathlib
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx

import export_networks
import harness

TOLERANCE = 1e-4
# Symbolic sizes by name; any other becomes 2.
SYMBOLIC_SIZES = {"tokens": 9}


def random_inputs(model, seed):
    """Inputs for one seed: even seeds N(0,1), odd ones uniform in [0,1]."""
    generator = np.random.default_rng(seed)
    inputs = {}
    for value in model.graph.input:
        if value.name in {i.name for i in model.graph.initializer}:
            continue
        tensor = value.type.tensor_type
        shape = [d.dim_value if d.HasField("dim_value")
                 else SYMBOLIC_SIZES.get(d.dim_param, 2)
                 for d in tensor.shape.dim]
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(
            tensor.elem_type))
        if dtype.kind in "iu":
            # Token ids: small enough for every vocabulary in use here.
            data = generator.integers(0, 65, shape)
        elif dtype.kind == "b":
            data = generator.integers(0, 2, shape)
        elif seed % 2 == 0:
            data = generator.standard_normal(shape)
        else:
            data = generator.random(shape)
        inputs[value.name] = np.asarray(data).astype(dtype)
    return inputs


def largest_error(actual, expected):
    return max(harness.relative_error(a, e) for a, e in zip(actual, expected))


def compare_outputs(path, model, options, tally):
    """lipt-run against ONNX Runtime, every seed."""
    running = harness.session(path)
    again = harness.session(path, optimized=True) if options.dry_run else None
    worst = 0.0
    for seed in range(options.seeds):
        inputs = random_inputs(model, seed)
        expected = running.run(None, inputs)
        if options.dry_run:
            actual = again.run(None, inputs)
        else:
            outcome, actual = harness.run_reference(
                options.bin, path, inputs, len(expected))
            if actual is None:
                tally.fail(f"{path.name} interpreter",
                           f"exit {outcome.code}: {outcome.diagnostic}")
                return
        worst = max(worst, largest_error(actual, expected))
    tally.check(f"{path.name} interpreter", worst <= TOLERANCE,
                f"differs from ONNX Runtime by {worst:.1e}")
    print(f"{path.name}: interpreter error {worst:.1e}\n", end="", flush=True)


def round_trip(path, model, options, tally):
    """Import, lipt-opt, export; ONNX Runtime on both ends."""
    name = f"{path.name} round trip"
    translate = options.bin / "lipt-translate"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        imported, rewritten = folder / "m.mlir", folder / "o.mlir"
        exported = folder / "out.onnx"
        commands = [
            [translate, "--import-onnx", path, "-o", imported],
            [options.bin / "lipt-opt", imported, "-o", rewritten],
            [translate, "--export-onnx", rewritten, f"--weights={path}",
             "-o", exported]]
        for command in commands:
            outcome = harness.run(command)
            if outcome.code != 0:
                tally.fail(name, f"{command[0].name} {command[1]}: exit "
                                 f"{outcome.code}: {outcome.diagnostic}")
                return
        try:
            onnx.checker.check_model(str(exported), full_check=True)
            original, again = harness.session(path), harness.session(exported)
            original_inputs = [i.name for i in original.get_inputs()]
            again_inputs = [i.name for i in again.get_inputs()]
            worst = 0.0
            for seed in range(options.seeds):
                inputs = random_inputs(model, seed)
                renamed = {new: inputs[old] for new, old
                           in zip(again_inputs, original_inputs)}
                worst = max(worst, largest_error(
                    again.run(None, renamed), original.run(None, inputs)))
        except Exception as problem:  # an invalid file is a failed case
            tally.fail(name, str(problem).strip().splitlines()[0])
            return
        tally.check(f"{name}: input names", again_inputs == original_inputs,
                    f"{again_inputs} for {original_inputs}")
        tally.check(name, worst <= TOLERANCE, f"differs by {worst:.1e}")
        print(f"{path.name}: round-trip error {worst:.1e}\n", end="",
              flush=True)


def model_files(arguments, exported):
    """The .onnx files of files and folders, or the default ones."""
    if not arguments:
        arguments = [exported]
        models = harness.default_models()
        if models:
            arguments.append(models)
    files = []
    for argument in arguments:
        argument = pathlib.Path(argument)
        files += sorted(argument.glob("*.onnx")) if argument.is_dir() \
            else [argument]
    return files


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--exported", type=pathlib.Path,
                        default=export_networks.DEFAULT_FOLDER,
                        help="folder of the exported networks")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--no-round-trip", action="store_true")
    options = parser.parse_args()
    tally = harness.Tally()
    files = model_files(options.models, options.exported)
    tally.check("models", files, "no model found")

    def one(path):
        model = onnx.load(path)
        compare_outputs(path, model, options, tally)
        if not options.dry_run and not options.no_round_trip:
            round_trip(path, model, options, tally)

    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, files))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
