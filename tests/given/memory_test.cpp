// memory_test.cpp: a read that can not get memory passes that on, and has changed nothing. The
// torture run `memory` does the same to whole lives.
#include <lsmith/lsmith.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
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

  // Was a defect: it stood in the history for ever, which then remembered every commit.
  TEST_CASE("a transaction that can not begin leaves nothing behind in the history") {
    Machine machine;
    machine.options.file_system = &machine.files;
    auto engine = Engine::open(machine.options, folder);
    REQUIRE(engine.ok());
    const std::shared_ptr<Engine> shared = std::move(*engine);
    std::uint64_t failed = 0;
    for (std::uint64_t n = 1; n <= 20; ++n) {
      const auto history = std::make_shared<CommitHistory>(std::size_t{1} << 20);
      std::optional<Transaction> transaction;
      try {
        const Scarcity scarcity(n, false);
        transaction.emplace(shared, history, Isolation::serializable);
      } catch (const std::bad_alloc&) {
        ++failed;
      }
      transaction.reset();
      WriteBatch batch;
      batch.put("key", "");
      history->record(batch, 1);
      CHECK(history->memory_bytes() == 0);
    }
    CHECK(failed > 3);
  }

  // Was a defect: std::string::shrink_to_fit() says nothing when it finds no memory, so a
  // compaction went on after a request had failed, and whoever counts on a process that ends was
  // wrong.
  TEST_CASE("no request for memory fails unseen while a table is opened") {
    Machine machine;
    REQUIRE(machine.files.create_folder(folder).ok());
    const std::string path = folder + "/000001.sst";
    auto created = machine.files.create(path);
    REQUIRE(created.ok());
    TableBuilder builder(machine.options, std::move(*created), 7);
    for (int i = 1000; i < 1200; ++i)
      REQUIRE(builder.add("key" + std::to_string(i), make_tag(1, Kind::put), "value").ok());
    REQUIRE(builder.finish().ok());

    std::uint64_t n = 1;
    for (;; ++n) {
      CAPTURE(n);
      auto file = machine.files.open(path, false);
      REQUIRE(file.ok());
      bool has_failed = false, is_open = false;
      try {
        const Scarcity scarcity(n, false);
        is_open = Table::open(std::move(*file), "000001.sst", 1, 7, nullptr).ok();
      } catch (const std::bad_alloc&) {
        has_failed = true;
      }
      if (Scarcity::count() < n) break;
      CHECK(has_failed);
      CHECK_FALSE(is_open);
    }
    CHECK(n > 5);
  }
}

}  // namespace
