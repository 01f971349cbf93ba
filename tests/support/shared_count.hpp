// shared_count.hpp: a number that a child process counts up, and that its parent can read when the
// child is dead.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace lsmith::testing {

class SharedCount {
 public:
  explicit SharedCount(std::uint64_t value = 0)
      : memory_(mmap(nullptr, sizeof(Count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                     0)) {
    if (memory_ == MAP_FAILED) {
      std::fprintf(stderr, "no memory can be shared\n");
      std::abort();
    }
    count_ = new (memory_) Count(value);
  }
  ~SharedCount() { munmap(memory_, sizeof(Count)); }
  SharedCount(const SharedCount&) = delete;
  SharedCount& operator=(const SharedCount&) = delete;
  void set(std::uint64_t value) { count_->store(value, std::memory_order_release); }
  std::uint64_t get() const { return count_->load(std::memory_order_acquire); }

 private:
  using Count = std::atomic<std::uint64_t>;
  void* const memory_;
  Count* count_;
};

}  // namespace lsmith::testing
