// What a step of decoding does beside its products, each as one pass: few numbers, so that starting threads and looking up
// operators would take longer than the arithmetic. No gradient flows.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "dtypes.h"
#include "kernels.h"
#include "shim.h"

namespace {

// So many products of two numbers are worth a thread.
constexpr int64_t GRAIN = 1 << 15;

// Rows of heads `e` numbers wide, which may lie apart.
template <typename T>
struct Heads {
  const T* data;
  int64_t row, count;

  Heads(const at::Tensor& x, int64_t e) : data(adm::data<T>(x)), row(x.stride(0)), count(x.size(1) / e) {}

  const T* at(int64_t i, int64_t head, int64_t e) const { return data + i * row + head * e; }
};

// Where a sequence lies, and how many tokens it has.
template <typename T>
struct Slot {
  T *keys, *values;
  int64_t capacity, place;
};

void check_rows(const at::Tensor& x, const at::Tensor& keys, int64_t rows) {
  TORCH_CHECK(x.is_cpu() && x.dim() == 2 && x.stride(1) == 1 && x.size(0) == rows && x.size(1) % keys.size(3) == 0 &&
                  x.scalar_type() == keys.scalar_type(),
              "attend_step: rows of shape ", x.sizes(), " and dtype ", x.scalar_type(), " for keys of shape ", keys.sizes(),
              " and dtype ", keys.scalar_type());
}

}  // namespace

