// read_debt_test.cpp: readers that meet many tables have them merged, in the end and not before.
#include "../support/machine.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

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

TEST_SUITE("read_debt") {
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
