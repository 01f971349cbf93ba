// 3_drop_test.cpp: what a merge forgets: all that nobody can see, and nothing that somebody can.
#include "trees.hpp"

#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_3{"09.3", 20, "book/09-compaction.md#forgetting",
                       "A tombstone may go only when no table outside the merge can hold something "
                       "older of its key, on whatever level that stands."};

// Merges the rows beside tables that stay out; what is left, newest first.
std::string left(const Rows& rows, const std::vector<Rows>& others,
                 const std::vector<Sequence>& snapshots = {}, bool keeps_tombstones = false) {
  Tree tree;
  MergeContext context = tree.context(snapshots);
  context.keeps_tombstones = keeps_tombstones;
  for (const Rows& other : others)
    context.others.push_back(std::make_shared<TableMeta>(tree.write(other)));
  auto tables = tree.merge(make_sources({rows}), context);
  REQUIRE(tables.ok());
  std::string text;
  for (const TableMeta& meta : *tables)
    for (const Row& row : tree.read(meta))
      text += (text.empty() ? "" : ", ") + show_place(row.key, row.tag);
  lab::expect_equal("tables for \"" + text + "\"", text.empty(), tables->empty(),
                    "An empty table is not written.");
  return text.empty() ? "nothing" : text;
}

const char* const kept = "\"k\"@9 erase";
const Rows tombstone = {erase_at(9, "k")};

// A reader at each snapshot, and now, sees the same as before.
bool expect_same(const std::string& done, const Model& before, const Model& after,
                 std::vector<Sequence> readers) {
  readers.push_back(sequence_max);
  for (Sequence reader : readers) {
    const auto expected = before.visible(reader), found = after.visible(reader);
    if (expected == found) continue;
    for (const Row& row : before.all())
      if (!lab::expect_equal(
              done + "; reader at " + lab::show(reader) + ", key " + lab::show(row.key),
              before.read(row.key, reader), after.read(row.key, reader)))
        return false;
    return lab::expect(false, done, "the same keys as before", "other keys");
  }
  return true;
}

}  // namespace

