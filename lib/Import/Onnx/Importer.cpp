//===- Importer.cpp - Graphs, inputs, outputs and functions --------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "lipt/Dialect/Lipt/IR/Provenance.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <openssl/evp.h>

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

/// Beyond these a model is taken for an attack (functions that call each other
/// can ask for exponentially many nodes).
static constexpr int deepestCall = 32;
static constexpr size_t mostNodes = 1'000'000;

/// Newest version of the file format that the message definitions know.
static constexpr int64_t newestFormat = onnx::Version::IR_VERSION;

static std::string hash(StringRef bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return llvm::toHex(ArrayRef<uint8_t>(digest, size), /*LowerCase=*/true);
}

Importer::Importer(MLIRContext &context, const ImportOptions &options,
                   std::shared_ptr<const OnnxModelFile> file,
                   const WeightArchive &weights)
    : context(context), options(options), file(std::move(file)),
      weights(weights), builder(&context),
      fileLoc(FileLineColLoc::get(&context, this->file->getPath(), 0, 0)),
      paramBuilder(&context) {
  addActivations(converters);
  addAttention(converters);
  addElementwise(converters);
  addLinear(converters);
  addPooling(converters);
  addNormalizations(converters);
  addParameters(converters);
  addReductions(converters);
  addShapes(converters);
}

//===----------------------------------------------------------------------===//
// Types and sizes
//===----------------------------------------------------------------------===//

Type Importer::convertElementType(ElementType type) {
  switch (type) {
  case ElementType::Float32:
    return builder.getF32Type();
  case ElementType::Float64:
    return builder.getF64Type();
  case ElementType::Float16:
    return builder.getF16Type();
  case ElementType::BFloat16:
    return builder.getBF16Type();
  case ElementType::Float8E4M3FN:
    return Float8E4M3FNType::get(&context);
  case ElementType::Float8E4M3FNUZ:
    return Float8E4M3FNUZType::get(&context);
  case ElementType::Float8E5M2:
    return Float8E5M2Type::get(&context);
  case ElementType::Float8E5M2FNUZ:
    return Float8E5M2FNUZType::get(&context);
  case ElementType::Int4:
    return builder.getIntegerType(4);
  case ElementType::UInt4:
    return builder.getIntegerType(4, false);
  case ElementType::Int8:
    return builder.getIntegerType(8);
  case ElementType::UInt8:
    return builder.getIntegerType(8, false);
  case ElementType::Int16:
    return builder.getIntegerType(16);
  case ElementType::UInt16:
    return builder.getIntegerType(16, false);
  case ElementType::Int32:
    return builder.getIntegerType(32);
  case ElementType::UInt32:
    return builder.getIntegerType(32, false);
  case ElementType::Int64:
    return builder.getIntegerType(64);
  case ElementType::UInt64:
    return builder.getIntegerType(64, false);
  case ElementType::Bool:
    return builder.getI1Type();
  }
  return {};
}

Type Importer::convertElementType(int32_t onnxType) {
  std::optional<ElementType> type = getElementType(onnxType);
  return type ? convertElementType(*type) : Type();
}

