// Products of matrices: which library makes them, and weights that are packed for it.
//
// Of f32 on a processor, MKL or oneDNN is the faster one, depending on the processor and on the shape; libtorch always takes
// MKL. Which it is here, whoever measures says with adm_products_set. Other dtypes and devices go libtorch's way.

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <cpuid.h>

#include <array>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "kept.h"
#include "shim.h"

namespace {

// Kinds of products; the numbers are those of `Kind` in products.rs.
enum Product { FORWARD = 0, INPUT_GRADIENT = 1, WEIGHT_GRADIENT = 2, FEW_ROWS = 3 };

// For each, whether oneDNN makes it.
std::array<std::atomic<bool>, 4> by_onednn = {};
// So many bytes may packed weights take.
std::atomic<uint64_t> room = {0};
// Whether this thread multiplies with the same weights again and again. What a product does must not depend on what was
// done before it, so nobody guesses this.
thread_local bool repeats = false;

// So many rows are few: what is multiplied is read once, and reading the weights is what takes time.
constexpr int64_t FEW = 64;
// Smaller weights lie in the cache however they are laid out.
constexpr int64_t LEAST_PACKED = 1 << 15;

bool takes_onednn(Product product, const at::Tensor& tensor) {
  return by_onednn[product].load(std::memory_order_relaxed) && tensor.is_cpu() && tensor.scalar_type() == at::kFloat;
}

// `x · weightᵀ + bias` by oneDNN. Either matrix may be a transposed view.
at::Tensor onednn(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  return op.call(x, weight, bias, "none", c10::List<std::optional<at::Scalar>>(), "");
}

// A weight in oneDNN's own layout. It holds as long as its weight lives and is not written to.
struct Packed {
  c10::weak_intrusive_ptr<c10::TensorImpl> weight;
  uint32_t version;
  uint64_t bytes;
  at::Tensor packed;
};

std::mutex packed_mutex;
std::unordered_map<c10::TensorImpl*, Packed> packed_weights;
uint64_t packed_bytes = 0;

void forget_dropped() {
  for (auto at = packed_weights.begin(); at != packed_weights.end();) {
    if (at->second.weight.expired()) {
      packed_bytes -= at->second.bytes;
      at = packed_weights.erase(at);
    } else {
      ++at;
    }
  }
}

// Undefined where there is no room.
at::Tensor packed(const at::Tensor& weight) {
  std::lock_guard<std::mutex> lock(packed_mutex);
  auto* key = weight.unsafeGetTensorImpl();
  const auto version = weight._version();
  auto found = packed_weights.find(key);
  if (found != packed_weights.end()) {
    if (!found->second.weight.expired() && found->second.version == version) return found->second.packed;
    packed_bytes -= found->second.bytes;
    packed_weights.erase(found);
  }
  forget_dropped();
  const uint64_t bytes = weight.nbytes();
  if (packed_bytes + bytes > room.load(std::memory_order_relaxed)) return {};
  packed_bytes += bytes;
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                             .typed<at::Tensor(const at::Tensor&, std::optional<int64_t>)>();
  at::Tensor made = op.call(weight.detach(), FEW / 2);
  packed_weights.emplace(
      key, Packed{c10::weak_intrusive_ptr<c10::TensorImpl>(weight.getIntrusivePtr()), static_cast<uint32_t>(version), bytes, made});
  return made;
}

// Whether a product with these rows takes the packed weight.
bool takes_packed(const at::Tensor& x, const at::Tensor& weight) {
  const auto kind = weight.scalar_type();
  return repeats && by_onednn[FEW_ROWS].load(std::memory_order_relaxed) &&
         weight.is_cpu() && weight.dim() == 2 && weight.is_contiguous() && weight.numel() >= LEAST_PACKED &&
         (kind == at::kFloat || kind == at::kBFloat16) && x.scalar_type() == kind && x.size(-1) == weight.size(1) &&
         x.numel() <= FEW * x.size(-1) && x.numel() > 0;
}

// Gradients of `x · weightᵀ + bias`, `x` having two dimensions.
class LinearBackward : public torch::autograd::Node, public adm::KeepsFactor {
 public:
  LinearBackward(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias)
      : x_(x, /*is_output=*/false), weight_(weight, /*is_output=*/false), biased_(bias.has_value()) {
    set_next_edges(torch::autograd::collect_next_edges(x, weight, bias));
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto weight = weight_.unpack();
    const auto gradient = gradients[0].contiguous();
    at::Tensor of_x, of_weight, of_bias;
    if (task_should_compute_output(0)) {
      of_x = takes_onednn(INPUT_GRADIENT, gradient) ? onednn(gradient, weight.t(), std::nullopt) : gradient.mm(weight);
    }
    if (task_should_compute_output(1)) {
      const auto x = x_.unpack();
      of_weight = takes_onednn(WEIGHT_GRADIENT, gradient) ? onednn(gradient.t(), x.t(), std::nullopt) : gradient.t().mm(x);
    }
    if (biased_ && task_should_compute_output(2)) of_bias = gradient.sum(0);
    return {of_x, of_weight, of_bias};
  }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    x_.reset_data();
    weight_.reset_data();
  }

