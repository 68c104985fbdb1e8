// Small parts of a layer as one pass over memory each, forward and backward, on a processor in f32 and bf16.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <mutex>

#include "dtypes.h"
#include "kernels.h"
#include "shim.h"

namespace adm {

#define ADM_DECLARE(name)                   \
  namespace name {                          \
  extern const Kernels<float> of_f32;       \
  extern const Kernels<uint16_t> of_bf16;   \
  }
ADM_DECLARE(base)
ADM_DECLARE(avx2)
ADM_DECLARE(avx512)

Instructions instructions() {
  static const Instructions found = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      return Instructions::avx512;
    }
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? Instructions::avx2 : Instructions::base;
  }();
  return found;
}

template <>
const Kernels<float>& kernels<float>() {
  switch (instructions()) {
    case Instructions::avx512:
      return avx512::of_f32;
    case Instructions::avx2:
      return avx2::of_f32;
    default:
      return base::of_f32;
  }
}

template <>
const Kernels<uint16_t>& kernels<uint16_t>() {
  switch (instructions()) {
    case Instructions::avx512:
      return avx512::of_bf16;
    case Instructions::avx2:
      return avx2::of_bf16;
    default:
      return base::of_bf16;
  }
}

}  // namespace adm

namespace {

using adm::by_dtype;
using adm::data;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// So many numbers are worth a thread.
constexpr int64_t GRAIN = 1 << 14;

// In parallel over rows of so many numbers.
template <typename Body>
void over_rows(int64_t rows, int64_t width, Body body) {
  at::parallel_for(0, rows, std::max<int64_t>(1, GRAIN / std::max<int64_t>(1, width)), body);
}

void check_like(const at::Tensor& x, const at::Tensor& other, const char* what) {
  TORCH_CHECK(x.is_cpu() && other.is_cpu() && x.scalar_type() == other.scalar_type(), what,
              ": expected two tensors of one dtype on a processor, found ", x.scalar_type(), " and ", other.scalar_type());
}

bool learns(std::initializer_list<const at::Tensor*> tensors) {
  if (!c10::GradMode::is_enabled()) return false;
  for (const auto* tensor : tensors) {
    if (tensor->defined() && tensor->requires_grad()) return true;
  }
  return false;
}

struct Normed {
  at::Tensor sum, y, scales;
};

// `added` may be undefined; then `sum` is x itself.
Normed rms_norm(const at::Tensor& x, const at::Tensor& added, const at::Tensor& weight, double eps) {
  const int64_t d = x.size(-1), rows = d == 0 ? 0 : x.numel() / d;
  Normed out{added.defined() ? at::empty_like(x) : x, at::empty_like(x), at::empty({rows}, x.options().dtype(at::kFloat))};
  by_dtype(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto& loop = adm::kernels<T>().rms_norm;
    over_rows(rows, d, [&](int64_t begin, int64_t end) {
      loop(data<T>(x), data<T>(added), data<T>(weight), added.defined() ? data<T>(out.sum) : nullptr, data<T>(out.y),
           out.scales.data_ptr<float>(), begin, end, d, static_cast<float>(eps));
    });
  });
  return out;
}

// Gradients of x and of the weight; `passed` goes to x besides, and may be undefined.
std::pair<at::Tensor, at::Tensor> rms_norm_gradient(const at::Tensor& gradient, const at::Tensor& passed, const at::Tensor& x,
                                                    const at::Tensor& weight, const at::Tensor& scales, bool of_x,
                                                    bool of_weight) {
  const int64_t d = x.size(-1), rows = scales.numel();
  at::Tensor for_x = of_x ? at::empty_like(x) : at::Tensor();
  // One sum for each thread, put together in their order, so that the same threads give the same bits.
  const int64_t threads = of_weight ? at::get_num_threads() : 0;
  at::Tensor sums = at::zeros({threads, d}, x.options().dtype(at::kFloat));
  const int64_t part = (rows + std::max<int64_t>(1, threads) - 1) / std::max<int64_t>(1, threads);
  by_dtype(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto& loop = adm::kernels<T>().rms_norm_gradient;
    const auto run = [&](int64_t begin, int64_t end, float* sum) {
      loop(data<T>(gradient), data<T>(passed), data<T>(x), data<T>(weight), scales.data_ptr<float>(), data<T>(for_x), sum,
           begin, end, d);
    };
    if (of_weight) {
      at::parallel_for(0, threads, 1, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
          const int64_t begin = std::min(rows, i * part), end = std::min(rows, begin + part);
          if (begin < end) run(begin, end, sums.data_ptr<float>() + i * d);
        }
      });
    } else {
      over_rows(rows, d, [&](int64_t begin, int64_t end) { run(begin, end, nullptr); });
    }
  });
  return {for_x, of_weight ? sums.sum(0).to(weight.scalar_type()) : at::Tensor()};
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, double eps) {
    auto out = rms_norm(x, at::Tensor(), weight, eps);
    context->save_for_backward({x, weight, out.scales});
    return out.y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    auto [of_x, of_weight] = rms_norm_gradient(gradients[0].contiguous(), at::Tensor(), saved[0], saved[1], saved[2],
                                               context->needs_input_grad(0), context->needs_input_grad(1));
    return {of_x, of_weight, at::Tensor()};
  }
};

