// pages_test.cpp: a large page is one, and belongs to one holder; the next one is made ahead.
#include "../support/machine.hpp"

#include <lsmith/pages.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using lsmith::large_page_bytes;
using lsmith::LargePage;
using lsmith::SparePage;

TEST_SUITE_BEGIN("pages");

TEST_CASE("large pages can be filled to their ends, and do not overlap") {
  std::vector<LargePage> pages(5);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    REQUIRE(pages[i].data() != nullptr);
    std::fill_n(pages[i].data(), large_page_bytes, static_cast<char>('a' + i));
  }
  pages.erase(pages.begin() + 1);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const char* const data = pages[i].data();
    const auto expected = static_cast<char>('a' + (i == 0 ? 0 : i + 1));
    CHECK(std::count(data, data + large_page_bytes, expected) == large_page_bytes);
  }
}

#if defined(__linux__)
TEST_CASE("a large page begins where the system can make it one") {
  for (int i = 0; i < 4; ++i) {
    const LargePage page, next;
    CHECK(reinterpret_cast<std::uintptr_t>(page.data()) % large_page_bytes == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(next.data()) % large_page_bytes == 0);
  }
}
#endif

TEST_CASE("a page moves with its bytes") {
  LargePage page;
  char* const data = page.data();
  const LargePage moved = std::move(page);
  CHECK(moved.data() == data);
  CHECK(page.data() == nullptr);  // NOLINT(bugprone-use-after-move): it says what is left
}

#if defined(__linux__)
TEST_CASE("a spare page is given to one taker, whole") {
  SparePage::take();
  CHECK_FALSE(SparePage::is_ready());
  SparePage::make();
  SparePage::make();  // there is one
  CHECK(SparePage::is_ready());
  const LargePage first = SparePage::take();
  CHECK_FALSE(SparePage::is_ready());
  const LargePage second = SparePage::take();  // nobody made one
  REQUIRE(first.data() != nullptr);
  REQUIRE(second.data() != nullptr);
  std::fill_n(first.data(), large_page_bytes, 'a');
  std::fill_n(second.data(), large_page_bytes, 'b');
  CHECK(std::count(first.data(), first.data() + large_page_bytes, 'a') == large_page_bytes);
}

TEST_CASE("threads that make and take spare pages never share one") {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&wrong, i] {
      for (int round = 0; round < 50; ++round) {
        if (round % 2 == 0) SparePage::make();
        const LargePage page = SparePage::take();
        if (page.data() == nullptr) continue;
        std::fill_n(page.data(), 4096, static_cast<char>(i));
        std::this_thread::yield();
        if (std::count(page.data(), page.data() + 4096, static_cast<char>(i)) != 4096) ++wrong;
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK(wrong.load() == 0);
}

// A memtable begins to take large pages at 8 MiB.
TEST_CASE("a memtable's next large page is made ahead, and a small one wants none") {
  SparePage::take();
  lsmith::testing::Machine machine;
  machine.options.write_buffer_bytes = 16 * large_page_bytes;
  lsmith::Db db = machine.open();
  REQUIRE(db.wait_idle().ok());
  const std::string value(1000, 'v');
  int count = 0;
  // Writes so many kilobytes; whether they made the background do something.
  const auto asked_for_work = [&](int kilobytes) {
    for (int i = 0; i < kilobytes; ++i)
      REQUIRE(db.put(std::to_string(++count), value).ok());
    return machine.executor.run_one();
  };
  CHECK_FALSE(asked_for_work(4000));
  CHECK_FALSE(SparePage::is_ready());
  CHECK(asked_for_work(3000));
  CHECK(SparePage::is_ready());
  for (int page = 0; page < 3; ++page) {
    CHECK(asked_for_work(2200));  // took it
    CHECK(SparePage::is_ready());
  }
}
#endif

TEST_SUITE_END();