int32_t Importer::getOnnxType(Type type) {
  if (type.isF32())
    return onnx::TensorProto::FLOAT;
  if (type.isF64())
    return onnx::TensorProto::DOUBLE;
  if (type.isF16())
    return onnx::TensorProto::FLOAT16;
  if (type.isBF16())
    return onnx::TensorProto::BFLOAT16;
  if (isa<Float8E4M3FNType>(type))
    return onnx::TensorProto::FLOAT8E4M3FN;
  if (isa<Float8E4M3FNUZType>(type))
    return onnx::TensorProto::FLOAT8E4M3FNUZ;
  if (isa<Float8E5M2Type>(type))
    return onnx::TensorProto::FLOAT8E5M2;
  if (isa<Float8E5M2FNUZType>(type))
    return onnx::TensorProto::FLOAT8E5M2FNUZ;
  bool isUnsigned = type.isUnsignedInteger();
  if (!type.isInteger())
    return 0;
  switch (type.getIntOrFloatBitWidth()) {
  case 1:
    return onnx::TensorProto::BOOL;
  case 4:
    return isUnsigned ? onnx::TensorProto::UINT4 : onnx::TensorProto::INT4;
  case 8:
    return isUnsigned ? onnx::TensorProto::UINT8 : onnx::TensorProto::INT8;
  case 16:
    return isUnsigned ? onnx::TensorProto::UINT16 : onnx::TensorProto::INT16;
  case 32:
    return isUnsigned ? onnx::TensorProto::UINT32 : onnx::TensorProto::INT32;
  case 64:
    return isUnsigned ? onnx::TensorProto::UINT64 : onnx::TensorProto::INT64;
  default:
    return 0;
  }
}

SymbolicSize Importer::makeFreshSize() {
  std::string name;
  do
    name = "dim" + std::to_string(freshSizes++);
  while (sizeNames.contains(name));
  return SymbolicSize::symbol(name);
}

/// A symbol for a `dim_param`, which may be any text: what cannot stand in a
/// polynomial becomes an underscore.
static SymbolicSize makeSymbol(std::string name) {
  for (char &c : name)
    if (!llvm::isAlnum(c) && c != '_')
      c = '_';
  if (!llvm::isAlpha(name.front()) && name.front() != '_')
    name = "_" + name;
  return SymbolicSize::symbol(name);
}

RankedTensorType Importer::convertType(const onnx::TypeProto &type) {
  if (!type.has_tensor_type() || !type.tensor_type().has_shape())
    return {};
  Type elementType = convertElementType(type.tensor_type().elem_type());
  if (!elementType)
    return {};
  Axes axes;
  int64_t count = 1;
  for (const auto &dimension : type.tensor_type().shape().dim()) {
    Axis axis;
    if (dimension.has_dim_value())
      axis.size = SymbolicSize(dimension.dim_value());
    else if (!dimension.dim_param().empty())
      axis.size = makeSymbol(dimension.dim_param()).bind(options.sizes);
    else
      axis.size = makeFreshSize();
    if (std::optional<int64_t> size = axis.size.getStatic())
      if (*size < 0 ||
          __builtin_mul_overflow(count, std::max<int64_t>(*size, 1), &count))
        return {};
    axes.push_back(axis);
  }
  return makeTensorType(axes, elementType);
}

const onnx::ValueInfoProto *Importer::findValueInfo(StringRef name) {
  return valueInfos.lookup(name);
}

//===----------------------------------------------------------------------===//
// Values of stored and folded tensors
//===----------------------------------------------------------------------===//

Value Importer::createParameter(OnnxTensor &tensor, Location loc) {
  if (tensor.parameter)
    return tensor.parameter;
  std::string symbol = tensor.stored->name;
  for (int suffix = 1; !symbolNames.insert(symbol).second; ++suffix)
    symbol = tensor.stored->name + "_" + std::to_string(suffix);
  ParamOp::create(paramBuilder, fileLoc, symbol,
                  "model::" + tensor.stored->name, tensor.type);
  Location paramLoc = NameLoc::get(builder.getStringAttr(tensor.name), fileLoc);
  tensor.parameter = ReadParamOp::create(
      builder, paramLoc, tensor.type, FlatSymbolRefAttr::get(&context, symbol));
  return tensor.parameter;
}

