# Tests of text in, text out: one file is one test.
import os

import lit.formats

config.name = "lipt"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "unit", "python"]
config.test_source_root = os.path.join(config.lipt_source_root, "test")
config.test_exec_root = os.path.join(config.lipt_build_root, "test", "lit")

# Our tools, then FileCheck, not and split-file of LLVM.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.lipt_build_root, "bin"), config.llvm_tools,
     config.environment["PATH"]])
# %make-model NAME FILE writes a small ONNX model; %exits CODE COMMAND expects
# exactly this exit code.
inputs = os.path.join(config.test_source_root, "tools", "Inputs")
config.substitutions += [
    ("%make-model", "python3 " + os.path.join(inputs, "make_model.py")),
    ("%exits", os.path.join(inputs, "exits"))]
config.environment["PYTHONDONTWRITEBYTECODE"] = "1"
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
