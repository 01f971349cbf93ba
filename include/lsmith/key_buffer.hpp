// key_buffer.hpp: a key that is replaced at every step, and comparing it with the next one.
//
// A walk remembers the key that it passed, to tell the next key from a further version of this one.
// A std::string does that by two calls into libraries, which cost more than the sixteen bytes of a
// usual key do. Here they are moved and compared eight at a time in place, and the last eight
// first: neighbours in sorted order differ there.
//
// Cost: keys of up to 48 bytes take no allocation; a longer one takes one as it is the longest yet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace lsmith {

/// Whether the two are the same bytes.
inline bool is_same_key(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const auto word = [](std::string_view key, std::size_t at) {
    std::uint64_t value;
    std::memcpy(&value, key.data() + at, sizeof value);
    return value;
  };
  if (a.size() < 8) {
    for (std::size_t i = 0; i < a.size(); ++i)
      if (a[i] != b[i]) return false;
    return true;
  }
  if (word(a, a.size() - 8) != word(b, b.size() - 8)) return false;
  for (std::size_t at = 0; at + 8 < a.size(); at += 8)
    if (word(a, at) != word(b, at)) return false;
  return true;
}

/// A copy of a key; empty at first. One that was moved from holds what the other one held. One
/// thread at a time.
class KeyBuffer {
 public:
  KeyBuffer() = default;
  KeyBuffer(KeyBuffer&& other) noexcept { *this = std::move(other); }
  KeyBuffer& operator=(KeyBuffer&& other) noexcept {
    std::swap(heap_, other.heap_);
    std::swap(size_bytes_, other.size_bytes_);
    std::swap(capacity_bytes_, other.capacity_bytes_);
    std::swap(inline_, other.inline_);
    return *this;
  }

  /// Replaces it. `key` may be a part of what is held.
  void assign(std::string_view key) {
    if (key.size() > capacity_bytes_) return grow(key);
    size_bytes_ = key.size();
    if (key.size() >= 8 && key.size() <= 16) return copy_ends<8>(key);
    if (key.size() > 16 && key.size() <= 32) return copy_ends<16>(key);
    std::memmove(bytes(), key.data(), key.size());
  }
  /// Lives until the next assign().
  std::string_view view() const { return {heap_ != nullptr ? heap_.get() : inline_, size_bytes_}; }

 private:
  static constexpr std::size_t inline_bytes = 48;

  char* bytes() { return heap_ != nullptr ? heap_.get() : inline_; }
  // Of a key of one to two times that many bytes: its first ones and its last ones, which meet.
  template <std::size_t Bytes>
  void copy_ends(std::string_view key) {
    struct Piece {
      char bytes[Bytes];
    } first, last;
    std::memcpy(&first, key.data(), Bytes);
    std::memcpy(&last, key.data() + key.size() - Bytes, Bytes);
    std::memcpy(bytes(), &first, Bytes);
    std::memcpy(bytes() + key.size() - Bytes, &last, Bytes);
  }
  void grow(std::string_view key) {
    const std::size_t capacity_bytes = std::max(key.size(), 2 * capacity_bytes_);
    auto heap = std::make_unique<char[]>(capacity_bytes);
    std::memcpy(heap.get(), key.data(), key.size());
    heap_ = std::move(heap);
    capacity_bytes_ = capacity_bytes;
    size_bytes_ = key.size();
  }

  std::unique_ptr<char[]> heap_;
  std::size_t size_bytes_ = 0;
  std::size_t capacity_bytes_ = inline_bytes;
  char inline_[inline_bytes] = {};
};

}  // namespace lsmith
