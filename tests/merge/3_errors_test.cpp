// 3_errors_test.cpp: a child that failed is not a child that came to its end.
#include "../support/vector_cursor.hpp"

#include <lsmith/merge_iterator.hpp>

#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_3{
    "06.3", 10, "book/06-merge.md#errors",
    "Whenever a child is not valid, ask for its status: an error there is an error "
    "of the merge, which is then not valid either."};

Sources three_tables() {
  return make_sources(
      {{put_at(9, "a", ""), put_at(5, "c", ""), put_at(1, "e", "")},
       {put_at(3, "a", ""), put_at(4, "b", ""), put_at(8, "d", ""), put_at(2, "f", "")},
       {put_at(6, "c", "")}});
}

bool expect_failed(const std::string& done, const MergeCursor& merge) {
  const std::string found =
      (merge.is_valid() ? "valid, " : "not valid, ") + merge.status().to_string();
  return lab::expect_equal(done + "; a child failed", "not valid, i/o error: the child failed",
                           found);
}

// Walks to the end, once for each move of each child that may fail.
void check_each_failure(bool is_forwards) {
  const std::vector<Version> all = merged(three_tables());
  for (std::size_t child = 0; child < 3; ++child) {
    for (int moves = 0;; ++moves) {
      const Sources sources = three_tables();
      sources[child]->moves_until_failure = moves;
      MergeCursor merge(children_of(sources));
      std::string done = "child " + std::to_string(child) + " fails at its move " +
                         std::to_string(moves) +
                         (is_forwards ? ": seek_to_first()" : ": seek_to_last()");
      is_forwards ? merge.seek_to_first() : merge.seek_to_last();
      for (std::size_t seen = 0; merge.is_valid(); ++seen) {
        REQUIRE(seen < all.size());
        if (!expect_at(done, merge, is_forwards ? all[seen] : all[all.size() - 1 - seen])) return;
        done += is_forwards ? ", next()" : ", prev()";
        is_forwards ? merge.next() : merge.prev();
      }
      if (sources[child]->moves_until_failure >= 0) {  // it was not moved that often
        lab::expect_equal(done, "ok", merge.status().to_string());
        REQUIRE(moves > 0);
        break;
      }
      if (!expect_failed(done, merge)) return;
      is_forwards ? merge.seek_to_first() : merge.seek_to_last();
      expect_at(done + ", then the seek again", merge, is_forwards ? all.front() : all.back(),
                "A later seek starts afresh (law 7).");
      lab::expect_equal(done + ", then the seek again", "ok", merge.status().to_string());
    }
  }
}

}  // namespace

TEST_SUITE("merge") {
  TEST_CASE("whichever move of whichever child fails, the walk forwards fails there") {
    check_each_failure(true);
  }

  TEST_CASE("whichever move of whichever child fails, the walk backwards fails there") {
    check_each_failure(false);
  }

  TEST_CASE("a child that fails in a seek fails the merge, though others found something") {
    for (std::size_t child = 0; child < 3; ++child) {
      const Sources sources = three_tables();
      MergeCursor merge(children_of(sources));
      sources[child]->moves_until_failure = 0;
      merge.seek("b", tag_newest);
      expect_failed("seek(\"b\"), child " + std::to_string(child), merge);
      merge.seek("b", tag_newest);
      expect_at("seek(\"b\") again", merge, put_at(4, "b", ""),
                "A later seek starts afresh (law 7).");
      lab::expect_equal("seek(\"b\") again", "ok", merge.status().to_string());
    }
  }

  TEST_CASE("a child that fails while the walk turns fails the merge") {
    for (std::size_t child = 0; child < 3; ++child) {
      for (const bool turns_back : {true, false}) {
        const Sources sources = three_tables();
        MergeCursor merge(children_of(sources));
        merge.seek("d", tag_newest);
        if (!turns_back) merge.prev();
        REQUIRE(merge.is_valid());
        sources[child]->moves_until_failure = 0;
        turns_back ? merge.prev() : merge.next();
        if (sources[child]->moves_until_failure < 0)
          expect_failed(turns_back ? "seek(\"d\"), prev()" : "seek(\"d\"), prev(), next()", merge);
      }
    }
  }

  TEST_CASE("the failure of the only child is not the end of the data") {
    Sources sources = make_sources({{put_at(1, "a", ""), put_at(2, "b", "")}});
    sources[0]->moves_until_failure = 1;
    MergeCursor merge(children_of(sources));
    merge.seek_to_first();
    REQUIRE(merge.is_valid());
    merge.next();
    expect_failed("seek_to_first(), next()", merge);

    sources = make_sources({{}});
    sources[0]->moves_until_failure = 0;
    MergeCursor empty(children_of(sources));
    empty.seek_to_last();
    expect_failed("seek_to_last() of an empty child", empty);
  }

  TEST_CASE("an end is an end: it says ok, and a seek goes on from there") {
    MergeCursor merge(children_of(three_tables()));
    merge.seek("zzz", tag_newest);
    expect_at("seek behind everything", merge, std::nullopt);
    lab::expect_equal("status() there", "ok", merge.status().to_string());
    merge.seek_to_last();
    expect_at("seek_to_last()", merge, put_at(2, "f", ""));
    merge.next();
    expect_at("next() from the last entry", merge, std::nullopt);
    lab::expect_equal("status() there", "ok", merge.status().to_string());
  }
}
