#!/usr/bin/env python3
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lipt-check and scripts/check_exact.py agree on small certificates: both
accept the honest one and both refuse it with any bound lowered by 1e-6."""
import argparse
import copy
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import checker_certificates
import checker_test

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check_exact.py"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    tool = os.path.join(parser.parse_args().bin, "lipt-check")
    rng = np.random.default_rng(11)
    done = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        path, file = os.path.join(folder, "m.onnx"), os.path.join(folder, "m.lipcert")
        for network in (checker_test.perceptron, checker_test.convolutional, checker_test.residual):
            for linf in (False, True):
                checker_test.save(path, network(rng))
                checker_certificates.Writer(path).write(file, linf)
                with open(file) as handle:
                    certificate = json.load(handle)
                cases = [("honest", certificate, 0)]
                for bound_path in [("claim", "lipschitz")] + [
                        ("matrices", i, "norm") for i in range(len(certificate["matrices"]))]:
                    changed = copy.deepcopy(certificate)
                    holder = checker_test.at(changed, bound_path[:-1])
                    holder[bound_path[-1]] = checker_test.lowered(holder[bound_path[-1]], 1 - 1e-6)
                    cases.append(("/".join(map(str, bound_path)), changed, 2))
                for name, changed, wanted in cases:
                    with open(file, "w") as handle:
                        json.dump(changed, handle)
                    codes = [subprocess.run(command, capture_output=True).returncode
                             for command in ([tool, file, path], [sys.executable, str(SCRIPT), file, path])]
                    done += 1
                    if codes != [wanted, wanted]:
                        failed += 1
                        print(f"FAILED {network.__name__} {name}: exit codes {codes}, expected {wanted}")
    print(f"{done - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
