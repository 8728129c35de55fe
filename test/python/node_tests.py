# ===- node_tests.py - The node tests of the onnx package -------------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Runs every node test of the onnx package through import and the reference
interpreter. Integer, boolean and empty inputs are fixed as initializers (they
are shapes, axes and masks there). A case passes, is refused with a diagnostic
(exit 1), or gives a wrong answer, which is a failure, as a crash is.

--markdown=FILE writes the list by operator; --dry-run runs ONNX Runtime in the
place of lipt-run, which tests the harness.
"""

import collections
import pathlib
import re
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

import harness

REQUIRED_FLOAT32 = 650
PASSED, REFUSED, WRONG = "passed", "refused", "wrong"

Result = collections.namedtuple(
    "Result", "name operator float32 status detail")


def load_tests():
    from onnx.backend.test.loader import load_model_tests
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model_tests(kind="node")


def value_dtype(value):
    """numpy dtype of a tensor-valued graph input or output, else None."""
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return None
    return value.type.tensor_type.elem_type


def fix_inputs(model, data):
    """A copy whose non-float inputs are initializers, and the float inputs.

    A test whose inputs are all integers keeps the first one as an input, so
    that something is left to run on.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    values = dict(zip((i.name for i in model.graph.input), data))
    floats = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16,
              TensorProto.BFLOAT16}
    kept = {}
    for value in list(model.graph.input):
        array = values.get(value.name)
        if array is None or not isinstance(array, np.ndarray):
            continue
        if value_dtype(value) in floats and array.size:
            kept[value.name] = array
    if not kept and values:
        name, array = next(iter(values.items()))
        if isinstance(array, np.ndarray):
            kept[name] = array
    for value in list(model.graph.input):
        if value.name in kept or value.name not in values:
            continue
        tensor = numpy_helper.from_array(
            np.asarray(values[value.name]), value.name)
        tensor.data_type = value_dtype(value)
        model.graph.initializer.append(tensor)
        # Below IR version 4 an initializer must also be an input.
        if model.ir_version >= 4:
            model.graph.input.remove(value)
    return model, kept


def is_float32(model):
    """Every tensor input that is not integer, and every output, is float32."""
    types = [value_dtype(v) for v in model.graph.output]
    types += [t for t in (value_dtype(v) for v in model.graph.input)
              if t not in (TensorProto.INT32, TensorProto.INT64,
                           TensorProto.BOOL)]
    return bool(types) and all(t == TensorProto.FLOAT for t in types) \
        and any(value_dtype(v) == TensorProto.FLOAT for v in model.graph.input)


def operator_of(model, name):
    """The operator a test is about. Function-expanded graphs have several
    nodes: their test is named after the operator."""
    operators = [n.op_type for n in model.graph.node]
    if len(operators) == 1 or "expanded" not in name:
        return operators[0]
    base = re.sub(r"^test_|_expanded.*$", "", name).replace("_", "")
    known = sorted({s.name for s in onnx.defs.get_all_schemas()}, key=len,
                   reverse=True)
    for operator in known:
        if base.startswith(operator.lower()):
            return f"{operator} (expanded)"
    return f"{operators[-1]} (expanded)"


def normalize_reason(text):
    """A diagnostic without the file, location and names of one test."""
    text = re.sub(r"\S*\.onnx:?", "", text)
    text = re.sub(r"^\s*(lipt-run: )?(error: )?", "", text)
    return re.sub(r"\s+", " ", text).strip()[:120]


def run_with_onnxruntime(path, inputs):
    try:
        outputs = harness.session(path).run(None, inputs)
    except Exception as problem:
        return harness.Outcome(1, "", str(problem)), None
    return harness.Outcome(0, "", ""), outputs


# Units of the last place, times two, of types narrower than float32.
UNIT = {TensorProto.FLOAT16: 2.0 ** -9, TensorProto.BFLOAT16: 2.0 ** -6}


def compare(actual, expected, types, rtol, atol):
    """None, or what differs; the onnx package's own tolerances."""
    for index, (a, e) in enumerate(zip(actual, expected)):
        if not isinstance(e, np.ndarray):
            e = np.asarray(e)
        e = harness.to_saveable(e)
        a = harness.to_saveable(a)
        if a.shape != e.shape:
            return f"output {index}: shape {a.shape}, not {e.shape}"
        if e.dtype.kind in "fc":
            # A few units in the last place of the largest entry: sums that
            # cancel cannot be asked for more.
            finite = np.abs(e[np.isfinite(e)]).astype(np.float64)
            unit = UNIT.get(types[index], 1e-6)
            with np.errstate(all="ignore"):
                equal = np.allclose(
                    a.astype(np.float64), e.astype(np.float64),
                    rtol=max(rtol, unit), equal_nan=True,
                    atol=max(atol, unit * np.max(finite, initial=0.0)))
        else:
            equal = np.array_equal(a, e)
        if not equal:
            return f"output {index}: values differ"
    return None


