// Memory of CPU tensors: one range of addresses, whose blocks are used again instead of being given back.
//
// A training asks for the same gigabytes at every step. Given back to the system, each of their pages is cleared when it
// is touched again, which took a third of the processor's time. Here a freed block stays in a list, joined with its free
// neighbours; the next request takes the smallest block that fits, and memory that was never touched only when no block
// does. So the pages in use stay few, and none is cleared twice.
//
// What is touched and free is "cached". `release` gives it back to the system, and so does a request that would
// otherwise go beyond the limit.

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace {

// Bytes; the fields are those of `Raw` in memory.rs.
struct adm_memory {
  uint64_t in_use;
  uint64_t requested;
  uint64_t cached;
  uint64_t peak;
  uint64_t peak_requested;
  uint64_t limit;
};

// Smaller requests are the business of malloc, which has lists for them.
constexpr size_t SMALLEST = 32 << 10;
// Blocks are whole pages, so that they can be given back.
constexpr size_t PAGE = 4 << 10;
// Addresses that are reserved at once, as long as the system lets us: addresses cost nothing.
constexpr size_t RESERVED = size_t{1} << 40;
constexpr size_t LEAST_RESERVED = size_t{64} << 20;

size_t rounded(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Free blocks by address and by size.
class Free {
 public:
  void add(uintptr_t start, size_t size) {
    if (size == 0) return;
    auto next = by_start_.lower_bound(start);
    if (next != by_start_.end() && start + size == next->first) {
      size += next->second;
      by_size_.erase({next->second, next->first});
      next = by_start_.erase(next);
    }
    if (next != by_start_.begin()) {
      auto before = std::prev(next);
      if (before->first + before->second == start) {
        start = before->first;
        size += before->second;
        by_size_.erase({before->second, before->first});
        by_start_.erase(before);
      }
    }
    by_start_.emplace(start, size);
    by_size_.emplace(size, start);
  }

  void remove(uintptr_t start) {
    auto found = by_start_.find(start);
    by_size_.erase({found->second, start});
    by_start_.erase(found);
  }

  // The smallest block of at least so many bytes, of equal ones the first: its address, or 0.
  uintptr_t fitting(size_t size) const {
    auto found = by_size_.lower_bound({size, 0});
    return found == by_size_.end() ? 0 : found->second;
  }

  // The size of the block at this address; 0 for none.
  size_t at(uintptr_t start) const {
    auto found = by_start_.find(start);
    return found == by_start_.end() ? 0 : found->second;
  }

  // The block that ends at this address; 0 for none.
  uintptr_t ending_at(uintptr_t end) const {
    auto next = by_start_.lower_bound(end);
    if (next == by_start_.begin()) return 0;
    auto before = std::prev(next);
    return before->first + before->second == end ? before->first : 0;
  }

  const std::map<uintptr_t, size_t>& blocks() const { return by_start_; }

  void clear() {
    by_start_.clear();
    by_size_.clear();
  }

 private:
  std::map<uintptr_t, size_t> by_start_;
  std::set<std::pair<size_t, uintptr_t>> by_size_;
};

struct Used {
  size_t size;
  size_t requested;
};

class CachingAllocator final : public c10::Allocator {
 public:
  static CachingAllocator& self() {
    // Never destroyed: tensors of other static objects may outlive it.
    static auto* allocator = new CachingAllocator();
    return *allocator;
  }

  c10::DataPtr allocate(size_t bytes) override {
    void* data = get(bytes);
    return {data, data, &drop, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &drop; }

  void copy_data(void* to, const void* from, size_t count) const override { std::memcpy(to, from, count); }

  adm_memory stats() {
    std::lock_guard<std::mutex> lock(mutex_);
    adm_memory out = counts_;
    out.limit = limit_;
    return out;
  }

  void set_limit(uint64_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    limit_ = bytes;
    if (limit_ != 0 && counts_.in_use + counts_.cached > limit_) release_all();
  }

  void reset_peak() {
    std::lock_guard<std::mutex> lock(mutex_);
    counts_.peak = counts_.in_use + counts_.cached;
    counts_.peak_requested = counts_.requested;
  }

  void release() {
    std::lock_guard<std::mutex> lock(mutex_);
    release_all();
  }

  void set_on(bool on) {
    std::lock_guard<std::mutex> lock(mutex_);
    on_ = on;
    if (!on) release_all();
  }

 private:
  static void drop(void* data) { self().put(data); }

  void* get(size_t bytes) {
    if (bytes < SMALLEST || bytes > std::numeric_limits<size_t>::max() / 2) return malloced(bytes);
    const size_t size = rounded(bytes, PAGE);
    std::lock_guard<std::mutex> lock(mutex_);
    if (!on_) return malloced(bytes);
    uintptr_t start = touched_.fitting(size);
    if (start != 0) {
      const size_t found = touched_.at(start);
      touched_.remove(start);
      touched_.add(start + size, found - size);
      counts_.cached -= size;
    } else {
      start = grown(size);
    }
    used_.emplace(start, Used{size, bytes});
    counts_.in_use += size;
    counts_.requested += bytes;
    const uint64_t held = counts_.in_use + counts_.cached;
    if (held > counts_.peak) {
      counts_.peak = held;
      counts_.peak_requested = counts_.requested;
    }
    return reinterpret_cast<void*>(start);
  }

  // A block for which memory that was not touched is needed.
  uintptr_t grown(size_t size) {
    if (limit_ != 0 && counts_.in_use + counts_.cached + size > limit_) {
      TORCH_CHECK(counts_.in_use + size <= limit_, "out of memory: ", size, " bytes were asked for, ", counts_.in_use,
                  " are in use, and the limit is ", limit_);
      release_all();
    }
    // What lies free before untouched memory is part of the block.
    for (const auto& [start, length] : fresh_.blocks()) {
      const uintptr_t before = touched_.ending_at(start);
      if (before == 0) continue;
      const size_t known = start - before;
      if (known + length < size) continue;
      touched_.remove(before);
      fresh_.remove(start);
      fresh_.add(before + size, known + length - size);
      counts_.cached -= known;
      return before;
    }
    uintptr_t start = fresh_.fitting(size);
    if (start == 0) {
      reserve(size);
      start = fresh_.fitting(size);
    }
    const size_t found = fresh_.at(start);
    fresh_.remove(start);
    fresh_.add(start + size, found - size);
    return start;
  }

  // More addresses.
  void reserve(size_t size) {
    for (size_t wanted = std::max(RESERVED, rounded(size, LEAST_RESERVED)); wanted >= size; wanted /= 2) {
      void* found = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (found != MAP_FAILED) {
        // Fewer, larger pages. Where the system has none, nothing is lost.
        (void)madvise(found, wanted, MADV_HUGEPAGE);
        const auto start = reinterpret_cast<uintptr_t>(found);
        lowest_ = lowest_ == 0 ? start : std::min(lowest_, start);
        highest_ = std::max(highest_, start + wanted);
        fresh_.add(start, wanted);
        return;
      }
    }
    TORCH_CHECK(false, "out of memory: ", size, " bytes were asked for, ", counts_.in_use,
                " are in use, and the system gives no more");
  }

  void put(void* data) {
    const auto start = reinterpret_cast<uintptr_t>(data);
    if (data == nullptr) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      auto found = start >= lowest_ && start < highest_ ? used_.find(start) : used_.end();
      if (found != used_.end()) {
        const Used block = found->second;
        used_.erase(found);
        counts_.in_use -= block.size;
        counts_.requested -= block.requested;
        counts_.cached += block.size;
        touched_.add(start, block.size);
        if (!on_) release_all();
        return;
      }
    }
    c10::GetDefaultCPUAllocator()->raw_deleter()(data);
  }

  void release_all() {
    for (const auto& [start, size] : touched_.blocks()) {
      (void)madvise(reinterpret_cast<void*>(start), size, MADV_DONTNEED);
      fresh_.add(start, size);
    }
    touched_.clear();
    counts_.cached = 0;
  }

  static void* malloced(size_t bytes) { return c10::GetDefaultCPUAllocator()->raw_allocate(bytes); }

  std::mutex mutex_;
  bool on_ = true;
  uint64_t limit_ = 0;
  // Bounds of all addresses that were reserved.
  uintptr_t lowest_ = 0;
  uintptr_t highest_ = 0;
  // Free memory that was written to before, and free addresses behind which there is none.
  Free touched_;
  Free fresh_;
  std::unordered_map<uintptr_t, Used> used_;
  adm_memory counts_ = {};
};

}  // namespace

extern "C" {

// From now on the memory of CPU tensors comes from here, or from the system again; tensors that exist keep theirs.
void adm_memory_cache(int on) {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(&CachingAllocator::self(), /*priority=*/255); });
  CachingAllocator::self().set_on(on != 0);
}

void adm_memory_stats(adm_memory* out) { *out = CachingAllocator::self().stats(); }

void adm_memory_set_limit(uint64_t bytes) { CachingAllocator::self().set_limit(bytes); }

void adm_memory_reset_peak() { CachingAllocator::self().reset_peak(); }

void adm_memory_release() { CachingAllocator::self().release(); }

}  // extern "C"