Value Importer::materialize(OnnxTensor &tensor, bool asParameter,
                            Location loc) {
  if (tensor.stored && asParameter)
    return createParameter(tensor, loc);
  if (tensor.value)
    return tensor.value;
  // Single numbers (scales, epsilons) and shapes are better read in the IR.
  if (tensor.stored && (!tensor.content || (tensor.content->isFloat() &&
                                            tensor.content->getCount() != 1)))
    return tensor.value = createParameter(tensor, loc);
  const Content &content = *tensor.content;
  Location nameLoc = NameLoc::get(builder.getStringAttr(tensor.name), fileLoc);
  if (content.isStatic()) {
    auto op = ConstantOp::create(builder, nameLoc, tensor.type,
                                 content.toAttribute());
    setProvenance(op, {tensor.name}, {});
    return tensor.value = op;
  }
  // A size that is a symbol: the sum of as many ones.
  TypedAttr one = cast<TypedAttr>(builder.getOneAttr(content.elementType));
  SmallVector<Value> parts;
  auto unitType = RankedTensorType::get({1}, content.elementType);
  for (const SymbolicSize &size : content.integers) {
    Type onesType = makeTensorType({Axis{size}}, content.elementType);
    Value ones = SplatOp::create(builder, nameLoc, onesType, one);
    parts.push_back(ReduceOp::create(
        builder, nameLoc, TypeRange{unitType},
        ReductionKindAttr::get(&context, ReductionKind::Sum), ones,
        builder.getDenseI64ArrayAttr({0}), builder.getBoolAttr(true)));
  }
  Value joined = parts.front();
  if (parts.size() > 1)
    joined = ConcatOp::create(
        builder, nameLoc,
        TypeRange{RankedTensorType::get({static_cast<int64_t>(parts.size())},
                                        content.elementType)},
        parts, builder.getI64IntegerAttr(0));
  if (joined.getType() != tensor.type)
    joined = ReshapeOp::create(builder, nameLoc, tensor.type, joined);
  setProvenance(joined.getDefiningOp(), {tensor.name}, {});
  return tensor.value = joined;
}

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

LogicalResult Importer::checkModel() {
  const onnx::ModelProto &model = file->getModel();
  if (model.ir_version() < 1 || model.ir_version() > newestFormat)
    return emitError(fileLoc)
           << "format version " << model.ir_version() << " (ir_version) is "
           << "not supported; 1 to " << newestFormat << " are";
  if (model.graph().sparse_initializer_size() != 0)
    return emitError(fileLoc) << "sparse initializers are not supported";
  if (model.graph().output_size() == 0)
    return emitError(fileLoc) << "the graph has no output";
  for (const auto &info : model.graph().value_info())
    valueInfos[info.name()] = &info;
  for (const auto &info : model.graph().output())
    valueInfos[info.name()] = &info;
  return success();
}

LogicalResult Importer::readOpsets(
    const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports,
    Scope &scope) {
  for (const onnx::OperatorSetIdProto &import : imports) {
    StringRef domain = import.domain();
    if (domain == "ai.onnx")
      domain = "";
    if (!scope.opsets.try_emplace(domain, import.version()).second)
      return emitError(fileLoc)
             << "operator set '" << domain << "' is imported twice";
    if (domain.empty() &&
        (import.version() < oldestOpset || import.version() > newestOpset))
      return emitError(fileLoc)
             << "operator set " << import.version() << " is not supported; "
             << oldestOpset << " to " << newestOpset << " are";
  }
  return success();
}

