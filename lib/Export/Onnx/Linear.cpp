//===- Linear.cpp - Linear layers, convolutions, pools, embeddings -------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exporter.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_export;

static LogicalResult exportMatmul(Exporter &exporter, Operation *op) {
  exporter.addNode("MatMul",
                   {exporter.getName(op->getOperand(0)),
                    exporter.getName(op->getOperand(1))},
                   op->getResult(0));
  return success();
}

/// A Gemm for matrices; for other ranks MatMul and what belongs to it.
static LogicalResult exportLinear(Exporter &exporter, Operation *op) {
  auto linear = cast<LinearOp>(op);
  float alpha = linear.getAlpha().convertToFloat();
  float beta = linear.getBeta().convertToFloat();
  std::string input = exporter.getName(linear.getInput());
  std::string weight = exporter.getName(linear.getWeight());
  std::string bias = exporter.getName(linear.getBias());
  Type elementType = getElementType(linear.getInput());
  bool isMatrix = getRank(linear.getInput()) == 2;
  bool isPlain = bias.empty() && alpha == 1;
  if (isPlain && linear.getTransposeWeight()) {
    exporter.addNode("MatMul", {input, weight}, linear.getResult());
    return success();
  }
  if (isMatrix) {
    Names inputs = {input, weight};
    if (!bias.empty())
      inputs.push_back(bias);
    exporter.addNode("Gemm", inputs, linear.getResult(), [&](Node node) {
      if (!linear.getTransposeWeight())
        node.set("transB", int64_t(1));
      if (alpha != 1)
        node.set("alpha", alpha);
      if (!bias.empty() && beta != 1)
        node.set("beta", beta);
    });
    return success();
  }
  if (!linear.getTransposeWeight())
    weight = exporter.addNode("Transpose", {weight}, {}, [](Node node) {
      node.set("perm", ArrayRef<int64_t>{1, 0});
    });
  auto resultOf = [&](bool isLast) {
    return isLast ? linear.getResult() : Value();
  };
  std::string product =
      exporter.addNode("MatMul", {input, weight}, resultOf(isPlain));
  if (alpha != 1)
    product = exporter.addNode("Mul",
                               {product, exporter.addSplat(elementType, alpha)},
                               resultOf(bias.empty()));
  if (bias.empty())
    return success();
  if (beta != 1)
    bias =
        exporter.addNode("Mul", {bias, exporter.addSplat(elementType, beta)});
  exporter.addNode("Add", {product, bias}, linear.getResult());
  return success();
}

template <typename OpTy>
static LogicalResult exportConvolution(Exporter &exporter, Operation *op) {
  auto conv = cast<OpTy>(op);
  Names inputs = {exporter.getName(conv.getInput()),
                  exporter.getName(conv.getWeight())};
  if (conv.getBias())
    inputs.push_back(exporter.getName(conv.getBias()));
  constexpr bool isTransposed = std::is_same_v<OpTy, ConvTransposeOp>;
  exporter.addNode(isTransposed ? "ConvTranspose" : "Conv", inputs,
                   conv.getResult(), [&](Node node) {
                     node.set("strides", conv.getStrides())
                         .set("dilations", conv.getDilations())
                         .set("pads", conv.getPads())
                         .set("group", static_cast<int64_t>(conv.getGroups()));
                     if constexpr (isTransposed)
                       node.set("output_padding", conv.getOutputPadding());
                   });
  return success();
}

template <typename OpTy>
static LogicalResult exportPool(Exporter &exporter, Operation *op) {
  auto pool = cast<OpTy>(op);
  StringRef type = std::is_same_v<OpTy, MaxPoolOp>       ? "MaxPool"
                   : std::is_same_v<OpTy, AveragePoolOp> ? "AveragePool"
                                                         : "LpPool";
  exporter.addNode(
      type, {exporter.getName(pool.getInput())}, pool.getResult(),
      [&](Node node) {
        node.set("kernel_shape", pool.getKernel())
            .set("strides", pool.getStrides())
            .set("dilations", pool.getDilations())
            .set("pads", pool.getPads())
            .set("ceil_mode", static_cast<int64_t>(pool.getCeilMode()));
        if constexpr (std::is_same_v<OpTy, AveragePoolOp>)
          node.set("count_include_pad",
                   static_cast<int64_t>(pool.getCountIncludePad()));
        if constexpr (std::is_same_v<OpTy, LpPoolOp>)
          node.set("p", static_cast<int64_t>(pool.getP()));
      });
  return success();
}

static LogicalResult exportGlobalPool(Exporter &exporter, Operation *op) {
  StringRef type = isa<GlobalMaxPoolOp>(op)       ? "GlobalMaxPool"
                   : isa<GlobalAveragePoolOp>(op) ? "GlobalAveragePool"
                                                  : "GlobalLpPool";
  exporter.addNode(type, {exporter.getName(op->getOperand(0))},
                   op->getResult(0), [&](Node node) {
                     if (auto pool = dyn_cast<GlobalLpPoolOp>(op))
                       node.set("p", static_cast<int64_t>(pool.getP()));
                   });
  return success();
}

static LogicalResult exportEmbedding(Exporter &exporter, Operation *op) {
  auto embedding = cast<EmbeddingOp>(op);
  exporter.addNode("Gather",
                   {exporter.getName(embedding.getTable()),
                    exporter.getName(embedding.getIndices())},
                   embedding.getResult());
  return success();
}

void onnx_export::addLinear(Converters &converters) {
  converters["linear"] = exportLinear;
  converters["matmul"] = exportMatmul;
  converters["conv"] = exportConvolution<ConvOp>;
  converters["conv_transpose"] = exportConvolution<ConvTransposeOp>;
  converters["max_pool"] = exportPool<MaxPoolOp>;
  converters["average_pool"] = exportPool<AveragePoolOp>;
  converters["lp_pool"] = exportPool<LpPoolOp>;
  for (StringRef name :
       {"global_max_pool", "global_average_pool", "global_lp_pool"})
    converters[name] = exportGlobalPool;
  converters["embedding"] = exportEmbedding;
}