// Gives the sum and its norm.
struct AddRmsNorm : torch::autograd::Function<AddRmsNorm> {
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& added,
                               const at::Tensor& weight, double eps) {
    auto out = rms_norm(x, added, weight, eps);
    context->save_for_backward({out.sum, weight, out.scales});
    context->set_materialize_grads(false);
    return {out.sum, out.y};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    at::Tensor passed = gradients[0].defined() ? gradients[0].contiguous() : at::Tensor();
    if (!gradients[1].defined()) return {passed, passed, at::Tensor(), at::Tensor()};
    const bool of_x = context->needs_input_grad(0) || context->needs_input_grad(1);
    auto [of_sum, of_weight] = rms_norm_gradient(gradients[1].contiguous(), passed, saved[0], saved[1], saved[2], of_x,
                                                 context->needs_input_grad(2));
    return {of_sum, of_sum, of_weight, at::Tensor()};
  }
};

at::Tensor gated(const at::Tensor& gate, const at::Tensor& up) {
  at::Tensor y = at::empty_like(gate);
  by_dtype(gate, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto& loop = adm::kernels<T>().gated;
    at::parallel_for(0, gate.numel(), GRAIN, [&](int64_t begin, int64_t end) {
      loop(data<T>(gate), data<T>(up), data<T>(y), begin, end);
    });
  });
  return y;
}

struct Gated : torch::autograd::Function<Gated> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up) {
    context->save_for_backward({gate, up});
    return gated(gate, up);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &gate = saved[0], &up = saved[1];
    const auto gradient = gradients[0].contiguous();
    at::Tensor of_gate = at::empty_like(gate), of_up = at::empty_like(up);
    by_dtype(gate, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const auto& loop = adm::kernels<T>().gated_gradient;
      at::parallel_for(0, gate.numel(), GRAIN, [&](int64_t begin, int64_t end) {
        loop(data<T>(gradient), data<T>(gate), data<T>(up), data<T>(of_gate), data<T>(of_up), begin, end);
      });
    });
    return {of_gate, of_up};
  }
};

at::Tensor quick_gelu(const at::Tensor& x) {
  at::Tensor y = at::empty_like(x);
  by_dtype(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto& loop = adm::kernels<T>().quick_gelu;
    at::parallel_for(0, x.numel(), GRAIN,
                     [&](int64_t begin, int64_t end) { loop(data<T>(x), data<T>(y), begin, end); });
  });
  return y;
}

struct QuickGelu : torch::autograd::Function<QuickGelu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    context->save_for_backward({x});
    return quick_gelu(x);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto x = context->get_saved_variables()[0];
    const auto gradient = gradients[0].contiguous();
    at::Tensor of_x = at::empty_like(x);
    by_dtype(x, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const auto& loop = adm::kernels<T>().quick_gelu_gradient;
      at::parallel_for(0, x.numel(), GRAIN, [&](int64_t begin, int64_t end) {
        loop(data<T>(gradient), data<T>(x), data<T>(of_x), begin, end);
      });
    });
    return {of_x};
  }
};

// x [t, heads, 2 · half], cos and sin [t, .., half].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back) {
  at::Tensor y = at::empty_like(x);
  const int64_t rows = x.size(0), heads = x.size(1), half = x.size(2) / 2;
  by_dtype(x, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto& loop = adm::kernels<T>().rotate;
    over_rows(rows, heads * 2 * half, [&](int64_t begin, int64_t end) {
      loop(data<T>(x), data<T>(cos), data<T>(sin), data<T>(y), begin, end, heads, half, back);
    });
  });
  return y;
}

struct Rotate : torch::autograd::Function<Rotate> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return rotate(x, cos, sin, false);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    return {rotate(gradients[0].contiguous(), saved[0], saved[1], true), at::Tensor(), at::Tensor()};
  }
};

