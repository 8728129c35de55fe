//===- test-encode-onnx.cpp - Writes an ONNX file from readable text -----===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Usage: test-encode-onnx MODEL.onnxtxt|MODEL.textproto OUTPUT.onnx
// The first form is ONNX's own text syntax; the second protobuf's, which can
// also say what no valid model contains.

#include "google/protobuf/text_format.h"
#include "onnx/defs/parser.h"

#include <fstream>
#include <iostream>
#include <sstream>

static bool parse(const std::string &path, const std::string &text,
                  onnx::ModelProto &model) {
  if (path.ends_with(".textproto"))
    return google::protobuf::TextFormat::ParseFromString(text, &model);
  auto status = onnx::OnnxParser::Parse(model, text.c_str());
  if (!status.IsOK())
    std::cerr << status.ErrorMessage() << "\n";
  return status.IsOK();
}

int main(int argc, char **argv) try {
  if (argc != 3) {
    std::cerr << "usage: test-encode-onnx INPUT OUTPUT\n";
    return 1;
  }
  std::ifstream input(argv[1]);
  std::stringstream text;
  text << input.rdbuf();
  onnx::ModelProto model;
  if (!input || !parse(argv[1], text.str(), model))
    return 1;
  std::ofstream output(argv[2], std::ios::binary);
  return model.SerializeToOstream(&output) ? 0 : 1;
} catch (const std::exception &problem) {
  std::cerr << problem.what() << "\n";
  return 1;
}
