//===- NodeImporter.cpp - Inputs, attributes and outputs of one node -----===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "mlir/IR/Verifier.h"

#include <limits>

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

static Location makeLocation(Importer &importer, const Scope &scope,
                             const onnx::NodeProto &node) {
  std::string name = node.name();
  if (name.empty() && node.output_size() > 0)
    name = scope.prefix + node.output(0);
  return NameLoc::get(StringAttr::get(&importer.context, name),
                      importer.fileLoc);
}

NodeImporter::NodeImporter(Importer &importer, Scope &scope,
                           const onnx::NodeProto &node, int64_t opset)
    : importer(importer), scope(scope), node(node), opset(opset),
      loc(makeLocation(importer, scope, node)), builder(importer.builder) {}

std::string NodeImporter::getDescription() const {
  std::string name = node.name();
  if (name.empty() && node.output_size() > 0)
    name = "of '" + scope.prefix + node.output(0) + "'";
  else
    name = "'" + name + "'";
  return "node " + name + " (" + node.op_type() + ")";
}

InFlightDiagnostic NodeImporter::emitError() {
  return mlir::emitError(loc) << getDescription() << ": ";
}

LogicalResult NodeImporter::check(llvm::function_ref<LogicalResult()> test) {
  std::string message;
  {
    ScopedDiagnosticHandler handler(builder.getContext(),
                                    [&](Diagnostic &diagnostic) {
                                      if (message.empty())
                                        message = diagnostic.str();
                                      return success();
                                    });
    if (succeeded(test()))
      return success();
  }
  return emitError() << (message.empty() ? "is not valid" : message);
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

OnnxTensor &NodeImporter::getTensor(unsigned i) {
  return *scope.tensors.lookup(node.input(i));
}

Value NodeImporter::getInput(unsigned i) {
  if (!hasInput(i)) {
    emitError() << "input " << i << " is missing";
    return {};
  }
  return importer.materialize(getTensor(i), /*asParameter=*/false, loc);
}

Value NodeImporter::getParameter(unsigned i) {
  if (!hasInput(i)) {
    emitError() << "input " << i << " is missing";
    return {};
  }
  return importer.materialize(getTensor(i), /*asParameter=*/true, loc);
}

const Content *NodeImporter::getContent(unsigned i) {
  if (!hasInput(i))
    return nullptr;
  OnnxTensor &tensor = getTensor(i);
  return tensor.content ? &*tensor.content : nullptr;
}

FailureOr<SmallVector<int64_t>> NodeImporter::getIntegers(unsigned i) {
  if (const Content *content = getContent(i))
    if (auto integers = content->getIntegers())
      return *integers;
  return emitError() << "input " << i << " ('"
                     << (i < getNumInputs() ? node.input(i) : "")
                     << "') must be a constant of at most " << largestContent
                     << " bytes";
}

std::optional<double> NodeImporter::getScalar(unsigned i) {
  const Content *content = getContent(i);
  if (!content || content->getCount() != 1 || !content->isStatic())
    return std::nullopt;
  return content->isFloat()
             ? content->floats[0]
             : static_cast<double>(*content->integers[0].getStatic());
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

const onnx::AttributeProto *NodeImporter::findAttribute(StringRef name) {
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (attribute.name() == name)
      return attribute.ref_attr_name().empty()
                 ? &attribute
                 : scope.attributes.lookup(attribute.ref_attr_name());
  return nullptr;
}

int64_t NodeImporter::getInt(StringRef name, int64_t otherwise) {
  const onnx::AttributeProto *attribute = findAttribute(name);
  return attribute ? attribute->i() : otherwise;
}

float NodeImporter::getFloat(StringRef name, float otherwise) {
  const onnx::AttributeProto *attribute = findAttribute(name);
  return attribute ? attribute->f() : otherwise;
}

std::string NodeImporter::getString(StringRef name, StringRef otherwise) {
  const onnx::AttributeProto *attribute = findAttribute(name);
  return attribute ? attribute->s() : otherwise.str();
}

std::optional<SmallVector<int64_t>> NodeImporter::getInts(StringRef name) {
  const onnx::AttributeProto *attribute = findAttribute(name);
  if (!attribute)
    return std::nullopt;
  return SmallVector<int64_t>(attribute->ints().begin(),
                              attribute->ints().end());
}

FailureOr<int64_t> NodeImporter::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return emitError() << "axis " << axis << " is not one of " << rank
                       << " axes";
  return axis < 0 ? axis + rank : axis;
}

LogicalResult NodeImporter::normalizeAxes(SmallVectorImpl<int64_t> &axes,
                                          int64_t rank) {
  for (int64_t &axis : axes) {
    FailureOr<int64_t> normal = normalizeAxis(axis, rank);
    if (failed(normal))
      return failure();
    axis = *normal;
  }
  SmallVector<int64_t> sorted(axes.begin(), axes.end());
  llvm::sort(sorted);
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return emitError() << "an axis is given twice";
  return success();
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// A tensor with more elements than an int64 counts cannot exist.
bool NodeImporter::checkResults(Operation *op) {
  for (Type type : op->getResultTypes()) {
    int64_t count = 1;
    for (const Axis &axis : getAxes(type)) {
      std::optional<int64_t> size = axis.size.getStatic();
      if (!axis.size.isValid() || (size && *size < 0) ||
          (size && __builtin_mul_overflow(count, std::max<int64_t>(*size, 1),
                                          &count))) {
        emitError() << "its result would be too large or have a negative size";
        return false;
      }
    }
  }
  return true;
}

Operation *NodeImporter::insert(OperationState &state) {
  Operation *op = builder.create(state);
  if (!checkResults(op) || failed(check([&] { return verify(op); }))) {
    op->erase();
    return nullptr;
  }
  created.push_back(op);
  return op;
}

Value NodeImporter::createConstant(const Content &content, StringRef name) {
  auto type = RankedTensorType::get(content.shape, content.elementType);
  return createTyped<ConstantOp>(type, {},
                                 {attr("value", content.toAttribute())});
}

Value NodeImporter::createScalar(Type elementType, double value) {
  Content content;
  content.elementType = elementType;
  if (content.isFloat())
    content.floats = {roundTo(elementType, value)};
  else
    content.integers = {SymbolicSize(static_cast<int64_t>(value))};
  return createConstant(content, "");
}

Value NodeImporter::createReshape(Value input, ArrayRef<SymbolicSize> sizes) {
  if (!input)
    return {};
  Axes axes = getAxes(input.getType());
  if (llvm::equal(axes, sizes, [](const Axis &axis, const SymbolicSize &size) {
        return axis.size == size;
      }))
    return input;
  Type elementType = cast<RankedTensorType>(input.getType()).getElementType();
  return createTyped<ReshapeOp>(
      makeTensorType(reshapeAxes(axes, sizes), elementType), {input});
}

Value NodeImporter::createTranspose(Value input,
                                    ArrayRef<int64_t> permutation) {
  return create<TransposeOp>({input}, {attr("permutation", permutation)});
}

Value NodeImporter::createReduce(ReductionKind kind, Value input,
                                 ArrayRef<int64_t> axes, bool keepDims) {
  return create<ReduceOp>(
      {input},
      {attr("kind", ReductionKindAttr::get(builder.getContext(), kind)),
       attr("axes", axes), attr("keep_dims", builder.getBoolAttr(keepDims))});
}

Value NodeImporter::createCast(Value input, Type elementType) {
  if (!input)
    return {};
  auto type = cast<RankedTensorType>(input.getType());
  if (type.getElementType() == elementType)
    return input;
  return createTyped<CastOp>(makeTensorType(getAxes(type), elementType),
                             {input});
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

bool NodeImporter::isUsed(unsigned i) {
  return hasOutput(i) && importer.isUsed(scope.prefix + node.output(i));
}

LogicalResult NodeImporter::defineOutput(unsigned i, OnnxTensor tensor) {
  tensor.name = scope.prefix + node.output(i);
  tensor.varying = false;
  for (const std::string &name : collectReads(node))
    if (OnnxTensor *input = scope.tensors.lookup(name))
      tensor.varying |= input->varying;
  scope.tensors[node.output(i)] = &importer.addTensor(std::move(tensor));
  return success();
}

LogicalResult NodeImporter::setOutput(unsigned i, Value value) {
  if (!value)
    return failure();
  if (!hasOutput(i))
    return success();
  OnnxTensor tensor;
  tensor.type = cast<RankedTensorType>(value.getType());
  tensor.value = value;
  return defineOutput(i, std::move(tensor));
}

LogicalResult NodeImporter::setOutput(unsigned i, Content content) {
  OnnxTensor tensor;
  tensor.type = RankedTensorType::get(content.shape, content.elementType);
  tensor.content = std::move(content);
  LogicalResult result = defineOutput(i, std::move(tensor));
  // Sizes do not depend on values, even where the shaped tensor does.
  scope.tensors.lookup(node.output(i))->varying = false;
  return result;
}

LogicalResult NodeImporter::setAlias(unsigned i, OnnxTensor &tensor) {
  if (hasOutput(i))
    scope.tensors[node.output(i)] = &tensor;
  return success();
}

void NodeImporter::attachProvenance() {
  std::string nodeName;
  llvm::DenseMap<Value, std::string> names;
  for (unsigned i = 0; i < getNumOutputs(); ++i) {
    if (!hasOutput(i))
      continue;
    if (nodeName.empty())
      nodeName = scope.prefix + node.output(i);
    if (OnnxTensor *tensor = scope.tensors.lookup(node.output(i)))
      if (tensor->value)
        names.try_emplace(tensor->value, scope.prefix + node.output(i));
  }
  for (Operation *op : created) {
    SmallVector<std::string> outputs;
    for (Value result : op->getResults())
      outputs.push_back(names.lookup(result));
    SmallVector<StringRef> references(outputs.begin(), outputs.end());
    setProvenance(op, references, {nodeName});
  }
}

//===----------------------------------------------------------------------===//
// Operators without an operation of their own
//===----------------------------------------------------------------------===//

/// What the IR keeps of an attribute; null for graphs and large tensors.
static Attribute convertAttribute(OpBuilder &builder,
                                  const onnx::AttributeProto &attribute) {
  using Kind = onnx::AttributeProto;
  switch (attribute.type()) {
  case Kind::FLOAT:
    return builder.getF32FloatAttr(attribute.f());
  case Kind::INT:
    return builder.getI64IntegerAttr(attribute.i());
  case Kind::STRING:
    return builder.getStringAttr(attribute.s());
  case Kind::FLOATS:
    return builder.getDenseF32ArrayAttr(SmallVector<float>(
        attribute.floats().begin(), attribute.floats().end()));
  case Kind::INTS:
    return builder.getDenseI64ArrayAttr(
        SmallVector<int64_t>(attribute.ints().begin(), attribute.ints().end()));
  case Kind::STRINGS: {
    SmallVector<Attribute> strings;
    for (const std::string &string : attribute.strings())
      strings.push_back(builder.getStringAttr(string));
    return builder.getArrayAttr(strings);
  }
  default:
    return {};
  }
}

LogicalResult NodeImporter::importOpaque(StringRef reason) {
  std::vector<RankedTensorType> types = inferOnnxTypes(*this);
  SmallVector<Type> results;
  for (unsigned i = 0; i < getNumOutputs(); ++i) {
    RankedTensorType type = types[i];
    if (!type && hasOutput(i))
      if (const onnx::ValueInfoProto *info =
              scope.prefix.empty() ? importer.findValueInfo(node.output(i))
                                   : nullptr)
        type = importer.convertType(info->type());
    // An output that nobody reads needs some type only.
    if (!type && !isUsed(i))
      type = RankedTensorType::get({}, builder.getF32Type());
    if (!type)
      return emitError() << reason << ", and the type of its output '"
                         << node.output(i) << "' is not known";
    results.push_back(type);
  }
  SmallVector<Value> operands;
  for (const std::string &name : collectReads(node)) {
    OnnxTensor *tensor = scope.tensors.lookup(name);
    if (tensor)
      operands.push_back(importer.materialize(*tensor, false, loc));
  }
  SmallVector<NamedAttribute> attributes;
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (const onnx::AttributeProto *found = findAttribute(attribute.name()))
      if (Attribute converted = convertAttribute(builder, *found))
        attributes.push_back(attr(attribute.name(), converted));
  OperationState state(loc, OpaqueOp::getOperationName());
  state.addOperands(operands);
  state.addTypes(results);
  state.addAttributes(
      {attr("op_domain", builder.getStringAttr(node.domain())),
       attr("operator_type", builder.getStringAttr(node.op_type())),
       attr("operator_attributes", builder.getDictionaryAttr(attributes))});
  Operation *op = insert(state);
  if (!op)
    return failure();
  for (unsigned i = 0; i < getNumOutputs(); ++i)
    if (hasOutput(i) && failed(setOutput(i, op->getResult(i))))
      return failure();
  return success();
}
