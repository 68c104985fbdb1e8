// A process group of c10d over NCCL. It is a library of its own, which the program opens when several processes train on GPUs: what
// it is linked to is there only where torch is installed with CUDA.

#define USE_C10D_NCCL

#include <c10/cuda/CUDAFunctions.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <torch/headeronly/version.h>

#include <chrono>
#include <string>

#include "distributed.h"
#include "shim.h"

extern "C" {

// The version of libtorch that it was built against.
const char* adm_nccl_built_version() {
#define ADM_TEXT(x) #x
#define ADM_DOTTED(a, b, c) ADM_TEXT(a) "." ADM_TEXT(b) "." ADM_TEXT(c)
  return ADM_DOTTED(TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
}

const char* adm_nccl_error() { return adm::last_error().c_str(); }

// Every process of the group calls it, each with a device of its own.
int adm_nccl_group(adm::Store* store, const char* prefix, int rank, int size, int device, int64_t timeout_ms,
                   adm::Group** out) {
  return adm::guarded([&] {
    const std::chrono::milliseconds timeout(timeout_ms);
    c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
    auto own = c10::make_intrusive<c10d::PrefixStore>(std::string(prefix), store->store);
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = timeout;
    auto group = c10::make_intrusive<c10d::ProcessGroupNCCL>(own, rank, size, options);
    *out = new adm::Group{std::move(group), timeout};
  });
}

}  // extern "C"
