//===- Reduction.cpp - Reductions and scans ------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_export;

static StringRef getOperator(ReductionKind kind) {
  switch (kind) {
  case ReductionKind::Sum:
    return "ReduceSum";
  case ReductionKind::Mean:
    return "ReduceMean";
  case ReductionKind::Max:
    return "ReduceMax";
  case ReductionKind::Min:
    return "ReduceMin";
  case ReductionKind::L1:
    return "ReduceL1";
  case ReductionKind::L2:
    return "ReduceL2";
  case ReductionKind::SumSquare:
    return "ReduceSumSquare";
  case ReductionKind::LogSumExp:
    return "ReduceLogSumExp";
  case ReductionKind::LogSum:
    return "ReduceLogSum";
  case ReductionKind::Prod:
    return "ReduceProd";
  }
  return "";
}

static LogicalResult exportReduce(Exporter &exporter, Operation *op) {
  auto reduce = cast<ReduceOp>(op);
  exporter.addNode(getOperator(reduce.getKind()),
                   {exporter.getName(reduce.getInput()),
                    exporter.addIntegers(reduce.getAxes())},
                   reduce.getResult(), [&](Node node) {
                     node.set("keepdims",
                              static_cast<int64_t>(reduce.getKeepDims()))
                         .set("noop_with_empty_axes", int64_t(1));
                   });
  return success();
}

static LogicalResult exportCumSum(Exporter &exporter, Operation *op) {
  auto sum = cast<CumSumOp>(op);
  exporter.addNode(
      "CumSum",
      {exporter.getName(sum.getInput()), exporter.addInteger(sum.getAxis())},
      sum.getResult(), [&](Node node) {
        node.set("exclusive", static_cast<int64_t>(sum.getExclusive()))
            .set("reverse", static_cast<int64_t>(sum.getReverse()));
      });
  return success();
}

static LogicalResult exportTrilu(Exporter &exporter, Operation *op) {
  auto trilu = cast<TriluOp>(op);
  exporter.addNode(
      "Trilu",
      {exporter.getName(trilu.getInput()), exporter.addInteger(trilu.getK())},
      trilu.getResult(), [&](Node node) {
        node.set("upper", static_cast<int64_t>(trilu.getUpper()));
      });
  return success();
}

void onnx_export::addReductions(Converters &converters) {
  converters["reduce"] = exportReduce;
  converters["cumsum"] = exportCumSum;
  converters["trilu"] = exportTrilu;
}
