// 3_cursor_test.cpp: walking a block in both directions, under the laws of cursor.hpp.
#include "walks.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;
using namespace std::string_literals;

const lab::Step step_3{"03.3", 15, "book/03-block.md#walking",
                       "next() and prev() go to the neighbouring row; a move past an end ends it."};

static_assert(EntryCursor<BlockCursor>);

std::vector<Version> ten_entries() {
  std::vector<Version> entries;
  for (int i = 0; i < 10; ++i)
    entries.push_back(put_at(9, "key" + std::to_string(i), std::string(10, 'v')));
  return entries;
}

}  // namespace

TEST_SUITE_BEGIN("block");

TEST_CASE("the block made by hand is walked in both directions") {
  expect_both_ways("the block made by hand", golden_entries());
}

TEST_CASE("blocks of one entry and of many are walked in both directions") {
  expect_both_ways("no entries", {});
  expect_both_ways("one entry", {put_at(1, "k", "v")});
  expect_both_ways("the empty key", {put_at(1, "", "")});
  expect_both_ways("two entries", {put_at(1, "k1", "v"), put_at(1, "k2", "v")});
  expect_both_ways("separators with tag 0", {{"a", 0, "handle"}, {"b", 0, "handle"}});
}

TEST_CASE("keys of any length are rebuilt") {
  for (std::size_t prefix : {0, 1, 7, 8, 40, 56, 57, 64, 1000, 65000}) {
    std::vector<Version> entries;
    for (std::size_t rest : {0, 1, 5, 8, 9, 16, 48, 49, 56, 57, 63, 64, 65, 200, 500})
      entries.push_back(put_at(1, std::string(prefix, 'p') + std::string(rest, 'r'), "v"));
    expect_both_ways("a prefix of " + std::to_string(prefix) + " bytes", entries);
    entries.push_back(put_at(1, std::string(prefix, 'p') + "s", "shorter than the one before"));
    expect_both_ways("a prefix of " + std::to_string(prefix) + " bytes, then a short key", entries);
  }
}

TEST_CASE("direction may change at any entry") {
  Walk walk(ten_entries());
  for (std::size_t i = 1; i < 9; ++i) {
    walk.cursor.seek(walk.entries[i].key, tag_newest);
    walk.cursor.next();
    walk.cursor.prev();
    expect_at("seek to entry " + std::to_string(i) + "; next(); prev()", walk.cursor,
              walk.entries[i]);
    walk.cursor.prev();
    walk.cursor.next();
    expect_at("seek to entry " + std::to_string(i) + "; next(); prev(); prev(); next()",
              walk.cursor, walk.entries[i]);
  }
}

TEST_CASE("a seek lands on the first entry that is not before its target") {
  for (const std::vector<Version>& entries : {golden_entries(), ten_entries()}) {
    Walk walk(entries);
    const Model model = model_of(entries);
    for (const Version& entry : entries) {
      for (const std::string& key : {entry.key, entry.key + '\0', entry.key + '\xff',
                                     entry.key.substr(0, entry.key.size() - 1), ""s, "zz"s}) {
        for (std::uint64_t tag :
             {tag_newest, entry.tag + 1, entry.tag, entry.tag - 1, tag_oldest}) {
          walk.cursor.seek(key, tag);
          const auto expected = model.version(model.lower_bound(key, tag));
          if (!expect_at("seek(" + show_place(key, tag) + ")", walk.cursor, expected)) return;
        }
      }
    }
  }
}

TEST_CASE("past the last key there is nothing, and a later seek starts afresh") {
  Walk walk(ten_entries());
  walk.cursor.seek("\xff\xff", tag_newest);
  expect_end("seek to \\xff\\xff", walk.cursor);
  walk.cursor.seek("key9", tag_oldest);
  expect_end("seek behind the last version", walk.cursor);
  walk.cursor.seek("", tag_newest);
  expect_at("seek to the empty key", walk.cursor, walk.entries[0]);
}

TEST_CASE("a cursor keeps what it needs: it may be moved, and a value outlives a move") {
  Walk walk(ten_entries());
  BlockCursor first = Walk::make_cursor(walk.body.view());
  first.seek_to_first();
  const std::string_view value = first.value();
  first.seek(first.key(), tag_oldest);  // its own key may be the target
  BlockCursor second = std::move(first);
  expect_at("seek(key(), oldest); move the cursor", second, walk.entries[1]);
  second.next();
  expect_at("next() after the cursor was moved", second, walk.entries[2]);
  CHECK(value == walk.entries[0].value);
}

TEST_CASE("prepare changes nothing that a seek can see") {
  Walk walk(ten_entries());
  walk.cursor.prepare("key5", tag_newest);
  walk.cursor.seek("key5", tag_newest);
  expect_at("prepare; seek to key5", walk.cursor, walk.entries[5]);
}

TEST_CASE("random walks go where the model goes") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    const Model model = random_versions(random, random.below(50));
    Walk walk(model.all());
    INFO("seed " << seed);
    if (!walks_like(model, walk.cursor, random, 300)) return;
  }
}

TEST_SUITE_END();
