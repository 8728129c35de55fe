# ===- random_networks.py - Falsification of certified bounds ---------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Property test: on at least 150 random small networks over all operators, the
ratio attained by a strong search never exceeds the certified bound, for every
pair of norms, and lipt-check accepts every certificate. Prints the share of
finite bounds and the median of bound/attained per norm pair.

--dry-run generates, compares the PyTorch interpreter with ONNX Runtime, and
attacks, without any tool. --keep=FOLDER saves the models.
"""

import collections
import math
import pathlib
import re
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import onnx

import harness
import random_graphs

REQUIRED_NETWORKS, REQUIRED_FINITE = 150, 0.9
# Round-off of the quotient; certificates leave 2^-40 of room at most.
SLACK = 1e-7

Report = collections.namedtuple(
    "Report", "name failures rows")  # rows: (pair, certified, attained, why)


def compare_interpreters(network, function, tally):
    """PyTorch's outputs against ONNX Runtime's, three seeds."""
    import torch
    running = harness.session(network.model)
    for seed in range(3):
        x = np.random.default_rng(seed).uniform(-1, 1, function.shape)
        x = x.astype(np.float32)
        expected = running.run(None, {function.input: x})[0]
        actual = function(torch.from_numpy(x).double()).numpy()
        error = harness.relative_error(actual, expected)
        if error > 1e-4:
            tally.append(f"{network.name}: PyTorch differs from ONNX Runtime "
                         f"by {error:.1e}")
            return


def certify_pair(network, path, pair, bin_dir, folder, failures):
    """(certified value or infinity, reason if not finite)."""
    arguments = [f"--input-norm={pair[0]}", f"--output-norm={pair[1]}"]
    if network.box:
        arguments.append("--input-box=%g,%g" % network.box)
    if pair != ("l2", "l2"):
        arguments.append("--attack=0")  # the search here is the stronger one
    file = folder / f"{pair[0]}-{pair[1]}.lipcert"
    answer = harness.certify(bin_dir, path, file, arguments, timeout=120)
    name = f"{network.name} {pair[0]}->{pair[1]}"
    if answer.outcome.code == 2:
        return math.inf, answer.outcome.diagnostic
    if answer.outcome.code != 0 or answer.value is None:
        failures.append(f"{name}: exit {answer.outcome.code}: "
                        f"{answer.outcome.diagnostic}")
        return math.inf, "failed"
    if answer.norms != pair:
        failures.append(f"{name}: answered for {answer.norms}")
    if answer.attained is not None and answer.attained > answer.value:
        failures.append(f"{name}: its own attained ratio {answer.attained} "
                        f"exceeds {answer.decimal}")
    verified = harness.check(bin_dir, file, path, timeout=120)
    if verified.code != 0:
        failures.append(f"{name}: lipt-check exit {verified.code}: "
                        f"{verified.diagnostic}")
    return answer.value, ""


def run_network(arguments):
    """One network in a worker process; a Report."""
    family, feature, seed, bin_dir, dry_run, keep, rounds = arguments
    import torch
    import attack
    import torch_interpreter
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    failures, rows = [], []
    network = random_graphs.generate(family, feature, seed)
    function = torch_interpreter.Function(network.model)
    compare_interpreters(network, function, failures)
    output = network.model.graph.output[0].type.tensor_type.shape.dim
    search = attack.Attack(
        function, network.box,
        function.shape[-1] if network.tokens else None,
        output[-1].dim_value if network.tokens else None, seed)
    attained = search.search(rounds=rounds)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(keep or folder)
        path = folder / f"{network.name}.onnx"
        onnx.save(network.model, path)
        for pair, ratio in attained.items():
            certified, why = (math.inf, "dry run") if dry_run else \
                certify_pair(network, path, pair, bin_dir, folder, failures)
            if ratio > certified * (1 + SLACK):
                failures.append(f"{network.name} {pair[0]}->{pair[1]}: UNSOUND"
                                f": attained {ratio:.12g}, certified "
                                f"{certified:.12g}")
            rows.append((pair, certified, ratio, why))
    return Report(network.name, failures, rows)


def print_statistics(reports, tally, dry_run):
    by_pair = collections.defaultdict(list)
    reasons = collections.Counter()
    for report in reports:
        for pair, certified, attained, why in report.rows:
            by_pair[pair].append((certified, attained))
            if not math.isfinite(certified) and not dry_run:
                reasons[f"{report.name}: {why}"] += 1
    print(f"{'norms':20} {'networks':>8} {'finite':>8} {'median bound/attained':>22}")
    for pair, values in by_pair.items():
        finite = [(c, a) for c, a in values if math.isfinite(c)]
        share = len(finite) / len(values)
        ratios = [c / a for c, a in finite if a > 0]
        median = f"{np.median(ratios):.3f}" if ratios else "-"
        print(f"{pair[0] + ' -> ' + pair[1]:20} {len(values):8} "
              f"{100 * share:7.1f}% {median:>22}")
        if not dry_run:
            tally.check(f"{pair[0]}->{pair[1]} finite share",
                        share >= REQUIRED_FINITE,
                        f"{100 * share:.1f} % of the bounds are finite")
    for reason, count in sorted(reasons.items()):
        print(f"unbounded {reason} ({count} norm pairs)")


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=1,
                        help="networks per feature (default 1)")
    parser.add_argument("--search-rounds", type=int, default=32)
    parser.add_argument("--only", default="",
                        help="regular expression on family-feature")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    work = [(family, feature, 1000 * r + i, options.bin, options.dry_run,
             options.keep, options.search_rounds)
            for r in range(options.rounds)
            for family, features in random_graphs.FAMILIES.items()
            for i, feature in enumerate(features)
            if re.search(options.only, f"{family}-{feature}")]
    tally = harness.Tally()
    with ProcessPoolExecutor(options.jobs) as pool:
        reports = []
        for report in pool.map(run_network, work):
            reports.append(report)
            tally.check(report.name, not report.failures,
                        "; ".join(report.failures))
    if not options.only:
        tally.check("number of networks", len(reports) >= REQUIRED_NETWORKS,
                    f"{len(reports)}, {REQUIRED_NETWORKS} required")
    print_statistics(reports, tally, options.dry_run)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
