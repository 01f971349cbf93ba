// staying_value_test.cpp: a walk backwards shows values where they are, as long as they stay there.
#include "../support/machine.hpp"
#include "../support/random.hpp"
#include "../support/temp_folder.hpp"

#include <lsmith/level_cursor.hpp>
#include <lsmith/lsmith.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace staying_value_test {
namespace {

using namespace lsmith;
using lsmith::testing::Random;
using lsmith::testing::TempFolder;

// A level of tables a, b, c of one entry each, of which the cache keeps one open.
struct ThreeTables {
  explicit ThreeTables(bool is_mapped) {
    Options options = small_options();
    options.mapped_tables = is_mapped;
    options.open_tables_max = 1;
    cache = std::make_shared<TableCache>(options, posix_file_system(), folder.path());
    for (const char* const key : {"a", "b", "c"}) {
      const std::uint64_t number = level.size() + 1;
      auto builder = cache->create(number);
      REQUIRE(builder.ok());
      REQUIRE((*builder)->add(key, make_tag(number, Kind::put), value_of(*key)).ok());
      auto meta = (*builder)->finish();
      REQUIRE(meta.ok());
      meta->number = number;
      level.push_back(std::make_shared<const TableMeta>(*std::move(meta)));
    }
  }
  LevelCursor cursor() const { return LevelCursor(level, cache, ReadPattern::point); }
  // What a reader at the sequence sees of them and of newer entries.
  UserCursor cursor(const Memtable& newer, Sequence sequence) const {
    std::vector<std::unique_ptr<ChildCursor>> children;
    children.push_back(erase_cursor(newer.cursor()));
    children.push_back(erase_cursor(cursor()));
    return UserCursor(MergeCursor(std::move(children)), sequence, {});
  }
  // That of c is so large that nothing fills its place when its table is closed.
  static std::string value_of(char key) { return std::string(key == 'c' ? 400'000 : 100, key); }

  TempFolder folder;
  std::shared_ptr<TableCache> cache;
  std::vector<TableRef> level;
};

Options options_for_disk(bool is_mapped) {
  Options options = testing::machine_options();
  options.mapped_tables = is_mapped;
  options.open_tables_max = 8;
  return options;
}

using Content = std::map<std::string, std::string>;

// Steps, and turns, and seeks, wherever they lead; each entry is that of the model.
void walk(Db& db, const Content& content, const Snapshot* snapshot, Random& random) {
  Scan scan = db.scan({}, {}, snapshot);
  UserCursor& cursor = scan.cursor();
  cursor.seek_to_last();
  auto expected = content.end();
  if (!content.empty()) --expected;
  for (int step = 0; step < 600; ++step) {
    if (random.chance(3)) {
      const std::string key = std::to_string(100 + random.below(900));
      cursor.seek(key);
      expected = content.lower_bound(key);
    } else if (expected == content.end()) {
      cursor.seek_to_last();
      expected = std::prev(content.end());
    } else if (random.chance(80) && expected != content.begin()) {
      cursor.prev();
      --expected;
    } else {
      cursor.next();
      ++expected;
    }
    REQUIRE(cursor.is_valid() == (expected != content.end()));
    if (expected == content.end()) continue;
    REQUIRE(cursor.key() == expected->first);
    REQUIRE(cursor.value() == expected->second);
  }
}

// How many places in memory a walk over all entries, backwards, shows their values at.
std::size_t places_of_values(Db& db) {
  std::set<const char*> places;
  Scan scan = db.scan();
  UserCursor& cursor = scan.cursor();
  for (cursor.seek_to_last(); cursor.is_valid(); cursor.prev())
    places.insert(cursor.value().data());
  REQUIRE(cursor.status().ok());
  return places.size();
}

}  // namespace

TEST_SUITE("staying value") {
  TEST_CASE("a value of a mapped table stays when the walk goes on to the next table") {
    const ThreeTables tables(true);
    LevelCursor cursor = tables.cursor();
    cursor.seek_to_last();
    REQUIRE(cursor.is_valid());
    REQUIRE(cursor.value_stays());
    const std::string_view value = cursor.value();
    cursor.prev();  // the cache closes the other one now
    REQUIRE(cursor.is_valid());
    CHECK(cursor.key() == "b");
    CHECK(value == ThreeTables::value_of('c'));
  }

  TEST_CASE("a value of the first table stays when the walk leaves it") {
    const ThreeTables tables(true);
    LevelCursor cursor = tables.cursor();
    cursor.seek("a", tag_newest);
    REQUIRE(cursor.is_valid());
    const std::string_view value = cursor.value();
    cursor.prev();
    CHECK_FALSE(cursor.is_valid());
    REQUIRE(tables.cache->open(*tables.level[2]).ok());  // the cache closes the first one
    CHECK(value == ThreeTables::value_of('a'));
  }

  // Of "aa" there are more versions than are passed one by one, and none of them is visible.
  TEST_CASE("a value that stayed is forgotten when the cursor comes to a key without one") {
    const ThreeTables tables(true);
    Memtable newer;
    for (Sequence sequence = 20; sequence < 60; ++sequence)
      newer.add(make_tag(sequence, Kind::put), "aa", "too new");
    UserCursor cursor = tables.cursor(newer, 15);
    cursor.seek_to_last();
    REQUIRE(cursor.is_valid());
    CHECK(cursor.value() == ThreeTables::value_of('c'));
    cursor.seek_back("aa");  // the cache closes c
    REQUIRE(cursor.is_valid());
    CHECK(cursor.key() == "a");
    CHECK(cursor.value() == ThreeTables::value_of('a'));
  }

  TEST_CASE("of many versions the right one is shown, wherever the snapshot lies among them") {
    const ThreeTables tables(true);
    for (const bool is_erased : {false, true})
      for (const Sequence visible : {9, 10, 11, 24, 25, 26, 27, 48, 49, 50}) {
        CAPTURE(is_erased);
        CAPTURE(visible);
        Memtable newer;
        for (Sequence sequence = 10; sequence < 50; ++sequence) {
          const bool erases = is_erased && sequence == visible;
          newer.add(make_tag(sequence, erases ? Kind::erase : Kind::put), "b",
                    erases ? std::string() : std::to_string(sequence));
        }
        UserCursor cursor = tables.cursor(newer, visible);
        std::vector<std::pair<std::string, std::string>> seen;
        for (cursor.seek_to_last(); cursor.is_valid(); cursor.prev())
          seen.emplace_back(cursor.key(), cursor.value());
        std::vector<std::pair<std::string, std::string>> expected = {
            {"c", ThreeTables::value_of('c')}, {"a", ThreeTables::value_of('a')}};
        const std::string value = visible < 10 ? ThreeTables::value_of('b')
                                               : std::to_string(std::min<Sequence>(visible, 49));
        if (!is_erased || visible < 10 || visible > 49)
          expected.insert(expected.begin() + 1, {"b", value});
        CHECK(seen == expected);
      }
  }

  TEST_CASE("of a table that is read no value is said to stay") {
    const ThreeTables tables(false);
    LevelCursor cursor = tables.cursor();
    cursor.seek_to_last();
    REQUIRE(cursor.is_valid());
    CHECK_FALSE(cursor.value_stays());
  }

  TEST_CASE("a walk backwards copies no value of a memtable or a mapped table") {
    for (const bool is_mapped : {false, true}) {
      CAPTURE(is_mapped);
      const TempFolder folder;
      auto db = Db::open(folder.path("db"), options_for_disk(is_mapped));
      REQUIRE(db.ok());
      const auto put = [&](int first, int last) {
        for (int i = first; i < last; ++i)
          REQUIRE(db->put(std::to_string(1000 + i), std::string(50, 'v')).ok());
      };
      put(0, 50);
      CHECK(places_of_values(*db) == 50);
      REQUIRE(db->flush().ok());
      const std::size_t in_table = places_of_values(*db);
      CHECK(in_table == (is_mapped ? 50 : 1));
      put(50, 60);
      CHECK(places_of_values(*db) == in_table + 10);
    }
  }

  TEST_CASE("walks over mapped and over read tables, of many versions, agree with a model") {
    for (const bool is_mapped : {false, true}) {
      CAPTURE(is_mapped);
      const TempFolder folder;
      auto db = Db::open(folder.path("db"), options_for_disk(is_mapped));
      REQUIRE(db.ok());
      Random random(1);
      Content content;
      std::vector<std::pair<Snapshot, Content>> moments;
      for (int i = 0; i < 6000; ++i) {
        // A tenth of the keys has most of the versions.
        const std::string key = std::to_string(100 + random.below(random.chance(70) ? 90 : 900));
        if (random.chance(15)) {
          REQUIRE(db->erase(key).ok());
          content.erase(key);
        } else {
          const std::string value = random.bytes(random.below(60));
          REQUIRE(db->put(key, value).ok());
          content[key] = value;
        }
        if (i % 1500 == 700) moments.emplace_back(db->snapshot(), content);
      }
      REQUIRE(db->wait_idle().ok());
      walk(*db, content, nullptr, random);
      for (const auto& [snapshot, seen] : moments)
        walk(*db, seen, &snapshot, random);
    }
  }
}

}  // namespace staying_value_test
