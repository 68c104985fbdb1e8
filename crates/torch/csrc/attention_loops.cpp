// Attention of a head in blocks of queries: their scores with all keys that they see, the softmax of those, and the weighted
// values. The gradients make the scores again. Products are of f32, in tiles of registers as AVX-512 has them; this file is
// compiled for that alone, and includes nothing that defines a function for others.

#include "attention.h"

#include "numbers.h"

namespace adm {
namespace {

// Queries of a block.
constexpr int64_t BLOCK = 48;

inline int64_t up16(int64_t n) { return (n + 15) / 16 * 16; }

// Rows of scores are so far apart. Not a power of two, whose lines would all fall into one place of the cache.
inline int64_t width(int64_t nk) { return up16(nk) + 16; }

inline void keep(float* to, Vector values) { __builtin_memcpy(to, &values, sizeof values); }

// C [R, 16 · V] (+)= A [R, n] · B [n, 16 · V]; element (r, k) of A is A[r · row + k · step].
template <int R, int V>
void tile(int64_t n, const float* a, int64_t row, int64_t step, const float* b, int64_t b_row, float* c, int64_t c_row, bool adds) {
  Vector sums[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < V; ++i) sums[r][i] = adds ? load16(c + r * c_row + i * LANES) : Vector{};
  }
  for (int64_t k = 0; k < n; ++k) {
    Vector line[V];
#pragma GCC unroll 4
    for (int i = 0; i < V; ++i) line[i] = load16(b + k * b_row + i * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const float factor = a[r * row + k * step];
#pragma GCC unroll 4
      for (int i = 0; i < V; ++i) sums[r][i] += factor * line[i];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < V; ++i) keep(c + r * c_row + i * LANES, sums[r][i]);
  }
}

template <int V>
void strip(int64_t m, int64_t n, const float* a, int64_t row, int64_t step, const float* b, int64_t b_row, float* c,
           int64_t c_row, bool adds) {
  int64_t r = 0;
  for (; r + 6 <= m; r += 6) tile<6, V>(n, a + r * row, row, step, b, b_row, c + r * c_row, c_row, adds);
  const float* rest = a + r * row;
  float* to = c + r * c_row;
  switch (m - r) {
    case 5:
      return tile<5, V>(n, rest, row, step, b, b_row, to, c_row, adds);
    case 4:
      return tile<4, V>(n, rest, row, step, b, b_row, to, c_row, adds);
    case 3:
      return tile<3, V>(n, rest, row, step, b, b_row, to, c_row, adds);
    case 2:
      return tile<2, V>(n, rest, row, step, b, b_row, to, c_row, adds);
    case 1:
      return tile<1, V>(n, rest, row, step, b, b_row, to, c_row, adds);
    default:
      return;
  }
}

// C [m, columns] (+)= A [m, n] · B [n, columns]; columns are a multiple of 16.
void product(int64_t m, int64_t columns, int64_t n, const float* a, int64_t row, int64_t step, const float* b, int64_t b_row,
             float* c, int64_t c_row, bool adds) {
  int64_t i = 0;
  for (; i + 64 <= columns; i += 64) strip<4>(m, n, a, row, step, b + i, b_row, c + i, c_row, adds);
  if (columns - i == 48) strip<3>(m, n, a, row, step, b + i, b_row, c + i, c_row, adds);
  if (columns - i == 32) strip<2>(m, n, a, row, step, b + i, b_row, c + i, c_row, adds);
  if (columns - i == 16) strip<1>(m, n, a, row, step, b + i, b_row, c + i, c_row, adds);
}

// Rows [count, e] as f32, times a number.
template <typename T>
void rows_of(const T* from, int64_t token, float* to, int64_t count, int64_t e, float times) {
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < e; j += LANES) keep(to + i * e + j, load16(from + i * token + j) * times);
  }
}

// The same lying on its side: [e, line], zeros behind the last.
template <typename T>
void columns_of(const T* from, int64_t token, float* to, int64_t count, int64_t e, int64_t line) {
  for (int64_t first = 0; first < count; first += LANES) {
    const int64_t some = count - first < LANES ? count - first : LANES;
    for (int64_t j = 0; j < e; ++j) {
      float* row = to + j * line + first;
      for (int64_t i = 0; i < some; ++i) row[i] = load(from + (first + i) * token + j);
      for (int64_t i = some; i < LANES; ++i) row[i] = 0.0f;
    }
  }
}

template <typename T>
void store_row(T* to, const float* from, int64_t e, float times) {
#pragma omp simd
  for (int64_t j = 0; j < e; ++j) store(to + j, from[j] * times);
}

}  // namespace

int64_t attention_room(int64_t nk, int64_t e, bool gradients) {
  const int64_t line = width(nk);
  return gradients ? 2 * e * line + 3 * nk * e + 2 * BLOCK * line + 3 * BLOCK * e : e * line + nk * e + BLOCK * line + 2 * BLOCK * e;
}

