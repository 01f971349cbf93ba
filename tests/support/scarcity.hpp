// scarcity.hpp: memory that can not be had. Includes allocations.hpp, so one source of an
// executable includes it.
#pragma once

#include <cstdint>
#include <new>

#include "allocations.hpp"

namespace lsmith::testing {

/// While it lives, counts this thread's allocations, from 1 on, and lets the n-th fail: it alone,
/// or all from there on. One at a time.
class Scarcity {
 public:
  Scarcity(std::uint64_t n, bool for_ever) {
    count_ = 0;
    first_ = n;
    for_ever_ = for_ever;
    before_allocation = [] {
      ++count_;
      if (count_ == first_ || (for_ever_ && count_ > first_)) throw std::bad_alloc();
    };
  }
  ~Scarcity() { before_allocation = nullptr; }
  Scarcity(const Scarcity&) = delete;
  Scarcity& operator=(const Scarcity&) = delete;
  /// Of the one that lives, or lived last.
  static std::uint64_t count() { return count_; }

 private:
  static inline thread_local std::uint64_t count_, first_;
  static inline thread_local bool for_ever_;
};

}  // namespace lsmith::testing
