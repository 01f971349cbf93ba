// hash_test.cpp: the hash of keys is XXH64, byte for byte; and the checksum without the processor's
// help is the same as with it.
#include <lsmith/coding.hpp>
#include <lsmith/hash.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>

using lsmith::hash_bytes;
using lsmith::detail::crc_by_tables;

TEST_SUITE_BEGIN("hash");

TEST_CASE("the published values of XXH64 with seed 0 come out") {
  CHECK(hash_bytes("") == 0xEF46DB3751D8E999u);
  CHECK(hash_bytes("a") == 0xD24EC4F1A98C6E5Bu);
  CHECK(hash_bytes("as") == 0x1C330FB2D66BE179u);
  CHECK(hash_bytes("asd") == 0x631C37CE72A97393u);
  CHECK(hash_bytes("asdf") == 0x415872F599CEA71Eu);
  CHECK(hash_bytes("abc") == 0x44BC2CF5AD770999u);
  CHECK(hash_bytes("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1u);
  CHECK(hash_bytes("Call me Ishmael. Some years ago--never mind how long precisely-") ==
        0x02A2E85470D6FD96u);
}

TEST_CASE("bytes from 128 up count as unsigned and zeros count") {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all.push_back(static_cast<char>(byte));
  // Computed from the specification apart from this code, with whole numbers of any size.
  CHECK(hash_bytes(all) == 0x1FACBE8406CD904Bu);
  CHECK(hash_bytes(std::string("a\0", 2)) != hash_bytes("a"));
}

TEST_CASE("every length and every flipped bit gives another hash") {
  std::string bytes(100, 'x');
  std::set<std::uint64_t> seen;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(seen.insert(hash_bytes(std::string_view(bytes).substr(0, size))).second);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    CAPTURE(bit);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    CHECK(seen.insert(hash_bytes(bytes)).second);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
}

TEST_CASE("where the bytes lie does not matter") {
  const std::string bytes = "a key that is longer than one stripe of thirty-two bytes";
  for (std::size_t shift = 0; shift < 16; ++shift) {
    const std::string moved = std::string(shift, '.') + bytes;
    CHECK(hash_bytes(std::string_view(moved).substr(shift)) == hash_bytes(bytes));
  }
}

TEST_CASE("a checksum by tables is the one that the processor computes") {
  CHECK(~crc_by_tables(~0u, "123456789", 9) == 0xe3069283u);
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    CHECK(~crc_by_tables(~0u, bytes.data(), bytes.size()) == lsmith::crc32c(bytes));
    bytes.push_back(static_cast<char>(i * 37));
  }
  // Long ones are walked in lanes, at any place in memory.
  while (bytes.size() < 5000)
    bytes.push_back(static_cast<char>(bytes.size() * bytes.size() >> 4));
  for (std::size_t size = 900; size < 4900; size += 1 + size % 29) {
    const std::string_view part = std::string_view(bytes).substr(size % 8, size);
    CHECK(~crc_by_tables(~0u, part.data(), part.size()) == lsmith::crc32c(part));
  }
  CHECK(lsmith::detail::make_crc_tables() == lsmith::detail::crc_tables);  // at run time too
}

TEST_SUITE_END();
