//===- Reduction.cpp - Reductions and scans ------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

static LogicalResult importReduce(NodeImporter &node, ReductionKind kind,
                                  int64_t axesInputSince) {
  int64_t rank = node.getRank(0);
  SmallVector<int64_t> axes;
  if (node.opset < axesInputSince) {
    axes = node.getInts("axes").value_or(SmallVector<int64_t>());
  } else if (node.hasInput(1)) {
    FailureOr<SmallVector<int64_t>> given = node.getIntegers(1);
    if (failed(given))
      return failure();
    axes = *given;
  }
  if (failed(node.normalizeAxes(axes, rank)))
    return failure();
  llvm::sort(axes);
  bool keepDims = node.getInt("keepdims", 1) != 0;
  if (axes.empty()) {
    bool isIdentity = kind == ReductionKind::Sum ||
                      kind == ReductionKind::Mean ||
                      kind == ReductionKind::Max ||
                      kind == ReductionKind::Min || kind == ReductionKind::Prod;
    if (rank == 0 || node.getInt("noop_with_empty_axes", 0)) {
      if (isIdentity)
        return node.setAlias(0, node.getTensor(0));
      return node.importOpaque("a reduction without axes is not supported");
    }
    for (int64_t i = 0; i < rank; ++i)
      axes.push_back(i);
  }
  return node.setOutput(
      0, node.createReduce(kind, node.getInput(0), axes, keepDims));
}

static LogicalResult importCumSum(NodeImporter &node) {
  std::optional<double> scalar = node.getScalar(1);
  if (!scalar)
    return node.importOpaque("an axis that is computed is not supported");
  FailureOr<int64_t> axis =
      node.normalizeAxis(static_cast<int64_t>(*scalar), node.getRank(0));
  if (failed(axis))
    return failure();
  SmallVector<NamedAttribute> attributes = {node.attr("axis", *axis)};
  for (StringRef flag : {"exclusive", "reverse"})
    if (node.getInt(flag, 0))
      attributes.push_back(node.unit(flag));
  return node.setOutput(0,
                        node.create<CumSumOp>({node.getInput(0)}, attributes));
}

static LogicalResult importTrilu(NodeImporter &node) {
  std::optional<double> diagonal = 0.0;
  if (node.hasInput(1))
    diagonal = node.getScalar(1);
  if (!diagonal)
    return node.importOpaque("a diagonal that is computed is not supported");
  SmallVector<NamedAttribute> attributes = {
      node.attr("k", static_cast<int64_t>(*diagonal))};
  if (node.getInt("upper", 1))
    attributes.push_back(node.unit("upper"));
  return node.setOutput(0,
                        node.create<TriluOp>({node.getInput(0)}, attributes));
}

/// `axes` became an input in opset 13 (Sum) or 18 (all others).
template <ReductionKind kind>
static LogicalResult importReduceOf(NodeImporter &node) {
  return importReduce(node, kind, kind == ReductionKind::Sum ? 13 : 18);
}

void onnx_import::addReductions(Converters &converters) {
  converters["ReduceSum"] = importReduceOf<ReductionKind::Sum>;
  converters["ReduceMean"] = importReduceOf<ReductionKind::Mean>;
  converters["ReduceMax"] = importReduceOf<ReductionKind::Max>;
  converters["ReduceMin"] = importReduceOf<ReductionKind::Min>;
  converters["ReduceL1"] = importReduceOf<ReductionKind::L1>;
  converters["ReduceL2"] = importReduceOf<ReductionKind::L2>;
  converters["ReduceSumSquare"] = importReduceOf<ReductionKind::SumSquare>;
  converters["ReduceLogSumExp"] = importReduceOf<ReductionKind::LogSumExp>;
  converters["ReduceLogSum"] = importReduceOf<ReductionKind::LogSum>;
  converters["ReduceProd"] = importReduceOf<ReductionKind::Prod>;
  converters["CumSum"] = importCumSum;
  converters["Trilu"] = importTrilu;
}
