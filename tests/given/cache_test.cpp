// cache_test.cpp: a block cache keeps what is used, holds to its budget, and never moves or frees a
// body under a pin.
#include <lsmith/cache.hpp>

#include "../support/random.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using lsmith::BlockBytes;
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

BlockBytes bytes_of(std::string_view body) {
  BlockBytes bytes(body.size());
  body.copy(bytes.data(), body.size());
  return bytes;
}

BlockPin insert(BlockCache& cache, std::uint64_t table, std::uint64_t offset,
                std::string_view body) {
  return cache.insert(table, offset, bytes_of(body));
}

}  // namespace

TEST_SUITE_BEGIN("cache");

static_assert(!std::is_copy_constructible_v<BlockPin>);
static_assert(std::is_nothrow_move_constructible_v<BlockPin>);

TEST_CASE("memory is shared by its holders, and the size can shrink") {
  BlockBytes bytes = bytes_of("abcdef");
  CHECK(!BlockBytes());
  CHECK(bytes.view() == "abcdef");
  CHECK(!bytes.is_shared());
  bytes.resize(3);
  CHECK(bytes.view() == "abc");
  CHECK(bytes.memory_bytes() == BlockBytes::memory_bytes_for(6));
  {
    const BlockBytes other = bytes.share();
    CHECK(bytes.is_shared());
    CHECK(other.data() == bytes.data());
  }
  CHECK(!bytes.is_shared());
  const BlockBytes moved = std::move(bytes);
  CHECK(!bytes);  // NOLINT(bugprone-use-after-move): it says what is left
  CHECK(moved.view() == "abc");
}

TEST_CASE("memory fits what is as large, or a sixteenth smaller") {
  const BlockBytes bytes(1700);
  CHECK(bytes.fits(1700));
  CHECK(bytes.fits(1600));
  CHECK(!bytes.fits(1599));
  CHECK(!bytes.fits(1701));
}

TEST_CASE("a pin owns, shares or borrows its bytes, and an empty one has none") {
  CHECK(BlockPin().is_empty());
  CHECK(BlockPin().body().empty());
  BlockPin owned(bytes_of("abc"));
  CHECK(!owned.is_empty());
  CHECK(owned.body() == "abc");
  CHECK(!BlockPin(BlockBytes(0)).is_empty());
  const BlockPin moved = std::move(owned);
  CHECK(owned.is_empty());  // NOLINT(bugprone-use-after-move): it says what is left
  CHECK(moved.body() == "abc");

  const std::string bytes = "borrowed";
  const BlockPin borrowed = BlockPin::borrowed(bytes);
  CHECK(borrowed.body().data() == bytes.data());
  CHECK(!borrowed.is_empty());
}

TEST_CASE("a body does not move when its pin does") {
  BlockCache cache(mebibyte);
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{4096}}) {  // short strings live in place
    BlockPin first = insert(cache, 1, size, std::string(size, 'x'));
    const char* const data = first.body().data();
    const BlockPin second = std::move(first);
    CHECK(second.body().data() == data);
    CHECK(second.body() == std::string(size, 'x'));
  }
}

TEST_CASE("what was inserted is found, by table and offset") {
  BlockCache cache(mebibyte);
  CHECK(cache.find(1, 0).is_empty());
  insert(cache, 1, 0, "one");
  insert(cache, 2, 0, "two");
  insert(cache, 1, 2, "three");
  CHECK(cache.find(1, 0).body() == "one");
  CHECK(cache.find(2, 0).body() == "two");
  CHECK(cache.find(1, 2).body() == "three");
  CHECK(cache.find(2, 2).is_empty());
  CHECK(cache.hits() == 3);
  CHECK(cache.misses() == 2);
}

TEST_CASE("a block that is there already is pinned instead of the new one") {
  BlockCache cache(mebibyte);
  const BlockPin first = insert(cache, 1, 0, "first");
  const std::size_t used = cache.used_bytes();
  const BlockPin second = insert(cache, 1, 0, "second");
  CHECK(second.body().data() == first.body().data());
  CHECK(cache.used_bytes() == used);
}

