// AdamW over numbers that are kept in fewer bits than it computes with, on a processor: checks, and pieces for each thread.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "adamw_loops.h"
#include "kernels.h"
#include "shim.h"

namespace adm {

#define ADM_DECLARE(name)              \
  namespace name {                     \
  extern const AdamWLoops of_adamw;    \
  }
ADM_DECLARE(base)
ADM_DECLARE(avx2)
ADM_DECLARE(avx512)

namespace {

const AdamWLoops& loops() {
  switch (instructions()) {
    case Instructions::avx512:
      return avx512::of_adamw;
    case Instructions::avx2:
      return avx2::of_adamw;
    default:
      return base::of_adamw;
  }
}

// So many blocks are worth a thread.
constexpr int64_t GRAIN = 64;

// In pieces that begin with a block.
template <typename Body>
void over_blocks(int64_t elements, Body body) {
  at::parallel_for(0, (elements + BLOCK - 1) / BLOCK, GRAIN, [&](int64_t begin, int64_t end) {
    body(begin * BLOCK, std::min(end * BLOCK, elements));
  });
}

Numbers numbers(const at::Tensor& tensor, const at::Tensor* scales, int64_t elements, const char* what) {
  TORCH_CHECK(tensor.is_cpu() && tensor.is_contiguous(), what, ": expected numbers in a row on a processor");
  TORCH_CHECK(tensor.numel() == elements, what, ": expected ", elements, " numbers, found ", tensor.numel());
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return {tensor.data_ptr(), nullptr, Kept::f32};
    case at::kBFloat16:
      return {tensor.data_ptr(), nullptr, Kept::bf16};
    case at::kByte:
      TORCH_CHECK(scales != nullptr && scales->is_cpu() && scales->is_contiguous() && scales->scalar_type() == at::kFloat &&
                      scales->numel() == (elements + BLOCK - 1) / BLOCK,
                  what, ": expected an f32 scale for every ", BLOCK, " numbers");
      return {tensor.data_ptr(), scales->data_ptr<float>(), Kept::eight_bit};
    default:
      TORCH_CHECK(false, what, ": expected f32, bf16 or eight bits, found ", tensor.scalar_type());
  }
}

}  // namespace
}  // namespace adm

using namespace adm;

extern "C" {

// Scales are null where numbers have more than eight bits.
int adm_adamw(const Factors* factors, uint64_t key, at::Tensor* weight, at::Tensor* gradient, at::Tensor* average,
              at::Tensor* average_scales, at::Tensor* square, at::Tensor* square_scales) {
  return guarded([&] {
    const int64_t elements = weight->numel();
    const Numbers of_weight = numbers(*weight, nullptr, elements, "weight");
    const Numbers of_gradient = numbers(*gradient, nullptr, elements, "gradient");
    const Numbers of_average = numbers(*average, average_scales, elements, "first moment");
    const Numbers of_square = numbers(*square, square_scales, elements, "second moment");
    const auto& loop = loops().update;
    over_blocks(elements, [&](int64_t begin, int64_t end) {
      loop(*factors, key, of_weight, of_gradient, of_average, of_square, begin, end);
    });
  });
}

// The sum may be null, and may be `out` itself.
int adm_add_rounded(uint64_t key, at::Tensor* sum, at::Tensor* more, at::Tensor* out) {
  return guarded([&] {
    const int64_t elements = out->numel();
    const Numbers to = numbers(*out, nullptr, elements, "rounded sum");
    const Numbers of_more = numbers(*more, nullptr, elements, "addend");
    TORCH_CHECK(to.kept == Kept::bf16, "expected a rounded sum in bf16");
    const uint16_t* of_sum = nullptr;
    if (sum != nullptr) {
      const Numbers from = numbers(*sum, nullptr, elements, "sum");
      TORCH_CHECK(from.kept == Kept::bf16, "expected a sum in bf16");
      of_sum = static_cast<const uint16_t*>(from.data);
    }
    const auto& loop = loops().add;
    over_blocks(elements, [&](int64_t begin, int64_t end) {
      loop(key, of_sum, of_more, static_cast<uint16_t*>(to.data), begin, end);
    });
  });
}

}  // extern "C"
