// bloom.hpp: a filter that never denies a key it holds.
//
// A blocked bloom filter (Putze, Sanders, Singler 2007): a key sets its bits within one line of 64
// bytes, so asking costs one cache miss however many bits are probed. At 10 bits a key and 6 probes
// about one foreign key in a hundred is let through; the lines fill unevenly, which costs a fifth
// over the ideal.
//
//   hash:  | upper 32 bits: which line | lower 32 bits: which bits in it |
//   body:  | line 64 | line 64 | … | kind 1 | probes 1 | 0 2 | lines 4 |
//
// Invariants
//  1. Every hash that was added is answered with "may contain".
//  2. So is every hash, by anything that is not a filter of this format.
//
// What this changes from the textbook: the tail is read once, when the filter is opened, and the
// probes stop at the first zero bit; prefetch() touches the line, so that several tables' filters
// can be fetched side by side before any of them is asked. Keep the body at a multiple of 64 in
// memory: then a line is one cache line.
#pragma once

#include <lsmith/coding.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lsmith {

namespace detail {

inline constexpr std::size_t bloom_line_bytes = 64;
inline constexpr std::size_t bloom_tail_bytes = 8;
inline constexpr std::uint8_t bloom_kind = 1;
inline constexpr int bloom_probes_max = 24;

// Scales the upper half of the hash to a line number, by a multiplication instead of a division.
inline std::size_t bloom_line(std::uint64_t hash, std::uint32_t line_count) {
  return static_cast<std::size_t>(((hash >> 32) * line_count) >> 32);
}

// Calls visit(bit number in the line) for each probe, until it returns false.
template <class Visit>
bool bloom_probe(std::uint64_t hash, int probes, Visit visit) {
  auto x = static_cast<std::uint32_t>(hash);
  for (int i = 0; i < probes; ++i) {
    if (!visit(x >> 23)) return false;
    x *= 0x9E3779B9u;  // 2^32 divided by the golden ratio: odd, so no bits are lost
  }
  return true;
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
  const char* line_of(std::uint64_t hash) const {
    return lines_ + detail::bloom_line(hash, line_count_) * detail::bloom_line_bytes;
  }

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
  constexpr std::size_t line_bits = detail::bloom_line_bytes * 8;
  const std::size_t bits = hashes_.size() * static_cast<std::size_t>(bits_per_key_);
  const std::size_t lines = (bits + line_bits - 1) / line_bits;
  assert(lines <= 0xffffffffu);
  // The best number of probes is ln 2 = 0.69 a bit; uneven lines and speed argue for a little less.
  int probes = (bits_per_key_ * 6 + 5) / 10;
  if (probes < 1) probes = 1;
  if (probes > detail::bloom_probes_max) probes = detail::bloom_probes_max;

  std::string body(lines * detail::bloom_line_bytes, '\0');
  for (std::uint64_t hash : hashes_) {
    char* line = body.data() + detail::bloom_line(hash, static_cast<std::uint32_t>(lines)) *
                                   detail::bloom_line_bytes;
    detail::bloom_probe(hash, probes, [line](std::uint32_t bit) {
      line[bit >> 3] =
          static_cast<char>(static_cast<unsigned char>(line[bit >> 3]) | (1u << (bit & 7)));
      return true;
    });
  }
  body.push_back(static_cast<char>(detail::bloom_kind));
  body.push_back(static_cast<char>(probes));
  put_fixed16(body, 0);
  put_fixed32(body, static_cast<std::uint32_t>(lines));
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
  const char* line = line_of(hash);
  return detail::bloom_probe(hash, probes_, [line](std::uint32_t bit) {
    return (static_cast<unsigned char>(line[bit >> 3]) >> (bit & 7) & 1) != 0;
  });
}

inline void BloomFilter::prefetch(std::uint64_t hash) const {
#if defined(__GNUC__)
  if (line_count_ != 0) __builtin_prefetch(line_of(hash));
#else
  static_cast<void>(hash);
#endif
}

}  // namespace lsmith
