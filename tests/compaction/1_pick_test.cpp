// 1_pick_test.cpp: what to merge next, and that it may be merged.
#include "plans.hpp"

#include <map>
#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_1{"09.1", 15, "book/09-compaction.md#choosing",
                       "Whatever older table an input would pass on its way down, or meet where it "
                       "goes, must be an input too."};

}  // namespace

TEST_SUITE("compaction") {
  TEST_CASE("level sizes are counted from the bottom, and no level that holds tables is skipped") {
    Options options = small_options();
    options.level_base_bytes = 1000;
    options.level_ratio = 10;
    const auto base_of = [&](std::vector<std::pair<int, std::uint64_t>> levels) {
      return level_targets(filled(std::move(levels)), options).base_level;
    };
    lab::expect_equal("base_level of an empty tree", 6, base_of({}));
    lab::expect_equal("base_level, last level 1000 of 1000 bytes", 6, base_of({{6, 1000}}));
    lab::expect_equal("base_level, last level 1010 of 1000 bytes", 5, base_of({{6, 1010}}));
    lab::expect_equal("base_level, last level 99'000 bytes", 4, base_of({{6, 99'000}}));
    lab::expect_equal("base_level, last level of 10^12 bytes", 1,
                      base_of({{6, 1'000'000'000'000}}));
    lab::expect_equal("base_level, a table at level 3", 3, base_of({{6, 10}, {3, 10}}));
    lab::expect_equal("base_level, a table at level 1 alone", 1, base_of({{1, 10}}));
    const LevelTargets targets = level_targets(filled({{6, 500'000}, {5, 10}}), options);
    lab::expect_equal("bytes_max[5], last level 500'000", 50'000u, targets.bytes_max[5]);
    lab::expect_equal("bytes_max[4], last level 500'000", 5'000u, targets.bytes_max[4]);
    lab::expect_equal("bytes_max[3], last level 500'000", 1'000u, targets.bytes_max[3]);
    const auto upper = level_targets(filled({{2, 10}}), options);
    for (int level = 2; level < level_count; ++level)
      lab::expect(upper.bytes_max[static_cast<std::size_t>(level)] > 0,
                  "bytes_max of every level from base_level on", "more than 0", level);
  }

  TEST_CASE("a tree within its targets needs nothing") {
    const Options options = small_options();
    lab::expect_equal("pick in an empty tree", "nothing", numbers_of(pick_leveled({}, options)));
    TableSet tables = filled({{6, 1'000'000}, {5, 200'000}, {0, 9}, {0, 9}, {0, 9}});
    lab::expect_equal(show(tables), "nothing", numbers_of(pick_leveled(tables, options)));
  }

  TEST_CASE("level 0 goes down whole, with what overlaps it and nothing else") {
    TableSet tables;
    tables = with_table(tables, 6, table(1, "a", "c"));
    tables = with_table(tables, 6, table(2, "d", "f"));
    tables = with_table(tables, 6, table(3, "g", "i"));
    tables = with_table(tables, 6, table(4, "x", "z"));
    for (const auto& [first, last] : {std::pair("e", "e"), {"f", "h"}, {"f", "g"}, {"m", "n"}})
      tables = with_table(tables, 0, table(tables.table_count() + 1, first, last));
    const auto plan = pick_leveled(tables, small_options());
    lab::expect_equal(show(tables), "2 3 5 6 7 8 to level 6", numbers_of(plan));
    if (plan) check_plan(tables, *plan);
  }

  TEST_CASE("level 0 does not pass a level that may hold something older") {
    TableSet tables = filled({{6, 100}, {3, 100}, {0, 10}, {0, 10}, {0, 10}, {0, 10}});
    const auto plan = pick_leveled(tables, small_options());
    lab::expect_equal(show(tables), "2 3 4 5 6 to level 3", numbers_of(plan));
  }

  TEST_CASE("a level above its target gives a table to the next, with what that overlaps there") {
    TableSet tables;
    std::uint64_t number = 0;
    for (const std::string key : {"a", "d", "g", "m", "t"}) {
      tables = with_table(tables, 5, table(++number, key, key + "z", 10'000));
      tables = with_table(tables, 6, table(++number, key + "b", key + "y", 10'000));
    }
    const auto plan = pick_leveled(tables, small_options());
    if (!lab::expect(plan.has_value(), show(tables), "a plan", "none")) return;
    CHECK(check_plan(tables, *plan));
    lab::expect_equal(
        show(tables) + "; level and output level", "5 6",
        std::to_string(plan->inputs.front().first) + " " + std::to_string(plan->output_level));
    lab::expect(!plan->is_trivial_move, show(*plan), "a merge, for they overlap", "a move");
    tables = filled({{6, 1'000'000'000'000}, {1, 2'000'000'000}});
    lab::expect_equal(show(tables), "2 to level 2",
                      numbers_of(pick_leveled(tables, small_options())));
  }

  TEST_CASE("tables that share a key at their edges overlap") {
    TableSet tables = with_table({}, 6, table(1, "c", "e"));
    for (std::uint64_t i = 2; i <= 5; ++i)
      tables = with_table(tables, 0, table(i, i == 2 ? "e" : "x" + std::to_string(i), "z"));
    const auto plan = pick_leveled(tables, small_options());
    lab::expect_equal(show(tables), "1 2 3 4 5 to level 6", numbers_of(plan));
    if (plan) lab::expect(!plan->is_trivial_move, show(*plan), "a merge", "a move");
  }

  TEST_CASE("hundreds of flushes: nothing piles up, nothing goes on for ever, newer stays above") {
    for (const CompactionStyle style : {CompactionStyle::leveled, CompactionStyle::tiered}) {
      Random random(9);
      Options options = small_options();
      options.tiered_runs_max = 5;
      Simulation tree;
      for (Sequence flush = 1; flush <= 200; ++flush) {
        std::map<std::string, Sequence> keys;
        const std::uint64_t begin = random.below(2000), width = 1 + random.below(1500);
        for (int i = 0; i < 30; ++i) {
          const std::string key = std::to_string(10000 + begin + random.below(width));
          keys[key] = tree.written[key] = flush;
        }
        VersionEdit edit;
        tree.add(edit, 0, std::move(keys));
        tree.install(edit);
        for (int merges = 0;; ++merges) {
          const bool is_manual = random.chance(2);
          const std::string first = std::to_string(10000 + random.below(3000)), last = first + "5";
          const auto plan = is_manual ? pick_range(tree.tables, options, first, last)
                            : style == CompactionStyle::leveled ? pick_leveled(tree.tables, options)
                                                                : pick_tiered(tree.tables, options);
          if (!plan && !is_manual) break;
          if (plan) REQUIRE(tree.run(*plan));
          REQUIRE_MESSAGE(merges < 100, "merging goes on and on: " << show(*plan));
        }
        if (flush % 10 == 0)
          REQUIRE(lab::expect_equal(
              std::to_string(flush) + " flushes and merges; key that lost its last write",
              "nothing", tree.wrong_key()));
        const std::size_t level0 = tree.tables.level(0).size();
        REQUIRE(lab::expect(level0 < 5, "flush " + std::to_string(flush) + ", then all merges",
                            "fewer tables in level 0 than start a merge", level0));
      }
      CHECK(tree.tables.level(6).size() > 1);
    }
  }

  TEST_CASE("a range takes all that overlaps, on every level, and nothing when nothing does") {
    TableSet tables = with_table({}, 6, table(1, "a", "c"));
    tables = with_table(tables, 6, table(2, "f", "h"));
    tables = with_table(tables, 5, table(3, "g", "k"));
    tables = with_table(tables, 0, table(4, "k", "m"));
    const auto picked = [&](const char* first, const char* last) {
      return numbers_of(pick_range(tables, small_options(), first, last));
    };
    lab::expect_equal(show(tables) + "; range a-b", "1 to level 6", picked("a", "b"));
    lab::expect_equal(show(tables) + "; range k-l", "3 4 to level 5", picked("k", "l"));
    lab::expect_equal(show(tables) + "; range h-h", "2 3 to level 6", picked("h", "h"));
    lab::expect_equal(show(tables) + "; range n-z", "nothing", picked("n", "z"));
    lab::expect_equal(show(tables) + "; everything", "1 2 3 4 to level 6",
                      numbers_of(pick_range(tables, small_options(), {}, {})));
  }
}
