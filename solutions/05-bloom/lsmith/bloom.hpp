// bloom.hpp: a filter that never denies a key it holds.
//
// An array of lines of 512 bits. A key's hash names one line and a few bits in it. Adding a key
// sets its bits; a key of which some bit is not set was never added. Bits are shared, so a foreign
// key may find all of its bits set: the answer is "no" or "maybe", never "yes".
//
//   hash:  | upper 32 bits: which line | lower 32 bits: which bits in it |
//   body:  | line 64 | line 64 | … | kind 1 | probes 1 | 0 2 | lines 4 |
//
// Invariants
//  1. Every hash that was added is answered with "may contain".
//  2. So is every hash, by anything that is not a filter of this format.
#pragma once

#include <lsmith/coding.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lsmith {

/// Builds the body of a filter from key hashes; book/format.md, section 6. One thread at a time.
class BloomBuilder {
 public:
  /// Requires bits_per_key > 0.
  explicit BloomBuilder(int bits_per_key);

  /// Adds hash_bytes(key). The same hash twice in a row counts once.
  void add(std::uint64_t hash);
  /// The filter's body; the builder is empty afterwards.
  std::string finish();

 private:
  int bits_per_key_;
  std::vector<std::uint64_t> hashes_;
};

/// Asks a filter. A view: it borrows the body. Thread-safe.
class BloomFilter {
 public:
  /// Any bytes are accepted: a body that is not a filter of this format may contain every key.
  explicit BloomFilter(std::string_view body);

  /// False only when no key with this hash was added.
  bool may_contain(std::uint64_t hash) const;
  /// A hint that may_contain(hash) follows. It may do nothing.
  void prefetch(std::uint64_t hash) const;

 private:
  std::string_view body_;
};

inline BloomBuilder::BloomBuilder(int bits_per_key) : bits_per_key_(bits_per_key) {
  assert(bits_per_key > 0);
}

inline void BloomBuilder::add(std::uint64_t hash) {
  if (hashes_.empty() || hashes_.back() != hash) hashes_.push_back(hash);
}

inline std::string BloomBuilder::finish() {
  const std::uint64_t lines =
      (hashes_.size() * static_cast<std::uint64_t>(bits_per_key_) + 511) / 512;
  const int probes = std::clamp((bits_per_key_ * 6 + 5) / 10, 1, 24);

  std::string body(static_cast<std::size_t>(lines) * 64, '\0');
  for (std::uint64_t hash : hashes_) {
    const std::uint64_t line = ((hash >> 32) * lines) >> 32;
    std::uint32_t x = static_cast<std::uint32_t>(hash);
    for (int i = 0; i < probes; ++i) {
      const std::uint32_t bit = x >> 23;
      char& byte = body[static_cast<std::size_t>(line * 64 + bit / 8)];
      byte = static_cast<char>(static_cast<unsigned char>(byte) | (1u << (bit % 8)));
      x *= 0x9E3779B9u;
    }
  }
  body.push_back(1);  // the kind
  body.push_back(static_cast<char>(probes));
  put_fixed16(body, 0);
  put_fixed32(body, static_cast<std::uint32_t>(lines));
  hashes_.clear();
  return body;
}

inline BloomFilter::BloomFilter(std::string_view body) : body_(body) {}

inline bool BloomFilter::may_contain(std::uint64_t hash) const {
  if (body_.size() < 8) return true;
  const char* tail = body_.data() + body_.size() - 8;
  const int probes = static_cast<unsigned char>(tail[1]);
  const std::uint64_t lines = load_fixed32(tail + 4);
  // What this version can not read may hold every key.
  if (tail[0] != 1 || load_fixed16(tail + 2) != 0) return true;
  if (probes == 0 || lines == 0 || lines * 64 != body_.size() - 8) return true;

  const std::uint64_t line = ((hash >> 32) * lines) >> 32;
  std::uint32_t x = static_cast<std::uint32_t>(hash);
  for (int i = 0; i < probes; ++i) {
    const std::uint32_t bit = x >> 23;
    const auto byte =
        static_cast<unsigned char>(body_[static_cast<std::size_t>(line * 64 + bit / 8)]);
    if ((byte & (1u << (bit % 8))) == 0) return false;
    x *= 0x9E3779B9u;
  }
  return true;
}

inline void BloomFilter::prefetch(std::uint64_t) const {}

}  // namespace lsmith