TEST_SUITE("compaction") {
  TEST_CASE("a tombstone goes when nothing is left for it to hide") {
    lab::expect_equal("merge of k@9 erase", "nothing", left(tombstone, {}));
    lab::expect_equal("merge of k@9 erase and k@5", "nothing",
                      left({erase_at(9, "k"), put_at(5, "k", "v")}, {}));
    lab::expect_equal("other tables hold smaller and larger keys", "nothing",
                      left(tombstone, {{put_at(1, "j", "")}, {put_at(2, "kk", "")}}));
    lab::expect_equal("another table holds its key, but nothing older", "nothing",
                      left(tombstone, {{put_at(20, "a", ""), put_at(21, "z", "")}}));
  }

  TEST_CASE(
      "a tombstone stays while a table outside the merge may hold something older of its key") {
    lab::expect_equal("k@5 in another table", kept, left(tombstone, {{put_at(5, "k", "v")}}));
    lab::expect_equal("k first in another table", kept,
                      left(tombstone, {{put_at(5, "k", ""), put_at(6, "m", "")}}));
    lab::expect_equal("k last in another table", kept,
                      left(tombstone, {{put_at(5, "a", ""), put_at(6, "k", "")}}));
    lab::expect_equal("k within the keys of another table", kept,
                      left(tombstone, {{put_at(1, "a", ""), put_at(20, "z", "")}}));
    lab::expect_equal("the second and the last of four tables cover it", kept,
                      left(tombstone, {{put_at(1, "a", "")},
                                       {put_at(30, "b", ""), put_at(31, "l", "")},
                                       {put_at(2, "x", "")},
                                       {put_at(3, "c", ""), put_at(4, "m", "")}}));
    lab::expect_equal("one table covers b and d, another c",
                      "\"b\"@9 erase, \"c\"@9 erase, \"d\"@9 erase",
                      left({erase_at(9, "b"), erase_at(9, "c"), erase_at(9, "d"), erase_at(9, "f")},
                           {{put_at(1, "a", ""), put_at(2, "e", "")}, {put_at(3, "c", "")}}));
  }

  TEST_CASE("a tombstone stays for a snapshot that is before it, and in a flush") {
    lab::expect_equal("snapshot 5", "\"k\"@9 erase, \"k\"@5 put",
                      left({erase_at(9, "k"), put_at(5, "k", ""), put_at(4, "k", "")}, {}, {5}));
    lab::expect_equal("snapshot 0", kept, left(tombstone, {}, {0}));
    lab::expect_equal("snapshot 9", "nothing",
                      left({erase_at(9, "k"), put_at(5, "k", "")}, {}, {9}));
    lab::expect_equal("snapshot 9, k@10", "\"k\"@10 put",
                      left({put_at(10, "k", ""), erase_at(9, "k"), put_at(5, "k", "")}, {}, {9}));
    lab::expect_equal("keeps_tombstones", kept, left(tombstone, {}, {}, true));
  }

  TEST_CASE("versions go by stripes: 60, 5 and 3 with a snapshot at 50 leave 60 and 5") {
    lab::expect_equal(
        "snapshot 50", "\"k\"@60 put, \"k\"@5 put",
        left({put_at(60, "k", ""), put_at(5, "k", ""), put_at(3, "k", "")}, {}, {50}));
    lab::expect_equal("snapshots 10 and 35", "\"k\"@50 put, \"k\"@30 put, \"k\"@10 put",
                      left({put_at(50, "k", ""), put_at(40, "k", ""), put_at(30, "k", ""),
                            put_at(20, "k", ""), put_at(10, "k", "")},
                           {}, {10, 35}));
  }

  TEST_CASE("an erased key does not come back, from whatever level, after any compaction") {
    for (const int low : {2, 5, 6}) {
      Tree tree;
      tree.add(low, {put_at(1, "k", "old"), put_at(2, "z", "z")});
      tree.add(1, {erase_at(5, "k")});
      tree.add(0, {put_at(6, "a", ""), put_at(7, "m", "")});
      const Model before = tree.model();
      auto plan = CompactionPlan{
          {{0, tree.tables.level(0)[0]}, {1, tree.tables.level(1)[0]}}, 1, false, "a test"};
      REQUIRE(tree.run(plan).ok());
      expect_same("old value at level " + std::to_string(low) + "; " + show(plan), before,
                  tree.model(), {});
      REQUIRE(tree.run(*pick_range(tree.tables, small_options(), {}, {})).ok());
      lab::expect_equal("everything merged; entries left", std::size_t{3}, tree.model().size());
    }
  }

  TEST_CASE("when everything was erased nothing is left, not even a table") {
    Tree tree;
    Rows puts, erases;
    for (Sequence i = 1; i <= 500; ++i) {
      puts.push_back(put_at(i, std::to_string(i), "v"));
      erases.push_back(erase_at(1000 + i, std::to_string(i)));
    }
    tree.add(6, puts);
    tree.add(0, erases);
    REQUIRE(tree.run(*pick_range(tree.tables, small_options(), {}, {})).ok());
    lab::expect_equal("tables left", std::size_t{0}, tree.tables.table_count());
  }

  TEST_CASE("in random trees every reader sees the same before and after every compaction") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(seed);
      Random random(seed);
      Options options = small_options();
      options.level_base_bytes = 600;
      options.table_bytes = 400;
      Tree tree(options);
      std::vector<Sequence> snapshots;
      if (random.chance(20)) snapshots.push_back(0);
      for (Sequence sequence = 1; sequence <= 300;) {
        Rows rows;
        for (std::uint64_t i = 1 + random.below(12); i > 0; --i, ++sequence) {
          const std::string key(1, static_cast<char>('a' + random.below(15)));
          rows.push_back(random.chance(40) ? erase_at(sequence, key)
                                           : put_at(sequence, key, std::to_string(sequence)));
        }
        tree.add(0, rows);
        if (random.chance(20)) snapshots.push_back(sequence - 1);
        if (random.chance(10) && !snapshots.empty()) snapshots.erase(snapshots.begin());
        const std::string from(1, static_cast<char>('a' + random.below(15)));
        auto plan = random.chance(10) ? pick_range(tree.tables, options, from, from)
                    : seed % 2 == 0   ? pick_leveled(tree.tables, options)
                                      : pick_tiered(tree.tables, options);
        if (!plan) continue;
        const Model before = tree.model();
        REQUIRE(tree.run(*plan, snapshots).ok());
        REQUIRE(expect_same(show(*plan), before, tree.model(), snapshots));
      }
      if (!tree.tables.table_count()) continue;
      const auto live = tree.model().visible();
      REQUIRE(tree.run(*pick_range(tree.tables, options, {}, {})).ok());
      lab::expect_equal("everything merged, no snapshots; entries", live.size(),
                        tree.model().size());
      CHECK(tree.model().visible() == live);
    }
  }
}
