// The loops themselves. This file is compiled several times, each time with other instructions and another name for
// ADM_KERNELS. It includes nothing that defines a function, since the linker would keep one of several copies of it.

#include "adamw_loops.h"

namespace adm {
namespace {

inline uint32_t bits_of(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float float_of(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// 2 to the power of n.
constexpr float power(int n) {
  float value = 1.0f;
  for (; n > 0; --n) value *= 2.0f;
  for (; n < 0; ++n) value *= 0.5f;
  return value;
}

inline uint64_t noise(uint64_t key, int64_t i) {
  uint64_t z = key + (static_cast<uint64_t>(i) + 1u) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Up with the probability that the 16 bits which are cut off say. What is no number stays none.
inline uint16_t rounded(float value, uint32_t noise16) {
  const uint32_t bits = bits_of(value);
  const uint32_t added = (bits & 0x7fffffffu) > 0x7f800000u ? 0u : noise16;
  return static_cast<uint16_t>((bits + added) >> 16);
}

constexpr uint32_t ONE = 127u << 23;
constexpr uint32_t OCTAVE = 1u << 23;
constexpr float LARGEST = 1.875f;

// What eight bits stand for is told in compact/eight_bit.rs. `Octaves` is 30 for numbers without a sign, 14 for others.
template <int Octaves>
inline float decoded(uint32_t code, float scale) {
  const float straight = static_cast<float>(static_cast<int32_t>(code)) * 0.125f;
  const float curved = float_of((code << 20) + (ONE - OCTAVE));
  return (code < 8u ? straight : curved) * power(-Octaves) * scale;
}

template <int Octaves>
inline uint32_t encoded(float value, float scale, uint32_t noise20) {
  float part = scale > 0.0f ? value / scale : 0.0f;
  part = (part < LARGEST ? part : LARGEST) * power(Octaves);
  const float lifted = part + 1.0f;
  const uint32_t bits = part < 1.0f ? bits_of(lifted) - ONE : bits_of(part) - (ONE - OCTAVE);
  return (bits + noise20) >> 20;
}

void load(const Numbers& from, bool has_sign, int64_t start, int64_t count, float* to) {
  if (from.kept == Kept::f32) {
    const float* data = static_cast<const float*>(from.data) + start;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) to[i] = data[i];
  } else if (from.kept == Kept::bf16) {
    const uint16_t* data = static_cast<const uint16_t*>(from.data) + start;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) to[i] = float_of(static_cast<uint32_t>(data[i]) << 16);
  } else {
    const uint8_t* data = static_cast<const uint8_t*>(from.data) + start;
    const float scale = from.scales[start / BLOCK];
    if (has_sign) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) {
        const float size = decoded<14>(data[i] & 127u, scale);
        to[i] = float_of(bits_of(size) | ((data[i] & 128u) << 24));
      }
    } else {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) to[i] = decoded<30>(data[i], scale);
    }
  }
}

// `noise` has 20 bits.
void store(const Numbers& to, bool has_sign, int64_t start, int64_t count, const float* from, const uint32_t* noise) {
  if (to.kept == Kept::f32) {
    float* data = static_cast<float*>(to.data) + start;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) data[i] = from[i];
  } else if (to.kept == Kept::bf16) {
    uint16_t* data = static_cast<uint16_t*>(to.data) + start;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) data[i] = rounded(from[i], noise[i] >> 4);
  } else {
    uint8_t* data = static_cast<uint8_t*>(to.data) + start;
    float most = 0.0f;
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < count; ++i) {
      const float size = __builtin_fabsf(from[i]);
      most = most > size ? most : size;
    }
    const float scale = most / LARGEST;
    to.scales[start / BLOCK] = scale;
    if (has_sign) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) {
        const uint32_t code = encoded<14>(__builtin_fabsf(from[i]), scale, noise[i]);
        data[i] = static_cast<uint8_t>(code | ((bits_of(from[i]) >> 24) & 128u));
      }
    } else {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) {
        const uint32_t code = encoded<30>(from[i], scale, noise[i]);
        // Never down to nothing: what is divided by its root would leap.
        data[i] = static_cast<uint8_t>(code == 0u && from[i] > 0.0f ? 1u : code);
      }
    }
  }
}

void update(const Factors& factors, uint64_t key, const Numbers& weight, const Numbers& gradient, const Numbers& average,
            const Numbers& square, int64_t begin, int64_t end) {
  const Factors f = factors;
  float p[BLOCK], g[BLOCK], m[BLOCK], v[BLOCK];
  uint32_t of_average[BLOCK], of_square[BLOCK], of_weight[BLOCK];
  const bool is_exact = weight.kept == Kept::f32 && average.kept == Kept::f32 && square.kept == Kept::f32;
  for (int64_t start = begin; start < end; start += BLOCK) {
    const int64_t count = end - start < BLOCK ? end - start : BLOCK;
    load(weight, true, start, count, p);
    load(gradient, true, start, count, g);
    load(average, true, start, count, m);
    load(square, false, start, count, v);
    if (!is_exact) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) {
        const uint64_t drawn = noise(key, start + i);
        of_average[i] = static_cast<uint32_t>(drawn) & 0xfffffu;
        of_square[i] = static_cast<uint32_t>(drawn >> 20) & 0xfffffu;
        of_weight[i] = static_cast<uint32_t>(drawn >> 44);
      }
    }
    // libtorch's lerp takes the shorter way to either end.
    const bool is_short = f.average_part < 0.5f;
    const float rest = 1.0f - f.average_part;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      const float gradient = g[i] * f.gradient;
      const float apart = gradient - m[i];
      m[i] = is_short ? m[i] + apart * f.average_part : gradient - apart * rest;
      v[i] = v[i] * f.square_kept + f.square_part * gradient * gradient;
      p[i] = p[i] * f.decay + f.step * m[i] / (__builtin_sqrtf(v[i]) / f.root + f.epsilon);
    }
    store(weight, true, start, count, p, of_weight);
    store(average, true, start, count, m, of_average);
    store(square, false, start, count, v, of_square);
  }
}

void add(uint64_t key, const uint16_t* sum, const Numbers& more, uint16_t* out, int64_t begin, int64_t end) {
  float values[BLOCK];
  for (int64_t start = begin; start < end; start += BLOCK) {
    const int64_t count = end - start < BLOCK ? end - start : BLOCK;
    load(more, true, start, count, values);
    if (sum != nullptr) {
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) values[i] = float_of(static_cast<uint32_t>(sum[start + i]) << 16) + values[i];
    }
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      out[start + i] = rounded(values[i], static_cast<uint32_t>(noise(key, start + i) >> 48));
    }
  }
}

}  // namespace

namespace ADM_KERNELS {

extern const AdamWLoops of_adamw;
const AdamWLoops of_adamw = {update, add};

}  // namespace ADM_KERNELS
}  // namespace adm
