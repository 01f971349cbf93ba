// crash_test.cpp: crashes at moments of which each had its own bug somewhere. Whole lives that are
// cut short after every call are in tests/torture.
#include "../support/saboteur.hpp"
#include "history.hpp"

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

TEST_SUITE("crash") {
  TEST_CASE("a crash while a database is created leaves nothing, or an empty one") {
    const History history(3);
    Machine machine;
    testing::Saboteur saboteur(machine, history, 1);
    saboteur.again_one_of = 1;
    Db db = machine.open();
    CHECK(saboteur.images >= 4);
    saboteur.attempted = 1;
    REQUIRE(history.write(db, 1, Durability::power).ok());
    saboteur.synced = saboteur.acknowledged = 1;
    saboteur.examine("write");
    CHECK(saboteur.problem == "");
  }

  TEST_CASE("a crash while a long manifest is replaced loses nothing") {
    const History history(90);
    Machine machine;
    machine.options.write_buffer_bytes = std::size_t{1} << 20;
    testing::Saboteur saboteur(machine, history, 1, 0);
    saboteur.is_watching = false;
    Db db = machine.open();
    // The edit of a flush names the first and the last key of its table, so that 4 MiB are soon
    // full; the compaction drops the table again, since nothing is below those tombstones.
    const std::string first(60000, 'a');
    const std::string last(60000, 'z');
    for (std::uint64_t i = 1; i <= 38; ++i) {
      REQUIRE(db.erase(first).ok());
      REQUIRE(db.erase(last).ok());
      saboteur.attempted = i;
      REQUIRE(history.write(db, i).ok());
      saboteur.acknowledged = i;
      saboteur.is_watching = i >= 33 && i <= 36;
      REQUIRE(db.compact().ok());
      saboteur.is_watching = false;
      saboteur.synced = i;
    }
    CHECK(saboteur.problem == "");
    CHECK(saboteur.images > 10);
    CHECK(check_prefix(db, history, 38, 38) == "");
    const Image image = machine.files.after_power_cut();
    for (const auto& [number, path] : paths_of(image, Type::manifest))
      CHECK(image.at(path).size() < (std::size_t{6} << 20));
    CHECK(paths_of(image, Type::manifest).size() <=
          2);  // the removal of the old one may not be durable
  }

  TEST_CASE("two crashes in a row, with a torn tail each, lose nothing that was synced") {
    const History history(12);
    Image image;
    std::uint64_t synced = 0;
    for (int life = 0; life < 4; ++life) {
      Machine machine(image);
      Db db = machine.open();
      std::uint64_t found = 0;
      REQUIRE(check_prefix(db, history, synced, synced, &found) == "");
      history.write_all(db, found + 1, found + 2, Durability::power);
      synced = found + 2;
      history.write_all(db, synced + 1, synced + 1);
      image = machine.files.after_kill();
      const auto [number, path] = *paths_of(image, Type::log).rbegin();
      LogReader reader = reader_of(image[path], number, path);
      REQUIRE(reader.read_header().ok());
      while (reader.next()) {
      }
      image[path].resize(static_cast<std::size_t>(reader.end_offset()) - 9);
    }
  }

  TEST_CASE("a write with power durability makes all before it durable, over all logs") {
    const History history(80);
    Machine machine;
    machine.options.frozen_memtables_max = 50;  // nothing is flushed: the logs hold everything
    Db db = machine.open();
    history.write_all(db, 1, 60);
    history.write_all(db, 61, 61, Durability::power);
    CHECK(check_recovery(machine.files.after_power_cut(), history, 61, 61) == "");
    history.write_all(db, 62, 75);
    REQUIRE(db.sync().ok());
    CHECK(check_recovery(machine.files.after_power_cut(), history, 75, 75) == "");
  }
}
