// Attention without a mask, or causal, with its gradients: by loops of our own where the processor has what they are written
// for, which libtorch's own are two to three times as slow as for runs of some hundred tokens.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <omp.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "attention.h"
#include "dtypes.h"
#include "shim.h"

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Sequences [b, heads, n, e] as tokens of one or several runs: where each begins, and its tokens.
struct Runs {
  std::vector<int64_t> q_from, k_from, nq, nk;
};

// q [b, h, nq, e], k and v [b, g, nk, e], of any strides but the last. `lengths` cut a single b into runs; without them each b
// is one.
Runs runs_of(const at::Tensor& q, const at::Tensor& k, at::IntArrayRef lengths) {
  Runs runs;
  if (lengths.empty()) {
    for (int64_t i = 0; i < q.size(0); ++i) {
      runs.q_from.push_back(i * q.size(2));
      runs.k_from.push_back(i * k.size(2));
      runs.nq.push_back(q.size(2));
      runs.nk.push_back(k.size(2));
    }
    return runs;
  }
  int64_t from = 0;
  for (const int64_t length : lengths) {
    runs.q_from.push_back(from);
    runs.k_from.push_back(from);
    runs.nq.push_back(length);
    runs.nk.push_back(length);
    from += length;
  }
  TORCH_CHECK(from == q.size(2) && from == k.size(2) && q.size(0) == 1, "attention: runs of ", from, " tokens for queries of shape ",
              q.sizes(), " and keys of shape ", k.sizes());
  return runs;
}

// Where token `at` of all runs lies.
template <typename T>
T* token(const at::Tensor& x, int64_t at) {
  const int64_t n = std::max<int64_t>(1, x.size(2));
  return adm::data<T>(x) + at / n * x.stride(0) + at % n * x.stride(2);
}

// [b, heads, n, e] whose tokens lie one after the other, all heads of one side by side.
at::Tensor by_token(const at::Tensor& like, int64_t heads) {
  return at::empty({like.size(0), like.size(2), heads, like.size(3)}, like.options()).transpose(1, 2);
}

template <typename T>
struct Job {
  const at::Tensor &q, &k, &v, &out, &normalisers;
  bool causal;
  const at::Tensor *gradient, *of_q, *of_k, *of_v;

  // Head `g` of keys of run `run`.
  adm::Attention<T> head(const Runs& runs, size_t run, int64_t g, int64_t h_before) const {
    const int64_t group = q.size(1) / k.size(1), first = g * group;
    const int64_t at_q = runs.q_from[run], at_k = runs.k_from[run];
    adm::Attention<T> head{};
    head.q = token<T>(q, at_q) + first * q.stride(1);
    head.k = token<T>(k, at_k) + g * k.stride(1);
    head.v = token<T>(v, at_k) + g * v.stride(1);
    head.q_token = q.stride(2);
    head.q_head = q.stride(1);
    head.k_token = k.stride(2);
    head.v_token = v.stride(2);
    head.out = token<T>(out, at_q) + first * out.stride(1);
    head.out_token = out.stride(2);
    head.out_head = out.stride(1);
    head.normalisers = normalisers.data_ptr<float>() + h_before + first * runs.nq[run];
    head.group = group;
    head.nq = runs.nq[run];
    head.nk = runs.nk[run];
    head.e = q.size(3);
    head.causal = causal;
    head.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head.e)));
    if (gradient != nullptr) {
      head.gradient = token<T>(*gradient, at_q) + first * gradient->stride(1);
      head.gradient_token = gradient->stride(2);
      head.gradient_head = gradient->stride(1);
      head.of_q = token<T>(*of_q, at_q) + first * of_q->stride(1);
      head.of_k = token<T>(*of_k, at_k) + g * of_k->stride(1);
      head.of_v = token<T>(*of_v, at_k) + g * of_v->stride(1);
      head.of_q_token = of_q->stride(2);
      head.of_q_head = of_q->stride(1);
      head.of_k_token = of_k->stride(2);
      head.of_v_token = of_v->stride(2);
    }
    return head;
  }
};

template <typename T>
void run(const Job<T>& job, const Runs& runs, int64_t heads) {
  struct Task {
    size_t run;
    int64_t head, before, work;
  };
  std::vector<Task> tasks;
  int64_t before = 0, longest = 0;
  for (size_t i = 0; i < runs.nq.size(); ++i) {
    for (int64_t g = 0; g < heads && runs.nq[i] > 0; ++g) tasks.push_back({i, g, before, runs.nq[i] * runs.nk[i]});
    before += runs.nq[i] * job.q.size(1);
    longest = std::max(longest, runs.nk[i]);
  }
  // The largest first, and whoever is done takes the next one. Each head is by itself, so that this changes no number.
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) { return a.work > b.work; });
  const bool gradients = job.gradient != nullptr;
  const int64_t room = adm::attention_room(longest, job.q.size(3), gradients);
  const int threads = static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), tasks.size())));
  const at::Tensor rooms = at::empty({threads, room}, job.normalisers.options());
  float* all = rooms.data_ptr<float>();
  const int64_t count = tasks.size();
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int64_t i = 0; i < count; ++i) {
    const auto& task = tasks[i];
    const auto head = job.head(runs, task.run, task.head, task.before);
    float* own = all + omp_get_thread_num() * room;
    if (gradients) {
      adm::attend_gradients<T>(head, own);
    } else {
      adm::attend<T>(head, own);
    }
  }
}

