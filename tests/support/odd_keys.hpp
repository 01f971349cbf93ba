// odd_keys.hpp: random keys and values of every shape that an engine has to bear.
#pragma once

#include <cstdint>
#include <string>

#include "random.hpp"

namespace lsmith::testing {

// One of a few hundred for a `count` of 150, so that versions pile up; prefixes of each other,
// empty ones, zeros, high bytes.
inline std::string odd_key(Random& random, std::uint64_t count) {
  const std::uint64_t shape = random.below(100);
  const std::uint64_t n = random.below(count);
  if (shape < 2) return "";
  if (shape < 5) return std::string(n % 7, '\0');
  if (shape < 8) return std::string(n % 5 + 1, '\xff');
  if (shape < 12) return "key" + std::to_string(n).substr(0, 1) + std::string(1, '\0');
  if (shape < 15) return std::string(n + 20, 'p') + std::to_string(n);
  if (shape < 20) return "k\x80" + std::to_string(n);
  const std::string digits = std::to_string(n);
  return "key" + std::string(8 - digits.size(), '0') + digits;
}

// Most are short; a few fill a block, or a memtable, alone.
inline std::string odd_value(Random& random) {
  const std::uint64_t shape = random.below(100);
  if (shape < 5) return "";
  if (shape < 97) return random.bytes(random.below(60));
  if (shape < 99) return random.bytes(500 + random.below(1000));
  return random.bytes(9000);
}

}  // namespace lsmith::testing
