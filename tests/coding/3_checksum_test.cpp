// 3_checksum_test.cpp: the checksum is CRC-32C, in one piece or in parts, and is stored masked.
#include "../support/random.hpp"
#include "../support/step.hpp"

#include <lsmith/coding.hpp>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace {

using namespace lsmith;
using namespace std::string_literals;

const lab::Step step_3{"00.3", 20, "book/00-coding.md#checksums",
                       "Invert before the first byte and after the last; take bytes as unsigned."};

// The definition, bit by bit: slow, and hard to get wrong.
std::uint32_t divide(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
  }
  return ~crc;
}

}  // namespace

TEST_SUITE_BEGIN("coding");

TEST_CASE("the published values of CRC-32C come out") {
  std::string up;
  for (int i = 0; i < 32; ++i)
    up.push_back(static_cast<char>(i));
  const std::string down(up.rbegin(), up.rend());
  lab::expect_equal("crc32c of \"123456789\"", 0xe3069283u, crc32c("123456789"));
  lab::expect_equal("crc32c of \"\"", 0u, crc32c(""));
  lab::expect_equal("crc32c of 32 bytes 00", 0x8a9136aau, crc32c(std::string(32, '\0')));
  lab::expect_equal("crc32c of 32 bytes ff", 0x62a8ab43u, crc32c(std::string(32, '\xff')));
  lab::expect_equal("crc32c of 00 01 … 1f", 0x46dd794eu, crc32c(up));
  lab::expect_equal("crc32c of 1f 1e … 00", 0x113fdb5cu, crc32c(down));
}

TEST_CASE("every size and alignment agrees with the division bit by bit") {
  lsmith::testing::Random random(3);
  const std::string bytes = random.bytes(80);
  for (std::size_t from = 0; from < 9; ++from) {
    for (std::size_t size = 0; from + size <= bytes.size(); ++size) {
      const std::string_view part = std::string_view(bytes).substr(from, size);
      // A copy at this alignment, with nothing of ours behind it.
      const auto memory = std::make_unique<char[]>(from + size);
      if (size > 0) std::memcpy(memory.get() + from, part.data(), size);
      const std::uint32_t found = crc32c({memory.get() + from, size});
      const std::string done = "crc32c of " + std::to_string(size) + " bytes, seed 3";
      if (!lab::expect_equal(done, divide(part), found)) return;
    }
  }
}

TEST_CASE("parts in order give the checksum of the whole") {
  lsmith::testing::Random random(4);
  const std::string bytes = random.bytes(100);
  const std::uint32_t whole = crc32c(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::uint32_t before = crc32c(std::string_view(bytes).substr(0, cut));
    const std::uint32_t found = crc32c(std::string_view(bytes).substr(cut), before);
    const std::string done = "crc32c(b, crc32c(a)), 100 bytes cut at " + std::to_string(cut);
    if (!lab::expect_equal(done, whole, found, "Undo the final inversion of `before`.")) return;
  }
}

TEST_CASE("a masked checksum is turned and moved, and comes back") {
  lab::expect_equal("mask_crc(0)", 0xa282ead8u, mask_crc(0));
  lab::expect_equal("mask_crc(0x00008000), turned into 1", 0xa282ead9u, mask_crc(0x8000));
  lab::expect_equal("mask_crc(1), turned into 0x00020000", 0xa284ead8u, mask_crc(1));
  lab::expect_equal("mask_crc(0xffffffff)", 0xa282ead7u, mask_crc(0xffffffff));
  lsmith::testing::Random random(5);
  for (int i = 0; i < 1000; ++i) {
    const auto crc = static_cast<std::uint32_t>(random.next());
    const std::string done = "unmask_crc(mask_crc(" + std::to_string(crc) + "))";
    if (!lab::expect_equal(done, crc, unmask_crc(mask_crc(crc)))) return;
  }
}

TEST_SUITE_END();
