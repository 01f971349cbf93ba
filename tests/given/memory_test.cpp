// memory_test.cpp: a read that can not get memory passes that on, and has changed nothing. The
// torture run `memory` does the same to whole lives.
#include <lsmith/lsmith.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <new>
#include <string>

#include "../support/history.hpp"
#include "../support/scarcity.hpp"

namespace {

using namespace lsmith;
using namespace lsmith::testing;

TEST_SUITE("memory") {
  // Was a defect: a table that was opened, but not remembered, left its number in the list of ages,
  // and the next table to be closed for it was taken from a slot that is not there.
  TEST_CASE("whichever allocation of a read fails, the next read is right") {
    Machine machine;
    machine.options.open_tables_max = 8;
    machine.options.level0_compact_count = 100;
    machine.options.level0_slow_count = machine.options.level0_stop_count = 200;
    auto db = machine.try_open();
    REQUIRE(db.ok());
    constexpr int tables = 12;
    const auto key = [](int i) { return "key" + std::to_string(i); };
    for (int i = 0; i < tables; ++i) {
      REQUIRE(db->put(key(i), std::to_string(i)).ok());
      REQUIRE(db->flush().ok());
    }
    std::uint64_t failed = 0;
    for (std::uint64_t n = 1; n <= 30; ++n) {
      for (int i = 0; i < tables; ++i) {
        const std::string name = key(i);
        try {
          const Scarcity scarcity(n, true);
          db->scan(name).cursor().seek_to_first();  // which opens all of them
        } catch (const std::bad_alloc&) {
          ++failed;
        }
        const auto found = db->get(name);
        REQUIRE(found.ok());
        CHECK(found->value_or("nothing") == std::to_string(i));
      }
    }
    CHECK(failed > 100);
    CHECK(db->check().empty());
  }
}

}  // namespace
