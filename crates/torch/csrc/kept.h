// What a product of the shim keeps for its backward, where others can find it.

#pragma once

#include <torch/csrc/autograd/saved_variable.h>

namespace adm {

// A node of a graph that keeps the left factor of a product.
struct KeepsFactor {
  virtual ~KeepsFactor() = default;
  virtual torch::autograd::SavedVariable& factor() = 0;
};

}  // namespace adm