TEST_CASE("the budget holds, and what was used lately is rather kept") {
  BlockCache cache(mebibyte);
  CHECK(cache.capacity_bytes() == mebibyte);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    insert(cache, 1, i * 4101, body_of(1, i * 4101));
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
  const BlockPin pin = insert(*cache, 1, 0, body_of(1, 0));
  for (std::uint64_t i = 1; i < 2000; ++i)
    insert(*cache, 1, i * 4101, body_of(1, i));
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
    pins.push_back(insert(cache, 1, i, body_of(1, i)));
  CHECK(cache.used_bytes() > mebibyte);
  for (std::uint64_t i = 0; i < 500; ++i)
    CHECK(pins[i].body() == body_of(1, i));
  pins.clear();
  for (std::uint64_t i = 0; i < 500; ++i)
    insert(cache, 2, i, body_of(2, i));
  CHECK(cache.used_bytes() <= mebibyte);
}

TEST_CASE("a body larger than a shard is pinned but not kept; a cache of no bytes keeps nothing") {
  BlockCache cache(mebibyte);
  const BlockPin large = insert(cache, 1, 0, std::string(mebibyte / 8, 'x'));
  CHECK(large.body().size() == mebibyte / 8);
  CHECK(cache.find(1, 0).is_empty());
  CHECK(cache.used_bytes() == 0);

  BlockCache none(0);
  CHECK(insert(none, 1, 0, "x").body() == "x");
  CHECK(none.find(1, 0).is_empty());
}

TEST_CASE("a block that is read gets the memory of one that goes, and never that of a pinned one") {
  BlockCache cache(mebibyte);
  CHECK(cache.allocate(1, 0, 4096).size() == 4096);  // nothing has to go
  CHECK(cache.used_bytes() == 0);
  std::vector<BlockPin> pins;
  for (std::uint64_t i = 0; i < 300; i += 3) {
    pins.push_back(insert(cache, 1, i, body_of(1, i)));
    insert(cache, 1, i + 1, body_of(1, i + 1));
    insert(cache, 1, i + 2, body_of(1, i + 2));
  }
  int reused = 0;
  for (std::uint64_t i = 300; i < 700; ++i) {
    const std::size_t used = cache.used_bytes();
    BlockBytes bytes = cache.allocate(1, i, 4090);  // somewhat less than what goes has
    CHECK(bytes.size() == 4090);
    reused += bytes.memory_bytes() == BlockBytes::memory_bytes_for(4096) ? 1 : 0;
    CHECK(cache.used_bytes() <= used);
    body_of(1, i).copy(bytes.data(), 4090);
    cache.insert(1, i, std::move(bytes));
  }
  CHECK(reused > 50);
  for (std::uint64_t i = 0; i < 100; ++i)
    CHECK(pins[i].body() == body_of(1, 3 * i));
  CHECK(cache.used_bytes() <= mebibyte);
}

TEST_CASE("no block takes more memory than it asked for, give or take a sixteenth") {
  BlockCache cache(mebibyte);
  Random random(1);
  std::uint64_t kept_bytes = 0;
  std::vector<std::size_t> sizes;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    sizes.push_back(4096 + random.below(200));
    cache.insert(1, i, cache.allocate(1, i, sizes[i]));
  }
  for (std::uint64_t i = 0; i < 4000; ++i)
    if (!cache.find(1, i).is_empty()) kept_bytes += sizes[i];
  CHECK(kept_bytes > mebibyte * 9 / 10);
}

TEST_CASE("erasing a table forgets all its blocks and no others") {
  BlockCache cache(4 * mebibyte);
  for (std::uint64_t i = 0; i < 200; ++i) {
    insert(cache, 1, i, body_of(1, i));
    insert(cache, 2, i, body_of(2, i));
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
    insert(cache, 1, i, body_of(1, i));
  const std::size_t blocks = cache.used_bytes();
  cache.reserve(mebibyte / 2);
  CHECK(cache.used_bytes() <= mebibyte);
  CHECK(cache.used_bytes() - mebibyte / 2 < blocks * 3 / 4);
  cache.reserve(mebibyte);  // more than there is
  CHECK(cache.used_bytes() == mebibyte / 2 + mebibyte);
  CHECK(insert(cache, 1, 0, "x").body() == "x");
  CHECK(cache.find(1, 0).is_empty());
  cache.reserve(-static_cast<std::int64_t>(mebibyte / 2 + mebibyte));
  CHECK(cache.used_bytes() == 0);
  insert(cache, 1, 0, "x");
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
        if (pin.is_empty()) pin = insert(cache, table, offset, body);
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
