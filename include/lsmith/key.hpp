// key.hpp: what is stored: a user key, a tag (sequence number and kind), a value; and their one
// order.
//
//   tag, 64 bits:   | sequence number, 56 bits | kind, 8 bits |
//
// Every write gets the next sequence number, so a key has versions. Entries are ordered by user
// key, bytes as unsigned, then by tag, largest first: the newest version of a key comes first, and
// a seek to (key, sequence) lands on the newest version that is not newer than the sequence.
//
//   put a=1 (seq 5)   erase a (seq 9)   put b=2 (seq 7)      order:  a@9 erase · a@5 "1" · b@7 "2"
//
// Key and tag are never joined into one string in memory: a structure may store them apart.
#pragma once

#include <lsmith/hash.hpp>

#include <cassert>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lsmith {

/// The number of a write; 0 is "before the first write".
using Sequence = std::uint64_t;
inline constexpr Sequence sequence_max = (Sequence{1} << 56) - 1;

/// What an entry says about its key. The numbers are on disk; those from merge on are reserved and
/// refused by this version.
enum class Kind : std::uint8_t {
  erase = 0,          ///< the key is deleted: a tombstone
  put = 1,            ///< the key has this value, which may be empty
  merge = 2,          ///< reserved: an operand to be folded into the value below
  put_expiring = 3,   ///< reserved: a value that ends at a time
  value_pointer = 4,  ///< reserved: the value lives in another file
  erase_single = 5,   ///< reserved: deletes exactly one put
  erase_range = 6,    ///< reserved: deletes all keys from here to the value
};
/// The largest kind that this version reads.
inline constexpr std::uint8_t kind_max = 1;

/// Limits that the format holds to; what is larger is refused, never cut.
inline constexpr std::size_t key_bytes_max = 65535;
inline constexpr std::size_t value_bytes_max = std::size_t{1} << 30;
inline constexpr std::size_t batch_bytes_max = (std::size_t{1} << 31) - (std::size_t{1} << 20);

constexpr std::uint64_t make_tag(Sequence sequence, Kind kind) {
  return (sequence << 8) | static_cast<std::uint8_t>(kind);
}
constexpr Sequence sequence_of(std::uint64_t tag) {
  return tag >> 8;
}
constexpr Kind kind_of(std::uint64_t tag) {
  return static_cast<Kind>(tag & 0xff);
}
/// The tag that sorts before every entry of its key with this sequence number, for seeks.
constexpr std::uint64_t seek_tag(Sequence sequence) {
  return (sequence << 8) | 0xff;
}
/// Sorts before every version of its key; and after every version of its key.
inline constexpr std::uint64_t tag_newest = ~std::uint64_t{0};
inline constexpr std::uint64_t tag_oldest = 0;

/// One entry, borrowed from the structure that holds it; that structure says until when.
struct Entry {
  std::string_view key;
  std::uint64_t tag = 0;
  std::string_view value;
};

/// What a point lookup asks for: the newest version of `key` whose sequence is at most `sequence`.
/// `hash` is hash_bytes(key), computed once per call however many filters are asked.
struct Target {
  std::string_view key;
  Sequence sequence = sequence_max;
  std::uint64_t hash = 0;

  static Target of(std::string_view key, Sequence sequence = sequence_max) {
    return Target{key, sequence, hash_bytes(key)};
  }
  std::uint64_t tag() const { return seek_tag(sequence); }
};

/// The order of entries: key ascending (bytes unsigned), then tag descending.
inline std::strong_ordering compare(std::string_view key_a, std::uint64_t tag_a,
                                    std::string_view key_b, std::uint64_t tag_b) {
  const int by_key = key_a.compare(key_b);  // char_traits<char> compares bytes as unsigned
  if (by_key != 0) return by_key <=> 0;
  return tag_b <=> tag_a;
}

namespace detail {

// The eight bytes as a number that is ordered as they are.
inline std::uint64_t load_big_64(const char* from) {
  std::uint64_t value = load_little_64(from);
#if defined(__GNUC__)
  return __builtin_bswap64(value);  // what is below is one too, but seems too long to be inlined
#else
  value = (value & 0x00ff00ff00ff00ff) << 8 | (value >> 8 & 0x00ff00ff00ff00ff);
  value = (value & 0x0000ffff0000ffff) << 16 | (value >> 16 & 0x0000ffff0000ffff);
  return value << 32 | value >> 32;
#endif
}

}  // namespace detail

/// The eight bytes of a key behind its first `offset` as a number that sorts as they do; zeros
/// where the key ends. Requires offset <= key.size().
inline std::uint64_t chunk_of_key(std::string_view key, std::size_t offset) {
  assert(offset <= key.size());
  const std::size_t rest_bytes = key.size() - offset;
  if (rest_bytes >= 8) return detail::load_big_64(key.data() + offset);
  if (rest_bytes == 0) return 0;
  // Shifted into place, since a copy into eight zero bytes is slow to load again.
  if (key.size() >= 8)
    return detail::load_big_64(key.data() + key.size() - 8) << (64 - 8 * rest_bytes);
  std::uint64_t chunk = 0;
  for (std::size_t i = 0; i < rest_bytes; ++i)
    chunk |= std::uint64_t{static_cast<unsigned char>(key[offset + i])} << (56 - 8 * i);
  return chunk;
}

}  // namespace lsmith
