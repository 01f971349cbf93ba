// 3_cursor_test.cpp: a cursor walks a table both ways as if it had no blocks.
#include "../support/checked_cursor.hpp"
#include "judges.hpp"

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_3{
    "04.3", 10, "book/04-sstable.md#the-cursor",
    "When the cursor inside a block runs out, move the one over the index and begin "
    "at the near end of the next block."};

constexpr ReadPattern patterns[] = {ReadPattern::point, ReadPattern::scan, ReadPattern::background};

CheckedCursor<TableCursor> cursor_of(const Table& table, ReadPattern pattern) {
  return CheckedCursor<TableCursor>(table.cursor(pattern));
}

}  // namespace

TEST_SUITE("sstable") {
  TEST_CASE("all entries come in order and in reverse, for 1 to 24 keys in blocks of any size") {
    Random random(5);
    for (int keys = 1; keys <= 24; ++keys) {
      const Model model = random_model(random, keys, 3);
      for (const std::size_t block_bytes : {1u, 150u, 4096u}) {
        BlockCache cache(1 << 16);
        const auto table = open_table(build_table(model.all(), table_options(block_bytes, 0)).bytes,
                                      {.cache = &cache, .is_mapped = keys % 5 == 0});
        for (const ReadPattern pattern : patterns) {
          auto cursor = cursor_of(*table, pattern);
          check_walks(
              model, cursor,
              std::to_string(keys) + " keys, block_bytes " + std::to_string(block_bytes) + ": ");
        }
      }
    }
  }

  TEST_CASE("a seek finds the first entry that is not before its target") {
    Random random(6);
    const Model model = random_model(random, 60, 3);
    const auto table = open_table(build_table(model.all(), table_options(100, 0)).bytes);
    auto cursor = cursor_of(*table, ReadPattern::point);
    for (const Version& version : model.all()) {
      for (const std::string& key :
           {version.key, version.key + '\0', version.key.substr(0, 4), version.key + "\xff"}) {
        for (const std::uint64_t tag :
             {tag_newest, version.tag + 1, version.tag, version.tag - 1, tag_oldest}) {
          if (random.chance(50)) cursor.prepare(random.chance(50) ? key : "kez", tag);
          cursor.seek(key, tag);
          if (!lab::expect_equal("seek to " + show_place(key, tag),
                                 model.version(model.lower_bound(key, tag)),
                                 copy_of_current(cursor)))
            return;
        }
      }
    }
    cursor.seek("kez", 0);
    lab::expect_equal(
        "seek behind the last entry", "nothing, ok",
        (cursor.is_valid() ? "an entry, " : "nothing, ") + cursor.status().to_string());
  }

  TEST_CASE("a seek between the last entry of a block and its fence goes on in the next block") {
    const Version k9 = put_at(9, "k", "1"), k5 = put_at(5, "k", "2"), m = put_at(4, "m", "3");
    const auto table = open_table(
        craft_table({{{k9}, "k", make_tag(6, Kind::put)}, {{k5}, "l", 0}, {{m}, "z", 0}}));
    auto cursor = cursor_of(*table, ReadPattern::scan);
    cursor.seek("k", seek_tag(7));
    lab::expect_equal("seek to k@7", std::optional(k5), copy_of_current(cursor));
    cursor.seek("kk", tag_newest);
    lab::expect_equal("seek to kk, before the fence", std::optional(m), copy_of_current(cursor));
    if (cursor.is_valid()) cursor.prev();
    lab::expect_equal("then prev()", std::optional(k5), copy_of_current(cursor));
    cursor.seek("n", tag_newest);
    lab::expect_equal("seek to n, before the last fence", std::optional<Version>(),
                      copy_of_current(cursor));
  }

  TEST_CASE("the direction may turn at every entry") {
    Random random(8);
    const Model model = random_model(random, 50, 2);
    const std::vector<Version> all = model.all();
    const auto table = open_table(build_table(all, table_options(1, 0)).bytes);
    for (const ReadPattern pattern : patterns) {
      auto cursor = cursor_of(*table, pattern);
      cursor.seek_to_first();
      for (std::size_t i = 0; i + 1 < all.size() && cursor.is_valid(); ++i) {
        cursor.next();
        cursor.prev();
        if (!lab::expect_equal("next() and prev() at entry " + std::to_string(i),
                               std::optional(all[i]), copy_of_current(cursor)))
          return;
        cursor.next();
      }
      lab::expect_equal("after all turns", std::optional(all.back()), copy_of_current(cursor));
    }
  }

  TEST_CASE("a random walk agrees with the model, whatever the pattern, the cache and the map") {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      Random random(seed);
      const Model model = random_model(random, 300, 4);
      BlockCache cache(seed % 3 * 20000);
      const auto table =
          open_table(build_table(model.all(), table_options(200, 10)).bytes,
                     {.cache = seed % 2 == 0 ? &cache : nullptr, .is_mapped = seed % 4 == 3});
      auto cursor = cursor_of(*table, patterns[seed % 3]);
      INFO("seed " << seed);
      if (!walks_like(model, cursor, random, 600)) return;
    }
  }

  TEST_CASE("blocks larger than any read-ahead are walked too, both ways") {
    Model model;
    Random random(9);
    for (Sequence i = 1; i <= 40; ++i) {
      add(model, put_at(i, "key" + std::to_string(100 + i),
                        random.bytes(i % 10 == 0 ? 400000 : 9000 * (i % 7))));
    }
    const std::string bytes = build_table(model.all(), table_options(4096, 0)).bytes;
    BlockCache cache(1 << 20);
    for (const ReadPattern pattern : patterns) {
      const auto table = open_table(bytes, {.cache = &cache});
      auto cursor = cursor_of(*table, pattern);
      check_walks(model, cursor, "large values: ");
    }
  }

  TEST_CASE("a cursor may be moved while it stands on an entry") {
    const std::vector<Version> versions{put_at(1, "a", "1"), put_at(2, "b", "2")};
    const auto table = open_table(build_table(versions, table_options(1, 0)).bytes);
    TableCursor cursor = table->cursor(ReadPattern::background);
    cursor.seek_to_first();
    TableCursor moved = std::move(cursor);
    lab::expect_equal("move a cursor on a", std::optional(versions[0]), copy_of_current(moved));
    moved.next();
    lab::expect_equal("next()", std::optional(versions[1]), copy_of_current(moved));
  }

  TEST_CASE("two cursors of one table do not disturb each other") {
    const std::vector<Version> versions{put_at(1, "a", "1"), put_at(2, "b", "2")};
    const auto table = open_table(build_table(versions, table_options(1, 0)).bytes);
    TableCursor one = table->cursor(ReadPattern::point);
    TableCursor other = table->cursor(ReadPattern::point);
    one.seek_to_first();
    other.seek_to_last();
    lab::expect_equal("one cursor goes to a, another to b; the first", std::optional(versions[0]),
                      copy_of_current(one));
    one.next();
    other.prev();
    lab::expect_equal("next() and the other's prev(); the first", std::optional(versions[1]),
                      copy_of_current(one));
  }
}
