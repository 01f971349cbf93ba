// rotation_test.cpp: what a full memtable costs the writer who finds it full.
#include "../engine/by_hand.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rotation_test {
namespace {

using namespace lsmith;
using namespace engine_test;
using engine_test::History;
using engine_test::Machine;
using Type = FileName::Type;

// Files that count the logs which are made and given back, and which of them while a writer waits.
class WatchedFs final : public testing::FaultFs {
 public:
  Result<std::unique_ptr<LogFile>> create_log(const std::string& path,
                                              std::uint64_t capacity_bytes) override {
    if (path.find("MANIFEST") != path.npos) return FaultFs::create_log(path, capacity_bytes);
    ++made;
    if (is_writer_waiting) ++made_by_writer;
    return watched(FaultFs::create_log(path, capacity_bytes));
  }
  Result<std::unique_ptr<LogFile>> reuse_log(const std::string& old_path,
                                             const std::string& path) override {
    ++recycled;
    if (is_writer_waiting) ++recycled_by_writer;
    return watched(FaultFs::reuse_log(old_path, path));
  }

  bool is_writer_waiting = false;
  int made = 0, made_by_writer = 0;
  int recycled = 0, recycled_by_writer = 0;
  int given_back = 0, given_back_by_writer = 0;
  std::vector<std::uint64_t> warmed_up;  // what was said of the writes to come

 private:
  struct Watched final : LogFile {
    Watched(WatchedFs& owner, std::unique_ptr<LogFile> file)
        : owner(owner), file(std::move(file)) {}
    ~Watched() override {
      ++owner.given_back;
      if (owner.is_writer_waiting) ++owner.given_back_by_writer;
    }
    Status write(std::uint64_t offset, std::string_view bytes, bool will_sync) override {
      return file->write(offset, bytes, will_sync);
    }
    void warm_up(std::uint64_t write_bytes) override { owner.warmed_up.push_back(write_bytes); }
    void set_path(const std::string& path) override { file->set_path(path); }
    Status sync() override { return file->sync(); }
    std::uint64_t capacity_bytes() const override { return file->capacity_bytes(); }
    Status close() override { return file->close(); }
    WatchedFs& owner;
    const std::unique_ptr<LogFile> file;
  };

  Result<std::unique_ptr<LogFile>> watched(Result<std::unique_ptr<LogFile>> file) {
    if (!file.ok()) return std::move(file).status();
    return std::unique_ptr<LogFile>(std::make_unique<Watched>(*this, std::move(*file)));
  }
};

// Fills several memtables, also where pointers, and so entries, are short.
constexpr std::uint64_t batch_count = 800;

// Options under which no write runs the background, and nothing is compacted.
Options patient_options() {
  Options options = testing::machine_options();
  options.write_buffer_bytes = 32768;  // more than a memtable takes that is empty
  options.frozen_memtables_max = 50;
  stop_compactions(options);
  return options;
}

Db open_on(Machine& machine, WatchedFs& files) {
  machine.options.file_system = &files;
  auto opened = Db::open(folder, machine.options);
  REQUIRE(opened.ok());
  return *std::move(opened);
}

// Writes batch `i` while the files take notice of what that costs its writer.
void write_watched(WatchedFs& files, Db& db, const History& history, std::uint64_t i,
                   Durability durability = Durability::process) {
  files.is_writer_waiting = true;
  history.write_all(db, i, i, durability);
  files.is_writer_waiting = false;
}

// The logs that stand ready in an image, not begun.
std::size_t idle_count(const Image& image) {
  return paths_of(image, Type::retired_log).size();
}

// Writes batches from `next` on, with the background running in between, until a log is ready.
std::uint64_t write_until_idle(Machine& machine, Db& db, const History& history,
                               std::uint64_t next) {
  while (idle_count(machine.files.after_kill()) == 0) {
    history.write_all(db, next, next);
    ++next;
    machine.executor.run_one();
  }
  return next;
}

// Writes batches from `next` on until the next log is begun.
std::uint64_t write_until_rotated(Machine& machine, Db& db, const History& history,
                                  std::uint64_t next) {
  const std::uint64_t newest = paths_of(machine.files.after_kill(), Type::log).rbegin()->first;
  while (paths_of(machine.files.after_kill(), Type::log).rbegin()->first == newest) {
    history.write_all(db, next, next);
    ++next;
  }
  return next;
}

}  // namespace

