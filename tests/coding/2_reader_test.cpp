// 2_reader_test.cpp: a reader of bytes that nobody vouches for takes whole values or nothing.
#include "../support/random.hpp"
#include "../support/step.hpp"

#include <lsmith/coding.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lsmith;
using namespace std::string_literals;

const lab::Step step_2{
    "00.2", 20, "book/00-coding.md#reading-what-nobody-vouches-for",
    "Decide first, take second: offset_ moves only when the whole value is good."};

// Calls `read` on a reader of `bytes` and expects nothing to come back and nothing to be taken.
template <class Read>
void expect_refused(const std::string& what, std::string_view bytes, Read read) {
  const std::string exact(bytes);  // a copy without slack: the sanitizer sees a read past its end
  ByteReader reader(exact);
  const std::string done = what + " of " + lab::show(bytes);
  lab::expect_equal(done, std::nullopt, read(reader));
  lab::expect_equal("rest() after the refused " + done, bytes, reader.rest());
}

constexpr auto read32 = [](ByteReader& reader) { return reader.varint32(); };
constexpr auto read64 = [](ByteReader& reader) { return reader.varint64(); };
constexpr auto read_bytes = [](ByteReader& reader) { return reader.bytes(); };

}  // namespace

TEST_SUITE_BEGIN("coding");

TEST_CASE("values are taken one after the other, and offset and rest keep pace") {
  const std::string bytes = "\xf1\xf2\x81\xf4\xf3\xf2\x81\xf8\xf7\xf6\xf5\xf4\xf3\xf2\x81rest"s;
  ByteReader reader(bytes);
  lab::expect_equal("fixed8()", std::optional<std::uint8_t>(0xf1), reader.fixed8());
  lab::expect_equal("fixed16()", std::optional<std::uint16_t>(0x81f2), reader.fixed16());
  lab::expect_equal("fixed32()", std::optional<std::uint32_t>(0x81f2f3f4), reader.fixed32());
  lab::expect_equal("fixed64()", std::optional<std::uint64_t>(0x81f2f3f4f5f6f7f8),
                    reader.fixed64());
  lab::expect_equal("offset() behind 15 bytes", 15u, reader.offset());
  lab::expect_equal("rest() behind 15 bytes", "rest"s, std::string(reader.rest()));
  lab::expect_equal("is_empty() before the end", false, reader.is_empty());
  lab::expect_equal("raw(4)", std::optional<std::string_view>("rest"), reader.raw(4));
  lab::expect_equal("is_empty() at the end", true, reader.is_empty());
  lab::expect_equal("raw(0) at the end", std::optional<std::string_view>(""), reader.raw(0));
}

TEST_CASE("a fixed integer that is cut short is refused and not taken") {
  expect_refused("fixed8", "", [](ByteReader& r) { return r.fixed8(); });
  expect_refused("fixed16", "a", [](ByteReader& r) { return r.fixed16(); });
  expect_refused("fixed32", "abc", [](ByteReader& r) { return r.fixed32(); });
  expect_refused("fixed64", "abcdefg", [](ByteReader& r) { return r.fixed64(); });
  expect_refused("raw(4)", "abc", [](ByteReader& r) { return r.raw(4); });
  expect_refused("raw(2^32 - 1)", "abc", [](ByteReader& r) { return r.raw(0xffffffff); });
}

TEST_CASE("raw refuses a size so large that offset plus size wraps around") {
  ByteReader reader("abcdef");
  REQUIRE(reader.fixed32());
  const std::size_t wraps = ~std::size_t{0} - 1;
  lab::expect_equal("raw(the largest size_t - 1) at offset 4", std::nullopt, reader.raw(wraps),
                    "Compare the size with what is left; do not add it to the offset.");
  lab::expect_equal("offset() after it", 4u, reader.offset());
}

