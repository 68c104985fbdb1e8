// The few libtorch functions that tch does not wrap, behind a C interface.
// Tensors cross as at::Tensor*, as in tch. Each function returns 0, or 1 with a message in adm_error().

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/function_schema_inl.h>
#include <ATen/core/jit_type.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/version.h>

#include <mutex>
#include <string>
#include <vector>

#include "shim.h"

using adm::guarded;
using adm::last_error;
using adm::list;

// One argument of adm_call; the numbers of `tag` are those of `Raw` in call.rs.
struct adm_argument {
  int tag;
  int64_t integer;
  double number;
  at::Tensor* const* tensors;
  const int64_t* integers;
  const char* text;
  size_t count;
};

namespace {

c10::IValue value(const adm_argument& argument) {
  switch (argument.tag) {
    case 0:
      return c10::IValue();
    case 1:
      return *argument.tensors[0];
    case 2:
      return argument.integer;
    case 3:
      return argument.number;
    case 4:
      return argument.integer != 0;
    case 5:
      return list(argument.tensors, argument.count);
    case 6:
      return std::vector<int64_t>(argument.integers, argument.integers + argument.count);
    case 7:
      return std::string(argument.text, argument.count);
    default:
      TORCH_CHECK(false, "unknown kind of argument");
  }
}

}  // namespace

extern "C" {

const char* adm_error() { return last_error().c_str(); }

const char* adm_built_version() { return TORCH_VERSION; }

// What the loaded library says of itself; the text lives until the next call of this thread.
int adm_config(const char** out) {
  return guarded([&] {
    thread_local std::string text;
    text = at::show_config();
    *out = text.c_str();
  });
}

// Calls any operator by the name of its schema. `give` gets each resulting tensor, which it then owns.
int adm_call(const char* name, const char* overload, const adm_argument* arguments, size_t count,
             void (*give)(void*, at::Tensor*), void* taker) {
  return guarded([&] {
    auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
    torch::jit::Stack stack;
    for (size_t i = 0; i < count; ++i) stack.push_back(value(arguments[i]));
    // Checks number and types, and fills in what the schema has defaults for.
    handle.schema().checkAndNormalizeInputs<c10::Type>(stack);
    handle.callBoxed(stack);
    for (const auto& result : stack) {
      if (result.isTensor()) {
        give(taker, new at::Tensor(result.toTensor()));
      } else if (result.isTensorList()) {
        for (const at::Tensor& tensor : result.toTensorVector()) give(taker, new at::Tensor(tensor));
      } else {
        TORCH_CHECK(result.isNone(), name, " gives something else than tensors");
      }
    }
  });
}

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

// Bytes of memory that a CUDA device has in all.
int adm_cuda_memory(int device, uint64_t* out) {
  return guarded([&] {
    auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(c10::DeviceType::CUDA));
    TORCH_CHECK(allocator != nullptr, "libtorch has no allocator of CUDA memory");
    *out = allocator->getMemoryInfo(static_cast<c10::DeviceIndex>(device)).second;
  });
}

}  // extern "C"
