# ===- mutate_certificates.py - Certificates that were tampered with --------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Takes certificates that lipt-certify wrote and lipt-check verifies, changes
one thing in each, and expects lipt-check to reject the result (exit code 2):

  * every claimed upper bound that is not zero (tau, norm, a fact of a step, the
    claim) lowered by 1e-6 relative, or set to zero,
  * an end of a range moved inwards by 1e-6 of its size (small models only:
    in large ones a rule of the checker may prove more than is claimed),
  * hashes, node lists, roles, labels, inputs, names, the question changed,
  * steps dropped, repeated, exchanged; matrices dropped or exchanged.

Left out are changes that may leave a true and proved claim: a larger or smaller
domain, a matrix dropped (its cheap norm may do as well), one of several steps
for one tensor, a role that only repeats what the nodes say.
"""

import copy
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import onnx

import export_networks
import harness
import networks

MAKE_MODEL = pathlib.Path(__file__).parents[1] / "tools/Inputs/make_model.py"

# Model of make_model.py and lipt-certify's options.
SMALL = [("perceptron", []), ("perceptron", ["--input-norm=linf"]),
         ("perceptron", ["--margin=0,3"]), ("perceptron", ["--input-box=0,1"]),
         ("residual", []), ("convolution", []),
         ("convolution", ["--input-box=0,1"]), ("layer-norm", []),
         ("layer-norm", ["--input-norm=l2"]), ("attention", ["--input-ball=1"]),
         ("attention", ["--input-ball=1", "--input-norm=l2",
                        "--shape=batch=1,token=3"]),
         ("exp", ["--input-box=0,1"])]


def lowered(bound, factor):
    """A BOUND times a factor below 1, exact up to the rounding of the product."""
    mantissa = float.fromhex(bound["m"]) * factor
    exponent = bound["e"]
    if mantissa < 1:
        mantissa, exponent = mantissa * 2, exponent - 1
    return {"m": mantissa.hex(), "e": exponent}


def is_bound(value):
    return isinstance(value, dict) and set(value) == {"m", "e"}


def is_zero(bound):
    return float.fromhex(bound["m"]) == 0


def paths(value, path=()):
    """Every path of a JSON value, containers before their content."""
    yield path, value
    items = value.items() if isinstance(value, dict) and not is_bound(value) \
        else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, path + (key,))


def changed(certificate, path, value):
    copied = copy.deepcopy(certificate)
    place = copied
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copied


def removed(certificate, path):
    copied = copy.deepcopy(certificate)
    place = copied
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return copied


def changed_numbers(certificate):
    # Of several steps for one tensor a later one may repeat what an earlier
    # one proves more tightly.
    tensors = [step["tensor"] for step in certificate["steps"]]
    for path, value in paths(certificate):
        name = "/".join(map(str, path))
        if is_bound(value):
            # A smaller domain is another true claim only if the claim follows:
            # the origin's facts shrink with it, and no step is wrong then.
            if path[:2] == ("question", "domain") or path[0] == "inputs":
                continue
            if not is_zero(value):
                yield f"lower {name}", changed(
                    certificate, path, lowered(value, 1 - 1e-6))
                yield f"zero {name}", changed(
                    certificate, path, {"m": "0x0p+0", "e": 0})
        elif path and path[-1] == "tau":
            tau = float.fromhex(value)
            yield f"lower {name}", changed(
                certificate, path, (tau * (1 - 1e-6)).hex())
            yield f"zero {name}", changed(certificate, path, "0x0p+0")
            yield f"infinite {name}", changed(certificate, path, "inf")
        elif len(path) >= 2 and path[-2] in ("lo", "hi") \
                and path[0] == "steps" \
                and tensors.count(certificate["steps"][path[1]]["tensor"]) == 1:
            number = float.fromhex(value)
            if number != 0 and abs(number) != float("inf"):
                step = abs(number) * 1e-6
                step = step if path[-2] == "lo" else -step
                yield f"tighten {name}", changed(
                    certificate, path, (number + step).hex())


def changed_hashes(certificate, stored):
    for path, value in paths(certificate):
        if path and path[-1] == "sha256":
            other = ("1" if value[0] != "1" else "2") + value[1:]
            yield "hash " + "/".join(map(str, path)), changed(
                certificate, path, other)
    for index, entry in enumerate(certificate["model"]["initializers"]):
        # The tensors of Constant nodes need not be listed.
        if entry["name"] in stored:
            yield f"drop initializer {index}", removed(
                certificate, ("model", "initializers", index))
    for name, value in (("type", "float64"), ("name", "nobody"),
                        ("shape", [1])):
        if certificate["model"]["initializers"]:
            yield f"initializer {name}", changed(
                certificate, ("model", "initializers", 0, name), value)


def changed_steps(certificate):
    steps = certificate["steps"]
    for index, step in enumerate(steps):
        for rule in ("B-softmax", "B-lin", "nonsense"):
            if rule != step["rule"]:
                yield f"label {index} {rule}", changed(
                    certificate, ("steps", index, "rule"), rule)
        yield f"no nodes {index}", changed(
            certificate, ("steps", index, "nodes"), step["nodes"][:-1])
        yield f"strange node {index}", changed(
            certificate, ("steps", index, "nodes"),
            ["nobody"] + step["nodes"])
        for position, name in enumerate(step["inputs"]):
            yield f"input {index}.{position}", changed(
                certificate, ("steps", index, "inputs", position), "nobody")
        yield f"no inputs {index}", changed(
            certificate, ("steps", index, "inputs"), [])
        yield f"tensor {index}", changed(
            certificate, ("steps", index, "tensor"), "nobody")
        for role, name in step.get("roles", {}).items():
            yield f"role {index} {role}", changed(
                certificate, ("steps", index, "roles", role), "nobody")
    same_tensor = [s["tensor"] for s in steps]
    for index in range(len(steps)):
        # One of several steps for a tensor may be dispensable.
        if same_tensor.count(steps[index]["tensor"]) == 1:
            yield f"drop step {index}", removed(certificate, ("steps", index))
    for index in range(len(steps) - 1):
        if steps[index]["tensor"] in steps[index + 1]["inputs"]:
            order = steps[:index] + [steps[index + 1], steps[index]] \
                + steps[index + 2:]
            yield f"exchange steps {index}", changed(
                certificate, ("steps",), order)
    yield "reversed steps", changed(certificate, ("steps",), steps[::-1])
    yield "no steps", changed(certificate, ("steps",), [])


def changed_matrices(certificate):
    for index, matrix in enumerate(certificate["matrices"]):
        yield f"key {index}", changed(
            certificate, ("matrices", index, "key"), "affine(nobody<-x)")
        yield f"method {index}", changed(
            certificate, ("matrices", index, "method"), "belief")
        if "exponent" in matrix:
            yield f"exponent {index}", changed(
                certificate, ("matrices", index, "exponent"),
                matrix["exponent"] + 40)


def changed_header(certificate):
    question = certificate["question"]
    # Not a larger norm, in which the claim would still be true.
    other_norm = {"l2": "linf", "linf": "max-rms"}.get(
        question["input_norm"], "l7")
    for path, value in (
            (("format",), "other"), (("version",), 2), (("semantics",), "fp16"),
            (("question", "origin"), "nobody"),
            (("question", "output"), "nobody"),
            (("question", "input_norm"), other_norm),
            (("question", "input_norm"), "l7"),
            (("question", "output_norm"), "l7"),
            (("inputs",), []), (("inputs", 0, "name"), "nobody"),
            (("inputs", 0, "status"), "fixed"),
            (("inputs", 0, "axes"), ["batch"]),
            (("sizes",), {"nobody": 3}), (("sizes",), None),
            (("claim",), {}), (("claim", "lipschitz"), 1.0),
            (("claim", "lipschitz"), {"m": "0x1p+0", "e": 1 << 70}),
            (("claim", "lipschitz"), {"m": "nan", "e": 0}),
            (("claim", "lipschitz"), {"m": "-0x1p+0", "e": 0}),
            (("surprise",), True)):
        if path[0] in certificate or path == ("surprise",):
            yield f"{'/'.join(map(str, path))} = {value}", changed(
                certificate, path, value)
    for key in ("format", "version", "model", "inputs", "question", "matrices",
                "steps", "claim", "semantics"):
        yield f"without {key}", removed(certificate, (key,))


def mutations(certificate, model, ranges):
    stored = {i.name for i in onnx.load(model).graph.initializer}
    for what, mutant in changed_numbers(certificate):
        if ranges or not what.startswith("tighten"):
            yield what, mutant
    yield from changed_hashes(certificate, stored)
    for kind in (changed_steps, changed_matrices, changed_header):
        yield from kind(certificate)


def make_small(folder):
    """(model file, options) of the small models."""
    for name, options in SMALL:
        path = folder / f"{name}.onnx"
        if not path.exists():
            subprocess.run([sys.executable, MAKE_MODEL, name, path], check=True)
        yield path, options


def exported(folder, limit):
    """The exported networks, if they were written."""
    for network in networks.all_networks():
        for exporter in export_networks.EXPORTERS[:limit]:
            path = export_networks.file_of(folder, network, exporter)
            if pathlib.Path(path).exists():
                yield pathlib.Path(path), list(network.options)


class Attempt:
    """The mutations of one certificate."""

    def __init__(self, options, tally, work):
        self.bin, self.tally, self.work = options.bin, tally, work
        self.jobs = options.jobs

    def judge(self, name, model, what, certificate, index):
        file = self.work / f"mutant-{index}.lipcert"
        file.write_text(json.dumps(certificate))
        outcome = harness.check(self.bin, file, model)
        file.unlink()
        self.tally.check(f"{name}: {what}", outcome.code == 2,
                         f"exit {outcome.code}: {outcome.diagnostic}")

    def run(self, model, options, most, ranges):
        name = " ".join([model.stem, *options])
        file = self.work / "original.lipcert"
        file.unlink(missing_ok=True)
        answer = harness.certify(self.bin, model, file,
                                 [*options, "--attack=0"])
        if answer.outcome.code == 2:
            # certify_models.py judges which models must be bounded.
            print(f"{name}: unbounded, nothing to change")
            return
        if not self.tally.check(f"{name}: certified", answer.finite,
                                answer.outcome.diagnostic):
            return
        verified = harness.check(self.bin, file, model)
        if not self.tally.check(f"{name}: verified", verified.code == 0,
                                verified.diagnostic):
            return
        certificate = json.loads(file.read_text())
        mutants = list(mutations(certificate, model, ranges))
        if len(mutants) > most:
            mutants = random.Random(model.stem).sample(mutants, most)
        before = len(self.tally.failures)
        with ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(lambda item: self.judge(
                name, model, *item[1], item[0]), enumerate(mutants)))
        print(f"{name}: {len(mutants)} changes, "
              f"{len(self.tally.failures) - before} not rejected", flush=True)


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("--folder", type=pathlib.Path,
                        default=export_networks.DEFAULT_FOLDER,
                        help="exported networks (export_networks.py)")
    parser.add_argument("--exporters", type=int, default=1,
                        help="files of each exported network (default 1)")
    slow = bool(os.environ.get("LIPT_SLOW_TESTS"))
    parser.add_argument("--most", type=int, default=400,
                        help="changes of one certificate (default 400, drawn)")
    parser.add_argument("--most-exported", type=int,
                        default=400 if slow else 40,
                        help="the same for exported networks (default 40; with "
                             "LIPT_SLOW_TESTS 400)")
    options = parser.parse_args()
    tally = harness.Tally()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        attempt = Attempt(options, tally, work)
        for model, arguments in make_small(work):
            attempt.run(model, arguments, options.most, ranges=True)
        for model, arguments in exported(options.folder, options.exporters):
            attempt.run(model, arguments, options.most_exported,
                        ranges=False)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
