// closing_test.cpp: what fails, or comes, while the database closes or another lane writes.
#include "../engine/by_hand.hpp"
#include "../support/turns.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace closing_test {
namespace {

using namespace lsmith;
using namespace engine_test;
using engine_test::folder;
using engine_test::Image;
using engine_test::Machine;
using testing::with_turn;

std::string numbered_key(int n) {
  return "key" + std::to_string(1000 + n);
}

// Nothing is merged unless it is asked for.
Options patient_options() {
  Options options = testing::machine_options();
  stop_compactions(options);
  return options;
}

// What is not there of the keys up to `count` after a crash that left these files; empty: nothing.
std::string missing_after(const Image& image, int count) {
  Machine machine(image);
  const Db db = machine.open();
  std::string missing;
  for (int n = 0; n < count; ++n) {
    const auto found = db.get(numbered_key(n));
    if (!found.ok() || !*found) missing += numbered_key(n) + " ";
  }
  for (const std::string& problem : db.check())
    missing += problem + " ";
  return missing;
}

}  // namespace

TEST_SUITE("closing") {
  TEST_CASE("a merge that fails in the middle of closing is told, and no file is removed") {
    int failed = 0;
    bool is_over = false;
    for (int n = 1; !is_over; ++n) {
      Options options = testing::machine_options();
      options.level0_compact_count = 2;
      Machine machine({}, options);
      Db db = machine.open();
      for (int i = 0; i < 20; ++i) {
        REQUIRE(db.put(numbered_key(i), "v").ok());
        if (i % 10 == 9) REQUIRE(db.flush().ok());
      }
      REQUIRE(machine.executor.pending_count() > 0);
      Status closed;
      is_over = !with_turn(
          before_lock, n, [&] { closed = db.close(); },
          [&] {
            machine.files.fail(Call::log_sync, 1, false);
            machine.executor.run_one();
          });
      const bool has_failed = machine.files.has_failed();
      failed += has_failed ? 1 : 0;
      CHECK(closed.ok() == !has_failed);
      CHECK(missing_after(machine.files.after_kill(), 20) == "");
    }
    CHECK(failed > 0);
  }

  TEST_CASE("behind a manifest that could not be begun no lane begins another") {
    Machine machine({}, patient_options());
    Db db = machine.open();
    const std::string tail(60'000, 'x');  // such keys soon fill a manifest
    int count = 0;
    const auto write = [&] {
      WriteBatch batch;
      batch.put("a" + tail, "");
      batch.put(numbered_key(count), "v");
      batch.put("z" + tail, "");
      if (db.write(batch, Durability::power).ok()) ++count;
    };
    const auto manifest_bytes = [&] {
      std::size_t bytes = 0;
      for (const auto& [path, content] : machine.files.after_kill())
        if (path.find("MANIFEST") != path.npos) bytes = content.size();
      return bytes;
    };
    while (manifest_bytes() < std::size_t{4} << 20) {
      write();
      REQUIRE(db.flush().ok());
    }
    bool is_merging = false;
    machine.files.on_change = [&](Call call, const std::string&) {
      if (call != Call::create || std::exchange(is_merging, true)) return;
      write();
      machine.files.fail(Call::create, 2, false, testing::Effect::nothing);  // behind the table's
      CHECK_FALSE(db.flush().ok());
    };
    const int before = count;
    CHECK_FALSE(db.compact().ok());
    machine.files.on_change = nullptr;
    CHECK(count == before + 1);
    CHECK(missing_after(machine.files.after_power_cut(), count) == "");
  }

  TEST_CASE("a manifest that is large from its beginning is not begun anew with each edit") {
    Machine machine({}, patient_options());
    Db db = machine.open();
    const std::string tail(60'000, 'x');
    const auto fill = [&](int tables) {
      for (int i = 0; i < tables; ++i) {
        REQUIRE(db.put("a" + tail, "").ok());
        REQUIRE(db.put("z" + tail, "").ok());
        REQUIRE(db.flush().ok());
      }
    };
    fill(40);
    std::uint64_t begun = 0;
    machine.files.on_change = [&](Call call, const std::string& path) {
      begun += call == Call::create && path.find("CURRENT") != path.npos ? 1 : 0;
    };
    fill(20);
    CHECK(begun == 0);
    fill(20);
    CHECK(begun == 1);
    machine.files.on_change = nullptr;
  }

  TEST_CASE("a compact that closing was faster than says so") {
    Machine machine({}, patient_options());
    Db db = machine.open();
    for (int i = 0; i < 2; ++i) {
      REQUIRE(db.put("a", "1").ok());
      REQUIRE(db.flush().ok());
    }
    struct Close final : Task {
      explicit Close(Db& db) : db(db) {}
      void run() override { CHECK(db.close().ok()); }
      Db& db;
    };
    machine.executor.submit(0, std::make_unique<Close>(db));
    CHECK(db.compact().code() == Code::cancelled);
  }

  TEST_CASE("a database that somebody else makes meanwhile exists") {
    struct SlowLock final : testing::FaultFs {
      Result<std::unique_ptr<FileLock>> lock(const std::string& path, bool exclusive) override {
        if (const auto first = std::exchange(before, nullptr)) first();
        return testing::FaultFs::lock(path, exclusive);
      }
      std::function<void()> before;
    } files;
    ManualExecutor executor;
    Options options = testing::machine_options();
    options.file_system = &files;
    options.executor = &executor;
    files.before = [&] {
      auto other = Db::open(folder, options);
      REQUIRE(other.ok());
      CHECK(other->close().ok());
    };
    Options strict = options;
    strict.error_if_exists = true;
    CHECK(Db::open(folder, strict).status().code() == Code::invalid_argument);
  }

  TEST_CASE("a file that somebody else removed meanwhile is gone, and no error") {
    struct Twice final : testing::FaultFs {
      Status remove(const std::string& path) override {
        testing::FaultFs::remove(path).ignore();
        return testing::FaultFs::remove(path);
      }
    } files;
    ManualExecutor executor;
    Options options = testing::machine_options();
    options.file_system = &files;
    options.executor = &executor;
    for (int i = 0; i < 2; ++i) {
      auto db = Db::open(folder, options);
      REQUIRE(db.ok());
      REQUIRE(db->put("a", "1").ok());
      CHECK(db->close().ok());
    }
  }

  TEST_CASE("a sync that comes while the database closes is refused behind it") {
    using namespace std::chrono_literals;
    testing::FaultFs files;
    const auto executor = make_threads_executor();
    Options options = testing::machine_options();
    options.file_system = &files;
    options.executor = executor.get();
    std::atomic<bool> is_armed{false}, is_closing{false}, has_begun{false};
    files.on_change = [&](Call call, const std::string&) {
      if (call != Call::sync || !is_armed) return;
      is_closing = true;
      while (!has_begun)
        std::this_thread::sleep_for(1ms);
      std::this_thread::sleep_for(20ms);  // it waits for its turn, which comes behind the closing
    };
    auto db = Db::open(folder, options);
    REQUIRE(db.ok());
    REQUIRE(db->put("a", "1").ok());
    is_armed = true;
    Status synced;
    std::thread other([&] {
      while (!is_closing)
        std::this_thread::sleep_for(1ms);
      has_begun = true;
      synced = db->sync();
    });
    CHECK(db->close().ok());
    other.join();
    CHECK(synced.code() == Code::read_only);
  }
}

}  // namespace closing_test
