// recovery_test.cpp: what opening does with a folder that is not as it should be: refuses it, says
// why and where, and changes nothing; or makes of a chain of logs what may be made of it.
#include "by_hand.hpp"
#include "history.hpp"

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

namespace {

// Opening it is refused with this code and a message that holds these words; the folder stays as it
// is.
void expect_refused(const Image& image, Code code, std::vector<std::string> words,
                    bool read_only = false) {
  Machine machine(image);
  machine.options.read_only = read_only;
  const Image before = without_lock(machine.files.after_kill());
  const auto db = machine.try_open();
  REQUIRE_FALSE(db.ok());
  INFO(db.status().to_string());
  CHECK(code_name(db.status().code()) == code_name(code));
  for (const std::string& word : words)
    CHECK_MESSAGE(mentions(db.status(), word), word);
  CHECK(without_lock(machine.files.after_kill()) == before);
}

// A small database with two tables and a log, whose writer was killed.
Image killed_database(const History& history) {
  Machine machine;
  Db db = machine.open();
  history.write_all(db, 1, 8);
  REQUIRE(db.flush().ok());
  history.write_all(db, 9, 16);
  REQUIRE(db.flush().ok());
  history.write_all(db, 17, 20, Durability::power);
  return machine.files.after_kill();
}

std::string only(const std::map<std::uint64_t, std::string>& paths) {
  REQUIRE(paths.size() >= 1);
  return paths.rbegin()->second;
}

void set_log_version(std::string& log, std::uint16_t version) {
  store_fixed16(log.data() + 8, version);
  store_fixed32(log.data() + 60, mask_crc(crc32c(std::string_view(log).substr(0, 60))));
}

void set_table_version(std::string& table, std::uint16_t version) {
  char* const footer = table.data() + table.size() - 64;
  store_fixed16(footer + 40, version);
  store_fixed32(footer + 52, mask_crc(crc32c(std::string_view(footer, 52))));
}

}  // namespace

