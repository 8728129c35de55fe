//===- WeightArchiveTest.cpp - Archives read exactly, and refuse what is wrong
//---===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lipt/Support/WeightArchive.h"
#include "lipt/Support/OnnxModelFile.h"
#include "llvm/ADT/APFloat.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace lipt;

namespace {

class WeightArchiveTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "/lipt-archive-" +
             testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string &bytes) {
    std::string path = folder + "/file";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  std::unique_ptr<WeightArchive> open(const std::string &bytes) {
    error.clear();
    return WeightArchive::open(write(bytes), error);
  }
  static std::string makeSafetensors(const std::string &header,
                                     const std::string &data) {
    uint64_t length = header.size();
    std::string bytes(reinterpret_cast<const char *>(&length), sizeof(length));
    return bytes + header + data;
  }
  std::string openSafetensors(const std::string &header,
                              const std::string &data) {
    EXPECT_EQ(open(makeSafetensors(header, data)), nullptr) << header;
    return error;
  }

  std::string folder, error;
};

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

/// Every code of a small float type against LLVM's decoder.
void checkAllCodes(ElementType type, const llvm::fltSemantics &semantics) {
  unsigned bits = llvm::APFloat::getSizeInBits(semantics);
  for (uint64_t code = 0; code < (uint64_t(1) << bits); ++code) {
    llvm::APFloat expected(semantics, llvm::APInt(bits, code));
    bool inexact;
    expected.convert(llvm::APFloat::IEEEdouble(),
                     llvm::APFloat::rmNearestTiesToEven, &inexact);
    StoredTensor tensor;
    tensor.type = type;
    tensor.shape = {1};
    tensor.data = reinterpret_cast<const std::byte *>(&code);
    double actual = tensor.getAsDouble(0);
    if (expected.isNaN())
      EXPECT_TRUE(std::isnan(actual)) << toString(type) << " code " << code;
    else
      EXPECT_EQ(actual, expected.convertToDouble())
          << toString(type) << " code " << code;
  }
}

TEST(StoredTensorTest, DecodesEveryCodeOfSmallFloats) {
  checkAllCodes(ElementType::Float16, llvm::APFloat::IEEEhalf());
  checkAllCodes(ElementType::BFloat16, llvm::APFloat::BFloat());
  checkAllCodes(ElementType::Float8E4M3FN, llvm::APFloat::Float8E4M3FN());
  checkAllCodes(ElementType::Float8E4M3FNUZ, llvm::APFloat::Float8E4M3FNUZ());
  checkAllCodes(ElementType::Float8E5M2, llvm::APFloat::Float8E5M2());
  checkAllCodes(ElementType::Float8E5M2FNUZ, llvm::APFloat::Float8E5M2FNUZ());
}

TEST(StoredTensorTest, ReadsIntegersOfAllWidths) {
  auto read = [](ElementType type, std::vector<uint8_t> bytes, int64_t index) {
    StoredTensor tensor;
    tensor.type = type;
    tensor.shape = {2};
    tensor.data = reinterpret_cast<const std::byte *>(bytes.data());
    return tensor.getAsInteger(index);
  };
  EXPECT_EQ(read(ElementType::Int4, {0x8f}, 0), -1);
  EXPECT_EQ(read(ElementType::Int4, {0x8f}, 1), -8);
  EXPECT_EQ(read(ElementType::UInt4, {0x8f}, 0), 15);
  EXPECT_EQ(read(ElementType::UInt4, {0x8f}, 1), 8);
  EXPECT_EQ(read(ElementType::Int8, {0, 0x80}, 1), -128);
  EXPECT_EQ(read(ElementType::UInt8, {0, 0x80}, 1), 128);
  EXPECT_EQ(read(ElementType::Int16, {0, 0, 0, 0x80}, 1), -32768);
  EXPECT_EQ(read(ElementType::UInt32, {0xff, 0xff, 0xff, 0xff}, 0), 4294967295);
  EXPECT_EQ(read(ElementType::Bool, {0, 2}, 1), 1);
}

//===----------------------------------------------------------------------===//
// Safetensors
//===----------------------------------------------------------------------===//

