//===- Exporter.h - Building an ONNX graph -------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_EXPORT_ONNX_EXPORTER_H
#define LIPT_LIB_EXPORT_ONNX_EXPORTER_H

#include "lipt/Dialect/Lipt/IR/Axes.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Support/WeightArchive.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <memory>

namespace lipt::onnx_export {

/// Names of ONNX tensors, "" for an absent optional input.
using Names = std::vector<std::string>;

class Exporter;
using Converter = llvm::LogicalResult (*)(Exporter &, mlir::Operation *);
using Converters = llvm::StringMap<Converter>;
void addActivations(Converters &converters);
void addAttention(Converters &converters);
void addElementwise(Converters &converters);
void addLinear(Converters &converters);
void addNormalizations(Converters &converters);
void addParameters(Converters &converters);
void addReductions(Converters &converters);
void addShapes(Converters &converters);

/// Sets attributes of a node under construction.
class Node {
public:
  explicit Node(onnx::NodeProto &proto) : proto(proto) {}
  Node &set(llvm::StringRef name, int64_t value);
  Node &set(llvm::StringRef name, float value);
  Node &set(llvm::StringRef name, llvm::StringRef value);
  Node &set(llvm::StringRef name, llvm::ArrayRef<int64_t> values);
  onnx::AttributeProto &add(llvm::StringRef name,
                            onnx::AttributeProto::AttributeType type);

private:
  onnx::NodeProto &proto;
};

class Exporter {
public:
  explicit Exporter(const WeightArchive *weights) : weights(weights) {}

  llvm::LogicalResult run(mlir::func::FuncOp function);
  onnx::ModelProto model;
  const WeightArchive *weights;

  /// The name of a value's tensor; "" for a null value.
  std::string getName(mlir::Value value);
  void setName(mlir::Value value, llvm::StringRef name) {
    names[value] = name.str();
  }
  /// A node with one output: the operation's result if it is given, else a new
  /// tensor. Returns the output's name.
  std::string addNode(llvm::StringRef type, const Names &inputs,
                      mlir::Value result = {},
                      llvm::function_ref<void(Node)> attributes = {});
  onnx::NodeProto &addNodeProto(llvm::StringRef type, const Names &inputs,
                                const Names &outputs);
  std::string makeName(llvm::StringRef wanted);
  /// The name of a result of a node with several outputs.
  std::string makeResultName(mlir::Value result);
  /// States the use of an operator set other than the default one.
  void importDomain(llvm::StringRef domain);

  //===--- Constants ---===//
  std::string addIntegers(llvm::ArrayRef<int64_t> values);
  std::string addInteger(int64_t value);
  /// A tensor of `value` everywhere, of rank 0 unless a shape is given.
  std::string addSplat(mlir::Type elementType, double value,
                       llvm::ArrayRef<int64_t> shape = {});
  onnx::TensorProto &addInitializer(llvm::StringRef wantedName,
                                    mlir::Type elementType,
                                    llvm::ArrayRef<int64_t> shape);
  /// Stored weights under their key.
  llvm::LogicalResult addWeight(ReadParamOp op);

  //===--- Sizes ---===//
  /// A 1-D tensor of sizes; symbols are read off the shapes of function
  /// arguments. Diagnostic and "" if a size cannot be written so.
  std::string addSizes(mlir::Operation *op, llvm::ArrayRef<SymbolicSize> sizes);
  /// A 1-D tensor of one size.
  std::string addSize(mlir::Operation *op, const SymbolicSize &size);

private:
  void writeValueInfo(mlir::Type type, const std::string &name,
                      onnx::ValueInfoProto &info);

  mlir::func::FuncOp function;
  llvm::DenseMap<mlir::Value, std::string> names;
  llvm::StringSet<> usedNames;
  size_t madeNames = 0;
  llvm::StringMap<std::string> weightNames, sizeNames;
  Converters converters;
};

/// ONNX's code for an element type; 0 if there is none.
int32_t getOnnxType(mlir::Type elementType);
inline mlir::Type getElementType(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getElementType();
}
inline int64_t getRank(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getRank();
}
/// The sizes, if all are numbers.
std::optional<llvm::SmallVector<int64_t>>
getStaticSizes(llvm::ArrayRef<Axis> axes);

} // namespace lipt::onnx_export

#endif // LIPT_LIB_EXPORT_ONNX_EXPORTER_H
