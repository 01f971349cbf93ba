// hash.hpp: the one hash of a user key. It is on disk (in every filter), so it never changes.
//
// XXH64 with seed 0, as its public specification defines it, over the bytes of the user key alone,
// never the tag. A key is hashed once per call; filters, the cache and the commit history share it.
//
//   32 bytes or more:  | 8 | 8 | 8 | 8 |  four lanes, each with its own accumulator, then folded
//   what is left:      | 8 | 8 | 8 | 4 | 1 | 1 | 1 |  one accumulator, largest pieces first
//
// Words are little-endian whatever the machine.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace lsmith {

/// XXH64 of `bytes` with seed 0. The same on every machine.
std::uint64_t hash_bytes(std::string_view bytes);

namespace detail {

// The primes of the specification.
inline constexpr std::uint64_t hash_prime_1 = 0x9E3779B185EBCA87u;
inline constexpr std::uint64_t hash_prime_2 = 0xC2B2AE3D27D4EB4Fu;
inline constexpr std::uint64_t hash_prime_3 = 0x165667B19E3779F9u;
inline constexpr std::uint64_t hash_prime_4 = 0x85EBCA77C2B2AE63u;
inline constexpr std::uint64_t hash_prime_5 = 0x27D4EB2F165667C5u;

inline std::uint64_t load_little_32(const char* from) {
  const auto byte = [from](int i) { return std::uint64_t{static_cast<unsigned char>(from[i])}; };
  return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

// A copy is one load from the start; eight shifts become one only after the compiler has found them
// too long to be inlined, and this is the innermost step of all searches.
inline std::uint64_t load_little_64(const char* from) {
  if constexpr (std::endian::native == std::endian::little) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  return load_little_32(from) | load_little_32(from + 4) << 32;
}

inline std::uint64_t hash_round(std::uint64_t accumulator, std::uint64_t lane) {
  return std::rotl(accumulator + lane * hash_prime_2, 31) * hash_prime_1;
}

inline std::uint64_t hash_fold(std::uint64_t hash, std::uint64_t accumulator) {
  return (hash ^ hash_round(0, accumulator)) * hash_prime_1 + hash_prime_4;
}

// Consumes the stripes of 32 bytes at the front of `bytes`, of which there is at least one.
inline std::uint64_t hash_stripes(std::string_view& bytes) {
  std::uint64_t a = hash_prime_1 + hash_prime_2;
  std::uint64_t b = hash_prime_2;
  std::uint64_t c = 0;
  std::uint64_t d = std::uint64_t{0} - hash_prime_1;
  for (; bytes.size() >= 32; bytes.remove_prefix(32)) {
    a = hash_round(a, load_little_64(bytes.data()));
    b = hash_round(b, load_little_64(bytes.data() + 8));
    c = hash_round(c, load_little_64(bytes.data() + 16));
    d = hash_round(d, load_little_64(bytes.data() + 24));
  }
  const std::uint64_t hash =
      std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
  return hash_fold(hash_fold(hash_fold(hash_fold(hash, a), b), c), d);
}

}  // namespace detail

inline std::uint64_t hash_bytes(std::string_view bytes) {
  using namespace detail;
  const std::uint64_t size_bytes = bytes.size();
  std::uint64_t hash = size_bytes >= 32 ? hash_stripes(bytes) : hash_prime_5;
  hash += size_bytes;

  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    hash ^= hash_round(0, load_little_64(bytes.data()));
    hash = std::rotl(hash, 27) * hash_prime_1 + hash_prime_4;
  }
  if (bytes.size() >= 4) {
    hash ^= load_little_32(bytes.data()) * hash_prime_1;
    hash = std::rotl(hash, 23) * hash_prime_2 + hash_prime_3;
    bytes.remove_prefix(4);
  }
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte) * hash_prime_5;
    hash = std::rotl(hash, 11) * hash_prime_1;
  }

  hash = (hash ^ (hash >> 33)) * hash_prime_2;
  hash = (hash ^ (hash >> 29)) * hash_prime_3;
  return hash ^ (hash >> 32);
}

}  // namespace lsmith