TEST_F(WeightArchiveTest, ReadsSafetensors) {
  std::string data(12, '\0');
  float values[3] = {1.5f, -2, 0x1p-140f};
  std::memcpy(data.data(), values, sizeof(values));
  auto archive = open(makeSafetensors(
      R"({"__metadata__":{"step":"1"},)"
      R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
      R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})",
      data));
  ASSERT_TRUE(archive) << error;
  EXPECT_EQ(archive->getKeys(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(archive->find("a")->toDoubles(), (std::vector<double>{1.5, -2}));
  EXPECT_EQ(archive->find("b")->getAsDouble(0), 0x1p-140);
  EXPECT_EQ(archive->find("c"), nullptr);
}

TEST_F(WeightArchiveTest, RefusesBadSafetensors) {
  std::string data(8, '\0');
  auto entry = [](const std::string &fields) {
    return "{\"a\":" + fields + "}";
  };
  auto expectError = [&](const std::string &header, const std::string &part) {
    EXPECT_NE(openSafetensors(header, data).find(part), std::string::npos)
        << header << ": " << error;
  };
  expectError(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"),
              "outside the file");
  expectError(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
              "outside the file");
  expectError(entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
              "has 8 bytes");
  expectError(entry(R"({"dtype":"F99","shape":[2],"data_offsets":[0,8]})"),
              "unknown dtype");
  expectError(entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
              "non-negative");
  expectError(entry(R"({"dtype":"F32","shape":[4611686018427387904,4],)"
                    R"("data_offsets":[0,8]})"),
              "too large");
  expectError(entry("7"), "expected 'dtype'");
  std::string twice = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  expectError("{" + twice + "," + twice + "}", "two tensors are named 'a'");
  expectError("{\"a\":" + std::string(100000, '[') + "}", "not a JSON object");
}

//===----------------------------------------------------------------------===//
// ONNX
//===----------------------------------------------------------------------===//

onnx::ModelProto makeModel(const onnx::TensorProto &tensor) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.mutable_graph()->set_name("g");
  *model.mutable_graph()->add_initializer() = tensor;
  return model;
}

TEST_F(WeightArchiveTest, ReadsLargeRawDataInPlace) {
  onnx::TensorProto tensor;
  tensor.set_name("w");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(1000);
  std::vector<float> values(1000);
  for (int i = 0; i < 1000; ++i)
    values[i] = static_cast<float>(i);
  tensor.set_raw_data(values.data(), 4000);
  onnx::ModelProto model = makeModel(tensor);
  // A Constant's tensor and a small initializer go by other ways.
  onnx::NodeProto &node = *model.mutable_graph()->add_node();
  node.set_op_type("Constant");
  node.add_output("c");
  onnx::AttributeProto &attribute = *node.add_attribute();
  attribute.set_name("value");
  attribute.set_type(onnx::AttributeProto::TENSOR);
  *attribute.mutable_t() = tensor;
  std::string path = write(model.SerializeAsString());
  auto file = OnnxModelFile::read(path, error);
  ASSERT_TRUE(file) << error;
  EXPECT_FALSE(file->getModel().graph().initializer(0).has_raw_data());
  auto archive = openArchive(file, error);
  ASSERT_TRUE(archive) << error;
  EXPECT_EQ(archive->getKeys(), (std::vector<std::string>{"w", "c"}));
  std::string_view bytes = file->getFileBytes();
  for (const char *key : {"w", "c"}) {
    const StoredTensor *stored = archive->find(key);
    const char *data = reinterpret_cast<const char *>(stored->data);
    EXPECT_GE(data, bytes.data());
    EXPECT_LE(data + 4000, bytes.data() + bytes.size());
    EXPECT_EQ(stored->getAsDouble(999), 999);
  }
}

TEST_F(WeightArchiveTest, ReadsUnusualEncodings) {
  onnx::TensorProto tensor;
  tensor.set_name("w");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(100);
  tensor.set_raw_data(std::string(400, '\1'));
  onnx::ModelProto first = makeModel(tensor), second;
  tensor.set_name("v");
  *second.mutable_graph()->add_initializer() = tensor;
  // Protobuf merges two graphs in one message.
  auto archive = open(first.SerializeAsString() + second.SerializeAsString());
  ASSERT_TRUE(archive) << error;
  EXPECT_EQ(archive->getKeys(), (std::vector<std::string>{"w", "v"}));
  EXPECT_EQ(archive->find("v")->byteCount, 400u);
}

TEST_F(WeightArchiveTest, ConvertsTypedFields) {
  onnx::TensorProto tensor;
  tensor.set_name("w");
  tensor.add_dims(2);
  tensor.set_data_type(onnx::TensorProto::FLOAT16);
  tensor.add_int32_data(0x3c00);
  tensor.add_int32_data(0xc000);
  auto archive = open(makeModel(tensor).SerializeAsString());
  ASSERT_TRUE(archive) << error;
  EXPECT_EQ(archive->find("w")->toDoubles(), (std::vector<double>{1, -2}));

  tensor.set_data_type(onnx::TensorProto::UINT32);
  tensor.clear_int32_data();
  tensor.add_uint64_data(7);
  tensor.add_uint64_data(4294967295);
  archive = open(makeModel(tensor).SerializeAsString());
  ASSERT_TRUE(archive) << error;
  EXPECT_EQ(archive->find("w")->getAsInteger(1), 4294967295);

  // Two 4-bit entries share one entry of the field.
  tensor.set_data_type(onnx::TensorProto::INT4);
  tensor.clear_uint64_data();
  tensor.add_int32_data(0x2f);
  archive = open(makeModel(tensor).SerializeAsString());
  ASSERT_TRUE(archive) << error;
  EXPECT_EQ(archive->find("w")->toDoubles(), (std::vector<double>{-1, 2}));
}

TEST_F(WeightArchiveTest, RefusesDirectories) {
  EXPECT_EQ(WeightArchive::open(folder, error), nullptr);
  EXPECT_NE(error.find("not a regular file"), std::string::npos) << error;
}

} // namespace
