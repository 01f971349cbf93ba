// rotation_test.cpp: what a full memtable costs the writer who finds it full.
#include "../engine/by_hand.hpp"

#include <memory>
#include <string>
#include <utility>

namespace rotation_test {
namespace {

using namespace lsmith;
using namespace engine_test;
using engine_test::History;
using engine_test::Machine;
using Type = FileName::Type;

// Files that count the logs which are given back while a writer waits.
class WatchedFs final : public testing::FaultFs {
 public:
  Result<std::unique_ptr<LogFile>> create_log(const std::string& path,
                                              std::uint64_t capacity_bytes) override {
    return watched(FaultFs::create_log(path, capacity_bytes));
  }
  Result<std::unique_ptr<LogFile>> reuse_log(const std::string& old_path,
                                             const std::string& path) override {
    return watched(FaultFs::reuse_log(old_path, path));
  }

  bool is_writer_waiting = false;
  int given_back = 0;
  int given_back_by_writer = 0;

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

}  // namespace

TEST_SUITE("rotation") {
  // Unmapping a log of 80 MiB takes milliseconds.
  TEST_CASE("no log is given back while a writer waits, synced or not") {
    const History history(120);
    for (const Durability durability : {Durability::process, Durability::power}) {
      CAPTURE(durability == Durability::power);
      WatchedFs files;
      Machine machine;
      machine.options.file_system = &files;
      machine.options.frozen_memtables_max = 50;  // no write runs the background
      stop_compactions(machine.options);
      auto opened = Db::open(folder, machine.options);
      REQUIRE(opened.ok());
      Db db = *std::move(opened);
      for (std::uint64_t i = 1; i <= history.count(); ++i) {
        files.is_writer_waiting = true;
        REQUIRE(history.write(db, i, durability).ok());
        files.is_writer_waiting = false;
        if (i % 3 == 0) machine.executor.run_one();
      }
      CHECK(files.given_back >= 3);
      CHECK(files.given_back_by_writer == 0);
    }
  }
}

}  // namespace rotation_test
