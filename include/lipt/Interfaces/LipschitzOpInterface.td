//===- LipschitzOpInterface.td - Operations with bound rules ===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_INTERFACES_LIPSCHITZOPINTERFACE_TD
#define LIPT_INTERFACES_LIPSCHITZOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def LipschitzOpInterface : OpInterface<"LipschitzOpInterface"> {
  let cppNamespace = "::lipt";
  let description = [{
    An operation that knows which bound rules hold for it (docs/Bounds.md, by
    label). An operation without this interface is unbounded: the analysis
    never guesses. Models live in lib/Dialect/Lipt/Bounds, one file a family.
  }];
  let methods = [
    InterfaceMethod<[{
      Append this operation's rules to the plan. Weights are referred to by
      expression, never read; several steps for one result are alternatives.
    }], "void", "appendBounds", (ins "::lipt::BoundPlanBuilder &":$plan)>,
  ];
}

#endif // LIPT_INTERFACES_LIPSCHITZOPINTERFACE_TD
