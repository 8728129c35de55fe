//===- Passes.td - Passes that bound networks ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_ANALYSIS_PASSES_TD
#define LIPT_ANALYSIS_PASSES_TD

include "mlir/Pass/PassBase.td"

class Lipt_QuestionPass<string name> : Pass<name, "::mlir::ModuleOp"> {
  let dependentDialects = ["::lipt::LiptDialect"];
  list<Option> questionOptions = [
    Option<"input", "input", "std::string", "\"\"",
           "Name of the input that varies (default: the only one)">,
    Option<"norm", "norm", "std::string", "\"\"",
           "l2, linf, rms or max-rms (default: max-rms for token models, else l2)">,
    Option<"ball", "ball", "std::string", "\"\"",
           "Radius of the domain around 0, in the input norm">,
    Option<"box", "box", "std::string", "\"\"",
           "Domain LO:HI of every entry">];
}

def PrintBoundPlan : Lipt_QuestionPass<"lipt-print-bound-plan"> {
  let summary = "Print the rules that would bound the network";
  let description = [{
    One line a step: tensor, rule label, covered nodes, what it reads. Nothing
    is evaluated, so no weights are needed.
  }];
  let options = questionOptions;
}

def AnnotateBounds : Lipt_QuestionPass<"lipt-annotate-bounds"> {
  let summary = "Attach the evaluated bounds to the operations";
  let description = [{
    Evaluates the bound plan with the module's weights and sets `lipt.lipschitz`
    on every bounded operation: the certified constant from the origin to its
    result, as a decimal rounded up (a string: exponents beyond double occur).
  }];
  let options = questionOptions # [
    Option<"weights", "weights", "std::string", "\"\"",
           "Weights file (default: the one that the module names)">];
}

#endif // LIPT_ANALYSIS_PASSES_TD
