//===- SymbolicSizeTest.cpp - Polynomials against plain integers *- C++ -*-===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/SymbolicSize.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

using lipt::SymbolicSize;

namespace {

constexpr int64_t maximum = std::numeric_limits<int64_t>::max();
constexpr int64_t minimum = std::numeric_limits<int64_t>::min();

/// A random expression, built as a polynomial and computed as an integer side
/// by side.
struct Sample {
  SymbolicSize size;
  __int128 value;
};

class Expressions {
public:
  std::map<std::string, int64_t> values = {{"N", 3}, {"T", 7}, {"S.0", 2}};

  explicit Expressions(unsigned seed) : random(seed) {}

  Sample draw(unsigned depth) {
    if (depth == 0 || pick(4) == 0) {
      if (pick(2) == 0) {
        int64_t constant = int64_t(pick(9)) - 4;
        return {constant, constant};
      }
      auto symbol = std::next(values.begin(), pick(values.size()));
      return {SymbolicSize::symbol(symbol->first), symbol->second};
    }
    Sample a = draw(depth - 1), b = draw(depth - 1);
    switch (pick(3)) {
    case 0:
      return {a.size + b.size, a.value + b.value};
    case 1:
      return {a.size - b.size, a.value - b.value};
    default:
      return {a.size * b.size, a.value * b.value};
    }
  }

private:
  size_t pick(size_t count) { return random() % count; }
  std::mt19937 random;
};

TEST(SymbolicSize, ComputesWhatIntegersCompute) {
  Expressions expressions(1);
  for (int i = 0; i < 3000; ++i) {
    Sample sample = expressions.draw(3);
    ASSERT_TRUE(sample.size.isValid());
    EXPECT_EQ(sample.size.bind(expressions.values).getStatic(),
              int64_t(sample.value))
        << sample.size.toString();
  }
}

TEST(SymbolicSize, TextRoundTrips) {
  Expressions expressions(2);
  for (int i = 0; i < 3000; ++i) {
    SymbolicSize size = expressions.draw(4).size;
    std::optional<SymbolicSize> read = SymbolicSize::parse(size.toString());
    ASSERT_TRUE(read) << size.toString();
    EXPECT_EQ(*read, size);
    EXPECT_EQ(read->toString(), size.toString());
  }
}

TEST(SymbolicSize, DivisionUndoesMultiplication) {
  Expressions expressions(3);
  for (int i = 0; i < 3000; ++i) {
    SymbolicSize a = expressions.draw(3).size, b = expressions.draw(3).size;
    if (b == SymbolicSize(0)) {
      EXPECT_FALSE(a.dividedBy(b));
      continue;
    }
    if ((a * b).isValid())
      EXPECT_EQ((a * b).dividedBy(b), a)
          << a.toString() << " | " << b.toString();
    if (auto quotient = a.dividedBy(b))
      EXPECT_EQ(*quotient * b, a);
  }
}

TEST(SymbolicSize, CanonicalText) {
  SymbolicSize n = SymbolicSize::symbol("N"), t = SymbolicSize::symbol("T");
  EXPECT_EQ((t * n * 2).toString(), "2*N*T");
  EXPECT_EQ((t - 1).toString(), "T-1");
  EXPECT_EQ((SymbolicSize(1) - n + n * n).toString(), "N*N-N+1");
  EXPECT_EQ((n - n).toString(), "0");
  EXPECT_EQ(SymbolicSize(minimum).toString(), "-9223372036854775808");
  EXPECT_EQ(SymbolicSize::invalid().toString(), "?");
  EXPECT_EQ(*SymbolicSize::parse(" 2 * T*N + 1 - 1"), n * t * 2);
}

TEST(SymbolicSize, AnyNameCanBeASymbol) {
  for (std::string name : {"batch size", "it's", "2N", "", "a+b", "'", "\n"}) {
    SymbolicSize size = SymbolicSize::symbol(name) * 3 + 1;
    EXPECT_EQ(SymbolicSize::parse(size.toString()), size) << size.toString();
  }
}

TEST(SymbolicSize, RejectsWhatIsNoPolynomial) {
  for (const char *text :
       {"", " ", "+", "N+", "*N", "N N", "2N", "N**T", "(N)", "N/2", "N^2",
        "'N", "N-", "--N", "99999999999999999999", "N+?", "?",
        "9223372036854775807+1"})
    EXPECT_FALSE(SymbolicSize::parse(text)) << text;
  EXPECT_FALSE(SymbolicSize::parse(std::string(1, '\0')));
}

TEST(SymbolicSize, OverflowIsInvalidAndAbsorbs) {
  SymbolicSize n = SymbolicSize::symbol("N");
  SymbolicSize big = n * maximum;
  for (const SymbolicSize &size : {big + n, big * 2, SymbolicSize(minimum) - 1,
                                   SymbolicSize(minimum) * SymbolicSize(-1),
                                   SymbolicSize(0) - SymbolicSize(minimum)}) {
    EXPECT_FALSE(size.isValid());
    EXPECT_FALSE((size - size).isValid());
    EXPECT_FALSE((size * 0).isValid());
    EXPECT_FALSE(size.getStatic());
    EXPECT_FALSE(size.dividedBy(2));
  }
  EXPECT_FALSE(big.bind({{"N", 2}}).isValid());
  EXPECT_FALSE(SymbolicSize(minimum).dividedBy(-1));
  EXPECT_TRUE((big - n).isValid());
}

TEST(SymbolicSize, GrowthIsLimited) {
  SymbolicSize sum = 1, power = 2;
  for (int i = 0; i < 12; ++i)
    sum = sum + SymbolicSize::symbol("s" + std::to_string(i));
  for (int i = 0; i < 40; ++i)
    power = power * sum;
  EXPECT_FALSE(power.isValid());
  std::string text = "N";
  for (int i = 0; i < 100000; ++i)
    text += "*N";
  EXPECT_FALSE(SymbolicSize::parse(text));
}

TEST(SymbolicSize, SelfMoveKeepsTheValue) {
  SymbolicSize size = SymbolicSize::symbol("N"), &same = size;
  size = std::move(same);
  EXPECT_EQ(size, SymbolicSize::symbol("N"));
}

TEST(SymbolicSize, Symbols) {
  SymbolicSize size = SymbolicSize::symbol("T") * SymbolicSize::symbol("N") + 1;
  EXPECT_EQ(size.getSymbols(), (std::vector<std::string>{"N", "T"}));
  EXPECT_EQ(size.bind({{"T", 4}}).toString(), "4*N+1");
}

} // namespace
