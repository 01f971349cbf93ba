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

#include <cstddef>
#include <cstdint>
#include <stdexcept>
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
  // Fields that work well: the bits a key, and the hashes so far. How many lines there are is not
  // known before the last key has come, so no bit can be set before.
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

inline BloomBuilder::BloomBuilder(int) {}

inline void BloomBuilder::add(std::uint64_t) {
  // Any hash is a hash, zero too. The versions of a key come one behind the other and have the same
  // hash: the size of the filter must not grow with them.
  throw std::logic_error("05.1 is not yet written");
}

inline std::string BloomBuilder::finish() {
  // Lines: as many as the bits that were asked for need, rounded up; none when there are no keys.
  // Probes: 0.6 for each bit a key, to the nearest whole number, but from 1 to 24. Given both, each
  // byte of the body is decided by format.md, section 6: kind 1, the tail written low byte first.
  // Mind the widths: (hash >> 32) times lines needs 64 bits, the probes' product only 32.
  // Nothing of this filter may be left for the next, not even the memory of its last hash.
  throw std::logic_error("05.1 is not yet written");
}

// Given.
inline BloomFilter::BloomFilter(std::string_view body) : body_(body) {}

inline bool BloomFilter::may_contain(std::uint64_t) const {
  if (body_.size() <= 8) return true;  // given, for step 05.1: without lines nothing is denied
  // The last 8 bytes are the tail. Kind, probes, the two zeros and the lines must all be what this
  // format allows, and the lines must agree with the size; else true. The number of probes is the
  // tail's, not yours: others may have written this filter. No byte outside the body is read,
  // whatever the tail claims.
  throw std::logic_error("05.2 is not yet written");
}

// Given: a hint that may do nothing.
inline void BloomFilter::prefetch(std::uint64_t) const {}

}  // namespace lsmith
