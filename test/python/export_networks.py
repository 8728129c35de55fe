# ===- export_networks.py - Write our PyTorch networks as ONNX --------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Writes each network of networks.py with three exporters: TorchScript at
opset 14, dynamo at opsets 18 and 23; beside each, sample inputs and PyTorch's
outputs as .npy. Every file is compared with ONNX Runtime (1e-4 relative).

Files: FOLDER/<network>.<exporter>.onnx, FOLDER/<network>.input<i>.npy,
FOLDER/<network>.output<i>.npy. A folder that is complete is left as it is
unless --force.
"""

import contextlib
import io
import logging
import pathlib
import sys
import warnings

import numpy as np
import onnx
import torch

import harness
import networks

EXPORTERS = ("torchscript14", "dynamo18", "dynamo23")
TOLERANCE = 1e-4
DEFAULT_FOLDER = harness.DEFAULT_BUILD / "exported-networks"


def export(network, exporter, path):
    """Write one file; raises what the exporter raises."""
    axes = {network.input_name: network.dynamic,
            network.output_name: {a: n for a, n in network.dynamic.items()}}
    arguments = dict(input_names=[network.input_name],
                     output_names=[network.output_name], verbose=False)
    if exporter == "torchscript14":
        torch.onnx.export(network.module, (network.sample,), str(path),
                          opset_version=14, dynamo=False,
                          dynamic_axes=axes if network.dynamic else None,
                          **arguments)
        return
    opset = int(exporter.removeprefix("dynamo"))
    shapes = ({a: torch.export.Dim(n) for a, n in network.dynamic.items()},) \
        if network.dynamic else None
    program = torch.onnx.export(network.module, (network.sample,),
                                opset_version=opset, dynamo=True,
                                dynamic_shapes=shapes, **arguments)
    # One file: the importer's external-data reader has tests of its own.
    program.save(str(path), external_data=False)


@contextlib.contextmanager
def quiet():
    """Silence the exporters' progress; failures still raise."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), \
            contextlib.redirect_stdout(io.StringIO()), \
            contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def file_of(folder, network, exporter):
    return pathlib.Path(folder) / f"{network.name}.{exporter}.onnx"


def complete(folder, all_networks):
    return all(file_of(folder, n, e).exists()
               for n in all_networks for e in EXPORTERS)


def write_samples(network, folder):
    """Save inputs and PyTorch's outputs; the pairs."""
    pairs = []
    for index, sample in enumerate(network.samples()):
        with torch.no_grad():
            output = network.module(sample)
        np.save(folder / f"{network.name}.input{index}.npy", sample.numpy())
        np.save(folder / f"{network.name}.output{index}.npy", output.numpy())
        pairs.append((sample.numpy(), output.numpy()))
    return pairs


def export_all(folder, tally):
    """Write everything that is missing and compare it with ONNX Runtime."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for network in networks.all_networks():
        pairs = write_samples(network, folder)
        for exporter in EXPORTERS:
            path = file_of(folder, network, exporter)
            temporary = path.with_suffix(".partial")
            try:
                with quiet():
                    export(network, exporter, temporary)
                model = onnx.load(temporary)
                onnx.checker.check_model(model, full_check=True)
                running = harness.session(temporary)
                error = max(
                    harness.relative_error(
                        running.run(None, {network.input_name: x})[0], y)
                    for x, y in pairs)
            except Exception as problem:  # any exporter failure is a result
                tally.fail(path.name, str(problem).strip().splitlines()[-1])
                continue
            temporary.rename(path)
            tally.check(path.name, error <= TOLERANCE,
                        f"differs from PyTorch by {error:.1e} relative")
            print(f"{path.name}: {len(model.graph.node)} nodes, "
                  f"error {error:.1e}", flush=True)


def main():
    parser = harness.argument_parser(__doc__)
    parser.add_argument("--folder", type=pathlib.Path, default=DEFAULT_FOLDER)
    parser.add_argument("--force", action="store_true",
                        help="write again what is there")
    options = parser.parse_args()
    tally = harness.Tally()
    if not options.force and complete(options.folder,
                                      networks.all_networks()):
        print(f"complete: {options.folder}")
        tally.check("exported", True)
    else:
        export_all(options.folder, tally)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
