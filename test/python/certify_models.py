# ===- certify_models.py - Certificates of real and exported models ---------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Certifies and checks the third-party models and our exported networks, and
compares each bound with reference_bounds.py: not above (1 + tolerance) times
the reference, not below an attained ratio, and equal within 1e-6 for the three
exports of one network. Prints a table.
"""

import json
import pathlib
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import export_networks
import harness
import networks
import reference_bounds

EXPORTS_AGREE = 1e-6


class Case:
    """A model, lipt-certify's options, the reference and its tolerance.

    `exact`: the bound may not be below the reference either (it is the truth).
    A reference of None asks for a finite, verified bound only.
    """

    def __init__(self, path, options, reference, tolerance, exact=False,
                 network=None):
        self.path, self.options = pathlib.Path(path), list(options)
        self.reference, self.tolerance = reference, tolerance
        self.exact, self.network = exact, network
        self.certificate = None


def third_party_cases(models):
    cases = []
    for name in reference_bounds.PUBLISHED:
        path = models / f"{name}.onnx"
        exact = name.startswith("test_")
        cases.append(Case(path, [], reference_bounds.feed_forward_bound(path),
                          1e-9 if exact else 1e-6, exact))
    path = models / "vit_ibp_3_3_8.onnx"
    cases.append(Case(path, ["--input-box=0,1"],
                      reference_bounds.vit_ibp_bounds(path)[0], 1e-3))
    cases.append(Case(models / "magika_v3_3.onnx", ["--input-box=0,1"], None,
                      None))
    return cases


def exported_cases(folder):
    cases = []
    for network in networks.all_networks():
        reference = reference_bounds.network_bound(network)
        for exporter in export_networks.EXPORTERS:
            cases.append(Case(
                export_networks.file_of(folder, network, exporter),
                network.options, reference, 1e-3, network=network))
    return cases


# Labels of attention steps that see the projections: raised attention.
ATTENTION_RULES = ("A", "A-R", "A-G", "A-X")


def attention_steps(file):
    """How many different attention cores the certificate bounds as such."""
    try:
        steps = json.loads(file.read_text())["steps"]
    except (ValueError, KeyError):
        return 0
    return len({step.get("roles", {}).get("attention") for step in steps
                if step.get("rule") in ATTENTION_RULES})


def run_case(case, bin_dir, folder, tally):
    """Certify, check, compare; one line of the table."""
    name = case.path.name
    file = folder / f"{case.path.stem}.lipcert"
    start = time.time()
    answer = harness.certify(bin_dir, case.path, file, case.options)
    certify_seconds = time.time() - start
    if not tally.check(f"{name} certified", answer.finite,
                       f"exit {answer.outcome.code}: "
                       f"{answer.outcome.diagnostic}"):
        return
    case.certificate = answer
    start = time.time()
    verified = harness.check(bin_dir, file, case.path)
    check_seconds = time.time() - start
    tally.check(f"{name} checked", verified.code == 0
                and "verified" in verified.stdout,
                f"exit {verified.code}: {verified.diagnostic}")
    ratio = "-"
    if case.reference is not None:
        ratio = f"{answer.value / case.reference:.9g}"
        tally.check(f"{name} bound",
                    answer.value <= case.reference * (1 + case.tolerance),
                    f"{answer.decimal} is {ratio} of {case.reference:.10g}")
        if case.exact:
            tally.check(f"{name} not below the truth",
                        answer.value >= case.reference, answer.decimal)
    if case.network:
        tally.check(f"{name} norms", answer.norms == case.network.norms,
                    f"{answer.norms}, not {case.network.norms}")
        wanted = len(getattr(case.network.module, "attentions", ()))
        raised = attention_steps(file)
        tally.check(f"{name} attention raised", raised == wanted,
                    f"{raised} of {wanted} attention steps")
    attained = answer.attained
    tally.check(f"{name} sandwich",
                attained is not None and attained <= answer.value,
                f"attained {attained}, certified {answer.decimal}")
    print(f"{case.path.stem:40} {answer.decimal:>15} {ratio:>12} "
          f"{'none' if attained is None else f'{attained:.3e}':>10} "
          f"{certify_seconds:6.1f} {check_seconds:6.1f}\n",
          end="", flush=True)


def compare_exports(cases, tally):
    """The three exports of one network are one function."""
    by_network = {}
    for case in cases:
        if case.network and case.certificate:
            by_network.setdefault(case.network.name, []).append(
                case.certificate.value)
    for name, values in by_network.items():
        spread = max(values) / min(values) - 1
        tally.check(f"{name}: exports agree",
                    len(values) == len(export_networks.EXPORTERS)
                    and spread <= EXPORTS_AGREE,
                    f"{len(values)} bounds, relative spread {spread:.1e}")


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("--folder", type=pathlib.Path,
                        default=export_networks.DEFAULT_FOLDER)
    parser.add_argument("--only", default="",
                        help="only models whose name contains this")
    options = parser.parse_args()
    tally = harness.Tally()
    if not export_networks.complete(options.folder,
                                    networks.all_networks()):
        export_networks.export_all(options.folder, harness.Tally())
    cases = exported_cases(options.folder)
    models = harness.default_models()
    if models:
        cases = third_party_cases(models) + cases
    else:
        print("third-party models not found (LIPT_MODELS): skipped")
    cases = [c for c in cases if options.only in c.path.name]
    print(f"{'model':40} {'certified':>15} {'/reference':>12} "
          f"{'attained':>10} {'s':>6} {'check':>6}")
    with tempfile.TemporaryDirectory() as folder, \
            ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda case: run_case(
            case, options.bin, pathlib.Path(folder), tally), cases))
    compare_exports(cases, tally)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
