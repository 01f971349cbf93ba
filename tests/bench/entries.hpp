// entries.hpp: the data: keys of 16 digits, values of 100 bytes that do not compress, or of another
// size.
//
// A value begins with the end of its key and a generation; the rest is noise that key and
// generation choose. So whoever reads a value can tell whether it is a right one.
#pragma once

#include "../support/random.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace bench {

inline constexpr std::size_t key_bytes = 16;

/// The key of entry `n`: its number in decimal digits.
class Key {
 public:
  explicit Key(std::uint64_t n) {
    static const std::string pairs = [] {
      std::string all;
      for (int i = 0; i < 100; ++i)
        all += {static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)};
      return all;
    }();
    for (std::size_t i = key_bytes; i > 0; n /= 100)
      std::memcpy(digits_ + (i -= 2), pairs.data() + n % 100 * 2, 2);
  }
  operator std::string_view() const { return {digits_, key_bytes}; }

 private:
  char digits_[key_bytes];
};

/// The size of all values, 100 by default; set before anything is written. At least 16.
inline std::size_t value_bytes = 100;

/// A value to be written. Lives until this thread makes the next one.
class Value {
 public:
  Value(std::string_view key, std::uint64_t generation) {
    bytes_.resize(value_bytes);
    const auto number = static_cast<Generation>(generation);
    std::memcpy(bytes_.data(), key.data() + key_bytes - end_bytes, end_bytes);
    std::memcpy(bytes_.data() + end_bytes, &number, sizeof number);
    const std::string_view noise = noise_of(key, number, value_bytes);
    std::memcpy(bytes_.data() + head_bytes, noise.data(), noise.size());
  }
  operator std::string_view() const { return bytes_; }

  /// Whether the value begins as one of that key. Requires a key of 16 bytes.
  static bool is_of(std::string_view key, std::string_view value) {
    return value.size() == value_bytes &&
           value.substr(0, end_bytes) == key.substr(key_bytes - end_bytes);
  }
  /// The same, to the last byte.
  static bool is_right(std::string_view key, std::string_view value) {
    if (!is_of(key, value)) return false;
    Generation generation = 0;
    std::memcpy(&generation, value.data() + end_bytes, sizeof generation);
    return value.substr(head_bytes) == noise_of(key, generation, value.size());
  }

 private:
  using Generation = std::uint32_t;
  static constexpr std::size_t end_bytes = 8;  // of the key: they differ in 100 million entries
  static constexpr std::size_t head_bytes = end_bytes + sizeof(Generation);

  static std::string_view noise_of(std::string_view key, Generation generation,
                                   std::size_t size_bytes) {
    constexpr std::size_t places = 32768;
    static const std::string noise = lsmith::testing::Random(1).bytes(places + (1 << 20));
    std::uint64_t front = 0, end = 0;
    std::memcpy(&front, key.data(), sizeof front);
    std::memcpy(&end, key.data() + key_bytes - end_bytes, sizeof end);
    const std::uint64_t number = (end ^ front << 1) * 0x9E3779B97F4A7C15u;
    const std::uint64_t place = (number + generation * std::uint64_t{7919}) >> 32;
    return std::string_view(noise).substr(place % places, size_bytes - head_bytes);
  }

  static inline thread_local std::string bytes_;  // kept, so that making a value costs little
};

/// What a scan showed. Ends the process when an entry is wrong or out of order.
class Reading {
 public:
  void see(std::string_view key, std::string_view value) {
    is_right_ &= key.size() == key_bytes && is_value_right(key, value);
    if (count_ > 0) is_right_ &= std::memcmp(key.data(), last_, key_bytes) * direction_ > 0;
    std::memcpy(last_, key.data(), key_bytes);
    ++count_;
  }
  explicit Reading(bool is_forward) : direction_(is_forward ? 1 : -1) {}
  std::uint64_t count() const { return count_; }
  bool is_right() const { return is_right_; }

 private:
  // Of a large value all is looked at: an engine that hands out its own memory would not be asked
  // for the bytes otherwise.
  static bool is_value_right(std::string_view key, std::string_view value) {
    constexpr std::size_t small_bytes = 128;
    return value.size() > small_bytes ? Value::is_right(key, value) : Value::is_of(key, value);
  }

  int direction_;
  bool is_right_ = true;
  std::uint64_t count_ = 0;
  char last_[key_bytes] = {};
};

/// The numbers below `count`, each once, in an order without a pattern.
class Shuffle {
 public:
  explicit Shuffle(std::uint64_t count) : count_(count) {
    while ((std::uint64_t{1} << bits_) < count)
      ++bits_;
  }
  std::uint64_t operator()(std::uint64_t i) const {
    do
      i = mix(i);
    while (i >= count_);
    return i;
  }

 private:
  // A bijection of the numbers of that many bits: each step can be undone.
  std::uint64_t mix(std::uint64_t x) const {
    const std::uint64_t mask = (std::uint64_t{1} << bits_) - 1;
    for (const std::uint64_t odd :
         {0x9E3779B97F4A7C15u, 0xBF58476D1CE4E5B9u, 0x94D049BB133111EBu}) {
      x = (x * odd) & mask;
      x ^= x >> (bits_ / 2 + 1);
    }
    return x;
  }

  std::uint64_t count_;
  int bits_ = 2;
};

}  // namespace bench
