// Numbers of the loops: f32, and bf16 as its bits. All of it belongs to the file that includes it, which is compiled for
// instructions of its own: nothing here may be shared between such files by the linker.

#pragma once

#include <cstdint>

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

// Vectors of 16 numbers, which the compiler cuts into what the instructions have.
using Vector [[gnu::vector_size(64), gnu::aligned(4), gnu::may_alias]] = float;
using Bits [[gnu::vector_size(64), gnu::aligned(4)]] = uint32_t;
using Halves [[gnu::vector_size(32), gnu::aligned(2), gnu::may_alias]] = uint16_t;
constexpr int LANES = 16;

inline Vector load16(const float* from) { return *reinterpret_cast<const Vector*>(from); }

inline Vector load16(const uint16_t* from) {
  const Bits bits = __builtin_convertvector(*reinterpret_cast<const Halves*>(from), Bits) << 16;
  Vector values;
  __builtin_memcpy(&values, &bits, sizeof values);
  return values;
}

// In place e to the power of each of n numbers less the largest, which is given too; their sum.
inline float exponentials(float* row, int64_t n, float& highest) {
  float most = row[0];
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < n; ++i) most = most > row[i] ? most : row[i];
  float mass = 0.0f;
#pragma omp simd reduction(+ : mass)
  for (int64_t i = 0; i < n; ++i) {
    row[i] = exponential(row[i] - most);
    mass += row[i];
  }
  highest = most;
  return mass;
}

}  // namespace
}  // namespace adm
