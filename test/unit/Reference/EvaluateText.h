//===- EvaluateText.h - Evaluate a network given as text ---*- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_TEST_UNIT_REFERENCE_EVALUATETEXT_H
#define LIPT_TEST_UNIT_REFERENCE_EVALUATETEXT_H

#include "lipt/Dialect/Lipt/IR/LiptDialect.h"
#include "lipt/Reference/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

namespace lipt::reference {

/// A module parsed from text, with its context.
struct TextNetwork {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  std::string diagnostics;
  std::unique_ptr<mlir::ScopedDiagnosticHandler> handler;

  explicit TextNetwork(const std::string &text) {
    mlir::DialectRegistry registry;
    registry.insert<LiptDialect, mlir::func::FuncDialect>();
    context.appendDialectRegistry(registry);
    handler = std::make_unique<mlir::ScopedDiagnosticHandler>(
        &context, [this](mlir::Diagnostic &diagnostic) {
          diagnostics += diagnostic.str() + "\n";
        });
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (module)
      function = module->lookupSymbol<mlir::func::FuncOp>("main");
  }
};

/// A float32 tensor of these entries; int64 and bool likewise.
inline Tensor makeTensor(Shape shape, std::vector<double> entries,
                         ElementType type = ElementType::Float32) {
  Tensor tensor(type, std::move(shape));
  EXPECT_EQ(tensor.getElementCount(), static_cast<int64_t>(entries.size()));
  for (size_t i = 0; i < entries.size(); ++i)
    tensor.set(i, entries[i]);
  return tensor;
}

inline std::vector<double> toDoubles(const Tensor &tensor) {
  std::vector<double> entries(tensor.getElementCount());
  for (size_t i = 0; i < entries.size(); ++i)
    entries[i] = tensor.getAsDouble(i);
  return entries;
}

/// `func @main` with this signature and these lines, evaluated. A failure is
/// one test failure and an empty list.
inline std::vector<Tensor>
evaluateText(const std::string &text, std::vector<Tensor> inputs,
             Precision precision = Precision::Native) {
  TextNetwork network(text);
  EXPECT_TRUE(network.function) << network.diagnostics;
  if (!network.function)
    return {};
  EvaluationOptions options;
  options.precision = precision;
  Interpreter interpreter(network.function, nullptr, options);
  mlir::FailureOr<std::vector<Tensor>> results =
      interpreter.evaluate(std::move(inputs));
  EXPECT_TRUE(succeeded(results)) << network.diagnostics;
  return succeeded(results) ? *results : std::vector<Tensor>();
}

/// Expects a diagnostic that contains `part`.
inline void expectDiagnostic(const std::string &text,
                             std::vector<Tensor> inputs,
                             const std::string &part) {
  TextNetwork network(text);
  ASSERT_TRUE(network.function) << network.diagnostics;
  Interpreter interpreter(network.function, nullptr);
  EXPECT_TRUE(failed(interpreter.evaluate(std::move(inputs))));
  EXPECT_NE(network.diagnostics.find(part), std::string::npos)
      << network.diagnostics;
}

/// Entries equal within `tolerance` times their size (or absolutely below 1).
inline void expectClose(const Tensor &actual, const std::vector<double> &wanted,
                        double tolerance = 1e-6) {
  std::vector<double> entries = toDoubles(actual);
  ASSERT_EQ(entries.size(), wanted.size());
  for (size_t i = 0; i < entries.size(); ++i)
    EXPECT_NEAR(entries[i], wanted[i],
                tolerance * std::max(1.0, std::abs(wanted[i])))
        << "entry " << i;
}

} // namespace lipt::reference

#endif // LIPT_TEST_UNIT_REFERENCE_EVALUATETEXT_H
