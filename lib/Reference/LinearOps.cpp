//===- LinearOps.cpp - Linear layers, products, embeddings ----------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Broadcast.h"
#include "Evaluation.h"
#include "MatrixProduct.h"

using namespace mlir;

namespace lipt::reference {

/// alpha * input W^T + beta * bias, W: [out, in] (or its transpose, stored).
static LogicalResult applyLinear(LinearOp op, Evaluation &e) {
  const Tensor &input = e[op.getInput()], &weight = e[op.getWeight()];
  const Tensor *bias = e.find(op.getBias());
  bool transposed = op.getTransposeWeight();
  int64_t in = weight.getShape()[transposed ? 0 : 1];
  int64_t out = weight.getShape()[transposed ? 1 : 0];
  if (input.getRank() < 1 || input.getShape().back() != in ||
      !input.isFloat() || !weight.isFloat())
    return op.emitOpError("has an input that does not fit its weight");
  Shape shape = input.getShape();
  shape.back() = out;
  if (bias && (!canBroadcast(bias->getShape(), shape) || !bias->isFloat()))
    return op.emitOpError("has a bias that does not fit its result");
  Tensor *result = e.makeResult(shape);
  if (!result)
    return failure();
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    rows *= shape[i];
  return e.withReal([&]<typename T>(T) {
    T alpha = op.getAlpha().convertToFloat(),
      beta = op.getBeta().convertToFloat();
    auto to = result->values<T>();
    auto stored =
        Matrix<const T>::rowMajor(weight.values<T>().data(),
                                  transposed ? in : out, transposed ? out : in);
    addProduct(Matrix<T>::rowMajor(to.data(), rows, out),
               Matrix<const T>::rowMajor(input.values<T>().data(), rows, in),
               transposed ? stored : stored.transposed());
    if (alpha != 1)
      for (T &entry : to)
        entry *= alpha;
    if (bias) {
      auto added = bias->values<T>();
      std::array<Shape, 1> strides = {
          broadcastStrides(bias->getShape(), shape)};
      forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
        to[i] += beta * added[offsets[0]];
      });
    }
    return success();
  });
}

/// numpy's matmul: one-dimensional operands get an axis that is dropped again,
/// leading axes broadcast.
static LogicalResult multiply(MatmulOp op, Evaluation &e) {
  const Tensor &lhs = e[op.getLhs()], &rhs = e[op.getRhs()];
  Shape left = lhs.getShape(), right = rhs.getShape();
  if (left.empty() || right.empty() || lhs.getType() != rhs.getType())
    return op.emitOpError("needs two tensors of one element type");
  bool vectorLeft = left.size() == 1, vectorRight = right.size() == 1;
  if (vectorLeft)
    left.insert(left.begin(), 1);
  if (vectorRight)
    right.push_back(1);
  int64_t rows = left[left.size() - 2], depth = left.back(),
          columns = right.back();
  if (right[right.size() - 2] != depth)
    return op.emitOpError("contracts axes of different sizes");
  Shape leftBatch(left.begin(), left.end() - 2);
  Shape rightBatch(right.begin(), right.end() - 2);
  std::optional<Shape> batch = broadcastShapes(leftBatch, rightBatch);
  if (!batch)
    return op.emitOpError("has leading axes that do not broadcast");
  Shape shape = *batch;
  if (!vectorLeft)
    shape.push_back(rows);
  if (!vectorRight)
    shape.push_back(columns);
  Tensor *result = e.makeResult(shape);
  if (!result)
    return failure();
  std::array<Shape, 2> strides = {broadcastStrides(leftBatch, *batch),
                                  broadcastStrides(rightBatch, *batch)};
  lhs.visit([&]<typename T>(std::span<const T> a) {
    if constexpr (!std::is_same_v<T, uint8_t>) {
      auto b = rhs.values<T>();
      auto to = result->values<T>();
      forEachIndex(*batch, strides, [&](int64_t i, auto &offsets) {
        addProduct(
            Matrix<T>::rowMajor(to.data() + i * rows * columns, rows, columns),
            Matrix<const T>::rowMajor(a.data() + offsets[0] * rows * depth,
                                      rows, depth),
            Matrix<const T>::rowMajor(b.data() + offsets[1] * depth * columns,
                                      depth, columns));
      });
    }
  });
  return success();
}

static LogicalResult lookUp(EmbeddingOp op, Evaluation &e) {
  const Tensor &table = e[op.getTable()], &indices = e[op.getIndices()];
  if (table.getRank() < 1 || indices.isFloat())
    return op.emitOpError("needs a table and integer indices");
  Shape shape = indices.getShape();
  shape.insert(shape.end(), table.getShape().begin() + 1,
               table.getShape().end());
  Tensor *result = e.makeResult(shape);
  if (!result)
    return failure();
  int64_t rows = table.getShape()[0];
  for (int64_t i = 0; i < indices.getElementCount(); ++i) {
    int64_t row = indices.getAsInteger(i);
    row += row < 0 ? rows : 0;
    if (row < 0 || row >= rows)
      return op.emitOpError() << "has index " << indices.getAsInteger(i)
                              << " into a table of " << rows << " rows";
    table.visit([&]<typename T>(std::span<const T> from) {
      int64_t width = from.size() / rows;
      std::copy_n(from.begin() + row * width, width,
                  result->values<T>().begin() + i * width);
    });
  }
  return success();
}

static LogicalResult mix(ResidualMixOp op, Evaluation &e) {
  const Tensor &stream = e[op.getStream()], &branch = e[op.getBranch()];
  std::optional<Shape> shape =
      broadcastShapes(stream.getShape(), branch.getShape());
  if (!shape)
    return op.emitOpError("has operands that do not broadcast");
  Tensor *result = e.makeResult(*shape);
  if (!result)
    return failure();
  return e.withReal([&]<typename T>(T) {
    T streamFactor = op.getStreamFactor().convertToFloat();
    T branchFactor = op.getBranchFactor().convertToFloat();
    auto a = stream.values<T>(), b = branch.values<T>();
    auto to = result->values<T>();
    std::array<Shape, 2> strides = {
        broadcastStrides(stream.getShape(), *shape),
        broadcastStrides(branch.getShape(), *shape)};
    forEachIndex(*shape, strides, [&](int64_t i, auto &offsets) {
      to[i] = streamFactor * a[offsets[0]] + branchFactor * b[offsets[1]];
    });
    return success();
  });
}

void addLinearKernels(KernelTable &table) {
  table.add<LinearOp>(applyLinear);
  table.add<MatmulOp>(multiply);
  table.add<EmbeddingOp>(lookUp);
  table.add<ResidualMixOp>(mix);
}

} // namespace lipt::reference