TEST_SUITE("rotation") {
  // Unmapping a log of 80 MiB takes milliseconds.
  TEST_CASE("no log is given back while a writer waits, synced or not") {
    const History history(batch_count);
    for (const Durability durability : {Durability::process, Durability::power}) {
      CAPTURE(durability == Durability::power);
      WatchedFs files;
      Machine machine({}, patient_options());
      Db db = open_on(machine, files);
      for (std::uint64_t i = 1; i <= history.count(); ++i) {
        write_watched(files, db, history, i, durability);
        if (i % 3 == 0) machine.executor.run_one();
      }
      CHECK(files.given_back >= 3);
      CHECK(files.given_back_by_writer == 0);
    }
  }

  TEST_CASE("the next log is ready when the memtable is full, the first one and all others") {
    const History history(batch_count);
    WatchedFs files;
    Machine machine({}, patient_options());
    Db db = open_on(machine, files);
    for (std::uint64_t i = 1; i <= history.count(); ++i) {
      write_watched(files, db, history, i);
      machine.executor.run_one();
      CHECK(idle_count(files.after_kill()) <= 1);
    }
    CHECK(db.stats().flushes >= 4);
    CHECK(files.made == 2);  // that of the opening, and the one behind it
    CHECK(files.made_by_writer == 0);
    CHECK(files.recycled >= 3);
    CHECK(files.recycled_by_writer == 0);
  }

  TEST_CASE("where flushes fall behind the next log is made all the same") {
    const History history(batch_count);
    WatchedFs files;
    Machine machine({}, patient_options());
    Db db = open_on(machine, files);
    history.write_all(db, 1, 400);
    REQUIRE(db.stats().frozen_memtables >= 3);
    while (db.stats().flushes == 0)
      machine.executor.run_one();
    REQUIRE(db.stats().frozen_memtables >= 2);
    CHECK(idle_count(files.after_kill()) == 1);
    REQUIRE(db.wait_idle().ok());
    CHECK(idle_count(files.after_kill()) == 1);
    CHECK(check_recovery(files.after_kill(), history, 400, 400) == "");
  }

  TEST_CASE("a log is warmed up for writes like those before, and not for synced ones") {
    const auto warmed_up_for = [](std::size_t value_bytes, Durability durability) {
      WatchedFs files;
      Machine machine({}, patient_options());
      Db db = open_on(machine, files);
      const std::string value(value_bytes, 'v');
      for (std::size_t bytes = 0; bytes < 4 * machine.options.write_buffer_bytes;
           bytes += value_bytes) {
        REQUIRE(db.put(std::to_string(bytes), value, durability).ok());
        machine.executor.run_one();
      }
      CHECK(files.made + files.recycled >= 3);
      return std::exchange(files.warmed_up, {});
    };
    for (const std::size_t value_bytes : {100, 8000}) {
      const std::vector<std::uint64_t> sizes = warmed_up_for(value_bytes, Durability::process);
      CHECK(sizes.size() >= 2);
      for (const std::uint64_t bytes : sizes)
        CHECK((bytes >= value_bytes && bytes < value_bytes + 100));
    }
    CHECK(warmed_up_for(100, Durability::power).empty());
  }

  TEST_CASE("a database that stays small makes no second log") {
    const History history(3);
    WatchedFs files;
    Machine machine({}, patient_options());
    Db db = open_on(machine, files);
    history.write_all(db, 1, 3);
    REQUIRE(db.wait_idle().ok());
    CHECK(files.made == 1);
  }

  TEST_CASE("a log that was made ready and not begun is garbage after a crash") {
    const History history(batch_count);
    Machine machine({}, patient_options());
    Db db = machine.open();
    std::uint64_t next = 1;
    for (const bool is_recycled : {false, true}) {
      CAPTURE(is_recycled);
      if (is_recycled) next = write_until_rotated(machine, db, history, next);
      next = write_until_idle(machine, db, history, next);
      CHECK((machine.files.count(Call::reuse_log) > 0) == is_recycled);
      REQUIRE(db.sync().ok());
      const Image killed = machine.files.after_kill();
      REQUIRE(idle_count(killed) == 1);
      const std::uint64_t idle = paths_of(killed, Type::retired_log).begin()->first;
      for (const Image& image : {killed, machine.files.after_power_cut()}) {
        Machine after(image);
        Db reopened = after.open();
        CHECK(check_prefix(reopened, history, next - 1, next - 1) == "");
        const Image now = after.files.after_kill();
        CHECK(idle_count(now) == 0);
        CHECK(paths_of(now, Type::log).rbegin()->first > idle);  // no number is used again
      }
    }
  }

  TEST_CASE("what is synced into a log that was made ready survives, its name too") {
    const History history(batch_count);
    Machine machine({}, patient_options());
    Db db = machine.open();
    std::uint64_t next = 1;
    for (int round = 0; round < 4; ++round) {  // the first one is new, the others are recycled
      CAPTURE(round);
      next = write_until_idle(machine, db, history, next);
      next = write_until_rotated(machine, db, history, next);
      REQUIRE(idle_count(machine.files.after_kill()) == 0);
      history.write_all(db, next, next, Durability::power);
      CHECK(check_recovery(machine.files.after_power_cut(), history, next, next) == "");
      ++next;
    }
  }

  TEST_CASE("a disk too full for another log stops nobody before it is needed") {
    const History history(300);
    for (const bool is_healed : {false, true}) {
      CAPTURE(is_healed);
      Machine machine({}, patient_options());
      Db db = machine.open();
      machine.files.limit_space(machine.files.used_bytes() + 1000);
      std::uint64_t next = 1;
      while (!machine.files.has_failed()) {
        history.write_all(db, next, next);
        ++next;
        machine.executor.run_one();
      }
      CHECK(db.health().ok());
      CHECK(idle_count(machine.files.after_kill()) == 0);  // what was made in part takes no space
      if (is_healed) machine.files.heal();
      Status s;
      while (next <= history.count() && s.ok())
        s = history.write(db, next++);
      CHECK(s.ok() == is_healed);
      CHECK(check_recovery(machine.files.after_kill(), history, next - 2, next - 1) == "");
    }
  }

  TEST_CASE("a log that can not take its name is made anew by who needs it") {
    const History history(batch_count);
    Machine machine({}, patient_options());
    Db db = machine.open();
    std::uint64_t next = write_until_idle(machine, db, history, 1);
    machine.files.fail(Call::rename, 1, false);
    next = write_until_rotated(machine, db, history, next);
    CHECK(machine.files.has_failed());
    CHECK(db.health().ok());
    history.write_all(db, next, next, Durability::power);
    CHECK(check_recovery(machine.files.after_power_cut(), history, next, next) == "");
    REQUIRE(db.close().ok());
    CHECK(idle_count(machine.files.after_kill()) == 0);
  }

  TEST_CASE("a failure in a log that was made ready names the log") {
    const History history(batch_count);
    Machine machine({}, patient_options());
    Db db = machine.open();
    std::uint64_t next = write_until_idle(machine, db, history, 1);
    next = write_until_rotated(machine, db, history, next);
    const std::string name = paths_of(machine.files.after_kill(), Type::log).rbegin()->second;
    machine.files.fail(Call::log_write, 1, false);
    const Status s = history.write(db, next);
    CHECK_FALSE(s.ok());
    CHECK(mentions(s, name));
  }

  TEST_CASE("closing leaves no log that was made ready") {
    const History history(batch_count);
    Machine machine({}, patient_options());
    Db db = machine.open();
    write_until_idle(machine, db, history, 1);
    REQUIRE(db.close().ok());
    const Image image = machine.files.after_kill();
    CHECK(idle_count(image) == 0);
    CHECK(paths_of(image, Type::log).empty());
  }
}

}  // namespace rotation_test
