// 2_cursor_test.cpp: a cursor walks every version forwards, in order, while others write.
#include "../support/checked_cursor.hpp"
#include "../support/model.hpp"

#include <lsmith/memtable.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;
using namespace std::string_literals;

const lab::Step step_2{
    "01.2", 15, "book/01-memtable.md#walking-forwards",
    "seek lands on the first entry that is not before the place: an equal one is not."};

// In the order in which a cursor must show them.
const std::vector<Version>& five() {
  static const std::vector<Version> versions = {erase_at(9, "a"), put_at(5, "a", "one"),
                                                put_at(7, "a\0"s, ""), put_at(7, "b", "two"),
                                                erase_at(1, "\x80")};
  return versions;
}

void add_five(Memtable& memtable) {
  for (const std::size_t i : {3, 0, 4, 1, 2})
    add(memtable, five()[i]);
}

}  // namespace

TEST_SUITE_BEGIN("memtable");

TEST_CASE("over an empty memtable a cursor is never valid, and that is no error") {
  Memtable memtable;
  CheckedCursor cursor(memtable.cursor());
  lab::expect_equal("a new cursor; is_valid()", false, cursor.is_valid());
  cursor.seek_to_first();
  expect_at("seek_to_first() in an empty memtable", cursor, std::nullopt);
  cursor.seek("", tag_newest);
  expect_at("seek to the first place of all in an empty memtable", cursor, std::nullopt);
  lab::expect_equal("status().ok()", true, cursor.status().ok());
}

TEST_CASE("a cursor shows every version: keys ascending, the newest first") {
  Memtable memtable;
  add_five(memtable);
  CheckedCursor cursor(memtable.cursor());
  cursor.seek_to_first();
  std::string done = "seek_to_first()";
  for (const Version& version : five()) {
    expect_at(done, cursor, version);
    if (!cursor.is_valid()) return;
    done = "next() from " + show(version);
    cursor.next();
  }
  expect_at(done, cursor, std::nullopt,
            "Past the end a cursor is not valid: no wrapping, no staying.");
  lab::expect_equal("status().ok() past the end", true, cursor.status().ok());
  cursor.seek_to_first();
  expect_at("seek_to_first() after the end", cursor, five().front());
}

TEST_CASE("seek lands on the entry itself where there is one") {
  Memtable memtable;
  add_five(memtable);
  CheckedCursor cursor(memtable.cursor());
  for (const Version& version : five()) {
    cursor.seek(version.key, version.tag);
    expect_at("seek(" + show_place(version.key, version.tag) + ")", cursor, version);
  }
}

TEST_CASE("seek lands on what follows where there is none") {
  Memtable memtable;
  add_five(memtable);
  CheckedCursor cursor(memtable.cursor());
  const auto seek = [&](std::string_view key, std::uint64_t tag, std::optional<Version> expected) {
    cursor.prepare(key, tag);  // a hint: it must change nothing
    cursor.seek(key, tag);
    expect_at("seek(" + show_place(key, tag) + ")", cursor, expected);
  };
  seek("", tag_newest, five()[0]);
  seek("a", tag_newest, five()[0]);
  seek("a", seek_tag(9), five()[0]);
  seek("a", seek_tag(8), five()[1]);
  seek("a", make_tag(5, Kind::erase), five()[2]);
  seek("a", tag_oldest, five()[2]);
  seek("a\0\0"s, tag_newest, five()[3]);
  seek("b", seek_tag(6), five()[4]);
  seek("\x7f", tag_newest, five()[4]);
  seek("\x80", tag_oldest, std::nullopt);
  seek("\xff", tag_newest, std::nullopt);
}

TEST_CASE("a cursor goes on while entries are added around it, and meets each once") {
  Memtable memtable;
  for (int i = 10; i < 90; i += 2)
    add(memtable, put_at(1, std::to_string(i), "old"));
  CheckedCursor cursor(memtable.cursor());
  int last = 9;
  for (cursor.seek_to_first(); cursor.is_valid(); cursor.next()) {
    const int here = std::stoi(std::string(cursor.key()));
    if (!lab::expect_equal("add keys around " + std::to_string(last) + "; next()", last + 1, here,
                           "A cursor holds a place in the living list, not a copy of the list."))
      return;
    last = here;
    if (here % 2 == 1) continue;
    add(memtable, put_at(2, "0" + std::to_string(here), "behind"));
    add(memtable, put_at(2, std::to_string(here + 1), "ahead"));
    add(memtable, put_at(3, std::to_string(here), "a newer version, behind"));
    lab::expect_equal("add around the cursor; value()", "old"s, std::string(cursor.value()));
  }
  lab::expect_equal("the last key met; \"89\" was added when the cursor stood on \"88\"", 89, last);
}

TEST_CASE("two cursors do not disturb each other, and their views outlive their moves") {
  Memtable memtable;
  add_five(memtable);
  MemtableCursor a = memtable.cursor(), b = memtable.cursor();
  a.seek_to_first();
  b.seek("b", tag_newest);
  const std::string_view key = a.key(), value = b.value();
  a.next(), a.next(), b.next();
  expect_at("three entries on, a stands on", a, five()[2]);
  expect_at("one entry on, b stands on", b, five()[4]);
  lab::expect_equal("the key that a showed first", "a"s, std::string(key));
  lab::expect_equal("the value that b showed first", "two"s, std::string(value));
}

TEST_CASE("random seeks and steps go where a map goes") {
  constexpr std::uint64_t seed = 12;
  INFO("seed ", seed);
  Random random(seed);
  Memtable memtable;
  Model model;
  for (Sequence sequence = 1; sequence <= 1500; ++sequence) {
    const Version version =
        put_at(sequence, random.bytes(random.below(3)), std::to_string(sequence));
    add(memtable, version);
    add(model, version);
    if (sequence % 100 != 0) continue;
    CheckedCursor cursor(memtable.cursor());
    if (!walks_like(model, cursor, random, 200, /*is_both_ways=*/false)) return;
  }
}

TEST_SUITE_END();
