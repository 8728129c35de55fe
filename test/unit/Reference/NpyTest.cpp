//===- NpyTest.cpp - NumPy array files ------------------------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Reference/Npy.h"
#include "EvaluateText.h"

#include <filesystem>

using namespace lipt;
using namespace lipt::reference;

/// The bytes that numpy.save writes for this dictionary and data (version 1).
static std::string makeFile(std::string dictionary, const std::string &data) {
  dictionary += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(dictionary.size() & 0xff);
  bytes += static_cast<char>(dictionary.size() >> 8);
  return bytes + dictionary + data;
}

TEST(Npy, ReadsFortranOrder) {
  std::string error;
  auto tensor = parseNpy(
      makeFile("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }",
               "\1\4\2\5\3\6"),
      error);
  ASSERT_TRUE(tensor) << error;
  expectClose(*tensor, {1, 2, 3, 4, 5, 6}, 0);
}

TEST(Npy, WritesWhatItReads) {
  std::string path = ::testing::TempDir() + "lipt-npy-test.npy";
  for (ElementType type :
       {ElementType::Float32, ElementType::Float64, ElementType::Float16,
        ElementType::Int8, ElementType::UInt16, ElementType::Int64,
        ElementType::Bool}) {
    Tensor tensor = makeTensor({2, 1}, {1, 0}, type);
    std::string error;
    ASSERT_TRUE(writeNpy(path, tensor, error)) << error;
    EXPECT_EQ(std::filesystem::file_size(path) % 64,
              2 * std::max(1, bitWidth(type) / 8) % 64);
    auto again = readNpy(path, error);
    ASSERT_TRUE(again) << error;
    EXPECT_EQ(again->getType(), type);
    EXPECT_EQ(again->getShape(), (Shape{2, 1}));
    expectClose(*again, {1, 0}, 0);
  }
  std::filesystem::remove(path);
}

TEST(Npy, RefusesWhatIsNotAnArray) {
  auto refused = [](const std::string &bytes) {
    std::string error;
    EXPECT_FALSE(parseNpy(bytes, error));
    return error;
  };
  std::string good =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
  EXPECT_NE(refused("PK\3\4").find("not an .npy file"), std::string::npos);
  EXPECT_NE(refused(makeFile(good, "abc")).find("does not fit"),
            std::string::npos);
  EXPECT_NE(refused(makeFile(good, "abcde")).find("does not fit"),
            std::string::npos);
  refused(makeFile("{'descr': '<f4', 'fortran_order': False}", "abcd"));
  refused(makeFile("{'descr': '|O', 'fortran_order': False, 'shape': ()}", ""));
  refused(makeFile("{'descr': '<f4', 'fortran_order': False, 'shape': "
                   "(4611686018427387904, 4611686018427387904), }",
                   ""));
  refused(makeFile("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
                   "abcd"));
  refused(makeFile("{'descr': '<f4', 'shape': (", ""));
  // Every truncation of a good file is refused.
  std::string whole = makeFile(good, "abcd");
  for (size_t length = 0; length < whole.size(); ++length)
    refused(whole.substr(0, length));
}
