// allocations.hpp: what is to happen before a thread gets memory. Replaces operator new of the
// whole executable, so one source of it includes this, and no other.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace lsmith::testing {

/// Called before this thread gets memory; it may throw std::bad_alloc. Whoever is called and
/// allocates itself, takes this away first.
inline thread_local void (*before_allocation)() = nullptr;
/// How much is wanted of it.
inline thread_local std::size_t wanted_bytes = 0;

inline void* allocate(std::size_t size_bytes) {
  wanted_bytes = size_bytes;
  if (before_allocation != nullptr) before_allocation();
  void* const memory = std::malloc(size_bytes > 0 ? size_bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace lsmith::testing

void* operator new(std::size_t size_bytes) {
  return lsmith::testing::allocate(size_bytes);
}
void* operator new[](std::size_t size_bytes) {
  return lsmith::testing::allocate(size_bytes);
}
void* operator new(std::size_t size_bytes, const std::nothrow_t&) noexcept {
  try {
    return lsmith::testing::allocate(size_bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
