# ===- run_docs.py - The commands of the documentation are tests ------------===#
# Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ===------------------------------------------------------------------------===#
"""Runs the ```console blocks of Markdown pages and compares what they print.

    run_docs.py --bin=build/bin docs/Tutorial.md ...

A block holds commands after "$ " (continued after "> "), each followed by what
it prints. All blocks of a page run in one new folder, in order. `$LIPT` is the
source folder. In the expected text "…" stands for anything inside a line, a
line with only "…" for any number of lines. A command must succeed; one that is
meant to fail says so with `|| echo "exit code $?"`.

Blocks of other kinds are not run: ```sh must hold only commands of scripts/
that exist, and stands for what set-up and CI do.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def blocks(text):
    """(language, first line number, lines) of each fenced block."""
    language, start, lines = None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        if language is None and line.startswith("```"):
            language, start, lines = line[3:].strip(), number, []
        elif language is not None and line.startswith("```"):
            yield language, start, lines
            language = None
        elif language is not None:
            lines.append(line)


def commands(lines):
    """(command, expected lines) pairs of a console block."""
    pairs = []
    for line in lines:
        if line.startswith("$ "):
            pairs.append((line[2:], []))
        elif line.startswith("> ") and pairs and not pairs[-1][1]:
            pairs[-1] = (pairs[-1][0] + "\n" + line[2:], [])
        elif pairs:
            pairs[-1][1].append(line)
    return pairs


def matches(expected, printed):
    """Whether the whole output has the expected form."""
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += ".*".join(map(re.escape, line.rstrip().split("…")))
            pattern += r"[ ]*\n"
    return re.fullmatch(pattern, printed) is not None


def run_page(page, environment):
    """Failures of one page, as text."""
    failures, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for language, start, lines in blocks(page.read_text()):
            if language == "sh":
                for line in lines:
                    word = line.split("#")[0].split()
                    count += bool(word)
                    if word and not (SOURCE / word[0]).exists():
                        failures.append(f"{page.name}:{start}: no '{word[0]}'")
                continue
            if language != "console":
                continue
            for command, expected in commands(lines):
                count += 1
                done = subprocess.run(
                    ["bash", "-c", command], cwd=folder, env=environment,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    timeout=300)
                printed = done.stdout.decode(errors="replace")
                if printed and not printed.endswith("\n"):
                    printed += "\n"
                if done.returncode != 0:
                    failures.append(f"{page.name}:{start}: exit code "
                                    f"{done.returncode}: {command}\n{printed}")
                elif not matches(expected, printed):
                    failures.append(f"{page.name}:{start}: {command}\nprints\n"
                                    f"{printed}instead of\n"
                                    + "\n".join(expected))
    return count, failures


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path,
                        default=SOURCE / "build" / "bin")
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    environment = dict(
        os.environ, LIPT=str(SOURCE), PYTHONDONTWRITEBYTECODE="1",
        PATH=f"{options.bin.resolve()}{os.pathsep}{os.environ['PATH']}")
    total, failed = 0, []
    for page in options.pages:
        count, failures = run_page(page, environment)
        total += count
        failed += failures
    for failure in failed:
        print(f"FAILED {failure}\n")
    print(f"{total - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