extern "C" {

// q [b, h·e], k and v [b, g·e] are of one new token of each sequence; cos and sin [b, .., e / 2] turn q and k, or are null. The
// rows are those of `count` pools, one after the other: `rows` slots from `first` on of each pool of keys and values [slots, g,
// capacity, e]. The new keys and values go to `places` [b] of their slots, and `out` is [b, h·e].
int adm_attend_step(at::Tensor* q, at::Tensor* k, at::Tensor* v, at::Tensor* cos, at::Tensor* sin, at::Tensor* const* keys,
                    at::Tensor* const* values, const int64_t* first, const int64_t* rows, size_t count, at::Tensor* places,
                    at::Tensor** out) {
  return adm::guarded([&] {
    TORCH_CHECK(count > 0 && q->dim() == 2, "attend_step: queries of shape ", q->sizes(), " for ", count, " pools");
    const at::Tensor& one = *keys[0];
    const int64_t b = q->size(0);
    int64_t told = 0;
    for (size_t i = 0; i < count; ++i) {
      for (const auto* pool : {keys[i], values[i]}) {
        TORCH_CHECK(pool->dim() == 4 && pool->is_contiguous() && pool->is_cpu() && pool->scalar_type() == one.scalar_type() &&
                        pool->sizes() == keys[i]->sizes() && pool->size(1) == one.size(1) && pool->size(3) == one.size(3),
                    "attend_step: a pool of shape ", pool->sizes(), " beside one of ", one.sizes());
      }
      TORCH_CHECK(rows[i] >= 0 && first[i] >= 0 && first[i] + rows[i] <= keys[i]->size(0), "attend_step: ", rows[i],
                  " rows from slot ", first[i], " of ", keys[i]->size(0));
      told += rows[i];
    }
    const int64_t g = one.size(1), e = one.size(3);
    for (const auto* x : {q, k, v}) check_rows(*x, one, b);
    const int64_t h = q->size(1) / e;
    TORCH_CHECK(told == b && g > 0 && h % g == 0 && k->size(1) == g * e && v->size(1) == g * e, "attend_step: ", b,
                " rows with ", h, " heads for ", told, " slots of shape ", one.sizes());
    TORCH_CHECK(places->is_cpu() && places->scalar_type() == at::kLong && places->numel() == b && places->is_contiguous(),
                "attend_step: places of shape ", places->sizes());
    if (cos != nullptr) {
      for (const auto* angle : {cos, sin}) {
        TORCH_CHECK(angle->is_cpu() && angle->is_contiguous() && angle->numel() == b * e / 2 && e % 2 == 0 &&
                        angle->scalar_type() == one.scalar_type(),
                    "attend_step: angles of shape ", angle->sizes(), " for ", b, " rows of heads of ", e);
      }
    }
    at::Tensor result = at::empty({b, h * e}, q->options());
    const int64_t group = h / g;
    const float scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(e)));
    adm::by_dtype(one, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const auto& loops = adm::kernels<T>();
      const Heads<T> of_q(*q, e), of_k(*k, e), of_v(*v, e);
      std::vector<Slot<T>> slots;
      // Tokens that the rows before have to look at.
      std::vector<int64_t> before = {0};
      for (size_t i = 0; i < count; ++i) {
        const int64_t capacity = keys[i]->size(2), size = g * capacity * e;
        for (int64_t j = 0; j < rows[i]; ++j) {
          const int64_t place = places->data_ptr<int64_t>()[slots.size()];
          TORCH_CHECK(place >= 0 && place < capacity, "attend_step: place ", place, " of ", capacity);
          const int64_t at = (first[i] + j) * size;
          slots.push_back({adm::data<T>(*keys[i]) + at, adm::data<T>(*values[i]) + at, capacity, place});
          before.push_back(before.back() + place + 1);
        }
      }
      T* to = adm::data<T>(result);
      const T *c = cos == nullptr ? nullptr : adm::data<T>(*cos), *s = cos == nullptr ? nullptr : adm::data<T>(*sin);
      const auto turned = [&](const T* from, T* into, int64_t row) {
        if (c == nullptr) {
          std::copy(from, from + e, into);
        } else {
          loops.rotate(from, c + row * e / 2, s + row * e / 2, into, 0, 1, 1, e / 2, false);
        }
      };
      // Key-value heads [begin, end) of all rows.
      const auto attend = [&](int64_t begin, int64_t end) {
        thread_local std::vector<T> queries;
        thread_local std::vector<float> room;
        queries.resize(group * e);
        for (int64_t i = begin; i < end; ++i) {
          const int64_t row = i / g, head = i % g;
          const auto& slot = slots[row];
          const int64_t n = slot.place + 1, own = head * slot.capacity * e, at = own + slot.place * e;
          for (int64_t j = 0; j < group; ++j) turned(of_q.at(row, head * group + j, e), queries.data() + j * e, row);
          turned(of_k.at(row, head, e), slot.keys + at, row);
          const T* value = of_v.at(row, head, e);
          std::copy(value, value + e, slot.values + at);
          room.resize(std::max<size_t>(room.size(), group * n + 8 * e));
          loops.attend(queries.data(), slot.keys + own, slot.values + own, to + (row * h + head * group) * e, room.data(), group,
                       n, e, scale);
        }
      };
      // Every thread gets as many tokens to look at, not as many rows.
      const int64_t work = before.back() * h * e;
      const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), work / GRAIN));
      const auto border = [&](int64_t part) {
        const int64_t tokens = before.back() * g / parts * part;
        const int64_t row = std::upper_bound(before.begin(), before.end(), tokens / g) - before.begin() - 1;
        if (part == parts || row >= b) return b * g;
        return row * g + (tokens - before[row] * g) / (before[row + 1] - before[row]);
      };
      at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) { attend(border(begin), border(end)); });
    });
    *out = new at::Tensor(result);
  });
}

// Of each row of [m, d] the largest number (f32) and where it stands first.
int adm_largest(at::Tensor* x, at::Tensor** values, at::Tensor** places) {
  return adm::guarded([&] {
    TORCH_CHECK(x->is_cpu() && x->dim() == 2 && x->is_contiguous() && x->size(1) > 0, "largest: numbers of shape ", x->sizes());
    const int64_t rows = x->size(0), d = x->size(1);
    at::Tensor highest = at::empty({rows}, x->options().dtype(at::kFloat));
    at::Tensor where = at::empty({rows}, x->options().dtype(at::kLong));
    adm::by_dtype(*x, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const auto& loop = adm::kernels<T>().largest;
      at::parallel_for(0, rows, std::max<int64_t>(1, GRAIN / d), [&](int64_t begin, int64_t end) {
        loop(adm::data<T>(*x), highest.data_ptr<float>(), where.data_ptr<int64_t>(), begin, end, d);
      });
    });
    *values = new at::Tensor(highest);
    *places = new at::Tensor(where);
  });
}

}  // extern "C"
