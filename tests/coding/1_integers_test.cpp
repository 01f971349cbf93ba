// 1_integers_test.cpp: numbers and byte strings are written as book/format.md says, byte for byte.
#include "../support/random.hpp"
#include "../support/step.hpp"

#include <lsmith/coding.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lsmith;
using namespace std::string_literals;

const lab::Step step_1{"00.1", 10, "book/00-coding.md#writing-numbers",
                       "Work with unsigned numbers and shifts; cast to char only at the very end."};

constexpr std::uint64_t max64 = ~std::uint64_t{0};

std::string varint64_of(std::uint64_t value) {
  std::string out;
  put_varint64(out, value);
  return out;
}

}  // namespace

TEST_SUITE_BEGIN("coding");

TEST_CASE("fixed integers are stored low byte first") {
  char bytes[9] = "........";
  store_fixed16(bytes, 0x0102);
  lab::expect_equal("store_fixed16(0x0102)", "\x02\x01......"s, std::string(bytes, 8));
  store_fixed32(bytes, 0x01020384);
  lab::expect_equal("store_fixed32(0x01020384)", "\x84\x03\x02\x01...."s, std::string(bytes, 8));
  store_fixed64(bytes, 0x01020304050607f8);
  lab::expect_equal("store_fixed64(0x01020304050607f8)", "\xf8\x07\x06\x05\x04\x03\x02\x01"s,
                    std::string(bytes, 8));
}

TEST_CASE("fixed integers are loaded from any alignment, bytes from 128 up as unsigned") {
  const std::string bytes = "?\xf8\x87\xf6\x85\xf4\x83\xf2\x81?"s;
  const char* at = bytes.data() + 1;
  lab::expect_equal("load_fixed16(f8 87)", 0x87f8u, unsigned{load_fixed16(at)});
  lab::expect_equal("load_fixed32(f8 87 f6 85)", 0x85f687f8u, load_fixed32(at));
  lab::expect_equal("load_fixed64(f8 87 f6 85 f4 83 f2 81)", 0x81f283f485f687f8u, load_fixed64(at));
}

TEST_CASE("put_fixed appends and keeps what stands before") {
  std::string out = "x";
  put_fixed16(out, 0xfffe);
  put_fixed32(out, 1);
  put_fixed64(out, max64 - 1);
  lab::expect_equal("put_fixed16(0xfffe), put_fixed32(1), put_fixed64(2^64 - 2) behind \"x\"",
                    "x\xfe\xff\x01\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff"s, out);
}

TEST_CASE("a varint has seven bits a byte and its shortest form") {
  struct Known {
    std::uint64_t value;
    std::string bytes;
  };
  const std::vector<Known> known = {
      {0, "\0"s},
      {1, "\x01"},
      {127, "\x7f"},
      {128, "\x80\x01"},
      {300, "\xac\x02"},
      {16383, "\xff\x7f"},
      {16384, "\x80\x80\x01"},
      {0xffffffff, "\xff\xff\xff\xff\x0f"},
      {std::uint64_t{1} << 32, "\x80\x80\x80\x80\x10"},
      {std::uint64_t{1} << 63, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"},
      {max64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
  };
  for (const Known& k : known) {
    const std::string value = std::to_string(k.value);
    lab::expect_equal("put_varint64(" + value + ")", k.bytes, varint64_of(k.value));
    lab::expect_equal("varint_size(" + value + ")", k.bytes.size(), varint_size(k.value));
    if (k.value > 0xffffffff) continue;
    std::string out = "x";
    put_varint32(out, static_cast<std::uint32_t>(k.value));
    lab::expect_equal("put_varint32(" + value + ") behind \"x\"", "x" + k.bytes, out);
  }
}

TEST_CASE("bytes carry their size, and may be any bytes") {
  std::string out;
  put_bytes(out, "abc");
  put_bytes(out, "");
  put_bytes(out, "\0\xff"s);
  lab::expect_equal("put_bytes of \"abc\", of \"\" and of 00 ff",
                    "\x03"s
                    "abc"
                    "\0\x02\0\xff"s,
                    out);
  out.clear();
  put_bytes(out, std::string(300, 'z'));
  lab::expect_equal("put_bytes of 300 times z", "\xac\x02" + std::string(300, 'z'), out);
}

TEST_CASE("fixed integers come back, whatever their bits") {
  constexpr std::uint64_t seed = 1;
  lsmith::testing::Random random(seed);
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t value = random.next() >> random.below(64);
    std::string out;
    put_fixed16(out, static_cast<std::uint16_t>(value));
    put_fixed32(out, static_cast<std::uint32_t>(value));
    put_fixed64(out, value);
    REQUIRE(out.size() == 14);
    const std::string text = std::to_string(value) + ", seed " + std::to_string(seed);
    const bool is_same =
        lab::expect_equal("16 bits of " + text, value & 0xffff, load_fixed16(out.data()) + 0ull) &&
        lab::expect_equal("32 bits of " + text, value & 0xffffffff,
                          load_fixed32(out.data() + 2) + 0ull) &&
        lab::expect_equal("64 bits of " + text, value, load_fixed64(out.data() + 6)) &&
        lab::expect_equal("varint_size(" + text, varint64_of(value).size(), varint_size(value));
    if (!is_same) return;
  }
}

TEST_SUITE_END();
