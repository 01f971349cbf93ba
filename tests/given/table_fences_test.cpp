// table_fences_test.cpp: an index that was taken apart finds what the block itself finds.
#include "../support/random.hpp"

#include <lsmith/sstable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace table_fences_test {

using namespace lsmith;
using lsmith::detail::TableFences;

// Keys that share much, tie in their chunks, and have versions.
std::string some_key(testing::Random& random, const std::string& begin) {
  std::string key = begin;
  for (std::size_t left = random.below(12); left > 0; --left)
    key += static_cast<char>("ab\0\xff"[random.below(4)]);
  return key;
}

// Up to so many fences, in any order.
std::vector<std::pair<std::string, std::uint64_t>> some_fences(testing::Random& random,
                                                               const std::string& begin,
                                                               std::uint64_t most) {
  std::vector<std::pair<std::string, std::uint64_t>> made;
  for (std::size_t left = random.below(most); left > 0; --left)
    made.emplace_back(some_key(random, begin), make_tag(random.below(3), Kind::put));
  return made;
}

std::string index_of(std::vector<std::pair<std::string, std::uint64_t>>& fences) {
  std::sort(fences.begin(), fences.end(), [](const auto& a, const auto& b) {
    return compare(a.first, a.second, b.first, b.second) < 0;
  });
  fences.erase(std::unique(fences.begin(), fences.end()), fences.end());
  BlockBuilder builder;
  for (std::size_t i = 0; i < fences.size(); ++i)
    builder.add(fences[i].first, fences[i].second, encode_handle({i * 1000, 40}));
  return builder.finish();
}

TEST_SUITE("table_fences") {
  TEST_CASE("a search ends where a search of the block does") {
    testing::Random random(1);
    for (int round = 0; round < 300; ++round) {
      const std::string begin = random.bytes(random.below(20));
      auto made = some_fences(random, begin, 40);
      const std::string body = index_of(made);
      const Block index = *Block::open(body);
      const auto fences = TableFences::read(index);
      REQUIRE(fences.ok());
      REQUIRE(fences->count() == made.size());
      for (int i = 0; i < 60; ++i) {
        const std::string from = random.below(4) == 0 ? "" : begin;
        const std::string key = some_key(random, from);
        const std::uint64_t tag = seek_tag(random.below(4));
        BlockCursor expected = index.cursor();
        expected.seek(key, tag);
        const std::uint32_t found = fences->lower_bound(key, tag);
        REQUIRE((found < fences->count()) == expected.is_valid());
        if (!expected.is_valid()) continue;
        CHECK(fences->handle(found) == *decode_handle(expected.value()));
        CHECK(fences->has_key(found, expected.key()));
        CHECK(fences->has_key(found, key) == (expected.key() == key));
      }
    }
  }

  TEST_CASE("what two chunks show to be the place is the place, whatever the tag") {
    testing::Random random(2);
    int shown = 0;
    for (int round = 0; round < 300; ++round) {
      const std::string begin = random.bytes(random.below(20));
      auto made = some_fences(random, begin, 20);
      const std::string body = index_of(made);
      const auto fences = TableFences::read(*Block::open(body));
      REQUIRE(fences.ok());
      for (int i = 0; i < 20; ++i) {
        const std::string key = some_key(random, random.below(4) == 0 ? "" : begin);
        for (std::uint32_t position = 0; position < fences->count() + 2; ++position) {
          if (!fences->is_plainly_lower_bound(position, key)) continue;
          ++shown;
          CHECK(fences->lower_bound(key, seek_tag(0)) == position);
          CHECK(fences->lower_bound(key, seek_tag(sequence_max)) == position);
        }
      }
    }
    CHECK(shown > 1000);
  }

  TEST_CASE("what is out of order, or no handle, is corruption") {
    const auto read = [](const std::vector<std::string>& keys, const std::string& last_value) {
      std::string body;
      BlockBuilder builder;
      for (std::size_t i = 0; i < keys.size(); ++i)
        builder.add(keys[i], 1,
                    i + 1 < keys.size() ? encode_handle({i, 40}) : std::string(last_value));
      body = builder.finish();
      if (keys.size() == 3) std::swap_ranges(&body[8 + 1], &body[8 + 1 + 8], &body[8 + 1 + 8]);
      return TableFences::read(*Block::open(body)).status().code();
    };
    CHECK(read({"xa", "xb"}, encode_handle({1, 40})) == Code::ok);
    CHECK(read({"xa", "xb"}, "") == Code::corruption);
    CHECK(read({"xa", "xb", "xc"}, encode_handle({1, 40})) == Code::corruption);
  }

  TEST_CASE("what all fences begin with is kept once") {
    std::vector<std::pair<std::string, std::uint64_t>> made;
    const std::string begin(60'000, 'x');
    for (int i = 0; i < 1000; ++i)
      made.emplace_back(begin + std::to_string(10'000 + i), 0);
    const std::string body = index_of(made);
    const auto fences = TableFences::read(*Block::open(body));
    REQUIRE(fences.ok());
    CHECK(fences->memory_bytes() < 2 * body.size());
  }
}

}  // namespace table_fences_test
