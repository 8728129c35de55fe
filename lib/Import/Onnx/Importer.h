//===- Importer.h - The importer's view of models and nodes --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_IMPORT_ONNX_IMPORTER_H
#define LIPT_LIB_IMPORT_ONNX_IMPORTER_H

#include "Content.h"
#include "lipt/Dialect/Lipt/IR/Axes.h"
#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "lipt/Import/Onnx/OnnxImport.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"

#include <deque>
#include <set>

namespace lipt::onnx_import {

/// What is known of one tensor of the graph.
struct OnnxTensor {
  /// With the calls before it: "call/inner".
  std::string name;
  mlir::RankedTensorType type;
  /// Null until somebody needs it: shape code often has only a content.
  mlir::Value value;
  /// The same as a `lipt.read_param`, where it is stored.
  mlir::Value parameter;
  std::optional<Content> content;
  const StoredTensor *stored = nullptr;
  /// Entries of a stored tensor that are not finite, once it was read.
  bool isScanned = false, hasNegativeInfinity = false,
       hasPositiveInfinity = false;
  /// It depends on the value (not only the shape) of a graph input.
  bool varying = false;
};

/// The names of a graph or of a called function's body.
struct Scope {
  std::string prefix;
  llvm::StringMap<OnnxTensor *> tensors;
  /// Operator set versions by domain.
  llvm::StringMap<int64_t> opsets;
  /// Attributes of the call, by name, for `ref_attr_name`.
  llvm::StringMap<const onnx::AttributeProto *> attributes;
  int depth = 0;
};

class Importer;

/// One node while it is being imported: its inputs, attributes and outputs.
class NodeImporter {
public:
  NodeImporter(Importer &importer, Scope &scope, const onnx::NodeProto &node,
               int64_t opset);

  Importer &importer;
  Scope &scope;
  const onnx::NodeProto &node;
  /// Version of the operator set of the node's domain.
  const int64_t opset;
  mlir::Location loc;
  mlir::OpBuilder &builder;

  /// "node 'n' (Conv): …", with the message to come.
  mlir::InFlightDiagnostic emitError();
  /// Runs a check of an operation and puts the node before its diagnostic.
  mlir::LogicalResult check(llvm::function_ref<mlir::LogicalResult()> test);

  //===--- Inputs ---===//
  unsigned getNumInputs() const { return node.input_size(); }
  /// An optional input of a called function may be absent under its name.
  bool hasInput(unsigned i) const {
    return i < getNumInputs() && !node.input(i).empty() &&
           scope.tensors.lookup(node.input(i));
  }
  OnnxTensor &getTensor(unsigned i);
  /// The input as a value; a diagnostic and null if it cannot be one.
  mlir::Value getInput(unsigned i);
  /// The same, but a stored tensor always as a parameter, never as a constant.
  mlir::Value getParameter(unsigned i);
  const Content *getContent(unsigned i);
  /// A content of integers that are all numbers; diagnostic if it is not.
  mlir::FailureOr<llvm::SmallVector<int64_t>> getIntegers(unsigned i);
  bool isConstant(unsigned i) { return !getTensor(i).varying; }
  Axes getInputAxes(unsigned i) { return getAxes(getTensor(i).type); }
  int64_t getRank(unsigned i) { return getTensor(i).type.getRank(); }
  mlir::Type getElementType(unsigned i) {
    return getTensor(i).type.getElementType();
  }
  /// A number if the content is one float or integer.
  std::optional<double> getScalar(unsigned i);

  //===--- Attributes ---===//
  const onnx::AttributeProto *findAttribute(llvm::StringRef name);
  int64_t getInt(llvm::StringRef name, int64_t otherwise);
  float getFloat(llvm::StringRef name, float otherwise);
  std::string getString(llvm::StringRef name, llvm::StringRef otherwise);
  std::optional<llvm::SmallVector<int64_t>> getInts(llvm::StringRef name);
  /// An axis in [0, rank), negative ones counted from the end; diagnostic.
  mlir::FailureOr<int64_t> normalizeAxis(int64_t axis, int64_t rank);
  mlir::LogicalResult normalizeAxes(llvm::SmallVectorImpl<int64_t> &axes,
                                    int64_t rank);

