//===- LiptDialect.cpp - The lipt dialect ------------------*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/IR/LiptDialect.h"

#include "lipt/Dialect/Lipt/IR/LiptOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace lipt;

#include "lipt/Dialect/Lipt/IR/LiptDialect.cpp.inc"
#include "lipt/Dialect/Lipt/IR/LiptEnums.cpp.inc"

// `[<axis>, ...]`; an axis that does not parse has told why.
static mlir::ParseResult parseAxisList(mlir::AsmParser &parser,
                                       llvm::SmallVector<AxisAttr> &axes) {
  return parser.parseCommaSeparatedList(
      mlir::AsmParser::Delimiter::Square, [&]() -> mlir::ParseResult {
        auto axis =
            llvm::dyn_cast_or_null<AxisAttr>(AxisAttr::parse(parser, {}));
        if (!axis)
          return mlir::failure();
        axes.push_back(axis);
        return mlir::success();
      });
}

static void printAxisList(mlir::AsmPrinter &printer,
                          llvm::ArrayRef<AxisAttr> axes) {
  printer << '[';
  printer.printStrippedAttrOrType(axes);
  printer << ']';
}

#define GET_ATTRDEF_CLASSES
#include "lipt/Dialect/Lipt/IR/LiptAttrs.cpp.inc"

void LiptDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lipt/Dialect/Lipt/IR/LiptAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "lipt/Dialect/Lipt/IR/LiptOps.cpp.inc"
      >();
}

mlir::Operation *LiptDialect::materializeConstant(mlir::OpBuilder &builder,
                                                  mlir::Attribute value,
                                                  mlir::Type type,
                                                  mlir::Location location) {
  auto elements = mlir::dyn_cast<mlir::DenseElementsAttr>(value);
  if (!elements || elements.getType() != type || !fitsConstant(elements))
    return nullptr;
  return ConstantOp::create(builder, location, type, elements);
}

llvm::LogicalResult
AxisAttr::verify(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
                 AxisRole role, mlir::StringAttr size) {
  if (!size)
    return mlir::success();
  std::optional<SymbolicSize> parsed = SymbolicSize::parse(size.getValue());
  if (!parsed)
    return emitError() << "the size " << size
                       << " of an axis is not a polynomial in symbols";
  if (parsed->isStatic())
    return emitError() << "the size " << size
                       << " of an axis has no symbol: it belongs in the shape";
  // One spelling a size, so that equal types are equal attributes.
  if (parsed->toString() != size.getValue())
    return emitError() << "the size " << size << " of an axis is written \""
                       << parsed->toString() << "\"";
  return mlir::success();
}

llvm::LogicalResult AxesAttr::verifyEncoding(
    llvm::ArrayRef<int64_t> shape, mlir::Type elementType,
    llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const {
  if (shape.size() != getAxes().size())
    return emitError() << "a tensor of rank " << shape.size()
                       << " has an encoding with " << getAxes().size()
                       << " axes";
  for (auto [i, size, axis] : llvm::enumerate(shape, getAxes())) {
    bool isDynamic = mlir::ShapedType::isDynamic(size);
    if (isDynamic && !axis.getSize())
      return emitError() << "axis " << i
                         << " is dynamic but its encoding names no size";
    if (!isDynamic && axis.getSize())
      return emitError() << "axis " << i << " has the size " << size
                         << " and the symbolic size " << axis.getSize();
  }
  return mlir::success();
}
