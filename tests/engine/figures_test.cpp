// figures_test.cpp: what the engine says of itself: files, events, statistics, stalls. An engine
// that counts or reports nothing is legal; one that does must be right.
#include "history.hpp"

#include <algorithm>

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

namespace {

class Recorder final : public EventListener {
 public:
  struct Record {
    Event::Type type;
    std::uint64_t number;
    std::string reason;
  };
  void on_event(const Event& event) override {
    records.push_back({event.type, event.number, std::string(event.reason)});
  }
  std::size_t count(Event::Type type) const {
    return static_cast<std::size_t>(std::count_if(
        records.begin(), records.end(), [&](const Record& record) { return record.type == type; }));
  }
  std::vector<Record> records;
};

std::size_t log_count(const Machine& machine) {
  return paths_of(machine.files.after_kill(), Type::log).size() +
         paths_of(machine.files.after_kill(), Type::retired_log).size();
}

}  // namespace

TEST_SUITE("figures") {
  TEST_CASE("the files of tables that nobody reads any more are removed") {
    Machine machine;
    Db db = machine.open();
    for (int i = 0; i < 50; ++i)
      REQUIRE(db.put(key_of(i), "a").ok());
    REQUIRE(db.flush().ok());
    const auto old = paths_of(machine.files.after_kill(), Type::table);
    {
      auto reader = db.scan();
      auto place = reader.begin();
      for (int i = 0; i < 50; ++i)
        REQUIRE(db.put(key_of(i), "b").ok());
      REQUIRE(db.compact().ok());
      for (const auto& [number, path] : old)
        CHECK(machine.files.exists(path));
      int count = 0;
      for (; place != std::default_sentinel; ++place) {
        CHECK((*place).value == "a");
        ++count;
      }
      CHECK(count == 50);
    }
    REQUIRE(db.flush().ok());
    REQUIRE(db.wait_idle().ok());
    for (const auto& [number, path] : old)
      CHECK_FALSE(machine.files.exists(path));
    CHECK(paths_of(machine.files.after_kill(), Type::table).size() == in_tables(db).tables);
  }

  TEST_CASE("so are the files of tables that recovery found") {
    const History history(60);
    Machine machine;
    {
      Db db = machine.open();
      history.write_all(db, 1, 30);
    }
    Db db = machine.open();
    const auto old = paths_of(machine.files.after_kill(), Type::table);
    CHECK(old.size() >= 1);
    history.write_all(db, 31, 60);
    REQUIRE(db.compact().ok());
    REQUIRE(db.flush().ok());
    REQUIRE(db.wait_idle().ok());
    for (const auto& [number, path] : old)
      CHECK_FALSE(machine.files.exists(path));
    CHECK(check_prefix(db, history, 60, 60) == "");
  }

  TEST_CASE("at most one idle log is kept, and none after close") {
    const History history(100);
    Machine machine;
    Db db = machine.open();
    for (std::uint64_t i = 1; i <= 100; ++i) {
      history.write_all(db, i, i);
      if (i % 10 == 0) REQUIRE(db.flush().ok());
      if (i % 10 == 0) CHECK(log_count(machine) <= 2);
    }
    REQUIRE(db.close().ok());
    CHECK(log_count(machine) == 0);
    const Image image = machine.files.after_kill();
    CHECK(paths_of(image, Type::manifest).size() == 1);
    CHECK(paths_of(image, Type::table).size() == in_tables(db).tables);
  }

  TEST_CASE("a scan that outlives close() keeps its tables, which the next open removes") {
    Machine machine;
    std::optional<Scan> scan;
    {
      Db db = machine.open();
      for (int i = 0; i < 50; ++i)
        REQUIRE(db.put(key_of(i), "a").ok());
      REQUIRE(db.flush().ok());
      scan.emplace(db.scan());
      for (int i = 0; i < 50; ++i)
        REQUIRE(db.put(key_of(i), "b").ok());
      REQUIRE(db.compact().ok());
      REQUIRE(db.close().ok());
    }
    int count = 0;
    for (auto [key, value] : *scan) {
      CHECK(value == "a");
      ++count;
    }
    CHECK(count == 50);
    CHECK(scan->status().ok());
    scan.reset();
    Db db = machine.open();
    CHECK(paths_of(machine.files.after_kill(), Type::table).size() == in_tables(db).tables);
  }

  TEST_CASE("levels, entries and amplification add up") {
    const History history(120);
    Machine machine;
    Db db = machine.open();
    CHECK(db.stats().write_amplification() == 0);
    CHECK(db.stats().read_amplification() == 0);
    CHECK(db.stats().space_amplification() == 0);
    history.write_all(db, 1, 120);
    REQUIRE(db.flush().ok());
    REQUIRE(db.wait_idle().ok());
    const Stats stats = db.stats();
    std::uint64_t bytes = 0;
    for (const auto& [number, path] : paths_of(machine.files.after_kill(), Type::table))
      bytes += machine.files.after_kill().at(path).size();
    CHECK(stats.table_bytes() == bytes);
    CHECK(stats.read_amplification() >= 1);
    CHECK(stats.space_amplification() >= 1);
    CHECK(stats.frozen_memtables == 0);
    REQUIRE(db.compact().ok());
    const Stats compacted = db.stats();
    CHECK(compacted.read_amplification() == 1);
    CHECK(compacted.space_amplification() == 1);
    std::uint64_t entries = 0;
    for (const Stats::Level& level : compacted.levels)
      entries += level.entries;
    CHECK(entries == history.state(120).size());
    if (compacted.flushes == 0) return;  // an engine that does not count
    CHECK(compacted.entries_written == 120 * History::batch_records);
    CHECK(compacted.user_bytes_written > 0);
    CHECK(compacted.log_bytes_written > compacted.user_bytes_written);
    CHECK(compacted.write_amplification() > 1);
    CHECK(compacted.compactions >= 1);
    CHECK(compacted.flush_bytes_written > 0);
    CHECK(compacted.compaction_bytes_written > 0);
    CHECK(compacted.commit_groups == 120);
  }

  TEST_CASE("events come in pairs, name files that are there, and tell of every table") {
    const History history(120);
    Recorder recorder;
    Machine machine;
    machine.options.listener = &recorder;
    Db db = machine.open();
    history.write_all(db, 1, 60);
    REQUIRE(db.flush().ok());
    history.write_all(db, 61, 120);
    REQUIRE(db.compact().ok());
    REQUIRE(db.wait_idle().ok());
    if (recorder.records.empty()) return;  // an engine that reports nothing
    using enum Event::Type;
    CHECK(recorder.count(flush_began) == recorder.count(flush_ended));
    CHECK(recorder.count(compaction_began) == recorder.count(compaction_ended));
    CHECK(recorder.count(stall_began) == recorder.count(stall_ended));
    CHECK(recorder.count(flush_began) >= 2);
    CHECK(recorder.count(compaction_began) >= 1);
    CHECK(recorder.count(log_rotated) >= 2);
    CHECK(recorder.count(background_error) == 0);
    int depth[2] = {0, 0};
    std::map<std::uint64_t, int> tables;
    for (const Recorder::Record& record : recorder.records) {
      if (record.type == flush_began) ++depth[0];
      if (record.type == flush_ended) --depth[0];
      if (record.type == compaction_began) ++depth[1];
      if (record.type == compaction_ended) --depth[1];
      for (const int open : depth)
        CHECK((open == 0 || open == 1));
      if (record.type == table_created) CHECK(++tables[record.number] == 1);
      if (record.type == table_created) CHECK(depth[0] + depth[1] >= 1);
      if (record.type == table_removed) CHECK(--tables[record.number] == 0);
      if (record.type == compaction_began) CHECK(record.reason != "");
    }
    for (const auto& [number, path] : paths_of(machine.files.after_kill(), Type::table))
      CHECK(tables[number] == 1);
  }

  TEST_CASE("writers that outrun the background are stopped, and the figures say why") {
    Recorder recorder;
    Machine machine;
    machine.options.listener = &recorder;
    machine.options.frozen_memtables_max = 1;
    machine.options.level0_compact_count = 2;
    machine.options.level0_slow_count = 3;
    machine.options.level0_stop_count = 4;
    Db db = machine.open();
    const std::string value(500, 'v');
    for (int round = 0; round < 8; ++round) {
      for (int i = 0; i < 40; ++i)
        REQUIRE(db.put(key_of(i), value).ok());
      CHECK(db.stats().levels[0].tables <= 5);
      REQUIRE(db.flush().ok());
    }
    const Stats stats = db.stats();
    const auto of = [&](StallReason why) { return stats.stalls[static_cast<std::size_t>(why)]; };
    if (stats.flushes == 0) return;  // an engine that does not count
    CHECK(of(StallReason::memtables).count > 0);
    CHECK(of(StallReason::level0_stop).count + of(StallReason::memtables).count ==
          recorder.count(Event::Type::stall_began));
    for (const Recorder::Record& record : recorder.records)
      if (record.type == Event::Type::stall_began) CHECK(record.reason != "");
  }

  TEST_CASE("a failure in the background is an event, and the reason why writes are refused") {
    Recorder recorder;
    const History history(200);
    Machine machine;
    machine.options.listener = &recorder;
    Db db = machine.open();
    machine.files.fail(Call::append, 1, true);
    std::uint64_t i = 1;
    while (i <= 200 && history.write(db, i).ok()) {
      ++i;
      machine.executor.run_one();
    }
    CHECK(i < 200);
    CHECK(mentions(db.health(), "append was told to fail"));
    CHECK(check_prefix(db, history, i - 1, i - 1) == "");
    if (recorder.records.empty()) return;
    CHECK(recorder.count(Event::Type::background_error) == 1);
  }
}
