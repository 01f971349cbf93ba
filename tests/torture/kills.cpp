// kills.cpp: writers on real files that are killed, again and again.
//
// A child process writes batches and counts, in memory that it shares with this process, those that
// were acknowledged. It is killed at a random moment. The database must then hold a prefix of the
// history with every acknowledged batch; the next child goes on from there.
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "../support/history.hpp"
#include "../support/shared_count.hpp"
#include "../support/temp_folder.hpp"
#include "options.hpp"
#include "run.hpp"

namespace torture {
namespace {

using namespace lsmith;
using namespace lsmith::testing;

constexpr std::uint64_t kill_count = 10;

[[noreturn]] void write_until_killed(const std::string& path, const Options& options,
                                     const History& history, std::uint64_t next,
                                     SharedCount& acknowledged) {
  auto db = Db::open(path, options);
  if (!db.ok()) _exit(3);
  for (; next <= history.count(); ++next) {
    const Durability durability = next % 16 == 0 ? Durability::power : Durability::process;
    if (!history.write(*db, next, durability).ok()) _exit(4);
    acknowledged.set(next);
  }
  for (;;)
    pause();
}

void wait_us(std::uint64_t us) {
  const timespec time{static_cast<time_t>(us / 1'000'000),
                      static_cast<long>(us % 1'000'000 * 1000)};
  nanosleep(&time, nullptr);
}

// Whether a child that is killed after so long was still alive.
void run_and_kill(std::uint64_t us, const std::string& path, const Options& options,
                  const History& history, std::uint64_t next, SharedCount& acknowledged) {
  const pid_t child = fork();
  require(child >= 0, "no process can be made");
  if (child == 0) write_until_killed(path, options, history, next, acknowledged);
  wait_us(us);
  kill(child, SIGKILL);
  int status = 0;
  require(waitpid(child, &status, 0) == child, "the child is gone");
  require(WIFSIGNALED(status),
          "the writer ended by itself, exit code " + std::to_string(WEXITSTATUS(status)));
}

void kill_writers(std::uint64_t seed, Figures& figures) {
  Random random(seed);
  Options options = options_of(random);
  options.mapped_tables = random.chance(30);
  const History history(6000, seed);
  const TempFolder temp;
  const std::string path = temp.path() + "/db";
  SharedCount acknowledged;
  std::uint64_t held = 0;
  for (std::uint64_t i = 0; i < kill_count && held < history.count(); ++i) {
    const std::string where = "kill " + std::to_string(i + 1);
    acknowledged.set(held);  // what was found there has come to stay
    run_and_kill(500 + random.below(60'000), path, options, history, held + 1, acknowledged);
    const auto db = Db::open(path, options);
    require(db.ok(), where + ": " + db.status().to_string());
    require_empty(check_prefix(*db, history, acknowledged.get(), acknowledged.get() + 1, &held),
                  where);
    figures.add("kills");
  }
  figures.add("batches found behind them", held);
}

}  // namespace

const Run kills = {"kills", "writers on real files are killed", 1, kill_writers};

}  // namespace torture
