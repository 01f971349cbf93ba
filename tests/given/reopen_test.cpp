// reopen_test.cpp: the library's engine opens before what the logs held is in tables. What that
// asks of the logs, of synced writes and of the next recovery.
#include "../engine/by_hand.hpp"
#include "../support/model.hpp"

namespace reopen_test {
namespace {

using namespace lsmith;
using namespace engine_test;
using engine_test::folder;
using engine_test::History;
using engine_test::Image;
using engine_test::Machine;
using Type = FileName::Type;

// Options under which nothing is flushed unless a test runs the background itself.
Options patient_options() {
  Options options = testing::machine_options();
  options.frozen_memtables_max = 50;
  stop_compactions(options);
  return options;
}

// What a killed process leaves that has filled some logs with batches 1 to `count`.
Image killed(const History& history, std::uint64_t count) {
  Machine machine({}, patient_options());
  Db db = machine.open();
  history.write_all(db, 1, count);
  return machine.files.after_kill();
}

std::uint64_t table_count(const Db& db) {
  return in_tables(db).tables;
}

// Both crashes now must leave batches up to that one, and again after going on from there.
void expect_recovers(const Machine& machine, const History& history, std::uint64_t last) {
  CHECK(check_recovery(machine.files.after_kill(), history, last, last, machine.options) == "");
  CHECK(check_recovery(machine.files.after_power_cut(), history, 0, last, machine.options) == "");
}

// The files of a killed process, with what it had not synced still not durable. With `in_vain` a
// sync has failed on it since: it is seen, and never reaches the device.
void take_over(const FaultFs& from, FaultFs& files, bool in_vain = false) {
  for (const auto& [path, bytes] : from.after_kill()) {
    if (files.content(path) == bytes && files.is_durable(path)) continue;
    auto file = files.create_log(path, 0);
    REQUIRE(file.ok());
    REQUIRE((*file)->write(0, bytes, false).ok());
    if (in_vain) files.fail(Call::log_sync, 1, false, testing::Effect::part);
    CHECK((!in_vain || !(*file)->sync().ok()));
  }
}

}  // namespace

TEST_SUITE("reopen") {
  TEST_CASE("opening leaves the logs to be flushed behind it, oldest first") {
    const History history(140);
    const Image image = killed(history, 120);
    const std::size_t logs = paths_of(image, Type::log).size();
    REQUIRE(logs >= 3);
    Machine machine(image, patient_options());
    Db db = machine.open();
    CHECK(db.stats().frozen_memtables == logs);
    CHECK(table_count(db) == 0);
    CHECK(db.check() == std::vector<std::string>{});
    CHECK(check_prefix(db, history, 120, 120) == "");
    for (std::size_t flushed = 0; flushed <= logs; ++flushed) {
      CAPTURE(flushed);
      const Image now = machine.files.after_kill();
      std::size_t kept = 0;
      for (const auto& log : paths_of(image, Type::log))
        kept += now.contains(log.second) ? 1 : 0;
      CHECK(kept == logs - flushed);
      CHECK(paths_of(now, Type::retired_log).empty());  // it may be of another capacity
      CHECK(table_count(db) == flushed);
      expect_recovers(machine, history, 120);
      if (flushed < logs) REQUIRE(machine.executor.run_one());
    }
    CHECK(db.stats().frozen_memtables == 0);
    CHECK(check_prefix(db, history, 120, 120) == "");
    REQUIRE(db.close().ok());
    CHECK(paths_of(machine.files.after_kill(), Type::log).empty());
  }

  TEST_CASE("the chain of logs holds over many openings, whatever is flushed in between") {
    const History history(200);
    for (const int steps : {0, 1, 2}) {
      CAPTURE(steps);
      Image image = killed(history, 60);
      std::uint64_t last = 60;
      for (int life = 0; life < 12; ++life) {
        CAPTURE(life);
        Machine machine(image, patient_options());
        Db db = machine.open();
        REQUIRE(check_prefix(db, history, last, last) == "");
        for (int step = 0; step < steps; ++step)
          machine.executor.run_one();
        const std::uint64_t more = life % 3 * 5;  // some logs hold nothing
        history.write_all(db, last + 1, last + more);
        last += more;
        expect_recovers(machine, history, last);
        image = machine.files.after_kill();
      }
    }
  }

  // A failed sync may leave bytes that are seen and never reach the device: a later sync of the
  // same file says that all is well.
  TEST_CASE("a synced write makes durable what was replayed, even if its log can not be") {
    const History history(40);
    for (const bool in_vain : {false, true}) {
      for (const bool is_sync_call : {false, true}) {
        CAPTURE(in_vain);
        CAPTURE(is_sync_call);
        Machine before({}, patient_options());
        Db killed = before.open();
        history.write_all(killed, 1, 30);
        Machine machine(before.files.after_power_cut(), patient_options());
        take_over(before.files, machine.files, in_vain);
        Db db = machine.open();
        REQUIRE(db.stats().frozen_memtables > 0);
        REQUIRE(check_prefix(db, history, 30, 30) == "");
        history.write_all(db, 31, 31, is_sync_call ? Durability::process : Durability::power);
        if (is_sync_call) REQUIRE(db.sync().ok());
        CHECK(check_recovery(machine.files.after_power_cut(), history, 31, 31) == "");
      }
    }
  }

  TEST_CASE("a flush that fails behind the opening leaves a database to be read, and every log") {
    const History history(41);
    const Image image = killed(history, 40);
    Machine machine(image, patient_options());
    Db db = machine.open();
    machine.files.fail(Call::append, 1, true);
    CHECK_FALSE(history.write(db, 41, Durability::power).ok());
    CHECK(db.health().code() == Code::read_only);
    CHECK(check_prefix(db, history, 40, 40) == "");
    for (const auto& log : paths_of(image, Type::log))
      CHECK(machine.files.exists(log.second));
    machine.files.heal();
    CHECK(check_recovery(machine.files.after_kill(), history, 40, 41) == "");
  }

  TEST_CASE("more logs than memtables may be frozen are in tables when it is open") {
    const History history(140);
    const Image image = killed(history, 120);
    const auto logs = static_cast<int>(paths_of(image, Type::log).size());
    for (const int frozen_max : {logs, logs - 1}) {
      Machine machine(image, patient_options());
      machine.options.frozen_memtables_max = frozen_max;
      Db db = machine.open();
      CHECK((db.stats().frozen_memtables > 0) == (frozen_max == logs));
      CHECK((table_count(db) > 0) == (frozen_max < logs));
      expect_recovers(machine, history, 120);
    }
  }

  TEST_CASE("a process that dies again and again does not pile up logs") {
    const History history(60);
    Image image;
    for (std::uint64_t life = 1; life <= 20; ++life) {
      Machine machine(image);
      Db db = machine.open();
      history.write_all(db, life, life);
      image = machine.files.after_kill();
      const auto most = static_cast<std::size_t>(machine.options.frozen_memtables_max) + 1;
      CHECK(paths_of(image, Type::log).size() <= most);
    }
    CHECK(check_recovery(image, history, 20, 20) == "");
  }

  TEST_CASE("logs behind a gap are gone before the new log begins") {
    const History history(12);
    ByHand made(10);
    made.add_log(10, history, 1, 3);
    made.add_log(11, history, 4, 6);
    made.add_log(12, history, 7, 9);
    Image image = made.image();
    image.erase(path_of(Type::log, 11));
    Machine machine(image, patient_options());
    Db db = machine.open();
    CHECK(db.stats().frozen_memtables == 0);
    CHECK_FALSE(machine.files.exists(path_of(Type::log, 12)));
    expect_recovers(machine, history, 3);
  }

  TEST_CASE("a frame that ends in more zeros than the log behind it is whole") {
    for (const std::size_t zeros : {100, 300000, 900000}) {
      Machine before({}, patient_options());
      before.options.write_buffer_bytes = std::size_t{2} << 20;
      const std::string value = "v" + std::string(zeros, '\0');
      Db killed = before.open();
      REQUIRE(killed.put("a", "1").ok());
      REQUIRE(killed.put("b", value).ok());
      Machine machine(before.files.after_kill(), before.options);
      Db db = machine.open();
      REQUIRE(db.stats().frozen_memtables == 1);
      CHECK(value_of(db, "a") == "1");
      CHECK((value_of(db, "b") == value));
    }
  }

  TEST_CASE("a frame that is whole and holds no batch is corruption, and says where") {
    // Checksums are right, so nobody lost these bytes: whoever wrote the log wrote them.
    const auto opened = [](FrameType type, std::string_view payload) {
      Machine machine;
      machine.options.file_system = &machine.files;
      auto storage = open_storage(machine.options, folder);
      REQUIRE(storage.ok());
      auto log = start_log(**storage, (*storage)->first_log);
      REQUIRE(log.ok());
      REQUIRE((*log)->append(type, payload, false).ok());
      storage->reset();
      return open_storage(machine.options, folder).status().to_string();
    };
    const std::string name = "000001.wal at offset 64: ";
    CHECK(opened(FrameType::edit, "x") == "corruption: " + name + "not a batch");
    CHECK(opened(FrameType::batch, "x") ==
          "corruption: " + name + "batch offset 0: the header is cut short");
    WriteBatch late;
    late.put("a", "1");
    late.set_sequence(7);
    CHECK(opened(FrameType::batch, late.payload()) ==
          "corruption: " + name + "sequence 7 follows 0");
  }

  TEST_CASE("entries that were gathered in any order are a memtable's, every version in place") {
    testing::Random random(5);
    const std::string prefixes[] = {"", "a", "user:0000", std::string("\0\0", 2)};
    for (int round = 0; round < 40; ++round) {
      lsmith::detail::GatheredEntries gathered;
      std::vector<testing::Version> expected;
      std::vector<std::string> keys, values;  // borrowed until take()
      const int count = round * 3;
      for (int i = 0; i < count; ++i) {
        std::string key = prefixes[round % 4];
        for (std::uint64_t rest = random.below(11); rest > 0; --rest)
          key += static_cast<char>(random.below(3) == 0 ? 0 : 'a' + random.below(3));
        keys.push_back(i < round ? prefixes[round % 4] + std::to_string(100 + i) : key);
        values.push_back(std::to_string(i));
      }
      for (int i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const std::uint64_t tag = make_tag(static_cast<Sequence>(i + 1), Kind::put);
        gathered.add(tag, keys[at], values[at]);
        expected.push_back({keys[at], tag, values[at]});
      }
      std::sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) {
        return compare(a.key, a.tag, b.key, b.tag) < 0;
      });
      const auto memtable = gathered.take();
      keys.assign(keys.size(), "gone");
      CHECK(memtable->check() == std::vector<std::string>{});
      auto cursor = memtable->cursor();
      cursor.seek_to_first();
      for (const testing::Version& version : expected) {
        REQUIRE(cursor.is_valid());
        CHECK(cursor.key() == version.key);
        CHECK(cursor.tag() == version.tag);
        CHECK(cursor.value() == version.value);
        cursor.next();
      }
      CHECK_FALSE(cursor.is_valid());
      CHECK(gathered.size_bytes() == 0);
      CHECK(gathered.take()->entry_count() == 0);
    }
  }

  TEST_CASE("a large file that can not be read is an error, copied or mapped") {
    testing::FaultFs files(Image{{"/file", "bytes"}});
    files.has_maps = true;
    for (const bool mapped : {false, true}) {
      CAPTURE(mapped);
      files.fail(Call::read, 1, false);
      CHECK(LargeFile::read(files, "/file", mapped).status().code() == Code::io_error);
      CHECK(LargeFile::read(files, "/file", mapped).ok());
    }
  }

  TEST_CASE("with mapped tables a log is mapped, and recovered as one that is copied") {
    const History history(60);
    Options options = patient_options();
    options.mapped_tables = true;
    Machine machine(killed(history, 60), options);
    machine.files.has_maps = true;
    const std::size_t logs = paths_of(machine.files.after_kill(), Type::log).size();
    REQUIRE(logs > 0);
    const Db db = machine.open();
    CHECK(machine.files.maps() == logs);
    CHECK(check_prefix(db, history, 60, 60) == "");
  }

  TEST_CASE("a large file is read whole, and only zeros are behind its front") {
    const std::size_t piece = std::size_t{256} << 10;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, piece, piece + 1, 3 * piece, 5 * piece + 77}) {
      for (const std::size_t data : {std::size_t{0}, std::size_t{1}, piece - 1, piece, 2 * piece}) {
        for (const std::size_t hole : {std::size_t{0}, 2 * piece}) {
          std::string content(size, '\0');
          for (std::size_t i = 0; i < std::min(size, data); ++i)
            content[i] = static_cast<char>(i % 251);
          if (hole + data < size) content[hole + data] = 'x';
          testing::FaultFs files({{"/file", content}});
          for (const bool mapped : {false, true}) {
            files.has_maps = mapped;
            const auto file = LargeFile::read(files, "/file", mapped);
            REQUIRE(file.ok());
            CHECK((file->bytes() == content));
            CHECK((content.substr(0, file->front().size()) == file->front()));
            CHECK(LargeFile::are_zeros(file->bytes().substr(file->front().size())));
            CHECK(file->front().size() <= content.find_last_not_of('\0') + 1 + piece);
          }
        }
      }
    }
  }
}

}  // namespace reopen_test
