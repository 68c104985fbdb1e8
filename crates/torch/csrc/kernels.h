// Loops over rows of numbers, compiled for several sets of instructions (kernels.cpp) and chosen when the program runs.
//
// `T` is float, or uint16_t for bf16. Where `transformers` rounds to bf16 between two steps, these do; sums are in f32.
// Shapes: d numbers a row, from row `begin` to `end`.

#pragma once

#include <cstdint>

namespace adm {

template <typename T>
struct Kernels {
  // y = weight · round(x / rms(x)), and 1 / rms of each row. With `added`, x + added stands for x, and is written to `sum`.
  void (*rms_norm)(const T* x, const T* added, const T* weight, T* sum, T* y, float* scales, int64_t begin, int64_t end,
                   int64_t d, float eps);
  // The gradient of x, plus `passed` if there is one; that of the weight is added to `of_weight` [d] if it is wanted.
  void (*rms_norm_gradient)(const T* gradient, const T* passed, const T* x, const T* weight, const float* scales, T* of_x,
                            float* of_weight, int64_t begin, int64_t end, int64_t d);
  // y = silu(gate) · up, element by element.
  void (*gated)(const T* gate, const T* up, T* y, int64_t begin, int64_t end);
  void (*gated_gradient)(const T* gradient, const T* gate, const T* up, T* of_gate, T* of_up, int64_t begin, int64_t end);
  // y = x · σ(1.702 x), element by element.
  void (*quick_gelu)(const T* x, T* y, int64_t begin, int64_t end);
  void (*quick_gelu_gradient)(const T* gradient, const T* x, T* of_x, int64_t begin, int64_t end);
  // Rotates each of `heads` pairs of halves of a row (2 · half numbers) by the row's angles; with `back`, the other way.
  void (*rotate)(const T* x, const T* cos, const T* sin, T* y, int64_t begin, int64_t end, int64_t heads, int64_t half,
                 bool back);
  // In place of each row's d logits, the gradient of its cross-entropy: softmax less one at its target. Gives the losses.
  void (*cross_entropy)(T* logits, const int64_t* targets, float* losses, int64_t begin, int64_t end, int64_t d);
  // One token's attention: `queries` [group, e] over `keys` and `values` [n, e], sums in f32. `room` has group · n + 8 · e
  // numbers.
  void (*attend)(const T* queries, const T* keys, const T* values, T* out, float* room, int64_t group, int64_t n, int64_t e,
                 float scale);
  // Of each row's d numbers the largest, and where it stands first; what is no number counts as the largest.
  void (*largest)(const T* x, float* values, int64_t* places, int64_t begin, int64_t end, int64_t d);
};

enum class Instructions { base, avx2, avx512 };

// The widest that this processor has and a set of loops is compiled for.
Instructions instructions();

// The fastest that this processor has.
template <typename T>
const Kernels<T>& kernels();

}  // namespace adm
