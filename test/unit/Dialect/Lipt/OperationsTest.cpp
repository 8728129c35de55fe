//===- OperationsTest.cpp - Names of tensors, checked creation *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace lipt;

namespace {

class Operations : public testing::Test {
protected:
  Operations() {
    context.loadDialect<LiptDialect, mlir::func::FuncDialect>();
    context.getDiagEngine().registerHandler(
        [this](mlir::Diagnostic &diagnostic) {
          messages += diagnostic.str() + "\n";
        });
  }

  mlir::func::FuncOp parse(llvm::StringRef text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << messages;
    return *module->getOps<mlir::func::FuncOp>().begin();
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string messages;
};

TEST_F(Operations, NamesOfTensors) {
  mlir::func::FuncOp function = parse(R"(
    lipt.param @w source "model::fc::weight" : tensor<4xf32>
    func.func @main(%x: tensor<4xf32> {lipt.name = "x"}, %y: tensor<4xf32>) {
      %w = lipt.read_param @w : tensor<4xf32>
      %0 = lipt.mul %x, %w {onnx.outputs = ["m"]} : tensor<4xf32>, tensor<4xf32>
      %1:2 = lipt.split %0 [1, 3] {axis = 0 : i64, onnx.outputs = ["a", "b"], onnx.nodes = ["k", "a"]} : tensor<4xf32>
      %2 = lipt.add %y, %y : tensor<4xf32>, tensor<4xf32>
      %3 = lipt.relu %2 {onnx.outputs = [1 : i64], onnx.nodes = "text"} : tensor<4xf32>
      return
    })");
  EXPECT_EQ(getTensorName(function.getArgument(0)), "x");
  EXPECT_EQ(getTensorName(function.getArgument(1)), "");
  llvm::SmallVector<mlir::Operation *> ops;
  for (mlir::Operation &op : function.front())
    ops.push_back(&op);
  // A key may itself contain "::".
  EXPECT_EQ(getTensorName(ops[0]->getResult(0)), "fc::weight");
  EXPECT_EQ(getTensorName(ops[1]->getResult(0)), "m");
  EXPECT_EQ(getTensorName(ops[2]->getResult(1)), "b");
  EXPECT_EQ(getTensorName(ops[3]->getResult(0)), "");
  // Attributes of another kind than expected tell nothing.
  EXPECT_EQ(getTensorName(ops[4]->getResult(0)), "");

  using Names = llvm::SmallVector<llvm::StringRef>;
  EXPECT_EQ(getCoveredNodes(ops[1]), Names{"m"});
  EXPECT_EQ(getCoveredNodes(ops[2]), (Names{"k", "a"}));
  EXPECT_TRUE(getCoveredNodes(ops[3]).empty());
  EXPECT_TRUE(getCoveredNodes(ops[4]).empty());

  setProvenance(ops[3], {"s"}, {"s"});
  EXPECT_EQ(getTensorName(ops[3]->getResult(0)), "s");
  EXPECT_FALSE(ops[3]->hasAttr("onnx.nodes"));
  setProvenance(ops[3], {"s"}, {"r", "s"});
  EXPECT_EQ(getCoveredNodes(ops[3]), (Names{"r", "s"}));
}

TEST_F(Operations, CreationReportsWhatDoesNotFit) {
  mlir::func::FuncOp function = parse(R"(
    func.func @main(%x: tensor<4x6xf32>, %w: tensor<3x6xf32>) {
      return
    })");
  mlir::OpBuilder builder(function.front().getTerminator());
  mlir::Location location = builder.getUnknownLoc();
  mlir::Value x = function.getArgument(0), w = function.getArgument(1);

  auto linear =
      createInferred<LinearOp>(builder, location, x, w,
                               /*bias=*/mlir::Value(), mlir::UnitAttr(),
                               mlir::FloatAttr(), mlir::FloatAttr());
  ASSERT_TRUE(mlir::succeeded(linear));
  Axes axes = getAxes((*linear).getType());
  EXPECT_EQ(toString(axes), "[4, feature 3]");
  EXPECT_EQ((*linear).getAlpha().convertToFloat(), 1.0f);
  auto split = createInferred<SplitOp>(builder, location, x, /*axis=*/1,
                                       llvm::ArrayRef<int64_t>{2, 4});
  ASSERT_TRUE(mlir::succeeded(split));
  EXPECT_EQ((*split)->getNumResults(), 2u);
  EXPECT_EQ(messages, "");

  EXPECT_TRUE(mlir::failed(createInferred<MatmulOp>(builder, location, x, w)));
  EXPECT_EQ(messages, "cannot contract an axis of size 6 with one of size 3\n");
}

} // namespace