def run_test(arguments):
    """One test in a worker process; a Result."""
    test, bin_dir, dry_run = arguments
    model = test.model
    operator = operator_of(model, test.name)
    float32 = is_float32(model)

    def result(status, detail=""):
        return Result(test.name, operator, float32, status, detail)

    for inputs, expected in test.data_sets:
        if any(isinstance(x, (list, type(None))) for x in inputs) \
                or any(isinstance(x, (list, type(None))) for x in expected):
            return result(REFUSED, "sequence or optional value (harness)")
        try:
            fixed, kept = fix_inputs(model, inputs)
        except Exception as problem:
            return result(REFUSED, f"harness: {problem}")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.onnx"
            path.write_bytes(fixed.SerializeToString())
            if dry_run:
                outcome, actual = run_with_onnxruntime(path, kept)
            else:
                outcome, actual = harness.run_reference(
                    bin_dir, path, kept, len(expected), timeout=60)
        if actual is None:
            if outcome.code == 1 and outcome.stderr.strip():
                return result(REFUSED, normalize_reason(outcome.diagnostic))
            return result(WRONG, f"exit {outcome.code}: "
                                 f"{outcome.diagnostic[:200]}")
        difference = compare(
            actual, expected, [value_dtype(v) for v in model.graph.output],
            test.rtol, test.atol)
        if difference:
            return result(WRONG, difference)
    return result(PASSED)


def markdown(results):
    """The list by operator, as a Markdown page."""
    by_operator = collections.defaultdict(list)
    for r in results:
        by_operator[r.operator].append(r)
    count = collections.Counter(r.status for r in results)
    count32 = collections.Counter(r.status for r in results if r.float32)
    lines = ["# ONNX node tests", "",
             "Generated by `test/python/node_tests.py --markdown`; "
             "do not edit.", "",
             f"onnx {onnx.__version__}: {len(results)} node tests through "
             "import and the reference interpreter.", "",
             "| tests | passed | refused | wrong |", "|---|---|---|---|",
             f"| all | {count[PASSED]} | {count[REFUSED]} | {count[WRONG]} |",
             f"| float32 data | {count32[PASSED]} | {count32[REFUSED]} | "
             f"{count32[WRONG]} |", "",
             "A refused test ends with one diagnostic and exit code 1; the "
             "reasons are those diagnostics.", "",
             "| operator | passed | refused | reasons of refusal |",
             "|---|---|---|---|"]
    for operator in sorted(by_operator):
        cases = by_operator[operator]
        tally = collections.Counter(r.status for r in cases)
        reasons = collections.Counter(r.detail for r in cases
                                      if r.status == REFUSED)
        text = "; ".join(f"{reason} ({n})" if n > 1 else reason
                         for reason, n in reasons.most_common(3))
        if len(reasons) > 3:
            text += f"; and {len(reasons) - 3} more"
        text = text.replace("|", "\\|")
        wrong = f", {tally[WRONG]} wrong" if tally[WRONG] else ""
        lines.append(f"| {operator} | {tally[PASSED]}{wrong} | "
                     f"{tally[REFUSED]} | {text} |")
    return "\n".join(lines) + "\n"


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("--only", default="",
                        help="regular expression on the tests' names")
    parser.add_argument("--markdown", type=pathlib.Path)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--verbose", action="store_true",
                        help="print every refused test")
    options = parser.parse_args()
    tests = [t for t in load_tests() if re.search(options.only, t.name)]
    if not options.dry_run and not (options.bin / "lipt-run").exists():
        sys.exit(f"missing tool '{options.bin / 'lipt-run'}' "
                 "(build it or give --bin=DIR)")
    with ProcessPoolExecutor(options.jobs) as pool:
        results = list(pool.map(
            run_test, [(t, options.bin, options.dry_run) for t in tests],
            chunksize=8))
    count = collections.Counter(r.status for r in results)
    float32 = collections.Counter(r.status for r in results if r.float32)
    print(f"all: {len(results)} tests, {dict(count)}")
    print(f"float32: {sum(float32.values())} tests, {dict(float32)}")
    if options.verbose:
        for r in results:
            if r.status == REFUSED:
                print(f"refused {r.name} [{r.operator}]: {r.detail}")
    if options.markdown:
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text(markdown(results))
    tally = harness.Tally()
    for r in results:
        if r.status == WRONG:
            tally.fail(r.name, f"[{r.operator}] {r.detail}")
        elif r.status == PASSED:
            tally.check(r.name, True)
    if not options.only:
        tally.check("float32 requirement",
                    float32[PASSED] >= REQUIRED_FLOAT32,
                    f"{float32[PASSED]} float32 tests pass, "
                    f"{REQUIRED_FLOAT32} required")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