void Importer::assignRoles(const onnx::ValueInfoProto &input, Axes &axes,
                           bool isInteger) {
  auto chosen = options.inputAxes.find(input.name());
  if (chosen != options.inputAxes.end()) {
    for (auto [axis, role] : llvm::zip(axes, chosen->second))
      axis.role = role;
    return;
  }
  static const std::set<StringRef> spatialOperators = {"Conv",
                                                       "ConvTranspose",
                                                       "BatchNormalization",
                                                       "MaxPool",
                                                       "AveragePool",
                                                       "LpPool",
                                                       "GlobalMaxPool",
                                                       "GlobalAveragePool",
                                                       "GlobalLpPool",
                                                       "InstanceNormalization",
                                                       "GroupNormalization"};
  bool isSpatial = axes.size() > 3;
  for (const onnx::NodeProto &node : file->getModel().graph().node())
    isSpatial |= node.input_size() > 0 && node.input(0) == input.name() &&
                 spatialOperators.contains(node.op_type());
  using Role = AxisRole;
  for (auto [i, axis] : llvm::enumerate(axes))
    if (axes.size() == 1)
      axis.role = Role::Feature;
    else if (i == 0)
      axis.role = Role::Batch;
    else if (axes.size() == 2)
      axis.role = isInteger ? Role::Token : Role::Feature;
    else if (isSpatial)
      axis.role = i == 1 ? Role::Feature : Role::Spatial;
    else
      axis.role = i == 1 ? Role::Token : Role::Feature;
}

LogicalResult Importer::importInputs(Scope &scope, func::FuncOp &function) {
  const onnx::GraphProto &graph = file->getModel().graph();
  // Sizes without a name must not take a name that the model uses.
  for (const auto &input : graph.input())
    for (const auto &dimension : input.type().tensor_type().shape().dim())
      sizeNames.insert(dimension.dim_param());

  Block &block = function.getBody().front();
  SmallVector<Type> types;
  for (const onnx::ValueInfoProto &input : graph.input()) {
    // Old files list their initializers as inputs.
    if (weights.find(input.name()))
      continue;
    RankedTensorType type = convertType(input.type());
    if (!type)
      return emitError(fileLoc)
             << "graph input '" << input.name()
             << "' is not a tensor of numbers with a valid shape";
    Axes axes = getAxes(type);
    auto chosen = options.inputAxes.find(input.name());
    if (chosen != options.inputAxes.end() &&
        chosen->second.size() != axes.size())
      return emitError(fileLoc)
             << "graph input '" << input.name() << "' has " << axes.size()
             << " axes, not " << chosen->second.size();
    assignRoles(input, axes, !isa<FloatType>(type.getElementType()));
    type = makeTensorType(axes, type.getElementType());
    Location loc = NameLoc::get(builder.getStringAttr(input.name()), fileLoc);
    OnnxTensor &tensor = addTensor({});
    tensor.name = input.name();
    tensor.type = type;
    tensor.varying = true;
    tensor.value = block.addArgument(type, loc);
    types.push_back(type);
    if (input.name().empty() ||
        !scope.tensors.try_emplace(input.name(), &tensor).second)
      return emitError(fileLoc)
             << "two graph inputs are named '" << input.name() << "'";
  }
  function.setType(builder.getFunctionType(types, {}));
  unsigned index = 0;
  for (const onnx::ValueInfoProto &input : graph.input())
    if (!weights.find(input.name()))
      function.setArgAttr(index++, "lipt.name",
                          builder.getStringAttr(input.name()));
  return success();
}

LogicalResult Importer::importInitializers(Scope &scope) {
  for (const onnx::TensorProto &initializer :
       file->getModel().graph().initializer()) {
    const StoredTensor *stored = weights.find(initializer.name());
    if (!stored)
      return emitError(fileLoc)
             << "initializer '" << initializer.name()
             << "' has an element type that is not supported";
    Type elementType = convertElementType(stored->type);
    OnnxTensor tensor;
    tensor.name = initializer.name();
    tensor.type = RankedTensorType::get(stored->shape, elementType);
    tensor.content = Content::fromStored(*stored, elementType);
    tensor.stored = stored;
    scope.tensors[initializer.name()] = &addTensor(std::move(tensor));
  }
  return success();
}