  //===--- Operations ---===//
  /// An operation whose result types follow from operands and attributes.
  /// Null after a diagnostic.
  template <typename OpTy>
  OpTy createInferred(mlir::ValueRange operands,
                      llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  template <typename OpTy>
  mlir::Value create(mlir::ValueRange operands,
                     llvm::ArrayRef<mlir::NamedAttribute> attributes = {}) {
    auto op = createInferred<OpTy>(operands, attributes);
    return op ? op->getResult(0) : mlir::Value();
  }
  /// An operation with a stated result type.
  template <typename OpTy>
  mlir::Value createTyped(mlir::Type type, mlir::ValueRange operands,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes = {});

  mlir::NamedAttribute attr(llvm::StringRef name, mlir::Attribute value) {
    return builder.getNamedAttr(name, value);
  }
  mlir::NamedAttribute attr(llvm::StringRef name, int64_t value) {
    return attr(name, builder.getI64IntegerAttr(value));
  }
  mlir::NamedAttribute attr(llvm::StringRef name, float value) {
    return attr(name, builder.getF32FloatAttr(value));
  }
  mlir::NamedAttribute attr(llvm::StringRef name,
                            llvm::ArrayRef<int64_t> value) {
    return attr(name, builder.getDenseI64ArrayAttr(value));
  }
  mlir::NamedAttribute unit(llvm::StringRef name) {
    return attr(name, builder.getUnitAttr());
  }
  mlir::NamedAttribute segments(llvm::ArrayRef<int32_t> sizes) {
    return attr("operandSegmentSizes", builder.getDenseI32ArrayAttr(sizes));
  }
  /// A one-element tensor of rank 0.
  mlir::Value createScalar(mlir::Type elementType, double value);
  mlir::Value createConstant(const Content &content, llvm::StringRef name);
  /// A reshape, or the value itself if it has these sizes.
  mlir::Value createReshape(mlir::Value input,
                            llvm::ArrayRef<SymbolicSize> sizes);
  mlir::Value createTranspose(mlir::Value input,
                              llvm::ArrayRef<int64_t> permutation);
  mlir::Value createReduce(ReductionKind kind, mlir::Value input,
                           llvm::ArrayRef<int64_t> axes, bool keepDims);
  mlir::Value createCast(mlir::Value input, mlir::Type elementType);

  //===--- Outputs ---===//
  unsigned getNumOutputs() const { return node.output_size(); }
  bool hasOutput(unsigned i) const {
    return i < getNumOutputs() && !node.output(i).empty();
  }
  /// Whether anything reads the output.
  bool isUsed(unsigned i);
  /// Null values are failures that were diagnosed already.
  mlir::LogicalResult setOutput(unsigned i, mlir::Value value);
  mlir::LogicalResult setOutput(unsigned i, Content content);
  /// The output is another name of the tensor.
  mlir::LogicalResult setAlias(unsigned i, OnnxTensor &tensor);

  /// Keeps the node as `lipt.opaque`, if its results' types can be found.
  mlir::LogicalResult importOpaque(llvm::StringRef reason);

  /// Names the new operations after the node's outputs.
  void attachProvenance();
  std::string getDescription() const;

private:
  mlir::LogicalResult defineOutput(unsigned i, OnnxTensor tensor);
  mlir::Operation *insert(mlir::OperationState &state);
  bool checkResults(mlir::Operation *op);

  std::vector<mlir::Operation *> created;
};

using Converter = mlir::LogicalResult (*)(NodeImporter &);
using Converters = llvm::StringMap<Converter>;
void addActivations(Converters &converters);
void addAttention(Converters &converters);
void addElementwise(Converters &converters);
void addLinear(Converters &converters);
void addPooling(Converters &converters);
void addNormalizations(Converters &converters);
void addParameters(Converters &converters);
void addReductions(Converters &converters);
void addShapes(Converters &converters);

/// Computes the outputs' contents where all inputs' contents (or shapes) are
/// known and the operator is among those of shape code; false otherwise.
bool foldContents(NodeImporter &node);

/// The names that a node reads, those captured by its subgraphs included.
std::vector<std::string> collectReads(const onnx::NodeProto &node);

/// What ONNX's own checker says against a node; empty if nothing.
std::string checkNode(const onnx::NodeProto &node, int64_t irVersion,
                      const Scope &scope);

/// Types of a node's outputs by ONNX's own inference; null where unknown.
std::vector<mlir::RankedTensorType> inferOnnxTypes(NodeImporter &node);

class Importer {
public:
  Importer(mlir::MLIRContext &context, const ImportOptions &options,
           std::shared_ptr<const OnnxModelFile> file,
           const WeightArchive &weights);

  /// Null after a diagnostic.
  mlir::OwningOpRef<mlir::ModuleOp> run();

  mlir::MLIRContext &context;
  const ImportOptions &options;
  std::shared_ptr<const OnnxModelFile> file;
  const WeightArchive &weights;
  mlir::OpBuilder builder;
  mlir::Location fileLoc;