TEST_SUITE("recovery") {
  TEST_CASE("a folder that is not a database is refused, and stays as it is") {
    expect_refused({{"/db/notes.txt", "mine"}}, Code::invalid_argument, {"/db", "notes.txt"});
    expect_refused({{"/db/notes.txt", "mine"}}, Code::not_found, {"/db", "CURRENT"}, true);
    Machine machine;
    machine.options.create_if_missing = false;
    CHECK(machine.try_open().status().code() == Code::not_found);
    CHECK_FALSE(machine.files.exists(folder));
    machine.options.read_only = true;
    machine.options.create_if_missing = true;
    CHECK(machine.try_open().status().code() == Code::not_found);
    CHECK_FALSE(machine.files.exists(folder));
  }

  TEST_CASE("error_if_exists refuses a database that exists") {
    Machine machine(killed_database(History(20)));
    const Image before = machine.files.after_kill();
    machine.options.error_if_exists = true;
    const auto db = machine.try_open();
    CHECK(db.status().code() == Code::invalid_argument);
    CHECK(mentions(db.status(), folder));
    CHECK(without_lock(machine.files.after_kill()) == without_lock(before));
  }

  TEST_CASE("one writer, or any number of readers") {
    const History history(20);
    Machine machine(killed_database(history));
    const Image before = machine.files.after_kill();
    Options reading = machine.options;
    reading.read_only = true;
    {
      Db writer = machine.open();
      const auto second = machine.try_open();
      CHECK(second.status().code() == Code::busy);
      CHECK(mentions(second.status(), "LOCK"));
      CHECK(Db::open(folder, reading).status().code() == Code::busy);
    }
    Machine readers(before);
    readers.options.read_only = true;
    Db one = readers.open();
    Db two = readers.open();
    CHECK(check_prefix(one, history, 20, 20) == "");
    CHECK(check_prefix(two, history, 20, 20) == "");
    Options writing = readers.options;
    writing.read_only = false;
    CHECK(Db::open(folder, writing).status().code() == Code::busy);
    CHECK(one.put("a", "b").code() == Code::read_only);
    CHECK(one.flush().code() == Code::read_only);
    CHECK(one.close().ok());
    CHECK(two.close().ok());
    CHECK(readers.files.after_kill() == before);
  }

  TEST_CASE("files of a newer format version are not supported, and stay as they are") {
    const Image good = killed_database(History(20));
    for (const Type type : {Type::log, Type::manifest}) {
      Image image = good;
      const std::string path = only(paths_of(image, type));
      set_log_version(image[path], 2);
      for (const bool read_only : {false, true})
        expect_refused(image, Code::not_supported, {path.substr(path.rfind('/') + 1)}, read_only);
    }
    Image image = good;
    const std::string path = only(paths_of(image, Type::table));
    set_table_version(image[path], 2);
    Machine machine(image);
    Db db = machine.open();
    auto scan = db.scan();
    for ([[maybe_unused]] auto entry : scan) {
    }
    CHECK(scan.status().code() == Code::not_supported);
    CHECK(mentions(scan.status(), path.substr(path.rfind('/') + 1)));
    CHECK(db.close().ok());
    CHECK(machine.files.after_kill()[path] == image[path]);
  }

  TEST_CASE("a damaged CURRENT or manifest is refused, and stays as it is") {
    const Image good = killed_database(History(20));
    const std::string current = path_of(Type::current);
    for (const std::string& content :
         {std::string(), std::string("\n"), good.at(current) + "\n",
          good.at(current) + good.at(current),
          good.at(current).substr(0, good.at(current).size() - 1), std::string("MANIFEST-000001\n"),
          "../" + good.at(current)}) {
      Image image = good;
      image[current] = content;
      expect_refused(image, Code::corruption, {"CURRENT"});
    }
    const std::string manifest = only(paths_of(good, Type::manifest));
    const std::string name = manifest.substr(manifest.rfind('/') + 1);
    Image image = good;
    image.erase(manifest);
    expect_refused(image, Code::corruption, {name});
    image[manifest] = "";
    expect_refused(image, Code::corruption, {name});
    image[manifest] = good.at(manifest).substr(0, 64);
    expect_refused(image, Code::corruption, {name});
    image[manifest] = good.at(manifest);
    image[manifest][64 + 20] ^= 1;  // in the first edit: the later ones say that it was synced
    expect_refused(image, Code::corruption, {name, "64"});
    image[current] = encode_current(77);
    expect_refused(image, Code::corruption, {"MANIFEST-000077"});
  }

  TEST_CASE("a missing CURRENT beside tables or logs is not a new database") {
    Image image = killed_database(History(20));
    image.erase(path_of(Type::current));
    expect_refused(image, Code::corruption, {"CURRENT"});
    for (const auto& [number, path] : paths_of(image, Type::table))
      image.erase(path);
    expect_refused(image, Code::corruption, {"CURRENT"});
  }

  TEST_CASE("a missing or damaged table is an error of the reads that need it, and of check()") {
    const History history(20);
    const Image good = killed_database(history);
    const std::string path = only(paths_of(good, Type::table));
    const std::string name = path.substr(path.rfind('/') + 1);
    for (const bool is_missing : {true, false}) {
      Image image = good;
      image.erase(path);
      if (!is_missing) image[path] = good.at(path).substr(0, good.at(path).size() - 7);
      Machine machine(image);
      machine.options.level0_compact_count = 100;
      machine.options.level0_slow_count = machine.options.level0_stop_count = 100;
      auto db = machine.try_open();
      if (!db.ok()) {
        CHECK(mentions(db.status(), name));
        continue;
      }
      const Answers answers = ask_all(*db, history.state(20));
      CHECK(answers.wrong == "");
      CHECK(answers.error.code() == Code::corruption);
      CHECK_MESSAGE(mentions(answers.error, name), answers.error.to_string());
      const auto problems = db->check();
      REQUIRE_FALSE(problems.empty());
      CHECK(problems.front().find(name) != std::string::npos);
    }
  }

  TEST_CASE("rot in a log is refused with its file and offset") {
    Image image = killed_database(History(20));
    const std::string path = only(paths_of(image, Type::log));
    image[path][64 + 30] ^= 4;  // in the first frame: a later one says that it was synced
    expect_refused(image, Code::corruption, {path.substr(path.rfind('/') + 1), "64"});
    expect_refused(image, Code::corruption, {path.substr(path.rfind('/') + 1), "64"}, true);
  }

  TEST_CASE("a log whose header rots is refused, be its frames synced or not") {
    for (const bool is_synced : {false, true}) {
      const History history(2);
      ByHand made(10);
      made.add_log(10, history, 1, 1, is_synced);
      made.add_log(11, history, 2, 2, is_synced);
      for (const std::uint64_t number : {10, 11}) {
        Image image = made.image();
        const std::string path = path_of(Type::log, number);
        for (std::size_t byte = 0; byte < 64; ++byte) {
          image[path][byte] ^= 1;
          expect_refused(image, Code::corruption, {path.substr(path.rfind('/') + 1)});
          image[path][byte] ^= 1;
        }
      }
    }
  }

  TEST_CASE("a closed database whose last edit rots is refused, not an older one") {
    const History history(8);
    Machine machine;
    Db db = machine.open();
    history.write_all(db, 1, 4);
    REQUIRE(db.flush().ok());
    history.write_all(db, 5, 8);
    REQUIRE(db.close().ok());
    Image image = machine.files.after_kill();
    const auto [number, path] = *paths_of(image, Type::manifest).rbegin();
    LogReader reader = reader_of(image[path], number, path);
    REQUIRE(reader.read_header().ok());
    std::uint64_t last_edit = 0;
    bool is_marked = false;  // the textbook's manifest has one write for an edit, not two
    while (const auto frame = reader.next()) {
      is_marked = frame->payload.empty();
      if (!is_marked) last_edit = frame->offset;
    }
    image[path][static_cast<std::size_t>(last_edit) + 20] ^= 1;
    if (is_marked) expect_refused(image, Code::corruption, {"MANIFEST", std::to_string(last_edit)});
  }

  TEST_CASE("a chain of logs is replayed in the order of its numbers") {
    const History history(12);
    ByHand made(999998);  // as text, 1000000 comes first
    made.add_log(999998, history, 1, 3);
    made.add_log(999999, history, 4, 6);
    made.add_log(1000000, history, 7, 9, true);
    made.add_log(1000001, history, 10, 11);
    Machine machine(made.image());
    machine.files.lists_backwards = true;
    machine.options.read_only = true;
    {
      Db db = machine.open();
      CHECK(check_prefix(db, history, 11, 11) == "");
    }
    CHECK(machine.files.after_kill() == made.image());
    CHECK(check_recovery(made.image(), history, 11, 11) == "");
  }

  TEST_CASE("recovery ends at a hole in the chain, unless a later log was synced") {
    const History history(12);
    for (const bool is_synced : {false, true}) {
      for (const std::uint64_t missing : {10, 11}) {
        ByHand made(10);
        made.add_log(10, history, 1, 3);
        made.add_log(11, history, 4, 6);
        made.add_log(12, history, 7, 9, is_synced);
        for (const bool is_cut : {false, true}) {
          CAPTURE(is_synced);
          CAPTURE(missing);
          CAPTURE(is_cut);
          Image image = made.image();
          const std::string path = path_of(Type::log, missing);
          std::uint64_t left = missing == 10 ? 0 : 3;  // batches before the hole
          if (is_cut) {
            LogReader reader = reader_of(image[path], missing, path);
            REQUIRE(reader.read_header().ok());
            while (reader.next()) {
            }
            image[path].resize(static_cast<std::size_t>(reader.end_offset() - 1));
            left += 2;  // its third and last frame is torn
          } else {
            image.erase(path);
          }
          if (is_synced) {
            expect_refused(image, Code::corruption, {path.substr(path.rfind('/') + 1)});
          } else {
            CHECK(check_recovery(image, history, left, left) == "");
          }
        }
      }
    }
  }

  TEST_CASE("a log that was never begun ends the chain without harm") {
    const History history(12);
    for (const std::string& content :
         {std::string(), std::string(4096, '\0'), std::string(30, 'x')}) {
      ByHand made(10);
      made.add_log(10, history, 1, 3, true);
      Image image = made.image();
      image[path_of(Type::log, 11)] = content;
      CHECK(check_recovery(image, history, 3, 3) == "");
    }
  }

  TEST_CASE("a recycled log shows nothing of its earlier life") {
    const History history(12);
    ByHand made(10);
    made.add_log(10, history, 1, 6, true);
    Image image = made.image();
    image[path_of(Type::log, 11)] = image[path_of(Type::log, 10)];  // renamed, not written yet
    CHECK(check_recovery(image, history, 6, 6) == "");
    made.add_log(11, history, 7, 7);
    Image begun = made.image();
    const std::string fresh = begun[path_of(Type::log, 11)];
    const auto end = fresh.find_last_not_of('\0') / 8 * 8 + 8;
    begun[path_of(Type::log, 11)] =
        fresh.substr(0, end) + image[path_of(Type::log, 10)].substr(end);
    CHECK(check_recovery(begun, history, 7, 7) == "");
  }

  TEST_CASE("logs older than the manifest needs are not replayed, and go") {
    const History history(12);
    ByHand old(5);
    old.add_log(5, history, 1, 9, true);
    ByHand made(10);
    made.add_log(10, history, 1, 3);
    Image image = made.image();
    image[path_of(Type::log, 5)] = old.image()[path_of(Type::log, 5)];
    CHECK(check_recovery(image, history, 3, 3) == "");
    Machine machine(image);
    Db db = machine.open();
    CHECK_FALSE(machine.files.exists(path_of(Type::log, 5)));
  }

  // Was a defect: a power cut that undoes a creation may leave its log, with an id that is
  // nobody's.
  TEST_CASE("an empty log of another database is a log that was never begun") {
    const History history(3);
    ByHand made(10);
    made.add_log(10, history, 1, 3);
    LogHeader header = made.next_header(11);
    header.database_id += 1;
    made.add_log(header, history, 4, 3);
    CHECK(check_recovery(made.image(), history, 3, 3) == "");
  }

  TEST_CASE("a chain whose logs contradict each other is refused") {
    const History history(12);
    {
      ByHand made(10);
      made.add_log(10, history, 1, 3);
      LogHeader header = made.next_header(11);
      header.database_id += 1;
      made.add_log(header, history, 4, 6);
      expect_refused(made.image(), Code::corruption, {"000011.wal", "another database"});
      Image image = made.image();
      image[path_of(Type::log, 12)] = image[path_of(Type::log, 11)];
      image.erase(path_of(Type::log, 11));
      expect_refused(image, Code::corruption, {"000012.wal", "another database"});
    }
    {
      ByHand made(10);
      made.add_log(10, history, 1, 3);
      LogHeader header = made.next_header(11);
      header.previous_end -= 8;
      made.add_log(header, history, 4, 6);
      expect_refused(made.image(), Code::corruption, {"000011.wal"});
    }
    {
      ByHand made(10);
      made.add_log(10, history, 1, 3);
      made.skip_sequences(4);
      made.add_log(11, history, 5, 6);
      expect_refused(made.image(), Code::corruption, {"000011.wal", "64", "sequence"});
    }
    {
      ByHand made(10);
      LogHeader header = made.next_header(10);
      header.previous_sequence = 9;  // the tables end before that
      made.add_log(header, history, 1, 2);
      expect_refused(made.image(), Code::corruption, {"000010.wal"});
    }
  }

  TEST_CASE("a file with a number that nobody gives is foreign") {
    const History history(4);
    Image image;
    {
      Machine machine;
      Db db = machine.open();
      history.write_all(db, 1, 4, Durability::power);
      image = machine.files.after_kill();
    }
    for (const char* name : {"18446744073709551609.sst", "18446744073709551609.wal",
                             "MANIFEST-4611686018427387904", "4611686018427387904.old"}) {
      Image with = image;
      with["/db/" + std::string(name)] = "";
      CHECK(check_recovery(with, history, 4, 4) == "");
      Machine machine(with);
      CHECK(machine.try_open().ok());
      CHECK(machine.files.after_kill().contains("/db/" + std::string(name)));
    }
  }

  TEST_CASE("numbers that are about to run out are refused, not wrapped around") {
    const auto database_with = [](std::uint64_t next_file, Sequence last) {
      FaultFs files;
      REQUIRE(files.create_folder(folder).ok());
      ManifestState state;
      state.manifest_number = 1;
      state.database_id = 7;
      state.next_file_number = next_file;
      state.last_sequence = last;
      REQUIRE(ManifestWriter::create(files, folder, state).ok());
      return files.after_kill();
    };
    CHECK(Machine(database_with(2, 5)).try_open().ok());
    for (const std::uint64_t next : {std::uint64_t{1} << 62, ~std::uint64_t{0}})
      CHECK(Machine(database_with(next, 5)).try_open().status().code() == Code::corruption);
    const Image late = database_with(2, sequence_max);
    CHECK(Machine(late).try_open().status().code() == Code::not_supported);
    Machine machine(late);
    machine.options.read_only = true;
    CHECK(machine.try_open().status().code() != Code::corruption);
  }

  TEST_CASE("orphans are removed, foreign files are left alone") {
    const History history(20);
    Image image = killed_database(history);
    Image foreign;
    for (const char* name : {"readme.txt", "1.sst", "00000001.wal", "MANIFEST-1", "000001.sst.bak",
                             "current", "000000.old", ".hidden", "LOCK~"})
      foreign[folder + "/" + name] = name;
    Image orphans;
    for (const char* name : {"000900.sst", "000901.old", "MANIFEST-000902", "CURRENT.tmp"})
      orphans[folder + "/" + name] = name;
    image.insert(foreign.begin(), foreign.end());
    image.insert(orphans.begin(), orphans.end());
    Machine machine(image);
    Db db = machine.open();
    CHECK(check_prefix(db, history, 20, 20) == "");
    REQUIRE(db.compact().ok());
    REQUIRE(db.close().ok());
    const Image after = machine.files.after_kill();
    for (const auto& file : foreign)
      CHECK_MESSAGE(after.contains(file.first), file.first);
    for (const auto& file : orphans)
      CHECK_MESSAGE(!after.contains(file.first), file.first);
    // What an orphan was called is never the name of a new file.
    for (const auto& [number, path] : paths_of(after, Type::table)) {
      const bool is_old = image.contains(path);  // moved to another level as it was
      CHECK((is_old || number > 902));
    }
  }
}
