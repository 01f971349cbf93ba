// bloom.hpp: a filter that never denies a key it holds. Yours to write; book/05-bloom.md explains.
//
// Goal: a few bits a key that spare most of the searches for keys that are not there.
//
//   hash:  | upper 32 bits: which line | lower 32 bits: which bits in it |
//   body:  | line 64 | line 64 | … | kind 1 | probes 1 | 0 2 | lines 4 |
//
// A line is 64 bytes, so 512 bits. Adding a key sets a few bits of one line; a key of which some
// bit is not set was never added. Bits are shared, so a foreign key may find all of its bits set:
// the answer is "no" or "maybe", never "yes".
//
// Steps (each is checked by `labs/lab check 05`)
//   05.1  BloomBuilder: its constructor, add, finish         about 25 minutes
//   05.2  BloomFilter::may_contain                           about 20 minutes
//
// Given: the constructor of BloomFilter and prefetch(), a hint that may stay empty; put_fixed32,
// load_fixed32 and their kin of coding.hpp. Whoever calls you has hashed the keys.
//
// Invariants
//  1. Every hash that was added is answered with "may contain".
//  2. So is every hash, by anything that is not a filter of this format.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below each `private:` is yours, and so are helpers, includes and bodies.
//
// Threads: a builder belongs to one thread; a filter only reads, so any number may ask it.
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
  std::uint64_t bits_per_key_;
  std::vector<std::uint64_t> hashes_;  // never two equal ones in a row
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

namespace detail {

inline constexpr std::size_t bloom_line_bytes = 64;
inline constexpr std::size_t bloom_line_bits = 8 * bloom_line_bytes;
inline constexpr std::size_t bloom_tail_bytes = 8;
inline constexpr std::uint8_t bloom_kind = 1;

// The line of a hash. Requires lines > 0.
inline std::uint64_t bloom_line(std::uint64_t hash, std::uint32_t lines) {
  return ((hash >> 32) * lines) >> 32;
}

// The bits of a hash in its line, one after the other.
class BloomProbe {
 public:
  explicit BloomProbe(std::uint64_t hash) : x_(static_cast<std::uint32_t>(hash)) {}
  std::uint32_t next() {
    const std::uint32_t bit = x_ >> 23;  // the top 9 of 32
    x_ *= 0x9e3779b9u;
    return bit;
  }

 private:
  std::uint32_t x_;
};

}  // namespace detail

inline BloomBuilder::BloomBuilder(int bits_per_key)
    : bits_per_key_(static_cast<std::uint64_t>(bits_per_key)) {
  assert(bits_per_key > 0);
}

inline void BloomBuilder::add(std::uint64_t hash) {
  if (hashes_.empty() || hashes_.back() != hash) hashes_.push_back(hash);
}

inline std::string BloomBuilder::finish() {
  const std::uint64_t wanted_bits = hashes_.size() * bits_per_key_;
  const auto lines = static_cast<std::uint32_t>((wanted_bits + detail::bloom_line_bits - 1) /
                                                detail::bloom_line_bits);
  const auto probes =
      static_cast<std::uint8_t>(std::clamp<std::uint64_t>((bits_per_key_ * 6 + 5) / 10, 1, 24));

  std::string body(lines * detail::bloom_line_bytes, '\0');
  for (const std::uint64_t hash : hashes_) {
    char* const line = body.data() + detail::bloom_line(hash, lines) * detail::bloom_line_bytes;
    detail::BloomProbe probe(hash);
    for (int i = 0; i < probes; ++i) {
      const std::uint32_t bit = probe.next();
      line[bit >> 3] =
          static_cast<char>(static_cast<unsigned char>(line[bit >> 3]) | (1u << (bit & 7)));
    }
  }
  hashes_.clear();

  body.push_back(static_cast<char>(detail::bloom_kind));
  body.push_back(static_cast<char>(probes));
  put_fixed16(body, 0);
  put_fixed32(body, lines);
  return body;
}

// Given.
inline BloomFilter::BloomFilter(std::string_view body) : body_(body) {}

inline bool BloomFilter::may_contain(std::uint64_t hash) const {
  if (body_.size() <= detail::bloom_tail_bytes) return true;
  const std::size_t lines_bytes = body_.size() - detail::bloom_tail_bytes;
  const char* const tail = body_.data() + lines_bytes;
  const auto kind = static_cast<std::uint8_t>(tail[0]);
  const auto probes = static_cast<std::uint8_t>(tail[1]);
  const std::uint32_t lines = load_fixed32(tail + 4);
  if (kind != detail::bloom_kind || probes == 0 || load_fixed16(tail + 2) != 0) return true;
  if (lines == 0 || std::uint64_t{lines} * detail::bloom_line_bytes != lines_bytes) return true;

  const char* const line =
      body_.data() + detail::bloom_line(hash, lines) * detail::bloom_line_bytes;
  detail::BloomProbe probe(hash);
  for (int i = 0; i < probes; ++i) {
    const std::uint32_t bit = probe.next();
    if (((static_cast<unsigned char>(line[bit >> 3]) >> (bit & 7)) & 1) == 0) return false;
  }
  return true;
}

// Given: a hint that may do nothing.
inline void BloomFilter::prefetch(std::uint64_t) const {}

}  // namespace lsmith
