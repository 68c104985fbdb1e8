// Attention of one key-value head of one sequence, and its gradients (attention_loops.cpp).
//
// `T` is float, or uint16_t for bf16; sums and what lies between are in f32. A head's numbers lie side by side, its tokens some
// numbers apart.

#pragma once

#include <cstdint>

namespace adm {

template <typename T>
struct Attention {
  // `group` query heads look at one head of keys and values.
  const T *q, *k, *v;
  int64_t q_token, q_head, k_token, v_token;
  T* out;
  int64_t out_token, out_head;
  // log Σ exp of each query's scores, `nq` a head.
  float* normalisers;
  int64_t group, nq, nk, e;
  // Whether a query sees no further than the key of its own number.
  bool causal;
  float scale;
  // Only for gradients: that of `out`, and where those of q, k and v go.
  const T* gradient;
  int64_t gradient_token, gradient_head;
  T *of_q, *of_k, *of_v;
  int64_t of_q_token, of_q_head, of_k_token, of_v_token;
};

// Numbers that the calls below need room for.
int64_t attention_room(int64_t nk, int64_t e, bool gradients);

template <typename T>
void attend(const Attention<T>& head, float* room);

template <typename T>
void attend_gradients(const Attention<T>& head, float* room);

}  // namespace adm
