//===- LinearOps.cpp - Transposes of linear layers and convolutions -------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Broadcast.h"
#include "../Convolution.h"
#include "../MatrixProduct.h"
#include "Pullback.h"

using namespace mlir;

namespace lipt::reference {

using Rows = Matrix<const double>;

/// input += alpha * cotangent W; bias += beta * cotangent, summed.
static bool pullLinear(LinearOp op, Pullback &p) {
  if (!p.add(op.getWeight()).empty())
    return false;
  auto from = p.cotangent();
  auto weight = p.values(op.getWeight());
  const Shape &stored = p[op.getWeight()].getShape();
  int64_t in = op.getTransposeWeight() ? stored[0] : stored[1];
  int64_t out = op.getTransposeWeight() ? stored[1] : stored[0];
  int64_t rows = out ? static_cast<int64_t>(from.size()) / out : 0;
  if (auto to = p.add(op.getInput()); !to.empty()) {
    double alpha = op.getAlpha().convertToDouble();
    std::vector<double> scaled(from.begin(), from.end());
    for (double &entry : scaled)
      entry *= alpha;
    Rows matrix = Rows::rowMajor(weight.data(), stored[0], stored[1]);
    addProduct(Matrix<double>::rowMajor(to.data(), rows, in),
               Rows::rowMajor(scaled.data(), rows, out),
               op.getTransposeWeight() ? matrix.transposed() : matrix);
  }
  if (auto to = p.add(op.getBias()); !to.empty()) {
    const Shape &shape = p.getResult().getShape();
    std::array<Shape, 1> strides = {
        broadcastStrides(p[op.getBias()].getShape(), shape)};
    double beta = op.getBeta().convertToDouble();
    forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
      to[offsets[0]] += beta * from[i];
    });
  }
  return true;
}

static bool pullMatmul(MatmulOp op, Pullback &p) {
  Shape left = p[op.getLhs()].getShape(), right = p[op.getRhs()].getShape();
  if (left.size() == 1)
    left.insert(left.begin(), 1);
  if (right.size() == 1)
    right.push_back(1);
  int64_t rows = left[left.size() - 2], depth = left.back(),
          columns = right.back();
  Shape leftBatch(left.begin(), left.end() - 2);
  Shape rightBatch(right.begin(), right.end() - 2);
  std::optional<Shape> batch = broadcastShapes(leftBatch, rightBatch);
  auto a = p.values(op.getLhs()), b = p.values(op.getRhs());
  auto toLeft = p.add(op.getLhs()), toRight = p.add(op.getRhs());
  auto from = p.cotangent();
  std::array<Shape, 2> strides = {broadcastStrides(leftBatch, *batch),
                                  broadcastStrides(rightBatch, *batch)};
  forEachIndex(*batch, strides, [&](int64_t i, auto &offsets) {
    int64_t leftBegin = offsets[0] * rows * depth;
    int64_t rightBegin = offsets[1] * depth * columns;
    Rows above =
        Rows::rowMajor(from.data() + i * rows * columns, rows, columns);
    if (!toLeft.empty())
      addProduct(
          Matrix<double>::rowMajor(toLeft.data() + leftBegin, rows, depth),
          above,
          Rows::rowMajor(b.data() + rightBegin, depth, columns).transposed());
    if (!toRight.empty())
      addProduct(
          Matrix<double>::rowMajor(toRight.data() + rightBegin, depth, columns),
          Rows::rowMajor(a.data() + leftBegin, rows, depth).transposed(),
          above);
  });
  return true;
}

template <typename Op, typename Adjoint>
static bool pullConvolution(Op op, Pullback &p, Adjoint adjoint) {
  auto to = p.add(op.getInput());
  if (!p.add(op.getWeight()).empty() || !p.add(op.getBias()).empty())
    return false;
  std::optional<ConvolutionShape> shape =
      shapeOf(op, p[op.getInput()].getShape(), p[op.getWeight()].getShape(),
              p.getResult().getShape());
  if (!shape)
    return false;
  if (!to.empty())
    adjoint(*shape, p.cotangent().data(), p.values(op.getWeight()).data(),
            to.data());
  return true;
}

static bool pullMix(ResidualMixOp op, Pullback &p) {
  auto from = p.cotangent();
  const Shape &shape = p.getResult().getShape();
  auto pull = [&](Value operand, double factor) {
    auto to = p.add(operand);
    std::array<Shape, 1> strides = {
        broadcastStrides(p[operand].getShape(), shape)};
    if (!to.empty())
      forEachIndex(shape, strides, [&](int64_t i, auto &offsets) {
        to[offsets[0]] += factor * from[i];
      });
  };
  pull(op.getStream(), op.getStreamFactor().convertToDouble());
  pull(op.getBranch(), op.getBranchFactor().convertToDouble());
  return true;
}

void addLinearPullbacks(PullbackTable &table) {
  table.add<LinearOp>(pullLinear);
  table.add<MatmulOp>(pullMatmul);
  table.add<ConvOp>([](ConvOp op, Pullback &p) {
    return pullConvolution(op, p, convolveTransposed<double>);
  });
  table.add<ConvTransposeOp>([](ConvTransposeOp op, Pullback &p) {
    return pullConvolution(op, p, convolve<double>);
  });
  table.add<ResidualMixOp>(pullMix);
}

} // namespace lipt::reference
