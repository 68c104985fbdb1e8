// Process groups of c10d over Gloo, and the store through which processes find each other. A group over NCCL is made by a
// library of its own (csrc_cuda), and used through the same functions.

#define USE_C10D_GLOO

#include "distributed.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "shim.h"

using adm::Group;
using adm::Store;
using std::chrono::milliseconds;

namespace {

// What one process gives and takes.
template <typename Options>
Options with(milliseconds timeout) {
  Options options;
  options.timeout = timeout;
  return options;
}

std::vector<uint8_t> bytes(const uint8_t* data, size_t size) { return {data, data + size}; }

}  // namespace

extern "C" {

// Serves a store at a port, 0 for any that is free, or joins one. `port` is replaced by the one that it is served at.
int adm_store_open(const char* host, uint16_t* port, int serves, int64_t timeout_ms, Store** out) {
  return adm::guarded([&] {
    // What c10d logs of a connection that ends has C++ frames in it, and is told by its error as well. Python's start would have made
    // libtorch look at TORCH_CPP_LOG_LEVEL.
    static const bool is_ready = [] {
      c10::initLogging();
      return true;
    }();
    (void)is_ready;
    c10d::TCPStoreOptions options;
    options.port = *port;
    options.isServer = serves != 0;
    options.waitWorkers = false;
    options.timeout = milliseconds(timeout_ms);
    auto store = c10::make_intrusive<c10d::TCPStore>(std::string(host), options);
    *port = store->getPort();
    *out = new Store{std::move(store)};
  });
}

int adm_store_set(Store* store, const char* key, const uint8_t* data, size_t size) {
  return adm::guarded([&] { store->store->set(key, bytes(data, size)); });
}

// Waits for the key as long as the store was told to when it was opened.
int adm_store_get(Store* store, const char* key, void (*give)(void*, const uint8_t*, size_t), void* taker) {
  return adm::guarded([&] {
    const auto value = store->store->get(key);
    give(taker, value.data(), value.size());
  });
}

int adm_store_add(Store* store, const char* key, int64_t amount, int64_t* out) {
  return adm::guarded([&] { *out = store->store->add(key, amount); });
}

int adm_store_has(Store* store, const char* key, int* out) {
  return adm::guarded([&] { *out = store->store->check({std::string(key)}) ? 1 : 0; });
}

int adm_store_delete(Store* store, const char* key) {
  return adm::guarded([&] { store->store->deleteKey(key); });
}

void adm_store_free(Store* store) { delete store; }

// Every process of the group calls it. Without an interface the address is that of this machine's name.
int adm_group_gloo(Store* store, const char* prefix, int rank, int size, const char* interface, int64_t timeout_ms,
                   Group** out) {
  return adm::guarded([&] {
    auto own = c10::make_intrusive<c10d::PrefixStore>(std::string(prefix), store->store);
    auto options = c10d::ProcessGroupGloo::Options::create(milliseconds(timeout_ms));
    options->devices.push_back(*interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                          : c10d::ProcessGroupGloo::createDefaultDevice());
    auto group = c10::make_intrusive<c10d::ProcessGroupGloo>(own, rank, size, options);
    *out = new Group{std::move(group), milliseconds(timeout_ms)};
  });
}

int adm_group_all_reduce(Group* group, at::Tensor* tensor) {
  return adm::guarded([&] {
    std::vector<at::Tensor> tensors{*tensor};
    group->backend->allreduce(tensors, with<c10d::AllreduceOptions>(group->timeout))->wait();
  });
}

int adm_group_reduce_scatter(Group* group, at::Tensor* out, at::Tensor* in) {
  return adm::guarded([&] {
    group->backend->_reduce_scatter_base(*out, *in, with<c10d::ReduceScatterOptions>(group->timeout))->wait();
  });
}

int adm_group_all_gather(Group* group, at::Tensor* out, at::Tensor* in) {
  return adm::guarded([&] {
    group->backend->_allgather_base(*out, *in, with<c10d::AllgatherOptions>(group->timeout))->wait();
  });
}

int adm_group_broadcast(Group* group, at::Tensor* tensor, int root) {
  return adm::guarded([&] {
    std::vector<at::Tensor> tensors{*tensor};
    auto options = with<c10d::BroadcastOptions>(group->timeout);
    options.rootRank = root;
    group->backend->broadcast(tensors, options)->wait();
  });
}

int adm_group_barrier(Group* group) {
  return adm::guarded([&] { group->backend->barrier(with<c10d::BarrierOptions>(group->timeout))->wait(); });
}

void adm_group_free(Group* group) { delete group; }

}  // extern "C"
