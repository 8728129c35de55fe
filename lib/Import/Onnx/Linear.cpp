//===- Linear.cpp - Linear layers and convolutions -----------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"

using namespace mlir;
using namespace lipt;
using namespace lipt::onnx_import;

static LogicalResult importMatMul(NodeImporter &node) {
  bool isLayer = node.isConstant(1) && !node.isConstant(0) &&
                 node.getRank(1) == 2 && node.getRank(0) > 0 &&
                 isa<FloatType>(node.getElementType(0));
  if (isLayer)
    return node.setOutput(
        0, node.create<LinearOp>({node.getInput(0), node.getParameter(1)},
                                 {node.unit("transpose_weight")}));
  return node.setOutput(
      0, node.create<MatmulOp>({node.getParameter(0), node.getParameter(1)}));
}

static LogicalResult importGemm(NodeImporter &node) {
  if (node.getRank(0) != 2 || node.getRank(1) != 2)
    return node.emitError() << "expected matrices, got tensors of rank "
                            << node.getRank(0) << " and " << node.getRank(1);
  float alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 1);
  Value lhs = node.getParameter(0);
  if (node.getInt("transA", 0))
    lhs = node.createTranspose(lhs, {1, 0});
  Type elementType = node.getElementType(0);
  bool transposed = node.getInt("transB", 0);
  bool hasBias = node.hasInput(2) && beta != 0;
  Value result;
  if (node.isConstant(1) && !node.isConstant(0) &&
      isa<FloatType>(elementType)) {
    SmallVector<NamedAttribute> attributes;
    if (!transposed)
      attributes.push_back(node.unit("transpose_weight"));
    if (alpha != 1)
      attributes.push_back(node.attr("alpha", alpha));
    SmallVector<Value> operands = {lhs, node.getParameter(1)};
    if (hasBias && node.isConstant(2)) {
      operands.push_back(node.getParameter(2));
      if (beta != 1)
        attributes.push_back(node.attr("beta", beta));
      hasBias = false;
    }
    result = node.create<LinearOp>(operands, attributes);
  } else {
    Value rhs = node.getParameter(1);
    if (transposed)
      rhs = node.createTranspose(rhs, {1, 0});
    result = node.create<MatmulOp>({lhs, rhs});
    if (alpha != 1)
      result =
          node.create<MulOp>({result, node.createScalar(elementType, alpha)});
  }
  if (hasBias) {
    Value bias = node.getInput(2);
    if (beta != 1)
      bias = node.create<MulOp>({bias, node.createScalar(elementType, beta)});
    result = node.create<AddOp>({result, bias});
  }
  return node.setOutput(0, result);
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

/// The window attributes that convolutions and pools share, one entry a
/// spatial axis; `pads` lists the begins, then the ends.
namespace {
struct Windows {
  SmallVector<int64_t> kernel, strides, dilations, pads;
};
} // namespace

