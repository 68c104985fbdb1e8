// AdamW over numbers that are kept in fewer bits than it computes with, and sums of such: the loops, compiled for several sets
// of instructions (adamw_loops.cpp) and chosen when the program runs.
//
// Every operation rounds by itself (no multiply-add), so that all sets of instructions, and libtorch's operators put together
// the same way (compact/composed.rs), give the same bits.
//
// Noise: element i draws the (i + 1)th number of SplitMix64 (Steele, Lea and Flood, 2014) that starts from the key. Of its 64
// bits the lowest 20 are for the first moment, the next 20 for the second, the highest 16 for whatever else is rounded.

#pragma once

#include <cstdint>

namespace adm {

// Elements that share a scale where numbers have 8 bits; borders of pieces of work are multiples of it.
constexpr int64_t BLOCK = 256;

// How numbers are kept; those of compact.rs.
enum class Kept : int { f32 = 0, bf16 = 1, eight_bit = 2 };

struct Numbers {
  void* data;
  // One a block, for `eight_bit`.
  float* scales;
  Kept kept;
};

// The factors of one update, each rounded to f32 once, as libtorch's kernel takes them; those of compact.rs.
struct Factors {
  // Of the gradient; 1 leaves it as it is.
  float gradient;
  // 1 - rate · weight decay; 1 leaves the weight as it is.
  float decay;
  // 1 - beta1, beta2 and 1 - beta2.
  float average_part, square_kept, square_part;
  // The root of the second moment's bias correction, and what is added to the root of the moment.
  float root, epsilon;
  // - rate / the first moment's bias correction.
  float step;
};

struct AdamWLoops {
  // Elements `begin` to `end` of a parameter; `begin` is a multiple of BLOCK. Weight: f32, or bf16 rounded with noise.
  void (*update)(const Factors& factors, uint64_t key, const Numbers& weight, const Numbers& gradient,
                 const Numbers& average, const Numbers& square, int64_t begin, int64_t end);
  // sum + more, rounded to bf16 with noise; `sum` may be null.
  void (*add)(uint64_t key, const uint16_t* sum, const Numbers& more, uint16_t* out, int64_t begin, int64_t end);
};

}  // namespace adm
