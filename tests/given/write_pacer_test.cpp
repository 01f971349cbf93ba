// write_pacer_test.cpp: writers who outrun the flushes lose their time bit by bit.
#include "../engine/history.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace write_pacer_test {
namespace {

using namespace lsmith;
using namespace engine_test;
using engine_test::Machine;
using lsmith::detail::WritePacer;

constexpr std::uint64_t flush_us = 60'000;

// Has a flush take that long, with so many memtables to freeze and nothing to compact.
void slow_down_flushes(Machine& machine, int frozen_memtables_max) {
  machine.options.frozen_memtables_max = frozen_memtables_max;
  machine.options.write_buffer_bytes = 65536;
  stop_compactions(machine.options);
  machine.files.on_change = [&machine](Call call, const std::string&) {
    if (call == Call::sync) machine.executor.sleep_us(flush_us);
  };
}

// Tables gather in level 0, which slows from three on and stops at eight; nothing is merged.
struct GrowingLevel0 {
  static Db open(Machine& machine) {
    slow_down_flushes(machine, 3);
    machine.options.level0_compact_count = machine.options.level0_slow_count = 3;
    machine.options.level0_stop_count = 8;
    return machine.open();
  }
  void put() { REQUIRE(db.put(key_of(key++ % 500), std::string(400, 'v')).ok()); }
  // Until one is frozen; how many puts it took.
  int fill_memtable() {
    const int first = key;
    for (const auto frozen = db.stats().frozen_memtables; db.stats().frozen_memtables == frozen;)
      put();
    return key - first;
  }
  void flush() { REQUIRE(machine.executor.run_one()); }
  // So many tables more; how many puts the last one took.
  int grow(int tables) {
    int puts = 0;
    for (; tables > 0; --tables) {
      puts = fill_memtable();
      flush();
    }
    return puts;
  }
  std::uint64_t stall_us(StallReason reason) const {
    return db.stats().stalls[static_cast<std::size_t>(reason)].duration_us;
  }

  Machine machine;
  Db db = open(machine);
  int key = 0;
};

}  // namespace

