// The dtypes that the loops know.

#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstdint>

namespace adm {

// Calls the body with a null pointer of the dtype's type in C++.
template <typename Body>
void by_dtype(const at::Tensor& tensor, Body body) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return body(static_cast<float*>(nullptr));
    case at::kBFloat16:
      return body(static_cast<uint16_t*>(nullptr));
    default:
      TORCH_CHECK(false, "expected f32 or bf16, found ", tensor.scalar_type());
  }
}

template <typename T>
T* data(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
}

}  // namespace adm