template <typename T>
void attend(const Attention<T>& head, float* room) {
  const int64_t e = head.e, line = width(head.nk);
  float *keys = room, *values = keys + e * line, *scores = values + head.nk * e, *queries = scores + BLOCK * line,
        *sums = queries + BLOCK * e;
  columns_of(head.k, head.k_token, keys, head.nk, e, line);
  rows_of(head.v, head.v_token, values, head.nk, e, 1.0f);
  for (int64_t own = 0; own < head.group; ++own) {
    for (int64_t first = 0; first < head.nq; first += BLOCK) {
      const int64_t count = head.nq - first < BLOCK ? head.nq - first : BLOCK;
      const int64_t seen = head.causal && first + count < head.nk ? first + count : head.nk;
      rows_of(head.q + own * head.q_head + first * head.q_token, head.q_token, queries, count, e, head.scale);
      product(count, up16(seen), e, queries, e, 1, keys, line, scores, line, false);
      float masses[BLOCK];
      for (int64_t i = 0; i < count; ++i) {
        float* row = scores + i * line;
        const int64_t limit = head.causal && first + i + 1 < seen ? first + i + 1 : seen;
        float highest;
        const float mass = exponentials(row, limit, highest);
        for (int64_t j = limit; j < seen; ++j) row[j] = 0.0f;
        masses[i] = mass;
        head.normalisers[own * head.nq + first + i] = highest + __builtin_logf(mass);
      }
      product(count, e, seen, scores, line, 1, values, e, sums, e, false);
      for (int64_t i = 0; i < count; ++i) {
        store_row(head.out + own * head.out_head + (first + i) * head.out_token, sums + i * e, e, 1.0f / masses[i]);
      }
    }
  }
}

template <typename T>
void attend_gradients(const Attention<T>& head, float* room) {
  const int64_t e = head.e, line = width(head.nk), nk = head.nk;
  float *keys = room, *values = keys + e * line, *key_rows = values + e * line, *of_k = key_rows + nk * e,
        *of_v = of_k + nk * e, *weights = of_v + nk * e, *slopes = weights + BLOCK * line, *queries = slopes + BLOCK * line,
        *gradient = queries + BLOCK * e, *of_q = gradient + BLOCK * e;
  columns_of(head.k, head.k_token, keys, nk, e, line);
  columns_of(head.v, head.v_token, values, nk, e, line);
  rows_of(head.k, head.k_token, key_rows, nk, e, 1.0f);
  for (int64_t i = 0; i < 2 * nk * e; ++i) of_k[i] = 0.0f;
  for (int64_t own = 0; own < head.group; ++own) {
    for (int64_t first = 0; first < head.nq; first += BLOCK) {
      const int64_t count = head.nq - first < BLOCK ? head.nq - first : BLOCK;
      const int64_t seen = head.causal && first + count < nk ? first + count : nk;
      rows_of(head.q + own * head.q_head + first * head.q_token, head.q_token, queries, count, e, head.scale);
      rows_of(head.gradient + own * head.gradient_head + first * head.gradient_token, head.gradient_token, gradient, count, e, 1.0f);
      product(count, up16(seen), e, queries, e, 1, keys, line, weights, line, false);
      product(count, up16(seen), e, gradient, e, 1, values, line, slopes, line, false);
      for (int64_t i = 0; i < count; ++i) {
        const T* out = head.out + own * head.out_head + (first + i) * head.out_token;
        float along = 0.0f;
#pragma omp simd reduction(+ : along)
        for (int64_t j = 0; j < e; ++j) along += gradient[i * e + j] * load(out + j);
        float *row = weights + i * line, *slope = slopes + i * line;
        const int64_t limit = head.causal && first + i + 1 < seen ? first + i + 1 : seen;
        const float normaliser = head.normalisers[own * head.nq + first + i];
#pragma omp simd
        for (int64_t j = 0; j < limit; ++j) {
          row[j] = exponential(row[j] - normaliser);
          slope[j] = row[j] * (slope[j] - along);
        }
        for (int64_t j = limit; j < seen; ++j) row[j] = slope[j] = 0.0f;
      }
      product(count, e, seen, slopes, line, 1, key_rows, e, of_q, e, false);
      product(seen, e, count, weights, 1, line, gradient, e, of_v, e, true);
      product(seen, e, count, slopes, 1, line, queries, e, of_k, e, true);
      for (int64_t i = 0; i < count; ++i) {
        store_row(head.of_q + own * head.of_q_head + (first + i) * head.of_q_token, of_q + i * e, e, head.scale);
      }
    }
  }
  for (int64_t j = 0; j < nk; ++j) {
    store_row(head.of_k + j * head.of_k_token, of_k + j * e, e, 1.0f);
    store_row(head.of_v + j * head.of_v_token, of_v + j * e, e, 1.0f);
  }
}

template void attend<float>(const Attention<float>&, float*);
template void attend<uint16_t>(const Attention<uint16_t>&, float*);
template void attend_gradients<float>(const Attention<float>&, float*);
template void attend_gradients<uint16_t>(const Attention<uint16_t>&, float*);

}  // namespace adm
