// bloom.hpp: a filter that never denies a key it holds.
//
// A blocked bloom filter (Putze, Sanders, Singler 2007; the choice of line and bits from one hash
// is that of RocksDB's FastLocalBloom): a key sets its bits within one line of 64 bytes, so asking
// costs one cache miss however many bits are probed. At 10 bits a key and 6 probes about one
// foreign key in a hundred is let through; the lines fill unevenly, which costs a fifth over the
// ideal.
//
//   hash:  | upper 32 bits: which line | lower 32 bits: which bits in it |
//   body:  | line 64 | line 64 | … | kind 1 | probes 1 | 0 2 | lines 4 |
//
// Invariants
//  1. Every hash that was added is answered with "may contain".
//  2. So is every hash, by anything that is not a filter of this format.
//
// The number of probes. A filter of one piece wants ln 2 = 0.69 probes for each bit of a key; a
// line that is fuller than others suffers from more of them, so here it is 0.6: 6 for 10 bits.
//
// What this changes from the textbook: the tail is read once, when the filter is opened. A question
// has one branch, at its end: to leave at the first zero bit saves loads and costs a mispredicted
// branch, which is more. prefetch() touches the line, so that several tables' filters can be
// fetched side by side before any of them is asked, and finish() touches the lines of later keys
// while it sets the bits of earlier ones. Keep the body at a multiple of 64 in memory: then a line
// is one cache line.
#pragma once

#include <lsmith/coding.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace lsmith {

namespace detail {

inline constexpr std::size_t bloom_line_bytes = 64;
inline constexpr std::size_t bloom_tail_bytes = 8;
inline constexpr std::uint8_t bloom_kind = 1;
inline constexpr int bloom_probes_max = 24;

// Where the line of a hash begins. Scales by a multiplication instead of a division.
inline std::size_t bloom_line_begin(std::uint64_t hash, std::uint32_t lines) {
  return bloom_line_bytes * static_cast<std::size_t>(((hash >> 32) * lines) >> 32);
}

// What the next probe starts from, by 2^32 divided by the golden ratio: odd, so no bits are lost.
inline std::uint32_t bloom_next(std::uint32_t x) {
  return x * 0x9E3779B9u;
}

inline void bloom_touch([[maybe_unused]] const char* line) {
#if defined(__GNUC__)
  __builtin_prefetch(line);
#endif
}

}  // namespace detail

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
  std::deque<std::uint64_t> hashes_;  // which grows without being moved
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
  const char* lines_ = nullptr;
  std::uint32_t line_count_ = 0;  // 0: not a filter that this version reads
  int probes_ = 0;
};

inline BloomBuilder::BloomBuilder(int bits_per_key) : bits_per_key_(bits_per_key) {
  assert(bits_per_key > 0);
}

inline void BloomBuilder::add(std::uint64_t hash) {
  if (!hashes_.empty() && hashes_.back() == hash) return;  // another version of the same key
  hashes_.push_back(hash);
}

inline std::string BloomBuilder::finish() {
  const std::uint64_t bits = hashes_.size() * static_cast<std::uint64_t>(bits_per_key_);
  assert((bits + 511) / 512 <= 0xffffffff / detail::bloom_line_bytes);
  const auto lines = static_cast<std::uint32_t>((bits + 511) / 512);  // of no keys: none
  const int probes = std::clamp((bits_per_key_ * 6 + 5) / 10, 1, detail::bloom_probes_max);

  std::string body(detail::bloom_line_bytes * lines, '\0');
  constexpr std::size_t ahead = 16;
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    if (i + ahead < hashes_.size()) {
      detail::bloom_touch(body.data() + detail::bloom_line_begin(hashes_[i + ahead], lines));
    }
    char* line = body.data() + detail::bloom_line_begin(hashes_[i], lines);
    auto x = static_cast<std::uint32_t>(hashes_[i]);
    for (int probe = 0; probe < probes; ++probe, x = detail::bloom_next(x)) {
      const std::uint32_t bit = x >> 23;
      line[bit >> 3] = static_cast<char>(line[bit >> 3] | 1 << (bit & 7));
    }
  }
  body.push_back(static_cast<char>(detail::bloom_kind));
  body.push_back(static_cast<char>(probes));
  put_fixed16(body, 0);
  put_fixed32(body, lines);
  hashes_.clear();
  return body;
}

inline BloomFilter::BloomFilter(std::string_view body) {
  if (body.size() < detail::bloom_tail_bytes) return;
  const std::size_t line_bytes = body.size() - detail::bloom_tail_bytes;
  const char* tail = body.data() + line_bytes;
  const std::uint64_t lines = load_fixed32(tail + 4);
  if (static_cast<std::uint8_t>(tail[0]) != detail::bloom_kind) return;
  if (load_fixed16(tail + 2) != 0) return;
  if (tail[1] == 0 || lines * detail::bloom_line_bytes != line_bytes) return;
  lines_ = body.data();
  line_count_ = static_cast<std::uint32_t>(lines);
  probes_ = static_cast<std::uint8_t>(tail[1]);
}

inline bool BloomFilter::may_contain(std::uint64_t hash) const {
  if (line_count_ == 0) return true;
  const char* line = lines_ + detail::bloom_line_begin(hash, line_count_);
  auto x = static_cast<std::uint32_t>(hash);
  unsigned all = 1;  // its lowest bit: whether every bit so far was set
  for (int probe = 0; probe < probes_; ++probe, x = detail::bloom_next(x)) {
    const std::uint32_t bit = x >> 23;
    all &= static_cast<unsigned>(static_cast<unsigned char>(line[bit >> 3])) >> (bit & 7);
  }
  return all != 0;
}

inline void BloomFilter::prefetch(std::uint64_t hash) const {
  if (line_count_ != 0) detail::bloom_touch(lines_ + detail::bloom_line_begin(hash, line_count_));
}

}  // namespace lsmith