OwningOpRef<ModuleOp> Importer::run() {
  const onnx::GraphProto &graph = file->getModel().graph();
  Scope scope;
  if (failed(checkModel()) ||
      failed(readOpsets(file->getModel().opset_import(), scope)))
    return {};

  OwningOpRef<ModuleOp> module = ModuleOp::create(fileLoc);
  builder.setInsertionPointToEnd(module->getBody());
  StringRef fileName = llvm::StringRef(file->getPath()).rsplit('/').second;
  if (fileName.empty())
    fileName = file->getPath();
  symbolNames = {"model", "main"};
  WeightsOp::create(builder, fileLoc, "model", fileName,
                    hash(file->getFileBytes()));
  auto function = func::FuncOp::create(builder, fileLoc, "main",
                                       builder.getFunctionType({}, {}));
  function.addEntryBlock();
  paramBuilder.setInsertionPoint(function);
  builder.setInsertionPointToStart(&function.getBody().front());

  SmallVector<StringRef> outputs;
  for (const onnx::ValueInfoProto &output : graph.output())
    outputs.push_back(output.name());
  if (failed(importInitializers(scope)) ||
      failed(importInputs(scope, function)) ||
      failed(importNodes(scope, graph.node(), outputs)) ||
      failed(importOutputs(scope, function)) || failed(verify(*module)))
    return {};
  return module;
}

LogicalResult Importer::importOutputs(Scope &scope, func::FuncOp &function) {
  const onnx::GraphProto &graph = file->getModel().graph();
  SmallVector<Value> results;
  SmallVector<Type> types;
  for (const onnx::ValueInfoProto &output : graph.output()) {
    OnnxTensor &tensor = *scope.tensors.lookup(output.name());
    Type declared = convertElementType(output.type().tensor_type().elem_type());
    if (declared && declared != tensor.type.getElementType())
      return emitError(fileLoc)
             << "graph output '" << output.name() << "' is declared as "
             << declared << " but computed as " << tensor.type.getElementType();
    results.push_back(materialize(tensor, /*asParameter=*/true, fileLoc));
    types.push_back(results.back().getType());
  }
  func::ReturnOp::create(builder, fileLoc, results);
  function.setType(
      builder.getFunctionType(function.getFunctionType().getInputs(), types));
  for (auto [i, output] : llvm::enumerate(graph.output()))
    function.setResultAttr(i, "lipt.name",
                           builder.getStringAttr(output.name()));
  return success();
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

static void collectReads(const onnx::GraphProto &graph,
                         std::set<std::string> local,
                         std::vector<std::string> &names, int depth);

static void collectReads(const onnx::NodeProto &node,
                         const std::set<std::string> &local,
                         std::vector<std::string> &names, int depth) {
  for (const std::string &input : node.input())
    if (!input.empty() && !local.contains(input))
      names.push_back(input);
  if (depth > deepestCall)
    return;
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.has_g())
      collectReads(attribute.g(), local, names, depth + 1);
    for (const onnx::GraphProto &graph : attribute.graphs())
      collectReads(graph, local, names, depth + 1);
  }
}

static void collectReads(const onnx::GraphProto &graph,
                         std::set<std::string> local,
                         std::vector<std::string> &names, int depth) {
  for (const auto &input : graph.input())
    local.insert(input.name());
  for (const auto &initializer : graph.initializer())
    local.insert(initializer.name());
  for (const onnx::NodeProto &node : graph.node()) {
    collectReads(node, local, names, depth);
    local.insert(node.output().begin(), node.output().end());
  }
  for (const auto &output : graph.output())
    if (!local.contains(output.name()))
      names.push_back(output.name());
}

std::vector<std::string>
onnx_import::collectReads(const onnx::NodeProto &node) {
  std::vector<std::string> names;
  ::collectReads(node, {}, names, 0);
  return names;
}