TEST_SUITE("write pacer") {
  TEST_CASE("what filling a memtable is to cost is spread over its bytes, in small delays") {
    for (const std::uint64_t step : {100, 5'000, 100'000}) {
      CAPTURE(step);
      WritePacer pacer;
      pacer.begin_log(1'000'000, 64);
      std::uint64_t slept_us = 0;
      for (std::uint64_t end = 64; end <= 1'000'000; end += step) {
        const std::uint64_t delay_us = pacer.delay_us(end, 30'000);
        CHECK((delay_us == 0 || delay_us >= WritePacer::delay_us_min));
        CHECK(delay_us <= WritePacer::delay_us_max);
        slept_us += delay_us;
        const double share = static_cast<double>(end) / 1e6;
        CHECK(static_cast<double>(slept_us) <= 30'000 * share);
        CHECK(static_cast<double>(slept_us) >= 30'000 * share - WritePacer::delay_us_min - 2);
      }
    }
  }

  TEST_CASE("a new log owes nothing, and the first one is not paced") {
    WritePacer pacer;
    CHECK(pacer.delay_us(1'000'000, 1'000'000) == 0);
    pacer.begin_log(1'000'000, 64);
    CHECK(pacer.delay_us(1'000'000, 100'000) == WritePacer::delay_us_max);
    pacer.begin_log(1'000'000, 64);
    CHECK(pacer.delay_us(64, 100'000) == 0);
  }

  TEST_CASE(
      "before writers are stopped by frozen memtables they are slowed, and the figures say so") {
    Machine machine;
    slow_down_flushes(machine, 2);
    Db db = machine.open();
    const auto stalls = [&](StallReason reason) {
      return db.stats().stalls[static_cast<std::size_t>(reason)];
    };
    std::uint64_t paced_us = 0, longest_us = 0, stops = 0;
    // No task runs but in a stop, so each memtable is filled with all others frozen.
    for (int i = 0; stops < 4; ++i) {
      const std::uint64_t began_us = machine.executor.now_us();
      REQUIRE(db.put(key_of(i % 500), std::string(400, 'v')).ok());
      const std::uint64_t took_us = machine.executor.now_us() - began_us;
      if (const auto now = stalls(StallReason::memtables).count; now > stops) {
        // A threads executor would have flushed one meanwhile.
        if (stops > 0) CHECK(paced_us >= flush_us - WritePacer::delay_us_max);
        if (stops > 0) CHECK(paced_us <= flush_us + WritePacer::delay_us_max);
        stops = now;
        paced_us = 0;
        continue;
      }
      paced_us += took_us;
      longest_us = std::max(longest_us, took_us);
    }
    CHECK(longest_us <= WritePacer::delay_us_max);
    const Stats::Stall slowed = stalls(StallReason::memtables_slow);
    CHECK(slowed.count > 0);
    CHECK(slowed.duration_us >= 3 * (flush_us - WritePacer::delay_us_max));
  }

  TEST_CASE("who rests owes nothing for what was written meanwhile") {
    WritePacer pacer;
    pacer.begin_log(1'000'000, 0);
    pacer.rest();
    CHECK(pacer.delay_us(900'000, 100'000) == 0);
    CHECK(pacer.delay_us(920'000, 100'000) == 2'000);
  }

  TEST_CASE("writers are slowed the more, the nearer level 0 is to its limit") {
    GrowingLevel0 level0;
    std::uint64_t puts_before = 1;
    for (std::uint64_t tables = 0; tables < 8; ++tables) {
      CAPTURE(tables);
      REQUIRE(level0.db.stats().levels[0].tables == tables);
      const std::uint64_t before_us = level0.stall_us(StallReason::level0_slow);
      const auto puts = static_cast<std::uint64_t>(level0.fill_memtable());
      level0.flush();
      const std::uint64_t lost_us = level0.stall_us(StallReason::level0_slow) - before_us;
      // A memtable takes more or fewer puts than the last, by which its bytes are priced.
      const std::uint64_t whole_us = tables < 3 ? 0 : 4 * flush_us * (tables - 2) / 6;
      const std::uint64_t due_us = whole_us * puts / puts_before;
      puts_before = puts;
      CHECK(lost_us <= due_us);
      CHECK(lost_us + WritePacer::delay_us_max + due_us / 16 >= due_us);
    }
    for (const StallReason reason : {StallReason::memtables_slow, StallReason::memtables})
      CHECK(level0.stall_us(reason) == 0);
  }

  TEST_CASE("a log that ends before its memtable is full sets no price") {
    GrowingLevel0 level0;
    const int puts = level0.grow(4);
    level0.put();
    REQUIRE(level0.db.flush().ok());  // the fifth table, and a log of one entry
    REQUIRE(level0.db.stats().levels[0].tables == 5);
    const std::uint64_t whole_us = 4 * flush_us * 3 / 6;
    const std::uint64_t before_us = level0.stall_us(StallReason::level0_slow);
    for (int i = 0; i < puts / 2; ++i)
      level0.put();
    const std::uint64_t lost_us = level0.stall_us(StallReason::level0_slow) - before_us;
    CHECK(lost_us > whole_us / 4);
    CHECK(lost_us < whole_us * 3 / 4);
  }

  TEST_CASE("who is slowed from the middle of a memtable on owes nothing for its first half") {
    GrowingLevel0 level0;
    const int puts = level0.grow(2);
    level0.fill_memtable();
    for (int i = 0; i < puts / 2; ++i)
      level0.put();
    REQUIRE(level0.stall_us(StallReason::level0_slow) == 0);
    level0.flush();  // the third table: from now on all of a memtable costs
    constexpr std::uint64_t whole_us = 4 * flush_us / 6;
    level0.fill_memtable();
    CHECK(level0.stall_us(StallReason::level0_slow) > whole_us / 4);
    CHECK(level0.stall_us(StallReason::level0_slow) < whole_us * 3 / 4);
  }

  TEST_CASE("writers are not slowed while most memtables are free") {
    Machine machine;
    slow_down_flushes(machine, 3);
    Db db = machine.open();
    for (int i = 0; db.stats().flushes < 6; ++i) {
      REQUIRE(db.put(key_of(i % 500), std::string(400, 'v')).ok());
      machine.executor.run_one();
    }
    const Stats stats = db.stats();
    for (const Stats::Stall& stall : stats.stalls)
      CHECK(stall.count == 0);
  }
}

}  // namespace write_pacer_test
