// 3_backwards_and_memory_test.cpp: a cursor walks backwards too; entries and bytes are counted.
#include "../support/checked_cursor.hpp"
#include "../support/model.hpp"

#include <lsmith/memtable.hpp>

#include <string>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;

const lab::Step step_3{"01.3", 10, "book/01-memtable.md#walking-backwards-and-counting",
                       "The entry before a place is the last one that compares less than it."};

void expect_sound(const Memtable& memtable) {
  std::string broken;
  for (const std::string& line : memtable.check())
    broken += line + "; ";
  lab::expect_equal("check()", std::string(), broken);
}

}  // namespace

TEST_SUITE_BEGIN("memtable");

TEST_CASE("an empty memtable has no last entry") {
  Memtable memtable;
  CheckedCursor cursor(memtable.cursor());
  cursor.seek_to_last();
  expect_at("seek_to_last() in an empty memtable", cursor, std::nullopt,
            "The head of a list is not an entry.");
  expect_sound(memtable);
}

TEST_CASE("before the first entry a cursor is not valid, and it can be sought again") {
  Memtable memtable;
  const Version only = put_at(4, "", "the empty key is an entry");
  add(memtable, only);
  CheckedCursor cursor(memtable.cursor());
  cursor.seek_to_last();
  expect_at("seek_to_last()", cursor, only);
  if (!cursor.is_valid()) return;
  cursor.prev();
  expect_at("prev() from the only entry", cursor, std::nullopt,
            "The head of a list is not an entry.");
  lab::expect_equal("status().ok() before the first entry", true, cursor.status().ok());
  cursor.seek_to_first();
  expect_at("seek_to_first() after that", cursor, only);
}

TEST_CASE("backwards is forwards reversed, and at every entry one can turn round") {
  Memtable memtable;
  Model model;
  for (Sequence sequence = 1; sequence <= 60; ++sequence) {
    const std::string key = std::to_string(sequence * 7 % 20);  // three versions a key
    const Version version =
        sequence % 3 == 0 ? erase_at(sequence, key) : put_at(sequence, key, "v");
    add(memtable, version);
    add(model, version);
  }
  const std::vector<Version> all = model.all();
  CheckedCursor cursor(memtable.cursor());
  cursor.seek_to_last();
  for (std::size_t i = all.size(); i-- > 0;) {
    if (!expect_at("entry " + std::to_string(i) + " of 60, backwards", cursor, all[i])) return;
    cursor.prev();
    if (i == 0 || !cursor.is_valid()) break;
    cursor.next();
    if (!expect_at("prev() and next() from " + show(all[i]), cursor, all[i])) return;
    cursor.prev();
  }
  expect_at("prev() from the first", cursor, std::nullopt);
}

TEST_CASE("random walks in both directions go where a map goes") {
  constexpr std::uint64_t seed = 13;
  INFO("seed ", seed);
  Random random(seed);
  Memtable memtable;
  Model model;
  for (Sequence sequence = 1; sequence <= 1200; ++sequence) {
    const Version version =
        put_at(sequence, random.bytes(random.below(3)), std::to_string(sequence));
    add(memtable, version);
    add(model, version);
    if (sequence % 100 != 0) continue;
    CheckedCursor cursor(memtable.cursor());
    if (!walks_like(model, cursor, random, 200)) return;
    expect_sound(memtable);
  }
}

TEST_CASE("prev meets what was added just before it") {
  Memtable memtable;
  add(memtable, put_at(1, "a", "")), add(memtable, put_at(2, "c", ""));
  CheckedCursor cursor(memtable.cursor());
  cursor.seek("c", tag_newest);
  const Version b = put_at(3, "b", "");
  add(memtable, b);
  cursor.prev();
  expect_at("seek(c); add b; prev()", cursor, b,
            "Look for the place anew; remember no neighbours.");
}

TEST_CASE("every version counts as an entry, tombstones too") {
  Memtable memtable;
  lab::expect_equal("entry_count() at first", 0u, memtable.entry_count());
  add(memtable, put_at(1, "a", "1")), add(memtable, put_at(2, "a", "2"));
  add(memtable, erase_at(3, "a")), add(memtable, erase_at(4, "never there"));
  lab::expect_equal("two puts and an erase of a, an erase of another", 4u, memtable.entry_count());
}

TEST_CASE("memory grows with keys, values, versions and tombstones, and overhead stays small") {
  Memtable memtable;
  const std::size_t empty = memtable.memory_bytes();
  lab::expect(empty < 65536, "memory_bytes() at first", "less than 65,536", empty);
  std::size_t least = 0;
  for (Sequence i = 1; i <= 1000; ++i) {
    const std::size_t before = memtable.memory_bytes();
    const std::string key = std::to_string(i) + std::string(i % 300, 'k');  // stored once: new ones
    const Version version = i % 4 == 0 ? erase_at(i, key) : put_at(i, key, std::string(i, 'v'));
    add(memtable, version);
    least += version.key.size() + version.value.size();
    const std::size_t now = memtable.memory_bytes();
    const std::string done = "memory_bytes() after " + std::to_string(i) + " adds";
    const std::string_view hint = "Sum up key, value, tag and what links them; it never falls.";
    if (!lab::expect(now >= before, done, "no less than before, " + std::to_string(before), now,
                     hint))
      return;
    if (!lab::expect(now >= least + 16 * i, done,
                     "at least the bytes added and 16 an entry, " + std::to_string(least + 16 * i),
                     now, hint))
      return;
  }
  const std::size_t most = 2 * least + 1000 * 400 + 65536;
  lab::expect(memtable.memory_bytes() <= most,
              "memory_bytes() after 1,000 adds of " + std::to_string(least) + " bytes",
              "at most " + std::to_string(most), memtable.memory_bytes());
  expect_sound(memtable);
}

TEST_SUITE_END();
