// crash_test.cpp: the power is cut, and the process killed, after every call to the file system
// that changes something; and again after every such call of the recovery that follows. What is
// found is a prefix of the history, batches whole, that holds every batch that was promised.
#include "history.hpp"

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

namespace {

// Watches a machine's files. The owner says what was promised so far.
class Saboteur {
 public:
  Saboteur(Machine& machine, const History& history) : machine_(machine), history_(history) {
    machine_.files.on_change = [this](Call call, const std::string& path) {
      examine(std::string(name_of(call)) + " " + path);
    };
  }
  ~Saboteur() { machine_.files.on_change = nullptr; }

  void examine(const std::string& after) {
    examine(machine_.files.after_power_cut(), synced, last_cut_, "power cut after " + after);
    examine(machine_.files.after_kill(), acknowledged, last_kill_, "killed after " + after);
  }

  CompactionStyle style = CompactionStyle::leveled;
  int crash_again_every = 11;      // images; 0: never
  std::uint64_t synced = 0;        // batches that survive a power cut
  std::uint64_t acknowledged = 0;  // that survive a kill
  std::uint64_t attempted = 0;     // that may be there
  std::uint64_t images = 0;

 private:
  struct Seen {
    Image image;
    std::uint64_t least = ~std::uint64_t{0};
  };

  void examine(const Image& image, std::uint64_t least, Seen& last, const std::string& when) {
    if (last.least == least && last.image == image) return;
    last = {image, least};
    ++images;
    INFO(when, ", batches from ", least, " to ", attempted);
    const std::string problem = check_recovery(image, history_, least, attempted, style);
    CHECK(problem == "");
    if (crash_again_every == 0 || images % static_cast<std::uint64_t>(crash_again_every) != 0)
      return;
    Machine second(image);
    second.options.compaction = style;
    Saboteur saboteur(second, history_);
    saboteur.style = style;
    saboteur.crash_again_every = 0;
    saboteur.synced = saboteur.acknowledged = least;
    saboteur.attempted = attempted;
    CHECK(second.try_open().ok());
  }

  Machine& machine_;
  const History& history_;
  Seen last_cut_;
  Seen last_kill_;
};

// A life of a database: batches, some of them synced, flushes, compactions, background work in
// between, close, and a second run.
void live(CompactionStyle style, std::uint64_t seed) {
  MESSAGE("seed ", seed);
  const History history(110, seed);
  Machine machine;
  machine.options.compaction = style;
  machine.options.level0_compact_count = 2;
  machine.options.tiered_runs_max = 3;
  Saboteur saboteur(machine, history);
  saboteur.style = style;
  testing::Random random(seed);
  std::uint64_t i = 0;
  const auto promised = [&](const Status& s, const char* what) {
    REQUIRE_MESSAGE(s.ok(), what, ": ", s.to_string());
    saboteur.synced = saboteur.acknowledged;
    saboteur.examine(what);
  };
  for (int run = 0; run < 3; ++run) {
    Db db = machine.open();
    for (; i < static_cast<std::uint64_t>(run + 1) * 36;) {
      const Durability durability = random.chance(12) ? Durability::power : Durability::process;
      saboteur.attempted = ++i;
      REQUIRE(history.write(db, i, durability).ok());
      saboteur.acknowledged = i;
      if (durability == Durability::power) saboteur.synced = i;
      saboteur.examine("write");
      if (random.chance(30)) machine.executor.run_one();
      if (random.chance(4)) promised(db.sync(), "sync");
      if (random.chance(9)) promised(db.flush(), "flush");
      if (random.chance(3)) promised(db.compact(), "compact");
    }
    if (run == 0) promised(db.close(), "close");
  }
  saboteur.examine("the end");
  MESSAGE(saboteur.images, " crash images");
  CHECK(saboteur.images > 200);
}

}  // namespace

TEST_SUITE("crash") {
  TEST_CASE("a database of levels survives a crash after any call") {
    for (std::uint64_t seed : {1, 2})
      live(CompactionStyle::leveled, seed);
  }
  TEST_CASE("a tiered database survives a crash after any call") {
    for (std::uint64_t seed : {3, 4})
      live(CompactionStyle::tiered, seed);
  }

  TEST_CASE("a crash while a database is created leaves nothing, or an empty one") {
    const History history(3);
    Machine machine;
    Saboteur saboteur(machine, history);
    saboteur.crash_again_every = 1;
    Db db = machine.open();
    CHECK(saboteur.images >= 4);
    saboteur.attempted = 1;
    REQUIRE(history.write(db, 1, Durability::power).ok());
    saboteur.synced = saboteur.acknowledged = 1;
    saboteur.examine("write");
  }

  TEST_CASE("a crash while a long manifest is replaced loses nothing") {
    const History history(90);
    Machine machine;
    machine.options.write_buffer_bytes = std::size_t{1} << 20;
    Saboteur saboteur(machine, history);
    saboteur.crash_again_every = 0;
    bool is_watching = false;
    machine.files.on_change = [&](Call call, const std::string& path) {
      const bool is_of_interest = call != Call::append && call != Call::log_write;
      if (is_watching && is_of_interest) saboteur.examine(std::string(name_of(call)) + " " + path);
    };
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
      is_watching = i >= 33 && i <= 36;
      REQUIRE(db.compact().ok());
      is_watching = false;
      saboteur.synced = i;
    }
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
      LogReader reader(image[path], number, path);
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
