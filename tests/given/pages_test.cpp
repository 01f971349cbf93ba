// pages_test.cpp: a large page is one, and belongs to one holder.
#include <lsmith/pages.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

using lsmith::large_page_bytes;
using lsmith::LargePage;

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

TEST_SUITE_END();
