// cache_test.cpp: a block cache keeps what is used, holds to its budget, and never moves or frees a
// body under a pin.
#include <lsmith/cache.hpp>

#include "../support/random.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using lsmith::BlockCache;
using lsmith::BlockPin;
using lsmith::testing::Random;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

// What block (table, offset) must hold.
std::string body_of(std::uint64_t table, std::uint64_t offset, std::size_t size = 4096) {
  std::string body = std::to_string(table) + "/" + std::to_string(offset) + " ";
  body.resize(size, 'x');
  return body;
}

}  // namespace

TEST_SUITE_BEGIN("cache");

static_assert(!std::is_copy_constructible_v<BlockPin>);
static_assert(std::is_nothrow_move_constructible_v<BlockPin>);

TEST_CASE("a pin owns, shares or borrows its bytes, and an empty one has none") {
  CHECK(BlockPin().is_empty());
  CHECK(BlockPin().body().empty());
  BlockPin owned(std::make_unique<std::string>("abc"));
  CHECK(!owned.is_empty());
  CHECK(owned.body() == "abc");
  CHECK(!BlockPin(std::make_unique<std::string>()).is_empty());

  const std::string bytes = "borrowed";
  const BlockPin borrowed = BlockPin::borrowed(bytes);
  CHECK(borrowed.body().data() == bytes.data());
  CHECK(!borrowed.is_empty());
}

TEST_CASE("a body does not move when its pin does") {
  BlockCache cache(mebibyte);
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{4096}}) {  // short strings live in place
    BlockPin first = cache.insert(1, size, std::string(size, 'x'));
    const char* const data = first.body().data();
    const BlockPin second = std::move(first);
    CHECK(second.body().data() == data);
    CHECK(second.body() == std::string(size, 'x'));
  }
}

TEST_CASE("what was inserted is found, by table and offset") {
  BlockCache cache(mebibyte);
  CHECK(cache.find(1, 0).is_empty());
  cache.insert(1, 0, "one");
  cache.insert(2, 0, "two");
  cache.insert(1, 2, "three");
  CHECK(cache.find(1, 0).body() == "one");
  CHECK(cache.find(2, 0).body() == "two");
  CHECK(cache.find(1, 2).body() == "three");
  CHECK(cache.find(2, 2).is_empty());
  CHECK(cache.hits() == 3);
  CHECK(cache.misses() == 2);
}

TEST_CASE("a block that is there already is pinned instead of the new one") {
  BlockCache cache(mebibyte);
  const BlockPin first = cache.insert(1, 0, "first");
  const std::size_t used = cache.used_bytes();
  const BlockPin second = cache.insert(1, 0, "second");
  CHECK(second.body().data() == first.body().data());
  CHECK(cache.used_bytes() == used);
}

TEST_CASE("the budget holds, and what was used lately is rather kept") {
  BlockCache cache(mebibyte);
  CHECK(cache.capacity_bytes() == mebibyte);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    cache.insert(1, i * 4101, body_of(1, i * 4101));
    for (std::uint64_t hot = 0; hot < 20 && hot < i; ++hot)
      cache.find(1, hot * 4101);
    CHECK(cache.used_bytes() <= cache.capacity_bytes());
  }
  CHECK(cache.used_bytes() > mebibyte / 2);
  for (std::uint64_t hot = 0; hot < 20; ++hot) {
    CHECK(cache.find(1, hot * 4101).body() == body_of(1, hot * 4101));
  }
  CHECK(cache.find(1, 1000 * 4101).is_empty());
}

TEST_CASE("a pinned block is not evicted, and outlives its entry and the cache") {
  auto cache = std::make_unique<BlockCache>(mebibyte);
  const BlockPin pin = cache->insert(1, 0, body_of(1, 0));
  for (std::uint64_t i = 1; i < 2000; ++i)
    cache->insert(1, i * 4101, body_of(1, i));
  const BlockPin again = cache->find(1, 0);
  CHECK(again.body().data() == pin.body().data());
  cache->erase_table(1);
  CHECK(cache->find(1, 0).is_empty());
  CHECK(pin.body() == body_of(1, 0));
  cache.reset();
  CHECK(pin.body() == body_of(1, 0));
}

TEST_CASE("pins may exceed the budget, which holds again when they are gone") {
  BlockCache cache(mebibyte);
  std::vector<BlockPin> pins;
  for (std::uint64_t i = 0; i < 500; ++i)
    pins.push_back(cache.insert(1, i, body_of(1, i)));
  CHECK(cache.used_bytes() > mebibyte);
  for (std::uint64_t i = 0; i < 500; ++i)
    CHECK(pins[i].body() == body_of(1, i));
  pins.clear();
  for (std::uint64_t i = 0; i < 500; ++i)
    cache.insert(2, i, body_of(2, i));
  CHECK(cache.used_bytes() <= mebibyte);
}

