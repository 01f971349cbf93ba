// blocks.hpp: blocks for tests, encoded here from book/format.md and apart from the library, so
// that each step stands on its own; and one block written out by hand.
#pragma once

#include "../support/model.hpp"

#include <lsmith/block.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lsmith::testing {

inline void put_number(std::string& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    to.push_back(static_cast<char>(value >> (8 * i)));
}

// The canonical body of entries that are in order.
inline std::string encode_block(const std::vector<Version>& entries) {
  std::size_t prefix = entries.empty() ? 0 : entries[0].key.size();
  for (const Version& entry : entries) {
    while (entry.key.substr(0, prefix) != entries[0].key.substr(0, prefix))
      --prefix;
  }
  std::string column, offsets, rows;
  const std::size_t begin = 8 + prefix + 12 * entries.size();
  for (const Version& entry : entries) {
    std::string rest = entry.key.substr(prefix);
    put_number(offsets, begin + rows.size(), 4);
    std::size_t size = rest.size();
    for (; size > 127; size >>= 7)
      put_number(rows, (size & 127) | 128, 1);
    put_number(rows, size, 1);
    put_number(rows, entry.tag, 8);
    rows += rest.size() > 8 ? rest.substr(8) : "";
    rows += entry.value;
    rest.resize(8);
    column += rest;
  }
  std::string body;
  put_number(body, entries.size(), 4);
  put_number(body, prefix, 2);
  put_number(body, 0, 2);
  return body + (entries.empty() ? "" : entries[0].key.substr(0, prefix)) + column + offsets + rows;
}

inline std::string build_block(const std::vector<Version>& entries) {
  BlockBuilder builder;
  for (const Version& entry : entries)
    builder.add(entry.key, entry.tag, entry.value);
  return builder.finish();
}

// By hand: `a` twice, `a\0` with the same chunk, a short key, a key that is longer than its chunk.
inline std::vector<Version> golden_entries() {
  return {put_at(9, "a", "x"), erase_at(4, "a"), put_at(7, std::string("a\0", 2), ""),
          put_at(5, "ab", "yz"), put_at(2, "abcdefghijkl", "end")};
}
inline std::string golden_block() {
  // clang-format off
  constexpr char bytes[] =
      "\5\0\0\0" "\1\0" "\0\0"                         // five entries, a prefix of one byte
      "a"                                              //
      "\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0"            // a, a
      "\0\0\0\0\0\0\0\0" "b\0\0\0\0\0\0\0" "bcdefghi"  // a\0, ab, abcdefghi…
      "\x45\0\0\0" "\x4f\0\0\0" "\x58\0\0\0" "\x61\0\0\0" "\x6c\0\0\0"
      "\0" "\1\x9\0\0\0\0\0\0" "x"                     // byte 0x45
      "\0" "\0\x4\0\0\0\0\0\0"                         // byte 0x4f
      "\1" "\1\x7\0\0\0\0\0\0"                         // byte 0x58
      "\1" "\1\x5\0\0\0\0\0\0" "yz"                    // byte 0x61
      "\xb" "\1\x2\0\0\0\0\0\0" "jkl" "end";           // byte 0x6c
  // clang-format on
  return {bytes, sizeof bytes - 1};
}

inline Model model_of(const std::vector<Version>& versions) {
  Model model;
  for (const Version& version : versions)
    add(model, version);
  return model;
}

// Up to `count` versions in order: keys that share prefixes and chunks, are empty, hold zeros and
// bytes above 0x7f, end within, at and behind their chunk.
inline Model random_versions(Random& random, std::size_t count) {
  Model model;
  const std::string shared = random.bytes(random.chance(50) ? 0 : random.below(12));
  for (std::size_t i = 0; i < count; ++i) {
    std::string key = shared;
    const std::uint64_t letters = random.below(random.chance(30) ? 12 : 4);
    for (std::uint64_t j = 0; j < letters; ++j)
      key += std::string_view("\0a\xff", 3)[random.below(3)];
    if (random.chance(20)) key += std::string(random.below(20), '\0');
    if (random.chance(10)) key += std::string(random.below(300), 'z');
    const Kind kind = random.chance(25) ? Kind::erase : Kind::put;
    const std::string value = kind == Kind::put ? random.bytes(random.below(20)) : "";
    model.add(make_tag(1 + random.below(50), kind), key, value);
  }
  return model;
}

// A body in memory of exactly its size, so that a sanitizer sees any read outside it.
class ExactBytes {
 public:
  explicit ExactBytes(std::string_view bytes)
      : size_(bytes.size()), bytes_(std::make_unique<char[]>(bytes.size())) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

}  // namespace lsmith::testing