LogicalResult Importer::importNodes(Scope &scope, const Nodes &nodes,
                                    ArrayRef<StringRef> outputs) {
  // Every name must be defined once, and before it is read.
  llvm::StringMap<int> producers;
  for (auto [index, node] : llvm::enumerate(nodes))
    for (const std::string &output : node.output()) {
      if (output.empty())
        continue;
      if (scope.tensors.contains(output) ||
          !producers.try_emplace(output, static_cast<int>(index)).second)
        return emitError(fileLoc)
               << "two tensors are named '" << scope.prefix << output << "'";
    }
  std::vector<std::vector<std::string>> reads;
  for (auto [index, node] : llvm::enumerate(nodes)) {
    reads.push_back(collectReads(node));
    for (const std::string &name : reads.back()) {
      auto producer = producers.find(name);
      std::string output = node.output_size() ? node.output(0) : "";
      if (producer == producers.end() ? !scope.tensors.contains(name)
                                      : producer->second >= (int)index)
        return emitError(fileLoc)
               << "node of '" << scope.prefix << output << "' ("
               << node.op_type() << ") reads tensor '" << name << "', which "
               << (producer == producers.end()
                       ? "nothing defines"
                       : "is computed later: the graph has a cycle or is not "
                         "sorted");
    }
  }
  std::set<StringRef> needed(outputs.begin(), outputs.end());
  for (StringRef output : outputs)
    if (!scope.tensors.contains(output) && !producers.contains(output))
      return emitError(fileLoc) << "output '" << scope.prefix << output
                                << "' is not computed by any node";

  // What no output needs is not imported.
  std::vector<bool> live(nodes.size());
  for (int i = nodes.size() - 1; i >= 0; --i) {
    live[i] = llvm::any_of(nodes[i].output(), [&](const std::string &name) {
      return !name.empty() && needed.contains(name);
    });
    if (live[i])
      needed.insert(reads[i].begin(), reads[i].end());
  }
  for (StringRef name : needed)
    usedNames.insert(scope.prefix + name.str());

  for (int i = 0; i < nodes.size(); ++i)
    if (live[i] && failed(importNode(scope, nodes[i])))
      return failure();
  return success();
}

const onnx::FunctionProto *
Importer::findFunction(const onnx::NodeProto &node) const {
  for (const onnx::FunctionProto &function : file->getModel().functions())
    if (function.name() == node.op_type() &&
        function.domain() == node.domain() &&
        function.overload() == node.overload())
      return &function;
  return nullptr;
}

LogicalResult Importer::checkInfinities(NodeImporter &node) {
  static const std::set<StringRef> harmless = {"Where",       "Expand",
                                               "Reshape",     "Unsqueeze",
                                               "Squeeze",     "Slice",
                                               "Cast",        "Concat",
                                               "Trilu",       "Min",
                                               "Max",         "Clip",
                                               "Pad",         "Gather",
                                               "Tile",        "Attention",
                                               "Transpose",   "Identity",
                                               "Equal",       "Less",
                                               "Greater",     "IsInf",
                                               "CastLike",    "Split",
                                               "LessOrEqual", "GreaterOrEqual",
                                               "ReduceMax",   "ReduceMin"};
  for (unsigned i = 0; i < node.getNumInputs(); ++i) {
    if (!node.hasInput(i) || !node.getTensor(i).stored)
      continue;
    OnnxTensor &tensor = node.getTensor(i);
    if (!tensor.isScanned && isa<FloatType>(tensor.type.getElementType()))
      for (int64_t k = 0, e = tensor.stored->getElementCount(); k < e; ++k) {
        double entry = tensor.stored->getAsDouble(k);
        if (LLVM_LIKELY(std::isfinite(entry)))
          continue;
        if (std::isnan(entry))
          return node.emitError() << "weight '" << tensor.name
                                  << "' contains a NaN at entry " << k;
        (entry < 0 ? tensor.hasNegativeInfinity : tensor.hasPositiveInfinity) =
            true;
      }
    tensor.isScanned = true;
    // Masks contain infinities: they select, or are added before a softmax.
    bool isMask = node.node.op_type() == "Add" && tensor.type.getRank() >= 2 &&
                  !tensor.hasPositiveInfinity;
    if ((tensor.hasNegativeInfinity || tensor.hasPositiveInfinity) && !isMask &&
        !harmless.contains(node.node.op_type()))
      return node.emitError()
             << "weight '" << tensor.name << "' contains an infinity";
  }
  return success();
}