TEST_CASE("a varint that is cut short is refused at every length") {
  const std::string bytes = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    expect_refused("varint64", std::string_view(bytes).substr(0, size), read64);
    expect_refused("varint32", std::string_view(bytes).substr(0, size), read32);
  }
}

TEST_CASE("a varint above its bits is refused, the largest is not") {
  const std::string_view hint =
      "The last byte of a varint32 has room for 4 bits, of a varint64 for 1.";
  const std::string max_of_32 = "\xff\xff\xff\xff\x0f";
  ByteReader small(max_of_32);
  lab::expect_equal("varint32 of ff ff ff ff 0f", std::optional(0xffffffffu), small.varint32(),
                    hint);
  const std::string max_of_64 = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  ByteReader large(max_of_64);
  lab::expect_equal("varint64 of nine ff and 01", std::optional(~std::uint64_t{0}),
                    large.varint64(), hint);
  expect_refused("varint32", "\xff\xff\xff\xff\x10", read32);
  expect_refused("varint32", "\xff\xff\xff\xff\x1f", read32);
  expect_refused("varint32", "\x80\x80\x80\x80\x80\x01", read32);
  expect_refused("varint64", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", read64);
  expect_refused("varint64", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", read64);
  expect_refused("varint64", std::string(10, '\x80') + "\x01", read64);
  expect_refused("varint64", std::string(100, '\xff'), read64);
}

TEST_CASE("a varint longer than its shortest form is refused, a plain zero is not") {
  const std::string zero = "\0"s;
  ByteReader reader(zero);
  lab::expect_equal("varint64 of 00", std::optional<std::uint64_t>(0), reader.varint64());
  for (const std::string& bytes : {"\x80\0"s, "\x81\0"s, "\xff\x80\0"s, "\x80\x80\x80\x80\0"s}) {
    expect_refused("varint32", bytes, read32);
    expect_refused("varint64", bytes, read64);
  }
  expect_refused("varint64", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\0"s, read64);
}

TEST_CASE("bytes that claim more than is left are refused, size and all") {
  const std::string good =
      "\x03"s
      "abc";
  ByteReader reader(good);
  lab::expect_equal("bytes() of 03 abc", std::optional<std::string_view>("abc"), reader.bytes());
  lab::expect_equal("is_empty() behind it", true, reader.is_empty());
  expect_refused("bytes", "", read_bytes);
  expect_refused("bytes",
                 "\x04"s
                 "abc",
                 read_bytes);
  expect_refused("bytes", "\x01", read_bytes);
  expect_refused("bytes",
                 "\xff\xff\xff\xff\x0f"s
                 "abc",
                 read_bytes);
  expect_refused("bytes", "\x83\0abc"s, read_bytes);
}

TEST_CASE("what was written comes back, and no cut of it is believed") {
  constexpr std::uint64_t seed = 2;
  lsmith::testing::Random random(seed);
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t number = random.next() >> random.below(64);
    const auto small = static_cast<std::uint32_t>(random.next() >> (32 + random.below(32)));
    const std::string text = random.bytes(random.below(200));
    std::string bytes;
    put_varint64(bytes, number);
    put_varint32(bytes, small);
    put_bytes(bytes, text);
    const std::string where = ", seed 2, round " + std::to_string(round);
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      const std::string cut = bytes.substr(0, size);
      ByteReader reader(cut);
      const auto a = reader.varint64();
      const auto b = a ? reader.varint32() : std::nullopt;
      const auto c = b ? reader.bytes() : std::nullopt;
      const std::string done =
          "a varint64, a varint32, bytes, cut to " + std::to_string(size) + where;
      if (!lab::expect_equal(done, size == bytes.size(), c.has_value())) return;
      if (a && !lab::expect_equal(done, number, *a)) return;
      if (b && !lab::expect_equal(done, small, *b)) return;
      if (c && !lab::expect_equal(done, text, std::string(*c))) return;
    }
  }
}

TEST_SUITE_END();
