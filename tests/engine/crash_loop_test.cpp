// crash_loop_test.cpp: a writer that is killed, again and again, loses nothing that it
// acknowledged.
//
// A child process writes batches to real files and counts, in memory that it shares with this
// process, those that were acknowledged. It is killed at a random moment. The database must then
// equal a prefix of the history that holds every acknowledged batch, batches whole. The next child
// goes on from there.
#include <lsmith/lsmith.hpp>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <new>
#include <string>

#include "../support/random.hpp"
#include "../support/temp_folder.hpp"
#include "engine_model.hpp"

using namespace lsmith;

namespace {

constexpr std::uint64_t key_count = 400;
constexpr std::uint64_t batch_keys = 3;

std::string looped_key(std::uint64_t number) {
  return "key" + std::to_string(1000 + number % key_count);
}

// The history: batch i writes three keys, or erases one of them, as a function of i alone.
void apply(std::uint64_t i, WriteBatch* batch, std::map<std::string, std::string>* model) {
  testing::Random random(i);
  for (std::uint64_t k = 0; k < batch_keys; ++k) {
    const std::string key = looped_key(random.next());
    if (random.chance(20)) {
      if (batch) batch->erase(key);
      if (model) model->erase(key);
    } else {
      const std::string value = std::to_string(i) + ":" + std::string(random.below(200), 'v');
      if (batch) batch->put(key, value);
      if (model) (*model)[key] = value;
    }
  }
  if (batch) batch->put("last", std::to_string(i));
  if (model) (*model)["last"] = std::to_string(i);
}

Options crash_options(CompactionStyle style) {
  Options options = small_options();
  options.write_buffer_bytes = 16384;
  options.compaction = style;
  return options;
}

struct Shared {
  std::atomic<std::uint64_t> acknowledged;
};

[[noreturn]] void write_until_killed(const std::string& folder, Options options, std::uint64_t next,
                                     Shared& shared) {
  auto db = Db::open(folder, options);
  if (!db.ok()) _exit(3);
  for (;; ++next) {
    WriteBatch batch;
    apply(next, &batch, nullptr);
    const Durability durability = next % 16 == 0 ? Durability::power : Durability::process;
    if (!db->write(batch, durability).ok()) _exit(4);
    shared.acknowledged.store(next, std::memory_order_release);
  }
}

void wait_us(std::uint64_t us) {
  timespec time{static_cast<time_t>(us / 1000000), static_cast<long>(us % 1000000 * 1000)};
  nanosleep(&time, nullptr);
}

void run_crash_loop(CompactionStyle style, int kills) {
  testing::TempFolder temp;
  const std::string folder = temp.path() + "/db";
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  Shared& shared = *new (memory) Shared{};
  const std::uint64_t seed = engine_test::seed_of(7);
  MESSAGE("seed ", seed, ", ", kills, " kills");
  testing::Random random(seed);
  std::map<std::string, std::string> model;
  std::uint64_t recovered = 0;

  for (int kill_number = 0; kill_number < kills; ++kill_number) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) write_until_killed(folder, crash_options(style), recovered + 1, shared);
    wait_us(500 + random.below(25000));
    kill(child, SIGKILL);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE_MESSAGE(WIFSIGNALED(status), "the writer ended by itself with exit code ",
                    WEXITSTATUS(status));

    auto db = Db::open(folder, crash_options(style));
    REQUIRE_MESSAGE(db.ok(), "kill ", kill_number, ": ", db.status().to_string());
    const auto last = db->get("last");
    REQUIRE(last.ok());
    const std::uint64_t now = *last ? std::stoull(**last) : 0;
    const std::uint64_t acknowledged = shared.acknowledged.load(std::memory_order_acquire);
    REQUIRE_MESSAGE(now >= acknowledged, "kill ", kill_number, ": batch ", acknowledged,
                    " was acknowledged, the database ends at batch ", now);
    while (recovered < now)
      apply(++recovered, nullptr, &model);
    std::map<std::string, std::string> found;
    auto scan = db->scan();
    for (auto [key, value] : scan)
      found.emplace(key, value);
    REQUIRE(scan.status().ok());
    REQUIRE_MESSAGE(found == model, "kill ", kill_number, ": not the history up to batch ", now);
  }
  auto db = Db::open(folder, crash_options(style));
  REQUIRE(db.ok());
  CHECK(db->check() == std::vector<std::string>{});
  MESSAGE(kills, " kills, ", recovered, " batches, acknowledged batches lost: 0");
  munmap(memory, sizeof(Shared));
}

}  // namespace

TEST_SUITE("engine") {
  TEST_CASE("a writer killed 50 times loses no acknowledged batch, leveled") {
    run_crash_loop(CompactionStyle::leveled, 50);
  }
  TEST_CASE("a writer killed 20 times loses no acknowledged batch, tiered") {
    run_crash_loop(CompactionStyle::tiered, 20);
  }
}