LogicalResult Importer::importNode(Scope &scope, const onnx::NodeProto &node) {
  StringRef domain = node.domain();
  if (domain == "ai.onnx")
    domain = "";
  if (++importedNodes > mostNodes)
    return emitError(fileLoc) << "the model has more than a million nodes";
  if (const onnx::FunctionProto *function = findFunction(node))
    return importCall(scope, node, *function);
  auto opset = scope.opsets.find(domain);
  NodeImporter importer(*this, scope, node,
                        opset == scope.opsets.end() ? 0 : opset->second);
  if (opset == scope.opsets.end())
    return importer.emitError()
           << "operator set '" << domain << "' is not imported by the model";
  std::string problem = checkNode(node, file->getModel().ir_version(), scope);
  if (!problem.empty())
    return importer.emitError() << problem;
  if (failed(checkInfinities(importer)))
    return failure();

  LogicalResult result = success();
  auto converter = converters.find(node.op_type());
  if (!domain.empty())
    result = importer.importOpaque("its domain '" + domain.str() +
                                   "' has no operations here");
  else if (foldContents(importer))
    return success();
  else if (converter == converters.end())
    result = importer.importOpaque("the operator is not supported");
  else
    result = converter->second(importer);
  if (failed(result))
    return importer.emitError() << "cannot be imported";
  for (unsigned i = 0; i < importer.getNumOutputs(); ++i)
    if (importer.isUsed(i) && !scope.tensors.contains(node.output(i)))
      return importer.emitError() << "output " << i << " ('" << node.output(i)
                                  << "') is not supported";
  importer.attachProvenance();
  return success();
}

LogicalResult Importer::importCall(Scope &scope, const onnx::NodeProto &node,
                                   const onnx::FunctionProto &function) {
  NodeImporter caller(*this, scope, node, 0);
  if (scope.depth >= deepestCall)
    return caller.emitError()
           << "functions call each other more than " << deepestCall << " deep";
  if (node.input_size() > function.input_size() ||
      node.output_size() > function.output_size() || node.output_size() == 0)
    return caller.emitError() << "inputs or outputs are more than those of "
                                 "the called function";
  Scope body;
  body.depth = scope.depth + 1;
  body.prefix = scope.prefix + node.output(0) + "/";
  if (failed(readOpsets(function.opset_import(), body)))
    return failure();
  for (const auto &[domain, version] : scope.opsets)
    body.opsets.try_emplace(domain, version);
  for (const onnx::AttributeProto &attribute : function.attribute_proto())
    body.attributes[attribute.name()] = &attribute;
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (const onnx::AttributeProto *given =
            caller.findAttribute(attribute.name()))
      body.attributes[attribute.name()] = given;
  for (int i = 0; i < function.input_size(); ++i) {
    OnnxTensor *argument = caller.hasInput(i) ? &caller.getTensor(i) : nullptr;
    if (!body.tensors.try_emplace(function.input(i), argument).second)
      return caller.emitError() << "the function's input '" << function.input(i)
                                << "' is named twice";
  }
  SmallVector<StringRef> outputs;
  for (int i = 0; i < node.output_size(); ++i)
    if (caller.isUsed(i))
      outputs.push_back(function.output(i));
  if (failed(importNodes(body, function.node(), outputs)))
    return failure();
  for (int i = 0; i < node.output_size(); ++i)
    if (caller.isUsed(i)) {
      OnnxTensor *result = body.tensors.lookup(function.output(i));
      if (!result)
        return caller.emitError() << "the function returns its absent input '"
                                  << function.output(i) << "'";
      scope.tensors[node.output(i)] = result;
    }
  return success();
}