/// `auto_pad` as numbers: SAME keeps ceil(size / stride) windows, an odd pad
/// goes to the end (UPPER) or the begin (LOWER).
static LogicalResult padAutomatically(NodeImporter &node, Windows &windows) {
  std::string mode = node.getString("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode == "VALID")
    return success();
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER")
    return node.emitError() << "unknown auto_pad '" << mode << "'";
  Axes axes = node.getInputAxes(0);
  size_t count = windows.kernel.size();
  for (size_t i = 0; i < count; ++i) {
    std::optional<int64_t> size = axes[i + 2].size.getStatic();
    if (!size)
      return node.emitError()
             << "auto_pad " << mode << " needs axis " << i + 2
             << " to have a fixed size, it is " << axes[i + 2].size.toString();
    int64_t steps = (*size + windows.strides[i] - 1) / windows.strides[i];
    int64_t total = std::max<int64_t>(
        0, (steps - 1) * windows.strides[i] +
               (windows.kernel[i] - 1) * windows.dilations[i] + 1 - *size);
    int64_t half = total / 2;
    windows.pads[i] = mode == "SAME_UPPER" ? half : total - half;
    windows.pads[i + count] = total - windows.pads[i];
  }
  return success();
}

static FailureOr<Windows> readWindows(NodeImporter &node,
                                      ArrayRef<int64_t> kernel) {
  // Sizes up to this cannot overflow in the formulas of output sizes.
  constexpr int64_t largest = int64_t(1) << 30;
  Windows windows;
  windows.kernel.assign(kernel.begin(), kernel.end());
  size_t count = kernel.size();
  windows.strides =
      node.getInts("strides").value_or(SmallVector<int64_t>(count, 1));
  windows.dilations =
      node.getInts("dilations").value_or(SmallVector<int64_t>(count, 1));
  windows.pads =
      node.getInts("pads").value_or(SmallVector<int64_t>(2 * count, 0));
  if (node.getString("auto_pad", "NOTSET") != "NOTSET")
    windows.pads.assign(2 * count, 0);
  if (node.getRank(0) != static_cast<int64_t>(count) + 2)
    return node.emitError()
           << "a window of rank " << count << " does not fit an input of rank "
           << node.getRank(0);
  if (windows.strides.size() != count || windows.dilations.size() != count ||
      windows.pads.size() != 2 * count)
    return node.emitError() << "strides, dilations or pads do not have one "
                               "entry a spatial axis";
  auto inside = [&](int64_t low) {
    return [=](int64_t value) { return value >= low && value <= largest; };
  };
  if (!llvm::all_of(windows.kernel, inside(1)) ||
      !llvm::all_of(windows.strides, inside(1)) ||
      !llvm::all_of(windows.dilations, inside(1)) ||
      !llvm::all_of(windows.pads, inside(-largest)))
    return node.emitError() << "kernel, strides, dilations or pads are not "
                               "positive or too large";
  return windows;
}

/// Kernel sizes: the weight's axes from the third on, which `kernel_shape` may
/// only repeat.
static FailureOr<SmallVector<int64_t>> getKernel(NodeImporter &node) {
  SmallVector<int64_t> kernel;
  for (const Axis &axis : node.getInputAxes(1)) {
    std::optional<int64_t> size = axis.size.getStatic();
    if (!size)
      return node.emitError() << "its kernel has no fixed size";
    kernel.push_back(*size);
  }
  if (kernel.size() < 3)
    return node.emitError() << "expected a kernel of rank 3 or more";
  kernel.erase(kernel.begin(), kernel.begin() + 2);
  if (auto stated = node.getInts("kernel_shape"); stated && *stated != kernel)
    return node.emitError() << "kernel_shape differs from the weight's shape";
  return kernel;
}

static SmallVector<NamedAttribute> makeAttributes(NodeImporter &node,
                                                  const Windows &windows) {
  return {node.attr("strides", windows.strides),
          node.attr("dilations", windows.dilations),
          node.attr("pads", windows.pads),
          node.attr("groups", node.getInt("group", 1))};
}

static SmallVector<Value> getOperands(NodeImporter &node) {
  SmallVector<Value> operands = {node.getInput(0), node.getParameter(1)};
  if (node.hasInput(2))
    operands.push_back(node.getParameter(2));
  return operands;
}

static LogicalResult importConv(NodeImporter &node) {
  FailureOr<SmallVector<int64_t>> kernel = getKernel(node);
  if (failed(kernel))
    return failure();
  FailureOr<Windows> windows = readWindows(node, *kernel);
  if (failed(windows) || failed(padAutomatically(node, *windows)))
    return failure();
  return node.setOutput(0, node.create<ConvOp>(getOperands(node),
                                               makeAttributes(node, *windows)));
}

/// Pads of a transposed convolution that give a stated output size, or for
/// SAME the input's size times the stride.
static LogicalResult padToOutput(NodeImporter &node, Windows &windows,
                                 ArrayRef<int64_t> outputPadding) {
  std::string mode = node.getString("auto_pad", "NOTSET");
  auto stated = node.getInts("output_shape");
  if (!stated && mode != "SAME_UPPER" && mode != "SAME_LOWER")
    return success();
  size_t count = windows.kernel.size();
  if (stated && stated->size() != count)
    return node.emitError() << "output_shape has " << stated->size()
                            << " entries, expected " << count;
  Axes axes = node.getInputAxes(0);
  for (size_t i = 0; i < count; ++i) {
    std::optional<int64_t> size = axes[i + 2].size.getStatic();
    if (!size)
      return node.emitError()
             << "its padding needs axis " << i + 2 << " to have a fixed size";
    int64_t output = stated ? (*stated)[i] : *size * windows.strides[i];
    int64_t total = windows.strides[i] * (*size - 1) + outputPadding[i] +
                    (windows.kernel[i] - 1) * windows.dilations[i] + 1 - output;
    // A negative total would be output padding, which only the end can have.
    if (total < 0)
      return node.emitError() << "its output size cannot be reached by padding";
    int64_t half = total / 2;
    windows.pads[i] = mode == "SAME_UPPER" ? half : total - half;
    windows.pads[i + count] = total - windows.pads[i];
  }
  return success();
}

static LogicalResult importConvTranspose(NodeImporter &node) {
  FailureOr<SmallVector<int64_t>> kernel = getKernel(node);
  if (failed(kernel))
    return failure();
  FailureOr<Windows> windows = readWindows(node, *kernel);
  if (failed(windows))
    return failure();
  SmallVector<int64_t> outputPadding =
      node.getInts("output_padding")
          .value_or(SmallVector<int64_t>(kernel->size(), 0));
  if (outputPadding.size() != kernel->size())
    return node.emitError() << "output_padding has " << outputPadding.size()
                            << " entries, expected " << kernel->size();
  if (failed(padToOutput(node, *windows, outputPadding)))
    return failure();
  SmallVector<NamedAttribute> attributes = makeAttributes(node, *windows);
  attributes.push_back(node.attr("output_padding", outputPadding));
  return node.setOutput(
      0, node.create<ConvTransposeOp>(getOperands(node), attributes));
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

static LogicalResult importPool(NodeImporter &node) {
  StringRef type = node.node.op_type();
  // Attributes that do not change values: storage_order.
  if (type == "MaxPool" && node.isUsed(1))
    return node.importOpaque("indices of maxima are not supported");
  auto kernel = node.getInts("kernel_shape");
  if (!kernel)
    return node.emitError() << "kernel_shape is missing";
  FailureOr<Windows> windows = readWindows(node, *kernel);
  if (failed(windows) || failed(padAutomatically(node, *windows)))
    return failure();
  SmallVector<NamedAttribute> attributes = {
      node.attr("kernel", windows->kernel),
      node.attr("strides", windows->strides),
      node.attr("dilations", windows->dilations),
      node.attr("pads", windows->pads),
      node.attr("ceil_mode",
                node.builder.getBoolAttr(node.getInt("ceil_mode", 0) != 0))};
  Value input = node.getInput(0);
  if (type == "MaxPool")
    return node.setOutput(0, node.create<MaxPoolOp>({input}, attributes));
  if (type == "AveragePool") {
    attributes.push_back(node.attr(
        "count_include_pad",
        node.builder.getBoolAttr(node.getInt("count_include_pad", 0) != 0)));
    return node.setOutput(0, node.create<AveragePoolOp>({input}, attributes));
  }
  attributes.push_back(node.attr("p", node.getInt("p", 2)));
  return node.setOutput(0, node.create<LpPoolOp>({input}, attributes));
}

template <typename OpTy>
static LogicalResult importGlobalPool(NodeImporter &node) {
  return node.setOutput(0, node.create<OpTy>({node.getInput(0)}));
}

void onnx_import::addLinear(Converters &converters) {
  converters["MatMul"] = importMatMul;
  converters["Gemm"] = importGemm;
  converters["Conv"] = importConv;
  converters["ConvTranspose"] = importConvTranspose;
}

void onnx_import::addPooling(Converters &converters) {
  converters["MaxPool"] = importPool;
  converters["AveragePool"] = importPool;
  converters["LpPool"] = importPool;
  converters["GlobalAveragePool"] = importGlobalPool<GlobalAveragePoolOp>;
  converters["GlobalMaxPool"] = importGlobalPool<GlobalMaxPoolOp>;
  converters["GlobalLpPool"] = [](NodeImporter &node) {
    return node.setOutput(
        0, node.create<GlobalLpPoolOp>({node.getInput(0)},
                                       {node.attr("p", node.getInt("p", 2))}));
  };
}
