// seed_bugs_test.cpp: bugs that were found in the engines from which this one learned, one case
// each, by the names they have in the notes: B of the post and X of the code of the second, S of
// the others. At the end stand those that can not happen here, and why.
#include "by_hand.hpp"

#include <thread>

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

TEST_SUITE("seed bugs") {
  TEST_CASE("B1, S1: names of files come from a counter, not from a clock that stands still") {
    const History history(60);
    Machine machine;
    machine.options.frozen_memtables_max = 50;
    Db db = machine.open();
    history.write_all(db, 1, 60);
    const std::uint64_t made =
        machine.files.count(Call::create_log) + machine.files.count(Call::reuse_log);
    CHECK(made >= 3);
    CHECK(machine.executor.now_us() == 0);
    CHECK(check_recovery(machine.files.after_kill(), history, 60, 60) == "");
  }

  TEST_CASE("B2: a key that is written twice has one value, the second") {
    Machine machine;
    Db db = machine.open();
    REQUIRE(db.put("k", "1.0").ok());
    const Snapshot before = db.snapshot();
    REQUIRE(db.put("k", "2.0").ok());
    CHECK(value_of(db, "k") == "2.0");
    CHECK(value_of(db, "k", &before) == "1.0");
    CHECK(count_of(db.scan()) == 1);
  }

  TEST_CASE("B3, X5: what differs in a part of the key only is two entries") {
    Machine machine;
    Db db = machine.open();
    REQUIRE(db.put("cpu/1000", "a").ok());
    REQUIRE(db.put("mem/1000", "b").ok());
    REQUIRE(db.compact().ok());
    CHECK(value_of(db, "cpu/1000") == "a");
    CHECK(value_of(db, "mem/1000") == "b");
    CHECK(count_of(db.scan()) == 2);
  }

  TEST_CASE("B4: counters agree with what is there") {
    const History history(80);
    Machine machine;
    Db db = machine.open();
    for (std::uint64_t i = 1; i <= 80; ++i) {
      history.write_all(db, i, i);
      if (i % 20 == 0) REQUIRE(db.compact().ok());
      if (i % 20 == 0) CHECK(in_tables(db).entries == history.state(i).size());
      if (i % 20 == 0)
        CHECK(static_cast<std::size_t>(count_of(db.scan())) == history.state(i).size());
    }
    CHECK(db.check().empty());
  }

  TEST_CASE("B5, S3: overwriting one key flushes by memory, and keeps one version of it") {
    Machine machine;
    machine.options.write_buffer_bytes = std::size_t{1} << 20;
    Db db = machine.open();
    const std::uint64_t before = machine.files.count(Call::create);
    for (int i = 0; i < 1000; ++i)
      REQUIRE(db.put("k", std::to_string(i)).ok());
    CHECK(machine.files.count(Call::create) == before);  // a megabyte is not full yet
    REQUIRE(db.flush().ok());
    CHECK(in_tables(db).entries == 1);
    for (int i = 0; i < 1000; ++i)
      REQUIRE(db.put("k", std::to_string(i)).ok());
    REQUIRE(db.compact().ok());
    CHECK(in_tables(db).entries == 1);
    CHECK(value_of(db, "k") == "999");
  }

  TEST_CASE("B6: a scan sees its moment through writes, flush and compaction") {
    Machine machine;
    Db db = machine.open();
    for (int i = 0; i < 100; ++i)
      REQUIRE(db.put(key_of(i), "old").ok());
    auto scan = db.scan();
    auto place = scan.begin();
    int count = 0;
    for (; place != std::default_sentinel; ++place, ++count) {
      CHECK((*place).key == key_of(count));
      CHECK((*place).value == "old");
      REQUIRE(db.put(key_of(count + 1), "new").ok());
      REQUIRE(db.put(key_of(count) + "x", "between").ok());
      if (count % 30 == 10) REQUIRE(db.flush().ok());
      if (count % 30 == 20) REQUIRE(db.compact().ok());
    }
    CHECK(count == 100);
  }

  TEST_CASE("B7, S4: what was deleted is gone in memory, tables, after reopening and compaction") {
    Machine machine;
    stop_compactions(machine.options);
    {
      Db db = machine.open();
      for (int copy = 0; copy < 2; ++copy) {  // two older copies, in two levels
        REQUIRE(db.put("k", "copy").ok());
        REQUIRE(db.put("other", "stays").ok());
        REQUIRE((copy == 0 ? db.compact() : db.flush()).ok());
      }
      REQUIRE(db.erase("k").ok());
      const auto is_gone = [&] {
        return value_of(db, "k") == "(nothing)" && count_of(db.scan()) == 1;
      };
      CHECK(is_gone());
      REQUIRE(db.flush().ok());
      CHECK(is_gone());
      REQUIRE(db.compact("a", "b").ok());  // touches none of it
      CHECK(is_gone());
    }
    Db db = machine.open();
    CHECK(value_of(db, "k") == "(nothing)");
    REQUIRE(db.compact().ok());
    CHECK(value_of(db, "k") == "(nothing)");
    CHECK(in_tables(db).erases == 0);
    CHECK(in_tables(db).entries == 1);
  }

  TEST_CASE("B8, B10, B19: what was written is read by objects that did not write it") {
    const History history(50);
    Image image;
    Stats::Level written;
    {
      Machine machine;
      Db db = machine.open();
      history.write_all(db, 1, 50);
      REQUIRE(db.compact().ok());
      written = in_tables(db);
      REQUIRE(db.close().ok());
      image = machine.files.after_power_cut();
    }
    Machine machine(image);
    Db db = machine.open();
    CHECK(check_prefix(db, history, 50, 50) == "");
    CHECK(in_tables(db).entries == written.entries);
    CHECK(in_tables(db).tables == written.tables);
  }

  TEST_CASE("B9: a table is opened and asked with a handful of reads, however large it is") {
    Machine machine({}, Options());
    {
      Db db = machine.open();
      const std::string value(1000, 'v');
      for (int i = 0; i < 2000; ++i)
        REQUIRE(db.put(key_of(i), value).ok());
      REQUIRE(db.close().ok());
    }
    Db db = machine.open();
    REQUIRE(in_tables(db).tables == 1);
    const std::uint64_t before = machine.files.count(Call::read);
    CHECK(value_of(db, key_of(777)).size() == 1000);
    CHECK(machine.files.count(Call::read) - before <= 6);
  }

  TEST_CASE("B12, X11: a flush syncs its table once, and a sync of the caller's reaches the log") {
    Machine machine;
    stop_compactions(machine.options);
    machine.options.write_buffer_bytes = std::size_t{1} << 20;
    Db db = machine.open();
    for (int i = 0; i < 1000; ++i)
      REQUIRE(db.put(key_of(i), std::string(100, 'v')).ok());
    const auto syncs = [&] { return machine.files.count(Call::sync); };
    const std::uint64_t before = syncs();
    const std::uint64_t logs = machine.files.count(Call::log_sync);
    const std::uint64_t folders = machine.files.count(Call::sync_dir);
    REQUIRE(db.flush().ok());
    CHECK(syncs() - before == 1);
    CHECK(machine.files.count(Call::sync_dir) - folders <= 2);
    CHECK(machine.files.count(Call::log_sync) - logs <= 2);  // the manifest, and perhaps a new log
    REQUIRE(db.put("a", "b", Durability::power).ok());
    CHECK(machine.files.count(Call::log_sync) > logs + 1);
  }

  TEST_CASE("B13, S1: any bytes are keys and values") {
    Machine machine;
    Map expected;
    {
      Db db = machine.open();
      std::string all;
      for (int c = 0; c < 256; ++c) {
        const std::string byte(1, static_cast<char>(c));
        all += byte;
        for (const std::string& key : {byte, "a" + byte, byte + " \n\"{}"})
          expected[key] = byte + key;
      }
      expected[all] = all + all;
      expected[""] = "";
      for (const auto& [key, value] : expected)
        REQUIRE(db.put(key, value).ok());
    }
    Db db = machine.open();
    for (int stage = 0; stage < 2; ++stage) {
      auto scan = db.scan();
      Map found;
      for (auto [key, value] : scan)
        found.emplace(key, value);
      CHECK(found == expected);
      for (const auto& [key, value] : expected)
        CHECK(value_of(db, key) == value);
      REQUIRE(db.compact().ok());
    }
  }

  TEST_CASE("B15, S4: a write during a flush is not lost, and survives a crash") {
    const History history(60);
    Machine machine;
    machine.options.frozen_memtables_max =
        50;  // a write inside a flush can not wait for that flush
    Db db = machine.open();
    std::uint64_t i = 0;
    while (i < 20)
      history.write_all(db, i + 1, i + 1), ++i;
    bool is_inside = false;
    bool is_background = false;
    machine.files.on_change = [&](Call, const std::string& path) {
      if (!is_background || is_inside || !path.ends_with(".sst") || i >= 50) return;
      is_inside = true;
      history.write_all(db, i + 1, i + 1);
      ++i;
      is_inside = false;
    };
    while (i < 50) {
      is_background = true;
      while (machine.executor.run_one()) {
      }
      is_background = false;
      history.write_all(db, i + 1, i + 1), ++i;
      CHECK(value_of(db, "last") == std::to_string(i));
    }
    CHECK(check_recovery(machine.files.after_kill(), history, i, i) == "");
    REQUIRE(db.flush().ok());
    CHECK(check_prefix(db, history, i, i) == "");
    CHECK(check_recovery(machine.files.after_power_cut(), history, i, i) == "");
  }

  TEST_CASE("B15, X4: writers beside flushes and compactions on threads lose nothing") {
    const auto executor = make_threads_executor();
    Machine machine;
    const auto files = make_memory_file_system(3);
    machine.options.file_system = files.get();
    machine.options.executor = executor.get();
    auto opened = machine.try_open();
    REQUIRE(opened.ok());
    Db& db = *opened;
    std::vector<std::thread> writers;
    std::atomic<int> wrong{0};
    for (int w = 0; w < 4; ++w)
      writers.emplace_back([&db, &wrong, w] {
        for (int i = 0; i < 150; ++i) {
          const std::string key = key_of(i * 4 + w);
          if (!db.put(key, key + "!").ok()) ++wrong;
          if (i % 40 == w && !db.flush().ok()) ++wrong;
        }
      });
    for (std::thread& writer : writers)
      writer.join();
    CHECK(wrong == 0);
    CHECK(count_of(db.scan()) == 600);
    for (int i = 0; i < 600; ++i)
      CHECK(value_of(db, key_of(i)) == key_of(i) + "!");
  }

  TEST_CASE("B16: a reader misses nothing at any moment of a flush or compaction") {
    const History history(60);
    Machine machine;
    machine.options.level0_compact_count = 2;
    Db db = machine.open();
    std::uint64_t i = 0;  // acknowledged
    bool is_inside = false;
    int looks = 0;
    machine.files.on_change = [&](Call call, const std::string& path) {
      if (is_inside || i == 0) return;
      is_inside = true;
      ++looks;
      INFO(std::string(name_of(call)), " ", path);
      const auto problem = check_prefix(db, history, i, i + 1);
      CHECK(problem == "");
      is_inside = false;
    };
    for (; i < 60; ++i)
      history.write_all(db, i + 1, i + 1);
    REQUIRE(db.compact().ok());
    CHECK(looks > 80);
    machine.files.on_change = nullptr;
  }
}
