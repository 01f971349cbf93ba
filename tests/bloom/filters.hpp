// filters.hpp: filters for tests, made here from book/format.md and apart from the library; and one
// worked out by hand.
#pragma once

#include "../support/random.hpp"
#include "../support/step.hpp"

#include <lsmith/bloom.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace lsmith::testing {

// The one body that these hashes have, given lines and probes.
inline std::string encode_filter(const std::vector<std::uint64_t>& hashes, std::uint32_t lines,
                                 int probes) {
  std::string body(std::size_t{64} * lines, '\0');
  for (std::uint64_t hash : hashes) {
    const std::uint64_t line = (hash >> 32) * lines / (std::uint64_t{1} << 32);
    std::uint64_t x = hash % (std::uint64_t{1} << 32);
    for (int probe = 0; probe < probes; ++probe) {
      const std::uint64_t bit = line * 512 + x / (1 << 23);
      char& byte = body[static_cast<std::size_t>(bit / 8)];
      byte = static_cast<char>(static_cast<unsigned char>(byte) | 1 << bit % 8);
      x = x * 0x9E3779B9 % (std::uint64_t{1} << 32);
    }
  }
  body += '\1';
  body += static_cast<char>(probes);
  body += std::string(2, '\0');
  for (int i = 0; i < 4; ++i)
    body += static_cast<char>(lines >> (8 * i));
  return body;
}

// Worked out by hand: two lines, three probes.
//   0000000000000000  line 0  bits 0 0 0          8000000000000001  line 1  bits 0 316 454
//   7fffffffffffffff  line 0  bits 511 195 57     ffffffffdeadbeef  line 1  bits 445 292 461
inline std::vector<std::uint64_t> golden_hashes() {
  return {0, 0x7fffffffffffffff, 0x8000000000000001, 0xffffffffdeadbeef};
}
inline std::string golden_filter() {
  std::string body(128, '\0');
  body[0] = '\x01';        // bit 0
  body[7] = '\x02';        // bit 57
  body[24] = '\x08';       // bit 195
  body[63] = '\x80';       // bit 511
  body[64 + 0] = '\x01';   // bit 0
  body[64 + 36] = '\x10';  // bit 292
  body[64 + 39] = '\x10';  // bit 316
  body[64 + 55] = '\x20';  // bit 445
  body[64 + 56] = '\x40';  // bit 454
  body[64 + 57] = '\x20';  // bit 461
  return body + std::string("\1\3\0\0\2\0\0\0", 8);
}

inline std::string build_filter(const std::vector<std::uint64_t>& hashes, int bits_per_key = 10) {
  BloomBuilder builder(bits_per_key);
  for (std::uint64_t hash : hashes)
    builder.add(hash);
  return builder.finish();
}

inline std::vector<std::uint64_t> random_hashes(std::uint64_t seed, std::size_t count) {
  Random random(seed);
  std::vector<std::uint64_t> hashes(count);
  for (std::uint64_t& hash : hashes)
    hash = random.next();
  return hashes;
}

inline std::string show_hash(std::uint64_t hash) {
  char text[24];
  std::snprintf(text, sizeof text, "%08lx%08lx", static_cast<unsigned long>(hash >> 32),
                static_cast<unsigned long>(hash & 0xffffffff));
  return text;
}

// Fails the case at the first hash that the filter denies.
inline bool expect_holds(const std::string& done, std::string_view body,
                         const std::vector<std::uint64_t>& hashes, std::string_view hint = {}) {
  const BloomFilter filter(body);
  for (std::uint64_t hash : hashes) {
    filter.prefetch(hash);
    if (!lab::expect(filter.may_contain(hash), done + "; may_contain(" + show_hash(hash) + ")",
                     "true", false, hint))
      return false;
  }
  return true;
}

}  // namespace lsmith::testing