// The result, and what its gradients need.
std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, at::IntArrayRef lengths,
                                          bool causal) {
  const Runs runs = runs_of(q, k, lengths);
  const at::Tensor out = by_token(q, q.size(1));
  const at::Tensor normalisers = at::empty({q.size(0) * q.size(1) * q.size(2)}, q.options().dtype(at::kFloat));
  adm::by_dtype(q, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    run<T>({q, k, v, out, normalisers, causal, nullptr, nullptr, nullptr, nullptr}, runs, k.size(1));
  });
  return {out, normalisers};
}

struct Attend : torch::autograd::Function<Attend> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::vector<int64_t> lengths, bool causal) {
    const auto [out, normalisers] = ::forward(q, k, v, lengths, causal);
    context->save_for_backward({q, k, v, out, normalisers});
    context->saved_data["lengths"] = lengths;
    context->saved_data["causal"] = causal;
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &normalisers = saved[4];
    const auto lengths = context->saved_data["lengths"].toIntVector();
    const bool causal = context->saved_data["causal"].toBool();
    at::Tensor gradient = gradients[0];
    if (gradient.stride(3) != 1) gradient = gradient.contiguous();
    const at::Tensor of_q = by_token(q, q.size(1)), of_k = by_token(k, k.size(1)), of_v = by_token(v, v.size(1));
    adm::by_dtype(q, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      run<T>({q, k, v, out, normalisers, causal, &gradient, &of_q, &of_k, &of_v}, runs_of(q, k, lengths), k.size(1));
    });
    return {of_q, of_k, of_v, at::Tensor(), at::Tensor()};
  }
};

bool has_loops() {
  static const bool found = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return found;
}

// Our loops multiply in f32, libtorch's in bf16 where the processor can: those are the faster ones from so many keys on.
constexpr int64_t LONG = 640, LONG_CAUSAL = 2048;

bool takes_loops(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t runs, int64_t longest, bool causal) {
  const auto kind = q.scalar_type();
  if (kind == at::kBFloat16 && longest > (causal ? LONG_CAUSAL : LONG)) return false;
  for (const auto* x : {&q, &k, &v}) {
    if (!x->is_cpu() || x->scalar_type() != kind || x->dim() != 4 || x->stride(3) != 1 || x->numel() == 0) return false;
  }
  return has_loops() && (kind == at::kFloat || kind == at::kBFloat16) && q.size(3) % 16 == 0 && k.sizes() == v.sizes() &&
         q.size(1) % k.size(1) == 0 && q.size(0) == k.size(0) && q.size(3) == k.size(3) &&
         // Heads are what threads are given.
         runs * k.size(1) >= std::min<int64_t>(at::get_num_threads(), 8);
}

at::Tensor libtorch(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, at::IntArrayRef lengths, bool causal) {
  const bool grouped = q.size(1) != k.size(1);
  const auto one = [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return at::scaled_dot_product_attention(q, k, v, {}, 0.0, causal, {}, grouped);
  };
  if (lengths.size() < 2) return one(q, k, v);
  // One split has one concatenation as its backward; slices would each add a full-size gradient.
  const auto qs = q.split_with_sizes(lengths, 2), ks = k.split_with_sizes(lengths, 2), vs = v.split_with_sizes(lengths, 2);
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] > 0) parts.push_back(one(qs[i], ks[i], vs[i]).transpose(1, 2));
  }
  return at::cat(parts, 1).transpose(1, 2);
}

}  // namespace

extern "C" {

int adm_attend_has_loops() { return has_loops() ? 1 : 0; }

// q [b, h, nq, e] over k and v [b, g, nk, e]: [b, h, nq, e]. With `lengths`, b is 1 and its tokens are runs that see nothing of
// each other.
int adm_attend(at::Tensor* q, at::Tensor* k, at::Tensor* v, const int64_t* lengths, size_t count, int causal, at::Tensor** out) {
  return adm::guarded([&] {
    const at::IntArrayRef runs(lengths, count);
    const int64_t several = count > 0 ? count : q->size(0);
    TORCH_CHECK(q->dim() == 4 && k->dim() == 4 && v->dim() == 4 && (!causal || q->size(2) == k->size(2)),
                "attention: queries of shape ", q->sizes(), ", keys of shape ", k->sizes());
    const int64_t longest = count > 0 ? *std::max_element(runs.begin(), runs.end()) : k->size(2);
    if (!takes_loops(*q, *k, *v, several, longest, causal != 0)) {
      *out = new at::Tensor(libtorch(*q, *k, *v, runs, causal != 0));
      return;
    }
    const bool learns = c10::GradMode::is_enabled() && (q->requires_grad() || k->requires_grad() || v->requires_grad());
    *out = new at::Tensor(learns ? Attend::apply(*q, *k, *v, runs.vec(), causal != 0) : forward(*q, *k, *v, runs, causal != 0).first);
  });
}

}  // extern "C"
