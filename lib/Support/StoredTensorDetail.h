//===- StoredTensorDetail.h - What the archives share --------------------===//
//
// Part of lipt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIPT_LIB_SUPPORT_STOREDTENSORDETAIL_H
#define LIPT_LIB_SUPPORT_STOREDTENSORDETAIL_H

#include "lipt/Support/WeightArchive.h"

#include <functional>
#include <map>
#include <optional>

namespace lipt::detail {

unsigned getBitWidth(ElementType type);
bool isFloat(ElementType type);

/// The product of the sizes; nothing if one is negative or it overflows.
std::optional<int64_t> countElements(const std::vector<int64_t> &shape);
/// The bytes that these elements take, packed.
std::optional<size_t> countBytes(ElementType type,
                                 const std::vector<int64_t> &shape);

/// "[2, 3]"
std::string formatShape(const std::vector<int64_t> &shape);

/// An archive whose tensors are listed when it is opened.
class ListedArchive : public WeightArchive {
public:
  explicit ListedArchive(std::string path) : path(std::move(path)) {}
  const StoredTensor *find(std::string_view key) const override {
    auto found = tensors.find(key);
    return found == tensors.end() ? nullptr : &found->second;
  }
  const std::vector<std::string> &getKeys() const override { return keys; }
  const std::string &getPath() const override { return path; }

protected:
  /// False if there is a tensor of this name already.
  bool add(StoredTensor tensor) {
    std::string name = tensor.name;
    if (!tensors.emplace(name, std::move(tensor)).second)
      return false;
    keys.push_back(std::move(name));
    return true;
  }

private:
  std::string path;
  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::vector<std::string> keys;
};

/// A safetensors file, or null (`error` set) where its header is not valid.
std::unique_ptr<WeightArchive> openSafetensors(const std::string &path,
                                               std::string &error);

} // namespace lipt::detail

#endif // LIPT_LIB_SUPPORT_STOREDTENSORDETAIL_H
