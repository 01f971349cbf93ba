// pages.hpp: memory that is about to be filled, and the operating system's pages.
//
// Memory comes from the system a page at a time, each when it is touched first, and each such fault
// costs more than filling the page does: much more inside a virtual machine. Who knows that a large
// block will be filled may ask for its pages at once, or for large ones, of which a processor also
// remembers more. All of that are hints: where the system does not know them nothing happens.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace lsmith {

inline constexpr std::size_t large_page_bytes = std::size_t{2} << 20;
/// Memory that has grown to this grows by large pages.
inline constexpr std::size_t large_pages_from_bytes = 4 * large_page_bytes;

/// The block will be filled soon, all of it: its pages are to be there before they are touched.
void populate_pages(char* block, std::size_t bytes);
/// The block will be filled from the front, perhaps not to its end: larger pages are better.
void enlarge_pages(char* block, std::size_t bytes);

/// A large page's worth of memory that will be filled. The system has it back at once when it dies:
/// what an allocator keeps of blocks that came and went is memory that nobody else can have.
/// Move-only.
class LargePage {
 public:
  /// Empty when there is no memory.
  LargePage();
  LargePage(LargePage&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
  LargePage& operator=(LargePage&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~LargePage();

  /// large_page_bytes of them, or null.
  char* data() const { return bytes_; }

 private:
  friend class SparePage;
  explicit LargePage(char* bytes) : bytes_(bytes) {}

  char* bytes_ = nullptr;
};

/// The large page that will be needed next, made ahead in the background: to fill one with zeros
/// takes the system 0.2 ms, and 5 ms where the memory is new to a virtual machine. There is at most
/// one, for all of the process, and it is kept until somebody needs it. Thread-safe.
class SparePage {
 public:
  /// The spare one; a new one where there is none.
  static LargePage take();
  /// Makes one where there is none. Nothing happens where there is no memory, nor on a system that
  /// does not fill pages with zeros when it is asked to.
  static void make();
  static bool is_ready() { return bytes_.load(std::memory_order_relaxed) != nullptr; }

 private:
  static inline std::atomic<char*> bytes_{nullptr};  // release and acquire: with what is in them
};

inline LargePage SparePage::take() {
  char* const bytes = bytes_.exchange(nullptr, std::memory_order_acquire);
  return bytes != nullptr ? LargePage(bytes) : LargePage();
}

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
  detail::advise(block, bytes, large_page_bytes, MADV_HUGEPAGE);
}

// The system places nothing as large pages are placed, so twice as much is asked for, and what is
// too much given back.
inline LargePage::LargePage() {
  void* const room = ::mmap(nullptr, 2 * large_page_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return;
  const auto misplaced = reinterpret_cast<std::uintptr_t>(room) % large_page_bytes;
  const std::size_t before_bytes = (large_page_bytes - misplaced) % large_page_bytes;
  bytes_ = static_cast<char*>(room) + before_bytes;
  if (before_bytes > 0) ::munmap(room, before_bytes);
  ::munmap(bytes_ + large_page_bytes, large_page_bytes - before_bytes);
  enlarge_pages(bytes_, large_page_bytes);
  // Touched first, which gets a large page while other threads may ask for memory; the call below
  // has them wait, and is for where it became small ones.
  *bytes_ = 0;
  populate_pages(bytes_, large_page_bytes);
}

inline LargePage::~LargePage() {
  if (bytes_ != nullptr) ::munmap(bytes_, large_page_bytes);
}

inline void SparePage::make() {
  if (is_ready()) return;
  LargePage page;
  char* nobody = nullptr;  // or whoever was faster
  if (bytes_.compare_exchange_strong(nobody, page.bytes_, std::memory_order_release))
    page.bytes_ = nullptr;
}

#else

inline void populate_pages(char*, std::size_t) {}
inline void enlarge_pages(char*, std::size_t) {}

inline LargePage::LargePage() : bytes_(static_cast<char*>(std::malloc(large_page_bytes))) {}
inline LargePage::~LargePage() {
  std::free(bytes_);
}

inline void SparePage::make() {}

#endif

}  // namespace lsmith
