# ===- harness.py - Shared parts of the Python oracles ----------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""What every script here needs: where the tools are, a tally of passed and
failed cases, running a tool with a time limit, and ONNX Runtime sessions.

Nothing here (or in any script of this folder) shares code with the tools: the
scripts exist to compare them with programs that we did not write.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_BUILD = SOURCE_DIR / "build"


def argument_parser(description):
    """A parser with the options that all scripts share."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path,
                        default=DEFAULT_BUILD / "bin",
                        help="folder of the tools (default build/bin)")
    parser.add_argument("--jobs", type=int, default=2,
                        help="processes at a time (default 2)")
    return parser


def default_models():
    """The third-party models, from LIPT_MODELS or a folder beside the source.

    They are not in the repository; a machine without them skips their cases.
    """
    places = [os.environ.get("LIPT_MODELS"), SOURCE_DIR / "models",
              SOURCE_DIR.parent / "shared" / "models",
              SOURCE_DIR.parent.parent / "shared" / "models"]
    for place in places:
        if place and pathlib.Path(place).is_dir():
            return pathlib.Path(place)
    return None


class Tally:
    """Counts cases; the closing line is what ctest and people read."""

    def __init__(self):
        self.passed = 0
        self.failures = []

    def check(self, name, condition, detail=""):
        if condition:
            self.passed += 1
        else:
            self.failures.append(f"{name}: {detail}" if detail else name)
        return bool(condition)

    def fail(self, name, detail):
        self.check(name, False, detail)

    def finish(self):
        """Print the failures and the closing line; the exit code."""
        for failure in self.failures:
            print(f"FAILED {failure}")
        print(f"{self.passed} passed, {len(self.failures)} failed")
        return 1 if self.failures else 0


class Outcome:
    """What a tool answered: its exit code, output and diagnostics."""

    def __init__(self, code, stdout, stderr):
        self.code, self.stdout, self.stderr = code, stdout, stderr

    @property
    def crashed(self):
        """Killed by a signal, timed out, or outside the promised codes."""
        return self.code not in (0, 1, 2)

    @property
    def diagnostic(self):
        """The first line of diagnostics, for a report."""
        text = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return text[0] if text else "no diagnostic"


def run(arguments, timeout=300, cwd=None):
    """Run a tool; a missing tool is an environment error, a time-out a crash."""
    try:
        done = subprocess.run([str(a) for a in arguments], cwd=cwd,
                              capture_output=True, timeout=timeout)
    except FileNotFoundError:
        sys.exit(f"missing tool '{arguments[0]}' (build it or give --bin=DIR)")
    except subprocess.TimeoutExpired:
        return Outcome(-1, "", f"no answer within {timeout} seconds")
    return Outcome(done.returncode, done.stdout.decode(errors="replace"),
                   done.stderr.decode(errors="replace"))


def run_reference(bin_dir, model_path, inputs, output_count, timeout=300,
                  precision="float", keep=None):
    """Evaluate a model with lipt-run; (outcome, outputs or None).

    `inputs` maps names to arrays, which travel as .npy files.
    """
    with tempfile.TemporaryDirectory(dir=keep) as folder:
        folder = pathlib.Path(folder)
        command = [bin_dir / "lipt-run", model_path]
        for index, (name, value) in enumerate(inputs.items()):
            file = folder / f"input{index}.npy"
            np.save(file, to_saveable(value))
            command.append(f"--input={name}={file}")
        out = folder / "out"
        out.mkdir()
        command += [f"--output-dir={out}", f"--precision={precision}"]
        outcome = run(command, timeout)
        if outcome.code != 0:
            return outcome, None
        missing = [i for i in range(output_count)
                   if not (out / f"{i}.npy").exists()]
        if missing:
            outcome.code, outcome.stderr = -1, f"no output file {missing[0]}.npy"
            return outcome, None
        return outcome, [np.load(out / f"{i}.npy") for i in range(output_count)]


def to_saveable(array):
    """C order and a dtype that .npy knows (bfloat16 and fp8 widen exactly)."""
    array = np.asarray(array)
    if array.dtype.kind == "V" or "float8" in array.dtype.name \
            or array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    # ascontiguousarray would turn a scalar into a vector of one.
    return np.asarray(array, order="C")


def relative_error(actual, expected):
    """Largest absolute difference over the largest expected magnitude.

    Equal infinities and NaNs in both agree; a wrong shape is infinite.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return np.inf
    if expected.size == 0:
        return 0.0
    actual = actual.astype(np.float64)
    expected = expected.astype(np.float64)
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    finite = np.isfinite(expected)
    if not np.all(same | (finite & np.isfinite(actual))):
        return np.inf
    scale = np.max(np.abs(expected[finite]), initial=0.0)
    with np.errstate(invalid="ignore"):
        difference = np.max(np.where(same, 0.0, np.abs(actual - expected)))
    return difference / scale if scale > 0 else difference


def session(model, optimized=False):
    """An ONNX Runtime session on one thread, without graph rewriting."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not optimized:
        options.graph_optimization_level = \
            onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if isinstance(model, onnx.ModelProto):
        model = model.SerializeToString()
    else:
        model = str(model)
    return onnxruntime.InferenceSession(model, options,
                                        providers=["CPUExecutionProvider"])


def graph_inputs(model):
    """[(name, shape with None for symbolic, numpy dtype)] of real inputs."""
    initializers = {i.name for i in model.graph.initializer}
    result = []
    for value in model.graph.input:
        if value.name in initializers:
            continue
        tensor = value.type.tensor_type
        shape = [d.dim_value if d.HasField("dim_value") else None
                 for d in tensor.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        result.append((value.name, shape, np.dtype(dtype)))
    return result


CERTIFIED = re.compile(
    r"^certified-lipschitz: (\S+) (\S+) -> (\S+)\s*$", re.MULTILINE)
ATTAINED = re.compile(r"^attained-lipschitz: (\S+)\s*$", re.MULTILINE)


class Certificate:
    """The machine-readable answer of lipt-certify.

    Numbers beyond the range of double (10^310 occurs) become infinity here,
    with `decimal` keeping the exact text.
    """

    def __init__(self, outcome):
        self.outcome = outcome
        found = CERTIFIED.search(outcome.stdout)
        self.decimal = found.group(1) if found else None
        self.norms = (found.group(2), found.group(3)) if found else None
        self.value = None
        if found:
            self.value = float("inf" if self.decimal == "unbounded"
                               else self.decimal)
        attained = ATTAINED.search(outcome.stdout)
        self.attained = None
        if attained:
            try:
                self.attained = float(attained.group(1))
            except ValueError:
                pass  # "none": the tool found no lower bound

    @property
    def finite(self):
        return self.outcome.code == 0 and self.value is not None \
            and np.isfinite(self.value)


def certify(bin_dir, model_path, certificate_path, options=(), timeout=600):
    """Run lipt-certify; a Certificate, with outcome.code 2 if unbounded."""
    return Certificate(run(
        [bin_dir / "lipt-certify", model_path, *options, "--quiet",
         "-o", certificate_path], timeout))


def check(bin_dir, certificate_path, model_path, timeout=600):
    """Run lipt-check on a certificate."""
    return run([bin_dir / "lipt-check", certificate_path, model_path], timeout)
