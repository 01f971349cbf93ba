// 1_forward_test.cpp: the merge walks forwards: order, ties, seeks.
#include "../support/random.hpp"
#include "../support/vector_cursor.hpp"

#include <lsmith/merge_iterator.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

TEST_SUITE_BEGIN("merge.1");

namespace {

std::vector<Row> rest_of(MergeCursor& merge) {
  std::vector<Row> rows;
  for (; merge.is_valid(); merge.next())
    rows.push_back(row_of(merge));
  CHECK_MESSAGE(merge.status().ok(), "no child failed, but: ", merge.status().to_string());
  return rows;
}

void check_forward(const std::vector<std::shared_ptr<Source>>& sources) {
  MergeCursor merge(children_of(sources));
  CHECK_FALSE_MESSAGE(merge.is_valid(), "a new cursor stands nowhere: law 1");
  merge.seek_to_first();
  CHECK(rest_of(merge) == merged(sources));
  for (const auto& source : sources)
    CHECK_MESSAGE(source->misuse.empty(), "a child was misused: ", source->misuse);
}

}  // namespace

TEST_CASE("a merge of nothing is at its end") {
  check_forward({});
  check_forward(make_sources({{}}));
  check_forward(make_sources({{}, {}, {}}));
  MergeCursor merge({});
  merge.seek("a", tag_newest);
  CHECK_FALSE(merge.is_valid());
  merge.seek_to_last();
  CHECK_FALSE(merge.is_valid());
  CHECK(merge.status().ok());
}

TEST_CASE("children of any length come out whole, in order") {
  check_forward(make_sources({{put("a", 1), put("b", 2)}}));
  check_forward(make_sources({{put("b", 2)}, {put("a", 1), put("c", 3)}, {}}));
  std::vector<Row> many;
  for (Sequence i = 1; i <= 100; ++i)
    many.push_back(put("k" + std::to_string(1000 + i), i));
  check_forward(make_sources({{}, many, {put("k1050", 777)}}));
  check_forward(make_sources({{put("k1050", 777)}, {}, many}));
}

TEST_CASE("versions come newest first, wherever they stand, and nothing is dropped") {
  std::vector<std::vector<Row>> tables = {{put("a", 9), erase("c", 8)},
                                          {put("a", 4), erase("b", 5), put("c", 7)},
                                          {put("a", 6), put("c", 1)}};
  std::sort(tables.begin(), tables.end(), [](auto& x, auto& y) { return x[0].tag < y[0].tag; });
  do {
    MergeCursor merge(children_of(make_sources(tables)));
    merge.seek_to_first();
    const std::vector<Row> expected = {put("a", 9),   put("a", 6), put("a", 4), erase("b", 5),
                                       erase("c", 8), put("c", 7), put("c", 1)};
    CHECK(rest_of(merge) == expected);
  } while (std::next_permutation(tables.begin(), tables.end(),
                                 [](auto& x, auto& y) { return x[0].tag < y[0].tag; }));
}

TEST_CASE("entries equal in key and tag come in the order of the children") {
  check_forward(make_sources({{put("a", 5, "first")},
                              {put("a", 5, "second")},
                              {put("a", 6, "newer"), put("a", 5, "third"), put("a", 4, "older")}}));
}

TEST_CASE("keys are ordered as unsigned bytes, and one may be the beginning of another") {
  using std::string;
  const string ff(9, '\xff');
  check_forward(make_sources({{put("", 1), put("a", 2), put(string("a\0", 2), 3)},
                              {put("\x7f", 4), put("\x80", 5), put(ff, 6)},
                              {put(string("a\0\0", 3), 7), put("a\x01", 8), put(ff + "a", 9)},
                              {put("\xff", 10), put("", 11), put(ff + "\xff", 12)}}));
}

TEST_CASE("long beginnings in common, that change on the way, mislead nobody") {
  std::vector<std::vector<Row>> tables(4);
  Sequence sequence = 0;
  for (const char* start : {"", "aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaab", "b", "zzzzzzzz"})
    for (int i = 0; i < 150; ++i, ++sequence)
      tables[sequence % 4].push_back(put(start + std::to_string(1000 + i), sequence));
  check_forward(make_sources(tables));
}

TEST_CASE("a seek goes to the first entry that is not before its target") {
  const auto sources = make_sources({{put("a", 9), put("c", 5)}, {put("a", 3), put("c", 8)}});
  const std::vector<Row> all = merged(sources);
  MergeCursor merge(children_of(sources));
  for (const char* key : {"", "a", "b", "c", "d"}) {
    for (Sequence sequence = 0; sequence <= 10; ++sequence) {
      for (int round = 0; round < 2; ++round) {  // from wherever the last one left it, then again
        CAPTURE(key);
        CAPTURE(sequence);
        merge.seek(key, seek_tag(sequence));
        const auto first = std::lower_bound(all.begin(), all.end(),
                                            Row{key, seek_tag(sequence), ""}, comes_before);
        CHECK(rest_of(merge) == std::vector<Row>(first, all.end()));
      }
    }
  }
}

TEST_CASE("a seek prepares every child before it seeks any, and prepare alone shows nothing") {
  const auto sources = make_sources({{put("a", 1)}, {put("b", 2)}});
  MergeCursor merge(children_of(sources));
  merge.prepare("a", tag_newest);
  CHECK_FALSE(merge.is_valid());
  for (const auto& source : sources)
    CHECK_MESSAGE(source->prepares == 1, "prepare is passed on to every child");
  merge.seek("b", tag_newest);
  CHECK(row_of(merge) == put("b", 2));
  for (const auto& source : sources)
    CHECK_MESSAGE(source->prepares >= 2, "a seek prepares its children");
}

TEST_CASE("random tables come out as if they had been sorted together") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::vector<std::vector<Row>> tables(random.below(10));
    for (Sequence i = 1; i <= 60 && !tables.empty(); ++i)
      tables[random.below(tables.size())].push_back(
          put(random.bytes(random.below(3)), i, std::to_string(i)));
    check_forward(make_sources(tables));
  }
}