TEST_CASE("a body larger than a shard is pinned but not kept; a cache of no bytes keeps nothing") {
  BlockCache cache(mebibyte);
  const BlockPin large = cache.insert(1, 0, std::string(mebibyte / 8, 'x'));
  CHECK(large.body().size() == mebibyte / 8);
  CHECK(cache.find(1, 0).is_empty());
  CHECK(cache.used_bytes() == 0);

  BlockCache none(0);
  CHECK(none.insert(1, 0, "x").body() == "x");
  CHECK(none.find(1, 0).is_empty());
}

TEST_CASE("the memory of an evicted block is handed out, once, and never that of a pinned one") {
  BlockCache cache(mebibyte);
  CHECK(cache.take_buffer(1, 0).empty());
  const BlockPin pinned = cache.insert(1, 0, body_of(1, 0));
  for (std::uint64_t offset = 4096; offset < 3 * mebibyte; offset += 4096)
    cache.insert(1, offset, body_of(1, offset));
  int found = 0;
  for (std::uint64_t offset = 0; offset < 3 * mebibyte; offset += 4096) {
    const std::string buffer = cache.take_buffer(1, offset);
    CHECK(buffer.data() != pinned.body().data());
    found += buffer.size() == 4096 ? 1 : 0;
  }
  CHECK(found == 16);  // one in each shard
  CHECK(pinned.body() == body_of(1, 0));
  CHECK(cache.used_bytes() <= mebibyte);
}

TEST_CASE("erasing a table forgets all its blocks and no others") {
  BlockCache cache(4 * mebibyte);
  for (std::uint64_t i = 0; i < 200; ++i) {
    cache.insert(1, i, body_of(1, i));
    cache.insert(2, i, body_of(2, i));
  }
  const std::size_t used = cache.used_bytes();
  cache.erase_table(1);
  CHECK(cache.used_bytes() == used / 2);
  for (std::uint64_t i = 0; i < 200; ++i) {
    CHECK(cache.find(1, i).is_empty());
    CHECK(cache.find(2, i).body() == body_of(2, i));
  }
  cache.erase_table(2);
  CHECK(cache.used_bytes() == 0);
}

TEST_CASE("reserved bytes are taken off the budget, evicting at once, and come back") {
  BlockCache cache(mebibyte);
  for (std::uint64_t i = 0; i < 500; ++i)
    cache.insert(1, i, body_of(1, i));
  const std::size_t blocks = cache.used_bytes();
  cache.reserve(mebibyte / 2);
  CHECK(cache.used_bytes() <= mebibyte);
  CHECK(cache.used_bytes() - mebibyte / 2 < blocks * 3 / 4);
  cache.reserve(mebibyte);  // more than there is
  CHECK(cache.used_bytes() == mebibyte / 2 + mebibyte);
  CHECK(cache.insert(1, 0, "x").body() == "x");
  CHECK(cache.find(1, 0).is_empty());
  cache.reserve(-static_cast<std::int64_t>(mebibyte / 2 + mebibyte));
  CHECK(cache.used_bytes() == 0);
  cache.insert(1, 0, "x");
  CHECK(cache.find(1, 0).body() == "x");
}

TEST_CASE("threads that find, insert, erase and reserve never see a wrong body") {
  BlockCache cache(mebibyte / 4);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&cache, &wrong, seed] {
      Random random(seed);
      std::vector<std::pair<std::string, BlockPin>> pins(8);
      for (int i = 0; i < 5000; ++i) {
        const std::uint64_t table = 1 + random.below(3);
        const std::uint64_t offset = random.below(100);
        std::string body = body_of(table, offset, 1000 + offset * 20);
        BlockPin pin = cache.find(table, offset);
        if (pin.is_empty()) pin = cache.insert(table, offset, body);
        auto& kept = pins[random.below(8)];
        if (pin.body() != body || kept.second.body() != kept.first) ++wrong;
        kept = {std::move(body), std::move(pin)};
        if (random.chance(1)) cache.erase_table(table);
        if (random.chance(1)) {
          cache.reserve(10000);
          cache.reserve(-10000);
        }
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(wrong == 0);
  for (std::uint64_t table = 1; table <= 3; ++table)
    cache.erase_table(table);
  CHECK(cache.used_bytes() == 0);
}

TEST_SUITE_END();
