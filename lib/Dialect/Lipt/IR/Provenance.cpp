//===- Provenance.cpp - Which ONNX nodes an operation stands for *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/IR/Provenance.h"

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace lipt;

static constexpr llvm::StringLiteral outputsName = "onnx.outputs";
static constexpr llvm::StringLiteral nodesName = "onnx.nodes";

/// The key of a parameter's source, "" if the symbol is not a parameter.
static llvm::StringRef getParameterKey(ReadParamOp read) {
  auto parameter = mlir::SymbolTable::lookupNearestSymbolFrom<ParamOp>(
      read, read.getParamAttr());
  return parameter ? parameter.getSource().split("::").second : "";
}

llvm::StringRef lipt::getTensorName(mlir::Value value) {
  if (auto argument = llvm::dyn_cast<mlir::BlockArgument>(value)) {
    auto function = llvm::dyn_cast_or_null<mlir::FunctionOpInterface>(
        argument.getOwner()->getParentOp());
    if (!function || !argument.getOwner()->isEntryBlock())
      return "";
    auto name = function.getArgAttrOfType<mlir::StringAttr>(
        argument.getArgNumber(), "lipt.name");
    return name ? name.getValue() : "";
  }
  auto result = llvm::cast<mlir::OpResult>(value);
  mlir::Operation *op = result.getOwner();
  if (auto read = llvm::dyn_cast<ReadParamOp>(op))
    return getParameterKey(read);
  auto outputs = op->getAttrOfType<mlir::ArrayAttr>(outputsName);
  if (!outputs || result.getResultNumber() >= outputs.size())
    return "";
  auto name =
      llvm::dyn_cast<mlir::StringAttr>(outputs[result.getResultNumber()]);
  return name ? name.getValue() : "";
}

llvm::SmallVector<llvm::StringRef> lipt::getCoveredNodes(mlir::Operation *op) {
  llvm::SmallVector<llvm::StringRef> nodes;
  if (auto names = op->getAttrOfType<mlir::ArrayAttr>(nodesName)) {
    for (mlir::Attribute name : names)
      if (auto text = llvm::dyn_cast<mlir::StringAttr>(name))
        nodes.push_back(text.getValue());
    return nodes;
  }
  if (op->getNumResults() > 0)
    if (llvm::StringRef name = getTensorName(op->getResult(0)); !name.empty())
      nodes.push_back(name);
  return nodes;
}

void lipt::setProvenance(mlir::Operation *op,
                         llvm::ArrayRef<llvm::StringRef> outputs,
                         llvm::ArrayRef<llvm::StringRef> nodes) {
  mlir::Builder builder(op->getContext());
  op->setAttr(outputsName, builder.getStrArrayAttr(outputs));
  // The default of getCoveredNodes needs no attribute.
  if (nodes.size() == 1 && !outputs.empty() && nodes.front() == outputs.front())
    op->removeAttr(nodesName);
  else
    op->setAttr(nodesName, builder.getStrArrayAttr(nodes));
}
