// random.hpp: random numbers for tests: the same on every machine for the same seed.
//
// splitmix64: a counter with an odd step, through a mixer. Every 64-bit number comes once a period.
// LSMITH_SEED_SHIFT in the environment is added to every seed: other random cases, as repeatable.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace lsmith::testing {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed + seed_shift()) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  }

  // A number in [0, count). Its bias, count / 2^64, does not matter to a test.
  std::uint64_t below(std::uint64_t count) {
    assert(count > 0);
    return next() % count;
  }

  // True in `percent` of 100 calls.
  bool chance(unsigned percent) { return below(100) < percent; }

  // That many bytes, each of any value.
  std::string bytes(std::size_t size) {
    std::string result(size, '\0');
    for (char& byte : result)
      byte = static_cast<char>(next() & 0xff);
    return result;
  }

 private:
  static std::uint64_t seed_shift() {
    static const char* const text = std::getenv("LSMITH_SEED_SHIFT");
    static const std::uint64_t shift = text != nullptr ? std::strtoull(text, nullptr, 10) : 0;
    return shift * 0xD1342543DE82EF95u;  // far from the seeds of other shifts
  }

  std::uint64_t state_;
};

}  // namespace lsmith::testing
