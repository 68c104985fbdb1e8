// The few libtorch functions that tch does not wrap, behind a C interface.
// Tensors cross as at::Tensor*, as in tch. Each function returns 0, or 1 with a message in adm_error().

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/version.h>

#include <mutex>
#include <string>
#include <vector>

namespace {

thread_local std::string last_error;

template <typename Body>
int guarded(Body body) {
  try {
    body();
    return 0;
  } catch (const c10::Error& error) {
    // Without the C++ backtrace, which says nothing to a user.
    last_error = error.what_without_backtrace();
  } catch (const std::exception& error) {
    last_error = error.what();
  } catch (...) {
    last_error = "unknown C++ exception";
  }
  return 1;
}

std::vector<at::Tensor> list(at::Tensor* const* tensors, size_t count) {
  std::vector<at::Tensor> out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) out.push_back(*tensors[i]);
  return out;
}

}  // namespace

extern "C" {

const char* adm_error() { return last_error.c_str(); }

const char* adm_built_version() { return TORCH_VERSION; }

int adm_backward_with(at::Tensor* output, at::Tensor* gradient) {
  return guarded([&] { torch::autograd::backward({*output}, {*gradient}); });
}

int adm_fused_adamw(at::Tensor* const* parameters, at::Tensor* const* gradients, at::Tensor* const* averages,
                    at::Tensor* const* squares, at::Tensor* const* steps, size_t count, double learning_rate,
                    double beta1, double beta2, double weight_decay, double epsilon) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    auto counters = list(steps, count);
    for (auto& step : counters) step.add_(1);
    at::_fused_adamw_(list(parameters, count), list(gradients, count), list(averages, count), list(squares, count), {},
                      counters, learning_rate, beta1, beta2, weight_decay, epsilon, /*amsgrad=*/false,
                      /*maximize=*/false);
  });
}

int adm_foreach_norm(at::Tensor* const* tensors, size_t count, double* out) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    *out = count == 0 ? 0.0 : at::stack(at::_foreach_norm(list(tensors, count), 2)).norm().item<double>();
  });
}

int adm_foreach_mul(at::Tensor* const* tensors, size_t count, double factor) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    if (count != 0) at::_foreach_mul_(list(tensors, count), at::Scalar(factor));
  });
}

int adm_set_grad(at::Tensor* tensor, at::Tensor* gradient) {
  return guarded([&] { tensor->mutable_grad() = gradient == nullptr ? at::Tensor() : *gradient; });
}

int adm_from_blob(void* data, const int64_t* sizes, size_t dims, int kind, void (*drop)(void*), void* owner,
                  at::Tensor** out) {
  return guarded([&] {
    *out = new at::Tensor(at::from_blob(
        data, at::IntArrayRef(sizes, dims), [drop, owner](void*) { drop(owner); },
        at::TensorOptions().dtype(static_cast<at::ScalarType>(kind))));
  });
}

int adm_rng_state(at::Tensor** out) {
  return guarded([&] {
    auto generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    *out = new at::Tensor(generator.get_state());
  });
}

int adm_set_rng_state(at::Tensor* state) {
  return guarded([&] {
    auto generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(*state);
  });
}

int adm_set_deterministic(int on) {
  return guarded([&] { at::globalContext().setDeterministicAlgorithms(on != 0, /*warn_only=*/false); });
}

}  // extern "C"
