//===- AxesTest.cpp - Reshapes and broadcasts against entries *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Dialect/Lipt/IR/Axes.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

using namespace lipt;

namespace {

int64_t countOf(llvm::ArrayRef<Axis> axes) {
  int64_t count = 1;
  for (const Axis &axis : axes)
    count *= *axis.size.getStatic();
  return count;
}

/// The position (index along the position axes) of a row-major entry.
int64_t positionOf(llvm::ArrayRef<Axis> axes, int64_t entry) {
  int64_t position = 0, stride = 1;
  for (const Axis &axis : llvm::reverse(axes)) {
    int64_t size = *axis.size.getStatic();
    if (axis.isPosition()) {
      position += entry % size * stride;
      stride *= size;
    }
    entry /= size;
  }
  return position;
}

int64_t positionCount(llvm::ArrayRef<Axis> axes) {
  Axes positions;
  for (const Axis &axis : axes)
    if (axis.isPosition())
      positions.push_back(axis);
  return countOf(positions);
}

/// A random ordered factorization of 2^a 3^b, with ones in between.
std::vector<SymbolicSize> drawSizes(std::mt19937 &random, unsigned twos,
                                    unsigned threes) {
  std::vector<int64_t> sizes(1 + random() % 4, 1);
  for (unsigned i = 0; i < twos; ++i)
    sizes[random() % sizes.size()] *= 2;
  for (unsigned i = 0; i < threes; ++i)
    sizes[random() % sizes.size()] *= 3;
  return {sizes.begin(), sizes.end()};
}

// What the rule B-shape needs: entries of one input position stay together, and
// where no group mixes, entries of different positions stay apart.
TEST(ReshapeAxes, PositionsAreThoseOfTheEntries) {
  std::mt19937 random(1);
  unsigned unmixed = 0;
  for (int round = 0; round < 4000; ++round) {
    unsigned twos = random() % 5, threes = random() % 3;
    Axes input;
    for (const SymbolicSize &size : drawSizes(random, twos, threes))
      input.push_back({size, AxisRole(random() % 6)});
    Axes output = reshapeAxes(input, drawSizes(random, twos, threes));
    bool sameCount = positionCount(input) == positionCount(output);
    unmixed += sameCount;
    std::map<int64_t, int64_t> outputOf;
    std::set<int64_t> seen;
    for (int64_t entry = 0; entry < countOf(input); ++entry) {
      int64_t from = positionOf(input, entry), to = positionOf(output, entry);
      auto [place, isNew] = outputOf.try_emplace(from, to);
      ASSERT_EQ(place->second, to)
          << toString(input) << " -> " << toString(output);
      if (isNew && sameCount)
        ASSERT_TRUE(seen.insert(to).second)
            << toString(input) << " -> " << toString(output);
    }
  }
  EXPECT_GT(unmixed, 1000u);
}

Axes parseAxes(std::initializer_list<std::pair<AxisRole, const char *>> list) {
  Axes axes;
  for (auto [role, size] : list)
    axes.push_back({*SymbolicSize::parse(size), role});
  return axes;
}

std::string reshape(const Axes &input,
                    std::initializer_list<const char *> sizes) {
  std::vector<SymbolicSize> parsed;
  for (const char *size : sizes)
    parsed.push_back(*SymbolicSize::parse(size));
  return toString(reshapeAxes(input, parsed));
}

TEST(ReshapeAxes, Examples) {
  using enum AxisRole;
  Axes x = parseAxes({{Batch, "N"}, {Token, "T"}, {Feature, "64"}});
  EXPECT_EQ(reshape(x, {"N", "T", "64"}), "[batch N, token T, feature 64]");
  EXPECT_EQ(reshape(x, {"N*T", "64"}), "[batch N*T, feature 64]");
  EXPECT_EQ(reshape(x, {"N", "T", "4", "16"}),
            "[batch N, token T, feature 4, feature 16]");
  EXPECT_EQ(reshape(x, {"N", "64*T"}), "[batch N, feature 64*T]");
  EXPECT_EQ(reshape(x, {"N", "1", "T", "64", "1"}),
            "[batch N, 1, token T, feature 64, 1]");
  EXPECT_EQ(reshape(x, {"64*N*T"}), "[feature 64*N*T]");

  Axes image =
      parseAxes({{Batch, "1"}, {Feature, "8"}, {Spatial, "4"}, {Spatial, "4"}});
  EXPECT_EQ(reshape(image, {"1", "8", "16"}),
            "[batch 1, feature 8, spatial 16]");
  EXPECT_EQ(reshape(image, {"1", "128"}), "[batch 1, feature 128]");
  EXPECT_EQ(reshape(image, {"1", "8", "2", "2", "4"}),
            "[batch 1, feature 8, spatial 2, spatial 2, spatial 4]");

  // Heads merge into features; nothing known stays unknown.
  Axes heads = parseAxes({{Token, "T"}, {Head, "4"}, {Feature, "16"}});
  EXPECT_EQ(reshape(heads, {"T", "64"}), "[token T, feature 64]");
  EXPECT_EQ(reshape(parseAxes({{Unknown, "6"}}), {"2", "3"}), "[2, 3]");

  // Sizes of zero tell nothing apart.
  EXPECT_EQ(reshape(parseAxes({{Batch, "0"}, {Feature, "4"}}), {"0", "8"}),
            "[feature 0, feature 8]");
}

TEST(BroadcastAxes, Examples) {
  using enum AxisRole;
  Axes x = parseAxes({{Batch, "N"}, {Token, "T"}, {Feature, "64"}});
  auto text = [](std::optional<Axes> axes) {
    return axes ? toString(*axes) : "none";
  };
  EXPECT_EQ(text(broadcastAxes(x, parseAxes({{Unknown, "64"}}))), toString(x));
  EXPECT_EQ(text(broadcastAxes(parseAxes({{Unknown, "64"}}), x)), toString(x));
  EXPECT_EQ(text(broadcastAxes(x, {})), toString(x));
  EXPECT_EQ(text(broadcastAxes(x, parseAxes({{Unknown, "63"}}))), "none");
  EXPECT_EQ(
      text(broadcastAxes(parseAxes({{Token, "1"}}), parseAxes({{Batch, "N"}}))),
      "[batch N]");
  EXPECT_EQ(
      text(broadcastAxes(parseAxes({{Batch, "N"}}), parseAxes({{Batch, "M"}}))),
      "none");
}

TEST(TensorTypes, AxesRoundTrip) {
  mlir::MLIRContext context;
  context.loadDialect<LiptDialect>();
  mlir::Type f32 = mlir::Float32Type::get(&context);
  using enum AxisRole;
  for (const Axes &axes :
       {parseAxes({}), parseAxes({{Unknown, "2"}, {Unknown, "0"}}),
        parseAxes({{Batch, "N"}, {Token, "T+1"}, {Feature, "64"}}),
        parseAxes({{Unknown, "2*N"}}), parseAxes({{Feature, "3"}})}) {
    mlir::RankedTensorType type = makeTensorType(axes, f32);
    ASSERT_TRUE(type);
    EXPECT_TRUE(hasKnownAxes(type));
    EXPECT_EQ(getAxes(type), axes);
  }
  EXPECT_FALSE(makeTensorType(parseAxes({{Batch, "2"}, {Unknown, "4"}}), f32)
                   .getShape()
                   .empty());
  // Plain shapes carry no encoding.
  EXPECT_FALSE(makeTensorType(parseAxes({{Unknown, "2"}}), f32).getEncoding());
  EXPECT_FALSE(makeTensorType({{SymbolicSize(-1)}}, f32));
  EXPECT_FALSE(makeTensorType({{SymbolicSize::invalid()}}, f32));
  EXPECT_FALSE(hasKnownAxes(
      mlir::RankedTensorType::get({mlir::ShapedType::kDynamic}, f32)));
  EXPECT_FALSE(hasKnownAxes(f32));
}

} // namespace