void check_norm(const at::Tensor& x, const at::Tensor& weight) {
  check_like(x, weight, "rms_norm");
  TORCH_CHECK(x.dim() > 0 && weight.dim() == 1 && weight.size(0) == x.size(-1), "rms_norm: a weight of shape ",
              weight.sizes(), " for numbers of shape ", x.sizes());
}

}  // namespace

extern "C" {

int adm_rms_norm(at::Tensor* x, at::Tensor* weight, double eps, at::Tensor** out) {
  return adm::guarded([&] {
    check_norm(*x, *weight);
    const auto values = x->contiguous(), scale = weight->contiguous();
    *out = new at::Tensor(learns({&values, &scale}) ? RmsNorm::apply(values, scale, eps)
                                                    : rms_norm(values, at::Tensor(), scale, eps).y);
  });
}

int adm_add_rms_norm(at::Tensor* x, at::Tensor* added, at::Tensor* weight, double eps, at::Tensor** sum, at::Tensor** out) {
  return adm::guarded([&] {
    check_norm(*x, *weight);
    check_like(*x, *added, "rms_norm");
    TORCH_CHECK(x->sizes() == added->sizes(), "rms_norm: ", added->sizes(), " cannot be added to ", x->sizes());
    const auto values = x->contiguous(), other = added->contiguous(), scale = weight->contiguous();
    if (learns({&values, &other, &scale})) {
      auto both = AddRmsNorm::apply(values, other, scale, eps);
      *sum = new at::Tensor(both[0]);
      *out = new at::Tensor(both[1]);
    } else {
      auto both = rms_norm(values, other, scale, eps);
      *sum = new at::Tensor(both.sum);
      *out = new at::Tensor(both.y);
    }
  });
}

int adm_gated(at::Tensor* gate, at::Tensor* up, at::Tensor** out) {
  return adm::guarded([&] {
    check_like(*gate, *up, "gated product");
    TORCH_CHECK(gate->sizes() == up->sizes(), "gated product: ", gate->sizes(), " and ", up->sizes());
    const auto z = gate->contiguous(), values = up->contiguous();
    *out = new at::Tensor(learns({&z, &values}) ? Gated::apply(z, values) : gated(z, values));
  });
}

int adm_quick_gelu(at::Tensor* x, at::Tensor** out) {
  return adm::guarded([&] {
    check_like(*x, *x, "quick_gelu");
    const auto values = x->contiguous();
    *out = new at::Tensor(learns({&values}) ? QuickGelu::apply(values) : quick_gelu(values));
  });
}

int adm_rotate(at::Tensor* x, at::Tensor* cos, at::Tensor* sin, at::Tensor** out) {
  return adm::guarded([&] {
    check_like(*x, *cos, "rotate");
    check_like(*x, *sin, "rotate");
    TORCH_CHECK(x->dim() == 3 && x->size(2) % 2 == 0 && cos->numel() == x->size(0) * x->size(2) / 2 &&
                    sin->numel() == cos->numel(),
                "rotate: angles of shape ", cos->sizes(), " for heads of shape ", x->sizes());
    const auto values = x->contiguous(), c = cos->contiguous(), s = sin->contiguous();
    *out = new at::Tensor(learns({&values}) ? Rotate::apply(values, c, s) : rotate(values, c, s, false));
  });
}

// In place of `logits` [rows, d] the gradient of the summed cross-entropy; `out` are the losses [rows], f32.
int adm_cross_entropy(at::Tensor* logits, at::Tensor* targets, at::Tensor** out) {
  return adm::guarded([&] {
    c10::NoGradGuard no_grad;
    check_like(*logits, *logits, "cross_entropy");
    TORCH_CHECK(logits->dim() == 2 && logits->is_contiguous() && targets->is_cpu() && targets->is_contiguous() &&
                    targets->scalar_type() == at::kLong && targets->numel() == logits->size(0),
                "cross_entropy: targets of shape ", targets->sizes(), " for logits of shape ", logits->sizes());
    const int64_t rows = logits->size(0), d = logits->size(1);
    const int64_t* wanted = targets->data_ptr<int64_t>();
    for (int64_t row = 0; row < rows; ++row) {
      TORCH_CHECK(wanted[row] >= 0 && wanted[row] < d, "cross_entropy: target ", wanted[row], " of ", d, " classes");
    }
    at::Tensor losses = at::empty({rows}, logits->options().dtype(at::kFloat));
    by_dtype(*logits, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const auto& loop = adm::kernels<T>().cross_entropy;
      over_rows(rows, d, [&](int64_t begin, int64_t end) {
        loop(data<T>(*logits), wanted, losses.data_ptr<float>(), begin, end, d);
      });
    });
    *out = new at::Tensor(losses);
  });
}

}  // extern "C"
