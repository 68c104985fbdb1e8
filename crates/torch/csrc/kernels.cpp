// The loops themselves. This file is compiled several times, each time with other instructions and another name for
// ADM_KERNELS. It includes nothing that defines a function, since the linker would keep one of several copies of it.

#include "kernels.h"
#include "numbers.h"

namespace adm {
namespace {

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

#if defined(__clang__)
#define ADM_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define ADM_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Bits{__VA_ARGS__})
#endif

// The sums of 16 vectors, that of number i in the lane whose number has i's four bits the other way around.
inline Vector sums_of(Vector* v) {
  for (int i = 0; i < 8; ++i) {
    v[i] = ADM_SHUFFLE(v[i], v[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           ADM_SHUFFLE(v[i], v[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  }
  for (int i = 0; i < 4; ++i) {
    v[i] = ADM_SHUFFLE(v[i], v[i + 4], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
           ADM_SHUFFLE(v[i], v[i + 4], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }
  for (int i = 0; i < 2; ++i) {
    v[i] = ADM_SHUFFLE(v[i], v[i + 2], 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
           ADM_SHUFFLE(v[i], v[i + 2], 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
  }
  return ADM_SHUFFLE(v[0], v[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         ADM_SHUFFLE(v[0], v[1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

constexpr int REVERSED[LANES] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

// The scores [HEADS, n] of so many queries [HEADS, e] with all keys: as many keys at once as make 16 of them. e is a multiple
// of 16, and `count` of the heads are wanted.
template <int HEADS, typename T>
void scores_of(const float* q, const T* keys, float* scores, int64_t n, int64_t e, int64_t count) {
  constexpr int KEYS = LANES / HEADS;
  for (int64_t first = 0; first < n; first += KEYS) {
    const int64_t rest = n - first < KEYS ? n - first : KEYS;
    Vector sums[LANES];
    for (int i = 0; i < LANES; ++i) sums[i] = Vector{};
    for (int64_t i = 0; i < e; i += LANES) {
      Vector queries[HEADS];
      for (int head = 0; head < HEADS; ++head) queries[head] = load16(q + head * e + i);
      for (int k = 0; k < KEYS; ++k) {
        // Behind the last key the last one is read again.
        const Vector key = load16(keys + (first + (k < rest ? k : rest - 1)) * e + i);
        for (int head = 0; head < HEADS; ++head) sums[k * HEADS + head] += queries[head] * key;
      }
    }
    const Vector found = sums_of(sums);
    for (int64_t head = 0; head < count; ++head) {
      for (int64_t k = 0; k < rest; ++k) scores[head * n + first + k] = found[REVERSED[k * HEADS + head]];
    }
  }
}

// sums [HEADS, e] of the values [n, e] with weights [HEADS, n], 16 · PARTS columns at a time.
template <int HEADS, int PARTS, typename T>
void weighted(const float* weights, const T* values, float* sums, int64_t n, int64_t e) {
  Vector part[HEADS][PARTS];
  for (int head = 0; head < HEADS; ++head) {
    for (int i = 0; i < PARTS; ++i) part[head][i] = Vector{};
  }
  for (int64_t j = 0; j < n; ++j) {
    for (int i = 0; i < PARTS; ++i) {
      const Vector value = load16(values + j * e + i * LANES);
      for (int head = 0; head < HEADS; ++head) part[head][i] += weights[head * n + j] * value;
    }
  }
  for (int head = 0; head < HEADS; ++head) {
    for (int i = 0; i < PARTS; ++i) {
      __builtin_memcpy(sums + head * e + i * LANES, &part[head][i], sizeof(Vector));
    }
  }
}

template <int HEADS, typename T>
void weighted_rows(const float* weights, const T* values, float* sums, int64_t n, int64_t e) {
  int64_t i = 0;
  for (; i + 4 * LANES <= e; i += 4 * LANES) weighted<HEADS, 4>(weights, values + i, sums + i, n, e);
  for (; i + LANES <= e; i += LANES) weighted<HEADS, 1>(weights, values + i, sums + i, n, e);
  for (; i < e; ++i) {
    for (int head = 0; head < HEADS; ++head) {
      float sum = 0.0f;
      for (int64_t j = 0; j < n; ++j) sum += weights[head * n + j] * load(values + j * e + i);
      sums[head * e + i] = sum;
    }
  }
}

template <typename T>
void attend(const T* queries, const T* keys, const T* values, T* out, float* room, int64_t group, int64_t n, int64_t e,
            float scale) {
  // Four heads at a time; where one is missing to four, the fourth is not asked for.
  float *scores = room, *q = room + group * n, *sums = q + 4 * e;
  for (int64_t first = 0; first < group; first += 4) {
    const int64_t count = group - first < 4 ? group - first : 4;
    for (int64_t i = 0; i < count * e; ++i) q[i] = load(queries + first * e + i) * scale;
    for (int64_t i = count * e; i < 4 * e; ++i) q[i] = 0.0f;
    float* own = scores + first * n;
    if (e % LANES != 0) {
      for (int64_t head = 0; head < count; ++head) {
        for (int64_t j = 0; j < n; ++j) {
          float score = 0.0f;
#pragma omp simd reduction(+ : score)
          for (int64_t i = 0; i < e; ++i) score += q[head * e + i] * load(keys + j * e + i);
          own[head * n + j] = score;
        }
      }
    } else if (count > 2) {
      scores_of<4>(q, keys, own, n, e, count);
    } else if (count == 2) {
      scores_of<2>(q, keys, own, n, e, count);
    } else {
      scores_of<1>(q, keys, own, n, e, count);
    }
    float masses[4];
    for (int64_t head = 0; head < count; ++head) {
      float highest;
      masses[head] = exponentials(own + head * n, n, highest);
    }
    switch (count) {
      case 4:
        weighted_rows<4>(own, values, sums, n, e);
        break;
      case 3:
        weighted_rows<3>(own, values, sums, n, e);
        break;
      case 2:
        weighted_rows<2>(own, values, sums, n, e);
        break;
      default:
        weighted_rows<1>(own, values, sums, n, e);
    }
    for (int64_t head = 0; head < count; ++head) {
      T* to = out + (first + head) * e;
      for (int64_t i = 0; i < e; ++i) store(to + i, sums[head * e + i] / masses[head]);
    }
  }
}

template <typename T>
void largest(const T* x, float* values, int64_t* places, int64_t begin, int64_t end, int64_t d) {
  for (int64_t row = begin; row < end; ++row) {
    const T* numbers = x + row * d;
    float highest = load(numbers), sum = 0.0f;
#pragma omp simd reduction(max : highest) reduction(+ : sum)
    for (int64_t i = 0; i < d; ++i) {
      const float value = load(numbers + i);
      highest = highest > value ? highest : value;
      // Zero, but for infinities and what is no number, which stay none.
      sum += value * 0.0f;
    }
    int64_t place = 0;
    if (sum != 0.0f) {
      while (place < d && load(numbers + place) == load(numbers + place)) ++place;
      if (place < d) highest = load(numbers + place);
      else place = 0;
    }
    while (place < d && highest == highest && load(numbers + place) != highest) ++place;
    values[row] = highest;
    places[row] = place;
  }
}

template <typename T>
constexpr Kernels<T> all() {
  return {rms_norm<T>,   rms_norm_gradient<T>,   gated<T>,  gated_gradient<T>, quick_gelu<T>,
          quick_gelu_gradient<T>, rotate<T>, cross_entropy<T>, attend<T>, largest<T>};
}

}  // namespace

namespace ADM_KERNELS {

extern const Kernels<float> of_f32;
extern const Kernels<uint16_t> of_bf16;
const Kernels<float> of_f32 = all<float>();
const Kernels<uint16_t> of_bf16 = all<uint16_t>();

}  // namespace ADM_KERNELS
}  // namespace adm