  std::string name() const override { return "LinearBackward"; }

  torch::autograd::SavedVariable& factor() override { return x_; }

 private:
  torch::autograd::SavedVariable x_, weight_;
  bool biased_;
};

// With its gradients where it `learns`.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias, bool learns) {
  at::Tensor y;
  {
    const c10::NoGradGuard no_grad;
    y = takes_onednn(FORWARD, x) ? onednn(x, weight, bias) : at::linear(x, weight, bias);
  }
  if (learns) {
    const std::shared_ptr<LinearBackward> node(new LinearBackward(x, weight, bias), torch::autograd::deleteNode);
    torch::autograd::set_history(y, node);
  }
  return y;
}

}  // namespace

extern "C" {

// MKL, which libtorch holds, takes its AVX-512 code only on processors for which this function says yes. Its own asks for
// the maker; this one, which the loader finds first, asks for the instructions.
int mkl_serv_intel_cpu_true() {
  unsigned eax, ebx, ecx, edx;
  const bool is_intel = __get_cpuid(0, &eax, &ebx, &ecx, &edx) != 0 && ebx == signature_INTEL_ebx &&
                        ecx == signature_INTEL_ecx && edx == signature_INTEL_edx;
  return is_intel || __builtin_cpu_supports("avx512dq");
}

// `onednn` has four flags, in the order of `Product`.
void adm_products_set(const int* onednn, uint64_t bytes) {
  for (size_t i = 0; i < by_onednn.size(); ++i) by_onednn[i] = onednn[i] != 0;
  room = bytes;
  std::lock_guard<std::mutex> lock(packed_mutex);
  if (packed_bytes > bytes) {
    packed_weights.clear();
    packed_bytes = 0;
  }
}

int adm_products_repeat(int on) {
  const bool before = repeats;
  repeats = on != 0;
  return before ? 1 : 0;
}

void adm_products_forget() {
  std::lock_guard<std::mutex> lock(packed_mutex);
  forget_dropped();
}

// `x · weightᵀ + bias`.
int adm_linear(at::Tensor* x, at::Tensor* weight, at::Tensor* bias, at::Tensor** out) {
  return adm::guarded([&] {
    const std::optional<at::Tensor> added = bias == nullptr ? std::nullopt : std::optional<at::Tensor>(*bias);
    const bool learns = c10::GradMode::is_enabled() &&
                        (x->requires_grad() || weight->requires_grad() || (added && added->requires_grad()));
    if (!learns && takes_packed(*x, *weight)) {
      const at::Tensor other = packed(*weight);
      if (other.defined()) {
        *out = new at::Tensor(onednn(*x, other, added));
        return;
      }
    }
    const bool plain = weight->is_contiguous() && weight->dim() == 2 && x->dim() >= 2;
    const bool chosen = takes_onednn(FORWARD, *x) ||
                        (learns && (takes_onednn(INPUT_GRADIENT, *x) || takes_onednn(WEIGHT_GRADIENT, *x)));
    if (!plain || !chosen || x->scalar_type() != weight->scalar_type()) {
      *out = new at::Tensor(at::linear(*x, *weight, added));
      return;
    }
    const at::Tensor rows = x->reshape({-1, x->size(-1)});
    const at::Tensor result = linear(rows, *weight, added, learns);
    auto sizes = x->sizes().vec();
    sizes.back() = weight->size(0);
    *out = new at::Tensor(result.reshape(sizes));
  });
}

// `gradient · weight`: what a product with `weightᵀ` hands back. No gradient flows.
int adm_times(at::Tensor* gradient, at::Tensor* weight, at::Tensor** out) {
  return adm::guarded([&] {
    c10::NoGradGuard no_grad;
    *out = new at::Tensor(takes_onednn(INPUT_GRADIENT, *gradient) ? onednn(*gradient, weight->t(), std::nullopt)
                                                                  : gradient->mm(*weight));
  });
}

// Adds `gradientᵀ · x` to `sum`, f32. No gradient flows.
int adm_add_transposed_times(at::Tensor* sum, at::Tensor* gradient, at::Tensor* x) {
  return adm::guarded([&] {
    c10::NoGradGuard no_grad;
    if (takes_onednn(WEIGHT_GRADIENT, *gradient)) {
      sum->add_(onednn(gradient->t(), x->t(), std::nullopt));
    } else if (gradient->scalar_type() == sum->scalar_type()) {
      sum->addmm_(gradient->t(), *x);
    } else {
      sum->add_(gradient->t().mm(*x));
    }
  });
}

}  // extern "C"
