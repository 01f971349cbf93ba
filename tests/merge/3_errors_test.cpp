// 3_errors_test.cpp: a child that failed is not a child that came to its end.
#include "../support/vector_cursor.hpp"

#include <lsmith/merge_iterator.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

TEST_SUITE_BEGIN("merge.3");

namespace {

std::vector<std::shared_ptr<Source>> three_tables() {
  return make_sources({{put("a", 9), put("c", 5), put("e", 1)},
                       {put("a", 3), put("b", 4), put("d", 8), put("f", 2)},
                       {put("c", 6)}});
}

void check_failed(const MergeCursor& merge) {
  CHECK_FALSE_MESSAGE(merge.is_valid(), "a child failed, and the merge goes on without it");
  CHECK_MESSAGE(merge.status().code() == Code::io_error,
                "a child failed, and the merge says: ", merge.status().to_string());
  CHECK(merge.status().message() == "the child failed");
}

// Walks one way and back until the end; what came out is a part of `all` without gaps.
template <class Step>
void check_each_failure(bool from_start, Step step) {
  for (std::size_t child = 0; child < 3; ++child) {
    int failures = 0;
    for (int n = 0; n < 12; ++n) {
      CAPTURE(child);
      CAPTURE(n);
      auto sources = three_tables();
      const std::size_t count = merged(sources).size();
      sources[child]->moves_until_failure = n;
      MergeCursor merge(children_of(sources));
      from_start ? merge.seek_to_first() : merge.seek_to_last();
      std::size_t seen = 0;
      for (; merge.is_valid(); step(merge))
        CHECK(row_of(merge) == merged(sources)[from_start ? seen++ : count - ++seen]);
      if (sources[child]->moves_until_failure >= 0) {  // it was never moved so often
        CHECK(merge.status().ok());
        CHECK(seen == count);
        continue;
      }
      ++failures;
      check_failed(merge);
      from_start ? merge.seek_to_first() : merge.seek_to_last();
      CHECK_MESSAGE(merge.is_valid(), "a later seek starts afresh: law 7");
      CHECK(merge.status().ok());
    }
    CHECK_MESSAGE(failures > 0, "the test is wrong: this child never failed");
  }
}

}  // namespace

TEST_CASE("whichever move of whichever child fails, the walk forwards fails there") {
  check_each_failure(true, [](MergeCursor& merge) { merge.next(); });
}

TEST_CASE("whichever move of whichever child fails, the walk backwards fails there") {
  check_each_failure(false, [](MergeCursor& merge) { merge.prev(); });
}

TEST_CASE("a child that fails in a seek fails the merge, though others found something") {
  for (std::size_t child = 0; child < 3; ++child) {
    CAPTURE(child);
    auto sources = three_tables();
    MergeCursor merge(children_of(sources));
    sources[child]->moves_until_failure = 0;
    merge.seek("b", tag_newest);
    check_failed(merge);
    merge.seek("b", tag_newest);
    REQUIRE(merge.is_valid());
    CHECK(row_of(merge) == put("b", 4));
    CHECK(merge.status().ok());
  }
}

TEST_CASE("a child that fails while the walk turns fails the merge") {
  for (const bool is_back : {true, false}) {
    for (std::size_t child = 0; child < 3; ++child) {
      CAPTURE(is_back);
      CAPTURE(child);
      auto sources = three_tables();
      MergeCursor merge(children_of(sources));
      merge.seek("d", tag_newest);
      if (!is_back) merge.prev();
      REQUIRE(merge.is_valid());
      sources[child]->moves_until_failure = 0;
      is_back ? merge.prev() : merge.next();
      if (sources[child]->moves_until_failure == 0) continue;  // it needed no move
      check_failed(merge);
    }
  }
}

TEST_CASE("the only child's failure is not the end of the data") {
  auto sources = make_sources({{put("a", 1), put("b", 2)}});
  sources[0]->moves_until_failure = 1;
  MergeCursor merge(children_of(sources));
  merge.seek_to_first();
  REQUIRE(merge.is_valid());
  merge.next();
  check_failed(merge);

  sources = make_sources({{}});
  sources[0]->moves_until_failure = 0;
  MergeCursor empty(children_of(sources));
  empty.seek_to_last();
  check_failed(empty);
}

TEST_CASE("an end is an end: it says ok, and a seek goes on from there") {
  MergeCursor merge(children_of(three_tables()));
  merge.seek("zzz", tag_newest);
  CHECK_FALSE(merge.is_valid());
  CHECK(merge.status().ok());
  merge.seek_to_last();
  REQUIRE(merge.is_valid());
  CHECK(row_of(merge) == put("f", 2));
  merge.next();
  CHECK_FALSE(merge.is_valid());
  CHECK(merge.status().ok());
}
