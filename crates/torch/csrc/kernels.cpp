// The loops themselves. This file is compiled several times, each time with other instructions and another name for
// ADM_KERNELS. It includes nothing that defines a function, since the linker would keep one of several copies of it.

#include "kernels.h"

namespace adm {
namespace {

inline float load(const float* from) { return *from; }

inline float load(const uint16_t* from) {
  const uint32_t bits = static_cast<uint32_t>(*from) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

inline void store(float* to, float value) { *to = value; }

// To the nearest, ties to even. What is no number stays none: arithmetic gives such numbers with zeros at their end.
inline void store(uint16_t* to, float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  *to = static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// What a value becomes when it is stored and loaded.
inline float round_as(const float*, float value) { return value; }

inline float round_as(const uint16_t*, float value) {
  uint16_t rounded;
  store(&rounded, value);
  return load(&rounded);
}

// e to the x by its power of two and a polynomial (Cephes' coefficients): the last bit may be wrong.
inline float exponential(float x) {
  // So that what is no number stays none.
  x = -87.0f > x ? -87.0f : x;
  x = 88.0f < x ? 88.0f : x;
  // Adding this number leaves the nearest whole number in the last bits.
  constexpr float MAGIC = 12582912.0f;
  const float shifted = x * 1.44269504f + MAGIC;
  const float n = shifted - MAGIC;
  float rest = x - n * 0.693359375f;
  rest = rest + n * 2.12194440e-4f;
  float sum = 1.9875691500e-4f;
  sum = sum * rest + 1.3981999507e-3f;
  sum = sum * rest + 8.3334519073e-3f;
  sum = sum * rest + 4.1665795894e-2f;
  sum = sum * rest + 1.6666665459e-1f;
  sum = sum * rest + 5.0000001201e-1f;
  sum = sum * rest * rest + rest + 1.0f;
  const uint32_t bits = static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23;
  float power;
  __builtin_memcpy(&power, &bits, sizeof power);
  return sum * power;
}

inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

template <typename T>
void rms_norm(const T* x, const T* added, const T* weight, T* sum, T* y, float* scales, int64_t begin, int64_t end, int64_t d,
              float eps) {
  for (int64_t row = begin; row < end; ++row) {
    const T* values = x + row * d;
    if (added != nullptr) {
      const T* other = added + row * d;
      T* both = sum + row * d;
#pragma omp simd
      for (int64_t i = 0; i < d; ++i) store(both + i, load(values + i) + load(other + i));
      values = both;
    }
    float squares = 0.0f;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < d; ++i) squares += load(values + i) * load(values + i);
    const float scale = 1.0f / __builtin_sqrtf(squares / static_cast<float>(d) + eps);
    scales[row] = scale;
    T* out = y + row * d;
#pragma omp simd
    for (int64_t i = 0; i < d; ++i) store(out + i, round_as(values, load(values + i) * scale) * load(weight + i));
  }
}

template <typename T>
void rms_norm_gradient(const T* gradient, const T* passed, const T* x, const T* weight, const float* scales, T* of_x,
                       float* of_weight, int64_t begin, int64_t end, int64_t d) {
  for (int64_t row = begin; row < end; ++row) {
    const T *g = gradient + row * d, *values = x + row * d;
    const float scale = scales[row];
    float along = 0.0f;
#pragma omp simd reduction(+ : along)
    for (int64_t i = 0; i < d; ++i) along += load(g + i) * load(weight + i) * load(values + i);
    const float part = along * scale * scale / static_cast<float>(d);
    if (of_x != nullptr) {
      T* out = of_x + row * d;
      if (passed != nullptr) {
        const T* more = passed + row * d;
#pragma omp simd
        for (int64_t i = 0; i < d; ++i) {
          store(out + i, scale * (load(g + i) * load(weight + i) - load(values + i) * part) + load(more + i));
        }
      } else {
#pragma omp simd
        for (int64_t i = 0; i < d; ++i) {
          store(out + i, scale * (load(g + i) * load(weight + i) - load(values + i) * part));
        }
      }
    }
    if (of_weight != nullptr) {
#pragma omp simd
      for (int64_t i = 0; i < d; ++i) of_weight[i] += load(g + i) * round_as(values, load(values + i) * scale);
    }
  }
}

template <typename T>
void gated(const T* gate, const T* up, T* y, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float z = load(gate + i);
    store(y + i, round_as(gate, z * sigmoid(z)) * load(up + i));
  }
}

template <typename T>
void gated_gradient(const T* gradient, const T* gate, const T* up, T* of_gate, T* of_up, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float g = load(gradient + i), z = load(gate + i);
    const float s = sigmoid(z);
    store(of_up + i, g * round_as(gate, z * s));
    store(of_gate + i, g * load(up + i) * s * (1.0f + z * (1.0f - s)));
  }
}

template <typename T>
void quick_gelu(const T* x, T* y, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float z = load(x + i);
    store(y + i, z * round_as(x, sigmoid(round_as(x, 1.702f * z))));
  }
}