  OnnxTensor &addTensor(OnnxTensor tensor) {
    return tensors.emplace_back(std::move(tensor));
  }
  mlir::Value materialize(OnnxTensor &tensor, bool asParameter,
                          mlir::Location loc);
  /// The element type in the IR; null if there is none.
  mlir::Type convertElementType(int32_t onnxType);
  mlir::Type convertElementType(ElementType type);
  /// ONNX's code for an element type of the IR; 0 if there is none.
  static int32_t getOnnxType(mlir::Type elementType);
  /// The tensor type of a value's declaration; null if it has no ranked shape
  /// or element type.
  mlir::RankedTensorType convertType(const onnx::TypeProto &type);
  SymbolicSize makeFreshSize();
  bool isUsed(llvm::StringRef fullName) { return usedNames.contains(fullName); }
  const onnx::ValueInfoProto *findValueInfo(llvm::StringRef name);

private:
  using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

  mlir::LogicalResult checkModel();
  /// Checks the names of a graph or body, and imports the nodes that its
  /// outputs need.
  mlir::LogicalResult importNodes(Scope &scope, const Nodes &nodes,
                                  llvm::ArrayRef<llvm::StringRef> outputs);
  mlir::LogicalResult
  readOpsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>
                 &imports,
             Scope &scope);
  mlir::LogicalResult importInputs(Scope &scope, mlir::func::FuncOp &function);
  mlir::LogicalResult importInitializers(Scope &scope);
  mlir::LogicalResult importNode(Scope &scope, const onnx::NodeProto &node);
  mlir::LogicalResult importCall(Scope &scope, const onnx::NodeProto &node,
                                 const onnx::FunctionProto &function);
  mlir::LogicalResult importOutputs(Scope &scope, mlir::func::FuncOp &function);
  mlir::LogicalResult checkInfinities(NodeImporter &node);
  const onnx::FunctionProto *findFunction(const onnx::NodeProto &node) const;
  void assignRoles(const onnx::ValueInfoProto &input, Axes &axes,
                   bool isInteger);
  mlir::Value createParameter(OnnxTensor &tensor, mlir::Location loc);

  std::deque<OnnxTensor> tensors;
  mlir::OpBuilder paramBuilder;
  llvm::StringMap<const onnx::ValueInfoProto *> valueInfos;
  std::set<std::string, std::less<>> usedNames, symbolNames, sizeNames;
  Converters converters;
  size_t importedNodes = 0, freshSizes = 0;
};

//===----------------------------------------------------------------------===//
// Templates
//===----------------------------------------------------------------------===//

template <typename OpTy>
OpTy NodeImporter::createInferred(
    mlir::ValueRange operands,
    llvm::ArrayRef<mlir::NamedAttribute> attributes) {
  for (mlir::Value operand : operands)
    if (!operand)
      return {};
  mlir::OperationState state(loc, OpTy::getOperationName());
  state.addOperands(operands);
  mlir::MLIRContext *context = builder.getContext();
  auto dictionary = mlir::DictionaryAttr::get(context, attributes);
  using Properties = typename OpTy::template InferredProperties<OpTy>;
  if constexpr (!std::is_same_v<Properties, mlir::EmptyProperties>) {
    Properties &properties = state.getOrAddProperties<Properties>();
    if (failed(OpTy::setPropertiesFromAttr(properties, dictionary,
                                           [&] { return emitError(); })))
      return {};
  }
  llvm::SmallVector<mlir::Type> types;
  if constexpr (requires {
                  OpTy::inferReturnTypes(context, loc, operands, dictionary,
                                         state.getRawProperties(), {}, types);
                }) {
    // The builder that infers types would abort on failure.
    if (failed(check([&] {
          return OpTy::inferReturnTypes(context, loc, operands, dictionary,
                                        state.getRawProperties(), {}, types);
        })))
      return {};
  } else {
    types.push_back(operands.front().getType());
  }
  state.addTypes(types);
  return llvm::cast_if_present<OpTy>(insert(state));
}

template <typename OpTy>
mlir::Value
NodeImporter::createTyped(mlir::Type type, mlir::ValueRange operands,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes) {
  for (mlir::Value operand : operands)
    if (!operand)
      return {};
  if (!type)
    return {};
  mlir::OperationState state(loc, OpTy::getOperationName());
  state.addOperands(operands);
  state.addAttributes(attributes);
  state.addTypes(type);
  mlir::Operation *op = insert(state);
  return op ? op->getResult(0) : mlir::Value();
}

} // namespace lipt::onnx_import

#endif // LIPT_LIB_IMPORT_ONNX_IMPORTER_H
