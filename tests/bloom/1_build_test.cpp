// 1_build_test.cpp: hashes become the bits of a filter.
#include "filters.hpp"

#include <lsmith/hash.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;

const lab::Step step_1{"05.1", 10, "book/05-bloom.md#building",
                       "The upper half of a hash chooses the line, the lower half the bits in it."};

// How many lines and probes is free; given both, the body is canonical. Returns the lines.
std::uint32_t expect_canonical(const std::string& done, const std::vector<std::uint64_t>& hashes,
                               const std::string& body) {
  if (!lab::expect(body.size() >= 8, done + "; finish()", "at least the tail of 8 bytes",
                   body.size()))
    return 0;
  const auto byte = [&](std::size_t from_end) {
    return static_cast<unsigned char>(body[body.size() - from_end]);
  };
  const std::uint32_t lines = byte(4) | byte(3) << 8 | byte(2) << 16 | std::uint32_t{byte(1)} << 24;
  const int probes = byte(7);
  lab::expect_equal(done + "; the size of the body", std::uint64_t{64} * lines + 8,
                    std::uint64_t{body.size()}, "The last 4 bytes of the tail count the lines.");
  if (body.size() != std::uint64_t{64} * lines + 8) return 0;
  const std::string expected = encode_filter(hashes, lines, probes);
  const auto at = static_cast<std::size_t>(
      std::mismatch(expected.begin(), expected.end(), body.begin()).first - expected.begin());
  lab::expect(expected == body, done + "; finish(), byte " + std::to_string(at) + " and on",
              lab::show(expected.substr(at)), body.substr(at));
  return lines;
}

}  // namespace

TEST_SUITE_BEGIN("bloom");

TEST_CASE("the tests' own encoder makes the filter that was worked out by hand") {
  REQUIRE(encode_filter(golden_hashes(), 2, 3) == golden_filter());
}

TEST_CASE("every hash sets its bits, and no others are set") {
  const std::vector<std::uint64_t> corners = {
      0,          1,          ~std::uint64_t{0},     std::uint64_t{1} << 32,
      0xffffffff, 0x80000000, std::uint64_t{1} << 63};
  for (std::uint64_t hash : corners)
    expect_canonical("add " + show_hash(hash), {hash}, build_filter({hash}));
  expect_canonical("add the corners", corners, build_filter(corners));
  for (std::size_t count : {2, 5, 50, 51, 52, 103, 1000}) {
    for (int bits : {1, 4, 8, 10, 14, 20, 100}) {
      const auto hashes = random_hashes(count, count);
      expect_canonical(std::to_string(count) + " hashes at " + std::to_string(bits) + " bits a key",
                       hashes, build_filter(hashes, bits));
    }
  }
}

TEST_CASE("keys are hashed as bytes without a sign") {
  const std::vector<std::uint64_t> hashes = {hash_bytes(""), hash_bytes("\x7f"), hash_bytes("\x80"),
                                             hash_bytes("\xff\xfe")};
  expect_canonical("add the hashes of \"\", \\x7f, \\x80, \\xff\\xfe", hashes,
                   build_filter(hashes));
}

TEST_CASE("a filter has about the bits that were asked for, and no fewer") {
  for (int bits : {1, 5, 10, 16}) {
    for (std::size_t count : {1, 51, 52, 1000, 20000}) {
      const auto hashes = random_hashes(7, count);
      const std::string done =
          std::to_string(count) + " hashes at " + std::to_string(bits) + " bits a key";
      const std::uint64_t lines = expect_canonical(done, hashes, build_filter(hashes, bits));
      const std::uint64_t least = (count * static_cast<std::uint64_t>(bits) + 511) / 512;
      lab::expect(lines >= least && lines <= least + least / 4 + 1, done + "; lines",
                  "about " + std::to_string(least), lines);
    }
  }
}

TEST_CASE("the same hash twice in a row counts once") {
  const std::vector<std::uint64_t> hashes = random_hashes(3, 200);
  BloomBuilder builder(10);
  for (std::uint64_t hash : hashes) {  // as the versions of a key do
    for (int version = 0; version < 5; ++version)
      builder.add(hash);
  }
  lab::expect_equal("add 200 hashes, each five times; the size of the body",
                    build_filter(hashes).size(), builder.finish().size());
}

TEST_CASE("a builder starts afresh after finish()") {
  BloomBuilder builder(10);
  builder.add(1);
  builder.add(2);
  lab::expect_equal("add 1, 2; finish()", build_filter({1, 2}), builder.finish());
  builder.add(2);  // the last of the filter before is the first of this one
  builder.add(3);
  const std::string second = builder.finish();
  lab::expect_equal("then add 2, 3; finish()", build_filter({2, 3}), second);
  lab::expect_equal("then finish()", build_filter({}), builder.finish());
}

TEST_CASE("a filter of no keys has no lines") {
  expect_canonical("no hashes", {}, build_filter({}));
}

TEST_SUITE_END();
