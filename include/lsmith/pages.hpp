// pages.hpp: hints to the operating system about memory that is about to be filled.
//
// Memory comes from the system a page at a time, each when it is touched first, and each such fault
// costs more than filling the page does: much more inside a virtual machine. Who knows that a large
// block will be filled may ask for its pages at once, or for large ones. Both are hints: where the
// system does not know them nothing happens. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace lsmith {

/// The block will be filled soon, all of it: its pages are to be there before they are touched.
void populate_pages(char* block, std::size_t bytes);
/// The block will be filled from the front, perhaps not to its end: larger pages are better.
void enlarge_pages(char* block, std::size_t bytes);

#if defined(__linux__)

namespace detail {

// Advice for the whole pages inside the block. It may fail.
inline void advise(char* block, std::size_t bytes, std::size_t page_bytes, int advice) {
  const auto begin = reinterpret_cast<std::uintptr_t>(block);
  const std::uintptr_t first = (begin + page_bytes - 1) / page_bytes * page_bytes;
  const std::uintptr_t last = (begin + bytes) / page_bytes * page_bytes;
  if (first < last) ::madvise(block + (first - begin), last - first, advice);
}

}  // namespace detail

inline void populate_pages(char* block, std::size_t bytes) {
  constexpr int madv_populate_write = 23;  // by number: headers may be older than the system
  detail::advise(block, bytes, 4096, madv_populate_write);
}

inline void enlarge_pages(char* block, std::size_t bytes) {
  detail::advise(block, bytes, std::size_t{2} << 20, MADV_HUGEPAGE);
}

#else

inline void populate_pages(char*, std::size_t) {}
inline void enlarge_pages(char*, std::size_t) {}

#endif

}  // namespace lsmith
