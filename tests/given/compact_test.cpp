// compact_test.cpp: who asks for everything to be merged has it merged once.
#include "../support/machine.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>

namespace compact_test {

using namespace lsmith;

class Counter final : public EventListener {
 public:
  void on_event(const Event& event) override {
    count += event.type == Event::Type::compaction_began ? 1 : 0;
  }
  int count = 0;
};

struct CountingMachine : testing::Machine {
  CountingMachine() { options.listener = &compactions; }
  Counter compactions;
};

TEST_SUITE("compact") {
  TEST_CASE("the flush of compact() starts no compaction of its own") {
    CountingMachine machine;
    machine.options.level0_compact_count = 2;
    Db db = machine.open();
    REQUIRE(db.put("a", "1").ok());
    REQUIRE(db.flush().ok());
    REQUIRE(db.put("a", "2").ok());  // its table would be one too many
    REQUIRE(db.compact().ok());
    REQUIRE(db.wait_idle().ok());
    CHECK(machine.compactions.count == 1);
    CHECK(db.stats().levels[0].tables == 0);

    REQUIRE(db.put("a", "3").ok());
    REQUIRE(db.flush().ok());
    REQUIRE(db.put("a", "4").ok());
    REQUIRE(db.flush().ok());
    REQUIRE(db.wait_idle().ok());  // nothing is held back any more
    CHECK(machine.compactions.count == 2);
  }

  TEST_CASE("a full level 0 is merged all the same, since the flush waits for it") {
    CountingMachine machine;
    machine.options.level0_compact_count = machine.options.level0_slow_count = 1;
    machine.options.level0_stop_count = 1;
    Db db = machine.open();
    REQUIRE(db.put("a", "1").ok());
    REQUIRE(db.flush().ok());
    REQUIRE(db.put("a", "2").ok());
    REQUIRE(db.compact().ok());
    CHECK(machine.compactions.count == 2);
  }

  TEST_CASE("level 0 waits for twice as many tables while it is smaller than what it meets") {
    CountingMachine machine;
    machine.options.level0_compact_count = 2;
    machine.options.level0_slow_count = 12;
    Db db = machine.open();
    const auto flush_tables = [&](int count, int value_bytes) {
      for (; count > 0; --count) {
        REQUIRE(db.put("a", std::string(static_cast<std::size_t>(value_bytes), 'v')).ok());
        REQUIRE(db.put("b", "1").ok());
        REQUIRE(db.flush().ok());
        REQUIRE(db.wait_idle().ok());
      }
    };
    flush_tables(2, 3000);
    CHECK(machine.compactions.count == 1);  // it meets nothing
    flush_tables(3, 500);
    CHECK(machine.compactions.count == 1);
    CHECK(db.stats().levels[0].tables == 3);
    flush_tables(1, 500);  // the fourth
    CHECK(machine.compactions.count == 2);
    CHECK(db.stats().levels[0].tables == 0);
    flush_tables(2, 3000);  // larger than what they meet
    CHECK(machine.compactions.count == 3);
  }

  TEST_CASE("tables that wait for others never slow a writer") {
    for (const int slow : {2, 3, 4, 5, 6, 12}) {
      CAPTURE(slow);
      CountingMachine machine;
      machine.options.level0_compact_count = 2;
      machine.options.level0_slow_count = slow;
      Db db = machine.open();
      REQUIRE(db.put("a", std::string(10'000, 'v')).ok());
      REQUIRE(db.compact().ok());
      int tables_max = 0;
      for (int i = 0; i < 8; ++i) {
        REQUIRE(db.put("a", "1").ok());
        REQUIRE(db.flush().ok());
        REQUIRE(db.wait_idle().ok());
        tables_max = std::max(tables_max, static_cast<int>(db.stats().levels[0].tables));
      }
      CHECK(tables_max == (slow < 4 ? 1 : slow < 6 ? 2 : 3));
      const auto slowed = static_cast<std::size_t>(StallReason::level0_slow);
      CHECK(db.stats().stalls[slowed].count == 0);
    }
  }

  TEST_CASE("keys in order are moved down at once: nothing is rewritten for them") {
    CountingMachine machine;
    machine.options.level0_compact_count = 2;
    Db db = machine.open();
    REQUIRE(db.put("a", std::string(10'000, 'v')).ok());
    REQUIRE(db.compact().ok());
    for (const char* const key : {"b", "c"}) {
      REQUIRE(db.put(key, "1").ok());
      REQUIRE(db.flush().ok());
      REQUIRE(db.wait_idle().ok());
    }
    CHECK(db.stats().levels[0].tables == 0);
  }

  TEST_CASE("a compact() whose flush fails lets other compactions go on") {
    CountingMachine machine;
    Db db = machine.open();
    REQUIRE(db.put("a", "1").ok());
    machine.files.fail(testing::Call::sync, 1, false);
    CHECK_FALSE(db.compact().ok());
    CHECK_FALSE(db.wait_idle().ok());  // and does not wait for ever
  }
}

}  // namespace compact_test
