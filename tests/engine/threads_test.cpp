// threads_test.cpp: many threads on one database. Run it under the thread sanitizer.
#include <lsmith/lsmith.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "../support/random.hpp"
#include "../support/turns.hpp"

using namespace lsmith;

namespace {

std::string numbered_key(std::uint64_t n) {
  return "key" + std::to_string(100000 + n);
}

struct Fixture {
  std::unique_ptr<FileSystem> files = make_memory_file_system(1);
  std::unique_ptr<Executor> executor = make_threads_executor();
  Options options = small_options();
  Fixture() {
    options.file_system = files.get();
    options.executor = executor.get();
    options.write_buffer_bytes = 32768;
  }
  Db open() {
    auto db = Db::open("/db", options);
    REQUIRE(db.ok());
    return std::move(*db);
  }
};

}  // namespace

TEST_SUITE("engine") {
  TEST_CASE("writers of their own keys never lose one, beside readers and compactions") {
    Fixture fixture;
    Db db = fixture.open();
    constexpr int writers = 3;
    constexpr std::uint64_t writes = 1500;
    std::atomic<bool> is_done{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int w = 0; w < writers; ++w) {
      threads.emplace_back([&, w] {
        for (std::uint64_t i = 0; i < writes; ++i) {
          const std::string key = numbered_key(i * writers + static_cast<std::uint64_t>(w));
          if (!db.put(key, "value of " + key).ok()) ++wrong;
          const auto found = db.get(key);  // a thread sees its own writes
          if (!found.ok() || !*found || **found != "value of " + key) ++wrong;
        }
      });
    }
    threads.emplace_back([&] {
      testing::Random random(1);
      while (!is_done.load()) {
        const auto snapshot = db.snapshot();
        std::uint64_t first = 0;
        std::uint64_t second = 0;
        for ([[maybe_unused]] auto entry : db.scan({}, {}, &snapshot))
          ++first;
        for ([[maybe_unused]] auto entry : db.scan({}, {}, &snapshot))
          ++second;
        if (first != second) ++wrong;
      }
    });
    threads.emplace_back([&] {
      while (!is_done.load())
        if (!db.compact().ok()) ++wrong;
    });
    for (int w = 0; w < writers; ++w)
      threads[static_cast<std::size_t>(w)].join();
    is_done = true;
    threads[writers].join();
    threads[writers + 1].join();
    CHECK(wrong == 0);
    std::uint64_t count = 0;
    for (auto [key, value] : db.scan()) {
      CHECK(value == "value of " + std::string(key));
      ++count;
    }
    CHECK(count == writers * writes);
    CHECK(db.wait_idle().ok());
    CHECK(db.check() == std::vector<std::string>{});
  }

  TEST_CASE("a batch is seen whole or not at all") {
    Fixture fixture;
    Db db = fixture.open();
    std::atomic<bool> is_done{false};
    std::atomic<int> torn{0};
    std::thread reader([&] {
      while (!is_done.load()) {
        std::string first;
        bool is_first = true;
        for (auto [key, value] : db.scan("a", "b")) {
          if (is_first) first = value;
          if (value != first) ++torn;
          is_first = false;
        }
      }
    });
    for (int i = 0; i < 1500; ++i) {
      WriteBatch batch;
      for (char c = '0'; c <= '9'; ++c)
        batch.put(std::string("a") + c, std::to_string(i));
      CHECK(db.write(batch).ok());
    }
    is_done = true;
    reader.join();
    CHECK(torn == 0);
  }

  TEST_CASE("synced writers share syncs") {
    Fixture fixture;
    Db db = fixture.open();
    std::vector<std::thread> threads;
    std::atomic<int> failed{0};
    for (int w = 0; w < 4; ++w)
      threads.emplace_back([&, w] {
        for (int i = 0; i < 100; ++i)
          if (!db.put(numbered_key(static_cast<std::uint64_t>(w * 1000 + i)), "v",
                      Durability::power)
                   .ok())
            ++failed;
      });
    for (auto& thread : threads)
      thread.join();
    CHECK(failed == 0);
    std::uint64_t count = 0;
    for ([[maybe_unused]] auto entry : db.scan())
      ++count;
    CHECK(count == 400);
  }

  TEST_CASE("a write that comes in the middle of closing is refused, or is there") {
    bool is_over = false;
    for (int n = 1; !is_over; ++n) {
      CAPTURE(n);
      Fixture fixture;
      Db db = fixture.open();
      REQUIRE(db.put("early", "1").ok());
      Status closed, put = Status(Code::read_only, "not yet");
      is_over = !testing::with_turn(
          before_lock, n, [&] { closed = db.close(); }, [&] { put = db.put("late", "2"); },
          std::chrono::milliseconds(20));
      CHECK(closed.ok());
      const Db again = fixture.open();
      CHECK(again.get("early")->has_value());
      CHECK(again.get("late")->has_value() == put.ok());
    }
  }

  TEST_CASE("a compact that comes to its end behind closing changes nothing") {
    bool is_over = false;
    for (int n = 1; !is_over; ++n) {
      CAPTURE(n);
      bool is_other = false;
      Fixture fixture;
      Db db = fixture.open();
      for (int round = 0; round < 2; ++round) {
        for (std::uint64_t i = 0; i < 20; ++i)  // to be merged into many tables
          REQUIRE(db.put(numbered_key(i), std::string(1000, 'a')).ok());
        REQUIRE(db.flush().ok());
      }
      is_over = !testing::with_turn(
          before_lock, n, [&] { db.compact().ignore(); },
          [&] {
            if (!db.close().ok()) return;
            Db other = fixture.open();
            for (std::uint64_t i = 0; i < 20; ++i)
              CHECK(other.put(numbered_key(i), std::string(1000, 'b'), Durability::power).ok());
            CHECK(other.flush().ok());
            is_other = true;
          },
          std::chrono::milliseconds(20));
      if (is_over) break;
      CHECK(db.close().ok());
      const Db again = fixture.open();
      CHECK(again.check() == std::vector<std::string>{});
      for (std::uint64_t i = 0; i < 20; ++i) {
        const auto found = again.get(numbered_key(i));
        REQUIRE(found.ok());
        REQUIRE(found->has_value());
        CHECK((*found)->at(0) == (is_other ? 'b' : 'a'));
      }
    }
  }

  TEST_CASE("closing while others read and write ends cleanly, and keeps what was acknowledged") {
    for (std::uint64_t round = 0; round < 5; ++round) {
      Fixture fixture;
      Db db = fixture.open();
      std::atomic<bool> is_done{false};
      std::vector<std::thread> threads;
      std::uint64_t acknowledged[3] = {};
      for (std::uint64_t w = 0; w < 3; ++w)
        threads.emplace_back([&, w] {
          for (std::uint64_t i = 0; !is_done.load(); ++i) {
            if (!db.put(numbered_key(w * 100000 + i), std::string(100, 'x')).ok()) return;
            acknowledged[w] = i + 1;
            if (i % 50 == 0) db.compact().ignore();
          }
        });
      testing::Random random(round);
      std::uint64_t seen = 0;
      while (seen < 200 + random.below(500)) {
        seen = 0;
        for ([[maybe_unused]] auto entry : db.scan())
          ++seen;
      }
      CHECK(db.close().ok());
      is_done = true;
      for (auto& thread : threads)
        thread.join();
      const Db again = fixture.open();
      std::uint64_t lost = 0;
      for (std::uint64_t w = 0; w < 3; ++w)
        for (std::uint64_t i = 0; i < acknowledged[w]; ++i)
          lost += again.get(numbered_key(w * 100000 + i))->has_value() ? 0 : 1;
      CHECK(lost == 0);
    }
  }
}
