// 2_both_ways_test.cpp: the merge walks back, and turns round anywhere.
#include "../support/random.hpp"
#include "../support/vector_cursor.hpp"

#include <lsmith/merge_iterator.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

TEST_SUITE_BEGIN("merge.2");

namespace {

const std::vector<std::vector<Row>> few = {
    {put("a", 9), put("c", 5, "child 0")},
    {put("a", 3), erase("b", 4), put("c", 8), put("c", 5, "child 1")},
    {},
    {put("c", 5, "child 3"), put("d", 1)},
    {put("a", 9, "child 4")}};

void check_at(const MergeCursor& merge, const std::vector<Row>& all, std::size_t position) {
  CHECK_MESSAGE(merge.status().ok(), merge.status().to_string());
  REQUIRE_MESSAGE(merge.is_valid() == (position < all.size()), "the merge ",
                  merge.is_valid() ? "goes on" : "ends", " at entry ", position, " of ",
                  all.size());
  if (position < all.size()) CHECK(row_of(merge) == all[position]);
}

// Walks at random; every position is known in advance. `position` is all.size() past either end.
void walk(const std::vector<std::shared_ptr<Source>>& sources, std::uint64_t seed, int steps) {
  Random random(seed);
  const std::vector<Row> all = merged(sources);
  MergeCursor merge(children_of(sources));
  std::size_t position = all.size();
  std::string path;
  for (int i = 0; i < steps; ++i) {
    const auto choice = random.below(merge.is_valid() ? 12 : 4);
    if (choice == 0) {
      path += " first";
      merge.seek_to_first();
      position = 0;
    } else if (choice == 1) {
      path += " last";
      merge.seek_to_last();
      position = all.empty() ? 0 : all.size() - 1;
    } else if (choice <= 3) {
      const Row target = put(random.bytes(random.below(2)), random.below(70));
      path += " seek";
      merge.seek(target.key, target.tag);
      position = static_cast<std::size_t>(
          std::lower_bound(all.begin(), all.end(), target, comes_before) - all.begin());
    } else if (choice <= 7) {
      path += " next";
      merge.next();
      ++position;
    } else {
      path += " prev";
      merge.prev();
      position = position == 0 ? all.size() : position - 1;
    }
    INFO("after:", path);
    check_at(merge, all, position);
    if (path.size() > 200) path = " ...";
  }
  for (const auto& source : sources)
    CHECK_MESSAGE(source->misuse.empty(), "a child was misused: ", source->misuse);
}

}  // namespace

TEST_CASE("backwards is forwards reversed, entries that are equal included") {
  const auto sources = make_sources(few);
  const std::vector<Row> all = merged(sources);
  MergeCursor merge(children_of(sources));
  merge.seek_to_last();
  for (std::size_t i = all.size(); i-- > 0; merge.prev())
    check_at(merge, all, i);
  CHECK_FALSE_MESSAGE(merge.is_valid(), "prev() from the first entry ends the walk");
  CHECK(merge.status().ok());
}

TEST_CASE("next and prev are opposites at every entry") {
  const auto sources = make_sources(few);
  const std::vector<Row> all = merged(sources);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    MergeCursor merge(children_of(sources));
    merge.seek_to_first();
    for (std::size_t step = 0; step < i; ++step)
      merge.next();
    if (i > 0) {
      merge.prev(), check_at(merge, all, i - 1);
      merge.next(), check_at(merge, all, i);
    }
    merge.next(), check_at(merge, all, i + 1);
    if (!merge.is_valid()) continue;
    merge.prev(), check_at(merge, all, i);
  }
}

TEST_CASE("the walk turns at a key that only one child holds, and beyond all that others hold") {
  const auto sources = make_sources({{put("m", 5)}, {put("a", 1), put("b", 2)}, {put("x", 3)}});
  const std::vector<Row> all = merged(sources);
  MergeCursor merge(children_of(sources));
  merge.seek("m", tag_newest), check_at(merge, all, 2);
  merge.prev(), check_at(merge, all, 1);
  merge.next(), check_at(merge, all, 2);
  merge.next(), check_at(merge, all, 3);
  merge.prev(), check_at(merge, all, 2);
  merge.prev(), check_at(merge, all, 1);
  merge.prev(), check_at(merge, all, 0);
  merge.next(), check_at(merge, all, 1);
}

TEST_CASE("a child that grows meanwhile never sends the walk back") {
  const auto sources = make_sources({{put("c", 1)}, {put("b", 2), put("d", 3)}});
  MergeCursor merge(children_of(sources));
  merge.seek("d", tag_newest);
  merge.prev();
  CHECK(row_of(merge) == put("c", 1));
  sources[1]->insert(put("bb", 10));
  sources[1]->insert(put("cc", 11));
  merge.next();  // to "cc" or to "d", but to nothing before "c"
  REQUIRE(merge.is_valid());
  CHECK_MESSAGE(merge.key() > "c", "next() went back to ", merge.key());

  merge.seek("c", tag_newest);
  sources[0]->insert(put("x", 12));
  merge.prev();
  REQUIRE(merge.is_valid());
  CHECK_MESSAGE(merge.key() < "c", "prev() went on to ", merge.key());
}

TEST_CASE("random walks over random tables never lose their place") {
  walk(make_sources(few), 7, 3000);
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::vector<std::vector<Row>> tables(1 + random.below(12));
    for (Sequence i = 1; i <= 50; ++i) {
      const std::string key = random.bytes(random.below(2));
      const Sequence sequence = random.chance(20) ? 1 + random.below(3) : 10 + i;
      auto& table = tables[random.below(tables.size())];
      const Row row = put(key, sequence, std::to_string(i));
      if (std::none_of(table.begin(), table.end(), [&](const Row& other) {
            return other.key == row.key && other.tag == row.tag;
          }))
        table.push_back(row);
    }
    walk(make_sources(tables), seed, 400);
  }
}
