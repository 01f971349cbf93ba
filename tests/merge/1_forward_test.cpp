// 1_forward_test.cpp: the merge walks forwards: order, ties, seeks.
#include "../support/vector_cursor.hpp"

#include <lsmith/merge_iterator.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_1{
    "06.1", 15, "book/06-merge.md#walking-forwards",
    "The merge stands where the child with the smallest entry stands; next() moves "
    "that child alone, and then another may be the smallest."};

// Expects the entries from `position` on, and then the end.
bool expect_rest(const std::string& from, MergeCursor& merge, const std::vector<Version>& all,
                 std::size_t position) {
  std::string done = from;
  for (; position < all.size(); ++position) {
    if (!expect_at(done, merge, all[position])) return false;
    done = "next() from " + show(all[position]);
    merge.next();
  }
  return expect_at(done, merge, std::nullopt) &&
         lab::expect_equal("status() at the end", "ok", merge.status().to_string());
}

void check_forwards(const Sources& sources) {
  MergeCursor merge(children_of(sources));
  lab::expect(!merge.is_valid(), "a new merge", "not valid (law 1)", "valid");
  merge.seek_to_first();
  expect_rest("seek_to_first()", merge, merged(sources), 0);
}

}  // namespace

TEST_SUITE("merge") {
  TEST_CASE("a merge of nothing is at its end") {
    check_forwards({});
    check_forwards(make_sources({{}}));
    check_forwards(make_sources({{}, {}, {}}));
    MergeCursor merge({});
    merge.prepare("a", tag_newest);
    merge.seek("a", tag_newest);
    expect_at("seek in a merge without children", merge, std::nullopt);
    lab::expect_equal("status() of it", "ok", merge.status().to_string());
  }

  TEST_CASE("children of any length come out whole, in order") {
    check_forwards(make_sources({{put_at(1, "a", "x"), put_at(2, "b", "y")}}));
    check_forwards(
        make_sources({{put_at(2, "b", "y")}, {put_at(1, "a", "x"), put_at(3, "c", "z")}, {}}));
    std::vector<Version> many;
    for (Sequence i = 1; i <= 100; ++i)
      many.push_back(put_at(i, "k" + std::to_string(1000 + i), "v"));
    check_forwards(make_sources({{}, many, {put_at(777, "k1050", "new")}}));
    check_forwards(make_sources({{put_at(777, "k1050", "new")}, {}, many}));
  }

  TEST_CASE("versions come newest first whichever child holds them, and nothing is dropped") {
    const std::vector<std::vector<Version>> tables = {
        {put_at(9, "a", "x"), erase_at(8, "c")},
        {put_at(4, "a", "y"), erase_at(5, "b"), put_at(7, "c", "z")},
        {put_at(6, "a", ""), put_at(1, "c", "w")}};
    std::vector<std::size_t> order = {0, 1, 2};
    do {
      CAPTURE(order[0]);
      CAPTURE(order[1]);
      check_forwards(make_sources({tables[order[0]], tables[order[1]], tables[order[2]]}));
    } while (std::next_permutation(order.begin(), order.end()));
  }

  TEST_CASE("entries equal in key and tag come in the order of the children") {
    check_forwards(make_sources(
        {{put_at(5, "a", "child 0")},
         {put_at(5, "a", "child 1")},
         {put_at(6, "a", "newer"), put_at(5, "a", "child 2"), put_at(4, "a", "older")}}));
  }

  TEST_CASE("keys are unsigned bytes, and one may be the beginning of another") {
    using std::string;
    const string ff(9, '\xff');
    check_forwards(make_sources(
        {{put_at(1, "", "v"), put_at(2, "a", "v"), put_at(3, string("a\0", 2), "v")},
         {put_at(4, "\x7f", "v"), put_at(5, "\x80", "v"), put_at(6, ff, "v")},
         {put_at(7, string("a\0\0", 3), "v"), put_at(8, "a\x01", "v"), put_at(9, ff + "a", "v")},
         {put_at(10, "\xff", "v"), put_at(11, "", "v"), put_at(12, ff + "\xff", "v")}}));
  }

  TEST_CASE("long beginnings in common, which change on the way, mislead nobody") {
    std::vector<std::vector<Version>> tables(4);
    Sequence sequence = 0;
    for (const char* start : {"", "aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaab", "b", "zzzzzzzz"})
      for (int i = 0; i < 150; ++i, ++sequence)
        tables[sequence % 4].push_back(put_at(sequence, start + std::to_string(1000 + i), "v"));
    check_forwards(make_sources(tables));
  }

  TEST_CASE("a seek finds the first entry not before its target, wherever the merge stood") {
    const Sources sources = make_sources({{put_at(9, "a", "1"), put_at(5, "c", "2")},
                                          {put_at(3, "a", "3"), put_at(8, "c", "4")},
                                          {put_at(7, "aa", "5")}});
    const std::vector<Version> all = merged(sources);
    MergeCursor merge(children_of(sources));
    MergeCursor standing(children_of(sources));  // in the middle, where merge is at its end
    for (int round = 0; round < 2; ++round) {
      for (const char* key : {"d", "c", "b", "aa", "a", ""}) {
        for (Sequence sequence = 0; sequence <= 10; ++sequence) {
          const Version target{key, seek_tag(sequence), ""};
          merge.seek(target.key, target.tag);
          const auto first = std::lower_bound(all.begin(), all.end(), target, comes_before);
          if (!expect_rest("seek(" + show_place(target.key, target.tag) + ")", merge, all,
                           static_cast<std::size_t>(first - all.begin())))
            return;
          standing.seek(target.key, target.tag);
          expect_at("from an entry, seek(" + show_place(target.key, target.tag) + ")", standing,
                    first == all.end() ? std::nullopt : std::optional(*first));
        }
      }
    }
  }

  TEST_CASE("prepare goes to every child and shows nothing, and a seek prepares by itself") {
    const Sources sources = make_sources({{put_at(1, "a", "x")}, {put_at(2, "b", "y")}});
    MergeCursor merge(children_of(sources));
    merge.prepare("a", tag_newest);
    lab::expect(!merge.is_valid(), "prepare() of a new merge", "not valid still", "valid");
    for (const auto& source : sources)
      lab::expect_equal("prepare(): how often each child was prepared", 1, source->prepares);
    merge.seek("b", tag_newest);
    expect_at("seek(\"b\")", merge, put_at(2, "b", "y"));
    for (const auto& source : sources)
      lab::expect(source->prepares >= 2, "seek(): how often each child was prepared", "once more",
                  source->prepares, "Prepare all the children, then seek all of them.");
  }

  TEST_CASE("random tables come out as if they had been sorted together") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      CAPTURE(seed);
      Random random(seed);
      std::vector<std::vector<Version>> tables(1 + random.below(12));
      for (Sequence i = 1; i <= 60; ++i)
        tables[random.below(tables.size())].push_back(
            put_at(i, random.bytes(random.below(3)), std::to_string(i)));
      check_forwards(make_sources(tables));
    }
  }
}
