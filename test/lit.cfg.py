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
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