template <typename T>
void quick_gelu_gradient(const T* gradient, const T* x, T* of_x, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const float z = load(x + i);
    const float s = sigmoid(1.702f * z);
    store(of_x + i, load(gradient + i) * s * (1.0f + 1.702f * z * (1.0f - s)));
  }
}

template <typename T>
void rotate(const T* x, const T* cos, const T* sin, T* y, int64_t begin, int64_t end, int64_t heads, int64_t half, bool back) {
  const float sign = back ? -1.0f : 1.0f;
  for (int64_t row = begin; row < end; ++row) {
    const T *c = cos + row * half, *s = sin + row * half;
    for (int64_t head = 0; head < heads; ++head) {
      const T* in = x + (row * heads + head) * 2 * half;
      T* out = y + (row * heads + head) * 2 * half;
#pragma omp simd
      for (int64_t i = 0; i < half; ++i) {
        const float a = load(in + i), b = load(in + half + i), p = load(c + i), q = sign * load(s + i);
        store(out + i, round_as(in, a * p) - round_as(in, b * q));
        store(out + half + i, round_as(in, b * p) + round_as(in, a * q));
      }
    }
  }
}

template <typename T>
void cross_entropy(T* logits, const int64_t* targets, float* losses, int64_t begin, int64_t end, int64_t d) {
  for (int64_t row = begin; row < end; ++row) {
    T* values = logits + row * d;
    float highest = load(values);
#pragma omp simd reduction(max : highest)
    for (int64_t i = 0; i < d; ++i) highest = highest > load(values + i) ? highest : load(values + i);
    float mass = 0.0f;
#pragma omp simd reduction(+ : mass)
    for (int64_t i = 0; i < d; ++i) mass += exponential(load(values + i) - highest);
    const float normaliser = highest + __builtin_logf(mass);
    T* target = values + targets[row];
    losses[row] = normaliser - load(target);
    const float right = exponential(-losses[row]) - 1.0f;
#pragma omp simd
    for (int64_t i = 0; i < d; ++i) store(values + i, exponential(load(values + i) - normaliser));
    store(target, right);
  }
}

template <typename T>
constexpr Kernels<T> all() {
  return {rms_norm<T>,   rms_norm_gradient<T>,   gated<T>,  gated_gradient<T>,
          quick_gelu<T>, quick_gelu_gradient<T>, rotate<T>, cross_entropy<T>};
}

}  // namespace

namespace ADM_KERNELS {

extern const Kernels<float> of_f32;
extern const Kernels<uint16_t> of_bf16;
const Kernels<float> of_f32 = all<float>();
const Kernels<uint16_t> of_bf16 = all<uint16_t>();

}  // namespace ADM_KERNELS
}  // namespace adm
