// read_debt_test.cpp: readers that meet many tables have them merged, in the end and not before.
#include "../support/machine.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace read_debt_test {

using namespace lsmith;
using testing::Machine;

void add_table(Db& db) {
  REQUIRE(db.put("a", "1").ok());
  REQUIRE(db.put("z", "1").ok());
  REQUIRE(db.flush().ok());
}

std::uint64_t tables_of_level0(Db& db) {
  REQUIRE(db.wait_idle().ok());
  return db.stats().levels[0].tables;
}

void scan(Db& db, int times) {
  for (int i = 0; i < times; ++i)
    REQUIRE(db.scan().status().ok());
}

// Tables in a version: the level and the bytes of each. None overlaps another.
lsmith::Version version_of(const std::vector<std::pair<int, std::uint64_t>>& tables) {
  VersionEdit edit;
  std::uint64_t number = 0;
  for (const auto& [level, bytes] : tables) {
    TableMeta meta;
    meta.number = ++number;
    meta.file_bytes = bytes;
    meta.first_key = meta.last_key = std::to_string(number);
    edit.added.emplace_back(level, meta);
  }
  auto version = lsmith::Version().apply(edit);
  REQUIRE_MESSAGE(version.ok(), version.status().to_string());
  return *std::move(version);
}

// How many scans make the merge due; 0: 10,000 do not.
int scans_until_due(const lsmith::Version& version) {
  ReadDebt debt(version);
  for (int scans = 1; scans <= 10'000; ++scans)
    if (debt.note_scan()) return scans;
  return 0;
}

// The same in gets, of keys of which each sixteenth is counted.
int gets_until_due(const lsmith::Version& version) {
  ReadDebt debt(version);
  for (int gets = 1; gets <= 10'000; ++gets)
    if (debt.note_get({"key", sequence_max, static_cast<std::uint64_t>(gets)})) return gets;
  return 0;
}

TEST_SUITE("read_debt") {
  TEST_CASE("the debt is due when it is what merging level 0 and the level below it costs") {
    constexpr std::uint64_t mib = 1 << 20;
    constexpr int scans_a_mib = 64;  // 16 KiB for each run that a scan is not spared
    CHECK(scans_until_due(version_of({{0, 2 * mib}, {0, 2 * mib}})) == 4 * scans_a_mib);
    CHECK(scans_until_due(version_of({{0, 2 * mib}, {6, 4 * mib}})) == 6 * scans_a_mib);
    for (const int base : {1, 3, 5, 6}) {
      CAPTURE(base);
      const lsmith::Version version = version_of({{0, mib}, {0, mib}, {0, mib}, {base, 6 * mib}});
      CHECK(scans_until_due(version) == (3 + 6) * scans_a_mib / 3);
    }
    const lsmith::Version version =
        version_of({{0, 2 * mib}, {0, 2 * mib}, {1, 4 * mib}, {6, 64 * mib}});
    CHECK(scans_until_due(version) == 8 * scans_a_mib / 2);  // what lies deeper is left alone
  }

  TEST_CASE("however small the tables are, a hundred places are looked into in vain before") {
    CHECK(scans_until_due(version_of({{0, 1}, {0, 1}})) == 100);
    CHECK(scans_until_due(version_of({{0, 1}, {0, 1}, {6, 1}})) == 50);
    CHECK(scans_until_due(version_of({{0, 1}, {0, 1}, {0, 1}, {0, 1}})) == 34);
  }

  TEST_CASE("a get asks a filter, which is a sixteenth of what a scan does") {
    CHECK(gets_until_due(version_of({{0, 1}, {0, 1}})) == 1600);
    CHECK(gets_until_due(version_of({{0, 1}, {0, 1}, {6, 1}})) == 800);
  }

  TEST_CASE("where no run is one too many, no merge is ever due") {
    for (const lsmith::Version& version :
         {version_of({}), version_of({{0, 1}}), version_of({{1, 1}, {6, 1}})}) {
      CHECK(scans_until_due(version) == 0);
      CHECK(gets_until_due(version) == 0);
    }
  }

  TEST_CASE("a merge is due once, even when the debt leaps over what is due") {
    ReadDebt debt(version_of({{0, 1}, {0, 1}, {0, 1}, {6, 1}}));  // 33 scans are not enough
    int due = 0;
    for (int scans = 0; scans < 1000; ++scans)
      due += debt.note_scan() ? 1 : 0;
    for (std::uint64_t gets = 0; gets < 1000; ++gets)
      due += debt.note_get({"key", sequence_max, gets}) ? 1 : 0;
    CHECK(due == 1);
  }

  TEST_CASE("of many threads' scans none is lost, and one of them says that the merge is due") {
    constexpr int threads = 4, scans = 1'000'000;
    ReadDebt debt(version_of({{0, std::uint64_t{threads} * scans << 14}, {0, 0}}));
    std::atomic<int> due{0}, started{0};
    std::vector<std::thread> scanners;
    for (int i = 0; i < threads; ++i)
      scanners.emplace_back([&] {
        for (++started; started < threads;)
          std::this_thread::yield();
        for (int scan = 0; scan < scans; ++scan)
          due += debt.note_scan() ? 1 : 0;
      });
    for (std::thread& each : scanners)
      each.join();
    CHECK(due == 1);  // the last one
    CHECK_FALSE(debt.note_scan());
  }

  TEST_CASE("a hundred scans of one table too many have level 0 merged, and 99 do not") {
    Machine machine;
    Db db = machine.open();
    add_table(db);
    scan(db, 1000);  // one table alone is none too many
    CHECK(tables_of_level0(db) == 1);
    add_table(db);
    scan(db, 99);
    CHECK(tables_of_level0(db) == 2);
    scan(db, 1);
    CHECK(tables_of_level0(db) == 0);
    CHECK(db.check().empty());

    add_table(db);  // something lies below now
    add_table(db);
    scan(db, 49);
    CHECK(tables_of_level0(db) == 2);
    scan(db, 1);
    CHECK(tables_of_level0(db) == 0);
  }

  TEST_CASE("gets count too, but for less") {
    Machine machine;
    Db db = machine.open();
    add_table(db);
    add_table(db);
    std::string value;
    int gets = 0;
    for (; tables_of_level0(db) == 2; ++gets)
      REQUIRE(db.get(std::to_string(gets), value).ok());
    CHECK(gets > 1000);
    CHECK(gets < 3000);
  }

  TEST_CASE("a merge is as due as it is large") {
    Machine machine;
    machine.options.write_buffer_bytes = 8 << 20;
    machine.options.level_base_bytes = machine.options.table_bytes = 64 << 20;
    Db db = machine.open();
    for (int table = 0; table < 2; ++table) {
      for (int i = 0; i < 32; ++i)
        REQUIRE(db.put(std::to_string(i), std::string(64 << 10, 'x')).ok());
      REQUIRE(db.flush().ok());
    }
    scan(db, 4 * 1024 / 16);  // 2 + 2 MiB of values, and what stands beside them
    CHECK(tables_of_level0(db) == 2);
    scan(db, 20);
    CHECK(tables_of_level0(db) == 0);
  }

  TEST_CASE("where many runs are wanted, or nothing may be written, readers change nothing") {
    Machine machine;
    machine.options.compaction = CompactionStyle::tiered;
    {
      Db db = machine.open();
      add_table(db);
      add_table(db);
      scan(db, 1000);
      CHECK(tables_of_level0(db) == 2);
    }
    machine.options.compaction = CompactionStyle::leveled;
    machine.options.read_only = true;
    Db db = machine.open();
    scan(db, 1000);
    CHECK(db.stats().levels[0].tables == 2);
  }
}

}  // namespace read_debt_test
